"""Entry of the app: ``python -m app`` runs it with EDP_STUDY set to a study."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app import data, errors, glance, state, toasts, tour, vocabulary
from app.routes import routes

# a file of ours: browsers would fetch a named icon from a server outside
ICON = Path(__file__).with_name("icon.svg")
st.set_page_config(page_title="EDP Studio", page_icon=ICON, layout="wide")
st.html(
    "<style>.stMainBlockContainer {padding-top: 3rem}"
    ":has(> [class*='st-key-hidden']) {display: none}"
    # Streamlit's own downloads say neither N nor settings; ours stand below
    "[data-testid=stElementToolbarButton]:has([aria-label^=Download]) {display: none}"
    "@media (max-width: 1000px) {.stMain .stColumn {min-width: min(100%, 13rem)}}"
    # on the dark theme's light blue the white of Streamlit cannot be read (2.3 : 1)
    ".stApp [data-testid^='stBaseButton-primary'], .stApp [data-tag],"
    ".stApp [data-tag] button {color: light-dark(white, #10141A)}"
    "</style>"
)
glance.begin()
page = st.navigation(routes())
with errors.shown():
    st.sidebar.markdown(f"### {vocabulary.plain(data.study().name)}")
    state.frame()
    tour.buttons()
    toasts.show()
    page.run()
