"""What the plots of a PheWAS are made of: points, ring and names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from app import chapters
from app.plots import labels
from app.plots.charts import CASE, CONTROL, AltairChart, either, rule
from app.plots.log10p_axis import Upward

LABELLED = 12
"""Most outcomes that are named, if there is room."""
LETTERS = 26
"""A longer name is cut in the plot; the tooltip has it whole."""
MANY = 300
UP, DOWN = "higher with the phenotype", "lower with the phenotype"
NEITHER = "of several levels"
SENT = [
    "code", "name", "group", "subject", "direction", "beta", "effect", "y", "p",
    "n", "n_cases", "marked", "circular",
]  # fmt: skip


@dataclass(frozen=True)
class Lines:
    """−log₁₀ p of the lines: of every test made, whatever part is looked at.

    Attributes
    ----------
    bonferroni
        0.05 divided by the number of tests.
    fdr
        From which on q is at most 0.05; `None` where no outcome gets there.
    """

    bonferroni: float
    fdr: float | None


@dataclass(frozen=True)
class Plane:
    """Prepared rows, and where each of them is drawn, in pixels across."""

    shown: pd.DataFrame
    up: Upward
    y: alt.Y
    x: alt.X
    pixels: np.ndarray
    width: int


def layers(
    plane: Plane, code: str | None, lines: Lines, *, key: alt.Legend | None
) -> AltairChart:
    """Lines, points, the ring of the chosen code and names.

    Parameters
    ----------
    key
        Legend of the groups; `None` where the axis names them.
    """
    shown = plane.shown
    base = alt.Chart(shown[[c for c in [*SENT, "at"] if c in shown]]).encode(
        x=plane.x, y=plane.y
    )
    ring = base.transform_filter(alt.datum.code == (code or "")).mark_point(
        size=330, strokeWidth=2.5, color=CASE, filled=False, shape="circle"
    )
    drawn: list[AltairChart] = [rule(y=lines.bonferroni, dash=[2, 3])]
    if lines.fdr is not None:
        drawn.append(rule(y=lines.fdr, dash=[6, 4]))
    texts = _names(plane, code, lines)
    return alt.layer(*drawn, _points(base, shown, key), ring, *texts)


def subjects_of(shown: pd.DataFrame) -> list[chapters.Subject]:
    """Subjects of the groups, those of the chapters first."""
    found = {chapters.subject(str(group)) for group in shown["group"]}
    known = list(chapters.SUBJECTS)
    return sorted(
        found,
        key=lambda s: (known.index(s.name) if s.name in known else 99, s.name),
    )


def _points(base: alt.Chart, shown: pd.DataFrame, key: alt.Legend | None) -> alt.Chart:
    pick = alt.selection_point(name="pick", fields=["code"], on="click", empty=False)
    subjects = subjects_of(shown)
    hues = alt.Scale(
        domain=[one.name for one in subjects], range=[one.colour for one in subjects]
    )
    title = "Group; click one to see it alone"
    legend = alt.selection_point(name="chapter", fields=["subject"], bind="legend")
    opacity = either(alt.OpacityValue, legend, yes=0.9, no=0.06)
    points = base.mark_point(
        size=55 if len(shown) > MANY else 100, filled=True, strokeWidth=1.4
    ).encode(
        fill=alt.Fill("subject:N", title=title, scale=hues, legend=key),
        stroke=alt.Stroke("subject:N", title=title, scale=hues, legend=key),
        shape=alt.Shape(
            "direction:N",
            legend=None,
            scale=alt.Scale(
                domain=[UP, DOWN, NEITHER],
                range=["triangle-up", "triangle-down", "circle"],
            ),
        ),
        fillOpacity=either(alt.FillOpacityValue, alt.datum.marked, yes=0, no=0.85),
        opacity=alt.OpacityValue(0.9) if key is None else opacity,
        tooltip=[
            alt.Tooltip("code:N", title="Outcome"),
            alt.Tooltip("name:N", title="Name"),
            alt.Tooltip("group:N", title="Group"),
            alt.Tooltip("effect:N", title="Effect"),
            alt.Tooltip("p:N", title="−log₁₀ p"),
            alt.Tooltip("n:Q", title="N", format=","),
            alt.Tooltip("n_cases:Q", title="Cases", format=","),
            alt.Tooltip("circular:N", title="Circular"),
        ],
    )  # fmt: skip
    return points.add_params(pick) if key is None else points.add_params(pick, legend)


# ---- names -----------------------------------------------------------------------
def named(shown: pd.DataFrame, code: str | None, least: float) -> list[int]:
    """Places of the outcomes that are named, the chosen one first, then the strongest.

    Of several of one name (a disease in two vocabularies) the strongest alone.

    Parameters
    ----------
    shown
        ``code, name, y`` of every point.
    least
        −log₁₀ p an outcome must reach, unless it is the chosen one.
    """
    y = shown["y"].to_numpy(float)
    codes, names = shown["code"].tolist(), shown["name"].tolist()
    order = sorted(range(len(y)), key=lambda i: (codes[i] != code, -y[i]))
    found: list[int] = []
    said: set[str] = set()
    for i in order:
        if (y[i] < least and codes[i] != code) or names[i] in said:
            continue
        found.append(i)
        said.add(names[i])
    return found[:LABELLED]


def _names(plane: Plane, code: str | None, lines: Lines) -> list[alt.Chart]:
    shown, up = plane.shown, plane.up
    y = shown["y"].to_numpy(float)
    least = min(lines.bonferroni, lines.fdr or lines.bonferroni)
    items = named(shown, code, least)
    texts = [_cut(str(shown["name"].iloc[item])) for item in items]
    pixels = np.column_stack([plane.pixels, up.pixel(y)])
    placed = labels.lift(
        texts,
        pixels[items, 0],
        pixels[items, 1],
        size=(plane.width, up.pixels),
        points=pixels[y > 0.5 * least],
    )
    column = "at" if "at" in shown else "beta"
    codes: Sequence[str] = shown["code"].tolist()
    layers = []
    for align in labels.ALIGNS:
        for chosen in (False, True):
            held = [
                one
                for one in placed
                if one.align == align and (codes[items[one.item]] == code) == chosen
            ]
            if not held:
                continue
            places = [items[one.item] for one in held]
            bottoms = up.value(np.array([one.bottom for one in held]))
            text = pd.DataFrame(
                {
                    column: shown[column].to_numpy(float)[places],
                    "peak": y[places],
                    "y": bottoms.round(3),
                    "label": [texts[one.item] for one in held],
                }
            )
            base = alt.Chart(text).encode(x=plane.x, y=plane.y)
            colour = CASE if chosen else CONTROL
            layers += [
                base.mark_rule(color=colour, strokeWidth=0.7, opacity=0.7).encode(
                    y2=alt.Y2("peak:Q")
                ),
                base.mark_text(
                    align=align,
                    baseline="bottom",
                    dx={"center": 0, "left": -3, "right": 3}[align],
                    dy=-2,
                    fontSize=11,
                    fontWeight="bold" if chosen else "normal",
                    color=colour,
                ).encode(text=alt.Text("label:N")),
            ]
    return layers


def _cut(name: str) -> str:
    return name if len(name) <= LETTERS else name[: LETTERS - 1].rstrip() + "…"
