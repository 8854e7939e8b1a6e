"""One run of a page reads the study file and the lists of the store once.

A page asks for the study a hundred times, and for the same few artifacts; each time
would look at the disk. What is remembered here ends with the run: `begin` forgets it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from edp_core.keys import Json
from edp_core.store import Store

Held = TypeVar("Held")


class _Run(threading.local):
    """Of the thread a page runs in; other threads never begin, so remember nothing."""

    held: dict[object, object] | None = None


_run = _Run()


def begin() -> None:
    """Start a run of a page: nothing is remembered of the one before."""
    _run.held = {}


def once(key: object, read: Callable[[], Held]) -> Held:
    """What was read in this run already, or is read now."""
    if _run.held is None:
        return read()
    if key not in _run.held:
        _run.held[key] = read()
    return cast(Held, _run.held[key])


class Glance(Store):
    """A store whose lists and manifests are read once in a run of a page."""

    def refs(self) -> dict[str, str]:
        """Slot → key."""
        return once(("refs", self.root), super().refs)

    def open(self, kind: str, key: str) -> Path:
        """Folder of an artifact, checked once in a run."""
        read = super().open
        return once(("open", self.root, kind, key), lambda: read(kind, key))

    def manifest(self, kind: str, key: str) -> dict[str, Json]:
        """Manifest of an artifact."""
        read = super().manifest
        return once(("manifest", self.root, kind, key), lambda: read(kind, key))
