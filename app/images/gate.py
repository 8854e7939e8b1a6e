"""The gate before every image: whether the study shows any, and who looked at how many.

A module that wants pixels asks here, and `app.gallery`, which alone sends them, asks
here as well. Where images are off nothing of any is read.
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import data
from app.export import handover
from app.state import Choice
from edp_core.errors import InputError
from edp_core.export import delivery
from edp_core.pixels import Pixels, open_pixels
from edp_core.store import read_array

SETTING = "`images = true` under `[disclosure]` in study.toml"
OFF = (
    "Images are not shown in this study. Whoever answers for the data can allow them: "
    f"{SETTING}."
)


def allowed() -> bool:
    """Whether the study lets screens show images."""
    return data.study().disclosure.images


def need() -> None:
    """Refuse to go on where images are off.

    Raises
    ------
    InputError
        With the setting that would allow them.
    """
    if not allowed():
        raise InputError("Images are not shown in this study", f"set {SETTING}")


def ready(organ: str) -> bool:
    """Whether there is an image to see of an organ; says why where there is none."""
    if not allowed():
        st.caption(f":material/hide_image: {OFF}")
        return False
    if data.study().organs[organ].images is None:
        st.caption(
            f":material/hide_image: The vectors of {organ} were given as a file: this "
            "study holds no images of it."
        )
        return False
    data.store().at(f"thumbnails/{organ}")
    return True


def sample(organ: str, count: int) -> np.ndarray:
    """A few thumbnails, (count, H, W, 3) uint8, evenly spread over the store.

    Raises
    ------
    InputError
        Where images are off.
    """
    need()
    pixels = read_array(data.store().at(f"thumbnails/{organ}"), "thumbnails")
    return np.array(pixels[np.linspace(0, len(pixels) - 1, count).astype(int)])


def left_out(organ: str) -> np.ndarray:
    """Pictures of what quality control left out, (n, H, W, 3) uint8.

    Raises
    ------
    InputError
        Where images are off.
    """
    need()
    return read_array(data.store().at(f"images/{organ}"), "sheet")


def pixels(choice: Choice) -> Pixels:
    """Images of the people an embedding holds; rows are those of ``inputs.seen``.

    Raises
    ------
    InputError
        Where images are off.
    MissingArtifactError
        Where there are none in the store.
    """
    need()
    slots = [f"{kind}/{choice.organ}" for kind in ("images", "thumbnails")]
    slots.append(f"embedding/{choice.organ}/{choice.encoder}")
    refs = tuple(data.store().ref(slot) for slot in (*slots, "cohort"))
    return _pixels(choice.organ, choice.encoder, refs)


@st.cache_resource(show_spinner=False, max_entries=4)
def _pixels(organ: str, encoder: str, keys: tuple[str, ...]) -> Pixels:
    given = data.inputs(organ, encoder)
    eids = given.eids[np.asarray(given.seen)]
    return open_pixels(data.store(), organ, eids=eids)


def looked(what: str, *, organ: str, count: int, view: str = "") -> None:
    """Enter a look at images into the audit log, once a session for each view.

    Parameters
    ----------
    what
        The kind of view, without a name of anybody.
    count
        How many images.
    view
        Tells views of one kind apart; it is not written.

    Raises
    ------
    InputError
        Where images are off, or the log cannot be written: then none is shown.
    """
    need()
    seen: set[tuple[str, str, str]] = st.session_state.setdefault("_looked", set())
    if (what, organ, view) in seen:
        return
    delivery.audit_images(
        data.study().store_path / "audit.log",
        handover.USER,
        what=what,
        organ=organ,
        images=count,
    )
    seen.add((what, organ, view))
