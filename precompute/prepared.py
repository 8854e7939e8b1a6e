"""What becomes of one image at ingest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from precompute.datasets import ImageFile
from precompute.readers.reasons import Unusable

FURTHER = "further image of the same instance, not used"


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


def first_usable(image: ImageFile, read: Callable[[ImageFile], Prepared]) -> Prepared:
    """Read an image, or the first of its later arrays that can be used.

    A second array mostly exists because the first went wrong.

    Raises
    ------
    Unusable
        Where none can be used; the reason is the first one's.
    """
    reasons: list[Unusable] = []
    candidates = (image, *image.further)
    for number, candidate in enumerate(candidates, 1):
        try:
            if candidate.problem:
                raise Unusable(candidate.problem)
            found = read(candidate)
        except Unusable as reason:
            reasons.append(reason)
            continue
        notes = [f"array left out, a later one is used: {said}" for said in reasons]
        notes += [FURTHER] * (len(candidates) - number)
        return replace(found, notes=(*found.notes, *notes))
    raise reasons[0]
