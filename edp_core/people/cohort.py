"""The cohort: one typed row for each participant, and what was left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edp_core.errors import InputError

EID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"
SEX = {
    "F": "F", "f": "F", "0": "F", "female": "F", "Female": "F", "FEMALE": "F",
    "M": "M", "m": "M", "1": "M", "male": "M", "Male": "M", "MALE": "M",
}  # fmt: skip
"""Spellings of sex; 0 and 1 are UK Biobank's coding 9."""
PLAUSIBLE = {"age_years": (0.0, 120.0), "bmi": (8.0, 100.0)}
"""Our name → lowest and highest value kept; others become missing, counted."""


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


def clean_participants(
    raw: pd.DataFrame, *, categories: Sequence[str] = ("sex", "centre", "array")
) -> Cohort:
    """Turn a table of text into a cohort.

    Parameters
    ----------
    raw
        Text columns, ``eid`` among them, NA missing.
    categories
        Columns that are categories; the others are numbers where at least half of
        their cells are.

    Raises
    ------
    InputError
        Where no row has a usable id.
    """
    notes: dict[str, int] = {}
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
        columns[name] = _column(table[name], name in categories, notes)
    return Cohort(
        pd.DataFrame(columns),
        pd.concat(excluded, ignore_index=True).astype({"eid": str, "reason": str}),
        pd.DataFrame(
            {"reason": list(notes), "count": np.array(list(notes.values()), int)}
        ),
    )


def _column(cells: pd.Series, category: bool, notes: dict[str, int]) -> pd.Series:
    name = str(cells.name)
    text = cells.astype("string").str.strip()
    if name == "sex":
        coded = text.str.replace(r"^([01])\.0+$", r"\1", regex=True).map(SEX)
        _count(
            notes,
            "sex not understood, set missing",
            (coded.isna() & text.notna()).sum(),
        )
        return coded.astype("string")
    numbers = pd.to_numeric(text, errors="coerce").astype(float)
    numbers = numbers.where(np.isfinite(numbers))
    lost = numbers.isna() & text.notna()
    if category or lost.sum() > 0.5 * text.notna().sum():
        return text
    _count(notes, f"{name}: not a number, set missing", lost.sum())
    low, high = PLAUSIBLE.get(name, (-np.inf, np.inf))
    outside = (numbers < low) | (numbers > high)
    _count(notes, f"{name}: outside {low:g} to {high:g}, set missing", outside.sum())
    return numbers.where(~outside)


def _count(notes: dict[str, int], reason: str, count: int) -> None:
    if count:
        notes[reason] = notes.get(reason, 0) + int(count)
