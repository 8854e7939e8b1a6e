"""Unordered outcomes: multinomial logistic regression."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from edp_core.phewas.linear import TOLD, Estimate, nothing
from edp_core.phewas.maximum import (
    NOT_FOUND,
    Likelihood,
    climb,
    estimate,
    prepared,
)
from edp_core.stats.tails import log10p_chi2
from edp_core.threads import cores, on_all_cores

Floats = NDArray[np.float64]
_BLOCK = 1024


def multinomial(columns: Floats, levels: Floats) -> list[Estimate]:
    """Multinomial logistic regression of an unordered outcome.

    Parameters
    ----------
    columns
        (n, f + 1) covariates, then the phenotype.
    levels
        (n,) whole numbers from 0, every level there, 0 the reference; NaN = missing.

    Returns
    -------
    list of Estimate
        First the outcome as a whole: no ``beta``, and the p of the likelihood ratio
        against the covariates alone, χ² with as many degrees of freedom as levels
        beyond the reference. Then each of these levels: the log odds ratio against the
        reference for one unit of the phenotype, p and interval Wald's.
    """
    there = np.isfinite(levels)
    x, kept = prepared(columns[there])
    level = levels[there].astype(int)
    others = int(level.max())
    if not kept[-1]:
        return [nothing(TOLD)] * (1 + others)
    sums = _Sums(np.column_stack([np.ones(len(x)), x]), level)
    size = np.bincount(level)
    start = np.zeros((others, sums.width))
    start[:, 0] = np.log(size[1:] / size[0])
    without = climb(partial(sums.likelihood, fixed=True), start.ravel())
    full = climb(sums.likelihood, without.theta)
    if full.covariance is None or without.covariance is None:
        return [nothing(NOT_FOUND)] * (1 + others)
    ratio = 2 * (full.value - without.value)
    none = float("nan")
    whole = Estimate(none, none, none, none, log10p_chi2(ratio, df=others))
    scale = float(columns[there][:, -1].std())
    parts = [
        estimate(full, (j + 1) * sums.width - 1, scale=scale) for j in range(others)
    ]
    return [whole, *parts]


class _Sums:
    """The likelihood of coefficients (n_levels − 1, f) in one row."""

    def __init__(self, x: Floats, level: NDArray[np.int64]) -> None:
        self.x, self.width, self.others = x, x.shape[1], int(level.max())
        self.upper = np.triu_indices(self.width)
        self.between = np.triu_indices(self.others)
        self.is_level = level[:, None] == np.arange(1, self.others + 1)
        self.seen = self.is_level.T.astype(np.float64) @ x

    def likelihood(self, theta: Floats, *, fixed: bool = False) -> Likelihood:
        """Logarithm, gradient, curvature; ``fixed`` leaves the last column out."""
        beta = theta.reshape(self.others, self.width)
        i, j = self.between
        pieces = np.array_split(np.arange(0, len(self.x), _BLOCK), 2 * cores())
        found = on_all_cores(lambda starts: self._part(beta, starts), pieces)
        value = float(np.vdot(self.seen, beta)) - sum(part[0] for part in found)
        expected = sum((part[1] for part in found), np.zeros(beta.shape))
        shape = (len(i), len(self.upper[0]))
        weighed = sum((part[2] for part in found), np.zeros(shape))
        square = np.empty((self.others, self.others, self.width, self.width))
        for a, b in ((i, j), (j, i)):
            square[a[:, None], b[:, None], self.upper[0], self.upper[1]] = weighed
            square[a[:, None], b[:, None], self.upper[1], self.upper[0]] = weighed
        curvature = square.transpose(0, 2, 1, 3).reshape(beta.size, beta.size).copy()
        gradient = (self.seen - expected).ravel()
        if fixed:
            last = np.arange(self.width - 1, beta.size, self.width)
            curvature[last] = curvature[:, last] = 0.0
            curvature[last, last], gradient[last] = 1.0, 0.0
        return Likelihood(value, gradient, curvature)

    def _part(
        self, beta: Floats, starts: NDArray[np.int64]
    ) -> tuple[float, Floats, Floats]:
        """Sums over some blocks of people: log of the whole, expected, weighed."""
        i, j = self.between
        value = 0.0
        weighed = np.zeros((len(i), len(self.upper[0])))
        expected = np.zeros(beta.shape)
        for start in starts:
            x = self.x[start : start + _BLOCK]
            eta = beta @ x.T
            top = np.maximum(eta.max(axis=0), 0)
            p = np.exp(eta - top)
            whole = np.exp(-top) + p.sum(axis=0)
            p /= whole
            value += float(np.sum(top + np.log(whole)))
            weight = -p[i] * p[j]
            weight[i == j] += p
            weighed += weight @ (x[:, self.upper[0]] * x[:, self.upper[1]])
            expected += p @ x
        return value, expected, weighed
