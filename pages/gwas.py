"""GWAS: results come home — what they found, beside each other and beside the code."""

import streamlit as st

from app import gwas_data, gwas_reading, gwas_run, widgets

widgets.title("GWAS")
names = gwas_data.names()
gwas_reading.section(opened=not names)
if not names:
    gwas_reading.nothing_yet()
    st.stop()

gwas_run.draw(names)
