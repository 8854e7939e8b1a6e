"""Who may count for a trait: exclusion ranges of phecodes, restriction to a sex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Eligibility:
    """For each trait, who is neither case nor control.

    Traits share few sets (a phecode's exclusion range and sex), so each set stands
    once.

    Attributes
    ----------
    excluded
        (n_participants, n_sets) bool, sparse by column: who may not be a control.
    of
        (n_traits,) column of ``excluded`` that holds for a trait; −1 = nobody is
        excluded. Cases of a trait always count, in its set or not.
    """

    excluded: sparse.csc_array
    of: NDArray[np.int64]

    def among(self, rows: NDArray[np.int64]) -> Eligibility:
        """The same for some participants only, in the order of ``rows``."""
        return Eligibility(sparse.csc_array(self.excluded.tocsr()[rows]), self.of)

    def mask(self, trait: int, cases: Bools) -> Bools:
        """(n_participants,) bool: who counts for a trait, as case or as control."""
        at = int(self.of[trait])
        counts = np.ones(len(cases), dtype=bool)
        if at >= 0:
            start, end = self.excluded.indptr[at : at + 2]
            counts[self.excluded.indices[start:end]] = False
        return np.asarray(counts | cases, dtype=bool)
