"""How stable the clusters are, in figures and in words."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import data, errors, explained, state, widgets
from app.plots.charts import CASE, CONTROL, AltairChart, either, rule
from app.state import Choice

MARKS = (
    (0.85, "highly stable"),
    (0.75, "stable"),
    (0.6, "doubtful"),
    (0.0, "unstable"),
)
"""Least mean Jaccard similarity → what it says, by Hennig's documentation of fpc."""
JACCARD = explained.help("jaccard")
COMPARISON: dict[str, ColumnConfig | str | None] = {
    "method": st.column_config.TextColumn(
        "Algorithm",
        help="k-means and Ward's method are given as many clusters as Leiden found; "
        "both on centred unit vectors. The first row is the one shown.",
    ),
    "resolution": widgets.figure_column(
        "Resolution", "%.2f", explained.help("resolution")
    ),
    "seed": st.column_config.NumberColumn(
        "Seed", format="%d", help="Of the algorithm's random numbers."
    ),
    "n_clusters": widgets.count_column("Clusters", "Clusters the algorithm found."),
    "adjusted_rand": widgets.figure_column(
        "ARI", "%.3f", explained.help("adjusted_rand", "With the clusters shown.")
    ),
    "modularity": widgets.figure_column(
        "Modularity", "%.3f", explained.help("modularity")
    ),
}
METHODS = {"leiden": "Leiden", "ward": "Ward"}


def words(jaccard: float) -> str:
    """What a mean Jaccard similarity says of a cluster.

    >>> words(0.9), words(0.75), words(0.3)
    ('highly stable', 'stable', 'unstable')
    """
    return next(text for least, text in MARKS if jaccard >= least)


def of_cluster(table: pd.DataFrame | None, cluster: int) -> pd.Series | None:
    """Stability of one cluster; `None` where it is hidden or was not computed."""
    if table is None:
        return None
    rows = table[table["cluster"] == cluster]
    return None if rows.empty else rows.iloc[0]


def stability_plot(table: pd.DataFrame, cluster: int) -> AltairChart:
    """Jaccard similarity of each cluster with its interval; the chosen one stands out.

    A click picks a cluster.

    Parameters
    ----------
    table
        ``cluster, n, repeats, jaccard, jaccard_low, jaccard_high, found``.
    """
    shown = table.assign(
        label=table["cluster"].astype(str),
        verdict=table["jaccard"].map(words),
        chosen=table["cluster"] == cluster,
    )
    base = alt.Chart(shown).encode(
        y=alt.Y(
            "label:N",
            title="Cluster",
            sort=None,
            axis=alt.Axis(labelOverlap=False, grid=False),
        )
    )
    colour = either(
        alt.ColorValue, alt.datum.chosen, yes=CASE, no="#0072B2"
    )  # the chosen one as in every other plot
    x = alt.X(
        "jaccard:Q",
        title="Bootstrap Jaccard similarity, middle 95 % of the samples",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(values=[0, 0.2, 0.4, 0.6, 0.75, 0.85, 1], format=".2~f"),
    )
    bars = base.mark_rule(strokeWidth=2, color=CONTROL).encode(
        x=alt.X("jaccard_low:Q", scale=alt.Scale(domain=[0, 1])),
        x2=alt.X2("jaccard_high:Q"),
    )
    pick = alt.selection_point(name="pick", fields=["label"], on="click", empty=False)
    dots = (
        base.mark_circle(size=90, opacity=1)
        .add_params(pick)
        .encode(
            x=x,
            color=colour,
            tooltip=[
                alt.Tooltip("label:N", title="Cluster"),
                alt.Tooltip("n:Q", title="N", format=","),
                alt.Tooltip("jaccard:Q", title="Jaccard", format=".2f"),
                alt.Tooltip("jaccard_low:Q", title="from", format=".2f"),
                alt.Tooltip("jaccard_high:Q", title="to", format=".2f"),
                alt.Tooltip("found:Q", title="Found again in", format=".0%"),
                alt.Tooltip("verdict:N", title="That is"),
            ],
        )
    )
    lines = [rule(x=least, dash=[3, 3]) for least, _ in MARKS if least]
    return alt.layer(*lines, bars, dots).properties(height=60 + 22 * len(shown))


def offered(choice: Choice) -> None:
    """What `section` draws, under a line that opens it: most visits do without."""
    box = st.expander(
        "Stability of all clusters", key="stability", bind="query-params",
        icon=":material/replay:",
    )  # fmt: skip
    if box.open:
        with box, errors.shown(), widgets.loading(300):
            section(choice)


def section(choice: Choice) -> None:
    """Stability of all clusters, and other clusterings of the same embedding.

    Raises
    ------
    MissingArtifactError
        Where it was not computed.
    """
    table, others = data.stability(choice.organ, choice.encoder)
    called = f"{choice.organ}-{choice.encoder}"
    left, right = st.columns(2, gap="large")
    with left:
        if table.empty:
            _no_samples()
        else:
            widgets.figure(
                stability_plot(table, choice.cluster or 0),
                f"stability-{called}",
                key="stability_plot",
                on_select=_picked,
            )
            repeats = int(table["repeats"].max())
            st.caption(_said(table, choice, repeats), help=JACCARD)
    with right:
        _seeds(others)
        st.dataframe(
            others.drop(columns="n").replace({"method": METHODS}),
            hide_index=True,
            column_config=COMPARISON,
            placeholder="",
        )
        widgets.table_download(
            others,
            f"clusterings-{called}",
            settings=f"N = {data.seen(choice.organ, choice.encoder)}; ARI with the "
            f"first row; {data.study().analysis}",
        )


def _picked() -> None:
    """A click on a cluster makes it the choice (in the chart's callback)."""
    points = st.session_state["stability_plot"].selection.get("pick", [])
    if points:
        state.pick_cluster(str(points[0]["label"]))


def _no_samples() -> None:
    st.info(
        "No samples were drawn: `stability_repeats` is 0 in the study's `[analysis]`. "
        f"Choose a number, then run `{data.command()}`",
        icon=":material/info:",
    )


def _said(table: pd.DataFrame, choice: Choice, repeats: int) -> str:
    stable = int((table["jaccard"] >= 0.75).sum())
    total = int(data.atlas_array(choice.organ, choice.encoder, "clusters").max()) + 1
    hidden = total - len(table)
    few = f" {hidden} small or hidden clusters are not drawn." if hidden else ""
    return (
        f"{stable} of {len(table)} clusters are stable (0.75 or more), from {repeats} "
        f"samples of N = {data.seen(choice.organ, choice.encoder):,}. Lines: 0.6, 0.75 "
        f"and 0.85. Click one to choose it.{few}"
    )


def _seeds(others: pd.DataFrame) -> None:
    """How much Leiden's seed matters."""
    first = others.iloc[0]
    seeds = others[
        (others["method"] == first["method"])
        & (others["resolution"] == first["resolution"])
        & (others["seed"] != first["seed"])
    ]["adjusted_rand"]
    if seeds.empty:
        return
    widgets.number(
        f"ARI over {len(seeds)} other seeds",
        float(seeds.mean()),
        under=f"{seeds.min():.3f}–{seeds.max():.3f}, N = {int(first['n']):,}",
        help=explained.help(
            "adjusted_rand", "Mean and range of Leiden with other seeds."
        ),
    )
