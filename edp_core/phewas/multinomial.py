"""Unordered outcomes: multinomial logistic regression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from edp_core.phewas.linear import TOLD, Estimate, nothing
from edp_core.phewas.maximum import (
    NOT_FOUND,
    Likelihood,
    Maximum,
    climb,
    estimate,
    prepared,
)
from edp_core.stats.tails import log10p_chi2

Floats = NDArray[np.float64]


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
    x = np.column_stack([np.ones(len(x)), x])
    without, full = _fit(x[:, :-1], level, others), _fit(x, level, others)
    if full.covariance is None or without.covariance is None:
        return [nothing(NOT_FOUND)] * (1 + others)
    ratio = 2 * (full.value - without.value)
    missing = float("nan")
    whole = Estimate(missing, missing, missing, missing, log10p_chi2(ratio, df=others))
    scale, width = float(columns[there][:, -1].std()), x.shape[1]
    parts = [estimate(full, (j + 1) * width - 1, scale=scale) for j in range(others)]
    return [whole, *parts]


def _fit(x: Floats, level: NDArray[np.int64], others: int) -> Maximum:
    width = x.shape[1]
    size = np.bincount(level, minlength=others + 1)
    start = np.zeros((others, width))
    start[:, 0] = np.log(size[1:] / size[0])
    is_level = level[:, None] == np.arange(1, others + 1)
    seen = (is_level.T.astype(float) @ x).ravel()

    def likelihood(theta: Floats) -> Likelihood:
        eta = x @ theta.reshape(others, width).T
        whole = logsumexp(np.column_stack([np.zeros(len(x)), eta]), axis=1)
        p = np.exp(eta - whole[:, None])
        curvature = np.empty((others * width, others * width))
        for i in range(others):
            for j in range(i + 1):
                weight = p[:, i] * ((i == j) - p[:, j])
                block = x.T @ (x * weight[:, None])
                at, beside = (slice(k * width, (k + 1) * width) for k in (i, j))
                curvature[at, beside] = curvature[beside, at] = block
        value = float(eta[is_level].sum() - whole.sum())
        return Likelihood(value, seen - (p.T @ x).ravel(), curvature)

    return climb(likelihood, start.ravel())
