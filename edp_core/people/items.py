"""Other binary tables: medications, procedures, answers to a question.

Such a table is wide, a row for each participant and a column for each item, or long,
a row for each participant and item. A wide table knows of *no* and of *not known*; in
a long one whoever is not listed with an item does not have it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edp_core.errors import AlignmentError, InputError
from edp_core.people.cohort import locate
from edp_core.people.lookup import find_eid, no_column, shown
from edp_core.people.tables import Table, open_table
from edp_core.settings.people import TraitTable

YES = ("1", "1.0", "yes", "y", "true", "t")
NO = ("0", "0.0", "no", "n", "false", "f")
LONGEST = 80
"""Characters of an item: longer cells are text, not items."""


@dataclass(frozen=True)
class Items:
    """The items of one table.

    Attributes
    ----------
    table
        Name of the table in the study.
    codes, names
        (n_items,) what identifies an item, and what it is called.
    cases, unknown
        For each item row numbers of who has it, and of whom it is not known,
        ascending.
    notes
        Reason → count of rows left out.
    """

    table: str
    codes: Sequence[str]
    names: Sequence[str]
    cases: Sequence[np.ndarray]
    unknown: Sequence[np.ndarray]
    notes: Mapping[str, int]


def read_items(
    path: Path, settings: TraitTable, *, table: str, eids: np.ndarray
) -> Items:
    """Read one table of items.

    Parameters
    ----------
    path
        The table, of the kinds `open_table` takes.
    settings
        Its layout: long where ``code`` is set, else wide.
    table
        Its name in the study.
    eids
        (n_participants,) ids of the cohort, sorted.

    Raises
    ------
    InputError
        Where a column is absent, cells of a wide table are neither yes nor no, rows
        of a participant contradict each other, or items are too long.
    AlignmentError
        Where the table has rows and none is about a participant.
    """
    source = open_table(path)
    eid = find_eid(settings.eid, source.names, path=path, setting=f"traits.{table}.eid")
    read = _wide if settings.code is None else _long
    return read(source, settings, table=table, at=_Places(eid, eids, path))


@dataclass
class _Places:
    """Finds participants batch by batch and counts rows that are about nobody."""

    eid: str
    eids: np.ndarray
    path: Path
    rows: int = 0
    decimals: int = 0
    strangers: int = 0
    missing: int = 0

    def of(self, batch: Any) -> np.ndarray:
        cells = batch.column(self.eid).to_pandas().astype("string")
        at, decimals = locate(cells, self.eids)
        empty = int(cells.isna().sum())
        self.rows += len(at)
        self.decimals += decimals
        self.missing += empty
        self.strangers += int((at < 0).sum()) - empty
        return at

    def notes(self, table: str, **others: int) -> dict[str, int]:
        if self.rows and self.rows == self.strangers + self.missing:
            raise AlignmentError(
                f"{self.path.name}: none of its rows, from line 2 on, is about one of "
                "the participants",
                "the ids there and in the participants table must be equal: check "
                f"`eid` under [traits.{table}] in study.toml",
            )
        found = {
            "eid written as a decimal number": self.decimals,
            "no eid": self.missing,
            "participant is not in the cohort": self.strangers,
            **{name.replace("_", " "): count for name, count in others.items()},
        }
        return {f"{table} row: {reason}": n for reason, n in found.items() if n}


# ---- wide ------------------------------------------------------------------------
def _wide(source: Table, settings: TraitTable, *, table: str, at: _Places) -> Items:
    """A row for each participant, 0/1 or yes/no in each column."""
    path = source.path
    columns = list(settings.columns) or [n for n in source.names if n != at.eid]
    for name in columns:
        if name not in source.names:
            setting = f"traits.{table}.columns"
            raise no_column(name, source.names, path=path, setting=setting)
    # −1 not known; a participant without a row is not known of either
    held = np.full((len(columns), len(at.eids)), -1, np.int8)
    bad: Counter[str] = Counter()
    clash = np.zeros(len(at.eids), bool)
    for batch in source.batches([at.eid, *columns]):
        rows = at.of(batch)
        keep = rows >= 0
        for item, name in enumerate(columns):
            values = _answers(batch.column(name).to_pandas())
            bad[name] += int((values == BAD).sum())
            clash |= _put(held[item], rows[keep], values[keep])
    _refuse(bad, clash, path=path, table=table)
    listed = [np.flatnonzero(row == 1).astype(np.int32) for row in held]
    unknown = [np.flatnonzero(row < 0).astype(np.int32) for row in held]
    return Items(table, columns, columns, listed, unknown, at.notes(table))


BAD = -2


def _answers(cells: pd.Series) -> np.ndarray:
    """1 yes, 0 no, −1 missing, `BAD` anything else."""
    codes, spellings = pd.factorize(cells)
    lower = [str(text).lower() for text in spellings]
    meant = [1 if t in YES else 0 if t in NO else BAD for t in lower]
    return np.array([*meant, -1], np.int8)[codes]


def _put(held: np.ndarray, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Enter answers in place; (n_participants,) bool who answered yes and no."""
    yes = np.zeros(len(held), bool)
    no = np.zeros(len(held), bool)
    yes[rows[values == 1]] = True
    no[rows[values == 0]] = True
    yes |= held == 1
    no |= held == 0
    held[no] = 0
    held[yes] = 1
    return yes & no


