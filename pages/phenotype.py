"""Phenotype: design a score, see its GWAS and what it holds, keep it in the basket."""

import streamlit as st

from app import data, errors, guards, state, widgets
from app.live import gwas as live_gwas
from app.phenotype import appraisal, design, verdict
from edp_core.errors import EdpError

choice = state.choice()
widgets.title("Phenotype", choice)
guards.need(f"atlas/{choice.organ}/{choice.encoder}")

controls, result = st.columns([5, 6], gap="large")
with controls:
    drawn = design.controls(choice)
if drawn is None:
    st.stop()
spec, name = drawn.spec, drawn.suggested_name
st.session_state["_design"] = spec  # what *PheWAS* opens on
score = shown = None
with result, widgets.loading(400):
    try:
        score = data.phenotype(spec)
    except EdpError as error:
        # what needs no score, below, is drawn all the same
        errors.tell(error)
if score is not None:
    with controls:
        design.keep(drawn)
    with result, widgets.loading(400):
        shown = live_gwas.draw(choice, score, spec=spec, name=name)
        verdict.draw(score, spec, axis=drawn.axis, name=name)
appraisal.tabs(choice, score, spec=spec, name=name, shown=shown)
