"""The layers of a Manhattan plot: marks of variants, peaks, and their genes' names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import altair as alt
import numpy as np
import pandas as pd

from app.plots import genome, labels, log10p_axis
from app.plots.charts import CASE, CONTROL

SHADES = ["#0072B2", "#56B4E9"]
"""Neighbouring chromosomes: two blues that differ in lightness, seen by everybody."""
LOST = "#CC79A7"
LABELLED = 40
"""Most peaks with their gene's name; the others have it on hover."""
DETAILED = 3.0
"""Points at least this strong tell on hover which variant they are."""
GAP = 2.0
"""Crowded marks fewer pixels apart than this are one: dots are wider."""
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


@dataclass(frozen=True)
class Plane:
    """Where things are drawn: along the genome, and upwards or (−1) downwards."""

    genome: genome.Genome
    up: log10p_axis.Upward
    y: alt.Y
    width: int
    sign: int = 1


def leads_of(loci: pd.DataFrame, shown: genome.Genome) -> pd.DataFrame:
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


def marks(thinned: Thin, plane: Plane) -> list[alt.Chart]:
    """Lines of crowded points, points, and the strong ones, which speak."""
    points = thinned.points
    # without rows every point is a variant
    is_variant = (
        points["row"].to_numpy() >= 0 if "row" in points else np.ones(len(points), bool)
    )
    single = points[is_variant].reset_index(drop=True)
    crowded = _joined(thinned.extents, points[~is_variant], plane)
    chrom, power = single["chrom"].to_numpy(int), single["log10p"].to_numpy(float)
    placed = pd.DataFrame(
        {
            "x": plane.genome.at(chrom, single["pos"].to_numpy()),
            "y": plane.sign * power.round(3),
            "shade": plane.genome.shade(chrom),
        }
    )
    strong = power >= DETAILED
    facts = [name for name in FACTS if name in single]
    speaking = pd.concat([placed, single[facts]], axis=1)[strong]
    speaking["place"] = [
        genome.place_of(c, p)
        for c, p in zip(chrom[strong], single["pos"].to_numpy()[strong], strict=True)
    ]
    alone = crowded["y"] == crowded["y2"]
    mute = pd.concat([placed[~strong], crowded.loc[alone, placed.columns]])
    colour = alt.Color(
        "shade:N", legend=None, scale=alt.Scale(domain=[0, 1], range=SHADES)
    )
    lines, dots, spoken = (
        alt.Chart(table).encode(x=plane.genome.x(), y=plane.y, color=colour)
        for table in (crowded[~alone], mute, speaking)
    )
    return [
        lines.mark_rule(strokeWidth=3.2, strokeCap="round").encode(y2=alt.Y2("y2:Q")),
        dots.mark_circle(size=16, opacity=1),
        spoken.mark_circle(size=16, opacity=1).encode(tooltip=_tips(speaking)),
    ]


def _joined(extents: pd.DataFrame, bins: pd.DataFrame, plane: Plane) -> pd.DataFrame:
    """Extents and lone bins as lines, one where the eye sees one."""
    table = pd.concat(
        [
            extents[["chrom", "pos", "low", "high"]],
            bins[["chrom", "pos"]].assign(low=bins["log10p"], high=bins["log10p"]),
        ],
        ignore_index=True,
    ).sort_values(["chrom", "pos", "low"], ignore_index=True)
    if table.empty:
        return pd.DataFrame({"x": [], "y": [], "y2": [], "shade": []})
    same = (table["chrom"].diff() == 0) & (table["pos"].diff() == 0)
    low, high = (plane.up.pixel(table[end].to_numpy(float)) for end in ("low", "high"))
    near = np.concatenate([[False], low[1:] - high[:-1] < GAP])
    run = (~(same.to_numpy() & near)).cumsum()
    ends = table.groupby(run).agg(
        chrom=("chrom", "first"),
        pos=("pos", "first"),
        low=("low", "min"),
        high=("high", "max"),
    )
    chrom = ends["chrom"].to_numpy(int)
    return pd.DataFrame(
        {
            "x": plane.genome.at(chrom, ends["pos"].to_numpy()),
            "y": plane.sign * ends["low"].to_numpy(float).round(3),
            "y2": plane.sign * ends["high"].to_numpy(float).round(3),
            "shade": plane.genome.shade(chrom),
        }
    )


def _tips(table: pd.DataFrame) -> list[alt.Tooltip]:
    return [
        alt.Tooltip(f"{name}:{'Q' if 'format' in look else 'N'}", **look)
        for name, look in FACTS.items()
        if name in table
    ]


def peaks(
    leads: pd.DataFrame, plane: Plane, *, words: tuple[str, str] | None = None
) -> list[alt.Chart]:
    """Markers of the leads, to be clicked; with ``words`` coloured by ``kind``."""
    table = leads.assign(y=plane.sign * leads["log10p"].astype(float))
    drawn = alt.Chart(table).encode(x=plane.genome.x(), y=plane.y, tooltip=_tips(table))
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


def names(leads: pd.DataFrame, plane: Plane, *, thinned: Thin) -> list[alt.Chart]:
    """Names of the strongest peaks' genes, and lines down to them."""
    up, sign, shown = plane.up, plane.sign, plane.genome
    strong = _strong(thinned, shown)
    texts = leads["gene"].fillna("").astype(str).tolist()
    placed = labels.lift(
        texts,
        shown.share(leads["x"].to_numpy(float)) * plane.width,
        up.pixel(leads["log10p"].to_numpy(float)),
        size=(plane.width, up.pixels),
        points=np.column_stack(
            [shown.share(strong[:, 0]) * plane.width, up.pixel(strong[:, 1])]
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
        base = alt.Chart(table).encode(x=shown.x(), y=plane.y)
        layers += [
            base.mark_rule(color=CONTROL, strokeWidth=0.7, opacity=0.7).encode(
                y2=alt.Y2("peak:Q")
            ),
            base.mark_text(
                align=align,
                baseline="bottom" if sign > 0 else "top",
                dx={"center": 0, "left": -3, "right": 3}[align],
                dy=-2 * sign,
                fontSize=11,
                fontStyle="italic",
                color=CONTROL,
            ).encode(text=alt.Text("label:N")),
        ]
    return layers
