"""Charts of the PheWAS of several phenotypes."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from app.plots.charts import CASE, CONTROL, AltairChart, either, rule

BLUE = "#0072B2"
SEEN_IN = ("both", "only across", "only upwards", "neither")
"""In which phenotype an outcome has q of at most 0.05."""
REACH = 0.5
"""Effect, log OR or SD per SD, from which the matrix has its full colour."""


def written(log10p: float) -> str:
    """−log₁₀ p as a tooltip says it; p of exactly 0 has none."""
    return f"{log10p:.2f}" if np.isfinite(log10p) else "below every number"


def against(
    table: pd.DataFrame, code: str | None, pair: tuple[str, str]
) -> AltairChart:
    """Effects of two phenotypes on every outcome; a click picks one."""
    colours = alt.Scale(domain=list(SEEN_IN), range=[CASE, BLUE, "#009E73", CONTROL])
    base = alt.Chart(table).encode(
        x=alt.X("beta_x:Q", title=f"Effect per SD of {pair[0]}"),
        y=alt.Y("beta_y:Q", title=f"Effect per SD of {pair[1]}"),
    )
    pick = alt.selection_point(name="pick", fields=["code"], on="click", empty=False)
    points = (
        base.mark_point(filled=True, size=60, strokeWidth=1.4)
        .encode(
            fill=alt.Fill("seen:N", title="q ≤ 0.05 in", scale=colours,
                          legend=alt.Legend(orient="bottom", columns=4)),
            stroke=alt.Stroke("seen:N", title="q ≤ 0.05 in", scale=colours,
                              legend=None),
            fillOpacity=either(
                alt.FillOpacityValue, 'datum.made', yes=0, no=0.8
            ),
            opacity=either(
                alt.OpacityValue, "datum.seen == 'neither'", yes=0.45, no=0.95
            ),
            tooltip=[
                alt.Tooltip("code:N", title="Outcome"),
                alt.Tooltip("name:N", title="Name"),
                alt.Tooltip("group:N", title="Group"),
                alt.Tooltip("beta_x:Q", title="β across", format=".3g"),
                alt.Tooltip("p_x:N", title="−log₁₀ p"),
                alt.Tooltip("beta_y:Q", title="β upwards", format=".3g"),
                alt.Tooltip("p_y:N", title="−log₁₀ p "),
            ],
        )
        .add_params(pick)
    )  # fmt: skip
    ring = base.transform_filter(alt.datum.code == (code or "")).mark_point(
        size=330, strokeWidth=2.5, color=CASE, filled=False, shape="circle"
    )
    lines = [rule(x=0, dash=[6, 4]), rule(y=0, dash=[6, 4])]
    return alt.layer(*lines, points, ring).properties(height=460)


def bubbles(
    shown: pd.DataFrame, names: Sequence[str], order: Sequence[str]
) -> AltairChart:
    """Effect and p of outcomes in every phenotype; a click picks one."""
    pick = alt.selection_point(name="pick", fields=["code"], on="click", empty=False)
    sent = shown[
        [
            "code",
            "label",
            "phenotype",
            "beta",
            "size",
            "p",
            "strong",
            "made",
            "circular",
        ]
    ]
    chart = (
        alt.Chart(sent)
        .mark_circle()
        .encode(
            x=alt.X("phenotype:N", title=None, sort=list(names),
                    scale=alt.Scale(domain=list(names)),
                    axis=alt.Axis(labelAngle=-60, labelLimit=160, orient="top",
                                  labelOverlap=False)),
            y=alt.Y("label:N", title=None, sort=list(order),
                    axis=alt.Axis(labelLimit=240, labelOverlap=False)),
            size=alt.Size("size:Q", title="−log₁₀ p",
                          scale=alt.Scale(domain=[0, 20], range=[8, 320]),
                          legend=alt.Legend(values=[2, 5, 10, 20],
                                            symbolFillColor=CONTROL,
                                            symbolStrokeColor=CONTROL)),
            color=alt.Color("beta:Q", title="Effect",
                            scale=alt.Scale(domain=[-REACH, 0, REACH], clamp=True,
                                            range=[BLUE, "#DDDDDD", CASE])),
            opacity=either(
                alt.OpacityValue, 'datum.made', yes=0.3, no=1
            ),
            stroke=either(
                alt.StrokeValue, 'datum.strong', yes='#888888', no='transparent'
            ),
            tooltip=[
                alt.Tooltip("label:N", title="Outcome"),
                alt.Tooltip("phenotype:N", title="Phenotype"),
                alt.Tooltip("beta:Q", title="Effect per SD", format=".3g"),
                alt.Tooltip("p:N", title="−log₁₀ p"),
                alt.Tooltip("circular:N", title="Circular"),
            ],
        )
        .add_params(pick)
    )  # fmt: skip
    return chart.properties(height=140 + 19 * len(order))
