"""Orthonormal systems in the span of a basis' columns, held as weights of them.

A system is a matrix A such that the columns of D·A are orthonormal, D being columns
of people that are kept anyway (covariates, axes). What was multiplied with D, as every
variant was, is multiplied with the system by A: no one needs D again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from edp_core.threads import on_all_cores

Floats = NDArray[np.float64]
_RANK = 1e-6
"""Singular values below this part of the largest are no direction of their own."""
_LEFT = 1e-6
"""A direction counts where others leave more than this part of its square."""
_BLOCK = 2048
"""People at a time: their columns in double precision stay in the cache."""
_SPANS = 8


def independent(columns: Floats) -> Floats:
    """Weights that make columns orthonormal, collinear ones counted once.

    Parameters
    ----------
    columns
        (n, c), centred; may be collinear, constant (all 0) or none.

    Returns
    -------
    (c, rank) weights: ``columns @ weights`` is orthonormal and spans the columns.

    Notes
    -----
    Singular vectors of the columns scaled to unit length, so that units do not decide
    the rank; from the triangle of their QR factorisation, not from their products,
    which would square the condition.
    """
    length = np.linalg.norm(columns, axis=0)
    varying = np.flatnonzero(length > 0)
    if not varying.size:
        return np.zeros((columns.shape[1], 0))
    triangle = np.linalg.qr(columns[:, varying] / length[varying], mode="r")
    _, singular, rows = np.linalg.svd(triangle, full_matrices=False)
    keep = singular > _RANK * singular[0]
    weights = np.zeros((columns.shape[1], int(keep.sum())))
    weights[varying] = rows[keep].T / singular[keep] / length[varying, None]
    return weights


def extended(weights: Floats, beside: Floats, own: Floats) -> Floats:
    """The directions that more columns add to a system.

    Parameters
    ----------
    weights
        (w, d): a system of w columns.
    beside
        (w, k): products of those columns with k new ones of about unit length.
    own
        (k, k): products of the new ones.

    Returns
    -------
    (w + k, e) weights of e ≤ k directions, orthonormal and orthogonal to the system.
    """
    shared = weights.T @ beside
    left = own - shared.T @ shared
    value, vector = eigh((left + left.T) / 2)
    keep = value > _LEFT
    new = vector[:, keep] / np.sqrt(value[keep])
    return np.vstack([-weights @ (shared @ new), new])


def products(parts: Sequence[np.ndarray], right: np.ndarray) -> Floats:
    """Products of columns of people with others, in double precision.

    Parameters
    ----------
    parts
        (n, ·) arrays side by side, of any precision.
    right
        (n, k), or (n,).

    Returns
    -------
    (columns of all parts, k), or one for each column.
    """
    width = sum(part.shape[1] for part in parts)

    def of(span: range) -> Floats:
        total = np.zeros((width, *right.shape[1:]))
        for start in span:
            rows = slice(start, min(start + _BLOCK, span.stop))
            factor = np.asarray(right[rows], dtype=np.float64)
            left = [np.asarray(part[rows], dtype=np.float64).T for part in parts]
            total += np.concatenate([part @ factor for part in left])
        return total

    # as many spans on every machine: sums are rounded alike
    ends = np.linspace(0, len(right), _SPANS + 1).astype(int)
    spans = [range(a, b, _BLOCK) for a, b in pairwise(ends)]
    total: Floats = np.sum(on_all_cores(of, spans), axis=0)
    return total
