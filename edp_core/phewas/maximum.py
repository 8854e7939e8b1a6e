"""Newton's climb of a log-likelihood, for models fitted one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from edp_core.phewas.linear import Estimate, nothing
from edp_core.stats.tails import log10p_z

Floats = NDArray[np.float64]
_Z95 = float(ndtri(0.975))
_ROUNDS = 60
_THERE = 1e-9
"""Newton decrement at which no likelihood is left to gain."""
_UNTOLD = 1e-9
NOT_FOUND = "no maximum of the likelihood was found"


class Likelihood(NamedTuple):
    """A log-likelihood, its gradient, and its negated second derivatives."""

    value: float
    gradient: Floats
    curvature: Floats


class Maximum(NamedTuple):
    """Where a likelihood is largest; None for what was not found."""

    theta: Floats
    value: float
    covariance: Floats | None


def prepared(columns: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Columns with mean 0 and SD 1, those told by others left out.

    Returns
    -------
    x
        (n, n_kept).
    kept
        (f,) which columns these are.
    """
    spread = columns.std(axis=0)
    centred = columns - columns.mean(axis=0)
    varies = spread > 1e-12 * np.maximum(np.abs(columns).max(axis=0), 1e-300)
    z = centred / np.where(varies, spread, 1)
    kept = np.zeros(z.shape[1], bool)
    for j in np.flatnonzero(varies):
        basis = z[:, kept]
        rest = z[:, j] - basis @ np.linalg.lstsq(basis, z[:, j], rcond=None)[0]
        kept[j] = float(rest @ rest) > _UNTOLD * len(z)
    return z[:, kept], kept


def climb(likelihood: Callable[[Floats], Likelihood | None], start: Floats) -> Maximum:
    """Newton's method, its steps halved until the likelihood grows.

    Parameters
    ----------
    likelihood
        At some coefficients; None where they are not allowed.
    start
        Allowed coefficients.

    Returns
    -------
    Maximum
        Without covariance where no maximum was found: a coefficient runs off, since
        columns tell levels apart, or the curvature is singular.
    """
    theta, here = start, likelihood(start)
    for _ in range(_ROUNDS):
        if here is None or not np.isfinite(here.curvature).all():
            break
        try:
            step = np.linalg.solve(here.curvature, here.gradient)
        except np.linalg.LinAlgError:
            break
        gain = float(step @ here.gradient)
        if 0 <= gain < _THERE**2 * max(abs(here.value), 1) and (
            np.abs(step).max() < 1e-6
        ):
            covariance = np.asarray(np.linalg.inv(here.curvature), np.float64)
            good = np.all(np.diag(covariance) > 0)
            return Maximum(theta + step, here.value, covariance if good else None)
        there = None
        for halving in range(40):
            move = theta + step / 2**halving
            there = likelihood(move)
            if there is not None and there.value >= here.value - 1e-12 * abs(
                here.value
            ):
                break
        theta, here = move, there
    return Maximum(theta, float("nan") if here is None else here.value, None)


def estimate(found: Maximum, at: int, *, scale: float) -> Estimate:
    """Wald's figures of one coefficient; ``scale`` is the SD its column had."""
    if found.covariance is None:
        return nothing(NOT_FOUND)
    beta = float(found.theta[at]) / scale
    error = float(np.sqrt(found.covariance[at, at])) / scale
    reach = _Z95 * error
    return Estimate(
        beta, error, beta - reach, beta + reach, float(log10p_z(beta / error))
    )
