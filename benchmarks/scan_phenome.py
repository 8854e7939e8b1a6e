"""Scan of a phenome: our closed form beside scikit-learn, one process, same folds.

scikit-learn's LinearDiscriminantAnalysis (solver="lsqr") is fitted code by code with
cross_val_predict. Its fixed shrinkage is set to the one that matches ours on all
participants, so the directions agree but for the sampling of the folds; both give the
mean AUC within folds, printed side by side. Threads are what the environment allows
(OMP_NUM_THREADS), the same for both. scikit-learn may be timed on fewer codes; its
time is then scaled, and the line says so.

    python benchmarks/scan_phenome.py --participants 4000 --axes 192 --codes 100
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
from scipy.special import expit
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from edp_core.scoring.classifier import fold_partition, scan_phenome, score_trait

SHRINKAGE = 0.1


def simulate(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(args.seed)
    n, m = args.participants, args.axes
    spread = np.exp(-np.linspace(0, 4, m))
    vectors = rng.normal(size=(n, m)) * spread @ rng.normal(size=(m, m)) / m**0.5
    liability = vectors @ rng.normal(size=(m, args.codes)) / m**0.5
    liability /= liability.std(axis=0)
    level = np.log(rng.uniform(0.02, 0.2, args.codes))
    return vectors, rng.random((n, args.codes)) < expit(level + 0.5 * liability)


def theirs(vectors: np.ndarray, y: np.ndarray, *, folds: np.ndarray) -> np.ndarray:
    centred = vectors - vectors.mean(axis=0)
    total = np.sum(centred**2)
    within = total - sum(
        np.sum(y == v) * np.sum(centred[y == v].mean(axis=0) ** 2) for v in (0, 1)
    )
    matched = SHRINKAGE * total / (SHRINKAGE * total + within)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=matched)
    return cross_val_predict(
        model, vectors, y, cv=PredefinedSplit(folds), method="decision_function"
    )


def mean_auc(scores: np.ndarray, y: np.ndarray, *, folds: np.ndarray) -> float:
    parts = [folds == f for f in np.unique(folds)]
    return float(
        np.mean([roc_auc_score(y[f], scores[f]) for f in parts if 0 < y[f].mean() < 1])
    )


def _clocks() -> np.ndarray:
    """Wall and CPU seconds; the second does not suffer from a busy machine."""
    return np.array([time.perf_counter(), time.process_time()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--participants", type=int, default=4000)
    parser.add_argument("--axes", type=int, default=192)
    parser.add_argument("--codes", type=int, default=100)
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--peer-codes", type=int, help="codes scikit-learn is timed on")
    parser.add_argument("--repeats", type=int, default=3, help="ours: the median of")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    vectors, cases = simulate(args)
    folds = fold_partition(args.participants, args.folds, seed=args.seed)

    seconds = []
    for _ in range(args.repeats):
        start = _clocks()
        table = scan_phenome(vectors, cases, folds=folds, shrinkage=SHRINKAGE)
        seconds.append(_clocks() - start)
    ours = np.median(seconds, axis=0)

    peer_codes = min(args.peer_codes or args.codes, args.codes)
    start = _clocks()
    scores = [
        theirs(vectors, cases[:, k].astype(int), folds=folds) for k in range(peer_codes)
    ]
    peer = (_clocks() - start) * args.codes / peer_codes

    apart = []
    for k in range(min(10, peer_codes)):
        own = score_trait(vectors, cases[:, k], folds=folds, shrinkage=SHRINKAGE)
        apart.append(
            mean_auc(own, cases[:, k], folds=folds)
            - mean_auc(scores[k], cases[:, k], folds=folds)
        )
    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    print(
        f"{args.participants} participants, {args.axes} axes, {args.codes} codes, "
        f"{args.folds} folds, OMP_NUM_THREADS={threads}"
    )
    print(f"codes scored          {int((table['reason'] == '').sum())}")
    print("                      wall s     CPU s")
    print(f"ours               {ours[0]:9.3f} {ours[1]:9.3f}  with tests")
    scaled = "" if peer_codes == args.codes else f", scaled from {peer_codes} codes"
    print(f"scikit-learn       {peer[0]:9.3f} {peer[1]:9.3f}  scores only{scaled}")
    print(f"ratio              {peer[0] / ours[0]:9.0f} {peer[1] / ours[1]:9.0f}")
    print(f"largest AUC apart     {np.max(np.abs(apart)):.1e} (within folds, mean)")


if __name__ == "__main__":
    main()
