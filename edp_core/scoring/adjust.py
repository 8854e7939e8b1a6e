"""Removing information: covariates and principal components out of an embedding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.scoring.design import Design, describe_design
from edp_core.stats.regression import residualise
from edp_core.threads import on_all_cores

__all__ = ["Design", "describe_design", "design_matrix", "remove"]
Floats = NDArray[np.float64]
_NOTHING = 1e-9
"""Vectors shorter than this share of the embedding's are rounding."""
_BLOCK = 2048
"""People at a time, so that what is worked on stays in the cache."""


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
    z = np.asarray(vectors)
    if z.ndim != 2:
        raise InputError(
            f"vectors have shape {z.shape}", "give one row for each participant"
        )
    if design is None and pcs is None:
        return z.astype(np.float64)
    if design is not None:
        rest, _ = residualise(z, np.asarray(design, float))
        if pcs is None:
            return _left(rest, z)
        basis = _orthonormal(pcs, z.shape[1])
        return _left(rest - (rest @ basis) @ basis.T, z)
    return _without(z, _orthonormal(pcs, z.shape[1]))


def _orthonormal(pcs: ArrayLike | None, n_axes: int) -> Floats:
    """Components as (n_axes, p) columns at right angles, to the last digit."""
    u = np.asarray(pcs, dtype=np.float64)
    if u.ndim != 2 or u.shape[1] != n_axes:
        raise InputError(
            f"components of shape {u.shape} do not meet {n_axes} axes",
            "give the components of this embedding's atlas, one in each row",
        )
    if not np.allclose(u @ u.T, np.eye(len(u)), atol=1e-4):
        raise InputError(
            "the components to remove are not orthonormal",
            "give the components of this embedding's atlas, each once",
        )
    # Components kept in float32 are orthonormal to 1e-7 only; make them exact.
    basis: Floats = np.linalg.qr(u.T)[0]
    return basis


def _without(z: np.ndarray, basis: Floats) -> Floats:
    """The centred vectors without components, block by block: a control follows it."""
    starts = range(0, len(z), _BLOCK)
    sums = on_all_cores(
        lambda at: z[at : at + _BLOCK].sum(axis=0, dtype=np.float64), starts
    )
    mean = np.sum(sums, axis=0) / max(len(z), 1)
    if not np.isfinite(mean).all():
        bad = int(np.count_nonzero(~np.isfinite(z)))
        raise InputError(
            f"{bad} values of y are missing or infinite",
            "fill them or leave those rows out first",
        )
    rest = np.empty(z.shape)

    def take_out(at: int) -> tuple[float, float]:
        block = z[at : at + _BLOCK] - mean
        whole = float(np.vdot(block, block))
        block -= (block @ basis) @ basis.T
        rest[at : at + _BLOCK] = block
        return whole, float(np.vdot(block, block))

    whole, left = np.sum(on_all_cores(take_out, starts), axis=0)
    _check_left(np.sqrt(left), np.sqrt(whole))
    return rest


def _left(rest: Floats, z: Floats) -> Floats:
    """What is left; rounding alone would be scored as if it were a signal."""
    whole = float(np.linalg.norm(z - z.mean(axis=0, dtype=np.float64)))
    _check_left(float(np.linalg.norm(rest)), whole)
    return np.asarray(rest, dtype=np.float64)


def _check_left(rest: float, whole: float) -> None:
    if rest <= _NOTHING * whole:
        raise InputError(
            "Nothing is left of the embedding: what is removed explains all of it",
            "remove fewer PCs or covariates",
        )
