"""Rank tests: AUC, its interval and the Wilcoxon p, for one or many traits at once.

Derivations, among them why pooled out-of-fold scores need √2, stand in
`docs/science.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_ndtr, ndtri
from scipy.stats import rankdata

from edp_core.errors import InputError

Floats = NDArray[np.float64]
_Z95 = float(ndtri(0.975))


@dataclass(frozen=True)
class RankTests:
    """One rank test for each trait.

    Attributes
    ----------
    n_cases, n_controls
        (n_traits,) int64, participants with a score.
    auc, auc_low, auc_high
        (n_traits,) probability that a case scores higher than a control (ties count
        one half) and its 95 % interval; NaN without cases or without controls, the
        interval also NaN with a single one of either.
    log10p
        (n_traits,) −log10 of the two-sided Wilcoxon p, ≥ 0; NaN as for ``auc``.
    """

    n_cases: NDArray[np.int64]
    n_controls: NDArray[np.int64]
    auc: Floats
    auc_low: Floats
    auc_high: Floats
    log10p: Floats


def midranks(values: ArrayLike) -> Floats:
    """Ranks from 1, tied values sharing the mean of their ranks.

    Parameters
    ----------
    values
        (n,) numbers; NaN = missing.

    Returns
    -------
    (n,) float64, NaN where missing.

    Examples
    --------
    >>> midranks([3.0, 1.0, 3.0, np.nan])
    array([2.5, 1. , 2.5, nan])
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise InputError(
            f"midranks wants one column of values, not shape {array.shape}",
            "give one score at a time",
        )
    ranks = np.full(array.size, np.nan)
    used = ~np.isnan(array)
    ranks[used] = rankdata(array[used])
    return ranks


def rank_test(
    scores: ArrayLike,
    cases: ArrayLike,
    *,
    inflation: float = 1.0,
    axes: float | None = None,
) -> RankTests:
    """Wilcoxon rank-sum test and AUC with DeLong's interval, trait by trait.

    Parameters
    ----------
    scores
        (n,) one score for every trait, or (n, n_traits) a score of its own for each;
        NaN = not used.
    cases
        (n, n_traits) bool, or (n,) for one trait.
    inflation
        Factor on the standard deviation of U under the null: 1 for independent
        scores, √2 for out-of-fold scores pooled over folds.
    axes
        Effective number of axes the out-of-fold scores were trained on. The interval
        is widened by ``inflation`` where there is no signal and by less as the
        signal outgrows the noise of training (`widening`). Without it the interval
        is widened by ``inflation`` throughout, which is conservative.

    Returns
    -------
    RankTests
        Arrays over traits.

    Raises
    ------
    InputError
        Where shapes do not meet or ``inflation`` is below 1.

    Notes
    -----
    z = (\\|U − n_p n_n/2\\| − ½) / (inflation · σ) with the tie-corrected σ of Lehmann
    (1975); the variance of the AUC is that of DeLong, DeLong & Clarke-Pearson (1988)
    in the midrank form of Sun & Xu (2014), its interval taken on the logit scale so
    that it stays within 0 and 1. For an AUC of exactly 0 or 1 that variance is 0; the
    open bound is then the exact binomial one for min(n_cases, n_controls) out of as
    many.
    """
    x = np.asarray(scores, dtype=np.float64)
    y = np.asarray(cases, dtype=bool)
    if y.ndim == 1:
        y = y[:, None]
    shared = x.ndim == 1
    if y.ndim != 2 or x.shape[:1] != y.shape[:1] or (not shared and x.shape != y.shape):
        raise InputError(
            f"scores of shape {x.shape} do not meet cases of shape {y.shape}",
            "give one row for each participant in both, and one column of scores "
            "for each trait, or one for all",
        )
    if not inflation >= 1:
        raise InputError(
            f"inflation is {inflation}, below 1",
            "use 1 for independent scores and √2 for pooled out-of-fold scores",
        )
    n_traits = y.shape[1]
    counts = np.zeros((2, n_traits), dtype=np.int64)
    figures = np.full((3, n_traits), np.nan)
    sorted_scores = _Sorted(x) if shared else None
    for trait in range(n_traits):
        ordered = sorted_scores or _Sorted(x[:, trait])
        counts[:, trait], figures[:, trait] = ordered.test(y[:, trait])
    auc, variance, z = figures
    z = np.maximum(z, 0) / inflation
    low, high = _interval(auc, variance, counts, inflation=inflation, axes=axes)
    log10p = np.maximum(-(log_ndtr(-z) + np.log(2)) / np.log(10), 0.0)
    return RankTests(counts[0], counts[1], auc, low, high, log10p)


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


class _Sorted:
    """One column of scores in order: what every trait on it shares."""

    def __init__(self, scores: Floats) -> None:
        used = np.flatnonzero(~np.isnan(scores))
        self.order = used[np.argsort(scores[used], kind="stable")]
        ordered = scores[self.order]
        new = np.ones(ordered.size, dtype=bool)
        new[1:] = ordered[1:] != ordered[:-1]
        self.starts = np.flatnonzero(new)
        sizes = np.diff(np.append(self.starts, ordered.size)).astype(np.float64)
        self.sizes = sizes
        self.ties = float(np.sum(sizes**3 - sizes))

    def test(self, cases: NDArray[np.bool_]) -> tuple[tuple[int, int], Floats]:
        """Counts of cases and controls; AUC, its variance and |z| for inflation 1."""
        y = cases[self.order]
        n = y.size
        n_p = int(np.count_nonzero(y))
        n_n = n - n_p
        nothing = np.full(3, np.nan)
        if n_p == 0 or n_n == 0:
            return (n_p, n_n), nothing
        y_float = y.astype(np.float64)
        tied = self.starts.size < n
        p = np.add.reduceat(y_float, self.starts) if tied else y_float
        q = self.sizes - p
        # Placements: for each distinct score, the share of the other class below it,
        # those level with it counting one half.
        v10 = (np.cumsum(q) - q / 2) / n_n
        v01 = (np.cumsum(p) - p / 2) / n_p
        # Sums, not dot products: those wake every BLAS thread for a few microseconds.
        auc = float(np.sum(p * v10)) / n_p
        variance = np.nan
        if n_p > 1 and n_n > 1:
            variance = float(np.sum(p * (v10 - auc) ** 2)) / ((n_p - 1) * n_p)
            variance += float(np.sum(q * (v01 - 1 + auc) ** 2)) / ((n_n - 1) * n_n)
        sigma2 = n_p * n_n / 12 * ((n + 1) - self.ties / (n * (n - 1)))
        # Rounding aside, U is a multiple of one half.
        away = abs(round(2 * auc * n_p * n_n) / 2 - n_p * n_n / 2)
        z = (away - 0.5) / np.sqrt(sigma2) if sigma2 > 1e-9 * n_p * n_n else 0.0
        return (n_p, n_n), np.array([auc, variance, z])


def _interval(
    auc: Floats,
    variance: Floats,
    counts: NDArray[np.int64],
    *,
    inflation: float,
    axes: float | None,
) -> tuple[Floats, Floats]:
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
