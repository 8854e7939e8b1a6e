"""Where simulated people come from: ancestry coordinates, and families.

Genetic principal components and genotypes must tell the same story. So the scores
``pc1 … pc10`` are the ancestry coordinates themselves: the frequency of every allele
follows them (`variants`), and nothing else of a person's origin. Whoever belongs to a
family shares its origin and takes haplotypes from it (`meioses`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edp_core.simulate.chance import stream

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]

AXES = 10
OTHER_ANCESTRY_SHARE = 0.06
APART = (3.0, -2.0)
"""How many SD of the genetic PCs 1 and 2 those participants lie apart."""
RELATED_SHARE = 0.30
"""Participants with a relative of the third degree or nearer in the whole biobank."""
PARENTS_PER, SIBSHIPS_PER, TRIPLES_PER = 200, 100, 400
"""One parent with a child, one pair of siblings, one third sibling per so many people.

Most relatives of those who are related lie outside the study, as in UK Biobank, of
whose half a million a tenth came to the imaging.
"""
GENERATION_YEARS = 18.0
"""A parent is older by so much at least; where nobody is, there is no parent."""
WITHIN = 0.1
"""How far relatives lie apart on a genetic PC, as a share of its SD."""
MORGAN_MB = 100.0


@dataclass(frozen=True)
class Families:
    """Haplotypes that are not people's own.

    Haplotype h of n people is that of side ``h // n`` of row ``h % n``. At each place
    a ``target`` carries what its ``first`` or its ``second`` source has; sources are
    the haplotypes before any was handed on.

    Attributes
    ----------
    target, first, second
        (m,) haplotypes.
    meioses
        (m,) how many meioses lie between the target and its sources: 1 for a child
        that took from a parent in the study, 2 for a sibling.
    pairs
        (p, 2) rows of relatives of the first degree.
    """

    target: Rows
    first: Rows
    second: Rows
    meioses: Rows
    pairs: Rows


def genetic_pcs(
    members: Sequence[Sequence[int]], n: int, *, seed: int
) -> tuple[Array, Flags]:
    """Ten scores of mean 0 and SD about 1, and who the 6 % are that stand apart.

    Parameters
    ----------
    members
        Rows of each family (`family_members`); all lie where its first one does.

    Returns
    -------
    scores, apart
        (n, 10), rounded to four digits, and (n,).
    """
    rng = stream(seed, "genetic pcs")
    other = rng.random(n) < OTHER_ANCESTRY_SHARE
    scores = rng.standard_normal((n, AXES))
    for first, *others in members:
        other[others] = other[first]
        scores[others] = scores[first] + WITHIN * scores[others]
    for axis, distance in enumerate(APART):
        shift = distance * (other - OTHER_ANCESTRY_SHARE)
        scores[:, axis] = (scores[:, axis] + shift) / _spread(distance)
    return scores.round(4), other


def group_coordinate(scores: Array) -> Array:
    """(n,) place between the groups: 0 and 1 on average in them, SD 0.28 within.

    It is the combination of the first two PCs that tells the groups apart best.
    """
    total = np.zeros(len(scores))
    for axis, distance in enumerate(APART):
        shifted = scores[:, axis] * _spread(distance) + distance * OTHER_ANCESTRY_SHARE
        total += distance * shifted
    coordinate: Array = total / sum(distance**2 for distance in APART)
    return coordinate


def _spread(distance: float) -> float:
    share = OTHER_ANCESTRY_SHARE
    return float(np.sqrt(1 + distance**2 * share * (1 - share)))


def relatedness_of(n: int, *, seed: int) -> NDArray[np.int64]:
    """UK Biobank's field 22021: 0 none, 1 a relative, 10 ten or more."""
    uniform = stream(seed, "relatedness").random(n)
    related = np.where(uniform < 0.001, 10, 1)
    return np.where(uniform < RELATED_SHARE, related, 0)


def family_members(participants: pd.DataFrame) -> list[list[int]]:
    """Rows of each family: parent and children, or siblings; see `families_of`."""
    parents, sibships = _families(participants)
    return [*parents, *sibships]


def families_of(participants: pd.DataFrame) -> Families:
    """Who took which haplotypes from whom; no chance plays.

    Of those whose flag says that they have relatives, the oldest are parents of the
    youngest, the first of two children; others of like age are siblings.

    A child has one haplotype of its parent's two, and one of a parent who is not in
    the study. Of siblings' parents none is; their four haplotypes are the first
    sibling's and those that the second would have had were they not related. That the
    first carries the same one everywhere only gives it its name.
    """
    n = len(participants)
    parents, sibships = _families(participants)
    handed: list[tuple[int, int, int, int]] = []
    pairs: list[tuple[int, int]] = []
    for parent, *children in parents:
        for child in children:
            handed.append((child, parent, parent + n, 1))
            pairs.append((parent, child))
        first, *others = children
        for child in others:
            handed.append((child + n, first + n, child + n, 2))
            pairs.append((first, child))
    for first, second, *third in sibships:
        for sibling in (second, *third):
            for side in (0, n):
                handed.append((sibling + side, first + side, second + side, 2))
        members = [first, second, *third]
        pairs += [(a, b) for i, a in enumerate(members) for b in members[i + 1 :]]
    target, first_of, second_of, apart = np.array(handed, np.intp).reshape(-1, 4).T
    of_pairs = np.array(pairs, np.intp).reshape(-1, 2)
    return Families(target, first_of, second_of, apart, of_pairs)


def _families(
    participants: pd.DataFrame,
) -> tuple[list[list[int]], list[list[int]]]:
    n = len(participants)
    ages = participants["age_years"].to_numpy(float)
    related = np.flatnonzero(participants["relatedness"].to_numpy() > 0)
    queue = related[np.argsort(ages[related], kind="stable")].tolist()
    parents: list[list[int]] = []
    for number in range(max(1, n // PARENTS_PER)):
        children = 2 if number == 0 else 1
        if len(queue) <= children:
            break
        if ages[queue[-1]] - ages[queue[children - 1]] < GENERATION_YEARS:
            break
        parents.append([queue.pop(), *(queue.pop(0) for _ in range(children))])
    sibships: list[list[int]] = []
    step = max(1, len(queue) // max(1, n // SIBSHIPS_PER))
    for number, at in enumerate(range(0, len(queue) - 2, max(3, step))):
        size = 3 if number < max(1, n // TRIPLES_PER) else 2
        sibships.append(queue[at : at + size])
    return parents, sibships


def meioses(
    families: Families, chrom: NDArray[np.int8], pos: NDArray[np.int32], *, seed: int
) -> Flags:
    """Which of the two sources each target carries at each place.

    Crossovers are Haldane's, without interference, one in a meiosis for each 100 Mb.

    Parameters
    ----------
    chrom, pos
        (b,) the places, sorted.

    Returns
    -------
    second
        (m, b) true where it is the second source.
    """
    apart = np.diff(pos.astype(float), prepend=0.0) / 1e6 / MORGAN_MB
    new = np.diff(chrom, prepend=0) != 0
    crossings = (1 - np.exp(-2 * families.meioses[:, None] * np.abs(apart))) / 2
    chance = np.where(new, 0.5, crossings)
    drawn = stream(seed, "meioses").random(chance.shape) < chance
    second: Flags = np.cumsum(drawn, axis=1) % 2 == 1
    return second
