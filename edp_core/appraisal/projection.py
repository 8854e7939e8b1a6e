"""A score as a weighted sum of an embedding's axes, and how much of it that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.stats.ridge import Predictors

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """A score as a weighted sum of axes.

    Attributes
    ----------
    weights
        (n_axes,) of the score in its own unit.
    sd
        Standard deviation of the score among those who have one.
    r2
        Share of its variance that the weighted sum keeps: 1 where the score is one.
    r2_left_out
        The same of people who took no part in finding the weights: what the maps
        rest on. Below ``r2`` where a score is mostly noise to the axes. The penalty was
        chosen by the same errors, so it is a little too high.
    n
        People it rests on.
    """

    weights: Floats
    sd: float
    r2: float
    r2_left_out: float
    n: int


def weights_of(
    values: ArrayLike, vectors: ArrayLike, *, axes: Predictors | None = None
) -> Linear:
    """The weighted sum of axes that comes nearest to a score.

    Parameters
    ----------
    values
        (n,) score of each person, NaN = missing.
    vectors
        (n, n_axes), no missing values: the vectors the score was made of. Where
        covariates or components were regressed out those are the adjusted ones; the
        weights then hold for changes of the plain vectors too, since a covariate does
        not change with the image, and what is removed has no weight.
    axes
        ``Predictors(vectors)``, where many scores of the same vectors are asked for.

    Returns
    -------
    Linear
        Exact (``r2`` = 1) for a score that is linear in the vectors: an axis, a
        component, a discriminant learnt from everybody.

    Raises
    ------
    InputError
        Where shapes do not meet, a value is infinite, fewer than three people have
        one, or nothing varies.

    Notes
    -----
    Least squares with next to no penalty where that foretells those left out best, as
    for any linear score; else ridge. Without it, axes along which people hardly differ
    would get weights of noise, and parts left out move just these.
    """
    t = np.asarray(values, dtype=np.float64)
    z = np.asarray(vectors)
    if t.ndim != 1 or z.ndim != 2 or len(t) != len(z) or np.isinf(t).any():
        raise InputError(
            f"a score of shape {t.shape} does not meet vectors {z.shape}, or has "
            "infinite values",
            "give one number, or NaN, and one vector for each person",
        )
    there = ~np.isnan(t)
    n = int(there.sum())
    if n < 3:
        raise InputError(
            f"{n} people have a value: too few to see what moves it",
            "choose a phenotype of more people",
        )
    if axes is None or n < len(t):
        axes = Predictors(z[there])
    found = axes.fit(t[there])
    return Linear(
        found.weights,
        float(np.std(t[there], ddof=1)),
        r2=found.r2,
        r2_left_out=found.r2_left_out,
        n=n,
    )
