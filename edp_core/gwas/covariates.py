"""Covariates of a live GWAS as columns of numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edp_core.errors import InputError
from edp_core.gwas.span import independent
from edp_core.people.covariates import (
    MAX_LEVELS,
    SOURCES,
    available,
    gather,
    levels,
    missing_cells,
    numbers,
)


@dataclass(frozen=True)
class Design:
    """Covariates of the people who have all of them.

    Attributes
    ----------
    rows
        (n,) int64: rows of the people given who lack none.
    columns
        Covariate → its columns of ``matrix``: one for a quantity, levels − 1 for a
        category.
    matrix
        (n, c) float64, every column centred.
    lacking
        (n_people,) text: the first covariate a person lacks, empty for none.
    notes
        What was left out, by reason.
    """

    rows: np.ndarray
    columns: Mapping[str, slice]
    matrix: np.ndarray
    lacking: np.ndarray
    notes: Mapping[str, int]


def design(
    people: pd.DataFrame,
    chosen: Sequence[str] | None,
    *,
    categories: Collection[str] = (),
) -> Design:
    """Make columns of covariates.

    Parameters
    ----------
    people
        (n_people,) participants with what is known of them.
    chosen
        Covariates of the preset, or names of columns; `None` takes those of the preset
        that anybody has.
    categories
        Columns that are categories besides those that hold text.

    Raises
    ------
    InputError
        Where a covariate is not there, nobody has it, a category has more than 50
        levels, or nobody has all of them.

    Notes
    -----
    A category of k levels becomes k − 1 columns of 0 and 1, its most frequent level
    none. ``age2`` is (age − mean)². Columns that follow from others stay, since a
    subset of covariates may be asked for later, and are counted.
    """
    raw = _cells(people, chosen, categories)
    notes: dict[str, int] = {}
    for name in [n for n, cells in raw.items() if missing_cells(cells).all()]:
        if chosen is not None:
            raise InputError(
                f"Nobody with an embedding and genotypes has the covariate {name!r}",
                "leave it out of `covariates` in [genotypes]",
            )
        notes[f"covariate {name}: nobody has it, left out"] = 1
        del raw[name]
    lacking = np.full(len(people), "", object)
    for name, cells in raw.items():
        lacking[(lacking == "") & missing_cells(cells)] = name
    rows = np.flatnonzero(lacking == "")
    if not len(rows):
        raise InputError(
            f"None of {len(people)} people with an embedding and genotypes has all "
            f"covariates ({', '.join(raw)})",
            "set `covariates` in [genotypes] to those that most people have",
        )
    columns: dict[str, slice] = {}
    parts: list[np.ndarray] = []
    width = 0
    for name, cells in raw.items():
        part = _columns(name, cells[rows])
        part = part[:, np.ptp(part, axis=0) > 0]
        if not part.shape[1]:
            notes[f"covariate {name}: the same for everybody, left out"] = 1
            continue
        columns[name] = slice(width, width + part.shape[1])
        width += part.shape[1]
        parts.append(part - part.mean(axis=0))
    matrix = np.hstack(parts) if parts else np.zeros((len(rows), 0))
    if width:
        superfluous = width - independent(matrix).shape[1]
        if superfluous:
            notes["column of covariates that follows from others"] = superfluous
    return Design(rows.astype(np.int64), columns, matrix, lacking, notes)


def _cells(
    people: pd.DataFrame, chosen: Sequence[str] | None, categories: Collection[str]
) -> dict[str, np.ndarray]:
    preset = available(people)
    names = preset if chosen is None else tuple(dict.fromkeys(chosen))
    unknown = [n for n in names if n not in preset and n not in people.columns]
    if unknown or "eid" in names:
        raise InputError(
            f"There is no covariate {', '.join(unknown or ['eid'])} in the "
            "participants table",
            "`covariates` in [genotypes] may name: "
            f"{', '.join([*preset, *people.columns.difference(['eid'])])}",
        )
    of_preset = gather(people, chosen=[n for n in names if n in preset])
    raw = {}
    for name in names:
        if name in preset:
            raw[name] = of_preset[name]
        elif name in categories or not pd.api.types.is_numeric_dtype(people[name]):
            raw[name] = levels(people[name])
        else:
            raw[name] = numbers(people[name])
    return raw


def _columns(name: str, cells: np.ndarray) -> np.ndarray:
    if cells.dtype.kind not in "OU":
        wanted = name == "age2" and SOURCES.get(name) == "age_years"
        return ((cells - cells.mean()) ** 2 if wanted else cells)[:, None]
    known, counts = np.unique(cells.astype(str), return_counts=True)
    if len(known) > MAX_LEVELS:
        raise InputError(
            f"Covariate {name!r} has {len(known)} levels; more than {MAX_LEVELS} would "
            "take the place of the signal",
            "combine its levels in the participants table, or leave it out",
        )
    others = np.delete(known, int(counts.argmax()))
    return np.asarray(cells.astype(str)[:, None] == others, np.float64)
