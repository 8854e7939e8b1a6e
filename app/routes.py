"""The screens, in the order of the work."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

PAGES = Path(__file__).resolve().parent.parent / "pages"


SCREENS = {
    "overview": ("Overview", ":material/dashboard:"),
    "diseases": ("Diseases", ":material/scatter_plot:"),
    "clusters": ("Clusters", ":material/bubble_chart:"),
    "phenotype": ("Phenotype", ":material/tune:"),
    "phewas": ("PheWAS", ":material/hub:"),
    "compare": ("Compare", ":material/compare_arrows:"),
    "export": ("Export", ":material/ios_share:"),
    "gwas": ("GWAS", ":material/genetics:"),
}


def routes() -> list[StreamlitPage]:
    """Pages for `st.navigation`."""
    return [_page(name) for name in SCREENS]


def link(name: str, text: str) -> None:
    """Draw a link to a screen, so that an empty one is no dead end."""
    st.page_link(_page(name), label=text)


def go(name: str, **choices: str) -> None:
    """Open a screen; what the link holds goes along, with what is chosen on it."""
    st.switch_page(_page(name), query_params=choices)


def _page(name: str) -> StreamlitPage:
    title, icon = SCREENS[name]
    return st.Page(
        PAGES / f"{name}.py",
        title=title,
        icon=icon,
        url_path=name,
        default=name == "overview",
    )
