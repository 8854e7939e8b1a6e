"""Few-shot: scores from a share of the labels, and the control they need.

A mean of a few members of a cluster resembles the cluster's mean whatever their
labels. So beside a score from few labels stands one from as many members drawn at
random from the same cluster.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.stats import fisher

Bools = NDArray[np.bool_]


def keep_labels(cases: ArrayLike, *, share: float, seed: int) -> Bools:
    """Draw the cases whose label is used.

    Parameters
    ----------
    cases
        (n,) bool.
    share
        Share of the cases kept, above 0 and up to 1; rounded to whole cases, at
        least one.
    seed
        Of the draw. With one seed a smaller share is part of a larger one.

    Returns
    -------
    (n,) bool, true for the cases kept.

    Raises
    ------
    InputError
        Where there are no cases or ``share`` is out of range.
    """
    members = np.flatnonzero(_mask(cases))
    if not members.size:
        raise InputError("there are no cases to keep labels of", "choose another trait")
    if not 0 < share <= 1:
        raise InputError(
            f"the share of labels kept is {share}", "choose above 0 and up to 1"
        )
    keep = max(1, int(share * members.size + 0.5))
    order = np.random.default_rng(seed).permutation(members)
    return _chosen(order[:keep], np.size(cases))


def control_members(
    members: ArrayLike, cluster_members: ArrayLike, *, seed: int
) -> Bools:
    """Draw as many members of the cluster as there are cases in it, labels unseen.

    Parameters
    ----------
    members
        (n,) bool, the cases the few-shot score rests on.
    cluster_members
        (n,) bool, everyone in the cluster, cases among them.
    seed
        Of the draw, without replacement.

    Returns
    -------
    (n,) bool, with as many true as ``members``.

    Raises
    ------
    InputError
        Where shapes do not meet or the cluster has fewer members than are asked for.
    """
    wanted, cluster = _mask(members), _mask(cluster_members)
    if wanted.shape != cluster.shape:
        raise InputError(
            f"{wanted.size} members do not meet {cluster.size} cluster members",
            "give one entry for each participant in both",
        )
    pool, count = np.flatnonzero(cluster), int(wanted.sum())
    if count > pool.size:
        raise InputError(
            f"{count} members asked of a cluster of {pool.size}",
            "give members that lie in the cluster",
        )
    drawn = np.random.default_rng(seed).permutation(pool)[:count]
    return _chosen(drawn, cluster.size)


def choose_cluster(
    labels: ArrayLike, kept_cases: ArrayLike, *, counted: ArrayLike | None = None
) -> int:
    """The cluster in which the kept cases are most enriched, no other label seen.

    Parameters
    ----------
    labels
        (n,) cluster of each participant, below 0 = in none.
    kept_cases
        (n,) bool, the cases whose label is known.
    counted
        (n,) bool, who counts for the trait, as in the enrichment table; by default
        everybody.

    Returns
    -------
    The cluster with the smallest p of Fisher's two-sided test among those that hold
    more of them than its size would have it; of equal ones the first.

    Raises
    ------
    InputError
        Where shapes do not meet, no kept case lies in a cluster, or there is one
        cluster only.
    """
    cluster, kept = np.asarray(labels), _mask(kept_cases)
    if cluster.shape != kept.shape:
        raise InputError(
            f"{cluster.size} cluster labels do not meet {kept.size} cases",
            "give one entry for each participant in both",
        )
    inside = cluster >= 0
    if counted is not None:
        inside = inside & _mask(counted)
    sizes = np.bincount(cluster[inside])
    both = np.bincount(cluster[inside & kept], minlength=sizes.size)
    n, n_kept = int(sizes.sum()), int(both.sum())
    enriched = np.flatnonzero(both * n > sizes * n_kept)
    if not enriched.size:
        raise InputError(
            "no cluster is richer in the kept cases than the others",
            "keep more labels, or choose a resolution with more clusters",
        )
    p = fisher.log10p(both[enriched], sizes[enriched], n_kept, n)
    return int(enriched[np.argmax(p)])


def _mask(values: ArrayLike) -> Bools:
    mask = np.asarray(values)
    if mask.ndim != 1 or mask.dtype != np.bool_:
        raise InputError(
            f"an array of {mask.dtype}, shape {mask.shape}, is not a yes or no for "
            "each participant",
            "give one column of bool",
        )
    return mask


def _chosen(rows: NDArray[np.int64], n: int) -> Bools:
    chosen = np.zeros(n, dtype=bool)
    chosen[rows] = True
    return chosen
