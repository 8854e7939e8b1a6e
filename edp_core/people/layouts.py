"""The layouts of diagnoses: each gives the same rows (eid, code, date) of text.

A batch of the table is taken apart column by column, so that the half million
participants × 259 columns of UK Biobank's main table never lie in memory at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from edp_core.people.episodes import Episodes
from edp_core.people.tables import Table

LIST = r"^[A-Za-z][0-9][0-9A-Za-z.]*(\s*,\s*[A-Za-z][0-9][0-9A-Za-z.]*)+$"
"""Codes with commas between, as against one code with a meaning that has a comma."""
WITH_MEANING = r"^([A-Za-z][0-9][0-9A-Za-z.]*)\s.*$"


@dataclass(frozen=True)
class Rows:
    """Diagnoses of one batch, one row each.

    Attributes
    ----------
    eid, code
        Text; null where the table has none.
    date
        Text as the table writes it, null where it has none; None where dates were
        not asked for.
    """

    eid: Any
    code: Any
    date: Any | None


def no_cells(count: int) -> Any:
    """So many missing cells."""
    return pa.nulls(count, pa.string())


# ---- wide ------------------------------------------------------------------------
def wide(
    table: Table, eid: str, pairs: Sequence[tuple[str, str | None]], *, dates: bool
) -> Iterator[Rows]:
    """A column for each diagnosis of a person, beside a column of its date.

    Parameters
    ----------
    table, eid
        The table and its column of ids.
    pairs
        Column of codes, and the column of their dates where there is one.
    dates
        Whether dates are read.
    """
    beside = [date for _, date in pairs if date is not None] if dates else []
    for batch in table.batches([eid, *(code for code, _ in pairs), *beside]):
        at, codes, when = [], [], []
        for code, date in pairs:
            cells = batch.column(code)
            if cells.null_count == len(cells):
                continue
            where = np.flatnonzero(cells.is_valid().to_numpy(zero_copy_only=False))
            at.append(where)
            codes.append(cells.drop_null())
            if dates:
                when.append(_taken(batch, date, where))
        if at:
            ids = batch.column(eid).take(np.concatenate(at))
            yield Rows(
                ids, pa.concat_arrays(codes), pa.concat_arrays(when) if dates else None
            )


def _taken(batch: Any, column: str | None, where: np.ndarray) -> Any:
    if column is None:
        return no_cells(len(where))
    return batch.column(column).take(where)


# ---- research platform -----------------------------------------------------------
def platform(
    table: Table,
    eid: str,
    pairs: Sequence[tuple[str, Mapping[int, str]]],
    *,
    dates: bool,
) -> Iterator[Rows]:
    """One cell holds all codes of a person: ``D261|E113`` or ``["F412","N318"]``.

    Parameters
    ----------
    table, eid
        The table and its column of ids.
    pairs
        Column of lists, and place in the list → column of that code's date.
    dates
        Whether dates are read.
    """
    beside = [name for _, dated in pairs for name in dated.values()] if dates else []
    for batch in table.batches([eid, *(code for code, _ in pairs), *beside]):
        for code, dated in pairs:
            lists = pc.split_pattern(_barred(batch.column(code)), "|")
            person = pc.list_parent_indices(lists).to_numpy().astype(np.int64)
            codes = pc.utf8_trim_whitespace(pc.list_flatten(lists))
            codes = pc.replace_substring_regex(codes, WITH_MEANING, r"\1")
            begins = np.searchsorted(person, person)
            place = np.arange(len(person)) - begins
            full = pc.not_equal(codes, "").to_numpy(zero_copy_only=False)
            when = None
            if dates:
                when = _placed(batch, dated, person=person[full], place=place[full])
            ids = batch.column(eid).take(person[full])
            yield Rows(ids, codes.filter(pa.array(full)), when)


def _barred(cells: Any) -> Any:
    """Lists of every style, written with bars."""
    bracketed = pc.match_substring_regex(cells, r"^\[.*\]$")
    inside = pc.utf8_trim(cells, "[] \"'")
    inside = pc.replace_substring_regex(inside, r"[\"']\s*,\s*[\"']", "|")
    cells = pc.if_else(bracketed, inside, cells)
    commas = pc.match_substring_regex(cells, LIST)
    return pc.if_else(commas, pc.replace_substring(cells, ",", "|"), cells)


def _placed(
    batch: Any, dated: Mapping[int, str], *, person: np.ndarray, place: np.ndarray
) -> Any:
    """Date of each code, by its place in the list."""
    order = np.argsort(place, kind="stable")
    parts: list[Any] = []
    start = 0
    for k, count in enumerate(np.bincount(place).tolist()):
        parts.append(_taken(batch, dated.get(k), person[order[start : start + count]]))
        start += count
    if not parts:
        return no_cells(0)
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_arrays(parts).take(back)


# ---- first occurrences -----------------------------------------------------------
def first_occurrences(
    table: Table, eid: str, pairs: Sequence[tuple[str, str, bool]], *, dates: bool
) -> Iterator[Rows]:
    """A column for each code: a cell that is not empty makes a case.

    Parameters
    ----------
    table, eid
        The table and its column of ids.
    pairs
        Column, its code, and whether its cells are dates.
    dates
        Whether dates are read.
    """
    for batch in table.batches([eid, *(name for name, *_ in pairs)]):
        for name, code, dated in pairs:
            cells = batch.column(name)
            if cells.null_count == len(cells):
                continue
            where = np.flatnonzero(cells.is_valid().to_numpy(zero_copy_only=False))
            when = cells.drop_null() if dated else no_cells(len(where))
            yield Rows(
                batch.column(eid).take(where),
                pa.repeat(pa.scalar(code), len(where)),
                when if dates else None,
            )


# ---- one row a diagnosis ---------------------------------------------------------
def long(
    table: Table,
    columns: tuple[str, str, str | None],
    *,
    level: str | None,
    dates: bool,
) -> Iterator[Rows]:
    """One row for each participant and code.

    Parameters
    ----------
    table
        The table.
    columns
        Its columns of ids, codes and dates.
    level
        Column of levels where only main diagnoses are meant.
    dates
        Whether dates are read.
    """
    eid, code, date = columns
    named = [eid, code, date if dates else None, level]
    for batch in table.batches(list(dict.fromkeys(n for n in named if n is not None))):
        if level is not None:
            batch = batch.filter(is_main(batch.column(level)))
        when = None
        if dates:
            when = no_cells(len(batch)) if date is None else batch.column(date)
        yield Rows(batch.column(eid), batch.column(code), when)


def is_main(levels: Any) -> Any:
    """Which cells of a column of levels mean a main diagnosis."""
    words = pa.array(["1", "1.0", "main", "primary"])
    return pc.is_in(pc.utf8_lower(levels), words)


# ---- hesin_diag ------------------------------------------------------------------
def hesin(
    table: Table,
    columns: tuple[str, str, str | None],
    *,
    level: str | None,
    episodes: Episodes | None,
    notes: Counter[str],
) -> Iterator[Rows]:
    """The table ``hesin_diag``, with dates where its episodes are given.

    Parameters
    ----------
    table
        The table.
    columns
        Its columns of ids, codes and numbers of episodes.
    level
        Column of levels where only main diagnoses are meant.
    episodes
        Dates; None where they are not asked for.
    notes
        Takes the counts of what was not found.
    """
    eid, code, number = columns
    named = [eid, code, level, number if episodes else None]
    for batch in table.batches([name for name in named if name is not None]):
        keep = pc.is_valid(batch.column(code))  # ICD-9 rows have no ICD-10 code
        notes["diagnosis row: no ICD-10 code"] += len(batch) - (
            pc.sum(keep).as_py() or 0
        )
        if level is not None:
            keep = pc.and_(keep, is_main(batch.column(level)))
        batch = batch.filter(keep)
        when = None
        if episodes is not None and number is not None:
            when = episodes.of(batch.column(eid), batch.column(number), notes)
        yield Rows(batch.column(eid), batch.column(code), when)
