"""Files of an artifact: tables, arrays, and writing that is whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from edp_core.refused import writing


def file_digest(path: Path) -> str:
    """First 16 hex digits of the sha256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()[:16]


def sync(path: Path) -> None:
    """Make a file or folder outlast a power cut.

    Raises
    ------
    InputError
        Where the disk turns out to be full only now, as some file systems find it.
    """
    with writing(path):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_atomic(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace a file by new content in one step.

    Raises
    ------
    InputError
        Where the disk is full or the folder is read-only; the old content stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with writing(path):
        try:
            with temporary.open("wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            temporary.chmod(mode)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def link(source: Path, target: Path) -> None:
    """Give a file a second name; where the disk knows no links, copy it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        target.chmod(0o600)


def write_table(folder: Path, name: str, table: pd.DataFrame) -> None:
    """Write ``name.parquet``, readable by the owner only; raises as `write_atomic`."""
    path = folder / f"{name}.parquet"
    with writing(path):
        table.to_parquet(path, index=False)
        path.chmod(0o600)


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Read ``name.parquet``."""
    return pd.read_parquet(folder / f"{name}.parquet")


def write_array(folder: Path, name: str, values: np.ndarray) -> None:
    """Write ``name.npy``, readable by the owner only; raises as `write_atomic`."""
    path = folder / f"{name}.npy"
    with writing(path), path.open("wb") as handle:
        np.lib.format.write_array(_Plain(handle), values, allow_pickle=False)
        path.chmod(0o600)


def write_stacked(
    folder: Path,
    name: str,
    parts: Iterable[np.ndarray],
    *,
    shape: tuple[int, ...],
    dtype: np.dtype,
) -> None:
    """Write ``name.npy`` of arrays one below another, one at a time in memory.

    Parameters
    ----------
    parts
        Arrays that together have ``shape``.

    Raises
    ------
    ValueError
        Where they have not.
    """
    path = folder / f"{name}.npy"
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    rows = 0
    with writing(path), path.open("wb") as handle:
        np.lib.format.write_array_header_1_0(_Plain(handle), header)
        for part in parts:
            rows += len(part)
            handle.write(np.ascontiguousarray(part, dtype).tobytes())
        path.chmod(0o600)
    if rows != shape[0]:
        raise ValueError(f"{name}: {rows} rows instead of {shape[0]}")


class _Plain:
    """A file that numpy cannot tell for one.

    To a real file numpy writes by itself, and where the disk is full it raises an error
    without a number, which nobody can tell from another.
    """

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle

    def write(self, content: bytes) -> int:
        """Pass bytes on."""
        return self._handle.write(content)


def read_array(folder: Path, name: str) -> np.ndarray:
    """Memory-map ``name.npy``, read-only."""
    values: np.ndarray = np.load(
        folder / f"{name}.npy", mmap_mode="r", allow_pickle=False
    )
    return values
