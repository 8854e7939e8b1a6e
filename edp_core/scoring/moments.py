"""Moments of an embedding by fold, and of what is left when some do not count.

Training moments are totals minus the held-out block, so that every row is multiplied
once however many folds there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, eigvalsh, solve_triangular

from edp_core.errors import InputError
from edp_core.threads import on_all_cores

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Base:
    """Training participants of one fold, those left aside who do not count.

    Attributes
    ----------
    n, total, gram
        Their number, sum (m,) and second moment (m, m) about the origin.
    ridge
        λ.
    factor
        Lower Cholesky factor of S + λI, S their scatter about their own mean.
    white
        (m, m) S + λI in white coordinates (`Moments.white`), where there are any.
    """

    n: int
    total: Floats
    gram: Floats
    ridge: float
    factor: Floats
    white: Floats | None = None


@dataclass(frozen=True)
class Moments:
    """An embedding in the order of its folds, with the moments of each.

    Attributes
    ----------
    order
        (n,) participants by fold.
    starts
        (n_folds + 1,) where each fold begins in ``order``.
    z
        (n, m) vectors in that order, centred over everybody.
    grams, sums
        (n_folds, m, m) and (n_folds, m) of each held-out block.
    shrinkage
        α.
    whitening
        (m, m) lower triangular L, LLᵀ the scatter of everybody with a ridge; `None`
        where nothing is oversampled.
    white
        (n, m) L⁻¹z in single precision. In these coordinates every axis has about the
        same size, so that rounding is 10⁻⁷ of each axis and not of the largest, and a
        fold's matrix is near a multiple of the identity.
    """

    order: Ints
    starts: Ints
    z: Floats
    grams: Floats
    sums: Floats
    shrinkage: float
    whitening: Floats | None = None
    white: Singles | None = None

    @classmethod
    def of(
        cls, vectors: Floats, fold: Ints, *, shrinkage: float, whiten: bool = False
    ) -> Moments:
        """Sort by fold and multiply each block with itself.

        Parameters
        ----------
        vectors
            (n, m) without missing values; axes are taken as they are.
        fold
            (n,) fold of each participant.
        shrinkage
            α ≥ 0.
        whiten
            Whether white coordinates are needed.

        Raises
        ------
        InputError
            Where ``shrinkage`` is not a number from 0.
        """
        if not (np.isfinite(shrinkage) and shrinkage >= 0):
            raise InputError(
                f"shrinkage is {shrinkage}", "choose a number from 0, for instance 0.1"
            )
        order = np.argsort(fold, kind="stable")
        _, sizes = np.unique(fold, return_counts=True)
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        z = np.asarray(vectors[order], dtype=np.float64)
        z -= z.mean(axis=0)
        blocks = [z[a:b] for a, b in pairwise(starts)]
        grams = np.stack(on_all_cores(_gram, blocks))
        sums = np.stack([block.sum(axis=0) for block in blocks])
        found = cls(order, starts, z, grams, sums, float(shrinkage))
        return found._whitened() if whiten else found

    def _whitened(self) -> Moments:
        scatter = self.grams.sum(axis=0)
        # of the axes only, so any ridge will do that keeps them apart from rounding
        ridge = max(self.shrinkage, 1e-4) * float(np.trace(scatter)) / len(scatter)
        factor = factorised(scatter, ridge=ridge)
        white = np.empty(self.z.shape, dtype=np.float32)

        def turn(start: int) -> None:
            rows = slice(start, start + 4096)
            white[rows] = solve_triangular(factor, self.z[rows].T, lower=True).T

        on_all_cores(turn, range(0, len(white), 4096))
        return replace(self, whitening=factor, white=white)

    @property
    def n_folds(self) -> int:
        """Folds."""
        return len(self.sums)

    def held(self, fold: int) -> slice:
        """Rows of ``z`` a fold holds out."""
        return slice(int(self.starts[fold]), int(self.starts[fold + 1]))

    def places(self) -> Ints:
        """(n,) row of ``z`` of each participant."""
        found = np.empty_like(self.order)
        found[self.order] = np.arange(len(self.order))
        return found

    def bases(self, aside: Ints, *, ridge: float = 1.0) -> list[Base]:
        """The training participants of every fold.

        Parameters
        ----------
        aside
            Rows of ``z`` that do not count, ascending.
        ridge
            λ = ridge · α · the mean axis variance of all training participants · the
            number of those that count: one ridge for each participant, whoever is
            left aside, so that codes are treated alike.

        Raises
        ------
        InputError
            Where the scatter of a fold is singular or nobody is left.
        """
        edges = np.searchsorted(aside, self.starts)
        gone = [self.z[aside[a:b]] for a, b in pairwise(edges)]
        grams = self.grams - np.stack(on_all_cores(_gram, gone))
        sums = self.sums - np.stack([rows.sum(axis=0) for rows in gone])
        sizes = np.diff(self.starts)
        kept = sizes - np.diff(edges)
        gram_all, sum_all = grams.sum(axis=0), sums.sum(axis=0)
        whole_gram, whole_sum = self.grams.sum(axis=0), self.sums.sum(axis=0)

        def base(fold: int) -> Base:
            n = int(kept.sum() - kept[fold])
            everyone = int(sizes.sum() - sizes[fold])
            if n < 2:
                raise InputError(
                    f"{n} participants are left to train fold {fold} on",
                    "loosen who is left aside, or choose fewer folds",
                )
            gram, total = gram_all - grams[fold], sum_all - sums[fold]
            mean = whole_sum - self.sums[fold]
            trace = float(np.trace(whole_gram) - np.trace(self.grams[fold]))
            trace -= float(mean @ mean) / everyone
            share = ridge * self.shrinkage * n / everyone
            lam = share * max(trace, 0.0) / len(total)
            scatter = gram - np.outer(total, total / n)
            factor = factorised(scatter, ridge=lam)
            white = None
            if self.whitening is not None:
                half = solve_triangular(self.whitening, factor, lower=True)
                white = half @ half.T
            return Base(n, total, gram, lam, factor, white)

        return on_all_cores(base, range(self.n_folds))

    @cached_property
    def axes(self) -> float:
        """Effective number of axes: Σ h², h = s/(s + λ) over the eigenvalues s."""
        return effective_axes_of(self.grams.sum(axis=0), shrinkage=self.shrinkage)


def effective_axes(vectors: Floats, *, shrinkage: float) -> float:
    """Axes a discriminant really uses, for the interval of its pooled scores.

    Parameters
    ----------
    vectors
        (n, m) without missing values.
    shrinkage
        α of the discriminant.

    Returns
    -------
    Σ h², h = s/(s + λ) over the eigenvalues s of the total scatter; from 0 to m.
    Pass it as ``axes`` to `edp_core.stats.ranks.rank_test`.
    """
    z = np.asarray(vectors, dtype=np.float64)
    z = z - z.mean(axis=0)
    return effective_axes_of(z.T @ z, shrinkage=shrinkage)


def effective_axes_of(scatter: Floats, *, shrinkage: float) -> float:
    """`effective_axes` of a scatter matrix (m, m)."""
    eigenvalues = np.maximum(eigvalsh(scatter), 0)
    total = eigenvalues + shrinkage * eigenvalues.mean()
    kept = total > 0
    return float(np.sum((eigenvalues[kept] / total[kept]) ** 2))


def _gram(rows: Floats) -> Floats:
    return np.asarray(rows.T @ rows, dtype=np.float64)


def factorised(scatter: Floats, *, ridge: float) -> Floats:
    """Lower Cholesky factor of scatter + λI.

    Raises
    ------
    InputError
        Where it is singular.
    """
    m = len(scatter)
    sound = float(np.trace(scatter)) > 0
    try:
        factor = cholesky(scatter + ridge * np.eye(m), lower=True)
        pivots = np.diag(factor) ** 2
        sound = sound and bool(pivots.min() > 1e-13 * pivots.max())
    except LinAlgError:
        sound = False
    if not sound:
        raise InputError(
            f"the {m} axes are collinear or constant among the training participants "
            "of a fold, and the shrinkage does not mend it",
            "raise the shrinkage, for instance to 0.1, or use fewer axes",
        )
    return np.asarray(factor, dtype=np.float64)
