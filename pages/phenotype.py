"""Phenotype: design a score, see what it holds, keep it in the basket."""

import streamlit as st

from app import charts, data, design, figures, guards, state, widgets

choice = state.choice()
widgets.title("Phenotype", choice)
guards.need(f"atlas/{choice.organ}/{choice.encoder}")

controls, result = st.columns([2, 3], gap="large")
with controls:
    drawn = design.controls(choice)
if drawn is None:
    st.stop()
score = data.phenotype(drawn.spec)
with controls:
    design.keep(drawn.spec, drawn.suggested_name)

with result:
    design.facts(score, drawn)
    for warning in design.warnings(drawn):
        st.info(warning, icon=":material/info:")
    st.subheader("Distribution", anchor=False)
    if score.kind == "binary":
        st.caption("A binary trait: cases are 1, controls 0.")
    else:
        widgets.figure(
            charts.bars(design.distribution(score, drawn), x_title=drawn.axis),
            f"distribution-{drawn.suggested_name}",
        )
    st.subheader("What it goes along with", anchor=False)
    table = figures.factors(score, unadjusted=design.unadjusted(drawn))
    table = design.with_control(table, drawn, score)
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
        settings=drawn.spec.model_dump_json(exclude={"name"}),
    )
