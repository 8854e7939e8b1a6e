"""QQ plot by allele frequency: is the whole genome shifted, or some of it?"""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import pandas as pd

from app.plots import log10p_axis
from app.plots.charts import CONTROL, AltairChart

HUES = ["#56B4E9", "#0072B2", "#E69F00", "#D55E00", "#CC79A7"]
"""One a stratum, in the order of the table."""
SIZE = 300


def qq_plot(
    table: pd.DataFrame,
    band: pd.DataFrame,
    lambdas: Mapping[float, float],
    *,
    title: str = "QQ by allele frequency",
) -> AltairChart:
    """Observed against expected −log₁₀ p, a colour a stratum of allele frequency.

    Parameters
    ----------
    table
        ``stratum, expected, observed``: quantiles; a stratum's name tells its
        variants (`edp_core.gwas.inflation.qq`).
    band
        ``expected, low, high``: the middle 95 % where nothing is associated.
    lambdas
        Quantile → λ there; written under the title.
    """
    strata = list(dict.fromkeys(table["stratum"]))
    shown = pd.DataFrame(
        {
            "expected": table["expected"].round(4),
            "observed": table["observed"].round(3),
            "stratum": table["stratum"],
        }
    )
    right = 1.03 * float(max(shown["expected"].max(), 1.0)) if len(shown) else 1.0
    strongest = max(float(shown["observed"].max()), right) if len(shown) else 1.0
    up = log10p_axis.upward(strongest, pixels=SIZE, labelled=False)
    said = "Observed −log₁₀ p"
    x = alt.X(
        "expected:Q",
        title="Expected −log₁₀ p",
        scale=alt.Scale(domain=[0, right], nice=False),
        axis=alt.Axis(tickMinStep=1, gridOpacity=0.5),
    )
    y = up.y("observed", title=said)
    bends = [0.0, *(v for v in (log10p_axis.FOLD,) if v < right), right]
    within = (
        alt.Chart(band[["expected", "low", "high"]].round(4))
        .mark_area(color=CONTROL, opacity=0.25, clip=True)
        .encode(x=x, y=up.y("low", title=said), y2=alt.Y2("high:Q"))
    )
    diagonal = (
        # bent where the axis is folded, as the points are
        alt.Chart(pd.DataFrame({"expected": bends, "observed": bends}))
        .mark_line(color=CONTROL, strokeDash=[6, 4], strokeWidth=1.2)
        .encode(x=x, y=y)
    )
    dots = (
        alt.Chart(shown)
        .mark_circle(size=16, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "stratum:N",
                title=None,
                sort=None,
                scale=alt.Scale(domain=strata, range=HUES[: len(strata)]),
                legend=alt.Legend(
                    orient="bottom",
                    columns=1,
                    labelLimit=320,
                    symbolOpacity=1,
                ),
            ),
            tooltip=[
                alt.Tooltip("stratum:N", title="Minor allele frequency"),
                alt.Tooltip("expected:Q", title="Expected", format=".2f"),
                alt.Tooltip("observed:Q", title="Observed", format=".2f"),
            ],
        )
    )
    return alt.layer(within, diagonal, dots).properties(
        # title and legend are taken from it on the page
        height=SIZE + 114 + 20 * len(strata),
        title=alt.TitleParams(
            title,
            subtitle=lambda_lines(lambdas),
            anchor="start",
            frame="group",
            fontSize=14,
            subtitleColor=CONTROL,
        ),
    )


def lambda_lines(lambdas: Mapping[float, float]) -> list[str]:
    """Inflation at each quantile, two a line; quantiles of too few variants left out.

    >>> lambda_lines({0.5: 1.0312, 0.1: 1.04, 0.01: 1.1, 0.001: float("nan")})
    ['λ 1.031 at p = 0.5 · 1.040 at p = 0.1', 'λ 1.100 at p = 0.01']
    """
    said = [f"{v:.3f} at p = {at:g}" for at, v in lambdas.items() if v == v]
    pairs = [said[first : first + 2] for first in range(0, len(said), 2)]
    return ["λ " + " · ".join(pair) for pair in pairs]
