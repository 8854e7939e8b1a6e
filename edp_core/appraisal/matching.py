"""Controls for a group: people of the same sex and nearly the same age.

A group picked by its images is seldom of average age. Its mean image beside everybody
else's would show what age does; beside matched controls it shows what the group is.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NONE = -1
"""In place of a control where none was left."""


def matched(
    members: ArrayLike,
    pool: ArrayLike,
    *,
    age: ArrayLike | None,
    sex: ArrayLike | None,
    ratio: int = 1,
    caliper_years: float = 2.0,
    seed: int = 0,
) -> Ints:
    """Controls for each member: of the same sex, nearest in age, none used twice.

    Parameters
    ----------
    members, pool
        (n_people,) bool: the group, and who may be a control. Members are never
        controls, whatever ``pool`` says.
    age
        (n_people,) years, NaN = not known; None where the study has no age.
    sex
        (n_people,) any labels, missing (None, NaN, ``""``) = not known; None where
        the study has no sex.
    ratio
        Controls wanted for each member.
    caliper_years
        Largest difference in age.
    seed
        Decides whose turn comes first and between controls equally near.

    Returns
    -------
    (n_members, ratio) row numbers of controls, a row for each member in ascending
    order of rows; `NONE` where none was left. A member whose age or sex is not known
    has none.

    Raises
    ------
    InputError
        Where shapes do not meet, an age is infinite, ``ratio`` or the caliper make no
        sense, or there is neither age nor sex to match by.

    Notes
    -----
    Nearest-neighbour matching without replacement (Stuart 2010,
    doi 10.1214/09-STS313, section 3): ``ratio`` rounds, in each of which every member,
    in an order drawn anew, takes the nearest control that is left. So no member gets a
    second one before each had the chance of a first. Whoever is taken is skipped by
    links to the next that is free, so that a round costs n log n.
    """
    group, others = _flags(members, "members"), _flags(pool, "pool")
    if group.shape != others.shape:
        raise InputError(
            f"members {group.shape} and pool {others.shape} do not meet",
            "give one flag for each person in both",
        )
    if ratio < 1 or not caliper_years >= 0:
        raise InputError(
            f"ratio = {ratio} and caliper_years = {caliper_years} cannot be matched by",
            "give a ratio of at least 1 and a caliper of at least 0 years",
        )
    years, stratum = _known(age, sex, n=len(group))
    rng = np.random.default_rng(seed)
    chance = rng.random(len(group))
    rows = np.flatnonzero(group)
    pairs = np.full((len(rows), ratio), NONE, np.int64)
    usable = ~np.isnan(years) & (stratum >= 0)
    for value in np.unique(stratum[group & usable]):
        here = usable & (stratum == value)
        theirs = np.flatnonzero(here[rows])
        controls = np.flatnonzero(here & others & ~group)
        controls = controls[np.lexsort((chance[controls], years[controls]))]
        free = _Free(years[controls], caliper=caliper_years)
        for turn in range(ratio):
            for at in rng.permutation(theirs):
                found = free.take(years[rows[at]], younger=rng.random() < 0.5)
                if found is not None:
                    pairs[at, turn] = controls[found]
    return pairs


def controls_of(pairs: ArrayLike) -> tuple[Ints, Floats]:
    """Who is a control, and with what weight.

    Parameters
    ----------
    pairs
        As `matched` gives them.

    Returns
    -------
    rows
        (n_controls,) ascending.
    weights
        (n_controls,): 1/k where a member has k controls. So every member who has any
        counts once among the controls too, and the weights add up to their number.
    """
    found = np.asarray(pairs, np.int64)
    there = found != NONE
    k = there.sum(axis=1, keepdims=True)
    weight = np.broadcast_to(1 / np.maximum(k, 1), found.shape)[there]
    rows = found[there]
    order = np.argsort(rows)
    return rows[order], weight[order]


def balance(
    members: ArrayLike,
    pool: ArrayLike,
    pairs: ArrayLike,
    *,
    age: ArrayLike | None,
    sex: ArrayLike | None,
) -> pd.DataFrame:
    """Age and sex of a group beside everybody else's and its matched controls'.

    Parameters
    ----------
    members, pool, age, sex
        As for `matched`.
    pairs
        What it gave.

    Returns
    -------
    DataFrame
        Four rows, ``who``: ``group``, ``pool`` (before matching), ``matched group``
        (its members with a control) and ``controls`` (weighted as `controls_of`
        says). ``n`` people; ``age_mean`` and ``age_sd`` in years of those whose age is
        known; ``age_smd``, how far the group's mean (the matched group's, for the
        controls) lies above, in standard deviations of the group; and for each sex
        ``share_<sex>`` of those whose sex is known. NaN where nobody is left or the
        study has no age.

    Notes
    -----
    One denominator before and after, the SD of the whole group, so that a smaller
    difference cannot come from a larger SD (Stuart 2010, section 4.1). Below 0.1 is
    commonly called balanced.
    """
    group, others = _flags(members, "members"), _flags(pool, "pool")
    found = np.asarray(pairs, np.int64)
    rows = np.flatnonzero(group)
    if found.ndim != 2 or len(found) != len(rows):
        raise InputError(
            f"pairs of shape {found.shape} are not of {len(rows)} members",
            "give what matched returned for the same group",
        )
    paired = rows[(found != NONE).any(axis=1)]
    before = np.flatnonzero(others & ~group)
    taken, weights = controls_of(found)
    who = {
        "group": (rows, np.ones(len(rows))),
        "pool": (before, np.ones(len(before))),
        "matched group": (paired, np.ones(len(paired))),
        "controls": (taken, weights),
    }
    table = pd.DataFrame({"who": list(who), "n": [len(r) for r, _ in who.values()]})
    years = np.full(len(group), np.nan) if age is None else np.asarray(age, float)
    moments = {name: _moments(years[r], w) for name, (r, w) in who.items()}
    table["age_mean"] = [mean for mean, _ in moments.values()]
    table["age_sd"] = [sd for _, sd in moments.values()]
    scale = moments["group"][1] or np.nan
    mean = table["age_mean"].to_numpy()
    table["age_smd"] = np.array(
        [np.nan, mean[0] - mean[1], np.nan, mean[2] - mean[3]]
    ) / (scale)
    if sex is not None:
        labels = _labels(sex)
        known = labels.notna().to_numpy()
        for level in sorted(labels.dropna().unique()):
            equal = (labels == level).to_numpy()
            shares = []
            for r, w in who.values():
                of = float(w[known[r]].sum())
                shares.append(float(w[equal[r]].sum()) / of if of else np.nan)
            table[f"share_{level}"] = shares
    return table


class _Free:
    """Controls of one sex by age, of whom some are taken.

    Links lead from each place to the next that is free, older and younger; they are
    shortened as they are followed (path halving).
    """

    def __init__(self, years: Floats, *, caliper: float) -> None:
        n = len(years)
        self._years, self._caliper = years, caliper
        # place i + 1 of a control i; 0 and n + 1 stand for nobody
        self._older = list(range(n + 2))
        self._younger = list(range(n + 2))

    def take(self, year: float, *, younger: bool) -> int | None:
        """The nearest free control within the caliper; of two as near the younger?"""
        years = self._years
        at = int(np.searchsorted(years, year)) + 1
        above = _follow(self._older, at)
        below = _follow(self._younger, at - 1)
        up = years[above - 1] - year if above <= len(years) else np.inf
        down = year - years[below - 1] if below >= 1 else np.inf
        nearest = min(up, down)
        if np.isinf(nearest) or nearest > self._caliper:
            return None
        place = below if down < up or (down == up and younger) else above
        self._older[place] = place + 1
        self._younger[place] = place - 1
        return place - 1


def _follow(links: list[int], place: int) -> int:
    while links[place] != place:
        links[place] = links[links[place]]
        place = links[place]
    return place


def _flags(values: ArrayLike, name: str) -> NDArray[np.bool_]:
    flags = np.asarray(values)
    if flags.ndim != 1 or flags.dtype != bool:
        raise InputError(
            f"{name} of type {flags.dtype} and shape {flags.shape} are no flags",
            "give one bool for each person",
        )
    return flags


def _known(
    age: ArrayLike | None, sex: ArrayLike | None, *, n: int
) -> tuple[Floats, Ints]:
    """Ages, 0 for all where there are none; and sexes as numbers, −1 = not known."""
    if age is None and sex is None:
        raise InputError(
            "There is neither age nor sex to match by",
            "name them in [participants.columns] of study.toml",
        )
    years = np.zeros(n) if age is None else np.asarray(age, dtype=np.float64)
    stratum = np.zeros(n, np.int64)
    if sex is not None:
        stratum = pd.factorize(_labels(sex), sort=True)[0].astype(np.int64)
    if years.shape != (n,) or stratum.shape != (n,) or np.isinf(years).any():
        raise InputError(
            f"ages {years.shape} and sexes {stratum.shape} do not meet {n} people, or "
            "an age is infinite",
            "give one finite age, or NaN, and one sex for each person",
        )
    return years, stratum


def _labels(sex: ArrayLike) -> pd.Series:
    labels = pd.Series(np.asarray(sex, dtype=object))
    text = labels.where(labels.isna(), labels.astype(str))
    return text.mask(text == "")


def _moments(values: Floats, weights: Floats) -> tuple[float, float]:
    """Weighted mean and SD of the known values."""
    known = ~np.isnan(values)
    x, w = values[known], weights[known]
    if not len(x):
        return np.nan, np.nan
    mean = float(np.average(x, weights=w))
    effective = float(w.sum()) ** 2 / float((w**2).sum())
    variance = float(np.average((x - mean) ** 2, weights=w))
    if effective <= 1:
        return mean, 0.0
    return mean, float(np.sqrt(variance * effective / (effective - 1)))
