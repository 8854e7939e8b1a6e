"""Clusters of an embedding: found by Leiden, and turned into a score."""

from __future__ import annotations

import random
import threading

import igraph
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from edp_core.errors import InputError
from edp_core.scoring.clusterings import numbered
from edp_core.vectors.atlas import umap_memberships

Floats = NDArray[np.float64]
_RNG = threading.Lock()
"""igraph draws from one generator for the whole process."""


def knn_graph(indices: ArrayLike, distances: ArrayLike) -> igraph.Graph:
    """Undirected graph of nearest neighbours with UMAP's edge weights.

    Parameters
    ----------
    indices
        (n, k) the k others nearest to each participant, nearest first.
    distances
        (n, k) their distances, ≥ 0.

    Returns
    -------
    igraph.Graph
        n vertices, an edge where either is among the other's nearest, attribute
        ``weight`` from 0 to 1.

    Raises
    ------
    InputError
        Where shapes do not meet, an index is out of range or the participant itself,
        or a distance is negative or missing.

    Notes
    -----
    The fuzzy simplicial set of UMAP (McInnes, Healy & Melville 2018), as scanpy
    gives it to Leiden: p_ij = exp(−max(0, d_ij − ρ_i)/σ_i) with ρ_i the smallest
    positive distance and σ_i such that Σ_j p_ij = log2(k + 1); the weight is
    p_ij + p_ji − p_ij p_ji.
    """
    near = np.asarray(indices)
    far = np.asarray(distances, dtype=np.float64)
    if near.ndim != 2 or near.shape != far.shape or not near.size:
        raise InputError(
            f"indices {near.shape} and distances {far.shape} do not meet",
            "give both as they come from cosine_knn",
        )
    n, k = near.shape
    own = near == np.arange(n)[:, None]
    if near.min() < 0 or near.max() >= n or own.any() or not np.all(far >= 0):
        raise InputError(
            f"the neighbours of {n} participants hold an index out of range, the "
            "participant itself, or a negative or missing distance",
            "give both as they come from cosine_knn",
        )
    directed = sparse.csr_array(
        (umap_memberships(far).ravel(), near.ravel(), np.arange(0, n * k + 1, k)),
        shape=(n, n),
    )
    back = directed.T.tocsr()
    weights = (directed + back - directed * back).tocoo()
    row, col = weights.coords
    upper = (row < col) & (weights.data > 0)
    order = np.lexsort((col[upper], row[upper]))
    edges = np.stack([row[upper], col[upper]], axis=1)[order]
    graph = igraph.Graph(n=n, edges=edges)
    graph.es["weight"] = weights.data[upper][order]
    return graph


def leiden(
    indices: ArrayLike,
    distances: ArrayLike,
    *,
    resolution: float = 1.0,
    seed: int = 0,
    iterations: int = -1,
) -> NDArray[np.int32]:
    """Leiden communities of the nearest-neighbour graph.

    Parameters
    ----------
    indices, distances
        As for `knn_graph`, whose weights are used.
    resolution
        γ of the modularity; higher gives more and smaller clusters.
    seed
        Of the order in which participants are visited. The same seed, igraph version
        and input give the same clusters.
    iterations
        Rounds of the algorithm; −1 until nothing improves.

    Returns
    -------
    (n,) int32, clusters numbered by size, 0 the largest; of equal ones that of the
    first participant first.

    Raises
    ------
    InputError
        As for `knn_graph`, or where ``resolution`` is not above 0.

    Notes
    -----
    Traag, Waltman & van Eck (2019) on weighted modularity with resolution, the
    objective of leidenalg's RBConfigurationVertexPartition.
    """
    if not (np.isfinite(resolution) and resolution > 0):
        raise InputError(f"resolution is {resolution}", "choose a number above 0")
    graph = knn_graph(indices, distances)
    return leiden_of(graph, resolution=resolution, seed=seed, iterations=iterations)


def leiden_of(
    graph: igraph.Graph, *, resolution: float, seed: int, iterations: int = -1
) -> NDArray[np.int32]:
    """Leiden communities of a weighted graph; see `leiden`."""
    with _RNG:
        igraph.set_random_number_generator(random.Random(seed))
        try:
            found = graph.community_leiden(
                objective_function="modularity",
                weights="weight",
                resolution=resolution,
                n_iterations=iterations,
            )
        finally:
            igraph.set_random_number_generator(random)
    return numbered(found.membership)


def cluster_score(
    vectors: ArrayLike,
    members: ArrayLike,
    *,
    centred: bool = True,
    self_excluded: bool = True,
) -> Floats:
    """Likeness of everyone to the mean of a cluster's cases.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values.
    members
        (n,) bool, the cases within the cluster, at least 2.
    centred
        Subtract the mean vector first; a mean shared by all dominates the cosine.
    self_excluded
        Leave each member out of the mean it is compared with, without which the
        members look like themselves.

    Returns
    -------
    (n,) float64 from −2 to 0: minus the cosine distance, cos − 1; higher = more like
    the cases. NaN where the vector or its mean of members is zero.

    Raises
    ------
    InputError
        Where shapes do not meet, a value is missing or there are fewer than 2 members.

    Notes
    -----
    The mean without member i of N is (N z̄ − z_i)/(N − 1).
    """
    z = np.asarray(vectors, dtype=np.float64)
    member = np.asarray(members, dtype=bool)
    if z.ndim != 2 or member.shape != z.shape[:1]:
        raise InputError(
            f"vectors {z.shape} and members {member.shape} do not meet",
            "give one row for each participant in both",
        )
    if not np.isfinite(z).all():
        raise InputError(
            f"{int(np.count_nonzero(~np.isfinite(z).all(axis=1)))} vectors have "
            "missing or infinite values",
            "leave those participants out first",
        )
    count = int(member.sum())
    if count < 2:
        raise InputError(
            "too few cases in the cluster for a cluster-guided score",
            "choose a larger cluster, or keep a larger share of the labels",
        )
    if centred:
        z = z - z.mean(axis=0)
    total = z[member].sum(axis=0)
    cosine = _cosine(z, total / count)
    if self_excluded:
        cosine[member] = _cosine(z[member], (total - z[member]) / (count - 1))
    return np.asarray(np.clip(cosine - 1, -2, 0), dtype=np.float64)


def _cosine(z: Floats, reference: Floats) -> Floats:
    dot = np.sum(z * reference, axis=1)
    lengths = np.linalg.norm(z, axis=1) * np.linalg.norm(reference, axis=-1)
    cosine = np.full(len(z), np.nan)
    np.divide(dot, lengths, out=cosine, where=lengths > 0)
    return cosine
