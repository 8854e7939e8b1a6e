"""Charts of what a phenotype is worth, made of tables that passed `disclose`."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from app.plots.charts import CASE, CONTROL, AltairChart

BLUE, ORANGE = "#0072B2", "#E69F00"
_LABELS = alt.Axis(labelLimit=320, labelOverlap=False)
_SD_TICKS = [digit * 10.0**power for power in range(-4, 3) for digit in (1, 2, 5)]
_ODDS_TICKS = [1, 1.02, 1.05, 1.1, 1.2, 1.5, 2, 3, 5, 10]
_FREQUENCY_TICKS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
_BELOW = alt.Legend(
    orient="bottom", columns=1, labelLimit=420, symbolOpacity=1, symbolType="circle"
)


def radar(table: pd.DataFrame, *, much: float) -> AltairChart:
    """Partial R² of each factor with its interval, before above after."""
    shown = table.dropna(subset=["partial_r2"])
    scores = list(dict.fromkeys(table["score"]))
    colours = [CONTROL, BLUE] if len(scores) > 1 else [BLUE]
    order = list(dict.fromkeys(table["factor"]))
    base = alt.Chart(shown).encode(
        y=alt.Y("factor:N", title=None, sort=order, axis=_LABELS),
        yOffset=alt.YOffset("score:N", sort=scores),
        color=alt.Color(
            "score:N",
            title=None,
            scale=alt.Scale(domain=scores, range=colours),
            legend=alt.Legend(orient="top") if len(scores) > 1 else None,
        ),
    )
    top = float(np.nanmax([shown["partial_high"].max(), 1.2 * much, 0.0]))
    x = alt.X(
        "partial_low:Q",
        title="Partial R², 95 % interval",
        axis=alt.Axis(format="%", tickCount=8),
        scale=alt.Scale(domain=[0, min(1.0, 1.02 * top)]),
    )
    bar = base.mark_rule(strokeWidth=2).encode(x=x, x2=alt.X2("partial_high:Q"))
    dot = base.mark_circle(size=90, opacity=1).encode(
        x=alt.X("partial_adjusted_r2:Q"),
        tooltip=[
            alt.Tooltip("factor:N", title="Factor"),
            alt.Tooltip("score:N", title="Score"),
            alt.Tooltip("partial_adjusted_r2:Q", title="Adjusted", format=".1%"),
            alt.Tooltip("partial_r2:Q", title="Partial R²", format=".1%"),
            alt.Tooltip("partial_low:Q", title="95 % from", format=".1%"),
            alt.Tooltip("partial_high:Q", title="to", format=".1%"),
            alt.Tooltip("marginal_r2:Q", title="R² alone", format=".1%"),
            alt.Tooltip("n_known:Q", title="N known", format=","),
        ],
    )
    line = (
        alt.Chart(pd.DataFrame({"at": [much]}))
        .mark_rule(color=CONTROL, strokeDash=[2, 3])
        .encode(x=alt.X("at:Q"))
    )
    rows = 22 * len(scores) + 12
    return alt.layer(line, bar, dot).properties(height=70 + rows * len(order))


def curve(table: pd.DataFrame, *, share: float) -> AltairChart:
    """Correlation with the full-label score over shares of the labels, log axis."""
    shown = table.dropna(subset=["pearson"]).assign(percent=lambda t: 100 * t["share"])
    names = list(dict.fromkeys(shown["drawn"]))
    # the control comes last, so that grey goes to it
    colours = [*[CASE, BLUE][: len(names) - 1], CONTROL]
    ticks = [1, 2, 5, 10, 20, 50, 100]
    base = alt.Chart(shown).encode(
        x=alt.X(
            "percent:Q",
            title="Labels used, % of cases",
            scale=alt.Scale(type="log", domain=[0.9, 110], nice=False),
            axis=alt.Axis(values=ticks, format="~g"),
        ),
        color=alt.Color(
            "drawn:N",
            title=None,
            scale=alt.Scale(domain=names, range=colours),
            legend=_BELOW,
        ),
    )
    least = float(shown["pearson_low"].min()) if len(shown) else 0.0
    y = alt.Scale(domain=[min(0.9, np.floor(10 * least) / 10), 1.0])
    band = base.mark_area(opacity=0.18).encode(
        y=alt.Y("pearson_low:Q", title="Correlation r with all labels", scale=y),
        y2=alt.Y2("pearson_high:Q"),
    )
    line = base.mark_line(strokeWidth=2.5).encode(y=alt.Y("pearson:Q"))
    tooltip = [
        alt.Tooltip("drawn:N", title="Score of"),
        alt.Tooltip("share:Q", title="Share of the labels", format=".0%"),
        alt.Tooltip("n_labels:Q", title="N labels", format=","),
        alt.Tooltip("pearson:Q", title="r", format=".3f"),
        alt.Tooltip("pearson_low:Q", title="2.5 %", format=".3f"),
        alt.Tooltip("pearson_high:Q", title="97.5 %", format=".3f"),
    ]
    dots = base.mark_circle(size=70, opacity=1).encode(
        y=alt.Y("pearson:Q"), tooltip=tooltip
    )
    now = (
        alt.Chart(pd.DataFrame({"now": [100 * share]}))
        .mark_rule(color=CONTROL, strokeDash=[6, 4])
        .encode(x=alt.X("now:Q"))
    )
    return alt.layer(now, band, line, dots).properties(height=420)


def effects(table: pd.DataFrame) -> AltairChart:
    """Smallest effect by allele frequency: ``frequency, beta, sought in``."""
    names = list(dict.fromkeys(table["sought in"]))
    return (
        alt.Chart(table)
        .mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=50))
        .encode(
            x=_frequency(table["frequency"]),
            y=_sd(table["beta"]),
            color=alt.Color(
                "sought in:N",
                title=None,
                scale=alt.Scale(domain=names, range=[BLUE, CASE][: len(names)]),
                legend=alt.Legend(orient="top") if len(names) > 1 else None,
            ),
            tooltip=[
                alt.Tooltip("sought in:N", title="Sought in"),
                alt.Tooltip("frequency:Q", title="Allele frequency", format=".3f"),
                alt.Tooltip("beta:Q", title="SD per allele", format=".3f"),
            ],
        )
        .properties(height=320)
    )


def odds(table: pd.DataFrame) -> AltairChart:
    """Smallest odds ratio by allele frequency: ``frequency, odds_ratio``."""
    shown = table.dropna(subset=["odds_ratio"])
    odds_ratio = shown["odds_ratio"]
    return (
        alt.Chart(shown)
        .mark_line(
            strokeWidth=2.5, color=CASE, point=alt.OverlayMarkDef(size=50, color=CASE)
        )
        .encode(
            x=_frequency(shown["frequency"]),
            y=_odds(odds_ratio),
            tooltip=[
                alt.Tooltip("frequency:Q", title="Allele frequency", format=".3f"),
                alt.Tooltip("odds_ratio:Q", title="Odds ratio", format=".2f"),
                alt.Tooltip("n_cases:Q", title="Cases", format=","),
                alt.Tooltip("n_effective:Q", title="Effective N", format=","),
            ],
        )
        .properties(height=320)
    )


def probe(table: pd.DataFrame) -> AltairChart:
    """Mean error of each predictor of one target, the constant's as a line."""
    target = table["target_name"].iloc[0]
    shown = table.assign(kind=[_kind(name) for name in table["predictor"]])
    base = alt.Chart(shown).encode(
        y=alt.Y("predictor:N", title=None, sort=None, axis=_LABELS),
        x=alt.X(
            "mae:Q",
            title=f"Mean error of {target}",
            scale=alt.Scale(domain=[0, 1.05 * float(table["mae"].max())]),
        ),
    )
    bars = base.mark_bar(height=16).encode(
        color=alt.Color(
            "kind:N",
            scale=alt.Scale(
                domain=["embedding", "volume", "constant"],
                range=[BLUE, ORANGE, CONTROL],
            ),
            legend=None,
        ),
        tooltip=[
            alt.Tooltip("predictor:N", title="From"),
            alt.Tooltip("mae:Q", title="Mean error", format=".3~g"),
            alt.Tooltip("r2:Q", title="R²", format=".1%"),
            alt.Tooltip("r:Q", title="r", format=".3f"),
            alt.Tooltip("n:Q", title="N", format=","),
        ],
    )
    text = base.mark_text(align="right", dx=-6, color="white").encode(
        text=alt.Text("mae:Q", format=".3~g")
    )
    constant = shown[shown["predictor"] == "constant"]
    line = (
        alt.Chart(constant)
        .mark_rule(color=CONTROL, strokeDash=[6, 4])
        .encode(x=alt.X("mae:Q"))
    )
    return alt.layer(bars, line, text).properties(height=70 + 28 * len(shown))


