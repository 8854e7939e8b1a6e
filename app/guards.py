"""What a screen needs before it can be drawn."""

from __future__ import annotations

import streamlit as st

from app import data
from app.state import Choice


def need(*slots: str) -> None:
    """Stop with the command to run where a slot is not in the store."""
    for slot in slots:
        data.store().at(slot)
    old = [slot for slot, _ in data.missing(list(slots))]
    if old:
        st.info(
            "The study file has changed since this was computed. What you see is of "
            f"the old settings until you run `{data.command()}`",
            icon=":material/update:",
        )


def need_code(choice: Choice) -> str:
    """Code chosen; stops with a word where the study has none to choose."""
    if choice.code is None:
        st.info(
            "This study has no diagnosis code that can be shown: there is no diagnoses "
            "table, or every code has too few cases. Clusters and the export of "
            "participants' columns work without codes.",
            icon=":material/info:",
        )
        st.stop()
    return choice.code
