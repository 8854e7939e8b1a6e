"""How stable clusters are: over samples of people, seeds, resolutions and methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.scoring.clusterings import adjusted_rand, contingency, k_means, ward
from edp_core.scoring.clusters import knn_graph, leiden, leiden_of
from edp_core.vectors.neighbours import cosine_knn

Near = tuple[NDArray[np.int32], NDArray[np.float32]]
_SEEDS = 4
"""Further seeds Leiden is run with."""
_SPARE = 4
"""How many times as many neighbours are listed as the graph needs."""
STABLE, DISSOLVED = 0.75, 0.5
"""Hennig's (2007) marks: a cluster is found again, or is not, in a sample."""


def cluster_stability(
    vectors: ArrayLike,
    labels: ArrayLike,
    *,
    k: int,
    resolution: float,
    repeats: int,
    seed: int = 0,
) -> pd.DataFrame:
    """Bootstrap Jaccard similarity of each cluster.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values.
    labels
        (n,) the clusters asked about, numbered from 0.
    k
        Neighbours of the graph, the participant itself not counted.
    resolution
        Of Leiden.
    repeats
        Samples drawn; 0 gives a table without rows.
    seed
        Of the samples and of Leiden within them.

    Returns
    -------
    DataFrame
        One row per cluster: ``cluster``, ``n`` members, ``repeats`` in which any of
        them was drawn, ``jaccard`` (mean over repeats), ``jaccard_low`` and
        ``jaccard_high`` (2.5th and 97.5th percentile of the repeats), ``found`` and
        ``dissolved`` (shares of repeats with a similarity of at least 0.75, at most
        0.5).

    Raises
    ------
    InputError
        Where ``labels`` do not meet ``vectors``, or as for `cosine_knn`.

    Notes
    -----
    Hennig (2007): participants are drawn with replacement, those drawn are clustered
    anew, and each cluster is compared with the one of them most like it, by Jaccard's
    index among those drawn. Somebody drawn twice counts once: copies of a person would
    be each other's nearest neighbours. The neighbours among those drawn are exact:
    they are read off lists of the nearest among all, and searched for anew where a
    list holds fewer than k of those drawn.
    """
    z, given = np.asarray(vectors), np.asarray(labels)
    if given.shape != z.shape[:1]:
        raise InputError(
            f"{given.size} labels do not meet vectors {z.shape}",
            "give one label for each participant",
        )
    sizes = np.bincount(given)
    found = np.full((repeats, sizes.size), np.nan)
    if repeats:
        z = z - z.mean(axis=0)
        lists = cosine_knn(z, min(_SPARE * k, len(z) - 1), centred=False)
    for repeat, child in enumerate(np.random.SeedSequence(seed).spawn(repeats)):
        rng = np.random.default_rng(child)
        drawn = np.unique(rng.integers(0, len(z), len(z)))
        near = among(z, lists, drawn=drawn, k=min(k, drawn.size - 1))
        again = leiden(*near, resolution=resolution, seed=int(rng.integers(0, 2**32)))
        found[repeat] = best_jaccard(given[drawn], again, count=sizes.size)
    known = np.isfinite(found)
    rows = [
        {
            "cluster": cluster,
            "n": size,
            "repeats": int(ok.sum()),
            "jaccard": values[ok].mean(),
            "jaccard_low": np.quantile(values[ok], 0.025),
            "jaccard_high": np.quantile(values[ok], 0.975),
            "found": np.mean(values[ok] >= STABLE),
            "dissolved": np.mean(values[ok] <= DISSOLVED),
        }
        for cluster, (size, values, ok) in enumerate(
            zip(sizes, found.T, known.T, strict=True)
        )
        if ok.any()
    ]
    columns = {
        "cluster": int, "n": int, "repeats": int, "jaccard": float,
        "jaccard_low": float, "jaccard_high": float, "found": float,
        "dissolved": float,
    }  # fmt: skip
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def among(vectors: ArrayLike, lists: Near, *, drawn: ArrayLike, k: int) -> Near:
    """Exact neighbours among some participants, from lists of those among all.

    Parameters
    ----------
    vectors
        (n, n_axes) what the lists were made of, already centred.
    lists
        Indices and distances (n, ≥ k) as `cosine_knn` gives them.
    drawn
        Ascending rows of those some.
    k
        Neighbours wanted, fewer than are drawn.

    Returns
    -------
    indices, distances
        (n_drawn, k) as `cosine_knn` of the drawn alone, without centring them anew.
    """
    z, rows = np.asarray(vectors), np.asarray(drawn)
    place = np.full(len(z), -1)
    place[rows] = np.arange(rows.size)
    near, far = place[lists[0][rows]], lists[1][rows]
    order = np.argsort(near < 0, axis=1, kind="stable")[:, :k]
    indices = np.take_along_axis(near, order, axis=1)
    distances = np.take_along_axis(far, order, axis=1)
    short = np.flatnonzero((indices < 0).any(axis=1) | (indices.shape[1] < k))
    if short.size:
        # seldom any: all of the drawn are searched, for a few would not be faster
        whole = cosine_knn(z[rows], k, centred=False)
        return whole
    return indices.astype(np.int32), distances


def best_jaccard(
    one: ArrayLike, other: ArrayLike, *, count: int
) -> NDArray[np.float64]:
    """(count,) Jaccard index of each cluster with the one of the others most like it.

    NaN for clusters that have no member in ``one``.
    """
    table = contingency(one, other).toarray().astype(np.float64)
    union = table.sum(axis=1)[:, None] + table.sum(axis=0) - table
    best = np.full(count, np.nan)
    present = table.sum(axis=1) > 0
    values = np.divide(table, union, out=np.zeros_like(table), where=union > 0)
    best[: len(table)][present] = values.max(axis=1)[present]
    return best


def comparison(
    vectors: ArrayLike,
    labels: ArrayLike,
    near: Near,
    *,
    resolution: float,
    resolutions: Sequence[float] = (),
    seed: int = 0,
) -> pd.DataFrame:
    """Leiden's clusters beside other seeds, resolutions, k-means and Ward's method.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values.
    labels
        (n,) the clusters compared with, made with ``resolution`` and ``seed``.
    near
        Indices and distances of the graph, as from `cosine_knn`.
    resolutions
        Further resolutions to compare.

    Returns
    -------
    DataFrame
        One row a clustering, the one compared with first: ``method`` (``leiden``,
        ``k-means``, ``ward``), ``resolution`` (NaN for the last two), ``seed``,
        ``n_clusters``, ``adjusted_rand`` with the first, ``modularity`` of the weighted
        graph at resolution 1, ``n`` participants. k-means and Ward's method are given
        as many clusters as Leiden found.
    """
    main, graph = np.asarray(labels), knn_graph(*near)
    count = int(main.max()) + 1
    runs = [("leiden", resolution, seed, main)]
    others = [(resolution, (seed + 1 + i) % 2**32) for i in range(_SEEDS)]
    others += [(r, seed) for r in resolutions if r != resolution]
    runs += [
        ("leiden", r, s, leiden_of(graph, resolution=r, seed=s)) for r, s in others
    ]
    runs += [
        (name, np.nan, seed, method(vectors, count, seed=seed))
        for name, method in (("k-means", k_means), ("ward", ward))
    ]
    return pd.DataFrame(
        {
            "method": name,
            "resolution": float(r),
            "seed": s,
            "n_clusters": int(found.max()) + 1,
            "adjusted_rand": adjusted_rand(main, found),
            "modularity": graph.modularity(found.tolist(), weights="weight"),
            "n": main.size,
        }
        for name, r, s, found in runs
    )
