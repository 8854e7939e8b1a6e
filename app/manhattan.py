"""Manhattan and Miami plots: a few thousand marks, whatever the number of variants.

What is drawn was thinned before: points that stand alone, and vertical lines where
points lie so close that they would be one on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import altair as alt
import numpy as np
import pandas as pd

from app import genome, labels, log10p_axis
from app.charts import CASE, CONTROL, AltairChart, rule

HEIGHT = 340
"""Pixels of a Manhattan plot, and of each half of a Miami plot."""
WIDTH = 900
"""Plots are at least about this wide: labels apart here are apart in a wider one."""
SHADES = ["#0072B2", "#56B4E9"]
"""Neighbouring chromosomes: two blues that differ in lightness, seen by everybody."""
LOST = "#CC79A7"
LABELLED = 40
"""Most peaks with their gene's name; the others have it on hover."""
DETAILED = 3.0
"""Points at least this strong tell on hover which variant they are."""
FACTS: dict[str, dict[str, Any]] = {
    "place": {"title": "Position"},
    "id": {"title": "Variant"},
    "gene": {"title": "Nearest gene"},
    "log10p": {"title": "−log₁₀ p", "format": ".2f"},
    "beta": {"title": "β", "format": ".4f"},
    "se": {"title": "SE", "format": ".4f"},
    "effect_allele": {"title": "Effect allele"},
    "af": {"title": "its frequency", "format": ".3f"},
    "n": {"title": "N", "format": ","},
}
"""What a point says of itself, where the table holds it."""


