"""What keeps a file from being written, named: a full disk, a read-only store.

Only errors of *writing* are named here. A table or image that cannot be read is told
of by whoever reads it, so that a full disk is never taken for a bad source file.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edp_core.errors import InputError

FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your quota on this disk is used up",
    errno.EFBIG: "a file may not become that large here (ulimit -f, or the disk)",
}
CLOSED = {
    errno.EROFS: "the disk is mounted read-only",
    errno.EACCES: "its permissions do not allow it",
    errno.EPERM: "its permissions do not allow it",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Put nothing but writes to ``path`` into this block.

    Raises
    ------
    InputError
        Where the disk is full or the place is read-only; says how much is free.
    """
    try:
        yield
    except OSError as error:
        named = refusal(error, path)
        if named is None:
            raise
        raise named from error


def building(error: OSError, folder: Path, *, within: Path) -> InputError | None:
    """The error of a block that fills ``folder`` and reads other files as well.

    Reading never finds a disk full; a lack of permission is ours only where the error
    names a file ``within`` the store.
    """
    if error.errno in FULL:
        return refusal(error, Path(error.filename) if error.filename else folder)
    place = Path(str(error.filename)) if error.filename else None
    return refusal(error, place) if place and place.is_relative_to(within) else None


def refusal(error: OSError, path: Path) -> InputError | None:
    """The named error of a refused write, None where it failed for another reason."""
    shown = Path(*map(_whole, path.parts))
    again = "then run the same command again: what is done stays done"
    if error.errno in FULL:
        return InputError(
            f"{shown} cannot be written: {FULL[error.errno]}; {_free(path)} are free",
            "free space there, or set `store` in study.toml to another disk; " + again,
        )
    if error.errno in CLOSED:
        return InputError(
            f"{shown} cannot be written: {CLOSED[error.errno]}",
            "mend permissions or the mount, or set `store` in study.toml to another "
            "folder; " + again,
        )
    return None


def _whole(part: str) -> str:
    """Name of what was being written, whose hidden folder is gone by then."""
    hidden = part.startswith(".") and part.endswith(".partial")
    return part[1:].removesuffix(".partial") if hidden else part


def _free(path: Path) -> str:
    for place in (path, *path.parents):
        try:
            free = shutil.disk_usage(place).free
        except OSError:
            continue
        return f"{free / 1e6:,.1f} MB"
    return "unknown amounts"
