"""What a screen needs before it can be drawn."""

from __future__ import annotations

import streamlit as st

from app import data, routes
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
    """Code chosen; where the study has none, says so, shows the ways on and stops."""
    if choice.code is None:
        why = (
            "This study has no diagnoses, so there is no disease to look at here."
            if data.inputs().phenome.traits.empty
            else "Every diagnosis code of this study has too few cases to be shown."
        )
        st.info(
            f"{why} Clusters, principal components and axes of the embedding, columns "
            "of the participants table and the export work without.",
            icon=":material/info:",
        )
        routes.link("clusters", "See the clusters of the embedding")
        routes.link("phenotype", "Make a phenotype of a principal component")
        st.stop()
    return choice.code
