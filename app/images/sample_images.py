"""A few images of an organ, to see on the first screen what the encoder sees."""

from __future__ import annotations

import streamlit as st

from app import data, tones
from app.gallery import Figure, Group, Tile, gallery
from app.images import gate as images

COUNT = 12


def draw(organ: str) -> None:
    """Draw them; nothing where the study shows no images."""
    if not images.allowed():
        return
    st.subheader("Images", anchor=False)
    pictures = images.sample(organ, COUNT)
    names = data.study().organs[organ].channel_names
    images.looked("a few of an organ", organ=organ, count=len(pictures))
    gallery(
        Figure(
            f"images-{organ}",
            "A few images as the encoder sees them",
            f"{len(pictures)} images of the {organ}, evenly spread over all"
            + (f"; channels {', '.join(names)}." if names else "."),
            [Group([Tile(tones.encode(p), f"Image of the {organ}") for p in pictures])],
            across=6,
            size=72,
        ),
        key="sample",
    )
