"""SMOTE in expectation: what infinitely many synthetic cases would do, without one.

SMOTE (Chawla et al. 2002) draws x_i + u(x_j − x_i), j one of the k nearest cases of i,
u uniform from 0 to 1. A discriminant needs only the mean and the second moment of what
is drawn, and both have a closed form; see `docs/science.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edp_core.errors import InputError

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
NEIGHBOURS = 5
"""Nearest cases drawn towards, as in the paper and in imbalanced-learn."""
_ROWS = 256
"""Cases compared with all others at a time: bounds memory at 1 kB · n_cases."""
_WHOLE = 6000
"""Cases up to which all are compared with all in one product, of 144 MB at most."""


@dataclass(frozen=True)
class Neighbours:
    """Nearest others of each case, nearest first.

    Attributes
    ----------
    x
        (n_cases, m) the cases.
    near
        (n_cases, l) rows of ``x``; l is more than is needed, since those held out
        with a fold are passed over.
    """

    x: Singles
    near: Ints


@dataclass(frozen=True)
class Weights:
    """Expected second moment of synthetic cases as weights on the cases.

    With P the row-stochastic matrix of nearest cases and q = Pᵀ1,
    W = ⅓ I + ⅓ diag(q) + ⅙ (P + Pᵀ), and (1/n_cases) XᵀWX is the moment.

    Attributes
    ----------
    towards
        P (n_cases, n_cases), sparse, float32: k entries 1/k in each row.
    drawn
        (n_cases,) 1 + q, how much each case weighs in the mean of the synthetic:
        Xᵀ(1 + q)/(2 n_cases).
    """

    towards: sparse.csr_array
    drawn: Floats

    def times(self, matrix: Floats) -> Floats:
        """W times a matrix (n_cases, k)."""
        both = self.towards @ matrix + self.towards.T @ matrix
        return np.asarray(both / 6 + self.drawn[:, None] / 3 * matrix)


ALONE = Weights(sparse.csr_array(np.ones((1, 1), np.float32)), np.full(1, 2.0))
"""A single case: SMOTE can only repeat it."""


def neighbours_of(x: Singles, *, n_folds: int) -> Neighbours:
    """Find the nearest cases of every case, once for all folds.

    Parameters
    ----------
    x
        (n_cases, m) single precision, no missing values, at least 2 rows.
    n_folds
        Folds that will be held out in turn: more neighbours are kept than are used,
        so that five are left in training nearly always; `weights_among` looks again
        where they are not.

    Notes
    -----
    By Euclidean distance on the axes as they are, as imbalanced-learn does.
    """
    n = len(x)
    wanted = min(n - 1, 12 + 30 // n_folds + (24 if n_folds < 4 else 0))
    near = np.empty((n, wanted), dtype=np.int64)
    lengths = np.einsum("ij,ij->i", x, x)
    # x xᵀ at once takes half the work, being symmetric, but n_cases² of memory
    whole = x @ x.T if n <= _WHOLE else None
    for start in range(0, n, _ROWS):
        rows = np.arange(start, min(start + _ROWS, n))
        likeness = x[rows] @ x.T if whole is None else whole[rows]
        near[rows] = _nearest(likeness, lengths, rows=rows, wanted=wanted)
    return Neighbours(x, near)


def weights_among(found: Neighbours, kept: Bools) -> Weights:
    """W of the cases in training.

    Parameters
    ----------
    found
        Neighbours among all cases.
    kept
        (n_cases,) bool, the cases in training.

    Returns
    -------
    Weights
        Over the kept cases in order. With a single one, SMOTE duplicates it.

    Notes
    -----
    Of the k = min(5, n_cases − 1) nearest in training.
    """
    n = int(kept.sum())
    k = min(NEIGHBOURS, n - 1)
    if k == 0:
        return ALONE
    number = np.cumsum(kept) - 1
    near = found.near[kept]
    there = kept[near]
    there &= np.cumsum(there, axis=1) <= k
    full = there.sum(axis=1) == k
    chosen = np.empty((n, k), dtype=np.int64)
    chosen[full] = number[near[full][there[full]]].reshape(-1, k)
    for row in np.flatnonzero(~full):
        x = found.x[kept]
        lengths = np.einsum("ij,ij->i", x, x)
        here = np.array([row])
        likeness = x[here] @ x.T
        chosen[row] = _nearest(likeness, lengths, rows=here, wanted=k)[0]
    share = np.full(n * k, 1 / k, dtype=np.float32)
    towards = sparse.csr_array(
        (share, chosen.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n)
    )
    return Weights(towards, 1 + np.bincount(chosen.ravel(), minlength=n) / k)


def sampled(x: Floats, wanted: int, *, rng: np.random.Generator) -> Floats:
    """Synthetic cases as imbalanced-learn draws them.

    Parameters
    ----------
    x
        (n_cases, m) cases.
    wanted
        How many to draw.
    rng
        Gives the seed.

    Returns
    -------
    (wanted, m).

    Raises
    ------
    InputError
        Where imbalanced-learn is not installed.
    """
    try:
        from imblearn.over_sampling import SMOTE
    except ImportError as error:
        raise InputError(
            "Sampled oversampling needs imbalanced-learn, which is not installed",
            "pip install imbalanced-learn, or choose the expected oversampling",
        ) from error
    if len(x) == 1:
        return np.repeat(x, wanted, axis=0)
    k = min(NEIGHBOURS, len(x) - 1)
    # only their number matters of those it is balanced with, so they are zeros
    others = np.zeros((len(x) + wanted, x.shape[1]))
    labels = np.repeat([1, 0], [len(x), len(others)])
    seed = int(rng.integers(2**31))
    drawn, _ = SMOTE(k_neighbors=k, random_state=seed).fit_resample(
        np.concatenate([x, others]), labels
    )
    return np.asarray(drawn[len(labels) :], dtype=np.float64)


def _nearest(likeness: Singles, lengths: Singles, *, rows: Ints, wanted: int) -> Ints:
    """The ``wanted`` nearest others of some rows, nearest first."""
    far = np.multiply(likeness, -2, out=likeness)  # it is not looked at again
    far += lengths
    far[np.arange(rows.size), rows] = np.inf
    found = np.argpartition(far, wanted - 1, axis=1)[:, :wanted]
    distance = np.take_along_axis(far, found, axis=1)
    # equal distances (the same scan twice) stand in order of row
    order = np.lexsort((found, distance), axis=1)
    return np.asarray(np.take_along_axis(found, order, axis=1), dtype=np.int64)
