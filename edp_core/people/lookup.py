"""Finds columns by name, and keeps cells out of what is said about a header.

A table without a header line has somebody's cells where names should be: such a line
is refused, and no message lists a name that may be a cell.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from edp_core.errors import InputError
from edp_core.people.fields import parse_field, plain

NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?([eE][+-]?[0-9]+)?")
"""No column is named by a bare number; ``31-0.0`` is a field, not a number."""
LIKE_ID = re.compile(r".*[0-9]{6,}.*|[A-Za-z]{1,4}[-_]?[0-9]{3,}")
"""Names that may be somebody's id: they are never shown."""
EID_NAMES = ("eid", "f.eid", "n_eid", "iid")
"""Columns of ids that are found by themselves."""


def shown(names: Iterable[str]) -> list[str]:
    """Names that a message may list: UK Biobank's fields, and words."""
    return [
        name
        for name in names
        if not NUMBER.fullmatch(name)
        and (
            parse_field(name) is not None
            or (name[:1].isalpha() and not LIKE_ID.fullmatch(name))
        )
    ]


def check_header(names: Sequence[str], *, path: Path) -> None:
    """Refuse a header that holds cells, or a name twice.

    Raises
    ------
    InputError
        Naming no cell.
    """
    numbers = sum(NUMBER.fullmatch(name) is not None for name in names)
    if numbers:
        raise InputError(
            f"{path.name}: the first line holds values, not column names "
            f"({numbers} of {len(names)} are bare numbers)",
            "write a first line that names every column, such as eid, sex, 21003-2.0",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        listed = ", ".join(shown(twice)) or f"{len(twice)} names that may be values"
        raise InputError(
            f"{path.name} has columns twice: {listed}",
            "rename one of each in the first line",
        )


def find_eid(
    configured: str, names: Sequence[str], *, path: Path, setting: str = "eid"
) -> str:
    """The column of ids: the one configured, else the one that can be meant.

    Raises
    ------
    InputError
        Where there is none, or more than one.
    """
    if configured in names:
        return configured
    near = [name for name in names if plain(name) == plain(configured)]
    if not near and configured == "eid":
        near = [name for name in names if plain(name) in EID_NAMES]
    if not near:
        meant = {plain(configured).lower()}
        meant |= set(EID_NAMES) if configured == "eid" else set()
        near = [name for name in names if plain(name).lower() in meant]
    if len(near) == 1:
        return near[0]
    raise no_column(configured, names, path=path, setting=setting)


def no_column(
    asked: str, names: Sequence[str], *, path: Path, setting: str
) -> InputError:
    """The error of a column that is not there, proposing near names."""
    return InputError(
        f"{path.name} has no column {asked!r} (for {setting})",
        proposing(asked, names),
    )


def proposing(asked: str, names: Sequence[str]) -> str:
    """Hint that proposes names near the one asked for, else lists what there is."""
    listed = shown(names)
    near = difflib.get_close_matches(asked, listed, n=3, cutoff=0.4)
    if near:
        return f"did you mean {', '.join(near)}?"
    if listed:
        return f"it has: {', '.join(listed[:20])}"
    return "the first line must name the columns"
