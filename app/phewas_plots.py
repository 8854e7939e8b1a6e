"""Plots of a PheWAS: volcano and by group. `app.phewas_forest` has the intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from app import chapters, labels, log10p_axis
from app.charts import CASE, CONTROL, AltairChart, rule
from app.log10p_axis import Upward

HEIGHT = 400
VOLCANO, GROUPED = 400, 560
"""Plots are at least about this wide: labels apart here are apart in a wider one."""
LABELLED = 12
"""Most outcomes that are named, if there is room."""
LETTERS = 26
"""A longer name is cut in the plot; the tooltip has it whole."""
ODDS = ("binary", "multinomial", "ordered")
"""Kinds of outcome whose effect is a log odds ratio."""
MANY = 300
GAP = 0.012
"""Room between two groups, as a share of the width."""
UP, DOWN = "higher with the phenotype", "lower with the phenotype"
NO_P = "below every number: fits perfectly"
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
class _Plane:
    shown: pd.DataFrame
    up: Upward
    y: alt.Y
    x: alt.X
    pixels: np.ndarray
    width: int


def volcano(table: pd.DataFrame, code: str | None, *, lines: Lines) -> AltairChart:
    """Effect against −log₁₀ p; a click picks an outcome, the chosen code is ringed.

    Parameters
    ----------
    table
        Disclosed rows of `app.phewas_data.phewas` that are looked at; those without
        an effect or p are not drawn.
    """
    shown = _prepared(table)
    up = _upward(shown, lines)
    beta = shown["beta"].to_numpy(float)
    reach = max(float(np.ptp(np.append(beta, 0.0))), 0.05)
    low = float(beta.min(initial=0.0)) - 0.08 * reach
    high = float(beta.max(initial=0.0)) + 0.08 * reach
    pixels = (beta - low) / (high - low) * VOLCANO
    odds = bool(len(shown)) and bool(shown["odds"].all())
    axis = alt.Axis(format=".2~f")
    title = "Effect per SD: log odds ratio; of measurements in SD"
    if odds:
        title = "Odds ratio per SD of the phenotype, on a log scale"
        ticks = odds_ticks(max(-low, high))
        axis = alt.Axis(
            values=[float(np.log(t)) for t in ticks if low <= np.log(t) <= high],
            labelExpr="format(exp(datum.value), '.3~g')",
            labelOverlap=True,
        )
    x = alt.X(
        "beta:Q",
        title=title,
        axis=axis,
        scale=alt.Scale(domain=[low, high], nice=False),
    )
    plane = _Plane(shown, up, up.y(), x, pixels, VOLCANO)
    subjects = _subjects(shown)
    key = None
    if len(subjects) > 1:
        key = alt.Legend(
            orient="bottom", columns=3, labelLimit=120, symbolOpacity=1, symbolSize=90,
            titleLimit=400, symbolType="circle",
        )  # fmt: skip
    chart = _layers(plane, code, lines, key=key)
    rows = -(-len(subjects) // 3)  # the legend must not eat the plot
    return chart.properties(height=HEIGHT + 50 + 20 * rows)


def grouped(table: pd.DataFrame, code: str | None, *, lines: Lines) -> AltairChart:
    """−log₁₀ p of outcomes side by side, group by group; ▲ higher, ▼ lower.

    Parameters
    ----------
    table
        As `volcano` takes it.
    """
    shown = _prepared(table)
    subjects = _subjects(shown)
    order = {one.name: number for number, one in enumerate(subjects)}
    shown = shown.assign(rank=shown["subject"].map(order).astype(int)).sort_values(
        ["rank", "code"], kind="stable"
    )
    step = 1.0 / max(len(shown), 1)
    at = np.arange(len(shown)) * step + GAP * shown["rank"].to_numpy(float)
    whole = max(float(at[-1]) if len(at) else 1.0, 1e-9)
    shown = shown.assign(at=(at / whole).round(5))
    centres = shown.groupby("rank")["at"].mean().tolist()
    names = [one.name for one in subjects]
    # Vega has no dictionary of numbers: the nearest centre names the group
    pairs = [f"abs(datum.value-{at:.5f})<1e-4?'{_quoted(name)}':" for at, name in zip(
        centres, names, strict=True)]  # fmt: skip
    x = alt.X(
        "at:Q",
        title=None,
        scale=alt.Scale(domain=[-0.015, 1.015], nice=False),
        axis=alt.Axis(
            values=[round(at, 5) for at in centres],
            labelExpr="".join(pairs) + "''",
            labelAngle=-40,
            labelAlign="right",
            labelLimit=130,
            labelOverlap=False,
            grid=False,
            ticks=False,
        ),
    )
    up = _upward(shown, lines)
    pixels = (shown["at"].to_numpy(float) + 0.015) / 1.03 * GROUPED
    plane = _Plane(shown, up, up.y(), x, pixels, GROUPED)
    return _layers(plane, code, lines, key=None).properties(height=HEIGHT + 110)


# ---- what is drawn ---------------------------------------------------------------
def _prepared(table: pd.DataFrame) -> pd.DataFrame:
    """Rows that can be drawn, with what both plots need of them."""
    known = table[table["log10p"].notna() & table["beta"].notna()]
    log10p = known["log10p"].to_numpy(float)
    finite = log10p[np.isfinite(log10p)]
    # p of exactly 0 stands above everything else
    beyond = 1.08 * float(finite.max()) + 1.0 if len(finite) else 10.0
    beta = known["beta"].to_numpy(float)
    odds = known["kind"].isin(ODDS).to_numpy(bool)
    effect = [
        f"OR {value:.3g} per SD" if one else f"β {value:.3g} SD per SD"
        for value, one in zip(np.where(odds, np.exp(beta), beta), odds, strict=True)
    ]
    return known.assign(
        code=known["outcome"].astype(str),
        subject=[chapters.subject(str(group)).name for group in known["group"]],
        direction=np.where(beta >= 0, UP, DOWN),
        beta=beta.round(4),
        odds=odds,
        effect=effect,
        y=np.where(np.isfinite(log10p), log10p, beyond).round(3),
        p=[f"{v:.2f}" if np.isfinite(v) else NO_P for v in log10p],
        n=known["n"].astype(float),
        n_cases=known["n_cases"].astype(float),
        marked=known["circular"].ne(""),
    )


def _subjects(shown: pd.DataFrame) -> list[chapters.Subject]:
    """Subjects of the groups, those of the chapters first."""
    found = {chapters.subject(str(group)) for group in shown["group"]}
    known = list(chapters.SUBJECTS)
    return sorted(
        found,
        key=lambda s: (known.index(s.name) if s.name in known else 99, s.name),
    )


def _upward(shown: pd.DataFrame, lines: Lines) -> Upward:
    strongest = float(shown["y"].max()) if len(shown) else 0.0
    return log10p_axis.upward(
        max(strongest, lines.bonferroni, lines.fdr or 0.0, 2.0),
        pixels=HEIGHT,
        labelled=len(shown) > 0,
    )


def _layers(
    plane: _Plane, code: str | None, lines: Lines, *, key: alt.Legend | None
) -> alt.LayerChart:
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


def _points(base: alt.Chart, shown: pd.DataFrame, key: alt.Legend | None) -> alt.Chart:
    pick = alt.selection_point(name="pick", fields=["code"], on="click", empty=False)
    subjects = _subjects(shown)
    hues = alt.Scale(
        domain=[one.name for one in subjects], range=[one.colour for one in subjects]
    )
    title = "Group; click one to see it alone"
    legend = alt.selection_point(name="chapter", fields=["subject"], bind="legend")
    opacity = alt.condition(legend, alt.value(0.9), alt.value(0.06))
    points = base.mark_point(
        size=55 if len(shown) > MANY else 100, filled=True, strokeWidth=1.4
    ).encode(
        fill=alt.Fill("subject:N", title=title, scale=hues, legend=key),
        stroke=alt.Stroke("subject:N", title=title, scale=hues, legend=key),
        shape=alt.Shape(
            "direction:N",
            legend=None,
            scale=alt.Scale(
                domain=[UP, DOWN], range=["triangle-up", "triangle-down"]
            ),
        ),
        fillOpacity=alt.condition(
            alt.datum.marked, alt.value(0), alt.value(0.85)
        ),
        opacity=alt.value(0.9) if key is None else opacity,
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


def _names(plane: _Plane, code: str | None, lines: Lines) -> list[alt.Chart]:
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
                    y2="peak:Q"
                ),
                base.mark_text(
                    align=align,
                    baseline="bottom",
                    dx={"center": 0, "left": -3, "right": 3}[align],
                    dy=-2,
                    fontSize=11,
                    fontWeight="bold" if chosen else "normal",
                    color=colour,
                ).encode(text="label:N"),
            ]
    return layers


def _cut(name: str) -> str:
    return name if len(name) <= LETTERS else name[: LETTERS - 1].rstrip() + "…"


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace("'", "\\'")


def odds_ticks(width: float) -> list[float]:
    """Round odds ratios on both sides of 1."""
    sides = [1.05, 1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100]
    if width > 1:
        sides = [1.5, 2, 3, 5, 10, 20, 50, 100]
    inside = [side for side in sides if np.log(side) < width]
    return [*(1 / side for side in inside[::-1]), 1.0, *inside]
