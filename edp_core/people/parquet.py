"""Parquet tables as the text that a CSV file would hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

BATCH_ROWS = 65536
"""Rows read at once."""


def column_names(path: Path) -> tuple[str, ...]:
    """Columns of a Parquet file; an index without a name is none."""
    names = pq.ParquetFile(path).schema_arrow.names
    return tuple(n for n in names if not re.fullmatch(r"__index_level_\d+__", n))


def text_batches(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    """Batches of columns as text.

    Raises
    ------
    ValueError
        Where a column holds something that has no text, such as a table of its own.
    """
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=list(columns)):
            yield pa.RecordBatch.from_arrays(
                [_as_text(batch.column(name), f"{name}") for name in columns],
                names=list(columns),
            )


def _as_text(cells: Any, name: str) -> Any:
    """Cells of any type as the text a CSV file would hold."""
    kind = cells.type
    if pa.types.is_dictionary(kind):
        cells = cells.cast(kind.value_type)
        kind = cells.type
    if pa.types.is_string(kind):
        return cells
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _as_text(cells.flatten(), name)
        parts = pa.ListArray.from_arrays(_offsets(cells), inner)
        return pc.if_else(pc.is_null(cells), pa.scalar(None), _joined(parts))
    if pa.types.is_floating(kind):
        wide = cells.cast(pa.float64())
        whole = pc.and_(pc.equal(pc.round(wide), wide), pc.less(pc.abs(wide), 2.0**53))
        whole = pc.fill_null(pc.and_(whole, pc.is_finite(wide)), False)
        # whole numbers stored as floats (an eid column with a gap) stay whole
        digits = pc.if_else(whole, wide, pa.scalar(0.0)).cast(pa.int64())
        return pc.if_else(whole, digits.cast(pa.string()), cells.cast(pa.string()))
    if pa.types.is_timestamp(kind):
        text = pc.strftime(cells, format="%Y-%m-%d")
        return text
    try:
        return cells.cast(pa.string())
    except pa.ArrowException:
        raise ValueError(f"column {name!r} holds {kind}, which is no text") from None


def _offsets(lists: Any) -> Any:
    """Where each list begins in the flattened cells; a null list is empty."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).cast(pa.int64())
    ends = pc.cumulative_sum(lengths)
    return pa.concat_arrays([pa.array([0], pa.int64()), ends]).cast(pa.int32())


def _joined(parts: Any) -> Any:
    filled = pa.ListArray.from_arrays(parts.offsets, pc.fill_null(parts.values, ""))
    return pc.binary_join(filled, "|")
