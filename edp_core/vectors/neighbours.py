"""Exact nearest neighbours by cosine distance."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.threads import on_all_cores

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]
Singles = NDArray[np.float32]
_SLACK = np.float32(4e-6)
"""What rounding in float32 may move the difference of two cosines by."""
_CROWD = 1024
"""Candidates beyond which a participant, one of many copies, is looked at alone."""
_PAIRS = 2048
"""Pairs whose distance is taken at a time."""


class _Hits(NamedTuple):
    """Pairs likely near: row of whose neighbour, row of the neighbour, cosine."""

    owner: Ints
    other: Ints
    likeness: Singles


def cosine_knn(
    vectors: ArrayLike, k: int, *, centred: bool = True, block: int = 2048
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Exact k nearest neighbours by cosine distance.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values.
    k
        Other participants to find, 1 to n − 1. scanpy's ``n_neighbors`` counts the
        participant itself, so its 10 is 9 here.
    centred
        Subtract the mean vector first; a mean shared by all dominates the cosine.
    block
        Rows at a time. Memory is about 12 · n · n_axes bytes for the vectors, 6 ·
        block² bytes a thread, and 12 · n · max(256, 2 k) bytes for candidates.

    Returns
    -------
    indices
        (n, k) int32, nearest first, the participant itself not among them.
    distances
        (n, k) float32, 1 − cosine, 0 to 2.

    Raises
    ------
    InputError
        Where ``k`` is out of range, a value is missing, or a vector is zero (after
        centring), which has no direction.

    Notes
    -----
    The k-th likeness within a part of the participants is a lower bound of the k-th
    among all. Products of all pairs in float32, each block above the diagonal once
    for both its sides, are compared with these bounds, and what passes is a candidate.
    Of each participant's candidates all within rounding of the k-th are kept; their
    distances are then taken in float64 as half the squared length of the difference
    of unit vectors. Equal distances (in float32) stand in order of index. So the
    result is exact, and does not depend on block or threads.
    """
    z = finite(vectors).astype(np.float64)
    n = len(z)
    if not 1 <= k <= n - 1:
        raise InputError(
            f"{k} neighbours of {n} participants", f"choose from 1 to {n - 1}"
        )
    unit = unit_vectors(z, centred=centred)
    unit32 = unit.astype(np.float32)
    starts = range(0, n, block)
    bounds = np.concatenate(
        on_all_cores(lambda at: _lower_bound(unit32, at, k=k, block=block), starts)
    )
    pairs = [(i, j) for i in starts for j in starts if j >= i]
    found: dict[int, list[_Hits]] = {start: [] for start in starts}
    counts, most = np.zeros(n, np.int64), max(_CROWD, 4 * k)
    one_at_a_time = threading.Lock()

    def collect(pair: tuple[int, int]) -> None:
        hits = _hits(unit32, pair, bounds=bounds, block=block)
        with one_at_a_time:
            for start, part in zip(pair, hits, strict=False):
                found[start].append(part)
                np.add.at(counts, part.owner, 1)
            bounds[counts > most] = np.inf  # no more of these: they are looked at alone

    on_all_cores(collect, pairs)

    def finish(start: int) -> tuple[NDArray[np.int32], Singles]:
        parts = found.pop(start)
        crowded = np.flatnonzero(counts[start : start + block] > most) + start
        if crowded.size:
            parts = [_without(part, crowded) for part in parts]
            parts += [_of_one(unit32, int(row), k=k) for row in crowded]
        rows = np.arange(start, min(start + block, n))
        return _nearest(unit, rows, parts=parts, k=k)

    nearest = on_all_cores(finish, starts)
    return (
        np.concatenate([part[0] for part in nearest]),
        np.concatenate([part[1] for part in nearest]),
    )


def finite(vectors: ArrayLike) -> NDArray[np.floating]:
    """The vectors as an array, refused where empty, not 2-D or not finite."""
    z = np.asarray(vectors)
    if z.ndim != 2 or not z.size:
        raise InputError(
            f"vectors have shape {z.shape}",
            "give one row for each participant and one column for each axis",
        )
    bad = int(np.count_nonzero(~np.isfinite(z).all(axis=1)))
    if bad:
        raise InputError(
            f"{bad} of {len(z)} vectors have missing or infinite values",
            "leave those participants out first",
        )
    return z


