"""Ingest: a table of vectors that were computed elsewhere becomes an embedding.

Every row of the file is used, or counted with its reason; every participant has a
vector, or is excluded with a reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from edp_core.artifacts import write_embedding
from edp_core.errors import AlignmentError
from edp_core.people.cohort import locate
from edp_core.people.lookup import find_eid
from edp_core.settings.encoders import GivenVectors
from edp_core.store import write_table
from edp_core.vectors.embedding import Embedding
from precompute import vector_tables

Report = Callable[[int, int], None]
NO_VECTOR = "no vector"
STRANGER = "vector of somebody who is not in the cohort"
NOT_FINITE = "missing, infinite or too large a value in the vector"
ZEROS = "vector of zeros only"
NO_INSTANCE = "instance of the vector is no whole number"
CONTRADICTION = "two vectors for one instance and side"
REPEATED = "vector repeated number by number, kept once"


@dataclass(frozen=True)
class _Kept:
    """Usable rows so far: place in the cohort, instance, side, and their vectors."""

    at: np.ndarray
    instance: np.ndarray
    side: np.ndarray
    vectors: np.ndarray


def ingest_vectors(
    path: Path,
    settings: GivenVectors,
    *,
    eids: np.ndarray,
    folder: Path,
    report: Report,
) -> None:
    """Read the vectors of the cohort's participants.

    Parameters
    ----------
    path
        Parquet, or text with a header: ``eid``, where there are any ``instance`` and
        ``side``, and one column of numbers for each axis.
    eids
        (n_participants,) ids of the cohort, sorted.
    folder
        Receives ``rows`` and ``vectors.npy`` (float32, sorted by id, instance and
        side), ``exclusions`` (eid, reason: participants without a usable vector) and
        ``notes`` (reason, count).

    Raises
    ------
    InputError
        Where there is no column of ids, or a column is no axis.
    AlignmentError
        Where nobody of the cohort has a usable vector.
    """
    names = vector_tables.names(path)
    eid = find_eid(settings.eid, names, path=path)
    key = [eid, *(name for name in vector_tables.KEY[1:] if name in names)]
    axes = [name for name in names if name not in key]
    vector_tables.check_axes(path, axes)
    notes: Counter[str] = Counter()
    reasons: dict[int, str] = {}
    kept: list[_Kept] = []
    done = 0
    for keys, vectors in vector_tables.blocks(path, key, axes=axes):
        kept.append(_usable(keys, vectors, eids=eids, notes=notes, reasons=reasons))
        done += len(vectors)
        report(done, max(done, 1))
    rows, order = _one_each(kept, eids=eids, notes=notes, reasons=reasons)
    if rows.empty:
        found = "; ".join(name for name, _ in notes.most_common()) or "it has no rows"
        raise AlignmentError(
            f"{path.name} has no usable vector of one of {len(eids)} participants: "
            f"{found}",
            "the ids there and in the participants table must be equal",
        )
    out = np.empty((len(rows), len(axes)), np.float32)
    place = np.full(sum(len(block.at) for block in kept), -1)
    place[order] = np.arange(len(order))
    start = 0
    for block in kept:
        to = place[start : start + len(block.at)]
        out[to[to >= 0]] = block.vectors[to >= 0]
        start += len(block.at)
    constant = int((np.ptp(out, axis=0) == 0).sum())
    if constant:
        notes["axis that is the same for everybody (counted in axes)"] = constant
    write_embedding(folder, Embedding(rows, out))
    have = np.isin(eids, rows["eid"].to_numpy(str))
    without = np.flatnonzero(~have)
    lost = [reasons.get(int(at), NO_VECTOR) for at in without]
    exclusions = pd.DataFrame({"eid": eids[without], "reason": lost}, dtype=str)
    write_table(folder, "exclusions", exclusions)
    counted = pd.DataFrame({"reason": list(notes), "count": list(notes.values())})
    write_table(folder, "notes", counted.astype({"reason": str, "count": "int64"}))


def _usable(
    keys: pd.DataFrame,
    vectors: np.ndarray,
    *,
    eids: np.ndarray,
    notes: Counter[str],
    reasons: dict[int, str],
) -> _Kept:
    at, decimals = locate(keys["eid"], eids)
    _note(notes, "eid written as a decimal number, read as whole", decimals)
    _note(notes, "vector without an id", int(keys["eid"].isna().sum()))
    _note(notes, STRANGER, int(((at < 0) & keys["eid"].notna().to_numpy(bool)).sum()))
    bad = np.full(len(at), "", dtype=object)
    whole = keys["instance"].str.fullmatch(r"\d{1,4}").fillna(False).to_numpy(bool)
    bad[~vectors.any(axis=1)] = ZEROS
    bad[~np.isfinite(vectors).all(axis=1)] = NOT_FINITE
    bad[~whole] = NO_INSTANCE
    known = at >= 0
    for row in np.flatnonzero(known & (bad != "")):
        reasons.setdefault(int(at[row]), bad[row])
        notes[f"vector left out: {bad[row]}"] += 1
    good = known & (bad == "")
    return _Kept(
        at[good],
        keys["instance"].to_numpy(dtype=object)[good],
        keys["side"].to_numpy(dtype=object)[good],
        vectors[good],
    )


def _one_each(
    kept: Sequence[_Kept],
    *,
    eids: np.ndarray,
    notes: Counter[str],
    reasons: dict[int, str],
) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of the embedding in order, and the place of each among the kept ones."""
    table = pd.DataFrame(
        {
            name: np.concatenate([getattr(block, name) for block in kept])
            if kept
            else []
            for name in ("at", "instance", "side")
        }
    )
    twice = table.duplicated(keep=False).to_numpy(bool)
    out = np.zeros(len(table), bool)
    if twice.any():
        starts = np.cumsum([0, *(len(block.at) for block in kept)])

        def vector(row: int) -> np.ndarray:
            block = int(np.searchsorted(starts, row, side="right")) - 1
            return np.asarray(kept[block].vectors[row - starts[block]])

        repeats = table[twice].groupby(["at", "instance", "side"], sort=False)
        for places in repeats.indices.values():
            first, *others = np.flatnonzero(twice)[places].tolist()
            same = all(np.array_equal(vector(first), vector(row)) for row in others)
            out[others if same else [first, *others]] = True
            _note(notes, REPEATED, len(others) if same else 0)
            if not same:
                _note(notes, f"vector left out: {CONTRADICTION}", 1 + len(others))
                reasons.setdefault(int(table["at"].to_numpy()[first]), CONTRADICTION)
    left = table[~out].assign(number=lambda t: t["instance"].astype(int))
    left = left.sort_values(["at", "number", "side"])
    rows = pd.DataFrame(
        {
            "eid": eids[left["at"].to_numpy(int)],
            "instance": left["instance"].to_numpy(),
            "side": left["side"].to_numpy(),
        },
        dtype=str,
    )
    return rows, left.index.to_numpy(int)


def _note(notes: Counter[str], reason: str, count: int) -> None:
    if count:
        notes[reason] += count
