"""The tab "Images" of the screen Phenotype."""

from __future__ import annotations

import streamlit as st

from app import errors
from app.images import (
    gate as images,
)
from app.images import (
    mean as image_mean,
)
from app.images import (
    occlusion as image_occlusion,
)
from app.images import (
    strip as image_strip,
)
from app.state import Choice
from edp_core.phenotype import Phenotype


def draw(choice: Choice, score: Phenotype | None, *, name: str) -> None:
    """Images along the phenotype, what moves it, and means of groups and controls."""
    with errors.shown():
        if not images.ready(choice.organ):
            return
        if score is not None:
            st.markdown("**Along the phenotype**")
            image_strip.draw(choice, score, name=name)
            st.markdown("**What of the image moves it**")
            with errors.shown():
                image_occlusion.draw(choice, score, name=name)
        st.markdown("**Mean image against matched controls**")
        image_mean.draw(choice, score, name=name)
