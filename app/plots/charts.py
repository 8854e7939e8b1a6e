"""Charts of the screens, made of tables that passed `disclose`."""

from __future__ import annotations

from typing import TypeVar

import altair as alt
import numpy as np
import pandas as pd
from altair.expr.core import Expression
from altair.utils import schemapi

AltairChart = alt.Chart | alt.LayerChart | alt.FacetChart
Value = TypeVar(
    "Value", alt.ColorValue, alt.OpacityValue, alt.FillOpacityValue, alt.StrokeValue
)

CASE, CONTROL = "#D55E00", "#7F8C98"
"""Vermilion and grey: told apart by every kind of colour vision."""
PALETTE = [
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442",
    "#9467BD", "#A0865B", "#999999", "#A6CEE3", "#B2DF8A", "#FB9A99", "#CAB2D6",
    "#17A2A2", "#C2185B", "#7CB342", "#5C6BC0", "#FFAB91", "#80CBC4",
]  # fmt: skip
"""Okabe and Ito's colours, then others that show on light and dark ground."""
HEIGHT = 420
# a vocabulary may hold more codes than altair takes unless it is told to
alt.data_transformers.disable_max_rows()
# each part of a chart would be checked against the schema as it is made, and again as
# a part of the whole: a tenth of a second a chart, of the time a control has to answer
schemapi.DEBUG_MODE = False


def legend_columns(most: int, width: int) -> alt.ExprRef:
    """As many columns of a legend as a plot has room for: a phone has two or three.

    Parameters
    ----------
    most
        In a wide plot.
    width
        Pixels of a column.
    """
    # the legend begins left of the axis, whose numbers take about 60 pixels
    return alt.ExprRef(f"max(1, min({most}, floor((width + 60) / {width})))")


def bars(table: pd.DataFrame, *, x_title: str) -> AltairChart:
    """Histogram of groups: ``left, right, density, group``, and ``count`` if told."""
    counted = [alt.Tooltip("count:Q", title="Participants in bar", format=",")]
    counted = counted if "count" in table else []
    groups = list(dict.fromkeys(table["group"]))
    colours = [CONTROL, CASE] if len(groups) > 1 else ["#0072B2"]
    return (
        alt.Chart(table)
        # groups are seen through each other; one alone must show on dark ground too
        .mark_rect(opacity=0.55 if len(groups) > 1 else 0.85)
        .encode(
            x=alt.X("left:Q", title=x_title, scale=alt.Scale(zero=False)),
            x2=alt.X2("right:Q"),
            y=alt.Y("density:Q", title="Density"),
            y2=alt.datum(0),
            color=alt.Color(
                "group:N",
                title=None,
                scale=alt.Scale(domain=groups, range=colours),
                legend=alt.Legend(orient="bottom", labelLimit=300),
            ),
            tooltip=[
                alt.Tooltip("group:N", title="Group"),
                *counted,
                alt.Tooltip("left:Q", title="from", format=".3g"),
                alt.Tooltip("right:Q", title="to", format=".3g"),
            ],
        )
        .properties(height=300)
    )


def roc_plot(fpr: np.ndarray, tpr: np.ndarray) -> AltairChart:
    """ROC curve with the line of no information."""
    curve = (
        alt.Chart(pd.DataFrame({"fpr": fpr, "tpr": tpr}))
        .mark_line(color=CASE, strokeWidth=2.5, point=False)
        .encode(
            x=alt.X("fpr:Q", title="1 − specificity", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("tpr:Q", title="Sensitivity", scale=alt.Scale(domain=[0, 1])),
            order=alt.Order("fpr:Q"),
        )
    )
    diagonal = (
        alt.Chart(pd.DataFrame({"fpr": [0, 1], "tpr": [0, 1]}))
        .mark_line(color=CONTROL, strokeDash=[6, 4])
        .encode(x=alt.X("fpr:Q"), y=alt.Y("tpr:Q"))
    )
    return alt.layer(diagonal, curve).properties(height=300)


def intervals(table: pd.DataFrame) -> AltairChart:
    """Correlations with 95 % intervals: ``column, r, low, high, n``."""
    labels = alt.Axis(labelLimit=320, labelOverlap=False)
    base = alt.Chart(table).encode(
        y=alt.Y("column:N", title=None, sort=None, axis=labels)
    )
    bar = base.mark_rule(strokeWidth=2, color=CONTROL).encode(
        x=alt.X("low:Q", title="Correlation r, 95 % interval"), x2=alt.X2("high:Q")
    )
    dot = base.mark_circle(size=90, color="#0072B2", opacity=1).encode(
        x=alt.X("r:Q"),
        tooltip=[
            "column:N",
            alt.Tooltip("r:Q", format=".3f"),
            alt.Tooltip("low:Q", title="from", format=".3f"),
            alt.Tooltip("high:Q", title="to", format=".3f"),
            alt.Tooltip("n:Q", title="N", format=","),
        ],
    )
    return alt.layer(rule(x=0, dash=[6, 4]), bar, dot).properties(
        height=90 + 36 * len(table)
    )


def loss_plot(table: pd.DataFrame) -> AltairChart:
    """Training loss, the mean of each epoch (counted from 1)."""
    epochs = table.groupby("epoch", as_index=False)["loss"].mean()
    return (
        alt.Chart(epochs.assign(epoch=epochs["epoch"] + 1))
        .mark_line(color="#0072B2", point=len(epochs) < 4)
        .encode(
            x=alt.X("epoch:Q", title="Epoch", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y(
                "loss:Q",
                title="Loss on masked patches",
                scale=alt.Scale(zero=False),
            ),
        )
        .properties(height=240)
    )


def either(
    channel: type[Value],
    test: alt.Parameter | Expression | str,
    *,
    yes: str | float,
    no: str | float,
) -> Value:
    """A channel that has one value where a test holds, or a selection, else another.

    A channel of its class is taken as it is; Altair would look for the class of a
    condition among some hundreds, which costs 3 ms each time.
    """
    return channel(**alt.condition(test, alt.value(yes), alt.value(no)))


def rule(
    *,
    dash: list[int],
    x: float | None = None,
    y: float | None = None,
    scale: alt.Scale | None = None,
) -> AltairChart:
    """A dashed line across a plot, at one value of an axis."""
    line = alt.Chart(pd.DataFrame({"at": [x if x is not None else y]})).mark_rule(
        color=CONTROL, strokeDash=dash
    )
    if x is None:
        return line.encode(y=alt.Y("at:Q"))
    return line.encode(x=alt.X("at:Q", scale=scale or alt.Scale()))
