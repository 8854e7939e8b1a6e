"""Who is lit by a range of a score: cells of enough people, whole or not at all."""

from __future__ import annotations

import numpy as np
import pandas as pd


def cells(values: np.ndarray, strata: np.ndarray, threshold: int) -> np.ndarray:
    """Cut every stratum along a score into cells of at least so many people.

    Parameters
    ----------
    values
        (n,) score, NaN = none.
    strata
        (n,) number of the stratum each is in.

    Returns
    -------
    numpy.ndarray
        (n,) number of each person's cell, counted up; −1 for who has no score or is
        in a stratum of fewer than ``threshold``.
    """
    found = np.full(len(values), -1, np.int64)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.lexsort((values[known], strata[known]))]
    first = 0
    ends = np.flatnonzero(np.diff(strata[order])) + 1
    for part in np.split(order, ends):
        n_cells = len(part) // threshold
        if n_cells:
            # the rest joins the last cell
            own = np.minimum(np.arange(len(part)) // threshold, n_cells - 1)
            found[part] = first + own
            first += n_cells
    return found


def lit_cells(
    values: np.ndarray,
    strata: np.ndarray,
    percentiles: tuple[int, int],
    *,
    threshold: int,
) -> np.ndarray:
    """(n,) bool: who is in a cell whose median lies between two percentiles.

    Two ranges differ by whole cells, so by nobody or at least ``threshold`` people, in
    every stratum.
    """
    of = cells(values, strata, threshold)
    inside = of >= 0
    if not inside.any():
        return inside
    middle = pd.Series(values[inside]).groupby(of[inside]).median().to_numpy()
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, percentiles)
    chosen = (middle >= low) & (middle <= high)
    lit = np.zeros(len(values), bool)
    lit[inside] = chosen[of[inside]]
    return lit
