"""PheWAS: a phenotype against every code and every other field of the study."""

import streamlit as st

from app import guards, routes, state, vocabulary, widgets
from app.phewas import data as phewas_data
from app.phewas import source as phewas_source
from app.phewas import view as phewas_view

choice = state.choice()
phewas_source.remembered()
widgets.title("PheWAS", choice)
guards.need("phenome", f"scan/{choice.organ}/{choice.encoder}")
first, second = st.columns([2, 3], gap="medium")
with first:
    source = phewas_source.choose(choice)
if source is None:
    st.info(
        "There is no phenotype yet: no code can be shown in this study, and the basket "
        "is empty.",
        icon=":material/info:",
    )
    routes.link("phenotype", "Make a phenotype of a principal component")
    st.stop()
with second:
    chosen = phewas_source.covariates(source.spec)
with widgets.loading(600):
    table = phewas_data.phewas(source.spec, chosen)
    people, lost = phewas_data.counted(source.spec)
    st.caption(
        f"**{vocabulary.plain(source.title)}** · N = {people:,} · left out for want of "
        f"a covariate: {lost} · effects are for one SD of the phenotype"
    )
    for note in table.attrs["notes"]:
        st.caption(f":material/info: Covariates: {vocabulary.plain(note)}.")
    view = phewas_view.look(table)
    phewas_view.plots(view, choice, source.name)
    st.subheader("All outcomes", anchor=False)
    phewas_view.table(view, source, chosen)
    st.subheader("Forest", anchor=False)
    phewas_view.forests(view, choice, source.name)
