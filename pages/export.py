"""Export: the basket becomes files that regenie takes as they are."""

import streamlit as st

from app import data, routes, widgets
from app.basket import Basket
from app.export import halving, handover, lines

study = data.study()
widgets.title("Export")
basket = Basket(study.store_path)
handover.open_card(basket)
entries = basket.entries()
lines.undo_button(basket)
if not entries:
    st.info(
        "The basket is empty. Design a phenotype on the screen Phenotype and add it.",
        icon=":material/shopping_cart:",
    )
    routes.link("phenotype", "Design a phenotype")
    st.stop()

st.subheader("Basket", anchor=False)
chosen = lines.choose(basket, entries)
st.subheader("Check against genotypes", anchor=False)
genotypes = handover.sample_file()
st.subheader("Discovery and replication", anchor=False)
split = halving.choose()
if not chosen:
    st.info("Tick at least one phenotype.")
    st.stop()

files = handover.render(chosen, genotypes, split)
st.subheader("Files", anchor=False)
handover.report(files)
handover.preview(files)
left, right = st.columns(2)
with left:
    if st.button("Write to the server folder", type="primary", icon=":material/save:"):
        written = handover.write(files)
        st.success(written, icon=":material/check_circle:")
        st.toast(written, icon=":material/check:")
    st.caption(f"Goes to {study.disclosure.export_dir}/ beside study.toml.")
with right:
    if study.disclosure.downloads:
        handover.download(files)
        st.caption("This study allows downloads; each is written to the audit log.")
    else:
        st.caption(":material/lock: This study does not allow downloads.")
