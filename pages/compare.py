"""Compare: phenotypes against each other, and the same people in other organs."""

import streamlit as st

from app import compare_picks, compare_views, guards, state, widgets

TABS = (
    "Two phenotypes",
    "Correlations",
    "Confounders",
)

choice = state.choice()
widgets.title("Compare", choice)
guards.need(f"atlas/{choice.organ}/{choice.encoder}")
chosen = compare_picks.picks(choice)
two, pairs, confounders = st.tabs(
    TABS, key="compared", bind="query-params", on_change="rerun"
)
if two.open:
    with two:
        compare_views.two(chosen)
if pairs.open:
    with pairs:
        compare_views.pairs(chosen)
if confounders.open:
    with confounders:
        compare_views.confounders(chosen)
