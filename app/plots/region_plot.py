"""One locus from near: its variants, coloured by r² where that is known, and genes."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from app.plots import genome, log10p_axis
from app.plots.charts import CASE, CONTROL, AltairChart, rule
from edp_core.gwas.genome import chromosome_name

HEIGHT = 320
ROW = 22.0
"""Pixels a row of genes is high."""
ROWS = 6
"""Most rows of genes; what finds no room in them is left out, and counted."""
WIDTH = 700
AROUND = 64
"""Pixels that title and axis take of a plot's height on the page."""
LETTER = 6.2
MOST = 3000
"""Most variants drawn: the strongest, and of the others every so many."""
STEPS = ("unknown", "0–0.2", "0.2–0.4", "0.4–0.6", "0.6–0.8", "0.8–1")
HUES = ["#A6ADB4", "#56B4E9", "#0072B2", "#009E73", "#E69F00", "#D55E00"]
"""From grey over blue to vermilion, as r² with the lead rises."""


def region_plot(
    variants: pd.DataFrame,
    genes: pd.DataFrame,
    *,
    lead: str,
    span: tuple[int, int],
    threshold: float,
    title: str,
) -> AltairChart:
    """Variants of a region by position, above the genes that lie there.

    Parameters
    ----------
    variants
        ``chrom, pos, id, log10p`` and other facts; ``r2`` with the lead where known.
    genes
        ``gene, start, end`` and ``strand`` (+, −) where known; bp.
    lead
        Id of the variant drawn as a diamond.
    span
        First and last bp.
    """
    shown = _drawn(variants, lead)
    packed = pack(genes, span)
    rows = 1 + int(packed["row"].max()) if len(packed) else 0
    strongest = float(shown["log10p"].max()) if len(shown) else 0.0
    up = log10p_axis.upward(
        max(strongest, threshold + 0.5), pixels=HEIGHT, labelled=False
    )
    strip = rows * ROW
    y = up.y(low=strip)
    x = alt.X(
        "x:Q",
        title=f"Position on chromosome {_chromosome(variants)}, Mb",
        scale=alt.Scale(domain=[span[0] / 1e6, span[1] / 1e6], nice=False, zero=False),
        axis=alt.Axis(format=".2f", grid=False, tickCount=6),
    )
    coloured = bool(shown["r2"].notna().any())
    leads = shown.loc[shown["lead"], "x"]
    beyond = bool((leads > (span[0] + span[1]) / 2e6).any())
    layers = [rule(y=threshold, dash=[6, 4]), *_points(shown, x, y, beyond=beyond)]
    if rows:
        layers += _genes(packed, x, y)
    return alt.layer(*layers).properties(
        height=HEIGHT + strip + (110 if coloured else AROUND),
        title=alt.TitleParams(title, anchor="start", frame="group", fontSize=14),
    )


def pack(genes: pd.DataFrame, span: tuple[int, int]) -> pd.DataFrame:
    """Genes in rows, none over another, names included; the longest first.

    Returns
    -------
    pandas.DataFrame
        ``gene, label, strand, row, start, end, middle``, ends cut at the span's (Mb);
        genes that find no room in `ROWS` rows are left out.
    """
    per_pixel = (span[1] - span[0]) / WIDTH
    taken: list[list[tuple[float, float]]] = [[] for _ in range(ROWS)]
    found = []
    table = genes.assign(
        start=genes["start"].clip(lower=span[0]), end=genes["end"].clip(upper=span[1])
    )
    strands = table["strand"] if "strand" in table else pd.Series("", table.index)
    table = table.assign(strand=strands, long=table["end"] - table["start"])
    for gene in table.sort_values("long", ascending=False).itertuples():
        forward, back = gene.strand == "+", gene.strand == "-"
        label = f"{'← ' if back else ''}{gene.gene}{' →' if forward else ''}"
        start, end = float(str(gene.start)), float(str(gene.end))
        middle = (start + end) / 2
        half = max(len(label) * LETTER * per_pixel, end - start) / 2 + 4 * per_pixel
        left, right = middle - half, middle + half
        if left < span[0]:  # a name does not leave the plot
            middle, left, right = span[0] + half, span[0], span[0] + 2 * half
        if right > span[1]:
            middle, left, right = span[1] - half, span[1] - 2 * half, span[1]
        for row, others in enumerate(taken):
            if all(right <= low or left >= high for low, high in others):
                others.append((left, right))
                found.append((gene.gene, label, gene.strand, row, start, end, middle))
                break
    names = ["gene", "label", "strand", "row", "start", "end", "middle"]
    packed = pd.DataFrame(found, columns=names)
    packed[["start", "end", "middle"]] /= 1e6
    return packed


