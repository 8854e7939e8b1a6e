"""The contact sheet: pictures of what quality control left out, by reason."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import data
from edp_core.disclosure import is_small
from edp_core.errors import MissingArtifactError
from edp_core.store import read_array, read_table

OTHER = "other reasons"


def rows(organ: str) -> dict[str, list[int]]:
    """Reason → numbers of its pictures in the stored sheet.

    The number of pictures tells how many images a reason befell: reasons of few images
    are shown together, and not at all where they are still few.
    """
    try:
        folder = data.store().at(f"images/{organ}")
    except MissingArtifactError:
        return {}
    if not (folder / "sheet.npy").is_file():
        return {}
    shown = read_table(folder, "sheet")["reason"]
    counts = read_table(folder, "files")["reason"].value_counts()
    least = data.study().disclosure.threshold
    few = {reason for reason in shown.unique() if is_small(counts[reason], least)}
    pooled = ", ".join(sorted(few)) if len(few) > 1 else OTHER
    named = shown.where(~shown.isin(few), pooled)
    found = {
        str(reason): places.tolist()
        for reason, places in pd.Series(range(len(named))).groupby(named.to_numpy())
    }
    if few and is_small(sum(int(counts[reason]) for reason in few), least):
        del found[pooled]
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
