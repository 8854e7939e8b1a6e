"""One axis of an embedding, or one of its principal components, as a score.

Nobody's label takes part. A GWAS of the first components of an embedding is the plain
way from images to loci; a classifier or a cluster asks more of them.
"""

from __future__ import annotations

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


def directed_score(vectors: ArrayLike, direction: ArrayLike) -> Floats:
    """How far each participant lies along a direction.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values; as encoded, or after `adjust.remove`.
    direction
        (n_axes,) of length 1.

    Returns
    -------
    (n,) float64 with mean 0, in the unit of the embedding.

    Raises
    ------
    InputError
        Where shapes do not meet, a value is missing, or nobody differs along the
        direction: what was removed took all of it.
    """
    z, u = _checked(vectors, direction)
    score = z @ u
    length = float(np.linalg.norm(score))
    if length <= _NOTHING * float(np.linalg.norm(np.asarray(vectors, np.float64))):
        raise InputError(
            "Nothing is left of this axis: everybody has the same value",
            "remove fewer PCs or covariates, or choose another axis",
        )
    return np.asarray(score, dtype=np.float64)


def variance_explained(vectors: ArrayLike, direction: ArrayLike) -> float:
    """Share of an embedding's variance that lies along a direction.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values; the embedding before any adjustment.
    direction
        (n_axes,) of length 1.

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
    z, u = _checked(vectors, direction)
    total = float(np.sum(z * z))
    if not total > 0:
        raise InputError(
            f"all {len(z)} vectors are the same", "look at the images and the encoder"
        )
    return float(np.sum((z @ u) ** 2)) / total


def _checked(vectors: ArrayLike, direction: ArrayLike) -> tuple[Floats, Floats]:
    z = np.asarray(vectors, dtype=np.float64)
    u = np.asarray(direction, dtype=np.float64)
    if z.ndim != 2 or u.shape != z.shape[1:] or not len(z):
        raise InputError(
            f"vectors {z.shape} and a direction {u.shape} do not meet",
            "give one row for each participant and one number for each axis",
        )
    wrong = int(np.count_nonzero(~np.isfinite(z).all(axis=1)))
    if wrong:
        raise InputError(
            f"{wrong} vectors have missing or infinite values",
            "leave those participants out first",
        )
    return z - z.mean(axis=0), u
