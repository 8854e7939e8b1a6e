"""Clusters: where people gather in the embedding, and which codes gather there."""

import streamlit as st

from app import (
    cluster_view,
    data,
    errors,
    figures,
    group_codes,
    group_panel,
    guards,
    linked,
    maps,
    state,
    widgets,
)
from app import stability as stable
from app.enriched import q_line
from app.percentage_plot import percentage_plot

choice = state.choice()
widgets.title("Clusters", choice)
guards.need(
    f"atlas/{choice.organ}/{choice.encoder}",
    f"enrichment/{choice.organ}/{choice.encoder}",
)
SHARES = {
    "Prevalence in cluster": "share_of_cluster",
    "Share of cases": "share_of_cases",
}
cluster = choice.cluster or 0
table = data.enrichment(choice.organ, choice.encoder)
if len(table):
    cluster_view.card(choice, cluster_view.codes(choice))


def row_picked() -> None:
    """Make the clicked row's code the choice."""
    linked.picked_row("enrichment_table", list(here["code"]))


left, right = st.columns(2, gap="large")
with left:
    st.subheader("UMAP", anchor=False)
    colour = maps.choose(choice)
    cluster_view.umap(
        choice,
        colour,
        on_drawn=group_panel.drawing(choice, colour),
        outline=group_panel.outline(choice),
    )
    group = group_panel.section(choice)
    with errors.shown():
        linked.histogram(choice, *group_panel.selected(choice, group))
with right:
    if table.empty:
        widgets.cluster_sizes(figures.cluster_sizes(choice), choice)
    else:
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
            plot = percentage_plot(here, choice.code, share=measure, q_line=line)
            widgets.figure(
                plot,
                f"percentage-pval-{cluster}",
                key="percentage_plot",
                on_select=lambda: state.pick_point("percentage_plot"),
            )
            st.caption(cluster_view.caption(choice, here, line))
        else:
            where = "in this cluster" if choice.code else "in this study"
            st.info(f"No code has a count {where} that may be shown.")
if group:
    group_codes.table(choice, group)
if len(table):
    st.subheader(f"Codes in cluster {cluster}", anchor=False)
    cluster_view.codes_table(choice, here, on_select=row_picked)
st.subheader("Stability", anchor=False)
with errors.shown():
    stable.section(choice)
