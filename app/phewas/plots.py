"""Plots of a PheWAS: volcano and by group. `app.phewas.forest` has the intervals."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from app import chapters
from app.phewas.marks import DOWN, NEITHER, UP, Lines, Plane, layers, subjects_of
from app.plots import log10p_axis
from app.plots.charts import AltairChart, legend_columns
from app.plots.log10p_axis import Upward

HEIGHT = 400
VOLCANO, GROUPED = 400, 560
"""Plots are at least about this wide: labels apart here are apart in a wider one."""
ODDS = ("binary", "multinomial", "ordered")
"""Kinds of outcome whose effect is a log odds ratio."""
GAP = 0.012
"""Room between two groups, as a share of the width."""
NO_P = "below every number: fits perfectly"


def volcano(table: pd.DataFrame, code: str | None, *, lines: Lines) -> AltairChart:
    """Effect against −log₁₀ p; a click picks an outcome, the chosen code is ringed.

    Parameters
    ----------
    table
        Disclosed rows of `app.phewas.data.phewas` that are looked at; those without
        an effect or p are not drawn.
    """
    shown = _prepared(table[table["beta"].notna()])
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
            labelExpr="format(exp(datum.value), '.2~g')",
            labelOverlap=True,
        )
    x = alt.X(
        "beta:Q",
        title=title,
        axis=axis,
        scale=alt.Scale(domain=[low, high], nice=False),
    )
    plane = Plane(shown, up, up.y(), x, pixels, VOLCANO)
    subjects = subjects_of(shown)
    key = None
    if len(subjects) > 1:
        key = alt.Legend(
            orient="bottom", columns=legend_columns(3, 118), labelLimit=95,
            labelFontSize=10, rowPadding=0, symbolOpacity=1, symbolSize=60,
            titleLimit=400, symbolType="circle",
        )  # fmt: skip
    chart = layers(plane, code, lines, key=key)
    rows = -(-len(subjects) // 3)  # the legend must not eat the plot
    return chart.properties(height=HEIGHT + 60 + 24 * rows)


def grouped(table: pd.DataFrame, code: str | None, *, lines: Lines) -> AltairChart:
    """−log₁₀ p of outcomes side by side, group by group; ▲ higher, ▼ lower.

    Parameters
    ----------
    table
        As `volcano` takes it.
    """
    shown = _prepared(table[table["tested"]])
    subjects = subjects_of(shown)
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
    plane = Plane(shown, up, up.y(), x, pixels, GROUPED)
    return layers(plane, code, lines, key=None).properties(height=HEIGHT + 110)


# ---- what is drawn ---------------------------------------------------------------
def _prepared(table: pd.DataFrame) -> pd.DataFrame:
    """Rows that can be drawn, with what both plots need of them."""
    known = table[table["log10p"].notna()]
    log10p = known["log10p"].to_numpy(float)
    finite = log10p[np.isfinite(log10p)]
    # p of exactly 0 stands above everything else
    beyond = 1.08 * float(finite.max()) + 1.0 if len(finite) else 10.0
    beta = known["beta"].to_numpy(float)
    odds = known["kind"].isin(ODDS).to_numpy(bool)
    ratios = known["or_"].to_numpy(float)
    effect = [
        NEITHER
        if np.isnan(value)
        else f"OR {value:.3g} per SD"
        if one
        else f"β {value:.3g} SD per SD"
        for value, one in zip(np.where(odds, ratios, beta), odds, strict=True)
    ]
    return known.assign(
        code=known["outcome"].astype(str),
        subject=[chapters.subject(str(group)).name for group in known["group"]],
        direction=np.select([beta >= 0, beta < 0], [UP, DOWN], NEITHER),
        beta=beta.round(4),
        odds=odds,
        effect=effect,
        y=np.where(np.isfinite(log10p), log10p, beyond).round(3),
        p=[f"{v:.2f}" if np.isfinite(v) else NO_P for v in log10p],
        n=known["n"].astype(float),
        n_cases=known["n_cases"].astype(float),
        marked=known["circular"].ne(""),
    )


def _upward(shown: pd.DataFrame, lines: Lines) -> Upward:
    strongest = float(shown["y"].max()) if len(shown) else 0.0
    return log10p_axis.upward(
        max(strongest, lines.bonferroni, lines.fdr or 0.0, 2.0),
        pixels=HEIGHT,
        labelled=len(shown) > 0,
    )


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace("'", "\\'")


def odds_ticks(width: float) -> list[float]:
    """A few round odds ratios on both sides of 1, up to e to the ``width``."""
    wide = (2, 5, 10, 20, 50, 100)
    steps = ((0.2, (1.05, 1.1, 1.15)), (0.5, (1.2, 1.5)), (1.1, (1.5, 2, 3)))
    sides = next((found for most, found in steps if width < most), wide)
    inside = [float(side) for side in sides if np.log(side) < width]
    return [*(1 / side for side in inside[::-1]), 1.0, *inside]
