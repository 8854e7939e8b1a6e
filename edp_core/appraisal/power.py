"""What a GWAS of a phenotype could find: smallest effects at a sample size."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from edp_core.errors import InputError

Floats = NDArray[np.float64]
GENOME_WIDE = 5e-8
LARGEST_ODDS = 2.0
"""Smallest odds ratios above it are not told: outside the formula's range."""
TOO_LARGE = f"odds ratio above {LARGEST_ODDS:g}, outside the formula's range"
FREQUENCIES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Frequencies of the effect allele a table shows unless told otherwise."""


def effective_n(n_cases: int, n_controls: int) -> float:
    """Size of the balanced case–control study that is as informative.

    Parameters
    ----------
    n_cases, n_controls
        At least one of each.

    Returns
    -------
    4/(1/n_cases + 1/n_controls), at most n_cases + n_controls.

    Examples
    --------
    >>> effective_n(500, 500)
    1000.0
    >>> round(effective_n(500, 45_000))
    1978
    """
    if min(n_cases, n_controls) < 1:
        raise InputError(
            "there are no cases, or no controls", "choose a code with both"
        )
    return 4 / (1 / n_cases + 1 / n_controls)


def power_of(noncentrality: ArrayLike, *, alpha: float = GENOME_WIDE) -> Floats:
    """Power of a χ² test on one degree of freedom.

    Parameters
    ----------
    noncentrality
        ≥ 0, any shape.
    alpha
        Significance level, above 0 and below 1.

    Returns
    -------
    Probability of p < alpha, two-sided: Φ(√λ − z) + Φ(−√λ − z), z = −Φ⁻¹(alpha/2).
    """
    _check(alpha=alpha)
    root, z = np.sqrt(np.asarray(noncentrality, np.float64)), -ndtri(alpha / 2)
    return np.asarray(ndtr(root - z) + ndtr(-root - z), dtype=np.float64)


def power_for_effect(
    beta: ArrayLike, frequency: ArrayLike, *, n: float, alpha: float = GENOME_WIDE
) -> Floats:
    """Power to find an effect on a quantitative trait.

    Parameters
    ----------
    beta
        Effect per allele in standard deviations of the trait; the sign is of no
        matter. Broadcast against ``frequency``.
    frequency
        Of the effect allele, between 0 and 1.
    n
        Participants.
    alpha
        Significance level.

    Returns
    -------
    Probability of p < alpha; 1 where the variant would explain the whole variance.
    """
    f = _frequencies(frequency)
    share = 2 * f * (1 - f) * np.asarray(beta, np.float64) ** 2
    with np.errstate(divide="ignore"):
        noncentrality = _size(n) * share / np.maximum(1 - share, 0)
    return power_of(noncentrality, alpha=alpha)


def minimum_effects(
    n: float,
    *,
    n_cases: int | None = None,
    frequencies: ArrayLike = FREQUENCIES,
    alpha: float = GENOME_WIDE,
    power: float = 0.8,
) -> pd.DataFrame:
    """Smallest effect per allele that a GWAS finds with some probability.

    Parameters
    ----------
    n
        Participants with a value; for a code, cases and controls together.
    n_cases
        For a code, how many of them are cases.
    frequencies
        Of the effect allele, between 0 and 1; the table is the same for f and 1 − f.
    alpha
        Significance level.
    power
        Probability of p < alpha wanted, above ``alpha`` and below 1.

    Returns
    -------
    DataFrame
        One row for each frequency: ``frequency``; ``n``; ``n_effective`` (``n`` itself
        for a quantitative trait); ``minor_alleles`` expected among the participants,
        2·n·min(f, 1 − f); ``beta``, the smallest effect: in standard deviations of the
        trait, or for a code as logarithm of the odds ratio; ``variance_explained``
        (NaN for a code); ``odds_ratio`` = exp(beta) (NaN for a quantitative trait);
        ``reason`` why ``beta`` and ``odds_ratio`` of a code are NaN: they would lie
        above `LARGEST_ODDS`. Else empty.

    Raises
    ------
    InputError
        Where a frequency, a level or a count is out of range.

    Notes
    -----
    Additive model, genotypes in Hardy–Weinberg proportions, covariates unrelated to
    the variant, nobody related. Quantitative: λ = n·q²/(1 − q²) with q² = 2f(1 − f)β².
    Codes: λ = 2f(1 − f)β²·n_effective/4, the score test's to first order in β, the
    information of φ(1 − φ) per person at a share φ of cases being that of
    n_effective/4. Good for odds ratios up to about 1.5 and left out above 2 (54
    cases and 522 controls have 92, 76 and 51 % where it claims 80 % at 4.0, 3.7 and
    3.5), and only where 2·f·n_cases is some dozens: with fewer minor alleles among
    the cases no test is near normal. See `docs/science.md`.
    """
    f = _frequencies(frequencies)
    _check(alpha=alpha, power=power)
    wanted = _noncentrality(alpha=alpha, power=power)
    heterozygosity = 2 * f * (1 - f)
    size = _size(n)
    if n_cases is None:
        share = np.broadcast_to(wanted / (size + wanted), f.shape)
        beta = np.sqrt(share / heterozygosity)
        effective, odds_ratio = size, np.full(f.shape, np.nan)
    else:
        effective = effective_n(n_cases, int(n) - n_cases)
        beta = np.sqrt(4 * wanted / (heterozygosity * effective))
        beta = np.where(beta > np.log(LARGEST_ODDS), np.nan, beta)
        share, odds_ratio = np.full(f.shape, np.nan), np.exp(beta)
    return pd.DataFrame(
        {
            "frequency": f,
            "n": int(n),
            "n_effective": effective,
            "minor_alleles": 2 * size * np.minimum(f, 1 - f),
            "beta": beta,
            "variance_explained": share,
            "odds_ratio": odds_ratio,
            "reason": np.where(np.isnan(beta), TOO_LARGE, ""),
        }
    )


def _noncentrality(*, alpha: float, power: float) -> float:
    """The λ at which the test has the power, both tails counted."""

    def lacks(root: float) -> float:
        return float(power_of(root**2, alpha=alpha)) - power

    # one tail alone gives a little too much: the root lies below it
    top = max(float(-ndtri(alpha / 2) + ndtri(power)), 0.0) + 1.0
    return float(brentq(lacks, 0.0, top, xtol=1e-13, rtol=1e-14)) ** 2


def _frequencies(values: ArrayLike) -> Floats:
    f = np.asarray(values, dtype=np.float64)
    wrong = int(np.count_nonzero(~((f > 0) & (f < 1))))
    if wrong:
        raise InputError(
            f"{wrong} allele frequencies are not between 0 and 1",
            "leave out what does not vary",
        )
    return f


def _size(n: float) -> float:
    if not 2 < n < np.inf:
        raise InputError(f"{n} participants", "a test needs at least 3")
    return float(n)


def _check(*, alpha: float, power: float = 0.8) -> None:
    if not 0 < alpha < 1:
        raise InputError(f"the level is {alpha}", "choose above 0 and below 1")
    if not alpha < power < 1:
        raise InputError(
            f"the power is {power}", f"choose above the level, {alpha:g}, and below 1"
        )
