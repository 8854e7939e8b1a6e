"""Islands: the cases closest together with few others between, found exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.threads import on_all_cores
from edp_core.vectors.neighbours import finite, unit_vectors

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_BLOCK = 256
"""Centres at a time; each holds its distance to everybody."""


@dataclass(frozen=True)
class Island:
    """A case and its nearest neighbours.

    Attributes
    ----------
    centre
        Row of the case in the middle.
    members
        (n,) bool, the centre and its neighbours, cases or not.
    value
        The minimum of the objective, below 0.
    """

    centre: int
    members: Bools
    value: float


def islands(
    vectors: ArrayLike,
    cases: ArrayLike,
    *,
    gamma: float = 4.0,
    reach: float = 0.3,
    count: int = 1,
    centred: bool = True,
) -> list[Island]:
    """Islands of cases, the best first, each among those in none before it.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values.
    cases
        (n,) bool.
    gamma
        Weight of the distance to one who is no case, above 0. Whoever is nearer than
        reach/gamma is worth having, case or not: at 1 labels hardly matter.
    reach
        λ: cosine distance up to which another case is worth having, above 0.
    count
        Islands to find at most.
    centred
        Subtract the mean vector first.

    Returns
    -------
    list of Island
        Fewer than ``count`` where no case has another worth having left.

    Raises
    ------
    InputError
        Where shapes do not meet, a value is missing, a vector is zero, or a number is
        out of range.

    Notes
    -----
    Sankarapandian et al. (section 3.2): over cases i and sizes K minimise
    Σ_{j ≤ K} (w_j d_j − λ) over the K nearest others of i, with w_j = 1 for cases and
    γ for others. A step adds something below 0 only where w_j d_j < λ, so the best K
    ends at a neighbour nearer than λ/min(1, γ): the cumulative sums over those, sorted,
    hold the minimum. Of equal values the first case and the smallest K is taken.
    Memory grows with n: 256 cases and their distances to everybody at a time.
    """
    z = finite(vectors).astype(np.float64)
    ill = np.asarray(cases, dtype=bool)
    if ill.shape != z.shape[:1]:
        raise InputError(
            f"vectors {z.shape} and cases {ill.shape} do not meet",
            "give one row for each participant in both",
        )
    if not (gamma > 0 and reach > 0 and np.isfinite([gamma, reach]).all()):
        raise InputError(
            f"gamma is {gamma} and the reach {reach}", "choose numbers above 0"
        )
    unit = unit_vectors(z, centred=centred)
    free = np.ones(len(unit), dtype=bool)
    found: list[Island] = []
    while len(found) < count:
        best = _best(unit, ill & free, free=free, gamma=gamma, reach=reach)
        if best is None:
            break
        found.append(best)
        free &= ~best.members
    return found


def _best(
    unit: Floats, cases: Bools, *, free: Bools, gamma: float, reach: float
) -> Island | None:
    centres, everyone = np.flatnonzero(cases), np.flatnonzero(free)
    among = unit[everyone]
    weights = np.where(cases[everyone], 1.0, gamma)
    limit = reach / min(1.0, gamma)

    def of_block(start: int) -> list[tuple[float, int, NDArray[np.int64]]]:
        rows = centres[start : start + _BLOCK]
        distances = np.maximum(1 - unit[rows] @ among.T, 0)
        best = []
        for row, distance in zip(rows, distances, strict=True):
            near = np.flatnonzero((distance < limit) & (everyone != row))
            near = near[np.argsort(distance[near], kind="stable")]
            sums = np.cumsum(weights[near] * distance[near] - reach)
            if sums.size:
                k = int(sums.argmin())
                best.append((float(sums[k]), int(row), everyone[near[: k + 1]]))
        return sorted(best, key=lambda one: one[:2])[:1]

    blocks = on_all_cores(of_block, range(0, centres.size, _BLOCK))
    every = sorted((one for block in blocks for one in block), key=lambda one: one[:2])
    if not every or every[0][0] >= 0:
        return None
    value, centre, others = every[0]
    members = np.zeros(len(unit), dtype=bool)
    members[others] = members[centre] = True
    return Island(centre, members, value)
