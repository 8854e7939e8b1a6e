"""Other ways to cluster an embedding, and how far two partitions agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from edp_core.errors import InputError
from edp_core.vectors.neighbours import finite, unit_vectors

Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
_MICRO = 2000
"""Micro-clusters that Ward's method joins where there are more participants."""
_STARTS = 3
"""Starts of k-means, of which the best is kept."""
_GREEDY = 200
"""Up to so many centres each is the best of several candidates."""
_CHUNK = 4096


def numbered(labels: ArrayLike) -> Labels:
    """Clusters numbered by size, 0 the largest, equal ones by first participant.

    Parameters
    ----------
    labels
        (n,) whole numbers ≥ 0.
    """
    given = np.asarray(labels)
    values, first, sizes = np.unique(given, return_index=True, return_counts=True)
    ranked = np.lexsort((first, -sizes))
    number = np.empty(int(values.max(initial=-1)) + 1, dtype=np.int32)
    number[values[ranked]] = np.arange(values.size, dtype=np.int32)
    return np.asarray(number[given], dtype=np.int32)


def k_means(
    vectors: ArrayLike, count: int, *, seed: int = 0, rounds: int = 100
) -> Labels:
    """Spherical k-means: centred unit vectors, Lloyd's algorithm, greedy k-means++.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values.
    count
        Clusters, 1 to n.
    seed
        Of the first centres. The same seed and input give the same clusters.
    rounds
        At most so many from each of three starts; it stops where nobody moves.

    Returns
    -------
    (n,) int32, numbered by size as `numbered` does; fewer than ``count`` where there
    are fewer distinct directions.

    Raises
    ------
    InputError
        Where ``count`` is out of range, a value is missing, or a vector is zero.

    Notes
    -----
    Arthur & Vassilvitskii (2007), greedy as they propose; the best of three starts by
    sums of squares. On unit vectors the squared distance is twice the cosine distance,
    so it clusters by what Leiden's neighbours are found by. A centre that loses
    everybody stays where it is.
    """
    unit = _prepared(vectors, count)
    rng = np.random.default_rng(seed)
    best, most = np.zeros(len(unit), np.int64), -np.inf
    for _ in range(_STARTS):
        labels = _lloyd(unit, _first_centres(unit, count, rng), rounds=rounds)
        # the vectors' squares are given: what is not between clusters is within them
        sizes = np.maximum(np.bincount(labels), 1)
        between = float(np.sum(np.sum(_sums(unit, labels) ** 2, axis=1) / sizes))
        if between > most:
            best, most = labels, between
    return numbered(best)


def ward(
    vectors: ArrayLike, count: int, *, seed: int = 0, micro: int = _MICRO
) -> Labels:
    """Agglomerative clusters by Ward's method on centred unit vectors.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values.
    count
        Clusters, 1 to n.
    seed
        Of the micro-clusters.
    micro
        Where there are more participants than this, so many micro-clusters of k-means
        are joined in their stead.

    Returns
    -------
    (n,) int32, numbered by size as `numbered` does.

    Raises
    ------
    InputError
        As for `k_means`.

    Notes
    -----
    Ward (1963) by the Lance–Williams recurrence over nearest-neighbour chains, which
    is exact. All pairs of 45,714 participants would take 8 GB, so there it begins at
    micro-clusters with their sizes: Ward's cost of joining two clusters, n_a n_b/(n_a +
    n_b) ‖m_a − m_b‖², asks for sizes and means only, so but for what k-means put
    together it is Ward's tree of all.
    """
    unit = _prepared(vectors, count)
    n = len(unit)
    leaf = np.arange(n)
    if n > max(micro, count):
        some = max(micro, count)
        first = _first_centres(unit, some, np.random.default_rng(seed))
        leaf = _lloyd(unit, first, rounds=10)
        leaf = np.unique(leaf, return_inverse=True)[1]
    sizes = np.bincount(leaf).astype(np.float64)
    joined = _ward_tree(_sums(unit, leaf) / sizes[:, None], sizes, count)
    return numbered(joined[leaf])


def adjusted_rand(one: ArrayLike, other: ArrayLike) -> float:
    """Adjusted Rand index of two partitions.

    Parameters
    ----------
    one, other
        (n,) labels, whole numbers ≥ 0.

    Returns
    -------
    1 for equal partitions, 0 expected by chance; 1 where both are trivial.

    Raises
    ------
    InputError
        Where lengths differ or there is nobody.

    Notes
    -----
    Hubert & Arabie (1985), from the pairs in the contingency table.

    Examples
    --------
    >>> adjusted_rand([0, 0, 1, 1], [1, 1, 0, 0])
    1.0
    """
    table = contingency(one, other)
    both = _pairs(table.data)
    rows, columns = (_pairs(np.asarray(table.sum(axis=a)).ravel()) for a in (1, 0))
    every = _pairs(np.array([table.sum()]))
    if not every:
        return 1.0
    expected = rows * columns / every
    most = (rows + columns) / 2
    return 1.0 if most == expected else float((both - expected) / (most - expected))


