"""Whom to look at: people along a phenotype, and people spread over groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from edp_core.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PERCENTILES = (1.0, 10.0, 50.0, 90.0, 99.0)


@dataclass(frozen=True)
class Exemplars:
    """People near one percentile of a phenotype.

    Attributes
    ----------
    asked
        The percentile that was asked for.
    rows
        (count,) who, by ascending value.
    values
        (count,) their values.
    percentiles
        (count,) where they truly stand among all n with a value: 100·(r − ½)/n of the
        midrank r.
    n
        How many have a value.
    """

    asked: float
    rows: Ints
    values: Floats
    percentiles: Floats
    n: int


def at_percentiles(
    values: ArrayLike,
    at: Sequence[float] = PERCENTILES,
    *,
    count: int = 4,
    among: ArrayLike | None = None,
    seed: int = 0,
) -> list[Exemplars]:
    """People nearest in rank to some percentiles.

    Parameters
    ----------
    values
        (n_people,) phenotype, NaN = missing.
    at
        Percentiles from 0 to 100.
    count
        People wanted for each; fewer where fewer have a value. Where there are few in
        all, one may stand near two percentiles.
    among
        (n_people,) bool: who may be shown, for instance those with an image. Ranks are
        of everybody with a value all the same.
    seed
        Who comes first of people with equal values.

    Returns
    -------
    One `Exemplars` for each percentile, in the order of ``at``.

    Raises
    ------
    InputError
        Where shapes do not meet, a value is infinite, a percentile or the count makes
        no sense, or nobody who may be shown has a value.
    """
    x = np.asarray(values, dtype=np.float64)
    shown = np.ones(len(x), bool) if among is None else np.asarray(among, bool)
    if x.ndim != 1 or shown.shape != x.shape or np.isinf(x).any():
        raise InputError(
            f"values {x.shape} do not meet {shown.shape} people, or are infinite",
            "give one finite number, or NaN, for each person",
        )
    if count < 1 or not all(0 <= p <= 100 for p in at):
        raise InputError(
            f"{count} people at the percentiles {list(at)} cannot be found",
            "ask for at least one person, at percentiles from 0 to 100",
        )
    rows = np.flatnonzero(~np.isnan(x))
    if not shown[rows].any():
        raise InputError(
            f"Of {len(rows)} people with a value nobody can be shown",
            "choose a phenotype of people who have images",
        )
    n = len(rows)
    chance = np.random.default_rng(seed).permutation(n)
    rows = rows[np.lexsort((chance, x[rows]))]
    place = (np.arange(n) + 0.5) / n * 100
    standing = (rankdata(x[rows]) - 0.5) / n * 100
    (open_to,) = np.nonzero(shown[rows])
    found = []
    for percentile in at:
        away = np.abs(place[open_to] - percentile)
        near = np.sort(open_to[np.argsort(away, kind="stable")[:count]])
        found.append(
            Exemplars(float(percentile), rows[near], x[rows[near]], standing[near], n)
        )
    return found


def spread(groups: ArrayLike, count: int, *, seed: int = 0) -> Ints:
    """A sample of people in which every group has its share, and at least one.

    Parameters
    ----------
    groups
        (n_people,) numbers of clusters; below 0 = in none, never drawn.
    count
        People wanted; all of them where there are no more.
    seed
        Of the draw.

    Returns
    -------
    (min(count, n),) rows, ascending. Where there are more groups than ``count``, the
    largest have one each.

    Raises
    ------
    InputError
        Where ``count`` is below 1 or nobody is in a group.

    Notes
    -----
    Seats are given one after the other to the group with most people for each seat
    it would then have (Jefferson's and D'Hondt's method), after one for each group.
    """
    label = np.asarray(groups)
    names, sizes = np.unique(label[label >= 0], return_counts=True)
    if count < 1 or not len(names):
        raise InputError(
            f"{count} people of {len(names)} groups cannot be drawn",
            "ask for at least one person of at least one group",
        )
    seats = np.zeros(len(names), np.int64)
    seats[np.argsort(-sizes, kind="stable")[:count]] = 1
    for _ in range(min(count, int(sizes.sum())) - int(seats.sum())):
        quotient = np.where(seats < sizes, sizes / (seats + 1), -1.0)
        seats[int(np.argmax(quotient))] += 1
    rng = np.random.default_rng(seed)
    drawn = [
        rng.choice(np.flatnonzero(label == name), size=k, replace=False)
        for name, k in zip(names, seats, strict=True)
        if k
    ]
    return np.sort(np.concatenate(drawn)).astype(np.int64)
