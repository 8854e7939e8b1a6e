"""Clusters: where people gather in the embedding, and which codes gather there."""

import streamlit as st

from app import charts, data, figures, guards, state, widgets
from app.scatter import scatter

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
here = table[table["cluster"] == cluster].sort_values("log10p", ascending=False)


left, right = st.columns(2, gap="large")
with left:
    st.subheader("UMAP", anchor=False)
    colour: str | None = "cluster"
    if choice.code:
        options = ["cluster", "code"]
        colour = st.segmented_control(
            "Colour by", options, default=colour, key="colour", bind="query-params"
        )
    points, column, _ = figures.points(choice, colour or "cluster")
    scatter(
        points,
        figures.legend(choice, points, column),
        column=column,
        title="Cluster" if column == "cluster" else str(choice.code),
        name=f"umap-{choice.organ}-{choice.encoder}",
    )
    st.caption(
        f"N = {len(points):,} participants, one point each, in random order. Distances "
        "between far groups mean little in a UMAP; clusters come from the neighbour "
        "graph, not from this picture."
    )
    if column == "status":
        st.caption(widgets.CODE_COLOURS)
with right:
    if table.empty:
        widgets.cluster_sizes(figures.cluster_sizes(choice), choice)
        st.stop()
    st.subheader(f"Cluster {cluster}: percentage–pval", anchor=False)
    share = st.segmented_control(
        "Percentage",
        list(SHARES),
        default="Prevalence in cluster",
        key="share_of",
        bind="query-params",
    )
    if here["log10p"].notna().any():
        widgets.figure(
            charts.percentage_plot(
                here, choice.code, share=SHARES[share or "Prevalence in cluster"]
            ),
            f"percentage-pval-{cluster}",
            key="percentage_plot",
            on_select=lambda: state.pick_point("percentage_plot"),
        )
        size = figures.cluster_size(choice)
        st.caption(
            f"Cluster {cluster}: N = {size}. Fisher's exact test, two-sided: a "
            "depleted code is significant too. Dotted: p = 0.05. The clusters never "
            "saw the codes; correct for the number of tests (q below)."
        )
    else:
        where = "in this cluster" if choice.code else "in this study"
        st.info(f"No code has a count {where} that may be shown.")

st.subheader(f"Codes in cluster {cluster}", anchor=False)
st.dataframe(
    here.drop(columns=["chapter", "cluster"]),
    hide_index=True,
    column_config=widgets.ENRICHMENT_COLUMNS,
    placeholder=widgets.HIDDEN,
)
widgets.hidden_note(here, "n_both")
widgets.table_download(
    table,
    f"enrichment-{choice.organ}-{choice.encoder}",
    settings=f"Fisher, all clusters; N={data.seen(choice.organ, choice.encoder)}; "
    f"{data.study().analysis}",
)
