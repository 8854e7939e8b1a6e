"""Which traits must not stand side by side: one count less another gives a small one.

ICD-10 codes, phecodes and tables of a study name the same people in different ways.
If phecode 571.5 has 120 cases and K760, which is part of it, 118, somebody reads that
two have another code of 571.5. `edp_core.partition` holds the rule for the prefixes of
one vocabulary, this module that for several beside each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from edp_core.partition import hide_nested, is_small

CHUNK = 256
"""Traits compared at once with those of nearly as many cases."""


@dataclass(frozen=True)
class Side:
    """Traits that may stand beside each other.

    Attributes
    ----------
    codes
        (n_traits,) their codes.
    vocabularies
        (n_traits,) ``icd10-3`` and ``icd10`` are one family, every other its own.
    within
        (n_pairs, 2) places in ``codes``: the first is part of the second by what the
        codes mean.
    """

    codes: Sequence[str]
    vocabularies: Sequence[str]
    within: np.ndarray

    @cached_property
    def families(self) -> list[str]:
        """Family of each trait; empty for the two vocabularies of ICD-10."""
        return ["" if v.startswith("icd10") else v for v in self.vocabularies]

    @cached_property
    def parts(self) -> list[set[int]]:
        """For each trait those that are part of it."""
        found: list[set[int]] = [set() for _ in self.codes]
        for part, whole in self.within.tolist():
            found[whole].add(part)
        return found

    @cached_property
    def wholes(self) -> list[set[int]]:
        """For each trait those it is part of."""
        found: list[set[int]] = [set() for _ in self.codes]
        for part, whole in self.within.tolist():
            found[part].add(whole)
        return found


def near_pairs(cases: sparse.csc_array, threshold: int) -> np.ndarray:
    """Pairs of traits that few people tell apart, but at least one.

    Of both traits fewer than ``threshold`` cases lack the other. Where one trait holds
    all of the other's cases, the difference of the counts is a count of people; where
    each has a few of its own, whoever knows one of them knows the rest.

    Parameters
    ----------
    cases
        (n_participants, n_traits) bool.
    threshold
        Smallest count shown.

    Returns
    -------
    numpy.ndarray
        (n_pairs, 2) int64, the trait with fewer cases first; traits with a small count
        take no part, since they are never shown.
    """
    counts = np.asarray(cases.sum(axis=0)).reshape(-1).astype(np.int64)
    order = np.argsort(counts, kind="stable")
    order = order[counts[order] >= threshold]
    ranked = counts[order]
    # sorted by size: whoever is near stands near, so that few columns are multiplied
    sorted_cases = sparse.csc_array(cases[:, order]).astype(np.int32)
    found = []
    for first in range(0, len(order), CHUNK):
        last = min(first + CHUNK, len(order))
        end = int(np.searchsorted(ranked, ranked[last - 1] + threshold))
        both = sparse.coo_array(
            sorted_cases[:, first:last].T @ sorted_cases[:, first:end]
        )
        one, other = both.coords[0] + first, both.coords[1] + first
        lacks = ranked[one] - both.data, ranked[other] - both.data
        near = (one < other) & (lacks[0] < threshold) & (lacks[1] < threshold)
        near &= (lacks[0] > 0) | (lacks[1] > 0)
        found.append(np.column_stack([order[one[near]], order[other[near]]]))
    return np.concatenate([np.zeros((0, 2), np.int64), *found])


def hide_related(
    side: Side,
    counts: np.ndarray,
    threshold: int,
    *,
    near: np.ndarray | None = None,
) -> np.ndarray:
    """Traits of which no small count may follow from those beside them.

    Codes of ICD-10 are judged first, by `hide_nested`: phecodes and tables beside them
    hide none of them, except where few people tell two codes apart that are not below
    each other. Every other trait is then admitted, from the narrowest on, where its
    count and what it makes follow of those already admitted are not small: differences
    to the traits it is part of or that are part of it, and, family by family, of a
    trait and the sum of its widest or deepest parts.

    Parameters
    ----------
    counts
        (n_traits,) cases of each among the same participants.
    threshold
        Smallest count shown.
    near
        Pairs of `near_pairs`, of which only one is shown.

    Returns
    -------
    numpy.ndarray
        (n_traits,) bool, small counts included; zeros are hidden as well.
    """
    shown = _Shown(side, np.asarray(counts, np.int64), threshold)
    if near is not None:
        shown.keep_apart(near)
    icd = [i for i, family in enumerate(side.families) if not family]
    shown.flags[icd] = ~shown.nested(icd, np.ones(len(icd), bool))
    # of two that are near the one with more cases stays
    flags = shown.flags.copy()
    shown.flags[:] = False
    first = np.lexsort((np.arange(len(flags)), -shown.counts))
    for i in first[flags[first]].tolist():
        shown.flags[i] = not any(shown.flags[j] for j in shown.near[i])
    while (told := shown.nested(icd, shown.flags[icd]) & shown.flags[icd]).any():
        # one that went may leave a sum that is small
        shown.flags[np.array(icd)[told]] = False
    others = [i for i, family in enumerate(side.families) if family]
    for i in sorted(others, key=lambda i: (len(side.parts[i]), side.codes[i])):
        shown.admit(i)
    return ~shown.flags


class _Shown:
    """Traits shown so far, and whether one more may join them."""

    def __init__(self, side: Side, counts: np.ndarray, threshold: int) -> None:
        self.side, self.counts, self.threshold = side, counts, threshold
        self.flags = np.zeros(len(counts), bool)
        self.near: list[set[int]] = [set() for _ in counts]

    def keep_apart(self, pairs: np.ndarray) -> None:
        """Of each of these pairs only one is to be shown."""
        for one, other in pairs.tolist():
            self.near[one].add(other)
            self.near[other].add(one)

    def nested(self, icd: list[int], there: np.ndarray) -> np.ndarray:
        """`hide_nested` of the ICD-10 codes that are there."""
        left = np.where(there, self.counts[icd], 0)
        return hide_nested([self.side.codes[i] for i in icd], left, self.threshold)

    def admit(self, i: int) -> None:
        """Show a trait, if no small count follows."""
        if self.counts[i] < self.threshold:
            return
        if any(self.flags[j] for j in self.near[i]):
            return
        self.flags[i] = True
        around = [i, *(j for j in self.side.wholes[i] if self.flags[j])]
        self.flags[i] = not any(self._tells(whole) for whole in around)

    def _tells(self, whole: int) -> bool:
        """Whether a small count follows from a trait and those within it."""
        below = {j for j in self.side.parts[whole] if self.flags[j]}
        count = int(self.counts[whole])
        gaps = [count - int(self.counts[j]) for j in below]
        for family in {self.side.families[j] for j in below}:
            own = {j for j in below if self.side.families[j] == family}
            for relation in (self.side.parts, self.side.wholes):
                ends = [j for j in own if not relation[j] & own]
                gaps.append(count - int(self.counts[ends].sum()))
        return bool(is_small(np.abs(np.array(gaps, np.int64)), self.threshold).any())


def hide_related_within(
    groups: np.ndarray,
    side: Side,
    *,
    traits: np.ndarray,
    counts: np.ndarray,
    threshold: int,
) -> np.ndarray:
    """`hide_related` in each group apart, for the counts that are not small anyway.

    Of the people of a cluster, those with K76 but without K760 must not follow either.

    Parameters
    ----------
    groups, traits, counts
        (n_rows,) the cluster, the place of the trait in ``side`` and how many of the
        cluster have it.

    Returns
    -------
    numpy.ndarray
        (n_rows,) bool.
    """
    hidden = np.zeros(len(counts), bool)
    for group in np.unique(groups).tolist():
        rows = np.flatnonzero(groups == group)
        held = np.zeros(len(side.codes), np.int64)
        held[traits[rows]] = counts[rows]
        hidden[rows] = hide_related(side, held, threshold)[traits[rows]]
    return hidden & (np.asarray(counts) >= threshold)


def coarse_controls(
    table_cases: np.ndarray,
    table_controls: np.ndarray,
    *,
    in_set: np.ndarray,
    total: int,
    threshold: int,
) -> np.ndarray:
    """Controls of each trait, so that who is left out of them cannot be counted.

    Where some people are neither cases nor controls, the participants less cases and
    controls would count them, one trait after another. What is left when the whole
    exclusion set is taken off everybody depends on the set alone; that number is
    rounded to twice the threshold, then the cases outside the set are taken off, if
    they are all or none. Taken off a round number, any other would be read from it;
    there the controls themselves are rounded.

    Parameters
    ----------
    table_cases, table_controls
        (n_traits,) exact numbers.
    in_set
        (n_traits,) how many of the cases are in the trait's exclusion set, −1 where it
        has none.
    total
        All participants.

    Returns
    -------
    numpy.ndarray
        (n_traits,) int64; exact where there is no set.
    """
    cases = np.asarray(table_cases, np.int64)
    controls = np.asarray(table_controls, np.int64)
    inside = np.asarray(in_set, np.int64)
    outside = cases - np.maximum(inside, 0)
    step = 2 * threshold
    off = np.where((outside == 0) | (outside == cases), outside, 0)
    rounded = step * np.round((controls + off) / step).astype(np.int64) - off
    # where that many cannot be, the next lower round number says less than the limit
    rounded -= np.where((off != outside) & (rounded > total - cases), step, 0)
    return np.where(inside < 0, controls, np.clip(rounded, 0, total - cases))
