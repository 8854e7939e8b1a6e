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
_FAR = -50.0
"""Log-probability, less that of the table seen, below which a tail is not summed."""
_TABLES = 8192
"""Tables at a time, so that memory stays small."""


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
    The probabilities of the tables with given margins rise to the mode and fall after
    it (they are log-concave), so those at most as likely as the one seen are two tails.
    Bisection finds where each begins and where its terms, relative to the one seen,
    fall below e⁻⁵⁰; between these p/P(seen) is summed, and log p = log P(seen) + the
    logarithm of that sum, so nothing underflows. What is left out is below 10⁻¹⁵ of
    the sum for tails of up to a million terms.

    Examples
    --------
    >>> round(float(10 ** -log10p(8, 10, 9, 20)), 6)
    0.005477
    """
    shape, tables = _tables(a, row, col, n)
    result = np.zeros(tables[0].size)
    if result.size:
        factorials = gammaln(np.arange(int(tables[3].max()) + 1) + 1.0)
        for start in range(0, result.size, _TABLES):
            some = slice(start, start + _TABLES)
            seen, *margins = (counts[some] for counts in tables)
            result[some] = _log10p(seen, margins, factorials=factorials)
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


def _log10p(seen: Ints, margins: list[Ints], *, factorials: Floats) -> Floats:
    row, col, n = margins
    fixed = (
        factorials[row]
        + factorials[n - row]
        + factorials[col]
        + factorials[n - col]
        - factorials[n]
    )

    def relative(count: Ints, at: Ints | slice = slice(None)) -> Floats:
        """Log-probability of other counts of both, less that of the one seen."""
        r, c, total = row[at], col[at], n[at]
        cells = (
            factorials[count]
            + factorials[r - count]
            + factorials[c - count]
            + factorials[total - r - c + count]
        )
        return np.asarray(fixed[at] - cells - own[at], dtype=np.float64)

    own = np.zeros(seen.size)
    own = relative(seen)
    low, high = np.maximum(0, row + col - n), np.minimum(row, col)
    # floats hold these products to the unit, and next to the mode is as good as it
    mode = np.floor((row + 1.0) * (col + 1.0) / (n + 2.0)).astype(np.int64)
    mode = np.clip(mode, low, high)

    def first(least: float, *, rising: bool) -> Ints:
        """The count nearest the mode, on one side, that is no more likely than asked.

        The mode itself belongs to the rising side.
        """
        sign = -1 if rising else 1
        inside = np.full_like(mode, -1 if rising else 0)
        outside = (mode - low if rising else high - mode) + 1
        while np.any(outside - inside > 1):
            middle = (inside + outside) // 2
            at = np.clip(mode + sign * middle, low, high)
            open_, likely = outside - inside > 1, relative(at) > least
            inside = np.where(open_ & likely, middle, inside)
            outside = np.where(open_ & ~likely, middle, outside)
        return np.asarray(mode + sign * outside)

    tie = float(np.log1p(_TIE))
    total = np.zeros(seen.size)
    for rising in (True, False):
        near, far = first(tie, rising=rising), first(_FAR, rising=rising)
        lengths = np.abs(far - near)
        table = np.repeat(np.arange(seen.size), lengths)
        within = np.arange(table.size) - np.repeat(
            np.cumsum(lengths) - lengths, lengths
        )
        count = near[table] + (-within if rising else within)
        terms = np.exp(relative(count, table))
        total += np.bincount(table, weights=terms, minlength=seen.size)
    return np.asarray(np.maximum(-(own + np.log(total)) / np.log(10), 0.0))


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
