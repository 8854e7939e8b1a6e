"""Diagnoses of any layout become one long table of text.

UK Biobank hands diagnoses out in four layouts, and studies of other people bring a
long table. Which one it is shows in the header.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from edp_core.errors import InputError
from edp_core.people.cohort import locate
from edp_core.people.dates import decimal_years
from edp_core.people.headers import rows_of
from edp_core.people.layouts import Rows, no_cells
from edp_core.people.tables import open_table
from edp_core.settings.people import Diagnoses


@dataclass(frozen=True)
class Found:
    """What a table of diagnoses holds.

    Attributes
    ----------
    rows
        ``eid, icd10, date``: text as it stands, as pandas categories; one row for each
        diagnosis. ``date`` is empty where it was not asked for.
    notes
        Reason → count of rows left out or mended.
    """

    rows: pd.DataFrame
    notes: Mapping[str, int]


def read_diagnoses(
    path: Path, settings: Diagnoses, *, episodes: Path | None = None
) -> Found:
    """Read the diagnoses table the way the study file says.

    Dates are read only where `prevalent_only` needs them.

    Parameters
    ----------
    path
        The table, of the kinds `open_table` takes.
    settings
        Layout, columns and level.
    episodes
        The table ``hesin`` beside ``hesin_diag``.

    Raises
    ------
    InputError
        Where a file or a column is absent, or the text is not a table.
    """
    notes: Counter[str] = Counter()
    table = open_table(path)
    seen: list[int] = []

    def stream(columns: Sequence[str]) -> Iterator[Any]:
        for batch in table.stream(columns):
            seen.append(len(batch))
            yield batch

    counted = replace(table, stream=stream)
    found = rows_of(counted, settings, episodes=episodes, notes=notes)
    rows = _gathered(found, dates=settings.prevalent_only)
    if not sum(seen):
        notes["diagnoses table without rows"] = 1
    return Found(rows, {reason: n for reason, n in notes.items() if n})


def prevalent(found: Found, people: pd.DataFrame) -> Found:
    """Keep the diagnoses dated on or before the day of imaging.

    One whose date is not known counts; so does one of a participant whose day of
    imaging is not known. Both are counted.

    Parameters
    ----------
    found
        Diagnoses with dates.
    people
        The cohort's participants, sorted, with ``imaging_date`` in decimal years.

    Raises
    ------
    InputError
        Where the participants have no date of imaging.
    """
    imaging = people.get("imaging_date")
    if imaging is None or not pd.api.types.is_numeric_dtype(imaging):
        raise InputError(
            "prevalent_only needs the day of imaging, which the participants table "
            "does not have",
            'name it: imaging_date = "53" under [participants.columns] in study.toml',
        )
    at, _ = locate(found.rows["eid"], people["eid"].to_numpy(str))
    years, _, unreadable = decimal_years(found.rows["date"])
    day = np.append(imaging.to_numpy(float), np.nan)[at]  # −1, a stranger, takes it
    listed = at >= 0
    later = years > day
    notes = Counter(found.notes)
    notes["diagnosis after the day of imaging, left out"] = int(later.sum())
    notes["diagnosis date that cannot be read, taken as not known"] = unreadable
    notes["diagnosis without a known date, counted as before imaging"] = int(
        (np.isnan(years) & listed).sum()
    )
    notes["diagnosis of a participant without a day of imaging, kept"] = int(
        (np.isnan(day) & ~np.isnan(years) & listed).sum()
    )
    kept = {reason: n for reason, n in notes.items() if n}
    return Found(found.rows[~later].reset_index(drop=True), kept)


def _gathered(found: Iterator[Rows], *, dates: bool) -> pd.DataFrame:
    parts: list[list[Any]] = [[], [], []]
    for rows in found:
        when = rows.date if dates else no_cells(len(rows.eid))
        for part, cells in zip(parts, (rows.eid, rows.code, when), strict=True):
            part.append(cells.dictionary_encode())
    kind = pa.dictionary(pa.int32(), pa.string())
    columns = {}
    for name, part in zip(("eid", "icd10", "date"), parts, strict=True):
        whole = pa.chunked_array(part, kind).unify_dictionaries()
        columns[name] = whole.combine_chunks().to_pandas()
    return pd.DataFrame(columns)
