"""Diseases: which codes the embedding separates, and how well the chosen one."""

import streamlit as st

from app import charts, data, figures, guards, recipes, state, widgets

choice = state.choice()
widgets.title("Diseases", choice)
guards.need(f"scan/{choice.organ}/{choice.encoder}")
code = guards.need_code(choice)
scan = data.scan(choice.organ, choice.encoder)


def row_picked() -> None:
    """Make the clicked row's code the choice."""
    rows = st.session_state["scan_table"].selection.rows
    if rows:
        state.pick_code(str(listed["code"].iat[rows[0]]))


tested = scan[scan["reason"] == ""]
listed = data.ranked(scan)
left, right = st.columns([3, 2], gap="large")
with left:
    st.subheader("AUC–pval", anchor=False)
    if len(tested):
        widgets.figure(
            charts.auc_plot(tested, code),
            f"auc-pval-{choice.organ}-{choice.encoder}",
            key="auc_plot",
            on_select=lambda: state.pick_point("auc_plot"),
        )
        st.caption(
            f"{len(tested)} codes with {data.study().analysis.min_cases} cases or "
            "more; click a point to pick its code. Dashed: AUC 0.5; dotted: p = 0.05 "
            "divided by the number of codes. Below 0.5 is chance, whatever its p."
        )
    else:
        st.info("No code has enough cases to be tested.")
    st.subheader("All codes", anchor=False)
    st.dataframe(
        listed,
        column_order=widgets.SCAN_ORDER,
        hide_index=True,
        key="scan_table",
        on_select=row_picked,
        selection_mode="single-row",
        column_config=widgets.SCAN_COLUMNS,
        placeholder=widgets.HIDDEN,
    )
    widgets.table_download(
        scan,
        f"scan-{choice.organ}-{choice.encoder}",
        settings=f"out-of-fold AUC; N={data.seen(choice.organ, choice.encoder)}; "
        f"{data.study().analysis}",
    )
with right:
    st.subheader(state.label(code), anchor=False)
    row = scan[scan["code"] == code].iloc[0]
    if row["reason"]:
        st.info(f"Not tested: {row['reason']}.", icon=":material/info:")
    else:
        widgets.facts(row)
        score = data.phenotype(recipes.classifier(choice, code))
        cases = data.inputs(choice.organ, choice.encoder).phenome.cases(code)
        bars, (fpr, tpr) = figures.separation(score, cases)
        widgets.figure(
            charts.bars(bars, x_title="Out-of-fold score, within-class SD"),
            f"histogram-{code}",
        )
        widgets.figure(charts.roc_plot(fpr, tpr), f"roc-{code}")
        st.caption(f"Drawn in steps of at least {figures.least()} cases and controls.")
