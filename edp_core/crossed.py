"""Small counts in two directions at once: a plane of people, a table of two partitions.

The rule of one direction stands in `edp_core.partition`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from edp_core.errors import InputError
from edp_core.partition import hide_partition, is_small

DEPTH = 6
"""A plane is halved at most so often in each direction: 64 columns and rows."""
OUTER = 0.25
"""Per cent of people at each end that are drawn in the outer cells."""


def mosaic(
    x: np.ndarray, y: np.ndarray, *, least: int, depth: int = DEPTH
) -> pd.DataFrame:
    """Rectangles of a plane, each with no person in it or enough.

    Parameters
    ----------
    x, y
        (n,) numbers, one pair a participant; pairs with a NaN are left out.
    least
        Fewest people of a rectangle, at least the study's threshold.
    depth
        Halvings in each direction at most.

    Returns
    -------
    DataFrame
        ``left``, ``right``, ``bottom``, ``top``, ``count`` and ``density`` (share of
        the people for each unit of x times y) of every rectangle that holds anybody;
        no row where fewer than ``least`` have both. Counts sum to all who have both.

    Raises
    ------
    InputError
        Where lengths differ.

    Notes
    -----
    The range between the 0.25th and 99.75th percentile is halved again and again, the
    longer side first, as long as each half holds nobody or ``least``; who lies outside
    is drawn in the outer cells. No rectangle is more than four times as long as wide,
    in bins. Edges are fixed fractions of the range, so that none is somebody's value,
    and nothing is hidden that would follow from the rest.
    """
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise InputError(
            f"x of shape {first.shape} does not meet y of shape {second.shape}",
            "give two columns with one row for each participant",
        )
    names = ["left", "right", "bottom", "top", "count", "density"]
    both = np.isfinite(first) & np.isfinite(second)
    n = int(both.sum())
    if n < max(least, 1):
        return pd.DataFrame(columns=names)
    size = 2**depth
    (low, wide, i), (base, high, j) = (
        _binned(column[both], size) for column in (first, second)
    )
    counts = np.zeros((size + 1, size + 1), np.int64)
    np.add.at(counts, (i + 1, j + 1), 1)
    summed = counts.cumsum(axis=0).cumsum(axis=1)
    rows = [
        (
            low + a * wide, low + b * wide, base + c * high, base + d * high,
            count, count / n / ((b - a) * wide * (d - c) * high),
        )
        for a, b, c, d, count in _halved(summed, size, least)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def _binned(values: np.ndarray, size: int) -> tuple[float, float, np.ndarray]:
    """Lower end, width of a bin, and the bin of each value."""
    low, high = np.percentile(values, [OUTER, 100 - OUTER])
    if high - low <= 1e-12 * max(abs(high), abs(low), 1e-300):
        # everybody, or nearly, has one value: a unit around it
        low, high = low - 0.5, high + 0.5
    wide = (high - low) / size
    place = np.clip(np.floor((values - low) / wide), 0, size - 1).astype(np.int64)
    return float(low), float(wide), place


def _halved(
    summed: np.ndarray, size: int, least: int
) -> list[tuple[int, int, int, int, int]]:
    """Ends (a, b) of x and (c, d) of y, in bins, and the people of each rectangle."""

    def held(ends: tuple[int, int, int, int]) -> int:
        a, b, c, d = ends
        return int(summed[b, d] - summed[a, d] - summed[b, c] + summed[a, c])

    found, left = [], [(0, size, 0, size)]
    while left:
        a, b, c, d = left.pop()
        across = [(a, (a + b) // 2, c, d), ((a + b) // 2, b, c, d)]
        along = [(a, b, c, (c + d) // 2), (a, b, (c + d) // 2, d)]
        wide, high = b - a, d - c
        # never more than four times as long as wide, in bins: strips look like more
        ways = [across] * (wide > 1 and 2 * wide >= high)
        ways += [along] * (high > 1 and 2 * high >= wide)
        if high > wide:
            ways.reverse()
        for halves in ways:
            people = [held(half) for half in halves]
            if not is_small(np.array(people), least).any():
                left += [h for h, n in zip(halves, people, strict=True) if n]
                break
        else:
            found.append((a, b, c, d, held((a, b, c, d))))
    return sorted(found)


def hide_crossed(counts: np.ndarray, threshold: int) -> np.ndarray:
    """Which cells of a table of two partitions must be hidden.

    Parameters
    ----------
    counts
        (n_rows, n_columns) people in both; the sums of rows and of columns may be
        known.
    threshold
        Smallest count shown.

    Returns
    -------
    numpy.ndarray
        (n_rows, n_columns) bool.

    Notes
    -----
    `hide_partition` of every row and of every column in turn, until neither hides
    more. Each row and column by itself then tells no small count; what all of them
    tell together, solved as equations, is not searched.
    """
    values = np.asarray(counts, np.int64)
    hidden = is_small(values, threshold)
    while True:
        before = hidden.copy()
        for table, mask in ((values, hidden), (values.T, hidden.T)):
            for row in range(len(table)):
                mask[row] = hide_partition(table[row], threshold, hidden=mask[row])
        if np.array_equal(before, hidden):
            return hidden
