"""Correction for many tests, on −log10 p so that nothing underflows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError


def benjamini_hochberg_log10(log10p: ArrayLike) -> NDArray[np.float64]:
    """Benjamini–Hochberg false discovery rate.

    Parameters
    ----------
    log10p
        Any shape, −log10 p ≥ 0; NaN = no test, not counted among the tests.

    Returns
    -------
    −log10 q in the same shape, ≥ 0; NaN where ``log10p`` is.

    Raises
    ------
    InputError
        Where a −log10 p is negative, which is a p above 1.

    Notes
    -----
    q of the j-th smallest of N is the minimum over i ≥ j of p_i N / i (Benjamini &
    Hochberg 1995).

    Examples
    --------
    >>> benjamini_hochberg_log10([2.0, 0.0, np.nan]).round(3)
    array([1.699, 0.   ,   nan])
    """
    given = np.asarray(log10p, dtype=np.float64)
    flat = given.ravel()
    tests = np.flatnonzero(~np.isnan(flat))
    if np.any(flat[tests] < 0):
        raise InputError(
            f"{int(np.sum(flat[tests] < 0))} values of −log10 p are negative",
            "give −log10 p, which is 0 for p = 1",
        )
    q = np.full(flat.size, np.nan)
    order = tests[np.argsort(-flat[tests], kind="stable")]
    position = np.arange(1, order.size + 1)
    each = flat[order] + np.log10(position / max(order.size, 1))
    q[order] = np.maximum(np.maximum.accumulate(each[::-1])[::-1], 0.0)
    return q.reshape(given.shape)
