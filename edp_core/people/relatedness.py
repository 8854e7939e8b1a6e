"""Who is related to whom: pairs of a table as UK Biobank gives it out, and families."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edp_core.errors import InputError
from edp_core.keys import digest

THIRD_DEGREE = 0.0442
"""Least kinship of third-degree relatives (first cousins), KING's and UK Biobank's."""
COLUMNS = ("ID1", "ID2", "Kinship")
_ASK = "give the table as UK Biobank gives it out: ID1 ID2 HetHet IBS0 Kinship"
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Relatedness:
    """Pairs of relatives.

    Attributes
    ----------
    pairs
        Two ids each, the smaller (as text) first, sorted, each pair once.
    n_rows
        Rows of the table.
    n_distant
        Rows of a kinship below the least that counts.
    n_self
        Rows that relate somebody to themselves, passed over.
    """

    pairs: tuple[tuple[str, str], ...]
    n_rows: int = 0
    n_distant: int = 0
    n_self: int = 0

    @property
    def key(self) -> str:
        """Content hash of the pairs, whatever order the table had."""
        return digest([list(pair) for pair in self.pairs])


def read_relatedness(path: Path, *, least: float = THIRD_DEGREE) -> Relatedness:
    """Read a table of relatives; see `parse_relatedness`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The table of relatives {path.name} cannot be read",
            "give a text file; [genotypes] in study.toml names it as `relatedness`",
        ) from error
    return parse_relatedness(text, least=least)


def parse_relatedness(text: str, *, least: float = THIRD_DEGREE) -> Relatedness:
    """Pairs of a table of relatives.

    Parameters
    ----------
    text
        A header that names ``ID1``, ``ID2`` and ``Kinship`` (``HetHet`` and ``IBS0``
        are passed over), then one row a pair; separated by spaces, tabs or commas.
    least
        Kinship from which a pair counts.

    Raises
    ------
    InputError
        Where columns are missing, a row has another number of cells, an id is empty or
        a kinship is no number from −2 to 0.5; the message names the line, never an id.

    Examples
    --------
    >>> parse_relatedness("ID1 ID2 Kinship\\n7 3 0.25\\n3 8 0.01\\n").pairs
    (('3', '7'),)
    """
    lines = [
        (number, line)
        for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1)
        if line.strip()
    ]
    if not lines:
        raise InputError("The table of relatives is empty", _ASK)
    comma = "," in lines[0][1]
    header = _cells(lines[0][1], comma=comma)
    missing = [name for name in COLUMNS if header.count(name) != 1]
    if missing:
        raise InputError(
            f"The table of relatives has no column {', '.join(missing)}, or has it "
            "twice",
            _ASK,
        )
    one, two, kin = (header.index(name) for name in COLUMNS)
    pairs: set[tuple[str, str]] = set()
    distant = selves = 0
    for number, line in lines[1:]:
        row = _cells(line, comma=comma)
        if len(row) != len(header):
            raise InputError(
                f"Line {number} of the table of relatives has {len(row)} cells instead "
                f"of {len(header)}",
                _ASK,
            )
        if not (row[one] and row[two]):
            raise InputError(
                f"Line {number} of the table of relatives has an empty id", _ASK
            )
        # float("nan") and "1_0" are numbers to Python alone
        kinship = float(row[kin]) if _NUMBER.fullmatch(row[kin]) else np.nan
        if not -2 <= kinship <= 0.5 + 1e-2:
            raise InputError(
                f"Line {number} of the table of relatives has no kinship: it is a "
                "number of at most 0.5",
                _ASK,
            )
        if row[one] == row[two]:
            selves += 1
        elif kinship < least:
            distant += 1
        else:
            first, second = sorted((row[one], row[two]))
            pairs.add((first, second))
    return Relatedness(tuple(sorted(pairs)), len(lines) - 1, distant, selves)


def _cells(line: str, *, comma: bool) -> list[str]:
    cells = line.split(",") if comma else line.split()
    return [cell.strip().strip('"') for cell in cells]


def families(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Connected components of relatives.

    Whoever is linked through others is of one family, though the two may not be
    related: the parents of a child.

    Parameters
    ----------
    pairs
        Two ids each.

    Returns
    -------
    dict
        Id → the smallest id (as text) of its family, for all ids of the pairs.

    Examples
    --------
    >>> families([("b", "c"), ("e", "d"), ("c", "a")])
    {'b': 'a', 'c': 'a', 'e': 'd', 'd': 'd', 'a': 'a'}
    """
    head: dict[str, str] = {}

    def find(person: str) -> str:
        root = person
        while head[root] != root:
            root = head[root]
        while head[person] != root:  # the way is shorter the next time
            head[person], person = root, head[person]
        return root

    for one, two in pairs:
        head.setdefault(one, one)
        head.setdefault(two, two)
        first, second = sorted((find(one), find(two)))
        head[second] = first
    return {person: find(person) for person in head}
