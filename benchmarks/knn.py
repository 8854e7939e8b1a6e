"""Exact cosine neighbours beside pynndescent called as scanpy and umap-learn do.

Both get the same centred vectors: a mixture of Gaussians whose axes have a decaying
spectrum, as embeddings have. pynndescent compiles in a warm-up, which is timed apart: a
process that computes one atlas pays for it too.
Threads are what OMP_NUM_THREADS allows, the same for both. Recall is the share of the
exact neighbours (taken row by row in float64 for some participants) that were found.

    OMP_NUM_THREADS=2 python benchmarks/knn.py
"""

from __future__ import annotations

import argparse
import os
import resource
import time

import numpy as np
from pynndescent import NNDescent

from edp_core.vectors.neighbours import cosine_knn


def mixture(n: int, m: int, *, seed: int, groups: int = 40) -> np.ndarray:
    """(n, m) float32: groups of people, the variance of axis j falling as 1/j."""
    rng = np.random.default_rng(seed)
    spread = np.arange(1, m + 1) ** -0.5
    centres = 1.5 * rng.normal(size=(groups, m)) * spread
    sizes = rng.dirichlet(np.full(groups, 3.0))
    found = rng.normal(size=(n, m)) * spread
    found += centres[rng.choice(groups, size=n, p=sizes)]
    return found.astype(np.float32)


def peer(
    vectors: np.ndarray, neighbours: int, *, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """umap-learn's own call, which scanpy makes; the participant itself counted."""
    n = len(vectors)
    index = NNDescent(
        vectors,
        n_neighbors=neighbours,
        metric="cosine",
        random_state=0,
        n_trees=min(64, 5 + round(n**0.5 / 20.0)),
        n_iters=max(5, round(np.log2(n))),
        max_candidates=60,
        low_memory=True,
        n_jobs=threads,
        verbose=False,
        compressed=False,
    )
    return index.neighbor_graph


def recall(vectors: np.ndarray, found: np.ndarray, *, some: int = 2000) -> float:
    """Share of the true neighbours of some participants among those found."""
    z = vectors / np.linalg.norm(vectors.astype(float), axis=1)[:, None]
    rows = np.random.default_rng(0).choice(len(z), min(some, len(z)), replace=False)
    right, k = 0, found.shape[1]
    for row in rows:
        likeness = z @ z[row]
        likeness[row] = -np.inf
        right += np.isin(np.argpartition(-likeness, k)[:k], found[row]).sum()
    return right / (rows.size * k)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--participants", type=int, default=45_714)
    parser.add_argument("--axes", type=int, default=384)
    parser.add_argument("--neighbours", type=int, default=10, help="oneself counted")
    parser.add_argument("--repeats", type=int, default=3, help="ours: the median of")
    parser.add_argument("--no-peer", action="store_true", help="only time and memory")
    args = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0))))
    vectors = mixture(args.participants, args.axes, seed=0)
    vectors -= vectors.mean(axis=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    k = args.neighbours - 1
    seconds = []
    for _ in range(args.repeats):
        start = time.perf_counter()
        near, _ = cosine_knn(vectors, k, centred=False)
        seconds.append(time.perf_counter() - start)
    ours = float(np.median(seconds))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{args.participants} × {args.axes}, {k} others, {threads} threads")
    print(f"ours         {ours:8.2f} s  recall {recall(vectors, near):.4f}")
    print(f"peak memory  {peak / 2**20:8.2f} GiB, of it {before / 2**20:.2f} before")
    if args.no_peer:
        return
    start = time.perf_counter()
    peer(vectors[:3000], args.neighbours, threads=threads)
    compiling = time.perf_counter() - start
    start = time.perf_counter()
    theirs, _ = peer(vectors, args.neighbours, threads=threads)
    taken = time.perf_counter() - start
    others = [row[row != i][:k] for i, row in enumerate(theirs)]
    found = recall(vectors, np.array([np.resize(row, k) for row in others]))
    print(f"pynndescent  {taken:8.2f} s  recall {found:.4f}")
    print(f"  compiling  {compiling:8.2f} s, once a process")
    print(f"ratio        {taken / ours:8.2f} compiled")
    print(f"ratio        {(taken + compiling) / ours:8.2f} of a process's first call")


if __name__ == "__main__":
    main()
