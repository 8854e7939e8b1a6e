"""QQ plot by allele frequency: is the whole genome shifted, or some of it?"""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import pandas as pd

from app.charts import CONTROL, AltairChart

HUES = ["#56B4E9", "#0072B2", "#E69F00", "#D55E00", "#CC79A7"]
"""One a stratum, in the order of the table."""
SIZE = 340


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
    top = 1.05 * max(float(shown["observed"].max()), right) if len(shown) else 1.0
    x = alt.X(
        "expected:Q",
        title="Expected −log₁₀ p",
        scale=alt.Scale(domain=[0, right], nice=False),
        axis=alt.Axis(tickMinStep=1, gridOpacity=0.5),
    )
    y = alt.Y(
        "observed:Q",
        title="Observed −log₁₀ p",
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(gridOpacity=0.5),
    )
    within = (
        alt.Chart(band[["expected", "low", "high"]].round(4))
        .mark_area(color=CONTROL, opacity=0.25, clip=True)
        .encode(x=x, y=alt.Y("low:Q", title="Observed −log₁₀ p"), y2="high:Q")
    )
    diagonal = (
        alt.Chart(pd.DataFrame({"expected": [0, right], "observed": [0, right]}))
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
        height=SIZE,
        title=alt.TitleParams(
            title,
            subtitle=lambda_line(lambdas),
            anchor="start",
            frame="group",
            fontSize=14,
            subtitleColor=CONTROL,
        ),
    )


def lambda_line(lambdas: Mapping[float, float]) -> str:
    """Inflation at each quantile in one line; quantiles with too few variants left out.

    >>> lambda_line({0.5: 1.0312, 0.1: 1.04, 0.001: float("nan")})
    'λ at p = 0.5: 1.031 · at 0.1: 1.040'
    """
    known = [(at, value) for at, value in lambdas.items() if value == value]
    return " · ".join(
        f"{'λ at p =' if number == 0 else 'at'} {at:g}: {value:.3f}"
        for number, (at, value) in enumerate(known)
    )
