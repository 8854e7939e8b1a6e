"""Variants too rare, among those with a value, for a linear model or for disclosure."""

from __future__ import annotations

import numpy as np

FEWEST = 24
"""Minor alleles expected among the cases, or controls where they are fewer, of a code
or any yes and no: with fewer a linear model on 0 and 1 is far from normal, and would
tell small counts."""


def untold(af: np.ndarray, column: np.ndarray, *, fewest: int) -> np.ndarray:
    """(V,) variants of which too few copies are expected for anything to be told.

    ``af`` (V,) frequencies of an allele among all people, ``column`` (n,) a phenotype,
    NaN = missing, ``fewest`` copies that those with a value must hold.
    """
    flags = flags_of(column)
    if flags is not None:
        return too_rare(af, flags, fewest=max(fewest, FEWEST))
    known = int((~np.isnan(column)).sum())
    if known == len(column):
        return np.zeros(len(af), bool)  # all of them were counted for the basis
    found: np.ndarray = 2 * np.minimum(af, 1 - af) * known < fewest
    return found


def flags_of(column: np.ndarray) -> np.ndarray | None:
    """A phenotype of two values as 1 (the larger), 0 and NaN; `None` if it has more."""
    low, high = np.nanmin(column), np.nanmax(column)
    known = ~np.isnan(column)
    if not ((column == low) | (column == high))[known].all():
        return None
    return np.where(known, (column == high).astype(float), np.nan)


def too_rare(af: np.ndarray, flags: np.ndarray, *, fewest: int = FEWEST) -> np.ndarray:
    """(V,) variants of which the cases, or the controls, hold too few copies to test.

    ``af`` (V,) frequencies of an allele; ``flags`` (n,) 1 for a case, 0 for a control,
    NaN for neither.
    """
    fewer = min(np.nansum(flags), np.nansum(1 - flags))
    found: np.ndarray = 2 * np.minimum(af, 1 - af) * fewer < fewest
    return found
