"""Overview: what the study holds, who was left out and why, what is missing."""

import streamlit as st

from app import data, errors, state, summary, widgets
from app.images import contact_sheet, sample_images

study, choice = data.study(), state.choice()
widgets.title(study.name)
if study.description:
    st.markdown(study.description)
ready = summary.lacking(choice)
summary.numbers(choice, ready)

left, right = st.columns(2, gap="large")
with left:
    summary.participants(choice, ready)
with right:
    summary.encoder(choice, ready)
    if f"thumbnails/{choice.organ}" in ready:
        with errors.shown():
            sample_images.draw(choice.organ)
    if f"images/{choice.organ}" in ready:
        with errors.shown():
            contact_sheet.draw(choice.organ)
