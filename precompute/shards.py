"""Slices on disk: plain arrays in a row of files, read without decoding.

A biobank's slices outgrow one file and the memory. They are kept in `.npy` files of
about 128 MiB, written one after another and read through memory maps. Writing goes
through ordinary writes: a full disk then gives an error, where a map would end the
process.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edp_core.errors import InputError, MissingArtifactError

SHARD_BYTES = 128 * 2**20
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


class ShardWriter:
    """Writes slices one image after another; use it in a ``with`` block.

    Parameters
    ----------
    folder
        Where the files go.
    most_bytes
        About how large a file becomes; an image is never cut in two.
    """

    def __init__(self, folder: Path, *, most_bytes: int = SHARD_BYTES) -> None:
        self._folder, self._most = folder, most_bytes
        self._waiting: list[np.ndarray] = []
        self._bytes = self._files = 0

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush()

    def add(self, slices: np.ndarray) -> None:
        """Append one image's slices, shape (k, H, W, C)."""
        self._waiting.append(np.ascontiguousarray(slices))
        self._bytes += slices.nbytes
        if self._bytes >= self._most:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        first = self._waiting[0]
        header = {
            "descr": np.lib.format.dtype_to_descr(first.dtype),
            "fortran_order": False,
            "shape": (sum(map(len, self._waiting)), *first.shape[1:]),
        }
        path = self._folder / f"slices-{self._files:05d}.npy"
        with path.open("wb") as handle:
            np.lib.format.write_array_header_1_0(handle, header)
            for part in self._waiting:
                handle.write(part.data)
        path.chmod(0o600)
        self._files += 1
        self._waiting, self._bytes = [], 0


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
