"""Tables as streams of text: the header first, then chosen columns in batches.

UK Biobank's main table has over ten thousand columns and half a million rows, so a
table is never held whole: whoever reads names the columns and takes them batch by
batch. Nothing is converted: a cell stays the text it was, so that an eid is never
turned into a float on the way in.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from edp_core.errors import InputError
from edp_core.people.lookup import check_header
from edp_core.people.parquet import column_names, text_batches

MISSING = ["", "NA", "NaN", "nan", "N/A", "null", "NULL", "None", "."]
"""Spellings of a missing cell."""
BLOCK = 16 << 20
"""Bytes parsed at once; must hold a whole line, which may have 10,000s of cells."""
HEADER = 64 << 20
"""A first line longer than this is no header."""
NAMELESS = "\0"
"""Begins the stand-in for a column the header gives no name."""
SAVE_AS = "save it as UTF-8 text (.csv, .tsv, plain or .gz) or Parquet"
MAGIC = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file by another name",
    b"\x1f\x8b": "gzip by another name",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
"""First bytes of files that are no text table, and what they are."""


@dataclass(frozen=True)
class Table:
    """A table whose header has been read.

    Attributes
    ----------
    path
        The file.
    names
        Its columns that have a name, in the order of the file.
    stream
        Gives the cells of columns: what `batches` calls.
    nameless
        How many columns the header gives no name.
    delimiter
        What stands between cells; empty for Parquet.
    """

    path: Path
    names: tuple[str, ...]
    stream: Callable[[Sequence[str]], Iterator[Any]]
    nameless: int = 0
    delimiter: str = ""

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """Cells of some columns, in the order of the file.

        Parameters
        ----------
        columns
            Names of the file's columns, each once.

        Yields
        ------
        pyarrow.RecordBatch
            Text columns in the order asked for, without blanks around a cell;
            missing is null.

        Raises
        ------
        InputError
            Where the file is cut off, ragged or not text; it names the line where
            that is known, and never shows a cell.
        """
        chosen = list(columns)
        with _named(self.path):
            for batch in self.stream(chosen):
                yield pa.RecordBatch.from_arrays(
                    [_tidy(batch.column(name)) for name in chosen], names=chosen
                )


def open_table(path: Path) -> Table:
    """Read the header of a table.

    Parameters
    ----------
    path
        ``.csv``, ``.tsv``, ``.txt`` (tabs, commas or semicolons, found from the
        header), the same with ``.gz``, or ``.parquet``.

    Raises
    ------
    InputError
        Where the file is absent, is no table, has values where names should be, or
        names a column twice.
    """
    if not path.is_file():
        raise InputError(
            f"There is no table at {path}",
            "mend the path in study.toml (it is relative to that file)",
        )
    with _named(path):
        if path.suffix == ".parquet":
            table = Table(
                path, column_names(path), lambda columns: text_batches(path, columns)
            )
        else:
            table = _text(path)
    check_header(table.names, path=path)
    return table


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what a damaged file raises into an error that names the file."""
    try:
        yield
    except (UnicodeDecodeError, OSError, EOFError, csv.Error, zlib.error) as error:
        raise _unreadable(path, error) from error
    except (pa.ArrowException, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    said = str(error).strip()
    row = re.search(r"Row #(\d+)", said)
    where = f" in line {row.group(1)}" if row else ""
    if "UTF8" in said or isinstance(error, UnicodeDecodeError):
        return InputError(
            f"{path.name} cannot be read: it is not UTF-8 text{where}", SAVE_AS
        )
    if "CSV parse error" in said or "straddling" in said:  # it quotes the line
        return InputError(
            f"{path.name} is not a table{where}: a line cannot be taken apart",
            "mend that line",
        )
    return InputError(f"{path.name} cannot be read: {said[:200]}", SAVE_AS)


def _tidy(cells: Any) -> Any:
    """Cells without blanks around them, missing ones null."""
    if cells.null_count < len(cells):
        cells = pc.utf8_trim_whitespace(cells)
        # a blank before a quotation mark makes it part of the cell
        quoted = pc.match_substring_regex(cells, '^".*"$')
        if pc.any(quoted).as_py():
            cells = pc.if_else(quoted, pc.utf8_trim(cells, '"'), cells)
    return pc.if_else(pc.is_in(cells, pa.array(MISSING)), pa.scalar(None), cells)


# ---- text ------------------------------------------------------------------------
def _text(path: Path) -> Table:
    with path.open("rb") as file:
        start = file.read(8)
    for magic, kind in MAGIC.items():
        if start.startswith(magic) and not (path.suffix == ".gz" and "gzip" in kind):
            raise InputError(f"{path.name} cannot be read: it is {kind}", SAVE_AS)
    with _opened(path) as handle:
        head = handle.readline(HEADER)
    line = head.decode("utf-8-sig").splitlines()[:1]
    if not line or not line[0].strip():
        raise InputError(
            f"{path.name} is not a table: the first line is empty",
            "the first line must name the columns",
        )
    delimiter = max("\t,;", key=line[0].count)
    cells = next(csv.reader(line, delimiter=delimiter, skipinitialspace=True))
    names = [cell.strip() for cell in cells]
    keys = [name or f"{NAMELESS}{i}" for i, name in enumerate(names)]
    return Table(
        path,
        tuple(name for name in names if name),
        lambda columns: _cells(path, keys, delimiter, columns=columns),
        names.count(""),
        delimiter,
    )


def _opened(path: Path) -> AbstractContextManager[Any]:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


class _Counted:
    """A stream that counts the quotation marks and bytes that pass."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.marks, self.closed = stream, 0, False

    def read(self, size: int = -1) -> bytes:
        block = bytes(self.stream.read(size))
        self.marks += block.count(b'"')
        return block

    def close(self) -> None:
        self.closed = True


def _cells(
    path: Path, keys: list[str], delimiter: str, *, columns: Sequence[str]
) -> Iterator[Any]:
    """Batches of a text table; a line with cells missing or too many ends it."""
    ragged: list[tuple[int, int, int | None]] = []

    def note(row: Any) -> str:
        ragged.append((row.expected_columns, row.actual_columns, row.number))
        return "error"

    compression = "gzip" if path.suffix == ".gz" else None
    with pa.input_stream(str(path), compression=compression) as source:
        counted = _Counted(source)
        try:
            yield from pacsv.open_csv(
                pa.PythonFile(counted, mode="r"),
                pacsv.ReadOptions(
                    column_names=keys, skip_rows=1, block_size=BLOCK, use_threads=False
                ),
                pacsv.ParseOptions(
                    delimiter=delimiter,
                    newlines_in_values=True,
                    invalid_row_handler=note,
                ),
                pacsv.ConvertOptions(
                    include_columns=list(columns),
                    column_types=dict.fromkeys(columns, pa.string()),
                    strings_can_be_null=True,
                    null_values=MISSING,
                ),
            )
        except pa.ArrowInvalid as error:
            if ragged:
                expected, actual, number = ragged[0]
                raise InputError(
                    f"{path.name} is not a table: expected {expected} cells"
                    + (f" in line {number}" if number else "")
                    + f", saw {actual}",
                    "mend that line; blank lines are not counted",
                ) from None
            if not _nothing(error):
                raise
        if counted.marks % 2:
            raise InputError(
                f"{path.name} is not a table: a quotation mark is not closed"
                + _first_open(path),
                "mend that line",
            )


def _nothing(error: Exception) -> bool:
    """Whether arrow complains only that there is no line after the header."""
    return any(word in str(error) for word in ("Empty CSV", "Could not skip initial"))


def _first_open(path: Path) -> str:
    with _opened(path) as handle:
        for number, line in enumerate(handle, 1):
            if line.count(b'"') % 2:
                return f", perhaps in line {number}"
    return ""