def contingency(one: ArrayLike, other: ArrayLike) -> sparse.csr_array:
    """(n_clusters, n_clusters of the other) people in both, whole numbers."""
    a, b = np.asarray(one), np.asarray(other)
    if a.ndim != 1 or a.shape != b.shape or not a.size:
        raise InputError(
            f"partitions of {a.shape} and {b.shape} participants do not meet",
            "give one label for each participant in both",
        )
    ones = np.ones(a.size, dtype=np.int64)
    table = sparse.coo_array((ones, (a, b))).tocsr()
    table.sum_duplicates()
    return table


def _pairs(counts: NDArray[np.integer]) -> float:
    c = counts.astype(np.float64)
    return float(np.sum(c * (c - 1)) / 2)


def _prepared(vectors: ArrayLike, count: int) -> Floats:
    z = finite(vectors).astype(np.float64)
    if not 1 <= count <= len(z):
        raise InputError(
            f"{count} clusters of {len(z)} participants", f"choose from 1 to {len(z)}"
        )
    return unit_vectors(z, centred=True)


def _first_centres(unit: Floats, count: int, rng: np.random.Generator) -> Floats:
    """k-means++, greedy; of more than `_GREEDY` centres a block at a time, and not."""
    chosen = [int(rng.integers(len(unit)))]
    nearest = np.maximum(1 - unit @ unit[chosen[0]], 0)
    while len(chosen) < count:
        total = nearest.sum()
        p = nearest / total if total > 0 else None
        if count <= _GREEDY:
            # as many candidates as scikit-learn: that which leaves the least stays
            drawn = rng.choice(len(unit), size=2 + int(np.log(count)), p=p)
            left = np.minimum(nearest[:, None], 1 - unit @ unit[drawn].T)
            best = int(np.argmin(left.sum(axis=0)))
            drawn = drawn[[best]]
            nearest = np.maximum(left[:, best], 0)
        else:
            # many are drawn some at a time: the chances change little between
            some = min(count - len(chosen), max(1, len(chosen) // 8))
            able = len(unit) if p is None else int(np.count_nonzero(p))
            drawn = rng.choice(len(unit), size=min(some, able), replace=False, p=p)
            for start in range(0, len(unit), _CHUNK):
                here = slice(start, start + _CHUNK)
                far = 1 - (unit[here] @ unit[drawn].T).max(axis=1)
                nearest[here] = np.maximum(np.minimum(nearest[here], far), 0)
        nearest[drawn] = 0
        chosen += drawn.tolist()
    centres: Floats = unit[np.array(chosen)]
    return centres


def _lloyd(unit: Floats, centres: Floats, *, rounds: int) -> NDArray[np.int64]:
    small, labels = unit.astype(np.float32), np.full(len(unit), -1)
    for _ in range(rounds):
        # the nearest centre by squared distance; unit vectors all have length 1
        half = (0.5 * np.sum(centres * centres, axis=1)).astype(np.float32)
        moved = centres.astype(np.float32)
        found = np.concatenate(
            [
                np.argmax(small[at : at + _CHUNK] @ moved.T - half, axis=1)
                for at in range(0, len(unit), _CHUNK)
            ]
        )
        if np.array_equal(found, labels):
            break
        labels = found
        sizes = np.bincount(labels, minlength=len(centres))
        kept = sizes > 0
        centres = centres.copy()
        centres[kept] = _sums(unit, labels, len(centres))[kept] / sizes[kept, None]
    return labels


def _sums(unit: Floats, labels: NDArray[np.integer], count: int = 0) -> Floats:
    size = max(count, int(labels.max()) + 1)
    members = sparse.csr_array(
        (np.ones(labels.size), (labels, np.arange(labels.size))),
        shape=(size, labels.size),
    )
    sums: Floats = np.asarray(members @ unit, dtype=np.float64)
    return sums


def _ward_tree(means: Floats, sizes: Floats, count: int) -> NDArray[np.int64]:
    """(n_leaves,) cluster of each leaf after joining down to ``count``."""
    n = len(means)
    squared = np.sum(means * means, axis=1)
    apart = np.maximum(squared[:, None] + squared - 2 * means @ means.T, 0)
    size = sizes.copy()
    cost = apart * (size[:, None] * size / (size[:, None] + size))
    np.fill_diagonal(cost, np.inf)
    alive, chain = np.ones(n, dtype=bool), list[int]()
    joins: list[tuple[float, int, int]] = []
    while len(joins) < n - 1:
        if not chain:
            chain = [int(np.flatnonzero(alive)[0])]
        a = chain[-1]
        b = int(np.argmin(cost[a]))
        if len(chain) > 1 and cost[a, chain[-2]] <= cost[a, b]:
            b = chain[-2]
            del chain[-2:]
            joins.append((float(cost[a, b]), a, b))
            both = size[a] + size[b]
            total = both + size
            row = ((size[a] + size) * cost[a] + (size[b] + size) * cost[b]) / total
            row -= size * cost[a, b] / total
            row[~alive] = row[a] = row[b] = np.inf
            cost[b], cost[:, b] = row, row
            cost[a], cost[:, a] = np.inf, np.inf
            alive[a], size[b] = False, both
        else:
            chain.append(b)
    root = np.arange(n)

    def top(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = int(root[i])
        return i

    # a chain joins out of order; the tree is cut where joining costs most
    for _, a, b in sorted(joins, key=lambda j: j[0])[: max(n - count, 0)]:
        root[top(a)] = top(b)
    tops = np.array([top(i) for i in range(n)])
    return np.asarray(np.unique(tops, return_inverse=True)[1], dtype=np.int64)
