"""Factors as numbers, and what each of them can say beside the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from edp_core.errors import InputError
from edp_core.stats.regression import sweep_in

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """Factors as the columns of a regression, without an intercept.

    Attributes
    ----------
    matrix
        (n, f) float64, no missing values, every column varies.
    factor
        (f,) which of the asked columns each comes from.
    table
        One row for each asked column, in order: ``column``; ``n_columns``, how many
        it gives; ``rank``, how many of these say something beside those asked before
        it; ``n_missing`` participants without a value (a count of people, to be masked
        where shown); ``collinear_with``, names of earlier ones, joined by commas, that
        together give what is lacking; ``reason``: empty, or why it counts for less
        than it was given for.
    """

    matrix: Floats
    factor: NDArray[np.int64]
    table: pd.DataFrame

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be told: one sentence for each column with a reason."""
        told = self.table[self.table["reason"] != ""]
        return tuple(
            f"{column}: {reason}"
            for column, reason in zip(told["column"], told["reason"], strict=True)
        )


def describe_design(table: pd.DataFrame, columns: Sequence[str]) -> Design:
    """Factors as numbers, and which of them were dropped or say nothing new.

    Parameters
    ----------
    table
        One row for each participant.
    columns
        Which of its columns, in order: of collinear ones the later is named.

    Returns
    -------
    Design
        - a number (or a yes/no, as 0 and 1) stands as it is; where some are missing
          they take the mean of the others and a second column tells which were;
        - a category (text or pandas category) has a 0/1 column for each level but the
          first in sorted order; missing is a level of its own, the last;
        - columns that do not vary are left out and named.

    Raises
    ------
    InputError
        Where a column is not in the table, is infinite somewhere, is a date, or is a
        category with more than half as many levels as there are participants.

    Notes
    -----
    A column is collinear where those before it leave less than 10⁻⁹ of its variance.
    Collinear columns stay in ``matrix``: least squares there takes any of the equal
    solutions, whose residuals are the same.
    """
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise InputError(
            f"no column {', '.join(map(repr, absent))} in the participants table",
            f"choose from {', '.join(map(str, table.columns))}",
        )
    parts = [_encoded(table[name], name) for name in columns]
    owner = np.repeat(np.arange(len(parts)), [part.shape[1] for part in parts])
    matrix = np.concatenate([np.empty((len(table), 0)), *parts], axis=1)
    varies = np.ptp(matrix, axis=0) > 0 if len(matrix) else np.zeros(len(owner), bool)
    matrix, owner = matrix[:, varies], owner[varies]
    new, sources = _sweep(matrix)
    rows = []
    for at, name in enumerate(columns):
        own = np.flatnonzero(owner == at)
        rank = int(new[own].sum())
        used = {int(owner[j]) for i in own if not new[i] for j in sources[i]} - {at}
        others = [columns[j] for j in sorted(used)]
        n_missing = int(table[name].isna().sum())
        rows.append(
            {
                "column": name,
                "n_columns": len(own),
                "rank": rank,
                "n_missing": n_missing,
                "collinear_with": ", ".join(others),
                "reason": _reason(
                    len(own), rank, others=others, void=n_missing == len(table)
                ),
            }
        )
    names = ["column", "n_columns", "rank", "n_missing", "collinear_with", "reason"]
    return Design(matrix, owner, pd.DataFrame(rows, columns=names))


def _reason(given: int, rank: int, *, others: Sequence[str], void: bool) -> str:
    if not given:
        return "nobody has a value: left out" if void else "it does not vary: left out"
    if rank == given:
        return ""
    share = "it says" if rank == 0 else f"{given - rank} of its {given} columns say"
    # its own missing may be another's: then no other factor stands beside it
    return f"{share} nothing beside {', '.join(others) or 'its other columns'}"


def _sweep(matrix: Floats) -> tuple[NDArray[np.bool_], list[NDArray[np.int64]]]:
    """Which columns say something new, and for the others what they are made of."""
    centred = matrix - matrix.mean(axis=0) if len(matrix) else matrix
    length = np.linalg.norm(centred, axis=0)
    unit = centred / np.where(length > 0, length, 1)
    swept = unit.T @ unit
    new = np.zeros(len(swept), dtype=bool)
    sources: list[NDArray[np.int64]] = []
    for column in range(len(swept)):
        before = np.flatnonzero(new)
        sources.append(before[np.abs(swept[before, column]) > 1e-6])
        new[column] = sweep_in(swept, column)
    return new, sources


def _encoded(column: pd.Series, name: str) -> Floats:
    if types.is_datetime64_any_dtype(column):
        raise InputError(
            f"column {name!r} is a date", "give it as a number, for instance in years"
        )
    if types.is_bool_dtype(column) or types.is_numeric_dtype(column):
        return _number(column.to_numpy(dtype=np.float64, na_value=np.nan), name)
    missing = column.isna().to_numpy(dtype=bool)
    code, found = pd.factorize(column.astype("str").where(~missing), sort=True)
    levels = len(found)
    if 2 * levels > max(len(column), 8):
        raise InputError(
            f"column {name!r} has {levels} levels for {len(column)} participants",
            "choose a column with fewer levels, or give it as a number",
        )
    if not levels:
        return np.empty((len(column), 0))
    # missing, which pandas codes as −1, is the last level
    code = np.where(code < 0, levels, code)
    return np.equal.outer(code, np.arange(1, levels + bool(missing.any()))).astype(
        np.float64
    )


def _number(values: Floats, name: str) -> Floats:
    infinite = int(np.count_nonzero(np.isinf(values)))
    if infinite:
        raise InputError(
            f"column {name!r} is infinite in {infinite} rows", "mend the table"
        )
    missing = np.isnan(values)
    if missing.all():
        return np.empty((len(values), 0))
    filled = np.where(missing, values[~missing].mean(), values)[:, None]
    if not missing.any():
        return filled
    return np.concatenate([filled, missing[:, None].astype(np.float64)], axis=1)
