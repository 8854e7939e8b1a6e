"""Slices on their way: written to disk, and handed to a network a few at a time.

They are read through the memory maps of `edp_core.slices`. Writing goes through
ordinary writes: a full disk then gives an error, where a map would end the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from edp_core.errors import InputError
from edp_core.slices import Slices

Stack = np.ndarray | Slices
"""Slices in memory or on disk."""


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


def check_images(images: Stack) -> None:
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


def in_chunks(slices: Stack, size: int) -> Iterator[np.ndarray]:
    """Slices a few at a time, in order."""
    for start in range(0, len(slices), size):
        yield np.asarray(slices[start : start + size])
