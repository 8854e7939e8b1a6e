"""Locks between processes that share a store."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from edp_core.errors import InputError
from edp_core.refused import writing


@contextmanager
def hold(path: Path, *, wait_s: float = -1) -> Iterator[None]:
    """Hold a lock alone; a second process waits here, for ever by default.

    Raises
    ------
    filelock.Timeout
        Where it was not to be had in ``wait_s``.
    InputError
        Where the lock's file cannot be made.
    """
    lock = FileLock(path)
    with writing(path):
        lock.acquire(timeout=wait_s)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def use(path: Path, *, alone: bool, busy: InputError) -> Iterator[None]:
    """Use a store together with others, or alone.

    Parameters
    ----------
    alone
        Needs that nobody else uses it, and keeps everybody out.
    busy
        Raised where it cannot be had now: nothing waits here.
    """
    with writing(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        yield
    finally:
        os.close(handle)  # which ends the lock
