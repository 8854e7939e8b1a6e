"""The matrices of all folds of one trait, multiplied with but never made.

With thousands of cases, making A + ρXᵀWX − N bbᵀ for each fold costs n_cases · m² and
its factor m³. In white coordinates the matrix is near a multiple of the identity, so a
dozen products with a vector solve it (conjugate gradients; Hestenes & Stiefel 1952),
and one pass over the cases serves every fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edp_core.errors import ConvergenceError
from edp_core.scoring.smote import Weights

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_ROUNDS = 1000
_SETTLED = 1e-11
"""Share of the right-hand side that may be left over."""


@dataclass(frozen=True)
class Systems:
    """One symmetric positive definite matrix a fold, in white coordinates.

    M_f = A_f + (X − 1c_fᵀ)ᵀ Ω_f (X − 1c_fᵀ) − N_f b_f b_fᵀ.

    Attributes
    ----------
    base
        (n_folds, m, m) A_f.
    x
        (n, m) rows that are added under weights.
    middle
        (n_folds, m) c_f.
    towards, diagonal
        Ω_f = diag(diagonal_f) + towards_f + towards_fᵀ, of all folds: (n_folds · n,
        n_folds · n) sparse and block-diagonal, and (n_folds, n). 0 for who is held out.
    b
        (n_folds, m) √N_f b_f.
    """

    base: Floats
    x: Floats
    middle: Floats
    towards: sparse.csr_array
    diagonal: Floats
    b: Floats

    def times(self, v: Floats) -> Floats:
        """M_f v_f of every fold, (n_folds, m)."""
        found = np.matmul(self.base, v[:, :, None])[:, :, 0]
        seen = v @ self.x.T - np.sum(v * self.middle, axis=1)[:, None]
        flat = seen.ravel()
        weighed = (self.towards @ flat + self.towards.T @ flat).reshape(seen.shape)
        weighed += self.diagonal * seen
        found += weighed @ self.x - weighed.sum(axis=1)[:, None] * self.middle
        return np.asarray(found - self.b * np.sum(self.b * v, axis=1)[:, None])

    def solve(self, right: Floats) -> Floats:
        """M_f⁻¹ right_f of every fold, (n_folds, m).

        Raises
        ------
        ConvergenceError
            Where a matrix is singular but for rounding.
        """
        found, rest = np.zeros_like(right), right.copy()
        along = rest.copy()
        length = np.sum(rest * rest, axis=1)
        enough = _SETTLED**2 * length
        for _ in range(_ROUNDS):
            if np.all(length <= enough):
                return found
            ahead = self.times(along)
            # a fold that has settled stays where it is
            going = length > enough
            step = np.zeros(len(length))
            np.divide(length, np.sum(along * ahead, axis=1), out=step, where=going)
            found += step[:, None] * along
            rest -= step[:, None] * ahead
            after = np.sum(rest * rest, axis=1)
            turn = np.zeros(len(length))
            np.divide(after, length, out=turn, where=going)
            along = rest + turn[:, None] * along
            length = np.where(going, after, length)
        raise ConvergenceError(
            "a discriminant did not settle: the axes are all but collinear",
            "raise the shrinkage, for instance to 0.1",
        )


def stacked(
    parts: Sequence[tuple[Bools, Weights, float]], *, once_more: bool
) -> tuple[sparse.csr_array, Floats]:
    """Weights of every fold over all cases.

    Parameters
    ----------
    parts
        For each fold who is in training (n,), their weights, and ρ.
    once_more
        Whether each counts as itself as well: Ω = I + ρW, not ρW.

    Returns
    -------
    towards, diagonal
        As `Systems` has them.
    """
    n = len(parts[0][0])
    columns, values, sizes = [], [], []
    diagonal = np.zeros((len(parts), n))
    for fold, (kept, weights, rho) in enumerate(parts):
        places, pull = np.flatnonzero(kept), weights.towards
        columns.append(fold * n + places[pull.indices])
        values.append(rho / 6 * pull.data)
        size = np.zeros(n, dtype=np.int64)
        size[places] = np.diff(pull.indptr)
        sizes.append(size)
        diagonal[fold, places] = rho / 3 * weights.drawn + once_more
    starts = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    width = n * len(parts)
    towards = sparse.csr_array(
        (np.concatenate(values), np.concatenate(columns), starts), shape=(width, width)
    )
    return towards, diagonal
