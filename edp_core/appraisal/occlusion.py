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

from edp_core.appraisal.projection import Linear
from edp_core.appraisal.projection import weights_of as weights_of
from edp_core.errors import InputError

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
class Averaged:
    """One map of several people.

    Attributes
    ----------
    mean
        (h, w) of `averaged`: change of the score in standard deviations when the part
        is left out of all images of a person. Of `carried`: a share.
    se
        (h, w) its standard error; NaN for one person.
    n
        People.
    """

    mean: Floats
    se: Floats
    n: int


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


def carried(score: Linear, occlusion: Occlusion) -> Averaged:
    """What share of the differences between people each part of their images carries.

    Parameters
    ----------
    score
        A weighted sum of axes (`weights_of`).
    occlusion
        Of the encoder whose vectors the score is made of; of at least three people.

    Returns
    -------
    Averaged
        ``mean`` (h, w): 1 where people no longer differ once the part is left out of
        all their images, 0 where they differ as before, below 0 where they differ
        more; ``se`` its standard error.

    Raises
    ------
    InputError
        Where axes do not meet, there are fewer than three people, or their scores are
        all the same.

    Notes
    -----
    Minus the slope of a part's change on the score of the whole image, by least
    squares over the people. What leaving a part out does to everybody alike (a missing
    part is itself unlike any image) is the intercept and takes no part, so that this
    map is the one to trust where `moved` is large everywhere.
    """
    maps = moved(score, occlusion)
    people, at = np.unique(occlusion.rows, return_inverse=True)
    n = len(people)
    # both in standard deviations of the score
    change = np.zeros((n, *maps.shape[1:]))
    np.add.at(change, at, maps)
    whole = np.zeros(n)
    whole[at] = _of_people(occlusion) @ score.weights / score.sd
    x = whole - whole.mean()
    square = float(x @ x)
    if n < 3 or square <= 1e-12 * n:
        raise InputError(
            f"{n} people with maps do not differ enough in the score",
            "raise occlusion_people in [analysis] of study.toml",
        )
    y = change - change.mean(axis=0)
    slope = np.tensordot(x, y, axes=1) / square
    left = y - x[:, None, None] * slope
    se = np.sqrt((left**2).sum(axis=0) / (n - 2) / square)
    return Averaged(-slope, se, n)


def _of_people(occlusion: Occlusion) -> Floats:
    """(n_images, n_axes) the whole vector of the person each image is of."""
    people, at = np.unique(occlusion.rows, return_inverse=True)
    sums = np.zeros((len(people), occlusion.plain.shape[1]))
    np.add.at(sums, at, occlusion.shares[:, None] * occlusion.plain)
    return sums[at]
