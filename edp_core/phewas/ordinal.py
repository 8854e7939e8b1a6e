"""Ordered outcomes: proportional odds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from edp_core.phewas.linear import TOLD, Estimate, nothing
from edp_core.phewas.maximum import Likelihood, climb, estimate, prepared

Floats = NDArray[np.float64]


def ordered(columns: Floats, levels: Floats) -> Estimate:
    """Proportional-odds logistic regression of an ordered outcome.

    Parameters
    ----------
    columns
        (n, f + 1) covariates, then the phenotype.
    levels
        (n,) whole numbers from 0, every level there; NaN = missing.

    Returns
    -------
    Estimate
        ``beta`` is the log odds ratio of being above any cut, for one unit of the
        phenotype, by maximum likelihood; p and interval are Wald's.

    Notes
    -----
    P(level ≤ j) = expit(a_j − xᵀβ); McCullagh (1980). Newton's method with the exact
    second derivatives: the likelihood is log-concave (Pratt 1981).
    """
    there = np.isfinite(levels)
    x, kept = prepared(columns[there])
    if not kept[-1]:
        return nothing(TOLD)
    level = levels[there].astype(int)
    cuts = int(level.max())
    share = np.cumsum(np.bincount(level, minlength=cuts + 1))[:-1] / len(level)
    start = np.concatenate([np.log(share / (1 - share)), np.zeros(x.shape[1])])
    # where cuts lie far apart, or a level is surely not: both are no way to go
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        found = climb(lambda at: _likelihood(at, x, level), start)
    return estimate(found, -1, scale=float(columns[there][:, -1].std()))


def _likelihood(
    theta: Floats, x: Floats, level: NDArray[np.int64]
) -> Likelihood | None:
    """Logarithm, gradient and curvature; None where cuts are not in order."""
    cuts = len(theta) - x.shape[1]
    cut, beta = theta[:cuts], theta[cuts:]
    if np.any(np.diff(cut) <= 0):
        return None
    ends = np.concatenate([[-np.inf], cut, [np.inf]])
    fitted = x @ beta
    # with u above and l below: P = F(u) − F(l) = F(u)·F(−l)·(1 − e^{l − u})
    above, below = ends[level + 1] - fitted, ends[level] - fitted
    f_up, f_low = expit(above), expit(below)
    width = ends[level + 1] - ends[level]
    log_p = np.log(f_up) + np.log(expit(-below)) + np.log(-np.expm1(-width))
    # derivatives of log P in u and in l; both vanish at infinity
    inner = 1 / np.expm1(width)
    d_up = expit(-above) + inner
    d_low = -f_low - inner
    d_up[level == cuts] = 0.0
    d_low[level == 0] = 0.0
    v_up, v_low = f_up * (1 - f_up), f_low * (1 - f_low)
    cross = inner * (1 + inner)
    # the second derivatives, negated: in u and u, l and l, u and l
    uu = np.where(level == cuts, 0.0, v_up + cross)
    ll = np.where(level == 0, 0.0, v_low + cross)
    both = (level > 0) & (level < cuts)
    ul = np.where(both, -cross, 0.0)
    up, low = np.minimum(level, cuts - 1), np.maximum(level - 1, 0)
    gradient = np.concatenate(
        [
            np.bincount(up, d_up, minlength=cuts)
            + np.bincount(low, d_low, minlength=cuts),
            -x.T @ (d_up + d_low),
        ]
    )
    size = cuts + x.shape[1]
    curvature = np.zeros((size, size))
    corner = np.zeros((cuts, cuts))
    np.add.at(corner, (up, up), uu)
    np.add.at(corner, (low, low), ll)
    np.add.at(corner, (up, low), ul)
    np.add.at(corner, (low, up), ul)
    curvature[:cuts, :cuts] = corner
    curvature[cuts:, cuts:] = x.T @ (x * (uu + ll + 2 * ul)[:, None])
    for weight, place in ((uu + ul, up), (ll + ul, low)):
        side = np.zeros((cuts, x.shape[1]))
        for j in range(cuts):
            at = place == j
            side[j] = -weight[at] @ x[at]
        curvature[:cuts, cuts:] += side
    curvature[cuts:, :cuts] = curvature[:cuts, cuts:].T
    return Likelihood(float(log_p.sum()), gradient, curvature)