def _refuse(bad: Counter[str], clash: np.ndarray, *, path: Path, table: str) -> None:
    wrong = {name: n for name, n in bad.items() if n}
    if wrong:
        # neither the cells nor how many of a column: they are people's
        listed = ", ".join(shown(wrong)[:10])
        raise InputError(
            f"{path.name}: {sum(wrong.values())} cells of {len(wrong)} columns are "
            f"neither 0, 1, yes, no nor missing" + (f": {listed}" if listed else ""),
            f"name the columns that are under `columns` of [traits.{table}], or, for a "
            "row for each participant and item, the column of items under `code`",
        )
    if clash.any():
        raise InputError(
            f"{path.name}: rows of a participant contradict each other, yes and no in "
            "one column",
            "leave one row for each participant",
        )


# ---- long ------------------------------------------------------------------------
def _long(source: Table, settings: TraitTable, *, table: str, at: _Places) -> Items:
    """A row for each participant and item."""
    path = source.path
    wanted = [settings.code or "", *([settings.name] if settings.name else [])]
    for name, setting in zip(wanted, ("code", "name"), strict=False):
        if name not in source.names:
            asked = f"traits.{table}.{setting}"
            raise no_column(name, source.names, path=path, setting=asked)
    cases: dict[str, list[np.ndarray]] = defaultdict(list)
    called: dict[str, Counter[str]] = defaultdict(Counter)
    no_item = too_long = 0
    for batch in source.batches(list(dict.fromkeys([at.eid, *wanted]))):
        rows = at.of(batch)
        codes, found = pd.factorize(batch.column(wanted[0]).to_pandas())
        no_item += int(((codes < 0) & (rows >= 0)).sum())
        long = np.array([len(str(text)) > LONGEST for text in found] + [False])
        too_long += int(long[codes].sum())
        keep = (codes >= 0) & (rows >= 0)
        order = np.argsort(codes[keep], kind="stable")
        ends = np.cumsum(np.bincount(codes[keep], minlength=len(found)))
        held = np.split(rows[keep][order], ends[:-1])
        for text, who in zip(found, held, strict=True):
            if len(who):
                cases[str(text)].append(who)
        if settings.name:
            cells = batch.column(wanted[1]).to_pandas()[keep]
            for item, name, count in _called(codes[keep], cells):
                called[str(found[item])][name] += count
    if too_long:
        raise InputError(
            f"{path.name}: {too_long} cells of `code` are longer than {LONGEST} "
            "characters, which is text and no item",
            f"name the column of items under `code` of [traits.{table}]",
        )
    items = sorted(cases)
    # the most frequent name is kept, the first in the alphabet of equals
    names = [
        min(called[i], key=lambda n: (-called[i][n], n)) if called[i] else i
        for i in items
    ]
    having = [np.unique(np.concatenate(cases[i])).astype(np.int32) for i in items]
    nobody = [np.zeros(0, np.int32)] * len(items)
    return Items(table, items, names, having, nobody, at.notes(table, no_item=no_item))


def _called(codes: np.ndarray, cells: pd.Series) -> Iterator[tuple[int, str, int]]:
    """Item, one of its names, and in how many rows it has it."""
    pairs = pd.DataFrame({"item": codes, "name": cells.to_numpy(object)}).dropna()
    counted = pairs.value_counts().reset_index()
    rows = zip(counted["item"], counted["name"], counted["count"], strict=True)
    for item, name, count in rows:
        yield int(item), str(name)[:LONGEST], int(count)
