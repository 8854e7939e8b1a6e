"""Slices on disk: plain arrays in a row of files, read without decoding.

A biobank's slices outgrow one file and the memory. They are kept in `.npy` files, one
for each part of the images, and read through memory maps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edp_core.errors import MissingArtifactError

PATTERN = "slices-*.npy"


class Slices:
    """The slices of an organ, like an array of shape (n_slices, H, W, C).

    Parameters
    ----------
    shards
        Arrays that follow each other, all of one shape but for the first dimension.
    """

    def __init__(self, shards: list[np.ndarray]) -> None:
        self._shards = shards
        self._starts = np.cumsum([0, *map(len, shards)])
        self.shape = (int(self._starts[-1]), *shards[0].shape[1:])
        self.dtype = shards[0].dtype
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, wanted: Any) -> np.ndarray:
        """Slices by number, by a range or by an array of numbers, in that order."""
        if isinstance(wanted, slice):
            wanted = np.arange(*wanted.indices(len(self)))
        numbers = np.atleast_1d(np.asarray(wanted, np.int64))
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"slice outside 0 to {len(self) - 1}")
        out = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        where = np.searchsorted(self._starts, numbers, side="right") - 1
        for shard in np.unique(where):
            here = where == shard
            out[here] = self._shards[shard][numbers[here] - self._starts[shard]]
        return out if np.ndim(wanted) else out[0]


def open_slices(folder: Path) -> Slices:
    """Slices of an images artifact, memory-mapped.

    Raises
    ------
    MissingArtifactError
        Where there are none.
    """
    files = sorted(folder.glob(PATTERN))
    if not files:
        raise MissingArtifactError(
            f"There are no slices in {folder}",
            f"delete {folder} and run: python -m precompute run STUDY",
        )
    return Slices([np.load(f, mmap_mode="r", allow_pickle=False) for f in files])


def as_shown(slices: np.ndarray) -> NDArray[np.uint8]:
    """Stored values as colours, the same way for all images.

    Parameters
    ----------
    slices
        (…, C) uint8, or float16 in 0–1.

    Returns
    -------
    (…, 3) uint8. One channel is grey; of two the first is red, the second green and
    blue; of more the first three are red, green and blue. The square root of a
    volume's values is shown, since the fat of a liver is far below its water.
    """
    order = {1: [0, 0, 0], 2: [0, 1, 1]}.get(slices.shape[-1], [0, 1, 2])
    if slices.dtype != np.uint8:
        root = np.sqrt(np.asarray(slices, np.float32))
        slices = np.rint(255 * root).astype(np.uint8)
    return np.ascontiguousarray(slices[..., order])
