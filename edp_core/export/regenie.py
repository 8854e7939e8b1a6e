"""Tables as regenie reads them: written strictly, read back more strictly still.

regenie v4 reads many a faulty table without a word (``1,5`` as 1, ``NaN`` as a case,
``-999`` as missing) and ends with code 0. So the writer is narrow and every table is
read back, by rules that were taken from regenie's behaviour, before it leaves.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from edp_core.errors import InputError
from edp_core.export.rules import (
    ID,
    LARGEST,
    LEVEL,
    MISSING,
    NAME,
    cells,
    check_names,
    check_trait,
)
from edp_core.people.covariates import MAX_LEVELS, MISSING_NUMBER, NUMBER

Role = Literal["qt", "bt", "covariates", "keep"]
BLOCK = 4096
"""Rows written or read at once."""
_AGAIN = "write the file with the export of this program and leave it as it is"


@dataclass(frozen=True)
class Table:
    """A table read back.

    Attributes
    ----------
    fids, iids
        Family and individual id of each row.
    columns
        Name → its cells as text, ``NA`` where missing.
    """

    fids: tuple[str, ...]
    iids: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def numbers(self, name: str) -> np.ndarray:
        """(n_rows,) float64 of a column; NaN = missing."""
        cells = self.columns[name]
        return np.array([math.nan if c == MISSING else float(c) for c in cells])


def table_bytes(
    fids: Sequence[str], iids: Sequence[str], columns: Mapping[str, np.ndarray]
) -> bytes:
    """A table with the header ``FID IID name…``; without columns, ids and no header.

    Parameters
    ----------
    fids, iids
        Ids of the rows, in the order they are written.
    columns
        Name → (n_rows,) numbers (NaN = missing) or texts (empty = missing).

    Returns
    -------
    bytes
        ASCII, tab-separated, LF; regenie's ``--keep`` wants no header.
    """
    head = ["\t".join(("FID", "IID", *columns))] if columns else []
    held = [np.asarray(values) for values in columns.values()]
    if held and all(values.dtype.kind == "f" for values in held):
        return "".join([*head, "\n", *_number_rows(fids, iids, held)]).encode()
    rows = zip(fids, iids, *[cells(values) for values in held], strict=True)
    return ("\n".join([*head, *("\t".join(row) for row in rows)]) + "\n").encode()


def _number_rows(
    fids: Sequence[str], iids: Sequence[str], held: Sequence[np.ndarray]
) -> Iterator[str]:
    """Lines of numbers, written a row at a time: hundreds of columns are usual."""
    form = "\t%.7g" * len(held) + "\n"
    for start in range(0, len(fids), BLOCK):
        rows = slice(start, start + BLOCK)
        block = np.column_stack([values[rows] for values in held]).astype(np.float64)
        block += 0.0  # −0 is written 0
        lacking = np.asarray(np.isnan(block).any(axis=1)).tolist()
        ids = zip(fids[rows], iids[rows], lacking, block.tolist(), strict=True)
        for fid, iid, lacks, values in ids:
            text = form % tuple(values)
            yield f"{fid}\t{iid}{text.replace('nan', MISSING) if lacks else text}"


def read_back(content: bytes, *, header: bool = True) -> Table:
    """Parse a table by rules at least as strict as regenie's.

    Raises
    ------
    InputError
        Naming the line and the reason, never an id.
    """
    lines = _lines(content)
    names: list[str] = []
    if header:
        top = lines.pop(0).split("\t")
        if top[:2] != ["FID", "IID"] or len(top) < 3:
            raise InputError("Line 1 does not begin with FID, IID and a name", _AGAIN)
        names = top[2:]
        for name in names:
            if not NAME.fullmatch(name):
                raise InputError(f"The column name {name!r} is not allowed", _AGAIN)
        if len(set(names)) < len(names) or {"FID", "IID"} & set(names):
            raise InputError("Two columns have the same name", _AGAIN)
    rows = [line.split("\t") for line in lines]
    seen: set[tuple[str, str]] = set()
    for number, row in enumerate(rows, 2 if header else 1):
        if len(row) != 2 + len(names):
            raise InputError(
                f"Line {number} has {len(row)} cells instead of {2 + len(names)}",
                _AGAIN,
            )
        if not (ID.fullmatch(row[0]) and ID.fullmatch(row[1])):
            raise InputError(f"Line {number} has an empty or broken id", _AGAIN)
        if (row[0], row[1]) in seen:
            raise InputError(f"Line {number} repeats the ids of a line above", _AGAIN)
        seen.add((row[0], row[1]))
    if not rows:
        raise InputError("The table has no participants", _AGAIN)
    columns = list(zip(*rows, strict=True))
    return Table(columns[0], columns[1], dict(zip(names, columns[2:], strict=True)))


def _lines(content: bytes) -> list[str]:
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise InputError("The table begins with a byte order mark", _AGAIN)
    if content.startswith(b"\x1f\x8b"):
        raise InputError("The table is compressed without the name .gz", _AGAIN)
    if b"\r" in content:
        raise InputError("The table has Windows line ends", _AGAIN)
    if not content.isascii() or b"\0" in content:
        raise InputError("The table holds characters that are not ASCII", _AGAIN)
    if not content.endswith(b"\n"):
        raise InputError("The table is empty or its last line is cut", _AGAIN)
    lines = content[:-1].decode("ascii").split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise InputError(f"Line {number} is blank", _AGAIN)
    return lines


def validate_table(
    content: bytes,
    *,
    role: Role,
    categories: Sequence[str] = (),
    taken: Sequence[str] = (),
) -> Table:
    """Read a table back and hold it against everything regenie would misread.

    Parameters
    ----------
    content
        Bytes of the file.
    role
        Quantitative (``qt``) or binary (``bt``) traits, ``covariates``, or ``keep``.
    categories
        Covariates that are categories.
    taken
        Names its columns must not have: those of the covariates for traits.

    Returns
    -------
    Table
        What was read.

    Raises
    ------
    InputError
        Naming the line or column and the reason, never an id.
    """
    table = read_back(content, header=role != "keep")
    for name, texts in table.columns.items():
        if name in categories:
            _check_levels(name, texts)
            continue
        for number, text in enumerate(texts, 2):
            if text != MISSING and not NUMBER.fullmatch(text):
                raise InputError(
                    f"Column {name!r}, line {number}: not a decimal number or NA",
                    _AGAIN,
                )
        values = table.numbers(name)
        if role == "covariates":
            _check_covariate(name, values)
        else:
            check_trait(name, values, "quantitative" if role == "qt" else "binary")
    if role in ("qt", "bt"):
        check_names(list(table.columns), taken=taken)
        for number, row in enumerate(zip(*table.columns.values(), strict=True), 2):
            if all(text == MISSING for text in row):
                raise InputError(f"Line {number} has no value at all", _AGAIN)
    return table


def check_traits(
    content: bytes, *, role: Literal["qt", "bt"], taken: Sequence[str] = ()
) -> None:
    """As `validate_table` of traits, for hundreds of columns and much less memory.

    Each line must be of one form; what is not goes to `validate_table`, which says
    which line it is, and why.

    Raises
    ------
    InputError
        As `validate_table` does.
    """
    values = _read_numbers(content)
    if values is None:
        validate_table(content, role=role, taken=taken)
        return
    names = content[: content.index(b"\n")].decode().split("\t")[2:]
    check_names(names, taken=taken)
    kind = "quantitative" if role == "qt" else "binary"
    for name, column in zip(names, values.T, strict=True):
        check_trait(name, np.ascontiguousarray(column), kind)


def _read_numbers(content: bytes) -> np.ndarray | None:
    """(n_rows, n_traits) float64; `None` where anything is not as it should be."""
    if not (content.isascii() and content.endswith(b"\n")) or b"\r" in content:
        return None
    lines = content[:-1].split(b"\n")
    head = lines[0].decode().split("\t")
    odd = not all(NAME.fullmatch(name) for name in head) or len({*head}) < len(head)
    if odd or head[:2] != ["FID", "IID"] or len(head) < 3 or len(lines) < 2:
        return None
    number = NUMBER.pattern.replace("(", "(?:")
    line = re.compile(
        rf"([!-~]+\t[!-~]+)\t({MISSING}|{number})"
        rf"((?:\t(?:{MISSING}|{number})){{{len(head) - 3}}})".encode()
    )
    values = np.empty((len(lines) - 1, len(head) - 2))
    seen = set()
    for at, text in enumerate(lines[1:]):
        found = line.fullmatch(text)
        if found is None:
            return None
        ids, texts = found[1], text[found.end(1) + 1 :]
        seen.add(ids)
        texts = texts.replace(MISSING.encode(), b"nan")
        values[at] = np.fromstring(texts.decode(), sep="\t")
    complete = len(seen) == len(values) and not np.isnan(values).all(axis=1).any()
    return values if complete else None


def _check_covariate(name: str, values: np.ndarray) -> None:
    known = values[~np.isnan(values)]
    if not (np.abs(known) <= LARGEST).all() or (known == MISSING_NUMBER).any():
        raise InputError(
            f"Covariate {name!r} holds infinite values or -999, regenie's own mark",
            "set them missing in the participants table",
        )
    if len(set(known.tolist())) < 2:
        raise InputError(f"Covariate {name!r} is constant", "leave it out")


def _check_levels(name: str, texts: Sequence[str]) -> None:
    levels = set(texts) - {MISSING}
    numeric = [float(level) for level in levels if NUMBER.fullmatch(level)]
    if len(set(numeric)) < len(numeric):
        raise InputError(
            f"Covariate {name!r} writes one number in two ways, which regenie takes "
            "for two levels",
            "write each level in one way",
        )
    if not all(LEVEL.fullmatch(level) for level in levels) or levels & {"nan", "inf"}:
        raise InputError(f"Covariate {name!r} has a level that is not allowed", _AGAIN)
    if not 2 <= len(levels) <= MAX_LEVELS:
        raise InputError(
            f"Covariate {name!r} has {len(levels)} levels; 2 to {MAX_LEVELS} are "
            "possible",
            "combine its levels or leave it out",
        )
