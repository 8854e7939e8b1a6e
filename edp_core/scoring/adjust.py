"""Removing information: covariates and principal components out of an embedding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.scoring.design import Design, describe_design
from edp_core.stats.regression import residualise

__all__ = ["Design", "describe_design", "design_matrix", "remove"]
Floats = NDArray[np.float64]
_NOTHING = 1e-9
"""Vectors shorter than this share of the embedding's are rounding."""


def design_matrix(table: pd.DataFrame, columns: Sequence[str]) -> Floats:
    """Factors as numbers: what `remove` and a baseline take.

    The ``matrix`` of `describe_design`, whose notes say which columns were left out or
    are collinear; ask that one where somebody is to be told.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": [50.0, None, 60.0], "sex": ["F", "M", "F"]})
    >>> design_matrix(frame, ["age", "sex"])
    array([[50.,  0.,  0.],
           [55.,  1.,  1.],
           [60.,  0.,  0.]])
    """
    return describe_design(table, columns).matrix


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
        Where shapes do not meet, a value is missing, ``pcs`` are not orthonormal, or
        nothing is left.

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
        return _left(rest, z)
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
    return _left(rest - (rest @ basis) @ basis.T, z)


def _left(rest: Floats, z: Floats) -> Floats:
    """What is left; rounding alone would be scored as if it were a signal."""
    whole = float(np.linalg.norm(z - z.mean(axis=0)))
    if float(np.linalg.norm(rest)) <= _NOTHING * whole:
        raise InputError(
            "Nothing is left of the embedding: what is removed explains all of it",
            "remove fewer PCs or covariates",
        )
    return np.asarray(rest, dtype=np.float64)
