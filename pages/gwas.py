"""GWAS: results come home — what they found, beside each other and beside the code."""

import streamlit as st

from app import widgets
from app.gwas import (
    data as gwas_data,
)
from app.gwas import (
    every as gwas_every,
)
from app.gwas import (
    pair as gwas_pair,
)
from app.gwas import (
    reading as gwas_reading,
)
from app.gwas import (
    run as gwas_run,
)

widgets.title("GWAS")
names = gwas_data.names()
gwas_reading.section(opened=not names)
gwas_reading.mend()
if not names:
    gwas_reading.nothing_yet()
    st.stop()

one, two, every = st.tabs(
    ["One result", "Two results", "All results"],
    key="part",
    bind="query-params",
    on_change="rerun",
)
if one.open:
    with one, widgets.loading(420):
        gwas_run.draw(names)
if two.open:
    with two, widgets.loading(420):
        gwas_pair.draw(names)
if every.open:
    with every, widgets.loading(420):
        gwas_every.draw(names)
