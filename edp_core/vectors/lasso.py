"""Who lies inside an outline that was drawn on a map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError

MOST_VERTICES = 2000
"""More than anybody draws by hand; the browser thins an outline long before."""
LARGEST = 1e6
"""Largest coordinate of a vertex; a map is a few dozen units wide."""
CHUNK = 256
"""Edges of an outline held against all others at once."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def checked(outline: object) -> Floats:
    """An outline as numbers, whatever was given.

    Parameters
    ----------
    outline
        (n_vertices, 2) of a map. The last vertex is joined with the first, whether it
        repeats it or not.

    Returns
    -------
    (n_vertices, 2) float64, finite.

    Raises
    ------
    InputError
        Where it is no list of pairs of numbers, has fewer than 3 vertices that differ
        or more than `MOST_VERTICES`, or a coordinate is no number of a map.
    """
    again = "draw the group again, around at least three points"
    if isinstance(outline, Sequence | np.ndarray) and len(outline) > MOST_VERTICES:
        raise InputError(
            f"The outline has {len(outline):,} vertices; {MOST_VERTICES:,} are the "
            "most",
            "draw it with fewer turns, or use the box",
        )
    try:
        given = np.asarray(outline, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("The outline is not a list of x and y", again) from error
    if given.ndim != 2 or given.shape[1:] != (2,):
        raise InputError("The outline is not a list of x and y", again)
    bad = int((~np.isfinite(given) | (np.abs(given) > LARGEST)).any(axis=1).sum())
    if bad:
        raise InputError(
            f"{bad:,} of {len(given):,} vertices of the outline are no place on the "
            "map",
            again,
        )
    if len(np.unique(given, axis=0)) < 3:
        raise InputError("The outline has fewer than three vertices", again)
    return given


def inside(outline: ArrayLike, points: ArrayLike) -> Bools:
    """Which points lie inside an outline, by the even–odd rule.

    A point is inside where a ray from it to the right crosses the outline an odd number
    of times. What an outline that crosses itself encloses twice is outside.

    Parameters
    ----------
    outline
        (n_vertices, 2), as `checked` takes it.
    points
        (n, 2); NaN is nowhere.

    Returns
    -------
    (n,) bool; the same for the outline drawn the other way round or begun elsewhere. A
    point on a vertical edge counts to the area right of it.

    Notes
    -----
    Points are sorted by height, so that an edge meets those beside it alone: a hand-
    drawn outline costs a few comparisons a point, however many vertices it has.
    """
    corners = checked(outline)
    at = np.asarray(points, dtype=np.float64)
    found = np.zeros(len(at), bool)
    low, high = corners.min(axis=0), corners.max(axis=0)
    near = np.flatnonzero(((at >= low) & (at <= high)).all(axis=1))
    near = near[np.argsort(at[near, 1], kind="stable")]
    x, y = at[near].T
    odd = np.zeros(near.size, bool)
    ends = np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)
    # from the lower end: the crossing is rounded alike whichever way it was drawn
    swap = ends[:, 0, 1] > ends[:, 1, 1]
    ends[swap] = ends[swap, ::-1]
    first = np.searchsorted(y, ends[:, 0, 1], side="left")
    last = np.searchsorted(y, ends[:, 1, 1], side="left")
    for at_edge in np.flatnonzero(first < last).tolist():
        (x1, y1), (x2, y2) = ends[at_edge]
        beside = slice(int(first[at_edge]), int(last[at_edge]))
        crossing = x1 + (y[beside] - y1) * ((x2 - x1) / (y2 - y1))
        odd[beside] ^= x[beside] < crossing
    found[near] = odd
    return found


def crosses_itself(outline: ArrayLike) -> bool:
    """Whether two edges of an outline cross, other than where they are joined.

    Parameters
    ----------
    outline
        (n_vertices, 2), as `checked` takes it.
    """
    one = checked(outline)
    two = np.roll(one, -1, axis=0)
    for begin in range(0, len(one), CHUNK):
        a, b = one[begin : begin + CHUNK, None], two[begin : begin + CHUNK, None]
        apart = _side(a, b, one) * _side(a, b, two) < 0
        apart &= _side(one, two, a) * _side(one, two, b) < 0
        if apart.any():
            return True
    return False


def _side(a: Floats, b: Floats, point: Floats) -> Floats:
    """On which side of the line from a to b a point lies: 1, 0 or −1."""
    along, to = b - a, point - a
    return np.sign(along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0])
