"""Chance: a random stream for each named quantity of a simulated study."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray


def stream(seed: int, name: str) -> np.random.Generator:
    """Random numbers of one named quantity, independent of every other name's."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def normal(seed: int, name: str, n: int) -> NDArray[np.float64]:
    """Standard normal numbers of one named quantity, shape (n,)."""
    return stream(seed, name).standard_normal(n)
