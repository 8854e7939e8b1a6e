"""An occlusion in the store: written once, its changes read memory-mapped."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edp_core.appraisal.occlusion import Occlusion
from edp_core.errors import MissingArtifactError
from edp_core.store import Store, read_array, write_array

ARRAYS = ("rows", "sides", "shares", "edges", "plain", "changes")


def write_occlusion(folder: Path, occlusion: Occlusion) -> None:
    """Write an occlusion. It holds no ids: rows are places among the seen."""
    for name in ARRAYS:
        write_array(folder, name, getattr(occlusion, name))


def read_occlusion(store: Store, organ: str, encoder: str) -> Occlusion:
    """What leaving out parts of images does to their vectors.

    Raises
    ------
    MissingArtifactError
        Where it has not been computed (the study asks for none, or the encoder is not
        a masked autoencoder), is damaged, or is of another embedding than the slot
        holds: then its rows would be other people's.
    """
    pair = f"{organ}/{encoder}"
    folder = store.at(f"occlusion/{pair}")
    made_of = store.manifest("occlusion", store.ref(f"occlusion/{pair}"))["input_keys"]
    if made_of.get("embedding") != store.ref(f"embedding/{pair}"):
        raise MissingArtifactError(
            f"occlusion/{pair} is of another embedding", f"run: {store.remedy}"
        )
    arrays = {name: read_array(folder, name) for name in ARRAYS}
    small = {name: np.array(arrays[name]) for name in ARRAYS if name != "changes"}
    return Occlusion(**small, changes=arrays["changes"])
