"""What becomes of one image at ingest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Prepared:
    """One image ready for the store.

    Attributes
    ----------
    slices
        (k, size, size, channels): uint8 and one slice for a picture, float16 in 0–1
        for a volume.
    volume_ml
        The organ's volume in millilitres; NaN where it is not known.
    unknown
        Why the volume is not known; empty where it is, or for a picture.
    notes
        What was noticed; each is counted.
    """

    slices: np.ndarray
    volume_ml: float = np.nan
    unknown: str = ""
    notes: tuple[str, ...] = ()
