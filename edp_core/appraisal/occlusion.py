"""What of an image moves a score: its parts are left out, one at a time.

A masked autoencoder learns from images of which parts are left out, so it can be asked
what it sees without one: no grey box stands in its place, which would be an image it
never met (Zeiler and Fergus 2014, doi 10.1007/978-3-319-10590-1_53, cover parts; here
their tokens are dropped).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.stats.ridge import Predictors

Floats = NDArray[np.float64]
Score = Callable[[Floats], Floats]
"""Vectors (k, n_axes) to scores (k,): for a score that is no weighted sum of axes."""


@dataclass(frozen=True)
class Occlusion:
    """Images of some people with each part left out, as the encoder sees them.

    A part is left out of every slice of an image at once.

    Attributes
    ----------
    rows
        (n_images,) whose image it is: places among the seen, ascending. A person with
        two sides has two images.
    sides
        (n_images,) text, ``""`` where people have one image.
    shares
        (n_images,) share of the image's vector in its person's: 1 / images.
    edges
        (k + 1,) bounds of the parts along either edge of an image, from 0 to 1.
    plain
        (n_images, n_axes) float32 vectors of the whole images.
    changes
        (n_images, k·k, n_axes) float16: vector without a part minus vector of the
        whole; parts row by row from the top left.
    """

    rows: NDArray[np.int64]
    sides: NDArray[np.str_]
    shares: Floats
    edges: Floats
    plain: NDArray[np.float32]
    changes: NDArray[np.float16]

    @property
    def grid(self) -> tuple[int, int]:
        """Parts from top to bottom and from left to right."""
        return len(self.edges) - 1, len(self.edges) - 1

    @property
    def people(self) -> NDArray[np.int64]:
        """(n_people,) places among the seen, each once, ascending."""
        return np.unique(self.rows)


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
        rest on. Below ``r2`` where a score is mostly noise to the axes.
    n
        People it rests on.
    """

    weights: Floats
    sd: float
    r2: float
    r2_left_out: float
    n: int


@dataclass(frozen=True)
class Averaged:
    """The mean map of some people.

    Attributes
    ----------
    mean
        (h, w) change of the score in standard deviations when the part is left out of
        all images of a person.
    se
        (h, w) its standard error; NaN for one person.
    n
        People.
    """

    mean: Floats
    se: Floats
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


def moved(score: Linear | Score, occlusion: Occlusion, *, sd: float = 1.0) -> Floats:
    """How far each part of each image moves its person's score.

    Parameters
    ----------
    score
        A weighted sum of axes (`weights_of`), or a function of vectors, which is then
        asked as it is.
    occlusion
        Of the encoder whose vectors the score is made of.
    sd
        Standard deviation of the score, for a function; a `Linear` knows its own.

    Returns
    -------
    (n_images, h, w) change of the person's score, in its standard deviations, when the
    part is left out of that image: below 0 the part holds the score up, above 0 down.
    A part of an image of one of two sides moves the person's score half as far as it
    moves the image's.

    Raises
    ------
    InputError
        Where the axes do not meet, or ``sd`` is not above 0.
    """
    n, parts, n_axes = occlusion.changes.shape
    shares, change = occlusion.shares, np.empty((n, parts))
    if isinstance(score, Linear):
        if score.weights.shape != (n_axes,):
            raise InputError(
                f"{len(score.weights)} weights do not meet {n_axes} axes",
                "take the occlusion of the encoder the score is made with",
            )
        sd = score.sd
        for image in range(n):  # memory-mapped: one image's at a time
            shift = np.asarray(occlusion.changes[image], np.float64)
            change[image] = shares[image] * (shift @ score.weights)
    if not (np.isfinite(sd) and sd > 0):
        raise InputError(
            f"a standard deviation of {sd} gives no unit", "choose a score that varies"
        )
    if not isinstance(score, Linear):
        whole = _of_people(occlusion)
        for image in range(n):
            shift = shares[image] * np.asarray(occlusion.changes[image], np.float64)
            before = score(whole[image][None])
            change[image] = score(whole[image] + shift) - before
    return (change / sd).reshape(n, *occlusion.grid)


def averaged(
    maps: ArrayLike, occlusion: Occlusion, *, people: ArrayLike | None = None
) -> Averaged:
    """The mean map of some people, each counted once.

    Parameters
    ----------
    maps
        (n_images, h, w) of `moved`.
    people
        Places among the seen; by default all that have maps. Others are left out.

    Raises
    ------
    InputError
        Where nobody of them has a map.
    """
    each = np.asarray(maps, dtype=np.float64)
    chosen = occlusion.people
    if people is not None:
        chosen = np.intersect1d(chosen, np.asarray(people, np.int64))
    if not len(chosen):
        raise InputError(
            f"Nobody of them is among the {len(occlusion.people)} people with maps",
            "raise occlusion_people in [analysis] of study.toml",
        )
    # of all sides at once: to the first order their changes add up
    mine = np.isin(occlusion.rows, chosen)
    sums = np.zeros((len(chosen), *each.shape[1:]))
    np.add.at(sums, np.searchsorted(chosen, occlusion.rows[mine]), each[mine])
    n = len(chosen)
    if n == 1:
        return Averaged(sums[0], np.full(each.shape[1:], np.nan), n)
    return Averaged(sums.mean(axis=0), sums.std(axis=0, ddof=1) / np.sqrt(n), n)


def _of_people(occlusion: Occlusion) -> Floats:
    """(n_images, n_axes) the whole vector of the person each image is of."""
    people, at = np.unique(occlusion.rows, return_inverse=True)
    sums = np.zeros((len(people), occlusion.plain.shape[1]))
    np.add.at(sums, at, occlusion.shares[:, None] * occlusion.plain)
    return sums[at]
