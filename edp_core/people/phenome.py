"""The phenome: participants × traits of several vocabularies, sparse by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse

from edp_core.errors import InputError
from edp_core.people.eligibility import Eligibility

ICD3, ICD, PHECODE = "icd10-3", "icd10", "phecode"
VOCABULARIES = (ICD3, ICD, PHECODE)
"""Our own vocabularies; any other is the name of a table of the study."""


def no_pairs() -> np.ndarray:
    """(0, 2) int32: nothing is part of anything."""
    return np.zeros((0, 2), np.int32)


@dataclass(frozen=True)
class Phenome:
    """Who has which trait, and who may not be a control of it.

    Attributes
    ----------
    eids
        (n_participants,) text, sorted: the cohort's.
    traits
        One row a trait, sorted by code: ``code, name, chapter, vocabulary, sex,
        exclusion, n_cases``. ``sex`` is F, M or empty; ``exclusion`` is a column of
        the exclusion sets, −1 where everybody who is no case is a control.
    starts
        (n_traits + 1,) where each trait's cases begin in ``rows``.
    rows
        Row numbers of the cases, ascending within a trait.
    excluded_starts
        (n_sets + 1,) where each exclusion set begins in ``excluded_rows``.
    excluded_rows
        Row numbers of those who may not be controls, ascending within a set. Cases
        of a trait stay cases, in its set or not.
    within
        (n_pairs, 2) int32 rows of ``traits``: the first is part of the second by what
        the codes mean, so whoever has the first has the second.
    """

    eids: np.ndarray
    traits: pd.DataFrame
    starts: np.ndarray
    rows: np.ndarray
    excluded_starts: np.ndarray
    excluded_rows: np.ndarray
    within: np.ndarray = field(default_factory=no_pairs)

    def at(self, codes: Sequence[str]) -> np.ndarray:
        """(n_codes,) rows of codes in ``traits``.

        Raises
        ------
        InputError
            Where nobody has one of them.
        """
        asked = [str(code) for code in codes]
        at = np.asarray(self.traits["code"].searchsorted(asked), np.int64)
        there = np.append(self.traits["code"].to_numpy(object), "")[at]
        absent = [i for i, code in enumerate(asked) if there[i] != code or not code]
        if absent:
            raise InputError(
                f"Nobody in this study has the code {asked[absent[0]]!r}",
                "pick a code from the list on the screen Diseases",
            )
        return at

    def cases(self, code: str) -> np.ndarray:
        """(n_participants,) bool: who has the code; `InputError` where nobody has."""
        at = int(self.at([code])[0])
        flags = np.zeros(len(self.eids), bool)
        flags[self.rows[self.starts[at] : self.starts[at + 1]]] = True
        return flags

    def matrix(self, codes: Sequence[str]) -> sparse.csc_array:
        """(n_participants, n_codes) bool, sparse by column, in the order of ``codes``.

        Raises
        ------
        InputError
            Where nobody has one of them.
        """
        chosen = _columns(self.starts, self.rows, self.at(codes))
        return _csc(*chosen, len(self.eids))

    def dense(self, codes: Sequence[str]) -> np.ndarray:
        """(n_participants, n_codes) bool; `InputError` where nobody has a code."""
        flags: np.ndarray = self.matrix(codes).toarray()
        return flags

    def excluded(self, code: str) -> np.ndarray:
        """(n_participants,) bool: who may not be a control of a code.

        Raises
        ------
        InputError
            Where nobody has it.
        """
        outside = np.zeros(len(self.eids), bool)
        at = int(self.traits["exclusion"].to_numpy(np.int64)[self.at([code])[0]])
        if at >= 0:
            start, end = self.excluded_starts[at : at + 2]
            outside[self.excluded_rows[start:end]] = True
        return outside

    def eligible(self, code: str) -> np.ndarray:
        """(n_participants,) bool: who counts for a code, as case or as control.

        Raises
        ------
        InputError
            Where nobody has it.
        """
        found: np.ndarray = ~self.excluded(code) | self.cases(code)
        return found

    def eligibility(self, codes: Sequence[str]) -> Eligibility:
        """Exclusion sets of some codes, each once.

        Raises
        ------
        InputError
            Where nobody has one of them.
        """
        sets = self.traits["exclusion"].to_numpy(np.int64)[self.at(codes)]
        used, of = np.unique(sets, return_inverse=True)
        none = int(len(used) > 0 and used[0] < 0)
        chosen = _columns(self.excluded_starts, self.excluded_rows, used[none:])
        excluded = _csc(*chosen, len(self.eids))
        return Eligibility(excluded, np.asarray(of, np.int64).reshape(-1) - none)


def stacked(columns: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Starts (int64) and rows (int32) of columns that are lists of row numbers."""
    lengths = [len(column) for column in columns]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    rows = np.concatenate([np.zeros(0, np.int32), *columns]).astype(np.int32)
    return starts, rows


def _columns(
    starts: np.ndarray, rows: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and rows of some of the columns."""
    whole = len(at) == len(starts) - 1 and (at == np.arange(len(at))).all()
    if whole:
        return np.asarray(starts), np.asarray(rows)
    return stacked([rows[starts[i] : starts[i + 1]] for i in at])


def _csc(starts: np.ndarray, rows: np.ndarray, n: int) -> sparse.csc_array:
    shape = (n, len(starts) - 1)
    return sparse.csc_array((np.ones(len(rows), bool), rows, starts), shape=shape)