def unit_vectors(z: Floats, *, centred: bool) -> Floats:
    """Vectors of length 1, written over ``z``; `InputError` where one is zero."""
    scale = float(np.abs(z).max(initial=0))
    if centred:
        z -= z.mean(axis=0)
    length = np.linalg.norm(z, axis=1)
    zero = int(np.count_nonzero(length <= 1e-12 * scale * np.sqrt(z.shape[1])))
    if zero:
        raise InputError(
            f"{zero} of {len(z)} vectors are zero"
            + (" after centring" if centred else ""),
            "look for blank images, or leave those participants out",
        )
    z /= length[:, None]
    return z


def _lower_bound(unit: Singles, start: int, *, k: int, block: int) -> Singles:
    """A value no higher than the k-th likeness of each participant of a block."""
    # of one in `step`, so that about step · k candidates pass for each participant
    step = int(np.clip(256 // k, 1, min(16, max(1, (len(unit) - 1) // (k + 1)))))
    part = np.arange(0, len(unit), step)
    rows = np.arange(start, min(start + block, len(unit)))
    likeness = unit[rows] @ unit[part].T
    own = np.flatnonzero(rows % step == 0)
    likeness[own, rows[own] // step] = -np.inf
    at = part.size - k
    return np.asarray(np.partition(likeness, at, axis=1)[:, at] - _SLACK)


def _hits(
    unit: Singles, pair: tuple[int, int], *, bounds: Singles, block: int
) -> list[_Hits]:
    """Candidates that two blocks hold for each other: of the first, of the second."""
    i, j = pair
    likeness = unit[i : i + block] @ unit[j : j + block].T
    if i == j:
        np.fill_diagonal(likeness, -np.inf)
    row, column = _where(likeness >= bounds[i : i + block, None])
    hits = [_pairs(row + i, column + j, values=likeness[row, column])]
    if i != j:
        row, column = _where(likeness >= bounds[None, j : j + block])
        hits.append(_pairs(column + j, row + i, values=likeness[row, column]))
    return hits


def _without(hits: _Hits, owners: Ints) -> _Hits:
    kept = ~np.isin(hits.owner, owners)
    return _Hits(hits.owner[kept], hits.other[kept], hits.likeness[kept])


def _of_one(unit: Singles, row: int, *, k: int) -> _Hits:
    """Candidates of one participant among everyone."""
    likeness = unit @ unit[row]
    likeness[row] = -np.inf
    at = likeness.size - k
    near = np.flatnonzero(likeness >= np.partition(likeness, at)[at] - _SLACK)
    return _pairs(np.full(near.size, row), near, values=likeness[near])


def _pairs(owner: Ints, other: Ints, *, values: Singles) -> _Hits:
    return _Hits(owner.astype(np.int32), other.astype(np.int32), values)


def _where(mask: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Rows and columns of the few true ones, eight cells looked at in one."""
    flat = mask.ravel()
    whole = flat.size // 8 * 8
    octets = np.flatnonzero(flat[:whole].view(np.uint64))
    at = (octets[:, None] * 8 + np.arange(8))[flat[:whole].reshape(-1, 8)[octets]]
    at = np.concatenate([at, whole + np.flatnonzero(flat[whole:])])
    row, column = np.divmod(at, mask.shape[1])
    return row, column


def _nearest(
    unit: Floats, rows: Ints, *, parts: list[_Hits], k: int
) -> tuple[NDArray[np.int32], Singles]:
    """The k nearest of each of some participants, of their candidates."""
    hits = _Hits(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    order = np.lexsort((-hits.likeness, hits.owner))
    first = np.searchsorted(hits.owner[order], rows)
    kth = hits.likeness[order][first + k - 1] - _SLACK
    near = hits.likeness >= kth[hits.owner - rows[0]]
    owner, other = hits.owner[near], hits.other[near]
    exact = np.empty(owner.size, dtype=np.float32)
    for part in range(0, owner.size, _PAIRS):
        here = slice(part, part + _PAIRS)
        apart = unit[owner[here]] - unit[other[here]]
        exact[here] = 0.5 * np.sum(apart * apart, axis=1)
    order = np.lexsort((other, exact, owner))
    chosen = np.searchsorted(owner[order], rows)[:, None] + np.arange(k)
    return other[order][chosen], exact[order][chosen]
