"""Overview: what the study holds, who was left out and why, what is missing."""

import pandas as pd
import streamlit as st

from app import charts, data, figures, state, widgets
from edp_core.checkout import describe_encoder
from edp_core.disclosure import about, mask_count
from edp_core.exclusions import WITH_IMAGES, exclusions_of, notes_of
from edp_core.store import read_table

study, store, choice = data.study(), data.store(), state.choice()
widgets.title(study.name)
if study.description:
    st.markdown(study.description)

lacking = data.missing(data.slots_of(choice.organ, choice.encoder))
if lacking:
    st.warning(
        f"{len(lacking)} parts are not computed or out of date. Run:",
        icon=":material/hourglass_empty:",
    )
    st.code(data.command(), language="bash")
    st.table(pd.DataFrame(lacking, columns=["part", "why"]).set_index("part"))
ready = {slot for slot in data.slots_of(choice.organ, choice.encoder)} - {
    slot for slot, _ in lacking
}

people = exclusions_of(store, choice.organ)
columns = st.columns(4)
with columns[0]:
    used = (
        mask_count(people[WITH_IMAGES], study.disclosure.threshold) if people else None
    )
    widgets.number(f"Participants with {choice.organ} images", used)
scan = None
if f"scan/{choice.organ}/{choice.encoder}" in ready:
    scan = data.scan(choice.organ, choice.encoder)
with columns[1]:
    widgets.number("Codes shown", None if scan is None else len(scan))
with columns[2]:
    tested = None if scan is None else int((scan["reason"] == "").sum())
    least = study.analysis.min_cases
    widgets.number(f"Codes tested (at least {least} cases)", tested)
with columns[3]:
    atlas = f"atlas/{choice.organ}/{choice.encoder}" in ready
    widgets.number("Clusters", figures.n_clusters(choice) if atlas else None)

left, right = st.columns(2, gap="large")
with left:
    st.subheader("Participants", anchor=False)
    if people:
        st.dataframe(figures.flow(people), hide_index=True, width="stretch")
        st.caption(
            f"Population “{study.population}”. Counts below "
            f"{study.disclosure.threshold} are hidden."
        )
    else:
        st.caption("Known after the ingest step.")
    notes = notes_of(store, [choice.organ])
    if notes:
        st.subheader("Noticed in the data", anchor=False)
        threshold = study.disclosure.threshold
        st.dataframe(
            pd.DataFrame(
                [(r, about(n, threshold)) for r, n in notes.items()],
                columns=["What", "Count"],
            ),
            hide_index=True,
            width="stretch",
        )
with right:
    st.subheader("Encoder", anchor=False)
    how = describe_encoder(study, choice.organ, choice.encoder)
    st.markdown(f"**{choice.encoder}**: {how}.")
    encoder = f"encoder/{choice.organ}/{choice.encoder}"
    if encoder in ready and (store.at(encoder) / "loss.parquet").is_file():
        loss = read_table(store.at(encoder), "loss")
        widgets.figure(charts.loss_plot(loss), "training-loss")
    if study.disclosure.images and f"thumbnails/{choice.organ}" in ready:
        st.subheader("Images", anchor=False)
        st.image(list(data.thumbnails(choice.organ, 12)), width=72)
        names = study.organs[choice.organ].channel_names
        st.caption(
            "A few images as the encoder sees them"
            + (f"; channels {', '.join(names)}." if names else ".")
        )
