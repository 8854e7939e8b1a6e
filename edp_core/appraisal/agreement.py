"""How far scores agree: pair by pair, in clusters of alike ones, over repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from scipy.stats import t as student

from edp_core.errors import InputError
from edp_core.stats.ranks import midranks
from edp_core.stats.regression import Correlation, log10p_r2, pearson, residualise

Floats = NDArray[np.float64]
COLUMNS = ("first", "second", "r", "low", "high", "log10p", "n")
_Z95 = 1.959963984540054
_ONE = 1 - 1e-12
"""Fisher's z of a correlation of 1 would be infinite."""


class Repeats(NamedTuple):
    """Mean correlation of any two of several repeats.

    ``r`` with ``low`` and ``high`` (95 %), over ``pairs`` pairs of ``repeats`` scores
    and ``n`` participants who have all of them.
    """

    r: float
    low: float
    high: float
    repeats: int
    pairs: int
    n: int


def score_correlations(
    scores: Mapping[str, ArrayLike],
    *,
    ranked: bool = False,
    given: ArrayLike | None = None,
) -> pd.DataFrame:
    """Correlation of any two of several scores.

    Parameters
    ----------
    scores
        Name → (n_participants,) numbers, NaN = missing.
    ranked
        Spearman's correlation in place of Pearson's.
    given
        (n_participants, f) factors held fixed, no missing values: partial correlation,
        of what least squares on the factors leaves (of the ranks, where ranked).

    Returns
    -------
    DataFrame
        One row a pair, in the order of ``scores``: ``first``, ``second``, ``r``,
        ``low``, ``high`` (95 %), ``log10p``, ``n`` participants who have both. NaN
        where either does not vary or too few have both.

    Raises
    ------
    InputError
        Where lengths differ or a value is infinite.

    Notes
    -----
    Fisher's interval, arctanh r ± 1.96/√(n − 3 − f), and the t-test with n − 2 − f
    degrees of freedom, f the rank of the factors (Fisher 1924). For ranks the standard
    error is √((1 + r²/2)/(n − 3 − f)) (Bonett & Wright 2000, doi 10.1007/BF02294183).
    Ranks are taken among those who have both.
    """
    table = {name: np.asarray(v, dtype=np.float64) for name, v in scores.items()}
    factors = None if given is None else np.asarray(given, dtype=np.float64)
    rows = [
        (one, two, *correlation(table[one], table[two], ranked=ranked, given=factors))
        for one, two in combinations(table, 2)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def correlation(
    x: ArrayLike, y: ArrayLike, *, ranked: bool = False, given: ArrayLike | None = None
) -> Correlation:
    """One pair of `score_correlations`."""
    plain = pearson(x, y)
    if not ranked and given is None:
        return plain
    first, second = (np.asarray(v, dtype=np.float64) for v in (x, y))
    both = ~(np.isnan(first) | np.isnan(second))
    columns = [midranks(v[both]) if ranked else v[both] for v in (first, second)]
    f = 0
    if given is not None:
        factors = np.asarray(given, dtype=np.float64)
        if factors.ndim != 2 or len(factors) != both.size:
            raise InputError(
                f"factors of shape {factors.shape} do not meet {both.size} people",
                "give one row for each participant in both",
            )
        if not both.any():
            return plain
        given_both = np.stack(columns, axis=1)
        rest, rank = residualise(given_both, factors[both])
        # what the factors explain whole leaves rounding noise, which means nothing
        if np.any(rest.std(axis=0) <= 1e-10 * given_both.std(axis=0)):
            return Correlation(np.nan, np.nan, np.nan, np.nan, plain.n)
        columns, f = [rest[:, 0], rest[:, 1]], rank - 1
    found = pearson(*columns)
    df = found.n - 2 - f
    if np.isnan(found.r) or df < 1:
        return Correlation(np.nan, np.nan, np.nan, np.nan, plain.n)
    low = high = np.nan
    if df > 1:
        wider = 1 + found.r**2 / 2 if ranked else 1.0
        half = _Z95 * np.sqrt(wider / (df - 1))
        with np.errstate(divide="ignore"):
            z = np.arctanh(found.r)
        low, high = float(np.tanh(z - half)), float(np.tanh(z + half))
    p = log10p_r2(found.r**2, df_model=1, df_residual=df)
    return Correlation(found.r, low, high, p, found.n)


def alike_order(names: Sequence[str], table: pd.DataFrame) -> list[str]:
    """Scores in an order that puts those alike beside each other.

    Parameters
    ----------
    names
        The scores.
    table
        Their `score_correlations`.

    Returns
    -------
    list of str
        Leaves of the tree of average linkage at distance 1 − |r|, neighbours as close
        as the tree allows (Bar-Joseph et al. 2001); a pair without a correlation is at
        distance 1. The sign is of no account: −score is the same score.
    """
    if len(names) < 3:
        return list(names)
    place = {name: i for i, name in enumerate(names)}
    apart = np.ones((len(names), len(names)))
    np.fill_diagonal(apart, 0)
    pairs = zip(table["first"], table["second"], strict=True)
    known = table["r"].to_numpy(float, na_value=np.nan)
    for (one, two), r in zip(pairs, known, strict=True):
        i, j = place[one], place[two]
        apart[i, j] = apart[j, i] = 1.0 if np.isnan(r) else max(0.0, 1 - abs(r))
    tree = linkage(squareform(apart, checks=False), "average", optimal_ordering=True)
    return [names[i] for i in leaves_list(tree).tolist()]


def repeats_agreement(scores: Sequence[ArrayLike]) -> Repeats:
    """Mean correlation of any two of several scores made in the same way.

    Parameters
    ----------
    scores
        K ≥ 2 scores of (n_participants,) numbers that differ by a seed; NaN = missing.

    Returns
    -------
    Repeats
        NaN where a score does not vary; the interval is NaN for K = 2.

    Raises
    ------
    InputError
        Where there are fewer than two, or lengths differ.

    Notes
    -----
    The mean of Fisher's z over the K(K − 1)/2 pairs, turned back. Its standard error is
    the jackknife's over repeats, with t of K − 1 degrees of freedom (Arvesen 1969, doi
    10.1214/aoms/1177697287): the interval is of other seeds, for these participants.
    """
    columns = [np.asarray(v, dtype=np.float64) for v in scores]
    if len(columns) < 2 or len({c.shape for c in columns}) > 1:
        raise InputError(
            f"{len(columns)} repeats of shapes {sorted({c.shape for c in columns})}",
            "give at least two, each with one value for each participant",
        )
    both = np.logical_and.reduce([~np.isnan(c) for c in columns])
    k, n = len(columns), int(both.sum())
    pairs = k * (k - 1) // 2
    z = np.zeros((k, k))
    for i, j in combinations(range(k), 2):
        r = pearson(columns[i][both], columns[j][both]).r
        z[i, j] = z[j, i] = np.arctanh(np.clip(r, -_ONE, _ONE))
    mean = z.sum() / (2 * pairs)
    middle = 1.0 if mean >= np.arctanh(_ONE) * (1 - 1e-9) else float(np.tanh(mean))
    if k < 3:
        return Repeats(middle, np.nan, np.nan, k, pairs, n)
    without = (z.sum() - 2 * z.sum(axis=1)) / ((k - 1) * (k - 2))
    error = np.sqrt((k - 1) / k * np.sum((without - without.mean()) ** 2))
    half = float(student.ppf(0.975, k - 1)) * error
    low, high = float(np.tanh(mean - half)), float(np.tanh(mean + half))
    return Repeats(middle, min(low, middle), max(high, middle), k, pairs, n)
