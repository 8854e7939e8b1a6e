"""Percentage–pval plot: the codes of one cluster, coloured by chapter."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from app import chapters, vocabulary
from app.plots.auc_plot import MANY, SIDES, WIDTH
from app.plots.charts import (
    CASE,
    CONTROL,
    HEIGHT,
    AltairChart,
    either,
    legend_columns,
    rule,
)

LABELLED = 10
"""Most codes that are named in the plot."""
TITLES = {
    "share_of_cluster": "Prevalence within the cluster, %",
    "share_of_cases": "Share of all cases that lie in the cluster, %",
}
SENT = [
    "code", "name", "chapter", "subject", "direction", "percentage", "log10p", "n_both",
    "n_cluster", "n_cases", "odds_ratio", "adjusted_or",
]  # fmt: skip


def percentage_plot(
    table: pd.DataFrame, code: str | None, *, share: str, q_line: float | None = None
) -> AltairChart:
    """Percentage–pval plot; a click picks the code, a ring marks the chosen one.

    Enriched codes are filled, depleted ones hollow.

    Parameters
    ----------
    table
        Disclosed codes of one cluster; rows without the share or p are not drawn.
    share
        ``share_of_cluster`` or ``share_of_cases``.
    q_line
        −log₁₀ p from which on q is at most 0.05, where any code gets there.
    """
    known = table.dropna(subset=["log10p", share])
    subjects = known["chapter"].map(chapters.subject)
    shown = known.assign(
        subject=[s.name for s in subjects],
        direction=np.where(known["odds_ratio"] >= 1, "enriched", "depleted"),
        percentage=100 * known[share].astype(float),
    )
    if "adjusted_or" not in shown:
        shown["adjusted_or"] = np.nan
    counts = dict.fromkeys(["n_both", "n_cluster", "n_cases"], float)
    shown = shown[SENT].astype(counts)
    right = 1.08 * max(float(shown["percentage"].max()) if len(shown) else 0, 0.01)
    strongest = float(shown["log10p"].max()) if len(shown) else 0.0
    top = 1.08 * max(strongest, -np.log10(0.05), q_line or 0.0)
    base = alt.Chart(shown).encode(
        x=alt.X(
            "percentage:Q",
            title=TITLES[share],
            scale=alt.Scale(domain=[0, right], nice=False),
        ),
        y=alt.Y(
            "log10p:Q",
            title="−log₁₀ p (Fisher, two-sided)",
            scale=alt.Scale(domain=[0, top], nice=False),
        ),
    )
    ring = base.transform_filter(alt.datum.code == (code or "")).mark_point(
        size=320, strokeWidth=2.5, color=CASE, filled=False
    )
    lines = rule(y=-np.log10(0.05), dash=[2, 3])
    if q_line is not None:
        lines = lines + rule(y=q_line, dash=[6, 4])
    points = _points(base, list(set(subjects)))
    texts = _texts(place(shown, code, ends=(right, top)), base)
    rows = -(-shown["subject"].nunique() // 3)  # the legend must not eat the plot
    return alt.layer(lines, points, ring, *texts).properties(height=HEIGHT + 30 * rows)


def _points(base: alt.Chart, subjects: list[chapters.Subject]) -> alt.Chart:
    pick = alt.selection_point(name="pick", fields=["code"], on="click", empty=False)
    legend = alt.selection_point(name="chapter", fields=["subject"], bind="legend")
    known = list(chapters.SUBJECTS)
    subjects = sorted(
        subjects,
        key=lambda s: (known.index(s.name) if s.name in known else 99, s.name),
    )
    domain = [s.name for s in subjects]
    key = (
        None
        if len(domain) < 2
        else alt.Legend(
            orient="bottom", columns=legend_columns(3, 135), labelLimit=110,
            symbolOpacity=1, symbolSize=90, titleLimit=400,
        )
    )  # fmt: skip
    title = "Chapter; click one to see its codes alone"
    hues = alt.Scale(domain=domain, range=[s.colour for s in subjects])
    enriched = alt.datum.direction == "enriched"
    return (
        base.mark_point(
            size=60 if len(base.data) > MANY else 110, filled=True, strokeWidth=1.5
        )
        .encode(
            fill=alt.Fill("subject:N", title=title, scale=hues, legend=key),
            stroke=alt.Stroke("subject:N", title=title, scale=hues, legend=key),
            shape=alt.Shape(
                "subject:N",
                title=title,
                scale=alt.Scale(domain=domain, range=[s.sign for s in subjects]),
                legend=key,
            ),
            fillOpacity=either(alt.FillOpacityValue, enriched, yes=0.85, no=0),
            opacity=either(alt.OpacityValue, legend, yes=0.9, no=0.06),
            tooltip=[
                alt.Tooltip("code:N", title="Code"),
                alt.Tooltip("name:N", title="Name"),
                alt.Tooltip("chapter:N", title="Chapter"),
                alt.Tooltip("direction:N", title="In this cluster"),
                alt.Tooltip("n_both:Q", title="Cases in the cluster", format=","),
                alt.Tooltip("n_cluster:Q", title="Cluster", format=","),
                alt.Tooltip("n_cases:Q", title="Cases", format=","),
                alt.Tooltip("odds_ratio:Q", title="Odds ratio", format=".2f"),
                alt.Tooltip("adjusted_or:Q", title="Adjusted", format=".2f"),
                alt.Tooltip("log10p:Q", title="−log₁₀ p", format=".2f"),
            ],
        )
        .add_params(pick, legend)
    )


def place(
    shown: pd.DataFrame, code: str | None, *, ends: tuple[float, float]
) -> pd.DataFrame:
    """Labels of the chosen and of the strongest codes, none over another.

    Parameters
    ----------
    shown
        ``code, percentage, log10p`` of every point.
    ends
        Largest percentage and −log₁₀ p of the axes, which begin at 0.

    Returns
    -------
    pandas.DataFrame
        ``label, percentage, log10p, chosen`` and ``side``, a place in
        `app.plots.auc_plot.SIDES`.
    """
    clear = shown[shown["log10p"] > -np.log10(0.05)].nlargest(LABELLED, "log10p")
    order = pd.concat([shown[shown["code"] == code], clear]).drop_duplicates("code")
    scale = np.array([WIDTH / ends[0], HEIGHT / ends[1]])
    at = shown[["percentage", "log10p"]].to_numpy(float) * scale
    taken = np.zeros((0, 4))
    rows = []
    for row in order.itertuples():
        x, y = np.array([row.percentage, row.log10p], float) * scale
        text = vocabulary.short(str(row.code))
        chosen = row.code == code
        free = -1
        for side, beside in enumerate(SIDES):
            left, right, low, high = beside.box(x, y, 7.0 * len(text))
            inside = (
                (at[:, 0] > left) & (at[:, 0] < right)
                & (at[:, 1] > low) & (at[:, 1] < high)
            )  # fmt: skip
            meets = (
                (taken[:, 0] < right) & (taken[:, 1] > left)
                & (taken[:, 2] < high) & (taken[:, 3] > low)
            )  # fmt: skip
            held = left >= 0 and right <= WIDTH and low >= 0 and high <= HEIGHT
            if held and not inside.any() and not meets.any():
                free = side
                break
        if free < 0:  # no room: the ring marks the chosen one all the same
            continue
        box = SIDES[free].box(x, y, 7.0 * len(text))
        taken = np.vstack([taken, box])
        rows.append((text, row.percentage, row.log10p, chosen, free))
    names = ["label", "percentage", "log10p", "chosen", "side"]
    return pd.DataFrame(rows, columns=names)


def _texts(labels: pd.DataFrame, base: alt.Chart) -> list[alt.Chart]:
    layers = []
    for side, chosen in sorted(set(zip(labels["side"], labels["chosen"], strict=True))):
        rows = labels[(labels["side"] == side) & (labels["chosen"] == chosen)]
        beside = SIDES[int(side)]
        layers.append(
            alt.Chart(rows[["label", "percentage", "log10p"]])
            .mark_text(
                align=beside.align,
                baseline=beside.baseline,
                # the ring of the chosen one takes more room
                dx=beside.dx * (1.5 if chosen else 1),
                dy=beside.dy * (1.5 if chosen else 1),
                fontSize=12 if chosen else 11,
                fontWeight="bold" if chosen else "normal",
                color=CASE if chosen else CONTROL,
            )
            .encode(x=base.encoding.x, y=base.encoding.y, text=alt.Text("label:N"))
        )
    return layers
