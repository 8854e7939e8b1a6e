"""Entry of the app: ``streamlit run app/main.py`` with EDP_STUDY set to a study."""

from __future__ import annotations

import streamlit as st

from app import data, errors, state
from app.routes import routes

st.set_page_config(
    page_title="EDP Studio", page_icon=":material/genetics:", layout="wide"
)
st.html("<style>.stMainBlockContainer {padding-top: 3rem}</style>")
page = st.navigation(routes())
with errors.shown():
    st.sidebar.markdown(f"### {data.study().name}")
    state.frame()
    page.run()
