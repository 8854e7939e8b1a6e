"""Charts of the screen Compare, made of tables that were disclosed."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from app.plots.charts import CASE, CONTROL, PALETTE, AltairChart, either, rule

BLUE = "#0072B2"
GROUND = "#2F8FCE"
"""Seen on light and dark ground."""
_ODDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
_LABELS = alt.Axis(labelLimit=260, labelOverlap=False)


def plane(
    cells: pd.DataFrame, means: pd.DataFrame, *, x_title: str, y_title: str
) -> AltairChart:
    """Density of people over two phenotypes, and the mean of y along x."""
    x_scale, y_scale = (
        alt.Scale(domain=[float(cells[low].min()), float(cells[high].max())],
                  nice=False, zero=False)
        for low, high in (("left", "right"), ("bottom", "top"))
    )  # fmt: skip
    tiles = (
        alt.Chart(cells)
        .mark_rect(strokeWidth=0, color=GROUND)
        .encode(
            x=alt.X("left:Q", title=x_title, scale=x_scale),
            x2=alt.X2("right:Q"),
            y=alt.Y("bottom:Q", title=y_title, scale=y_scale),
            y2=alt.Y2("top:Q"),
            # of one hue, so that few people fade into the ground, light or dark
            opacity=alt.Opacity(
                "density:Q",
                title="Density",
                scale=alt.Scale(type="log", range=[0.06, 1], nice=False),
                legend=alt.Legend(
                    format=".1~g",
                    tickCount=4,
                    symbolType="square",
                    symbolFillColor=GROUND,
                    symbolStrokeWidth=0,
                    orient="top",
                ),
            ),
            tooltip=[
                alt.Tooltip("density:Q", title="Density", format=".2~g"),
                alt.Tooltip("left:Q", title="x from", format=".3~g"),
                alt.Tooltip("right:Q", title="to", format=".3~g"),
                alt.Tooltip("bottom:Q", title="y from", format=".3~g"),
                alt.Tooltip("top:Q", title="to ", format=".3~g"),
            ],
        )
    )
    base = alt.Chart(means).encode(x=alt.X("x:Q"))
    # pale under vermilion: seen on every part of the ground
    lines = [
        base.mark_line(color=colour, strokeWidth=width, clip=True).encode(
            y=alt.Y("mean:Q")
        )
        for colour, width in (("#FFFFFFAA", 4.5), (CASE, 2.5))
    ]
    bars = base.mark_rule(color=CASE, strokeWidth=1.5, clip=True).encode(
        y=alt.Y("low:Q"), y2=alt.Y2("high:Q")
    )
    dots = base.mark_circle(color=CASE, size=45, opacity=1, clip=True).encode(
        y=alt.Y("mean:Q"),
        tooltip=[
            alt.Tooltip("x:Q", title="Mean of x", format=".3~g"),
            alt.Tooltip("mean:Q", title="Mean of y", format=".3~g"),
            alt.Tooltip("low:Q", title="95 % from", format=".3~g"),
            alt.Tooltip("high:Q", title="to", format=".3~g"),
        ],
    )
    return alt.layer(tiles, *lines, bars, dots).properties(height=460)


def split(table: pd.DataFrame, *, x_title: str) -> AltairChart:
    """A phenotype of cases and of controls: ``left, right, density, group``."""
    return (
        alt.Chart(table)
        .mark_rect(opacity=0.55)
        .encode(
            x=alt.X("left:Q", title=x_title, scale=alt.Scale(zero=False)),
            x2=alt.X2("right:Q"),
            y=alt.Y("density:Q", title="Density"),
            y2=alt.datum(0),
            color=alt.Color(
                "group:N",
                title=None,
                scale=alt.Scale(domain=["controls", "cases"], range=[CONTROL, CASE]),
                legend=alt.Legend(orient="bottom"),
            ),
            tooltip=[
                alt.Tooltip("group:N", title="Group"),
                alt.Tooltip("density:Q", title="Density", format=".2~g"),
                alt.Tooltip("left:Q", title="from", format=".3g"),
                alt.Tooltip("right:Q", title="to", format=".3g"),
            ],
        )
        .properties(height=340)
    )


def matrix(table: pd.DataFrame, order: Sequence[str], *, title: str) -> AltairChart:
    """Correlations of all pairs, alike ones beside each other."""
    turned = table.rename(columns={"first": "second", "second": "first"})
    cells = pd.concat([table, turned], ignore_index=True)
    cells["text"] = [
        "–" if np.isnan(r) else f"{round(r, 2) + 0.0:.2f}".replace("-", "−")
        for r in cells["r"].to_numpy(float, na_value=np.nan)
    ]
    names = list(order)
    height = 110 + 34 * len(names)
    base = alt.Chart(cells).encode(
        x=alt.X(
            "first:N",
            title=None,
            sort=names,
            scale=alt.Scale(domain=names),
            axis=alt.Axis(labelAngle=-35, labelLimit=200, labelOverlap=False),
        ),
        y=alt.Y(
            "second:N",
            title=None,
            sort=names,
            scale=alt.Scale(domain=names),
            axis=_LABELS,
        ),
    )
    tiles = base.mark_rect(stroke="#88888855", strokeWidth=1).encode(
        color=alt.Color(
            "r:Q",
            title=title,
            scale=alt.Scale(domain=[-1, 0, 1], range=[BLUE, "#F7F7F7", CASE]),
            legend=alt.Legend(gradientLength=min(200, height - 50)),
        ),
        tooltip=[
            alt.Tooltip("first:N", title="One"),
            alt.Tooltip("second:N", title="Other"),
            alt.Tooltip("r:Q", title=title, format=".3f"),
            alt.Tooltip("low:Q", title="95 % from", format=".3f"),
            alt.Tooltip("high:Q", title="to", format=".3f"),
            alt.Tooltip("log10p:Q", title="−log₁₀ p", format=".1f"),
            alt.Tooltip("n:Q", title="N", format=","),
        ],
    )
    text = base.mark_text(fontSize=12).encode(
        text=alt.Text("text:N"),
        color=either(
            alt.ColorValue,
            "datum.r !== null && abs(datum.r) > 0.7",
            yes="white",
            no="#222222",
        ),
    )
    return alt.layer(tiles, text).properties(height=height)


def radars(table: pd.DataFrame, *, much: float) -> AltairChart:
    """Adjusted partial R² of each factor with its interval, phenotypes side by side."""
    shown = table.dropna(subset=["partial_r2"])
    names = list(dict.fromkeys(table["phenotype"]))
    order = list(dict.fromkeys(table["factor"]))
    colours = [PALETTE[i % len(PALETTE)] for i in range(len(names))]
    base = alt.Chart(shown).encode(
        y=alt.Y("factor:N", title=None, sort=order, axis=_LABELS),
        yOffset=alt.YOffset("phenotype:N", sort=names),
        color=alt.Color(
            "phenotype:N",
            title=None,
            sort=names,
            scale=alt.Scale(domain=names, range=colours),
            legend=alt.Legend(orient="top", columns=2, labelLimit=320),
        ),
    )
    top = float(np.nanmax([shown["partial_high"].max(), 1.2 * much]))
    x = alt.X(
        "partial_low:Q",
        title="Partial R² (adjusted), 95 % interval",
        axis=alt.Axis(format="%", tickCount=8),
        scale=alt.Scale(domain=[0, min(1.0, 1.02 * top)]),
    )
    bars = base.mark_rule(strokeWidth=2).encode(x=x, x2=alt.X2("partial_high:Q"))
    dots = base.mark_circle(size=80, opacity=1).encode(
        x=alt.X("partial_adjusted_r2:Q"),
        tooltip=[
            alt.Tooltip("phenotype:N", title="Phenotype"),
            alt.Tooltip("factor:N", title="Factor"),
            alt.Tooltip("partial_adjusted_r2:Q", title="Adjusted", format=".1%"),
            alt.Tooltip("partial_low:Q", title="95 % from", format=".1%"),
            alt.Tooltip("partial_high:Q", title="to", format=".1%"),
            alt.Tooltip("marginal_r2:Q", title="R² alone", format=".1%"),
        ],
    )
    rows = 14 * len(names) + 14
    return alt.layer(rule(x=much, dash=[2, 3]), bars, dots).properties(
        height=90 + rows * len(order) + 22 * (len(names) // 2)
    )


def forest(table: pd.DataFrame) -> AltairChart:
    """Odds ratio of belonging to a group, cluster by cluster of another organ."""
    shown = table.dropna(subset=["odds_ratio"]).assign(
        label=lambda t: t["cluster"].astype(str)
    )
    held = shown[["or_low", "or_high"]].to_numpy(float)
    ends = [min(0.5, float(held.min())), max(2.0, float(held.max()))]
    x = alt.Scale(type="log", domain=ends, nice=False)
    base = alt.Chart(shown).encode(
        y=alt.Y(
            "label:N",
            title="Cluster",
            sort=None,
            axis=alt.Axis(labelOverlap=False, grid=False, labelLimit=200),
        )
    )
    ticks = [tick for tick in _ODDS if ends[0] <= tick <= ends[1]]
    axis = alt.Axis(format="~g", values=ticks, labelOverlap=True)
    bars = base.mark_rule(strokeWidth=2, color=CONTROL).encode(
        x=alt.X("or_low:Q", title="Odds ratio, 95 % interval", scale=x, axis=axis),
        x2=alt.X2("or_high:Q"),
    )
    dots = base.mark_circle(size=90, opacity=1).encode(
        x=alt.X("odds_ratio:Q"),
        color=either(alt.ColorValue, "datum.log10q >= 1.30103", yes=CASE, no=BLUE),
        tooltip=[
            alt.Tooltip("label:N", title="Cluster"),
            alt.Tooltip("n_both:Q", title="Of the group", format=","),
            alt.Tooltip("expected:Q", title="Expected", format=".1f"),
            alt.Tooltip("odds_ratio:Q", title="Odds ratio", format=".2f"),
            alt.Tooltip("or_low:Q", title="95 % from", format=".2f"),
            alt.Tooltip("or_high:Q", title="to", format=".2f"),
            alt.Tooltip("log10q:Q", title="−log₁₀ q", format=".2f"),
        ],
    )
    line = rule(x=1, dash=[6, 4], scale=x)
    return alt.layer(line, bars, dots).properties(height=70 + 26 * len(shown))


def agreement(table: pd.DataFrame, *, title: str) -> AltairChart:
    """Values with 95 % intervals from −1 or 0 to 1: ``label, value, low, high``."""
    low = -1.0 if float(table["low"].min(skipna=True)) < -0.05 else 0.0
    scale = alt.Scale(domain=[low, 1.0], clamp=True)
    base = alt.Chart(table.dropna(subset=["value"])).encode(
        y=alt.Y("label:N", title=None, sort=None, axis=_LABELS)
    )
    bars = base.mark_rule(strokeWidth=2, color=CONTROL).encode(
        x=alt.X("low:Q", title=title, scale=scale), x2=alt.X2("high:Q")
    )
    dots = base.mark_circle(size=90, color=BLUE, opacity=1).encode(
        x=alt.X("value:Q", scale=scale),
        tooltip=[
            alt.Tooltip("label:N", title="Of"),
            alt.Tooltip("value:Q", title="Value", format=".3f"),
            alt.Tooltip("low:Q", title="95 % from", format=".3f"),
            alt.Tooltip("high:Q", title="to", format=".3f"),
        ],
    )
    return alt.layer(bars, dots).properties(height=60 + 28 * len(table))
