"""Whom of the demo's participants something wrong befalls."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edp_core.simulate.chance import stream

STRANGERS = 5
"""People with an image or a vector who are not in the participants table."""


def blemishes(
    numbers: Mapping[str, int], participants: int, *, seed: int
) -> np.ndarray:
    """(participants,) what is wrong with each one's data, empty for most.

    ``numbers`` says what is wrong with how many, no one twice.
    """
    faults = np.repeat(list(numbers), list(numbers.values()))
    blemish = np.full(participants, "", dtype=faults.dtype)
    order = stream(seed, "blemishes").permutation(participants)
    blemish[order[: len(faults)]] = faults
    return blemish
