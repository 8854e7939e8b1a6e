"""Clusters: where people gather in the embedding, and which codes gather there."""

import streamlit as st

from app import data, errors, guards, linked, maps, state, widgets
from app.clusters import codes as cluster_codes
from app.clusters import stability as stable
from app.clusters import view as cluster_view
from app.groups import codes as group_codes
from app.groups import panel as group_panel
from app.groups import steps as group_steps
from app.images import clusters as image_clusters

choice = state.choice()
widgets.title("Clusters", choice)
guards.need(
    f"atlas/{choice.organ}/{choice.encoder}",
    f"enrichment/{choice.organ}/{choice.encoder}",
)
if len(data.enrichment(choice.organ, choice.encoder)):
    cluster_view.card(choice, cluster_view.codes(choice))

left, right = st.columns(2, gap="large")
with left, widgets.loading(560):
    st.subheader("UMAP", anchor=False)
    colour = maps.choose(choice)
    cluster_view.umap(
        choice,
        colour,
        on_drawn=group_steps.drawing(choice, colour),
        on_picked=image_clusters.picked,
        outline=group_panel.outline(choice),
        group=group_panel.lit(choice, colour),
    )
    group = group_panel.section(choice)
with right, widgets.loading(560):
    codes = cluster_codes.plot(choice)
    with errors.shown():
        linked.histogram(choice, *group_panel.selected(choice, group))
image_clusters.behind_point(choice)
if group:
    group_codes.table(choice, group)
if codes is not None:
    cluster_codes.table(choice, codes)
group_panel.images(choice, group)
stable.offered(choice)
