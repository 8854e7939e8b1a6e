"""Codes of a drawn group: the strongest in words, all in a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import data, explained, linked, state, widgets
from app.clusters import view as cluster_view
from app.clusters.enriched import ADJUSTED
from app.groups import kept as groups
from app.groups.kept import Looked
from app.recipes import name_of
from app.state import Choice

TABLE = "group_table"
ORDER = tuple(
    {"share_of_cluster": "share_of_group", "n_cluster": "n_group"}.get(name, name)
    for name in cluster_view.ORDER
)
COLUMNS: dict[str, ColumnConfig | str | None] = {
    **widgets.ENRICHMENT_COLUMNS,
    "n_group": widgets.count_column("Group N", explained.help("n_group")),
    "n_both": widgets.count_column("Cases in group", explained.help("n_both")),
    "share_of_group": widgets.figure_column(
        "Prevalence in group", "percent", explained.help("share_of_cluster")
    ),
    "log10q": widgets.figure_column(
        "−log₁₀ q",
        "%.2f",
        explained.help("q", "Over all codes of all vocabularies in this group."),
    ),
}
CIRCULAR = "circular: the group was drawn on this code, or one that holds or is part"


def strongest(choice: Choice, looked: Looked) -> None:
    """The group's strongest codes, in the order of their p."""
    st.caption(
        "Enriched at q ≤ 0.05, strongest first; click one to choose it",
        help=explained.help("q"),
    )
    if not data.scan(choice.organ, choice.encoder).size:
        st.markdown("No code can be shown in this study.")
        return
    here = groups.codes(looked)
    here = here[~here["code"].isin(groups.circular(looked))]
    q = -np.log10(0.05)
    top = here[(here["odds_ratio"] > 1) & (here["log10q"] >= q)]
    rows = top.head(cluster_view.TOP).iterrows()
    lines = [(str(row["code"]), cluster_view.line(row)) for _, row in rows]
    if lines:
        linked.code_buttons(lines, key="group_enriched", across=False)
    else:
        st.markdown("None of the codes that may be shown.")


def table(choice: Choice, looked: Looked) -> None:
    """Every code of the chosen vocabulary in the group; a row picks its code."""
    whole = _noted(looked)
    if whole.empty:
        return
    st.subheader("Codes in the group", anchor=False)
    here = whole
    if choice.vocabulary is not None:
        held = data.vocabularies(choice.organ, choice.encoder)[choice.vocabulary]
        here = here[here["code"].isin(held["code"])].reset_index(drop=True)

    def picked() -> None:
        rows = st.session_state[TABLE].selection.rows
        if rows:
            state.pick_code(str(here["code"].iat[rows[0]]))

    hidden: dict[str, ColumnConfig | str | None] = {}
    if not cluster_view.adjusted_for():
        hidden = dict.fromkeys(ADJUSTED)
    linked.mark_row(TABLE, list(here["code"]), choice.code)
    st.dataframe(
        here,
        hide_index=True,
        key=TABLE,
        on_select=picked,
        selection_mode="single-row",
        column_order=ORDER,
        column_config=COLUMNS | hidden,
        placeholder=widgets.HIDDEN,
    )
    widgets.hidden_note(here, "n_both")
    st.caption(
        f"N = {looked.n:,} in the group, {len(looked.members) - looked.n:,} others. "
        "Fisher's exact test, two-sided, against everybody else with an embedding. A "
        "group is drawn by eye: where it was drawn on what is tested, p means nothing."
    )
    rule = looked.asked.rule
    widgets.table_download(
        whole,
        name_of("group", rule.organ, rule.encoder, str(choice.group or "drawn")),
        settings=_settings(looked),
    )


def _noted(looked: Looked) -> pd.DataFrame:
    """The codes as they are read: how each was adjusted, or what is circular."""
    rule = looked.asked.rule
    if not data.scan(rule.organ, rule.encoder).size:
        return pd.DataFrame()
    found = cluster_view.listed(groups.codes(looked))
    found = found.rename(columns={"share_of_cluster": "share_of_group"})
    if "note" not in found:
        found["note"] = ""
    mine = found["code"].isin(groups.circular(looked))
    return found.assign(note=found["note"].mask(mine, CIRCULAR))


def _settings(looked: Looked) -> str:
    rule = looked.asked.rule
    words = [
        f"N={looked.n} of {len(looked.members)}",
        "Fisher, all vocabularies",
        f"adjusted for {cluster_view.adjusted_for()} by logistic regression",
        f"{rule.organ}/{rule.encoder}, atlas {rule.atlas}",
        f"drawn on {rule.drawn_on or rule.outline.coloured_by}",
        f"rule {rule.outline.model_dump_json()}",
    ]
    return "; ".join(words)
