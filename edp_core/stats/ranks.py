"""Rank tests: AUC, its interval and the Wilcoxon p, for one or many traits at once.

Derivations, among them why pooled out-of-fold scores need √2, stand in
`docs/science.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr
from scipy.stats import rankdata

from edp_core.errors import InputError
from edp_core.stats.intervals import auc_interval
from edp_core.threads import on_all_cores

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_Figures = tuple[tuple[int, int], Floats]
"""Counts of cases and controls; AUC, its variance and |z| for inflation 1."""


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
    one = _Sorted(x) if shared else None

    def test(trait: int) -> _Figures:
        if one is not None:
            return one.test(y[:, trait])
        scores, flags = x[:, trait], y[:, trait]
        used = ~np.isnan(scores)
        return _compared(scores[used & flags], scores[used & ~flags])

    found = on_all_cores(test, range(y.shape[1]))
    return _tests(found, inflation=inflation, axes=axes)


def rank_test_rows(
    scores: Floats,
    cases: Sequence[NDArray[np.int64]],
    *,
    counted: Sequence[Bools | None],
    inflation: float = 1.0,
    axes: float | None = None,
) -> RankTests:
    """`rank_test` for traits laid out one in each row, in threads.

    Parameters
    ----------
    scores
        (n_traits, n) a score of its own for each trait, none missing.
    cases
        For each trait the columns of its cases.
    counted
        For each trait (n,) bool, who takes part, its cases among them; `None` = all.
    inflation, axes
        As for `rank_test`.
    """

    def test(trait: int) -> _Figures:
        row, flags, used = scores[trait], cases[trait], counted[trait]
        others = np.ones(row.size, dtype=bool) if used is None else used.copy()
        others[flags] = False
        return _compared(row[flags], row[others])

    found = on_all_cores(test, range(len(cases)))
    return _tests(found, inflation=inflation, axes=axes)


def _tests(
    found: Sequence[_Figures], *, inflation: float, axes: float | None
) -> RankTests:
    counts = np.array([pair for pair, _ in found], dtype=np.int64).reshape(-1, 2).T
    auc, variance, z = np.array([f for _, f in found]).reshape(-1, 3).T
    z = np.maximum(z, 0) / inflation
    low, high = auc_interval(auc, variance, counts, inflation=inflation, axes=axes)
    log10p = np.maximum(-(log_ndtr(-z) + np.log(2)) / np.log(10), 0.0)
    return RankTests(counts[0], counts[1], auc, low, high, log10p)


def _compared(cases: Floats, controls: Floats) -> _Figures:
    """Counts, AUC, its variance and |z|, of one trait.

    Only the controls are sorted whole. Without ties the number a_j of cases below
    control j need not be looked up: Σ a_j² = Σ_t (2t − 1) · (controls above the t-th
    case), t from 1, and Σ a_j follows from the AUC.
    """
    n_p, n_n = cases.size, controls.size
    if n_p == 0 or n_n == 0:
        return (n_p, n_n), np.full(3, np.nan)
    p, q = np.sort(cases), np.sort(controls)
    below = np.searchsorted(q, p)
    met = q[np.minimum(below, n_n - 1)] == p
    if met.any() or np.any(p[1:] == p[:-1]) or np.any(q[1:] == q[:-1]):
        return _Sorted(np.concatenate([p, q])).test(np.arange(n_p + n_n) < n_p)
    u = int(below.sum())
    auc = u / (n_p * n_n)
    variance = np.nan
    if n_p > 1 and n_n > 1:
        squares = float(np.sum((2 * np.arange(n_p) + 1.0) * (n_n - below)))
        spread = squares / n_p**2 - n_n * (1 - auc) ** 2
        variance = float(np.sum((below / n_n - auc) ** 2)) / ((n_p - 1) * n_p)
        variance += max(spread, 0.0) / ((n_n - 1) * n_n)
    sigma2 = n_p * n_n * (n_p + n_n + 1) / 12
    z = (abs(u - n_p * n_n / 2) - 0.5) / np.sqrt(sigma2)
    return (n_p, n_n), np.array([auc, variance, z])


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

    def test(self, cases: Bools) -> _Figures:
        """Compare cases with the others."""
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
