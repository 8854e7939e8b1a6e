"""What a designed phenotype is worth: the tabs below the screen Phenotype."""

from __future__ import annotations

import streamlit as st

from app import figures, widgets
from app.images import tab as image_tab
from app.live import bases
from app.live import table as live_table
from app.live.loci import Shown
from app.phenotype import curve, power, probes, radar, verdict
from app.plots import charts
from app.state import Choice
from edp_core.phenotype import Phenotype
from edp_core.recipe import Spec

TABS = ("GWAS", "Confounder radar", "Few-shot curve", "Power", "Probes", "Images")


def tabs(
    choice: Choice,
    score: Phenotype | None,
    *,
    spec: Spec,
    name: str,
    shown: Shown | None = None,
) -> None:
    """Draw the tabs; only the open one is computed, and the link remembers it.

    Parameters
    ----------
    score
        `None` where the recipe has none: tabs that need none are drawn all the same.
    name
        Suggested name of the phenotype; downloads are called after it.
    shown
        The live GWAS; `None` where there are no genotypes.
    """
    # without genotypes the first tab would be an empty one; a score that is refused
    # must not change which one it is
    first = TABS[0] if bases.there(choice.organ, choice.encoder) else TABS[1]
    gwas, seen, few, strong, probed, pictured = st.tabs(
        TABS, default=first, key="look", bind="query-params", on_change="rerun"
    )
    if gwas.open:
        with gwas, widgets.loading(420):
            live_table.draw(shown, score, name)
    if seen.open:
        with seen:
            if score is None:
                _no_score()
            else:
                left, right = st.columns([3, 2], gap="large")
                with left, widgets.loading(420):
                    radar.draw(score, spec, name)
                with right, widgets.loading(300):
                    correlations(score, spec, name)
    if few.open:
        with few:
            curve.draw(spec, name)
    if strong.open:
        with strong:
            if score is None:
                _no_score()
            else:
                with widgets.loading(420):
                    power.draw(score, spec, name)
    if probed.open:
        with probed, widgets.loading(420):
            probes.draw(choice)
    if pictured.open:
        with pictured:
            image_tab.draw(choice, score, name=name)


def _no_score() -> None:
    st.caption("There is no score to appraise: the message above says why.")


def correlations(score: Phenotype, spec: Spec, name: str) -> None:
    """What the score goes along with, each by itself, and with the score unadjusted."""
    table = figures.factors(score, unadjusted=verdict.unadjusted(spec))
    table = verdict.with_control(table, spec, score)
    if verdict.leaves_out(score):
        table["n"] = table["n"].mask(table["n"].notna())
    if table.empty:
        st.info(
            "Nothing to compare with: the study has no age, sex, BMI or organ volume.",
            icon=":material/info:",
        )
        return
    st.markdown("**Which way it goes along with them**")
    widgets.figure(charts.intervals(table), f"factors-{name}")
    st.caption(
        f"Each by itself, N = {verdict.stated(score)} or those who have a value.",
        help="Pearson's r with Fisher's interval; for categories the multiple R of the "
        "regression on their levels, which has no direction.",
    )
    with st.expander("Table of the correlations", icon=":material/table:"):
        st.dataframe(
            table,
            hide_index=True,
            column_config=widgets.FACTOR_COLUMNS,
            placeholder=widgets.HIDDEN,
        )
        widgets.hidden_note(table, "n")
        settings = f"N = {verdict.stated(score)}; "
        settings += spec.model_dump_json(exclude={"name"})
        widgets.table_download(table, f"factors-{name}", settings=settings)
