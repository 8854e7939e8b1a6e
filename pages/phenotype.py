"""Phenotype: design a score, see what it holds, keep it in the basket."""

import streamlit as st

from app import appraisal, charts, data, design, guards, state, verdict, widgets

choice = state.choice()
widgets.title("Phenotype", choice)
guards.need(f"atlas/{choice.organ}/{choice.encoder}")

controls, result = st.columns([5, 6], gap="large")
with controls:
    drawn = design.controls(choice)
if drawn is None:
    st.stop()
spec = drawn.spec
score = data.phenotype(spec)
with controls:
    design.keep(drawn)

with result:
    verdict.facts(score, spec)
    for caution in [*verdict.cautions(spec), *verdict.doubts(score, spec)]:
        st.warning(caution, icon=":material/warning:")
    for warning in verdict.warnings(spec):
        st.info(warning, icon=":material/info:")
    st.subheader("Distribution", anchor=False)
    if score.kind == "binary":
        st.caption("A binary trait: cases are 1, controls 0.")
    else:
        widgets.figure(
            charts.bars(verdict.distribution(score, spec), x_title=drawn.axis),
            f"distribution-{drawn.suggested_name}",
        )
appraisal.tabs(choice, score, spec=spec, name=drawn.suggested_name)
