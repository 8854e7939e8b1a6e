"""A discriminant's direction, and those of all traits that share everything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve

from edp_core.scoring.moments import Base

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Direction:
    """Discriminant of one trait in one fold.

    ``t = (wᵀz − origin) / sd`` is 0 at the mean of the training controls and in units
    of the within-class standard deviation of the training participants, real ones.
    """

    w: Floats
    origin: float
    sd: float


def shared_directions(base: Base, cases: Floats, counts: Ints) -> list[Direction]:
    """Directions of many traits for which everybody counts, without oversampling.

    Parameters
    ----------
    base
        Training participants of the fold.
    cases
        (m, k) sum of each trait's training cases.
    counts
        (k,) their number; at least 1 and below ``base.n``.
    """
    n_p = counts.astype(np.float64)
    d = cases - np.outer(base.total / base.n, n_p)
    w = np.asarray(cho_solve((base.factor, True), d), dtype=np.float64)
    wd = np.sum(w * d, axis=0)
    controls = np.sum(w * (base.total[:, None] - cases), axis=0) / (base.n - n_p)
    # wᵀS_w w = wᵀS_T w − (wᵀD)²/c, and wᵀS_T w = wᵀD − λ‖w‖².
    within = wd - base.ridge * np.sum(w * w, axis=0)
    within -= wd**2 * base.n / (n_p * (base.n - n_p))
    sd = standard_deviation(within, base.n)
    return [
        Direction(w[:, k], float(controls[k]), float(sd[k])) for k in range(len(sd))
    ]


def standard_deviation(within: Floats, n: int) -> Floats:
    """Within-class standard deviation of a score; 1 where nobody differs.

    ``within`` are sums of squares about the class means of ``n`` participants.
    """
    sd = np.sqrt(np.maximum(within, 0) / max(n - 2, 1))
    return np.asarray(np.where(sd > 0, sd, 1.0), dtype=np.float64)
