"""Manhattan and Miami plots: a few thousand marks, whatever the number of variants.

What is drawn was thinned before: points that stand alone, and vertical lines where
points lie so close that they would be one on the other.
"""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from app.plots import genome, genome_marks, log10p_axis
from app.plots.charts import CONTROL, AltairChart, rule
from app.plots.genome_marks import Plane, Thin
from edp_core.gwas.compare import overlap

HEIGHT = 340
"""Pixels of a Manhattan plot."""
AROUND = 64
"""Pixels that title and axis take of a plot's height on the page."""
WIDTH = 900
"""Plots are at least about this wide: labels apart here are apart in a wider one."""


def manhattan(
    thinned: Thin,
    loci: pd.DataFrame,
    *,
    title: str,
    threshold: float,
    study_wide: float | None = None,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> AltairChart:
    """Manhattan plot with its peaks named; a click on a peak picks its locus.

    Parameters
    ----------
    thinned
        Points may hold whatever of `genome_marks.FACTS` is known of them.
    loci
        ``locus, chrom, lead_pos, log10p`` and, where known, ``gene`` and other facts;
        no row where there is none.
    threshold, study_wide
        −log₁₀ p of the lines; dashed for one phenotype, dotted for all of a study.
    width
        Least width in pixels it will have, for labels that stay apart.
    """
    shown = genome.genome([*thinned.points["chrom"], *thinned.extents["chrom"]])
    leads = genome_marks.leads_of(loci, shown)
    strongest = max(
        _most(thinned.points["log10p"]), _most(leads["log10p"]), threshold + 0.5
    )
    up = log10p_axis.upward(strongest, pixels=height, labelled=len(leads) > 0)
    plane = Plane(shown, up, up.y(), width)
    lines = [rule(y=threshold, dash=[6, 4])]
    if study_wide is not None:
        lines.append(rule(y=study_wide, dash=[2, 3]))
    layers = [
        *lines,
        *genome_marks.marks(thinned, plane),
        *genome_marks.peaks(leads, plane),
        *genome_marks.names(leads, plane, thinned=thinned),
    ]
    return alt.layer(*layers).properties(height=height + AROUND, title=_title(title))


def miami(
    top: Thin,
    bottom: Thin,
    *,
    loci: tuple[pd.DataFrame, pd.DataFrame],
    titles: tuple[str, str],
    threshold: float,
    words: tuple[str, str] = ("only above", "only below"),
    width: int = WIDTH,
    height: int = 250,
) -> AltairChart:
    """Two GWAS mirrored at zero, on one scale; loci of one alone stand out.

    Parameters
    ----------
    top, bottom
        As for `manhattan`.
    loci
        Of the upper and of the lower one, with ``start`` and ``end`` (bp) besides.
    words
        How loci are called that only the upper, and only the lower one has.
    height
        Pixels of each half.
    """
    tables = [part["chrom"] for t in (top, bottom) for part in (t.points, t.extents)]
    shown = genome.genome(pd.concat(tables))
    leads = [
        genome_marks.leads_of(
            own.assign(kind=np.where(alone(own, other), word, "in both")), shown
        )
        for own, other, word in zip(loci, loci[::-1], words, strict=True)
    ]
    strongest = max(
        *(_most(t.points["log10p"]) for t in (top, bottom)),
        *(_most(table["log10p"]) for table in leads),
        threshold + 0.5,
    )
    named = any(len(table) for table in leads)
    up = log10p_axis.upward(strongest, pixels=height, labelled=named)
    axis = up.y(mirrored=True)
    layers: list[AltairChart] = [
        rule(y=threshold, dash=[6, 4]),
        rule(y=-threshold, dash=[6, 4]),
    ]
    for thinned, table, sign, said in zip(
        (top, bottom), leads, (1, -1), titles, strict=True
    ):
        plane = Plane(shown, up, axis, width, sign)
        layers += genome_marks.marks(thinned, plane)
        layers += genome_marks.peaks(table, plane, words=words)
        layers += genome_marks.names(table, plane, thinned=thinned)
        caption = pd.DataFrame({"x": [0.0], "y": [sign * up.top], "text": [said]})
        layers.append(
            alt.Chart(caption)
            .mark_text(align="left", dy=9 * sign, fontWeight="bold", color=CONTROL)
            .encode(x=shown.x(), y=axis, text=alt.Text("text:N"))
        )
    return alt.layer(*layers).properties(height=2 * height + AROUND)


def alone(loci: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """(n_loci,) which no locus of another run is near, as `compare.overlap` says."""
    pairs = overlap(loci, others)
    return ~loci["locus"].isin(pairs["locus_a"]).to_numpy(bool)


def _title(text: str) -> alt.TitleParams:
    return alt.TitleParams(text, anchor="start", frame="group", fontSize=14)


def _most(values: pd.Series) -> float:
    return float(values.max()) if len(values) and values.notna().any() else 0.0
