"""Diseases: which codes the embedding separates, and how well the chosen one."""

import streamlit as st

from app import (
    data,
    figures,
    guards,
    linked,
    recipes,
    scan_view,
    state,
    vocabulary,
    widgets,
)
from app.plots import charts
from app.plots.auc_plot import auc_plot

choice = state.choice()
widgets.title("Diseases", choice)
guards.need(f"scan/{choice.organ}/{choice.encoder}")
tables = data.vocabularies(choice.organ, choice.encoder)
code = guards.need_code(choice)
name = choice.vocabulary or ""
table = tables[name]
tested = table[table["reason"] == ""]
related = scan_view.related(choice)
called = f"{choice.organ}-{choice.encoder}-{recipes.name_of(name)}"


left, right = st.columns([3, 2], gap="large")
with left:
    st.subheader(f"AUC–pval · {vocabulary.name_of(name)}", anchor=False)
    chosen = scan_view.chapter_filter(table)
    if len(tested):
        widgets.figure(
            auc_plot(
                scan_view.within(tested, chosen),
                code,
                n_tested=len(tested),
                baseline=scan_view.baseline(table),
                related=related,
            ),
            f"auc-pval-{called}",
            key="auc_plot",
            on_select=lambda: state.pick_point("auc_plot"),
        )
        st.caption(scan_view.plot_caption(table, related, choice.organ))
    else:
        st.info("No code has enough cases to be tested.")
    st.subheader("All codes", anchor=False)
    scan_view.codes(choice, table, chosen, name=f"scan-{called}")
with right, widgets.loading(600):
    st.subheader(vocabulary.plain(state.label(code)), anchor=False)
    row = table[table["code"] == code].iloc[0]
    scan_view.who_counts(row, choice)
    if row["reason"]:
        st.info(f"Not tested: {row['reason']}.", icon=":material/info:")
    else:
        scan_view.facts(row)
        score = data.phenotype(recipes.classifier(choice, code))
        cases = data.inputs(choice.organ, choice.encoder).phenome.cases(code)
        bars, (fpr, tpr) = figures.separation(score, cases)
        drawn = charts.bars(bars, x_title="Out-of-fold score, within-class SD")
        widgets.figure(
            linked.with_brush(drawn),
            f"histogram-{recipes.name_of(code)}",
            key="separation",
            on_select=lambda: linked.brushed("separation", score.values),
            selects="brush",
        )
        linked.to_map()
        widgets.figure(charts.roc_plot(fpr, tpr), f"roc-{recipes.name_of(code)}")
        st.caption(f"Drawn in steps of at least {figures.least()} cases and controls.")
