"""Fisher's exact test and odds ratios for many 2 × 2 tables at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, ndtri

from edp_core.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_Z95 = float(ndtri(0.975))
_TIE = 1e-7
"""Relative tolerance within which two tables count as equally likely, as in R."""


# The four counts of one table are one thing, hence more than three positional ones.
def log10p(  # noqa: PLR0917
    a: ArrayLike, row: ArrayLike, col: ArrayLike, n: ArrayLike
) -> Floats:
    """Two-sided Fisher's exact test.

    Parameters
    ----------
    a
        Count of both: members of the row and of the column.
    row, col
        Margins: size of the row and of the column.
    n
        Grand total. All four broadcast.

    Returns
    -------
    −log10 p, ≥ 0, in the broadcast shape. The two-sided p is the sum over all tables
    with these margins that are at most as likely as the one seen, so depletion is
    flagged as well as enrichment.

    Raises
    ------
    InputError
        Where counts are not whole numbers or no such table exists.

    Notes
    -----
    For each distinct pair of margins the log-probabilities over the support come
    from log-factorials, are sorted, and summed by a running logaddexp; the p of a
    table is the sum up to the last log-probability that is not above its own.

    Examples
    --------
    >>> round(float(10 ** -log10p(8, 10, 9, 20)), 6)
    0.005477
    """
    shape, (a_, row_, col_, n_) = _tables(a, row, col, n)
    result = np.zeros(a_.size)
    if a_.size:
        factorials = gammaln(np.arange(int(n_.max()) + 1) + 1.0)
        margins = np.stack([row_, col_, n_], axis=1)
        distinct, group = np.unique(margins, axis=0, return_inverse=True)
        order = np.argsort(group, kind="stable")
        ends = np.cumsum(np.bincount(group.ravel(), minlength=len(distinct)))
        for (r, c, total), members in zip(
            distinct.tolist(), np.split(order, ends[:-1]), strict=True
        ):
            first = max(0, r + c - total)
            log_pmf = _log_pmf(r, c, total, factorials=factorials)
            ascending = np.sort(log_pmf)
            summed = np.logaddexp.accumulate(ascending)
            seen = log_pmf[a_[members] - first]
            last = np.searchsorted(ascending, seen + np.log1p(_TIE), side="right") - 1
            result[members] = np.maximum(-summed[last] / np.log(10), 0.0)
    return result.reshape(shape)


def odds_ratio(  # noqa: PLR0917
    a: ArrayLike, row: ArrayLike, col: ArrayLike, n: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """Odds ratio with a 95 % interval.

    Parameters
    ----------
    a, row, col, n
        As for `log10p`.

    Returns
    -------
    odds ratio, low, high, each in the broadcast shape; always finite and above 0.

    Raises
    ------
    InputError
        Where counts are not whole numbers or no such table exists.

    Notes
    -----
    Haldane and Anscombe's ½ is added to every cell of every table, empty cells or
    not, and the interval is Woolf's on the log scale with those cells (Gart &
    Zweifel 1967). So the ratio is drawn a little towards 1 and an interval exists for
    an empty cell too; it is not the conditional estimate R's ``fisher.test`` prints,
    and it may just include 1 where the exact p is just below 0.05.
    """
    shape, (a_, row_, col_, n_) = _tables(a, row, col, n)
    cells = np.stack([a_, row_ - a_, col_ - a_, n_ - row_ - col_ + a_]) + 0.5
    log_ratio = np.log(cells[0] * cells[3]) - np.log(cells[1] * cells[2])
    half = _Z95 * np.sqrt(np.sum(1 / cells, axis=0))
    middle, low, high = (
        np.exp(log_ratio + sign * half).reshape(shape) for sign in (0, -1, 1)
    )
    return middle, low, high


def _log_pmf(row: int, col: int, n: int, *, factorials: Floats) -> Floats:
    """Log-probability of every possible count of both, smallest count first."""
    a = np.arange(max(0, row + col - n), min(row, col) + 1)
    fixed = (
        factorials[row]
        + factorials[n - row]
        + factorials[col]
        + factorials[n - col]
        - factorials[n]
    )
    cells = (
        factorials[a]
        + factorials[row - a]
        + factorials[col - a]
        + factorials[n - row - col + a]
    )
    return np.asarray(fixed - cells, dtype=np.float64)


def _tables(  # noqa: PLR0917
    a: ArrayLike, row: ArrayLike, col: ArrayLike, n: ArrayLike
) -> tuple[tuple[int, ...], list[Ints]]:
    given = np.broadcast_arrays(*(np.asarray(part) for part in (a, row, col, n)))
    whole = [np.asarray(part).ravel().astype(np.int64) for part in given]
    if any(
        not np.array_equal(part.ravel(), counts)
        for part, counts in zip(given, whole, strict=True)
    ):
        raise InputError(
            "counts of a 2 × 2 table are not whole numbers", "give counts of people"
        )
    a_, row_, col_, n_ = whole
    impossible = (
        (a_ < np.maximum(0, row_ + col_ - n_))
        | (a_ > np.minimum(row_, col_))
        | (np.maximum(row_, col_) > n_)
    )
    if np.any(impossible):
        raise InputError(
            f"{int(impossible.sum())} of {a_.size} 2 × 2 tables cannot exist: "
            "the count of both does not fit its margins",
            "check that the margins were counted over the same participants",
        )
    return given[0].shape, whole
