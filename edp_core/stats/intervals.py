"""Interval of the AUC, for independent scores and for pooled out-of-fold ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtri

Floats = NDArray[np.float64]
_Z95 = float(ndtri(0.975))


def widening(auc: ArrayLike, effective_n: ArrayLike, axes: float) -> Floats:
    """How much wider the AUC of pooled out-of-fold scores scatters than DeLong says.

    Parameters
    ----------
    auc
        (k,) observed AUC.
    effective_n
        (k,) n_cases · n_controls / n.
    axes
        Effective number of axes trained on.

    Returns
    -------
    (k,) factor on the standard error, from √2 (no signal) down to 1.

    Notes
    -----
    With ρ = squared Mahalanobis distance of the classes / training noise, the factor
    is sqrt((ρ+2)²(2ρ+1) / (2(ρ+1)³)), and the observed z² = 2 n_eff Φ⁻¹(AUC)² equals
    axes · ρ²/(ρ+1) in the mean. The expected noise of z², 2, is taken off first.
    """
    deviate = np.maximum(ndtri(np.clip(np.asarray(auc, np.float64), 0.5, 1 - 1e-9)), 0)
    z2 = 2 * np.asarray(effective_n, np.float64) * deviate**2
    kappa = np.maximum(z2 - 2, 0) / max(axes, 1e-12)
    rho = (kappa + np.sqrt(kappa * kappa + 4 * kappa)) / 2
    # Written in 1/(1+ρ) so that a huge ρ does not overflow.
    v = 1 / (1 + rho)
    squared = (1 + v) ** 2 * (2 - v) / 2
    return np.asarray(np.sqrt(squared), dtype=np.float64)


def auc_interval(
    auc: Floats,
    variance: Floats,
    counts: NDArray[np.int64],
    *,
    inflation: float,
    axes: float | None,
) -> tuple[Floats, Floats]:
    """95 % interval of an AUC on the logit scale, widened for pooled scores.

    Parameters
    ----------
    auc, variance
        (k,) AUC and DeLong's variance of it; NaN = none.
    counts
        (2, k) cases and controls.
    inflation, axes
        As for `edp_core.stats.ranks.rank_test`.

    Returns
    -------
    (k,) low, (k,) high; NaN where there is no variance.
    """
    n_p, n_n = counts.astype(np.float64)
    factor2 = np.full(auc.shape, inflation**2)
    if axes is not None:
        n = np.maximum(n_p + n_n, 1)
        factor2 = 1 + (inflation**2 - 1) * (widening(auc, n_p * n_n / n, axes) ** 2 - 1)
    inside = (auc > 0) & (auc < 1)
    mid = np.where(inside, auc, 0.5)
    half = _Z95 * np.sqrt(variance * factor2) / (mid * (1 - mid))
    centre = np.log(mid / (1 - mid))
    low, high = expit(centre - half), expit(centre + half)
    with np.errstate(divide="ignore"):
        exact = 0.025 ** (1 / np.minimum(n_p, n_n))
    defined = ~np.isnan(variance)
    low = np.where(defined & (auc == 1), exact, np.where(auc == 0, 0.0, low))
    high = np.where(defined & (auc == 0), 1 - exact, np.where(auc == 1, 1.0, high))
    low = np.where(defined, low, np.nan)
    high = np.where(defined, high, np.nan)
    return low, high
