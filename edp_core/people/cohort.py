"""The cohort: one typed row for each participant, and what was left out and why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edp_core.errors import InputError
from edp_core.people.dates import decimal_years
from edp_core.people.values import SPELLINGS

EID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"
RANGES: Mapping[str, tuple[float, float]] = {
    "age_years": (37, 90),
    "bmi": (10, 80),
    "height_cm": (120, 220),
    "weight_kg": (30, 250),
    "waist_cm": (40, 200),
    "hip_cm": (50, 220),
    "year_of_birth": (1930, 1975),
    "townsend": (-10, 15),
    "imaging_date": (2000, 2040),
}
"""Our name → lowest and highest value kept, of UK Biobank's participants.

Others become missing, counted; so do its special codes below zero ("do not know").
"""

MEASURED = re.compile(
    "|".join(RANGES) + r"|pc[0-9]+|head_(scaling|motion)|scanner_(x|y|z|table)"
)
"""Our names of numbers: they never become text, unless they are named as categories."""


@dataclass(frozen=True)
class Cohort:
    """Participants with what is known of them.

    Attributes
    ----------
    participants
        Sorted by ``eid`` (text, unique); numbers as float64 (NaN missing), categories
        as text (NA missing).
    exclusions
        ``eid, reason``: participants of the table that are not in ``participants``;
        ``eid`` is empty where the cell was no id.
    notes
        ``reason, count``: cells and rows that were mended or set missing.
    """

    participants: pd.DataFrame
    exclusions: pd.DataFrame
    notes: pd.DataFrame

    @property
    def listed(self) -> int:
        """Participants in the table, excluded ones counted."""
        return len(self.participants) + len(self.exclusions)


def clean_eids(cells: pd.Series) -> tuple[pd.Series, pd.Series, int]:
    """Make ids of the cells of an id column.

    Returns
    -------
    eids
        Text; NA where the cell is no id.
    reasons
        Why a cell is no id; empty where it is one.
    decimals
        How many ids had been written as decimals (``1000001.0``).
    """
    text = cells.astype("string").str.strip()
    decimal = text.str.fullmatch(r"\d+\.0+").fillna(False)
    text = text.where(~decimal, text.str.replace(r"\.0+$", "", regex=True))
    reasons = pd.Series("", index=cells.index, dtype="string")
    reasons[text.isna()] = "empty eid"
    scientific = text.str.fullmatch(r"[+-]?\d+(\.\d+)?[eE][+-]?\d+").fillna(False)
    reasons[scientific] = "eid in scientific notation: digits are lost"
    wrong = ~text.str.fullmatch(EID).fillna(False) & (reasons == "")
    reasons[wrong] = "eid is not letters, digits, _ and -"
    return text.where(reasons == ""), reasons, int(decimal.sum())


def locate(cells: pd.Series, eids: np.ndarray) -> tuple[np.ndarray, int]:
    """Find the participants of many rows; every spelling of an id is read once.

    Parameters
    ----------
    cells
        An id column of any table.
    eids
        (n_participants,) ids, text, sorted.

    Returns
    -------
    at
        (n_rows,) place in `eids`; −1 where the row is about nobody of them.
    decimals
        How many ids had been written as decimals (``1000001.0``).
    """
    codes, spellings = pd.factorize(cells)
    text = pd.Series(np.asarray(spellings, object), dtype="string")
    found, _, _ = clean_eids(text)
    ids = found.fillna("").to_numpy(str)
    place = np.full(len(ids) + 1, -1)  # the last is for missing cells
    if len(eids):
        near = np.minimum(np.searchsorted(eids, ids), len(eids) - 1)
        place[:-1] = np.where(eids[near] == ids, near, -1)
    decimal = np.append((text.str.strip() != found).fillna(False).to_numpy(bool), False)
    return place[codes], int(decimal[codes].sum())


def clean_participants(
    raw: pd.DataFrame,
    *,
    categories: Sequence[str] = ("sex", "centre", "array"),
    ranges: Mapping[str, tuple[float, float]] | None = None,
    unread: Mapping[str, int] | None = None,
) -> Cohort:
    """Turn a table of text into a cohort.

    Parameters
    ----------
    raw
        Text columns, ``eid`` among them, NA missing.
    categories
        Columns that are categories; the others are numbers where at least half of
        their cells are, or where they are `MEASURED` or have a range.
        ``imaging_date`` is a date and becomes a decimal year.
    ranges
        Our name → lowest and highest value kept, laid over `RANGES`.
    unread
        Notes of what was not read, by reason; they become the cohort's.

    Raises
    ------
    InputError
        Where no row has a usable id.
    """
    notes = dict(unread or {})
    kept = {**RANGES, **(ranges or {})}
    eids, reasons, decimals = clean_eids(raw["eid"])
    _count(notes, "eid written as a decimal number, read as whole", decimals)
    bad = reasons != ""
    excluded = [pd.DataFrame({"eid": "", "reason": reasons[bad].astype(str)})]
    table = raw.loc[~bad].assign(eid=eids[~bad].astype(str))
    if table.empty:
        raise InputError(
            f"No row of the participants table has a usable eid ({len(raw)} rows)",
            "check `participants.eid` in study.toml",
        )
    rows = len(table)
    table = table.drop_duplicates()
    _count(notes, "row repeated word for word, kept once", rows - len(table))
    twice = table["eid"].duplicated(keep=False)
    contradicting = sorted(set(table.loc[twice, "eid"]))
    excluded.append(
        pd.DataFrame(
            {
                "eid": contradicting,
                "reason": "duplicate eid: rows contradict each other",
            }
        )
    )
    table = table.loc[~twice].sort_values("eid", ignore_index=True)
    columns: dict[str, pd.Series] = {"eid": table["eid"]}
    for name in [name for name in table.columns if name != "eid"]:
        columns[name] = _column(
            table[name], name in categories, notes, kept=kept.get(name)
        )
    return Cohort(
        pd.DataFrame(columns),
        pd.concat(excluded, ignore_index=True).astype({"eid": str, "reason": str}),
        pd.DataFrame(
            {"reason": list(notes), "count": np.array(list(notes.values()), int)}
        ),
    )


def _column(
    cells: pd.Series,
    category: bool,
    notes: dict[str, int],
    *,
    kept: tuple[float, float] | None,
) -> pd.Series:
    name = str(cells.name)
    text = cells.astype("string").str.strip()
    if name in SPELLINGS:
        spelt, known = SPELLINGS[name]
        text = spelt(text)
        if known:
            wrong = text.notna() & ~text.isin(known)
            _count(notes, f"{name} not understood, set missing", wrong.sum())
            return text.where(~wrong)
    if name == "imaging_date":
        numbers = _dates(text, notes)
    else:
        numbers = pd.to_numeric(text, errors="coerce").astype(float)
        numbers = numbers.where(np.isfinite(numbers))
        lost = numbers.isna() & text.notna()
        measured = kept is not None or MEASURED.fullmatch(name) is not None
        if category or (not measured and lost.sum() > 0.5 * text.notna().sum()):
            return text
        _count(notes, f"{name}: not a number, set missing", lost.sum())
    low, high = kept or (-np.inf, np.inf)
    outside = (numbers < low) | (numbers > high)
    _count(notes, f"{name}: outside {low:g} to {high:g}, set missing", outside.sum())
    return numbers.where(~outside)


def _dates(text: pd.Series, notes: dict[str, int]) -> pd.Series:
    """Decimal years, of dates or of decimal years."""
    years, sentinels, _ = decimal_years(text)
    numbers = pd.to_numeric(text, errors="coerce").to_numpy(float, na_value=np.nan)
    years = np.where(np.isnan(years) & np.isfinite(numbers), numbers, years)
    unread = np.isnan(years) & text.notna().to_numpy()
    name = str(text.name)
    _count(notes, f"{name}: a date that stands for none, set missing", sentinels)
    _count(notes, f"{name}: not a date, set missing", unread.sum() - sentinels)
    return pd.Series(years, index=text.index)


def _count(notes: dict[str, int], reason: str, count: int) -> None:
    if count:
        notes[reason] = notes.get(reason, 0) + int(count)