class Thin(Protocol):
    """Points (``chrom, pos, log10p`` …) and extents (``chrom, pos, low, high``)."""

    @property
    def points(self) -> pd.DataFrame: ...  # noqa: D102

    @property
    def extents(self) -> pd.DataFrame: ...  # noqa: D102


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
        Points may hold whatever of `FACTS` is known of them.
    loci
        ``locus, chrom, lead_pos, log10p`` and, where known, ``gene`` and other facts;
        no row where there is none.
    threshold, study_wide
        −log₁₀ p of the lines; dashed for one phenotype, dotted for all of a study.
    width
        Least width in pixels it will have, for labels that stay apart.
    """
    shown = genome.genome([*thinned.points["chrom"], *thinned.extents["chrom"]])
    leads = _leads(loci, shown)
    strongest = max(
        _most(thinned.points["log10p"]), _most(leads["log10p"]), threshold + 0.5
    )
    up = log10p_axis.upward(strongest, pixels=height, labelled=len(leads) > 0)
    axis = up.y()
    lines = [rule(y=threshold, dash=[6, 4])]
    if study_wide is not None:
        lines.append(rule(y=study_wide, dash=[2, 3]))
    layers = [
        *lines,
        *_marks(thinned, shown, y=axis),
        *_peaks(leads, shown, axis),
        *_names(leads, shown, axis, room=Room(up, width, _strong(thinned, shown))),
    ]
    return alt.layer(*layers).properties(height=height, title=_title(title))


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
        _leads(own.assign(kind=np.where(alone(own, other), word, "in both")), shown)
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
        layers += _marks(thinned, shown, y=axis, sign=sign)
        layers += _peaks(table, shown, axis, sign=sign, words=words)
        room = Room(up, width, _strong(thinned, shown), sign)
        layers += _names(table, shown, axis, room=room)
        caption = pd.DataFrame({"x": [0.0], "y": [sign * up.top], "text": [said]})
        layers.append(
            alt.Chart(caption)
            .mark_text(align="left", dy=9 * sign, fontWeight="bold", color=CONTROL)
            .encode(x=shown.x(), y=axis, text="text:N")
        )
    return alt.layer(*layers).properties(height=2 * height)


def alone(loci: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """(n_loci,) which overlap no locus of another run, bounds included."""
    held = [
        bool(
            (
                (others["chrom"] == chrom)
                & (others["start"] <= end)
                & (others["end"] >= start)
            ).any()
        )
        for chrom, start, end in zip(
            loci["chrom"], loci["start"], loci["end"], strict=True
        )
    ]
    return ~np.array(held, bool)


# ---- layers ----------------------------------------------------------------------
def _title(text: str) -> alt.TitleParams:
    return alt.TitleParams(text, anchor="start", frame="group", fontSize=14)


def _most(values: pd.Series) -> float:
    return float(values.max()) if len(values) and values.notna().any() else 0.0


def _leads(loci: pd.DataFrame, shown: genome.Genome) -> pd.DataFrame:
    """Leads where they are drawn, strongest first, with what they say of themselves."""
    table = loci.sort_values("log10p", ascending=False, kind="stable")
    chrom, pos = table["chrom"].to_numpy(int), table["lead_pos"].to_numpy(np.int64)
    table = table.assign(
        x=shown.at(chrom, pos),
        place=[genome.place_of(c, p) for c, p in zip(chrom, pos, strict=True)],
    )
    if "locus" not in table:
        table["locus"] = np.arange(len(table))
    if "gene" not in table:
        table["gene"] = ""
    kept = [
        "x",
        "locus",
        *(["kind"] if "kind" in table else []),
        *(name for name in FACTS if name in table),
    ]
    return table[kept].reset_index(drop=True)


def _marks(
    thinned: Thin, shown: genome.Genome, *, y: alt.Y, sign: int = 1
) -> list[alt.Chart]:
    """Lines of crowded points, points, and the strong ones, which speak."""
    extents, points = thinned.extents, thinned.points
    crowded = pd.DataFrame(
        {
            "x": shown.at(extents["chrom"].to_numpy(int), extents["pos"].to_numpy()),
            "y": sign * extents["low"].to_numpy(float).round(3),
            "y2": sign * extents["high"].to_numpy(float).round(3),
            "shade": shown.shade(extents["chrom"].to_numpy(int)),
        }
    )
    chrom = points["chrom"].to_numpy(int)
    power = points["log10p"].to_numpy(float)
    single = pd.DataFrame(
        {
            "x": shown.at(chrom, points["pos"].to_numpy()),
            "y": sign * power.round(3),
            "shade": shown.shade(chrom),
        }
    )
    strong = power >= DETAILED
    if "row" in points:  # the others are the middles of bins, not variants
        strong &= points["row"].to_numpy() >= 0
    facts = [name for name in FACTS if name in points]
    speaking = pd.concat([single, points[facts].reset_index(drop=True)], axis=1)[strong]
    speaking["place"] = [
        genome.place_of(c, p)
        for c, p in zip(chrom[strong], points["pos"].to_numpy()[strong], strict=True)
    ]
    colour = alt.Color(
        "shade:N", legend=None, scale=alt.Scale(domain=[0, 1], range=SHADES)
    )
    x = shown.x()
    dots = [
        alt.Chart(table).mark_circle(size=16, opacity=1).encode(x=x, y=y, color=colour)
        for table in (single[~strong], speaking)
    ]
    return [
        alt.Chart(crowded)
        .mark_rule(strokeWidth=3.2, strokeCap="round")
        .encode(x=x, y=y, y2="y2:Q", color=colour),
        dots[0],
        dots[1].encode(tooltip=_tips(speaking)),
    ]


def _tips(table: pd.DataFrame) -> list[alt.Tooltip]:
    return [
        alt.Tooltip(f"{name}:{'Q' if 'format' in look else 'N'}", **look)
        for name, look in FACTS.items()
        if name in table
    ]


def _peaks(
    leads: pd.DataFrame,
    shown: genome.Genome,
    y: alt.Y,
    *,
    sign: int = 1,
    words: tuple[str, str] | None = None,
) -> list[alt.Chart]:
    """Markers of the leads, which can be clicked."""
    if leads.empty:
        return []
    table = leads.assign(y=sign * leads["log10p"].astype(float))
    drawn = alt.Chart(table).encode(x=shown.x(), y=y, tooltip=_tips(table))
    if words is None:
        pick = alt.selection_point(
            name="pick", fields=["locus"], on="click", empty=False
        )
        return [
            drawn.mark_point(
                shape="diamond", filled=True, size=70, color=CASE, opacity=1
            ).add_params(pick)
        ]
    domain = [words[0], words[1], "in both"]
    title = "Loci"
    return [
        drawn.mark_point(filled=True, size=80, opacity=1).encode(
            # not colour: that is the chromosomes' scale
            fill=alt.Fill(
                "kind:N",
                title=title,
                scale=alt.Scale(domain=domain, range=[CASE, LOST, CONTROL]),
                legend=alt.Legend(orient="top", symbolOpacity=1),
            ),
            shape=alt.Shape(
                "kind:N",
                title=title,
                scale=alt.Scale(
                    domain=domain, range=["triangle-up", "triangle-down", "circle"]
                ),
                legend=alt.Legend(orient="top", symbolOpacity=1),
            ),
        )
    ]


@dataclass(frozen=True)
class Room:
    """Where names may stand: the axis, the width in pixels, what must stay seen."""

    up: log10p_axis.Upward
    width: int
    strong: np.ndarray
    sign: int = 1


def _strong(thinned: Thin, shown: genome.Genome) -> np.ndarray:
    """(k, 2) x and −log₁₀ p of what stands high enough to be written over."""
    points = thinned.points[thinned.points["log10p"] >= DETAILED]
    extents = thinned.extents[thinned.extents["high"] >= DETAILED]
    power = np.concatenate([points["log10p"], extents["high"]])
    places = [
        shown.at(table["chrom"].to_numpy(int), table["pos"].to_numpy())
        for table in (points, extents)
    ]
    return np.column_stack([np.concatenate(places), power])


def _names(
    leads: pd.DataFrame, shown: genome.Genome, axis: alt.Y, *, room: Room
) -> list[alt.Chart]:
    """Names of the strongest peaks' genes, and lines down to them."""
    up, sign = room.up, room.sign
    texts = leads["gene"].fillna("").astype(str).tolist()
    placed = labels.lift(
        texts,
        shown.share(leads["x"].to_numpy(float)) * room.width,
        up.pixel(leads["log10p"].to_numpy(float)),
        size=(room.width, up.pixels),
        points=np.column_stack(
            [shown.share(room.strong[:, 0]) * room.width, up.pixel(room.strong[:, 1])]
        ),
        most=LABELLED,
    )
    layers = []
    for align in labels.ALIGNS:
        chosen = [label for label in placed if label.align == align]
        if not chosen:
            continue
        items = [label.item for label in chosen]
        bottoms = np.array([label.bottom for label in chosen])
        table = pd.DataFrame(
            {
                "x": leads["x"].to_numpy()[items],
                "peak": sign * leads["log10p"].to_numpy(float)[items],
                "y": sign * up.value(bottoms).round(3),
                "label": [texts[item] for item in items],
            }
        )
        base = alt.Chart(table).encode(x=shown.x(), y=axis)
        layers += [
            base.mark_rule(color=CONTROL, strokeWidth=0.7, opacity=0.7).encode(
                y2="peak:Q"
            ),
            base.mark_text(
                align=align,
                baseline="bottom" if sign > 0 else "top",
                dx={"center": 0, "left": -3, "right": 3}[align],
                dy=-2 * sign,
                fontSize=11,
                fontStyle="italic",
                color=CONTROL,
            ).encode(text="label:N"),
        ]
    return layers
