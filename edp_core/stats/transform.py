"""Transforms of a finished score."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from edp_core.errors import InputError

_BLOM = 3 / 8


def rank_inverse_normal(values: ArrayLike) -> NDArray[np.float64]:
    """Make values normal by their ranks.

    Parameters
    ----------
    values
        (n_participants,), any unit, NaN = missing.

    Returns
    -------
    (n_participants,) float64 in standard deviations, NaN where missing. Equal values
    share their mean rank, and so stay equal; the order of the values is kept.

    Raises
    ------
    InputError
        For infinities or fewer than two distinct values.

    Notes
    -----
    Φ⁻¹((r − c)/(n − 2c + 1)) of the midranks r with Blom's c = 3/8; McCaw 2019
    (doi 10.1111/biom.13214). Without ties doing it again changes nothing.

    Examples
    --------
    >>> rank_inverse_normal([10.0, 500.0, np.nan, 30.0]).round(3).tolist()
    [-0.869, 0.869, nan, 0.0]
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise InputError(
            f"values of shape {x.shape} cannot be ranked",
            "give one number for each participant",
        )
    infinite = int(np.count_nonzero(np.isinf(x)))
    if infinite:
        raise InputError(
            f"{infinite} of {x.size} values are infinite", "mark them as missing"
        )
    there = ~np.isnan(x)
    known = x[there]
    if not known.size or np.ptp(known) == 0:
        raise InputError(
            "fewer than two distinct values: there are no ranks to make normal",
            "choose a score that varies, or leave the transform out",
        )
    ranks = rankdata(known)
    out = np.full(x.shape, np.nan)
    out[there] = ndtri((ranks - _BLOM) / (known.size - 2 * _BLOM + 1))
    return out
