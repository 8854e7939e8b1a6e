"""Removing information: covariates and principal components out of an embedding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pandas.api import types

from edp_core.errors import InputError
from edp_core.stats.regression import residualise

Floats = NDArray[np.float64]


def design_matrix(table: pd.DataFrame, columns: Sequence[str]) -> Floats:
    """Factors as numbers: what `remove` and a baseline take.

    Parameters
    ----------
    table
        One row for each participant.
    columns
        Which of its columns, in order.

    Returns
    -------
    (n, f) float64 without missing values and without an intercept:

    - a number (or a yes/no, as 0 and 1) stands as it is; where some are missing they
      take the mean of the others and a second column tells which were;
    - a category (text or pandas category) has a 0/1 column for each level but the
      first in sorted order; missing is a level of its own, the last;
    - columns that do not vary are dropped.

    Raises
    ------
    InputError
        Where a column is not in the table, is infinite somewhere, is a date, or is a
        category with more than half as many levels as there are participants.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": [50.0, None, 60.0], "sex": ["F", "M", "F"]})
    >>> design_matrix(frame, ["age", "sex"])
    array([[50.,  0.,  0.],
           [55.,  1.,  1.],
           [60.,  0.,  0.]])
    """
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise InputError(
            f"no column {', '.join(map(repr, absent))} in the participants table",
            f"choose from {', '.join(map(str, table.columns))}",
        )
    parts = [_encoded(table[name], name) for name in columns]
    matrix = np.concatenate([np.empty((len(table), 0)), *parts], axis=1)
    if len(matrix):
        matrix = matrix[:, np.ptp(matrix, axis=0) > 0]
    return matrix


def remove(
    vectors: ArrayLike,
    *,
    design: ArrayLike | None = None,
    pcs: ArrayLike | None = None,
) -> Floats:
    """Take covariates and principal components out of an embedding.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values.
    design
        (n, f) covariates (`design_matrix`), regressed out of every axis with an
        intercept; collinear columns do no harm.
    pcs
        (p, n_axes) components to remove: orthonormal rows, those of the atlas, that
        is of the embedding before any adjustment.

    Returns
    -------
    (n, n_axes) float64, every axis with mean 0; the vectors as they are where
    nothing is to be removed.

    Raises
    ------
    InputError
        Where shapes do not meet, a value is missing, or ``pcs`` are not orthonormal.

    Notes
    -----
    (I − VV⁺) Z_c (I − UUᵀ) with V = [1, design] and Uᵀ = pcs. One acts on
    participants and the other on axes, so their order does not matter: what is left
    is uncorrelated with every covariate and has no extent along any component.
    """
    z = np.asarray(vectors, dtype=np.float64)
    if z.ndim != 2:
        raise InputError(
            f"vectors have shape {z.shape}", "give one row for each participant"
        )
    if design is None and pcs is None:
        return z.copy()
    factors = np.empty((len(z), 0)) if design is None else np.asarray(design, float)
    rest, _ = residualise(z, factors)
    if pcs is None:
        return rest
    u = np.asarray(pcs, dtype=np.float64)
    if u.ndim != 2 or u.shape[1] != z.shape[1]:
        raise InputError(
            f"components of shape {u.shape} do not meet {z.shape[1]} axes",
            "give the components of this embedding's atlas, one in each row",
        )
    if not np.allclose(u @ u.T, np.eye(len(u)), atol=1e-4):
        raise InputError(
            "the components to remove are not orthonormal",
            "give the components of this embedding's atlas, each once",
        )
    # Components kept in float32 are orthonormal to 1e-7 only; make them exact.
    basis = np.linalg.qr(u.T)[0]
    return np.asarray(rest - (rest @ basis) @ basis.T, dtype=np.float64)


def _encoded(column: pd.Series, name: str) -> Floats:
    if types.is_datetime64_any_dtype(column):
        raise InputError(
            f"column {name!r} is a date", "give it as a number, for instance in years"
        )
    if types.is_bool_dtype(column) or types.is_numeric_dtype(column):
        return _number(column.to_numpy(dtype=np.float64, na_value=np.nan), name)
    text = column.astype("str").to_numpy(dtype=object)
    missing = column.isna().to_numpy(dtype=bool)
    levels = sorted({str(value) for value in text[~missing]})
    if 2 * len(levels) > max(len(column), 8):
        raise InputError(
            f"column {name!r} has {len(levels)} levels for {len(column)} participants",
            "choose a column with fewer levels, or give it as a number",
        )
    parts = [(text == level) & ~missing for level in levels[1:]]
    if missing.any() and levels:
        parts.append(missing)
    if not parts:
        return np.empty((len(column), 0))
    return np.stack(parts, axis=1).astype(np.float64)


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
