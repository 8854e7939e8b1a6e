"""Who is in a live GWAS: genotype ids that meet the study's, and their covariates."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from edp_core.disclosure import mask_count
from edp_core.errors import AlignmentError, InputError
from edp_core.people.cohort import locate
from edp_core.people.samples import Samples

STRANGER = "genotyped person who is not in the cohort"
UNMAPPED = "genotyped person whom the mapping does not name"
DECIMAL = "genotype id written as a decimal number, read as whole"
FORMS = 3
"""Forms of ids named in an error; the rest are counted together."""


@dataclass(frozen=True)
class Matched:
    """Participants who are genotyped.

    Attributes
    ----------
    eids
        (n,) text, sorted.
    rows
        (n,) int64, their rows in the table of people of the genotypes.
    notes
        Reason → genotyped people who are none of the study's.
    """

    eids: np.ndarray
    rows: np.ndarray
    notes: Mapping[str, int]


def match(
    samples: Samples,
    eids: np.ndarray,
    *,
    ids: Literal["iid", "fid"] = "iid",
    mapping: Mapping[str, str] | None = None,
    threshold: int,
) -> Matched:
    """Find the study's participants among those genotyped.

    Parameters
    ----------
    samples
        Who is genotyped.
    eids
        (n_participants,) the study's ids, text, sorted.
    ids
        Which id of the genotype files is meant.
    mapping
        Genotype id → eid; `None` where they are the same.
    threshold
        Smaller counts of people are not said in an error.

    Raises
    ------
    AlignmentError
        Where nobody is found, or a participant has several rows. The message tells of
        what form the ids are, never an id.
    """
    cells = [row[ids == "iid"] for row in samples.rows]
    mapped: list[str | None] = list(cells)
    notes: Counter[str] = Counter()
    if mapping is not None:
        mapped = [mapping.get(cell) for cell in cells]
        notes[UNMAPPED] = sum(cell is None for cell in mapped)
    at, decimals = locate(pd.Series(mapped, dtype=object), eids)
    known = np.flatnonzero(at >= 0)
    if not len(known):
        raise AlignmentError(
            f"None of {len(cells)} genotyped people is one of {len(eids)} "
            f"participants: genotype ids ({ids.upper()}) are "
            f"{_forms(cells, threshold)}; the study's are "
            f"{_forms(eids.tolist(), threshold)}",
            _suggestion(samples, eids, ids=ids, mapped=mapping is not None),
        )
    twice = len(known) - len(np.unique(at[known]))
    if twice:
        raise AlignmentError(
            f"{mask_count(twice, threshold)} participants have several rows in the "
            "genotype files",
            "remove the duplicates with plink2 --remove, or set `ids` in [genotypes] "
            "to the id that tells them apart",
        )
    notes[STRANGER] = len(cells) - len(known) - notes[UNMAPPED]
    notes[DECIMAL] = decimals
    order = known[np.argsort(at[known])]
    return Matched(
        eids[at[order]], order.astype(np.int64), {k: n for k, n in notes.items() if n}
    )


def read_mapping(path: Path, known: Sequence[str]) -> dict[str, str]:
    """Genotype id → eid, of a table of two columns.

    Parameters
    ----------
    path
        Text; cells between commas, semicolons, tabs or spaces. The first line is a
        header, unless its first cell is one of the genotype ids.
    known
        The genotype ids.

    Raises
    ------
    InputError
        Where the file cannot be read, a line has not two cells, or an id of either
        kind stands in two lines that contradict each other.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The mapping {path.name} cannot be read", "mend `mapping` in [genotypes]"
        ) from error
    sign = next((s for s in ",;\t" if lines and s in lines[0]), None)
    found: dict[str, str] = {}
    for number, cells in enumerate(
        csv.reader(lines, delimiter=sign) if sign else map(str.split, lines), 1
    ):
        row = [cell.strip() for cell in cells]
        if not any(row):
            continue
        if len(row) < 2 or not row[0] or not row[1]:
            raise InputError(
                f"Line {number} of the mapping {path.name} has not two ids",
                "its first column is the id in the genotype files, its second the eid",
            )
        if number == 1 and row[0] not in set(known):
            continue
        if found.setdefault(row[0], row[1]) != row[1]:
            raise InputError(
                f"Line {number} of the mapping {path.name} contradicts one before it",
                "keep one line for each id of the genotype files",
            )
    if len(set(found.values())) < len(found):
        raise InputError(
            f"The mapping {path.name} gives one eid to several genotype ids",
            "keep one line for each eid",
        )
    return found


def form_of(name: str) -> str:
    """What an id looks like, without telling it.

    Examples
    --------
    >>> form_of("1000012"), form_of("1000012_1000012"), form_of("NA19916")
    ('7 digits', '7 digits_7 digits', 'letters+5 digits')
    """
    parts = re.findall(r"[0-9]+|[^\W\d_]+|[\W_]+", name)
    said = ""
    for before, part in zip(["_", *parts], parts, strict=False):
        if part.isdecimal():
            word = f"{len(part)} digits"
        elif part.isalpha():
            word = "letters"
        else:
            said += part
            continue
        said += f"+{word}" if said and before.isalnum() else word
    return said or "empty"


def _forms(names: Sequence[str], threshold: int) -> str:
    counts = Counter(map(form_of, names)).most_common()
    said = [f"{form} ({mask_count(n, threshold)})" for form, n in counts[:FORMS]]
    if len(counts) > FORMS:
        rest = sum(n for _, n in counts[FORMS:])
        said.append(f"others ({mask_count(rest, threshold)})")
    return ", ".join(said)


def _suggestion(samples: Samples, eids: np.ndarray, *, ids: str, mapped: bool) -> str:
    """The setting that would make ids meet, tried out."""
    if mapped:
        return (
            "the first column of `mapping` must be the genotype id, the second the eid"
        )
    other = [row[ids != "iid"] for row in samples.rows]
    if (locate(pd.Series(other, dtype=object), eids)[0] >= 0).any():
        return f'set ids = "{"fid" if ids == "iid" else "iid"}" in [genotypes]'
    table = "set mapping in [genotypes] to a table of two columns: genotype id, eid"
    cells = [row[ids == "iid"] for row in samples.rows]
    halves = [re.split(r"[_-]", cell)[0] for cell in cells]
    if (locate(pd.Series(halves, dtype=object), eids)[0] >= 0).any():
        return f"{table} (the part before the first _ or - is an eid)"
    bare = {eid.lstrip("0") for eid in eids.tolist()}
    if any(cell.lstrip("0") in bare for cell in cells):
        return f"{table} (they differ in leading zeros)"
    return f"{table} (such as the bridge between two applications)"
