"""What may be deleted from a store, and deleting it so that a kill does no harm."""

from __future__ import annotations

import shutil
from pathlib import Path

from filelock import Timeout

from edp_core.refused import writing
from edp_core.store import MANIFEST, Store


def prune(store: Store) -> int:
    """Delete artifacts no slot refers to, directly or as an input; bytes freed.

    What a killed run left half written goes too; what another run is writing now
    stays.
    """
    freed = 0
    for folder in sorted(store.root.glob("*/*")):
        hidden = folder.name.startswith(".")
        if not hidden and not (folder / MANIFEST).is_file():
            continue
        key = folder.name.split(".")[1] if hidden else folder.name
        try:
            with store.lock(key, wait_s=0):
                # asked again under the lock: a run may have just finished it
                if hidden or (folder.parent.name, key) not in reached(store):
                    size = sum(p.stat().st_size for p in folder.rglob("*"))
                    delete(folder)
                    freed += size
        except Timeout:
            continue
    return freed + sweep(store)


def delete(folder: Path) -> None:
    """Delete an artifact's folder: at once absent, never damaged.

    It is hidden first; killed before the end, `prune` finds what is left.
    """
    hidden = folder
    if not folder.name.startswith("."):
        hidden = folder.with_name(f".{folder.name}.old")
        with writing(folder):
            shutil.rmtree(hidden, ignore_errors=True)
            folder.rename(hidden)
    with writing(folder):
        shutil.rmtree(hidden)


def reached(store: Store) -> set[tuple[str, str]]:
    """(kind, key) of every artifact that a slot refers to, directly or as an input."""
    found = {(slot.split("/")[0], key) for slot, key in store.refs().items()}
    for kind, key in sorted(found):
        found |= _inputs(store, kind, key)
    return found


def _inputs(store: Store, kind: str, key: str) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    if not (store.folder(kind, key) / MANIFEST).is_file():
        return found
    for name, below in store.manifest(kind, key)["input_keys"].items():
        pair = (name.split("/")[0], below)
        found |= {pair} | _inputs(store, *pair)
    return found


def sweep(store: Store) -> int:
    """Delete the single files that a kill left half written; bytes freed.

    They are written under the lock that is held here, so none is being written now.
    """
    freed = 0
    with store.lock("refs"):
        for path in store.root.glob(".*.partial"):
            freed += path.stat().st_size
            path.unlink()
    return freed
