"""Forest plot of a PheWAS: effects with their intervals, one line an outcome."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from app.phewas.plots import ODDS, odds_ticks
from app.plots.charts import CASE, CONTROL, AltairChart, either, rule

BLUE = "#0072B2"
RATIOS = ["or_", "or_low", "or_high"]
TEXT = 0.9
"""Room for the numbers, as a share of the reach of the intervals."""
ROOM = 200
"""Pixels of the plot from which on it holds the numbers beside the intervals."""
VAST = 1000
"""From here on numbers are written by their power of ten."""
WIDEST = 4.0
"""An interval is drawn as far as this many times the reach of the estimates."""


def odds_of(table: pd.DataFrame) -> pd.Series:
    """Which rows have an odds ratio, and which a β in SD."""
    return table["kind"].isin(ODDS)


def forest(table: pd.DataFrame, code: str | None, *, odds: bool) -> AltairChart:
    """Effects per SD of the phenotype with 95 % intervals, in the order of the rows.

    A click on an estimate picks its outcome.

    Parameters
    ----------
    table
        Disclosed rows of one scale: all with an odds ratio, or none.
    odds
        Whether they are odds ratios, which are drawn on a log scale.
    """
    names = ["beta", "low", "high"]
    # one line a name: what two outcomes share is told apart by their codes
    said = table["name"].astype(str).tolist()
    twice = {name for name in said if said.count(name) > 1}
    labels = [
        f"{name} ({outcome})" if name in twice else name
        for name, outcome in zip(said, table["outcome"], strict=True)
    ]
    effects = table[names].astype(float)
    reach = WIDEST * max(float(effects["beta"].abs().max()), 0.02)
    drawn = effects.clip(-reach, reach)
    # the rounded ratios of the table: those of rounded effects would differ from them
    told = table[RATIOS if odds else names].to_numpy(float)
    shown = pd.DataFrame(
        {
            "outcome": labels,
            "code": table["outcome"].astype(str).to_numpy(),
            "chosen": (table["outcome"] == code).to_numpy(bool),
            "marked": table["circular"].ne("").to_numpy(bool),
            "n": table["n"].astype(float).to_numpy(),
            "n_cases": table["n_cases"].astype(float).to_numpy(),
            "log10p": [f"{v:.2f}" for v in table["log10p"].astype(float)],
            "text": [
                f"{_short(b)} ({_short(low)} to {_short(high)})"
                for b, low, high in told
            ],
        }
    )
    shown = pd.concat([shown, drawn.round(4).reset_index(drop=True)], axis=1)
    base = alt.Chart(shown).encode(
        y=alt.Y(
            "outcome:N",
            title=None,
            sort=None,
            axis=alt.Axis(labelLimit=230, labelOverlap=False),
        )
    )
    low, high = float(shown["low"].min()), float(shown["high"].max())
    low, high = min(low, 0.0), max(high, 0.0)
    axis = alt.Axis(format=".3~g", tickCount=5)
    title = "β, SD per SD"
    if odds:
        title = "Odds ratio per SD"
        ticks = [np.log(t) for t in odds_ticks(max(-low, high))]
        axis = alt.Axis(
            values=[float(t) for t in ticks if low <= t <= high],
            labelExpr="format(exp(datum.value), '.2~g')",
            labelOverlap=True,
        )
    # numbers stand to the right of the widest interval
    scale = alt.Scale(
        domain=[low - 0.04 * (high - low), high + TEXT * (high - low)], nice=False
    )
    colour = either(alt.ColorValue, alt.datum.chosen, yes=CASE, no=BLUE)
    x = alt.X("low:Q", title=title, axis=axis, scale=scale)
    bars = base.mark_rule(strokeWidth=2).encode(x=x, x2=alt.X2("high:Q"), color=colour)
    pick = alt.selection_point(name="pick", fields=["code"], on="click", empty=False)
    dots = base.mark_point(size=80, filled=True, strokeWidth=1.8, opacity=1).encode(
        x=alt.X("beta:Q"),
        fill=colour,
        stroke=colour,
        fillOpacity=either(alt.FillOpacityValue, alt.datum.marked, yes=0, no=1),
        tooltip=[
            alt.Tooltip("outcome:N", title="Outcome"),
            alt.Tooltip("text:N", title="OR, 95 %" if odds else "β, 95 %"),
            alt.Tooltip("log10p:N", title="−log₁₀ p"),
            alt.Tooltip("n:Q", title="N", format=","),
            alt.Tooltip("n_cases:Q", title="Cases", format=","),
        ],
    ).add_params(pick)  # fmt: skip
    texts = base.mark_text(align="right", fontSize=11, color=CONTROL).encode(
        x=alt.value("width"),
        text=alt.Text("text:N"),
        # on a phone they would lie over the intervals; pointing still tells them
        opacity=either(alt.OpacityValue, f"width > {ROOM}", yes=1, no=0),
    )
    nothing = rule(x=0, dash=[6, 4], scale=scale)
    return alt.layer(nothing, bars, dots, texts).properties(height=70 + 26 * len(table))


def _short(value: float) -> str:
    """Two decimals; a vast number by its power of ten."""
    said = f"{value:.2f}" if abs(value) < VAST else f"{value:.0e}"
    return said.replace("-", "−")
