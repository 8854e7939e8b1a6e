"""The contact sheet: pictures of what quality control left out, by reason."""

from __future__ import annotations

import streamlit as st

from app import data
from edp_core.errors import MissingArtifactError
from edp_core.store import read_array, read_table


def rows(organ: str) -> dict[str, list[int]]:
    """Reason → numbers of its pictures in the stored sheet.

    A picture of a blank volume is told from one of an empty mask by eye, so pictures of
    a reason that befell few people are not shown at all. Of the others as many are
    shown as the threshold says, so that their number tells nothing; people are counted,
    since one has two kidneys.
    """
    try:
        folder = data.store().at(f"images/{organ}")
    except MissingArtifactError:
        return {}
    if not (folder / "sheet.npy").is_file():
        return {}
    reasons = read_table(folder, "sheet")["reason"]
    people = read_table(folder, "files").groupby("reason")["eid"].nunique()
    least = data.study().disclosure.threshold
    found = {}
    for reason in reasons.unique():
        places = reasons.index[reasons == reason].tolist()[:least]
        if people[reason] >= least and len(places) == least:
            found[str(reason)] = places
    return found


def draw(organ: str) -> None:
    """Draw the sheet, where the study allows images and there is anything to see."""
    found = rows(organ) if data.study().disclosure.images else {}
    if not found:
        return
    st.subheader("Left out", anchor=False)
    pictures = read_array(data.store().at(f"images/{organ}"), "sheet")
    for reason, places in found.items():
        st.caption(reason[0].upper() + reason[1:])
        st.image([pictures[place] for place in places], width=72)
