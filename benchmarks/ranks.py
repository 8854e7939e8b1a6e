"""AUC, DeLong's interval and Wilcoxon's p of many scores: ours beside the usual three.

The peer is scikit-learn's roc_auc_score, SciPy's mannwhitneyu and DeLong's variance
from midranks by SciPy's rankdata (Sun & Xu 2014), score by score; it is timed on fewer
scores and scaled. Both in one process.

    python benchmarks/ranks.py
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.stats import mannwhitneyu, rankdata
from sklearn.metrics import roc_auc_score

from edp_core.stats.ranks import rank_test


def peer(score: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """AUC, DeLong's variance of it and −log10 p."""
    cases, controls = score[y], score[~y]
    n_p, n_n = len(cases), len(controls)
    pooled = rankdata(np.concatenate([cases, controls]))
    v10 = (pooled[:n_p] - rankdata(cases)) / n_n
    v01 = 1 - (pooled[n_p:] - rankdata(controls)) / n_p
    variance = v10.var(ddof=1) / n_p + v01.var(ddof=1) / n_n
    p = mannwhitneyu(cases, controls, method="asymptotic").pvalue
    return roc_auc_score(y, score), variance, -np.log10(p)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--participants", type=int, default=45_714)
    parser.add_argument("--scores", type=int, default=1000)
    parser.add_argument("--peer-scores", type=int, default=100)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    n, k = args.participants, args.scores
    share = 10 ** rng.uniform(-3, -1, k)
    y = np.asfortranarray(rng.random((n, k)) < share)
    scores = np.asfortranarray(rng.normal(size=(n, k)) + 0.1 * y)
    start = time.perf_counter()
    found = rank_test(scores, y)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    theirs = [peer(scores[:, i], y[:, i]) for i in range(args.peer_scores)]
    seconds = (time.perf_counter() - start) * k / args.peer_scores
    auc, _, log10p = np.array(theirs).T
    print(f"{k} scores of {n} participants")
    print(f"ours {ours:.2f} s, the peer {seconds:.1f} s (scaled from {len(theirs)})")
    print(f"ratio {seconds / ours:.0f} (at least 20)")
    print(
        f"largest AUC apart {np.abs(found.auc[: len(auc)] - auc).max():.1e}, ", end=""
    )
    print(f"−log10 p {np.abs(found.log10p[: len(auc)] - log10p).max():.1e}")


if __name__ == "__main__":
    main()