def _kind(predictor: str) -> str:
    return predictor.rsplit(" ", 1)[-1].removesuffix("s")


def _frequency(drawn: pd.Series) -> alt.X:
    """Log axis that begins where the first frequency is drawn."""
    first = float(drawn.min())
    ticks = [tick for tick in _FREQUENCY_TICKS if tick >= first]
    return alt.X(
        "frequency:Q",
        title="Allele frequency",
        scale=alt.Scale(type="log", domain=[0.9 * first, 0.55], nice=False),
        axis=alt.Axis(values=ticks, format="~g", labelOverlap=True),
    )


def _sd(values: pd.Series) -> alt.Y:
    scale, axis = _ticked(values, _SD_TICKS)
    return alt.Y("beta:Q", title="SD of the score per allele", scale=scale, axis=axis)


def _odds(values: pd.Series) -> alt.Y:
    scale, axis = _ticked(values, _ODDS_TICKS)
    return alt.Y("odds_ratio:Q", title="Odds ratio per allele", scale=scale, axis=axis)


def _ticked(values: pd.Series, ticks: list[float]) -> tuple[alt.Scale, alt.Axis]:
    """Log axis from the tick below some values to the tick above them."""
    low = max([t for t in ticks if t < values.min()], default=ticks[0])
    high = min([t for t in ticks if t > values.max()], default=ticks[-1])
    held = [t for t in ticks if low <= t <= high]
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    return scale, alt.Axis(format="~g", values=held)
