"""Reads tables of participants and diagnoses as text, column by column.

Nothing is converted here: a cell stays the text it was, so that an eid is never
turned into a float on the way in.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from edp_core.errors import InputError
from edp_core.people.cohort import clean_eids

MISSING = ["", "NA", "NaN", "nan", "N/A", "null", "NULL", "None", "."]


def read_columns(
    path: Path, columns: Mapping[str, str], *, others: bool = False
) -> pd.DataFrame:
    """Read named columns of a CSV, TSV, gzip or Parquet table as text.

    Parameters
    ----------
    path
        ``.csv``, ``.tsv``, ``.txt`` (delimiter found from the header), the same with
        ``.gz``, or ``.parquet``.
    columns
        Our name → the file's column; every one must be there.
    others
        Also keep the file's other columns, under their own names.

    Returns
    -------
    pandas.DataFrame
        Text columns under our names; missing is NA; row i is line i + 2 of the file.

    Raises
    ------
    InputError
        Where the file or a column is absent, or the text is not a table.
    """
    if not path.is_file():
        raise InputError(
            f"There is no table at {path}",
            "mend the path in study.toml (it is relative to that file)",
        )
    try:
        raw = _parquet(path) if path.suffix == ".parquet" else _text(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, EOFError) as error:
        raise InputError(
            f"{path.name} is not a table: {str(error).strip()}", "mend that line"
        ) from error
    except (UnicodeDecodeError, OSError, ValueError, zlib.error) as error:
        raise InputError(
            f"{path.name} cannot be read: {error}",
            "save it as UTF-8 text (.csv, .tsv, plain or .gz) or Parquet",
        ) from error
    for ours, theirs in columns.items():
        if theirs not in raw.columns:
            near = difflib.get_close_matches(theirs, raw.columns, n=3, cutoff=0.4)
            raise InputError(
                f"{path.name} has no column {theirs!r} (for {ours})",
                f"did you mean {', '.join(near)}?"
                if near
                else f"it has: {', '.join(map(str, raw.columns[:20]))}",
            )
    if raw.columns.duplicated().any():
        twice = sorted(set(raw.columns[raw.columns.duplicated()]))
        raise InputError(f"{path.name} has columns twice: {twice}", "rename one")
    table = pd.DataFrame({ours: raw[theirs] for ours, theirs in columns.items()})
    if others:
        taken = set(columns.values()) | set(columns)
        rest = [name for name in raw.columns if name not in taken]
        table = pd.concat([table, raw[rest]], axis=1)
    return table


def read_lines(path: Path) -> list[str]:
    """Lines of a small text file, stripped, blank ones left out."""
    if not path.is_file():
        raise InputError(f"There is no file at {path}", "mend the path in study.toml")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path.name} cannot be read: {error}", "save it as UTF-8 text"
        ) from error
    return [line.strip() for line in lines if line.strip()]


def read_eids(path: Path) -> list[str]:
    """Ids of a list with one a line, as in the file of withdrawals.

    Raises
    ------
    InputError
        Where a line is no id: a withdrawal must not be passed over.
    """
    cells = pd.Series(
        [line.strip("\"',;") for line in read_lines(path)], dtype="string"
    )
    eids, reasons, _ = clean_eids(cells)
    wrong = (reasons != "").to_numpy(bool)
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"{path.name}: {int(wrong.sum())} lines are no eid, the first is entry "
            f"{row + 1} ({reasons.iat[row]})",
            "write one eid a line and nothing else",
        )
    return [str(eid) for eid in eids]


def _text(path: Path) -> pd.DataFrame:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as handle:
        header = handle.readline()
        if not header.strip():
            raise pd.errors.EmptyDataError("the first line is empty")
        delimiter = max("\t,;", key=header.count)
        names = next(csv.reader([header], delimiter=delimiter, skipinitialspace=True))
        twice = sorted({name for name in names if name and names.count(name) > 1})
        if twice:  # pandas would rename the second
            raise InputError(f"{path.name} has columns twice: {twice}", "rename one")
        handle.seek(0)
        return pd.read_csv(
            handle,
            sep=delimiter,
            dtype=str,
            keep_default_na=False,
            na_values=MISSING,
            skipinitialspace=True,
            quoting=csv.QUOTE_MINIMAL,
            index_col=False,
        )


def _parquet(path: Path) -> pd.DataFrame:
    table = pq.read_table(path).to_pandas(ignore_metadata=True)
    text = pd.DataFrame(index=table.index)
    for name in table.columns:
        column = table[name]
        if pd.api.types.is_float_dtype(column):
            # whole numbers stored as floats (an eid column with a gap) stay whole
            whole = column.dropna()
            if np.isfinite(whole).all() and (whole == whole.round()).all():
                column = column.round().astype("Int64")
        text[name] = column.astype("string").replace(dict.fromkeys(MISSING, pd.NA))
    return text.reset_index(drop=True)
