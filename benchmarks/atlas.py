"""Neighbours, Leiden and UMAP: our atlas beside scanpy's calls, one process.

The peer is what scanpy calls: pynndescent for neighbours, umap-learn's fuzzy simplicial
set for the weights, leidenalg's RBConfiguration with two rounds (its default), and
umap-learn's layout from a spectral start, of the same centred vectors. Both lay out by
umap-learn. Compiling is timed apart, in a warm-up on few participants: a process pays
for it once.

    OMP_NUM_THREADS=2 python benchmarks/atlas.py
"""

from __future__ import annotations

import argparse
import os
import time
import warnings

import igraph
import leidenalg
import numpy as np
from knn import mixture, peer
from umap.umap_ import find_ab_params, fuzzy_simplicial_set, simplicial_set_embedding

from edp_core.scoring.clusters import leiden
from edp_core.settings.analysis import Analysis
from edp_core.vectors.neighbours import cosine_knn
from precompute import analyse


class Clock:
    """Seconds of each part."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End a part."""
        now = time.perf_counter()
        self.parts[name], self.last = now - self.last, now

    @property
    def total(self) -> float:
        """Of all parts."""
        return sum(self.parts.values())


def ours(vectors: np.ndarray, analysis: Analysis) -> Clock:
    clock = Clock()
    near = cosine_knn(vectors, analysis.neighbours - 1)
    clock.lap("neighbours")
    leiden(*near, resolution=analysis.resolution, seed=analysis.seed)
    clock.lap("Leiden")
    analyse._umap(vectors, near, analysis)
    clock.lap("UMAP")
    return clock


def theirs(vectors: np.ndarray, analysis: Analysis, *, threads: int) -> Clock:
    clock = Clock()
    k, state = analysis.neighbours, np.random.RandomState(analysis.seed)
    indices, distances = peer(vectors, k, threads=threads)
    clock.lap("neighbours")
    weights = fuzzy_simplicial_set(
        vectors, k, state, "cosine", knn_indices=indices, knn_dists=distances
    )[0]
    edges = weights.tocoo()
    graph = igraph.Graph(
        n=len(vectors),
        edges=list(zip(edges.row, edges.col, strict=True)),
        directed=True,
    )
    graph.es["weight"] = edges.data
    leidenalg.find_partition(
        graph,
        leidenalg.RBConfigurationVertexPartition,
        weights="weight",
        resolution_parameter=analysis.resolution,
        n_iterations=2,
        seed=analysis.seed,
    )
    clock.lap("Leiden")
    a, b = find_ab_params(1.0, analysis.umap_min_dist)
    simplicial_set_embedding(
        data=vectors, graph=weights, n_components=2, initial_alpha=1.0, a=a, b=b,
        gamma=1.0, negative_sample_rate=5, n_epochs=None, init="spectral",
        random_state=state, metric="cosine", metric_kwds={}, densmap=False,
        densmap_kwds={}, output_dens=False, verbose=False,
    )  # fmt: skip
    clock.lap("UMAP")
    return clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--participants", type=int, default=45_714)
    parser.add_argument("--axes", type=int, default=384)
    args = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0))))
    vectors, analysis = mixture(args.participants, args.axes, seed=0), Analysis()
    vectors -= vectors.mean(axis=0)
    warnings.simplefilter("ignore")  # umap-learn warns that a seed costs parallelism
    warm_peer = theirs(vectors[:3000], analysis, threads=threads)
    warm_ours = ours(vectors[:3000], analysis)
    a, b = ours(vectors, analysis), theirs(vectors, analysis, threads=threads)
    print(f"{args.participants} × {args.axes}, {threads} threads; seconds")
    for name, clock, warm in (("ours", a, warm_ours), ("scanpy's calls", b, warm_peer)):
        parts = ", ".join(f"{part} {taken:.1f}" for part, taken in clock.parts.items())
        print(f"{name:15} {clock.total:7.1f}  ({parts}; warm-up {warm.total:.1f})")
    print(f"ratio           {b.total / a.total:7.2f} compiled")
    first = (b.total + warm_peer.total) / (a.total + warm_ours.total)
    print(f"ratio           {first:7.2f} with each one's warm-up, in this order")


if __name__ == "__main__":
    main()
