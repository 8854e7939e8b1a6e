"""Phenotype: design a score, see what it holds, keep it in the basket."""

import streamlit as st

from app import charts, data, design, figures, guards, state, verdict, widgets

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
    st.subheader("What it goes along with", anchor=False)
    table = figures.factors(score, unadjusted=verdict.unadjusted(spec))
    table = verdict.with_control(table, spec, score)
    if table.empty:
        st.info(
            "Nothing to compare with: the study has no age, sex, BMI or organ volume.",
            icon=":material/info:",
        )
        st.stop()
    widgets.figure(charts.intervals(table), f"factors-{drawn.suggested_name}")
    st.dataframe(
        table,
        hide_index=True,
        column_config=widgets.FACTOR_COLUMNS,
        placeholder=widgets.HIDDEN,
    )
    widgets.hidden_note(table, "n")
    widgets.table_download(
        table,
        f"factors-{drawn.suggested_name}",
        settings=spec.model_dump_json(exclude={"name"}),
    )
