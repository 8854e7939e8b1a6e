"""The screens, in the order of the work."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

PAGES = Path(__file__).resolve().parent.parent / "pages"


def routes() -> list[StreamlitPage]:
    """Pages for `st.navigation`."""
    listed = [
        ("overview", "Overview", ":material/dashboard:"),
        ("diseases", "Diseases", ":material/scatter_plot:"),
        ("clusters", "Clusters", ":material/bubble_chart:"),
        ("phenotype", "Phenotype", ":material/tune:"),
        ("export", "Export", ":material/ios_share:"),
    ]
    return [
        st.Page(
            PAGES / f"{name}.py",
            title=title,
            icon=icon,
            url_path=name,
            default=name == "overview",
        )
        for name, title, icon in listed
    ]
