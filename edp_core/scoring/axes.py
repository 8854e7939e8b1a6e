"""One axis of an embedding, or one of its principal components, as a score.

Nobody's label takes part. A GWAS of the first components of an embedding is the plain
way from images to loci; a classifier or a cluster asks more of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError

Floats = NDArray[np.float64]
_NOTHING = 1e-9
"""A score shorter than this share of the embedding's length is rounding, no score."""


def axis_direction(number: int, n_axes: int) -> Floats:
    """Direction of an axis, counted from 1.

    Returns
    -------
    (n_axes,) float64, 1 at the axis and 0 elsewhere.

    Raises
    ------
    InputError
        Where there is no such axis.

    Examples
    --------
    >>> axis_direction(2, 3)
    array([0., 1., 0.])
    """
    if not 1 <= number <= n_axes:
        raise InputError(
            f"Axis {number} was asked for; the embedding has {n_axes}",
            f"choose from 1 to {n_axes}",
        )
    return np.asarray(np.arange(1, n_axes + 1) == number, dtype=np.float64)


def component_direction(components: ArrayLike, number: int) -> Floats:
    """Direction of a principal component, counted from 1.

    Parameters
    ----------
    components
        (n_pcs, n_axes) orthonormal rows of the atlas, by falling variance.
    number
        1 is the component of largest variance.

    Returns
    -------
    (n_axes,) float64 of length 1. A component has no sign of its own: here its
    loading of largest size is positive (the first of equal ones), so that one
    embedding always gives one sign.

    Raises
    ------
    InputError
        Where the atlas does not hold it.

    Examples
    --------
    >>> component_direction([[0.6, -0.8], [0.8, 0.6]], 1)
    array([-0.6,  0.8])
    """
    held = np.asarray(components, dtype=np.float64)
    if not 1 <= number <= len(held):
        raise InputError(
            f"PC {number} was asked for; the atlas holds {len(held)}",
            "pick a smaller one, or raise analysis.pcs in study.toml",
        )
    found = held[number - 1]
    sign = 1.0 if found[np.argmax(np.abs(found))] >= 0 else -1.0
    return np.asarray(sign * found / np.linalg.norm(found), dtype=np.float64)


@dataclass(frozen=True)
class Spread:
    """How vectors lie, found once for any number of directions.

    Attributes
    ----------
    mean
        (n_axes,) float64.
    length
        Norm of the vectors as they came.
    total
        Sum of squares of the centred vectors.
    """

    mean: Floats
    length: float
    total: float


def spread(vectors: ArrayLike) -> Spread:
    """Mean and size of vectors.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values.

    Raises
    ------
    InputError
        Where a value is missing.
    """
    z = np.asarray(vectors, dtype=np.float64)
    wrong = int(np.count_nonzero(~np.isfinite(z).all(axis=1)))
    if wrong:
        raise InputError(
            f"{wrong} vectors have missing or infinite values",
            "leave those participants out first",
        )
    mean = np.asarray(z.mean(axis=0), dtype=np.float64)
    centred = z - mean
    total = float(np.sum(np.multiply(centred, centred, out=centred)))
    return Spread(mean, float(np.linalg.norm(z)), total)


def directed_score(
    vectors: ArrayLike, direction: ArrayLike, *, known: Spread | None = None
) -> Floats:
    """How far each participant lies along a direction.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values; as encoded, or after `adjust.remove`.
    direction
        (n_axes,) of length 1.
    known
        The `spread` of these vectors, where several directions are asked for: then
        one axis of many costs a column and not the whole embedding.

    Returns
    -------
    (n,) float64 with mean 0, in the unit of the embedding.

    Raises
    ------
    InputError
        Where shapes do not meet, a value is missing, or nobody differs along the
        direction: what was removed took all of it.
    """
    z, u = _meeting(vectors, direction)
    found = spread(z) if known is None else known
    score = _along(z, u, mean=found.mean)
    if float(np.linalg.norm(score)) <= _NOTHING * found.length:
        raise InputError(
            "Nothing is left of this axis: everybody has the same value",
            "remove fewer PCs or covariates, or choose another axis",
        )
    return score


def variance_explained(
    vectors: ArrayLike, direction: ArrayLike, *, known: Spread | None = None
) -> float:
    """Share of an embedding's variance that lies along a direction.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values; the embedding before any adjustment.
    direction
        (n_axes,) of length 1.
    known
        The `spread` of these vectors.

    Returns
    -------
    float
        From 0 to 1: ‖Z_c u‖² / ‖Z_c‖² of the centred Z; over all components it adds
        up to 1.

    Raises
    ------
    InputError
        Where shapes do not meet, a value is missing or all vectors are the same.
    """
    z, u = _meeting(vectors, direction)
    found = spread(z) if known is None else known
    score = _along(z, u, mean=found.mean)
    if not found.total > 0:
        raise InputError(
            f"all {len(score)} vectors are the same",
            "look at the images and the encoder",
        )
    return float(np.sum(score**2)) / found.total


def _meeting(vectors: ArrayLike, direction: ArrayLike) -> tuple[np.ndarray, Floats]:
    z, u = np.asarray(vectors), np.asarray(direction, dtype=np.float64)
    if z.ndim != 2 or u.shape != z.shape[1:] or not len(z):
        raise InputError(
            f"vectors {z.shape} and a direction {u.shape} do not meet",
            "give one row for each participant and one number for each axis",
        )
    return z, u


def _along(z: np.ndarray, u: Floats, *, mean: Floats) -> Floats:
    """(n,) centred vectors times a direction; of one axis alone, its column."""
    (used,) = np.nonzero(u)
    if len(used) == 1:
        at = int(used[0])
        return np.asarray((z[:, at].astype(np.float64) - mean[at]) * u[at])
    return np.asarray((np.asarray(z, np.float64) - mean) @ u, dtype=np.float64)
