"""Groups drawn at will: no small count may follow from two of them, or from clusters.

Clusters are fixed, so what stands beside each other is known beforehand. A group may be
drawn anywhere: once with somebody, once without, and the difference of two shown counts
tells of them. So each group is held against everything that was counted before it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edp_core.partition import is_small

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

MOST = 64
"""Earlier groups a new one is held against: those most like it."""
EXACT = 1e-9
"""How far from 1 the leverage of a part may lie that follows from what is known."""


def counted_sets(
    members: Bools, labels: NDArray[np.integer], earlier: Bools
) -> tuple[Bools, Ints]:
    """Sets of people whose counts are known and that bear on a group.

    Parameters
    ----------
    members
        (n,) who is in the group.
    labels
        (n,) cluster of each participant.
    earlier
        (k, n) who is in each group that was counted before.

    Returns
    -------
    sets, origin
        (m, n) bool and (m,): place in ``earlier`` of a group; −1 of everybody, −2 of
        all clusters that the group touches, −3 of all that lie in it by the larger
        part, −4 − i of cluster i. Of earlier groups those that share somebody with it
        or with which it makes up everybody, the `MOST` most like it.
    """
    sizes = np.bincount(labels)
    here = np.bincount(labels[members], minlength=sizes.size)
    touched = np.flatnonzero(here)
    most = np.flatnonzero(2 * here > sizes)
    held: list[Bools] = [np.ones(len(members), bool)]
    origin = [-1]
    for which, numbers in ((-2, touched), (-3, most)):
        if numbers.size > 1:
            held.append(np.isin(labels, numbers))
            origin.append(which)
    for number in touched.tolist():
        held.append(labels == number)
        origin.append(-4 - number)
    if len(earlier):
        both = (earlier & members).sum(axis=1)
        either = (earlier | members).sum(axis=1)
        bears = np.flatnonzero((both > 0) | (either == len(members)))
        order = np.argsort(-(both[bears] / either[bears]), kind="stable")[:MOST]
        held += list(earlier[bears[order]])
        origin += bears[order].tolist()
    return np.stack(held), np.array(origin, np.int64)


def too_near(members: Bools, sets: Bools, threshold: int) -> Ints:
    """Sets that few people tell from a group, but at least one.

    On both sides fewer than ``threshold``: where one set holds the other, the
    difference of their counts is a count of people; where each has a few of its own,
    whoever knows one of them knows the rest (as `nested.near_pairs` has it for traits).

    Parameters
    ----------
    members, sets
        (n,) and (m, n) bool.

    Returns
    -------
    Places in ``sets``, ascending.
    """
    apart = [(sets & ~members).sum(axis=1), (members & ~sets).sum(axis=1)]
    return np.flatnonzero(_few(apart[0], apart[1], threshold)).astype(np.int64)


def new_parts(members: Bools, sets: Bools) -> list[Bools]:
    """Parts of the participants whose count follows once a group's own is known.

    All sets together cut the participants into parts. Every count shown is a sum over
    parts; the count of a part follows from them by adding and subtracting where its
    indicator lies in the span of theirs, that is where its leverage is 1.

    Parameters
    ----------
    members, sets
        (n,) and (m, n) bool.

    Returns
    -------
    list of (n,) bool
        The parts that follow from sets and group and did not follow from the sets.
    """
    everything = np.vstack([sets, members])
    packed = np.ascontiguousarray(np.packbits(everything, axis=0).T)
    keys = packed.view([("", packed.dtype)] * packed.shape[1]).reshape(-1)
    _, first, part = np.unique(keys, return_index=True, return_inverse=True)
    rows = everything[:, first].astype(np.float64)
    told = _leverage(rows) > 1 - EXACT
    told &= _leverage(rows[:-1]) <= 1 - EXACT
    return [part == number for number in np.flatnonzero(told)]


def tells_few(members: Bools, sets: Bools, threshold: int) -> bool:
    """Whether a small number of people follows from the group's and the sets' counts.

    Parameters
    ----------
    members, sets
        (n,) and (m, n) bool.
    """
    sizes = np.array([part.sum() for part in new_parts(members, sets)], np.int64)
    return bool(is_small(sizes, threshold).any())


def hide_told(
    members: Bools, sets: Bools, cases: sparse.csr_array, *, threshold: int
) -> Bools:
    """Traits whose count in a group must be hidden for what it tells beside the sets'.

    A trait is hidden where few of its cases, or few without it, tell the group from a
    set (as in `too_near`), and where few of them are in a part whose count follows
    (`new_parts`).

    Parameters
    ----------
    members, sets
        (n,) and (m, n) bool.
    cases
        (n, n_traits) who has which trait.
    threshold
        Smallest count shown.

    Returns
    -------
    (n_traits,) bool.
    """
    has = sparse.csr_array(cases).astype(np.int64)
    own, other = members & ~sets, sets & ~members
    hidden = np.zeros(has.shape[1], bool)
    ours, theirs = _counts(own, has), _counts(other, has)
    hidden |= _few(ours, theirs, threshold).any(axis=0)
    without = own.sum(axis=1)[:, None] - ours, other.sum(axis=1)[:, None] - theirs
    hidden |= _few(*without, threshold).any(axis=0)
    parts = new_parts(members, sets)
    if parts:
        inside = _counts(np.stack(parts), has)
        sizes = np.array([part.sum() for part in parts], np.int64)
        hidden |= is_small(inside, threshold).any(axis=0)
        hidden |= is_small(sizes[:, None] - inside, threshold).any(axis=0)
    return hidden


def _few(ours: Ints, theirs: Ints, threshold: int) -> Bools:
    """Fewer than the threshold on both sides, and somebody on one."""
    most = np.maximum(ours, theirs)
    return np.asarray((most > 0) & (most < threshold))


def _counts(sets: Bools, has: sparse.csr_array) -> Ints:
    """(m, n_traits) cases of each trait in each set."""
    rows = sparse.csr_array(sets.astype(np.int64))
    return np.asarray((rows @ has).toarray(), np.int64)


def _leverage(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n_parts,) squared length of each unit vector's projection on the rows' span."""
    if not len(rows):
        return np.zeros(rows.shape[1])
    _, size, right = np.linalg.svd(rows, full_matrices=False)
    kept = right[size > size[0] * 1e-10]
    return np.asarray((kept**2).sum(axis=0))