def _chromosome(variants: pd.DataFrame) -> str:
    return chromosome_name(int(variants["chrom"].iloc[0])) if len(variants) else ""


def _drawn(variants: pd.DataFrame, lead: str) -> pd.DataFrame:
    """What is drawn of a region, and how each point is coloured."""
    table = variants[variants["log10p"].notna()]
    if len(table) > MOST:
        order = table["log10p"].sort_values(ascending=False, kind="stable").index
        strong, rest = order[: MOST // 2], order[MOST // 2 :]
        table = table.loc[strong.append(rest[:: -(-2 * len(rest) // MOST)])]
    r2 = table["r2"].to_numpy(float) if "r2" in table else np.full(len(table), np.nan)
    step = np.where(np.isnan(r2), 0, 1 + np.minimum((r2 * 5).clip(0), 4)).astype(int)
    facts = ["id", "log10p", "beta", "se", "effect_allele", "other_allele", "af", "n"]
    kept = table[[name for name in facts if name in table]].assign(
        x=table["pos"] / 1e6,
        y=table["log10p"],
        place=[
            genome.place_of(chrom, pos)
            for chrom, pos in zip(table["chrom"], table["pos"], strict=True)
        ],
        r2=r2,
        step=np.array(STEPS)[step],
        lead=table["id"] == lead,
    )
    # the lead and those near it lie above the others
    return kept.iloc[np.argsort(step + 9 * kept["lead"].to_numpy(int), kind="stable")]


def _points(
    shown: pd.DataFrame, x: alt.X, y: alt.Y, *, beyond: bool
) -> list[alt.Chart]:
    """Variants, and the lead with its name; to its left where it lies far right."""
    tips = [
        alt.Tooltip("place:N", title="Position"),
        alt.Tooltip("id:N", title="Variant"),
        alt.Tooltip("log10p:Q", title="−log₁₀ p", format=".2f"),
    ]
    looks = {"beta": ".4f", "se": ".4f", "af": ".3f", "n": ",", "r2": ".2f"}
    titles = {"beta": "β", "se": "SE", "af": "Allele frequency", "n": "N", "r2": "r²"}
    tips += [
        alt.Tooltip(f"{name}:Q", title=titles[name], format=form)
        for name, form in looks.items()
        if name in shown and shown[name].notna().any()
    ]
    others, lead = shown[~shown["lead"]], shown[shown["lead"]]
    dots = (
        alt.Chart(others)
        .mark_circle(size=34, opacity=0.9)
        .encode(x=x, y=y, tooltip=tips, color=alt.ColorValue(HUES[2]))
    )
    if shown["r2"].notna().any():
        colour = alt.Color(
            "step:N",
            title="r² with the lead",
            sort=list(STEPS[::-1]),
            scale=alt.Scale(domain=list(STEPS[::-1]), range=HUES[::-1]),
            legend=alt.Legend(orient="top", symbolOpacity=1),
        )
        dots = dots.encode(color=colour)
    drawn = [dots]
    if len(lead):
        base = alt.Chart(lead.head(1)).encode(x=x, y=y, tooltip=tips)
        drawn += [
            base.mark_point(
                shape="diamond", filled=True, size=150, color=CASE, opacity=1
            ),
            base.mark_text(
                align="right" if beyond else "left",
                dx=-11 if beyond else 11,
                color=CONTROL,
                fontSize=11,
                fontWeight="bold",
            ).encode(text=alt.Text("id:N")),
        ]
    return drawn


def _genes(packed: pd.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Bars of the genes in the strip below zero, their names under them."""
    table = packed.assign(
        x=packed["start"],
        x2=packed["end"],
        y=-(packed["row"] * ROW + 7),
    )
    base = alt.Chart(table).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("gene:N", title="Gene"),
            alt.Tooltip("start:Q", title="from, Mb", format=".3f"),
            alt.Tooltip("end:Q", title="to, Mb", format=".3f"),
        ],
    )
    named = table.assign(x=packed["middle"], y=table["y"] - 9)[["x", "y", "label"]]
    return [
        base.mark_rule(strokeWidth=4, color="#0072B2").encode(x2=alt.X2("x2:Q")),
        alt.Chart(named)
        .mark_text(fontSize=10, fontStyle="italic", color=CONTROL)
        .encode(x=x, y=y, text=alt.Text("label:N")),
    ]
