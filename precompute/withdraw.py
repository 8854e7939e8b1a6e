"""Takes withdrawn participants out of a store: tables, images, embeddings, all of it.

Everything that holds one of their ids, or was computed from it, is deleted, and what
ingest makes is made again without them. Weights hold no one's id and are kept, unless
they are to be trained again: they become the encoder of the new images under its new
key, and their manifest says what they were trained with. A note of the weights lies in
the store while this goes on, so that a killed withdrawal goes on where it stopped.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edp_core.errors import InputError
from edp_core.prune import delete, sweep
from edp_core.store import Store, write_atomic
from edp_core.study import Study
from edp_core.withdrawals import ID_COLUMNS
from precompute.adopt import (
    Weights,
    adopt,
    delete_checkpoints,
    recipe_of,
    restate,
    weights_at,
)
from precompute.jobs import Jobs
from precompute.lineage import Place, Traces, find

NOTE = "withdrawal.json"


@dataclass
class Outcome:
    """What a withdrawal has removed, or would."""

    eids: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    weights: list[Weights] = field(default_factory=list)
    pending: bool = False
    """Whether a withdrawal that was cut off has been gone on with."""

    def __bool__(self) -> bool:
        return bool(self.eids or self.removed or self.weights or self.pending)


def survey(study: Study, store: Store, eids: Collection[str]) -> Outcome:
    """What `withdraw` would remove; nothing is changed."""
    if not store.root.is_dir():
        return Outcome()
    traces, weights = _plan(study, store, eids)
    return _outcome(store, traces, weights)


def withdraw(
    study: Study,
    store: Store,
    eids: Collection[str],
    *,
    ingest: Callable[[], None],
    retrain: bool = False,
) -> Outcome:
    """Remove participants from a store; the caller uses it alone.

    Parameters
    ----------
    eids
        Everybody who withdrew.
    ingest
        Does the study's ingest step again, without them.
    retrain
        Delete the weights made with them, so that the next run trains again.

    Raises
    ------
    InputError
        Where the store cannot be written, or the studio holds its database.
    EdpError
        As ``ingest`` raises; by then everything is deleted, and the same command goes
        on with the rest.
    """
    note = store.root / NOTE
    traces, weights = _plan(study, store, eids)
    outcome = _outcome(store, traces, weights)
    if not outcome:
        return outcome
    noted = {
        "weights": [vars(found) for found in weights.values()],
        "clean": sorted(traces.clean),
    }
    write_atomic(note, json.dumps(noted).encode())
    kept = {
        key: found
        for key, found in weights.items()
        if found.whole
        and found.slots
        and not (retrain and found.trained and found.shown)
    }
    gone = [place for place in traces.weights if place[1] not in kept]
    _delete(study, store, traces, weights=gone)
    for key, found in kept.items():
        restate(store, found, recipe_of(store, key))
    forget_files(study, store, eids)
    clean_database(store.root / "studio.db", eids)
    ingest()
    for found in kept.values():
        adopt(study, store, found)
    _delete_orphans(store, find(store, eids))
    left = find(store, eids)
    if left:
        raise RuntimeError(f"withdrawn participants are still in {left.places()}")
    note.unlink()
    return outcome


def forget_files(study: Study, store: Store, eids: Collection[str]) -> None:
    """Forget the hashes of their image files, whose names hold their ids."""
    fingerprints = Jobs(study, store).fingerprints
    fingerprints.forget(eids)
    fingerprints.save()
    sweep(store)


def clean_database(file: Path, eids: Collection[str]) -> None:
    """Delete their rows from the tables of `ID_COLUMNS`, and the bytes they took.

    Raises
    ------
    InputError
        Where the database is in use or damaged.
    """
    if not file.is_file() or not ID_COLUMNS:
        return
    try:
        with closing(sqlite3.connect(file, timeout=5)) as database:
            database.execute("PRAGMA secure_delete = ON")
            there = {
                name
                for (name,) in database.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                )
            }
            for table, column in ID_COLUMNS.items():
                if table in there:
                    database.executemany(
                        f'DELETE FROM "{table}" WHERE "{column}" = ?',
                        [(eid,) for eid in sorted(eids)],
                    )
            database.commit()
            database.execute("VACUUM")
    except sqlite3.Error as error:
        raise InputError(
            f"{file} cannot be cleaned: {error}",
            "close the studio, then run the same command again",
        ) from error


# ---- what is to be done ----------------------------------------------------------
def _plan(
    study: Study, store: Store, eids: Collection[str]
) -> tuple[Traces, dict[str, Weights]]:
    """Traces, and the weights among them by key, those of a cut-off try included."""
    noted = _noted(store)
    traces = find(store, eids, clean=noted.get("clean", ()))
    weights = {
        item["key"]: Weights(**item | {"slots": tuple(item["slots"])})
        for item in noted.get("weights", ())
        if store.folder("encoder", item["key"]).is_dir()
    }
    weights |= weights_at(study, store, traces.beside, shown=False)
    return traces, weights | weights_at(study, store, traces.weights, shown=True)


def _noted(store: Store) -> dict[str, Any]:
    try:
        return dict(json.loads((store.root / NOTE).read_text()))
    except FileNotFoundError:
        return {}


def _outcome(store: Store, traces: Traces, weights: Mapping[str, Weights]) -> Outcome:
    removed = Counter(kind for kind, _ in traces.artifacts)
    if traces.workspaces:
        removed["unfinished step"] = len(traces.workspaces)
    if traces.halves:
        removed["half-written folder"] = len(traces.halves)
    shown = [found for found in weights.values() if found.shown]
    listed = sorted(shown, key=lambda found: (found.slots, found.key))
    pending = (store.root / NOTE).is_file()
    return Outcome(len(traces.eids), removed, listed, pending)


# ---- doing it --------------------------------------------------------------------
def _delete(
    study: Study, store: Store, traces: Traces, *, weights: list[Place]
) -> None:
    """Slots first, so that no screen opens what goes; images last, they tell whose."""
    places = [*traces.artifacts, *weights]
    store.clear_refs(places)
    for kind, key in sorted(places, key=lambda place: place[0] == "images"):
        delete(store.folder(kind, key))
    for folder in [*traces.halves, *traces.workspaces]:
        shutil.rmtree(folder, ignore_errors=True)
    if traces.weights or any(kind == "images" for kind, _ in traces.artifacts):
        delete_checkpoints(study, store)


def _delete_orphans(store: Store, traces: Traces) -> None:
    """Delete what was made of images that are gone, though it is of nobody who goes.

    Images made again may be known by another content; then nothing leads to it.
    """
    places = [*traces.artifacts, *traces.weights]
    store.clear_refs(places)
    for kind, key in places:
        delete(store.folder(kind, key))
