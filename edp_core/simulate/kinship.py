"""How related pairs are by their genotypes, as UK Biobank's file of relatives says."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Counts = NDArray[np.int64]


class Kinship:
    """Counts over blocks of variants, of some pairs.

    The estimate is KING-robust's (Manichaikul 2010, doi 10.1093/bioinformatics/btq559):
    with h the number of variants at which the one with fewer of them is heterozygous
    and H the other's, (HetHet − 2·IBS0)/(2h) + 1/2 − (h + H)/(4h). It needs no allele
    frequencies, so it holds across ancestries.

    Parameters
    ----------
    pairs
        (p, 2) rows of people.
    """

    def __init__(self, pairs: NDArray[np.intp]) -> None:
        self.pairs = pairs
        self.seen, self.both, self.opposite = np.zeros((3, len(pairs)), np.int64)
        self.single: Counts = np.zeros((2, len(pairs)), np.int64)

    def add(self, dosages: NDArray[np.int8]) -> None:
        """Count a block, (n_variants, n) with negative numbers for missing."""
        one, two = (dosages[:, side] for side in self.pairs.T)
        there = (one >= 0) & (two >= 0)
        self.seen += there.sum(axis=0)
        self.both += ((one == 1) & (two == 1)).sum(axis=0)
        self.opposite += (there & (np.abs(one - two) == 2)).sum(axis=0)
        self.single[0] += (there & (one == 1)).sum(axis=0)
        self.single[1] += (there & (two == 1)).sum(axis=0)

    def table(self, ids: NDArray[np.str_]) -> pd.DataFrame:
        """``ID1, ID2`` (text), ``HetHet, IBS0`` (shares), ``Kinship``; four digits."""
        fewer, more = self.single.min(axis=0), self.single.max(axis=0)
        kinship = (self.both - 2 * self.opposite) / (2 * fewer)
        kinship += 0.5 - (fewer + more) / (4 * fewer)
        table = pd.DataFrame(
            {
                "ID1": ids[self.pairs[:, 0]],
                "ID2": ids[self.pairs[:, 1]],
                "HetHet": self.both / self.seen,
                "IBS0": self.opposite / self.seen,
                "Kinship": kinship,
            }
        )
        return table.round(4)
