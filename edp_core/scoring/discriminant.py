"""The regularised two-class discriminant in closed form, all traits and folds at once.

Training moments are totals minus the held-out block, so that one Cholesky per fold
serves every trait; the derivation stands in `docs/science.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky, eigvalsh

from edp_core.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Fold:
    """What a fold holds that does not depend on the trait.

    ``held`` are the rows held out (n_held, m); ``total`` (m,) the sum and ``n`` the
    number of the training participants; ``factor`` the lower Cholesky factor of
    their S_T + λI; ``training`` their rows, kept only where totals do not serve.
    """

    rows: NDArray[np.int64]
    held: Floats
    n: int
    total: Floats
    factor: Floats
    ridge: float
    training: Floats | None = None


@dataclass(frozen=True)
class Discriminant:
    """An embedding or covariates, made ready to score any number of traits.

    Attributes
    ----------
    folds
        One entry per fold.
    axes
        Effective number of axes: Σ h², h = s/(s + λ) over the eigenvalues s of the
        total scatter.
    """

    folds: list[_Fold]
    axes: float

    @classmethod
    def of_embedding(
        cls, z: Floats, fold: NDArray[np.int64], *, shrinkage: float
    ) -> Discriminant:
        """Prepare an embedding.

        Parameters
        ----------
        z
            (n, m) without missing values; axes are taken as they are.
        fold
            (n,) fold of each participant.
        shrinkage
            α ≥ 0, λ = α · tr(S_T)/m of the training participants.

        Raises
        ------
        InputError
            Where the scatter of a training part is singular.
        """
        z = z - z.mean(axis=0)
        rows = [np.flatnonzero(fold == f) for f in np.unique(fold)]
        held = [z[r] for r in rows]
        grams = [block.T @ block for block in held]
        sums = [block.sum(axis=0) for block in held]
        gram, total = np.sum(grams, axis=0), np.sum(sums, axis=0)
        folds = []
        for r, block, g, s in zip(rows, held, grams, sums, strict=True):
            n, s_train = len(z) - len(r), total - s
            scatter = gram - g - np.outer(s_train, s_train) / n
            factor, ridge = _factor(scatter, shrinkage=shrinkage)
            folds.append(_Fold(r, block, n, s_train, factor, ridge))
        return cls(folds, _axes(gram, shrinkage=shrinkage))

    @classmethod
    def of_covariates(
        cls, x: Floats, fold: NDArray[np.int64], *, shrinkage: float
    ) -> Discriminant:
        """Prepare covariates in units of their own, with missing values.

        Parameters
        ----------
        x
            (n, b), NaN = missing. Each fold centres, scales and fills them (with the
            mean) by its training participants; a covariate that does not vary among
            them is left out.
        fold, shrinkage
            As for `of_embedding`.

        Raises
        ------
        InputError
            Where no covariate varies.
        """
        folds = []
        for r in (np.flatnonzero(fold == f) for f in np.unique(fold)):
            kept = np.delete(x, r, axis=0)
            there = ~np.isnan(kept)
            count = np.maximum(there.sum(axis=0), 1)
            mean = np.where(there, kept, 0).sum(axis=0) / count
            train = np.where(there, kept - mean, 0)
            sd = np.sqrt(np.mean(train**2, axis=0))
            varies = sd > 1e-12 * np.abs(mean)
            if not varies.any():
                raise InputError(
                    "no baseline covariate varies among the training participants",
                    "leave the baseline out",
                )
            train = train[:, varies] / sd[varies]
            held = (x[r] - mean)[:, varies] / sd[varies]
            held[np.isnan(held)] = 0
            factor, ridge = _factor(train.T @ train, shrinkage=shrinkage)
            nothing = np.zeros(train.shape[1])
            folds.append(_Fold(r, held, len(train), nothing, factor, ridge, train))
        return cls(folds, float(x.shape[1]))

    def scores(self, cases: NDArray[np.bool_]) -> Floats:
        """Out-of-fold scores t = (wᵀz − wᵀm_n)/σ of a block of traits.

        Parameters
        ----------
        cases
            (n, k) bool; every training part has at least one case and one control.

        Returns
        -------
        (n, k) float64, higher = more like the cases; σ is the within-class standard
        deviation and m_n the mean of the controls, both of the training participants.
        """
        y = cases.astype(np.float64)
        n_cases = y.sum(axis=0)
        held_sums = [fold.held.T @ y[fold.rows] for fold in self.folds]
        totals = np.zeros((0, y.shape[1]))
        if self.folds[0].training is None:
            totals = np.sum(held_sums, axis=0)
        scores = np.empty_like(y)
        for fold, held_sum in zip(self.folds, held_sums, strict=True):
            if fold.training is None:
                s_p = totals - held_sum
            else:
                s_p = fold.training.T @ np.delete(y, fold.rows, axis=0)
            n, n_p = fold.n, n_cases - y[fold.rows].sum(axis=0)
            d = s_p - np.outer(fold.total, n_p / n)
            w = np.asarray(cho_solve((fold.factor, True), d), dtype=np.float64)
            wd = np.sum(w * d, axis=0)
            controls = np.sum(w * (fold.total[:, None] - s_p), axis=0) / (n - n_p)
            # wᵀS_w w = wᵀS_T w − c(wᵀd)², and wᵀS_T w = wᵀD − λ‖w‖².
            within = wd - fold.ridge * np.sum(w * w, axis=0)
            within -= wd**2 * n / (n_p * (n - n_p))
            sd = np.sqrt(np.maximum(within, 0) / max(n - 2, 1))
            scores[fold.rows] = (fold.held @ w - controls) / np.where(sd > 0, sd, 1)
        return scores


def effective_axes(vectors: ArrayLike, *, shrinkage: float) -> float:
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
    return _axes(z.T @ z, shrinkage=shrinkage)


def _axes(scatter: Floats, *, shrinkage: float) -> float:
    eigenvalues = np.maximum(eigvalsh(scatter), 0)
    total = eigenvalues + shrinkage * eigenvalues.mean()
    kept = total > 0
    return float(np.sum((eigenvalues[kept] / total[kept]) ** 2))


def _factor(scatter: Floats, *, shrinkage: float) -> tuple[Floats, float]:
    """Lower Cholesky factor of scatter + λI, and λ."""
    if not (np.isfinite(shrinkage) and shrinkage >= 0):
        raise InputError(
            f"shrinkage is {shrinkage}", "choose a number from 0, for instance 0.1"
        )
    m = len(scatter)
    mean_axis = float(np.trace(scatter)) / m
    ridge = shrinkage * mean_axis
    sound = mean_axis > 0
    try:
        factor = cholesky(scatter + ridge * np.eye(m), lower=True)
        pivots = np.diag(factor) ** 2
        sound = sound and bool(pivots.min() > 1e-13 * pivots.max())
    except LinAlgError:
        sound = False
    if not sound:
        raise InputError(
            f"the {m} axes are collinear or constant among the training participants "
            f"of a fold, and shrinkage {shrinkage} does not mend it",
            "raise the shrinkage, for instance to 0.1, or use fewer axes",
        )
    return np.asarray(factor, dtype=np.float64), ridge
