"""Overview: what the study holds, who was left out and why, what is missing."""

import streamlit as st

from app import contact_sheet, data, state, summary, widgets

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
    if study.disclosure.images and f"thumbnails/{choice.organ}" in ready:
        st.subheader("Images", anchor=False)
        st.image(list(data.thumbnails(choice.organ, 12)), width=72)
        names = study.organs[choice.organ].channel_names
        st.caption(
            "A few images as the encoder sees them"
            + (f"; channels {', '.join(names)}." if names else ".")
        )
    if f"images/{choice.organ}" in ready:
        contact_sheet.draw(choice.organ)
