"""A Manhattan plot of millions of variants as a few thousand marks.

The rules are PheWeb's (Gagliano Taliun et al. 2020): the strongest variants are drawn
one by one; the rest fall into bins, and an occupied bin is drawn once, whatever it
holds. Occupied bins on top of each other are one stroke.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Column = NDArray[Any]

UNBINNED = 500
"""So many of the strongest variants are drawn as they are."""
BIN = 3_000_000
"""Width of a bin in bp."""
STEPS = ((0.0, 20), (20.0, 10), (40.0, 5))
"""From this −log10 p on there are so many bins to a unit: 0.05, 0.1 and 0.2 high."""
_COLUMNS = 100
"""Columns kept for a chromosome: the longest takes 84."""
_BLOCK = 1 << 18
_FIRST = (0, 400, 600)
"""Number of the first bin of each step of `STEPS`."""
_LOW = 20
"""Below this −log10 p, where nearly all variants are, bins are a grid in memory."""


@dataclass(frozen=True)
class Thinned:
    """What a Manhattan plot draws.

    Attributes
    ----------
    points
        ``chrom`` (int8), ``pos`` (int32, bp), ``log10p`` (float64) and ``row``
        (int64): a variant with its row, or with row −1 a lone occupied bin at its
        middle. By falling −log10 p, variants first.
    extents
        ``chrom``, ``pos`` (middle of the column), ``low`` and ``high`` (−log10 p):
        middles of the lowest and the highest of consecutive occupied bins.
    n, n_missing
        Variants that are drawn or within a drawn bin, and those without a p.
    """

    points: pd.DataFrame
    extents: pd.DataFrame
    n: int
    n_missing: int


def thin(
    chrom: ArrayLike, pos: ArrayLike, log10p: ArrayLike, *, keep: ArrayLike = ()
) -> Thinned:
    """Marks of a Manhattan plot in which every variant is within half a bin of one.

    Parameters
    ----------
    chrom, pos
        (V,) chromosome number 1–26, and position in bp counted from 1; in any order.
    log10p
        (V,) −log10 p ≥ 0; NaN = not tested, counted and left out.
    keep
        Rows to draw as they are besides the strongest, such as the leads of loci,
        which need not be among the 500 where one locus has thousands of hits.

    Returns
    -------
    Thinned
        Bins are 3 Mb wide and 0.05 high, 0.1 from 20 on and 0.2 from 40 on. Of equal
        p the earlier rows count as stronger.

    Raises
    ------
    InputError
        Where the columns differ in length, a −log10 p is infinite or below 0, or a
        chromosome or position cannot be.
    """
    chroms, places, values = np.asarray(chrom), np.asarray(pos), np.asarray(log10p)
    if not chroms.shape == places.shape == values.shape or values.ndim != 1:
        raise InputError(
            "Chromosome, position and −log10 p differ in length: "
            f"{chroms.shape}, {places.shape} and {values.shape}",
            "give one of each for every variant",
        )
    strongest, n_missing = _strongest(chroms, places, values)
    alone = np.unique(np.concatenate([strongest, np.asarray(keep, dtype=np.int64)]))
    alone = alone[~np.isnan(values[alone])]
    points, extents = _marks(_occupied(chroms, places, values, alone=alone))
    drawn = pd.DataFrame(
        {
            "chrom": chroms[alone].astype(np.int8),
            "pos": places[alone].astype(np.int32),
            "log10p": values[alone].astype(np.float64),
            "row": alone,
        }
    ).sort_values("log10p", ascending=False, kind="stable")
    return Thinned(
        pd.concat([drawn, points], ignore_index=True),
        extents,
        len(values) - n_missing,
        n_missing,
    )


def _strongest(
    chroms: Column,
    places: Column,
    values: Column,
) -> tuple[Ints, int]:
    """Rows of the strongest variants, and how many have no p."""
    best, bar, n_missing = np.empty(0, np.int64), -np.inf, 0
    for start in range(0, len(values), _BLOCK):
        part = slice(start, start + _BLOCK)
        block: Column = values[part]
        n_missing += _check(chroms[part], places[part], block)
        # a later one must be stronger, not as strong, to take the place of another
        found = start + np.flatnonzero(block > bar)
        if not len(found):
            continue
        best = np.concatenate([best, found])
        if len(best) > UNBINNED:
            order = np.lexsort((best, -values[best].astype(np.float64)))
            best = best[order[:UNBINNED]]
            bar = float(values[best[-1]])
    return best, n_missing


def _check(
    chroms: Column,
    places: Column,
    block: Column,
) -> int:
    """How many are missing; an error where a value cannot be."""
    missing = int(np.isnan(block).sum())
    if missing < len(block):
        least, most = np.nanmin(block), np.nanmax(block)
        if least < 0 or np.isinf(most):
            wrong = int(((block < 0) | np.isinf(block)).sum())
            raise InputError(
                f"−log10 p is below 0 or infinite for {wrong} variants",
                "compute it from β and its standard error where p is written as 0",
            )
    bad = (chroms < 1) | (chroms > 26) | (places < 1) | (places >= BIN * _COLUMNS)
    if bad.any():
        raise InputError(
            f"{int(bad.sum())} variants lie on no chromosome from 1 to 26 or at no "
            f"position from 1 to {BIN * _COLUMNS - 1}",
            "look whether chromosome and position are the right columns",
        )
    return missing


def _occupied(
    chroms: Column,
    places: Column,
    values: Column,
    *,
    alone: Ints,
) -> Ints:
    """Bins that hold a variant which is not drawn by itself: column · 2³² + step."""
    fine = STEPS[0][1]
    width = int(_LOW * fine)
    grid = np.zeros(27 * _COLUMNS * width, dtype=np.bool_)
    high = [np.empty(0, np.int64)]
    for start in range(0, len(values), _BLOCK):
        part = slice(start, start + _BLOCK)
        block: Column = values[part]
        column = chroms[part].astype(np.int32) * _COLUMNS
        column += (places[part] // BIN).astype(np.int32)
        within = slice(*np.searchsorted(alone, [start, start + len(block)]))
        use = block < _LOW  # a missing one is not
        use[alone[within] - start] = False
        step = np.minimum((np.where(use, block, 0) * fine).astype(np.int32), width - 1)
        grid[(column * width + step)[use]] = True
        over = block >= _LOW
        over[alone[within] - start] = False
        if over.any():
            steps = _step(block[over].astype(np.float64))
            high.append(np.unique((column[over].astype(np.int64) << 32) + steps))
    low = np.flatnonzero(grid)
    low = ((low // width) << 32) + low % width
    return np.unique(np.concatenate([low, *high]))


def _step(values: Floats) -> Ints:
    """Number of the bin a −log10 p falls in, from 0."""
    step = np.zeros(len(values), np.int64)
    for (start, per_unit), first in zip(STEPS, _FIRST, strict=True):
        here = values >= start
        step[here] = first + ((values[here] - start) * per_unit).astype(np.int64)
    return step


def _middle(steps: Ints) -> Floats:
    """Middle of a bin on the −log10 p axis."""
    middle = np.zeros(len(steps))
    for (start, per_unit), first in zip(STEPS, _FIRST, strict=True):
        here = steps >= first
        middle[here] = start + (steps[here] - first + 0.5) / per_unit
    return middle


def _marks(bins: Ints) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lone bins as points, runs of neighbours in a column as extents."""
    starts = np.flatnonzero(np.diff(bins, prepend=-2) != 1)
    ends = np.append(starts[1:], len(bins))[: len(starts)] - 1
    column, low = bins[starts] >> 32, _middle(bins[starts] & 0xFFFFFFFF)
    high = _middle(bins[ends] & 0xFFFFFFFF)
    place = {
        "chrom": (column // _COLUMNS).astype(np.int8),
        "pos": (column % _COLUMNS * BIN + BIN // 2).astype(np.int32),
    }
    lone = starts == ends
    points = pd.DataFrame({**place, "log10p": low, "row": np.int64(-1)})[lone]
    extents = pd.DataFrame({**place, "low": low, "high": high})[~lone]
    return (
        points.sort_values("log10p", ascending=False, kind="stable"),
        extents.reset_index(drop=True),
    )
