"""The chosen cluster's codes on the screen Clusters: the plot, and the table below."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import data, figures, linked, state, widgets
from app.clusters import view as cluster_view
from app.clusters.enriched import q_line
from app.plots.percentage_plot import percentage_plot
from app.state import Choice

SHARES = {
    "Prevalence in cluster": "share_of_cluster",
    "Share of cases": "share_of_cases",
}


def plot(choice: Choice) -> pd.DataFrame | None:
    """Draw percentage against p of the cluster's codes; they, in its table's order.

    Where no code can be shown the sizes of the clusters are drawn, and there are none.
    """
    table = data.enrichment(choice.organ, choice.encoder)
    if table.empty:
        widgets.cluster_sizes(figures.cluster_sizes(choice), choice)
        return None
    cluster = choice.cluster or 0
    st.subheader(f"Cluster {cluster}: percentage–pval", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        share = st.segmented_control(
            "Percentage",
            list(SHARES),
            default="Prevalence in cluster",
            key="share_of",
            bind="query-params",
        )
        only = st.toggle("Enriched only", key="enriched", bind="query-params")
    here = cluster_view.codes(choice, enriched_only=only)
    if here["log10p"].notna().any():
        line = q_line(table)
        measure = SHARES[share or "Prevalence in cluster"]
        widgets.figure(
            percentage_plot(here, choice.code, share=measure, q_line=line),
            f"percentage-pval-{cluster}",
            key="percentage_plot",
            on_select=lambda: state.pick_point("percentage_plot"),
        )
        st.caption(cluster_view.caption(choice, here, line))
    else:
        where = "in this cluster" if choice.code else "in this study"
        st.info(f"No code has a count {where} that may be shown.")
    return here


def table(choice: Choice, here: pd.DataFrame) -> None:
    """Draw the table of the cluster's codes; a row picks its code."""
    st.subheader(f"Codes in cluster {choice.cluster or 0}", anchor=False)
    codes = list(here["code"])
    cluster_view.codes_table(
        choice, here, on_select=lambda: linked.picked_row("enrichment_table", codes)
    )
