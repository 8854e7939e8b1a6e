"""Slices on disk: plain arrays in a row of files, read without decoding.

A biobank's slices outgrow one file and the memory. They are kept in `.npy` files, one
for each part of the images, and read through memory maps. Writing goes through ordinary
writes: a full disk then gives an error, where a map would end the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edp_core.errors import InputError, MissingArtifactError

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
        return self.shape[0]

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


Pixels = np.ndarray | Slices
"""Slices in memory or on disk."""


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


def write_slices(path: Path, images: Sequence[np.ndarray]) -> None:
    """Write the slices of several images, each (k, H, W, C), one after another."""
    first = images[0]
    header = {
        "descr": np.lib.format.dtype_to_descr(first.dtype),
        "fortran_order": False,
        "shape": (sum(map(len, images)), *first.shape[1:]),
    }
    with path.open("wb") as handle:
        np.lib.format.write_array_header_1_0(handle, header)
        for image in images:
            handle.write(np.ascontiguousarray(image).data)
    path.chmod(0o600)


def check_images(images: Pixels) -> None:
    """Raise `InputError` unless ``images`` are square slices, shape (n, H, H, C)."""
    if (
        images.ndim != 4
        or images.dtype not in (np.uint8, np.float16)
        or images.shape[1] != images.shape[2]
    ):
        raise InputError(
            f"Images have shape {images.shape} and type {images.dtype}, not "
            "(n, edge, edge, channels) and uint8 or float16",
            "delete the images artifact and run ingest again",
        )


def in_chunks(slices: Pixels, size: int) -> Iterator[np.ndarray]:
    """Slices a few at a time, in order."""
    for start in range(0, len(slices), size):
        yield np.asarray(slices[start : start + size])
