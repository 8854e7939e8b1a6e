"""Tables of vectors as streams: ids as text, axes as float32."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from edp_core.errors import InputError
from edp_core.people.cohort import MEASURED
from edp_core.people.lookup import check_header, shown
from edp_core.people.parquet import column_names
from edp_core.people.tables import open_table

BATCH_ROWS = 8192
KEY = ["eid", "instance", "side"]
FIRST_INSTANCE = "0"
"""Instance of a table that names none."""
NO_AXES = re.compile(r"Unnamed: \d+|index|level_\d+|fold|sex|age|" + MEASURED.pattern)
"""Columns of numbers that are no axes: taken for one, they would pass unseen."""


def names(path: Path) -> tuple[str, ...]:
    """Columns of the file; those of Parquet may be numbers, as pandas names them.

    Raises
    ------
    InputError
        Where it is no table, or has a column twice.
    """
    table = None if path.suffix == ".parquet" else open_table(path)
    if table is not None:
        return table.names
    try:
        names = column_names(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{path.name} cannot be read: it is no whole Parquet file",
            "write it again, as Parquet or as text with a header",
        ) from error
    check_header([name for name in names if not name.isdigit()], path=path)
    return names


def check_axes(path: Path, axes: Sequence[str]) -> None:
    """Refuse columns whose names say that they are something else, or a lone one."""
    strange = [name for name in axes if NO_AXES.fullmatch(name)]
    if strange:
        raise InputError(
            f"{path.name}: {len(strange)} columns are no axes: {_listed(strange)}",
            "keep eid, instance, side and the axes of the embedding only",
        )
    if len(axes) < 2:
        raise InputError(
            f"{path.name} has {len(axes)} columns of numbers beside the ids",
            "an embedding has two axes or more, one column each",
        )


def blocks(
    path: Path, key: Sequence[str], *, axes: Sequence[str]
) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Ids as text and vectors (n_rows, n_axes) float32, NaN where a cell is missing.

    Raises
    ------
    InputError
        Where a column of ``axes`` holds something else than numbers.
    """
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            numbers = [name for name in axes if _is_number(schema.field(name).type)]
            _all_numbers(path, axes, numbers)
            for batch in file.iter_batches(BATCH_ROWS, columns=[*key, *axes]):
                yield _keys(batch, key), _matrix(batch, axes)
        return
    for batch in open_table(path).batches([*key, *axes]):
        for start in range(0, batch.num_rows, BATCH_ROWS):
            part = batch.slice(start, BATCH_ROWS)
            numbers = [name for name in axes if _reads(part.column(name))]
            _all_numbers(path, axes, numbers)
            yield _keys(part, key), _matrix(part, axes)


def _all_numbers(path: Path, axes: Sequence[str], numbers: Sequence[str]) -> None:
    others = sorted(set(axes) - set(numbers))
    if others:
        raise InputError(
            f"{path.name}: {len(others)} of {len(axes)} columns hold something else "
            f"than numbers: {_listed(others)}",
            "keep eid, instance, side and one column of numbers for each axis",
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(shown(names)[:10]) or "their names are numbers"


def _is_number(kind: Any) -> bool:
    known = (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal)
    return any(is_one(kind) for is_one in known)


def _reads(cells: Any) -> bool:
    try:
        cells.cast(pa.float64())
    except pa.ArrowException:
        return False
    return True


def _keys(batch: Any, key: Sequence[str]) -> pd.DataFrame:
    """``eid, instance, side`` as text, NA missing."""
    cells = {}
    for ours, theirs in zip(["eid", *key[1:]], key, strict=True):
        # ids that are stored as whole numbers are their digits
        text = batch.column(theirs).cast(pa.string()).to_pylist()
        cells[ours] = pd.Series(text, dtype="string")
    found = pd.DataFrame(cells)
    for name, default in (("instance", FIRST_INSTANCE), ("side", "")):
        if name not in found:
            found[name] = pd.Series(default, index=found.index, dtype="string")
    found["side"] = found["side"].fillna("").str.strip()
    found["instance"] = found["instance"].str.replace(r"\.0+$", "", regex=True)
    return found


def _matrix(batch: Any, axes: Sequence[str]) -> np.ndarray:
    out = np.empty((batch.num_rows, len(axes)), np.float32)
    with np.errstate(over="ignore"):  # too large a number becomes infinite: counted
        for i, name in enumerate(axes):
            cells = batch.column(name).cast(pa.float64())
            out[:, i] = cells.to_numpy(zero_copy_only=False)
    return out
