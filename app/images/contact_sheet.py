"""The contact sheet: pictures of what quality control left out, by reason."""

from __future__ import annotations

import streamlit as st

from app import data, tones
from app.gallery import Figure, Group, Tile, gallery
from app.images import gate as images
from edp_core.errors import MissingArtifactError
from edp_core.store import read_table


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
    found = rows(organ) if images.allowed() else {}
    if not found:
        return
    st.subheader("Left out", anchor=False)
    pictures = images.left_out(organ)
    groups = [
        Group(
            [
                Tile(tones.encode(pictures[place]), f"Left out: {reason}")
                for place in places
            ],
            title=reason[0].upper() + reason[1:],
        )
        for reason, places in found.items()
    ]
    shown = sum(len(group.tiles) for group in groups)
    images.looked("left out by quality control", organ=organ, count=shown)
    least = data.study().disclosure.threshold
    gallery(
        Figure(
            f"left-out-{organ}",
            f"Images of the {organ} that quality control left out",
            f"{least} of each reason that befell at least so many people; N of each "
            "stands above.",
            groups,
            across=least,
            size=72,
        ),
        key="left_out",
    )
