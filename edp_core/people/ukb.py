"""Reads tables of participants and diagnoses as text, column by column.

Nothing is converted here: a cell stays the text it was, so that an eid is never
turned into a float on the way in.
"""

from __future__ import annotations

import csv
import difflib
import gzip
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from edp_core.errors import InputError

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
    except (UnicodeDecodeError, OSError, ValueError) as error:
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
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def _text(path: Path) -> pd.DataFrame:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as handle:
        header = handle.readline()
        if not header.strip():
            raise pd.errors.EmptyDataError("the first line is empty")
        delimiter = max("\t,;", key=header.count)
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
    table = pq.read_table(path).to_pandas()
    text = pd.DataFrame(index=table.index)
    for name in table.columns:
        column = table[name]
        if pd.api.types.is_float_dtype(column):
            # whole numbers stored as floats (an eid column with a gap) stay whole
            whole = column.dropna()
            if (whole == whole.round()).all():
                column = column.round().astype("Int64")
        text[name] = column.astype("string").replace(dict.fromkeys(MISSING, pd.NA))
    return text.reset_index(drop=True)
