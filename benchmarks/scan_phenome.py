"""Scan of a phenome: ours beside scikit-learn and imbalanced-learn, in one run.

Three ways: classes as they are, SMOTE in expectation, and SMOTE with an eligible set
for each code, as phecodes have. The peer is what a script does: for each code
`cross_val_predict` of LinearDiscriminantAnalysis (solver="lsqr", shrinkage 0.1), alone
or behind imbalanced-learn's SMOTE in a pipeline, on the subset that counts where there
is one. It gives scores only; ours also tests them. The peer is timed on a few codes of
evenly spaced prevalence and scaled, and the line says so. Threads are what the
environment allows (OMP_NUM_THREADS), the same for both.

    python benchmarks/scan_phenome.py
"""

from __future__ import annotations

import argparse
import os
import resource
import time

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from scipy import sparse
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from edp_core.people.eligibility import Eligibility
from edp_core.scoring.classifier import scan_phenome
from edp_core.scoring.folds import fold_partition

WAYS = {"none": "as they are", "expected": "expected SMOTE", "eligible": "+ exclusions"}
AT_LEAST = {"none": 1000, "expected": 200, "eligible": 50}


def simulate(args: argparse.Namespace) -> tuple[np.ndarray, sparse.csc_array]:
    """Vectors of decaying spectrum; codes of log-uniform prevalence 0.1 to 10 %."""
    rng = np.random.default_rng(args.seed)
    n, m = args.participants, args.axes
    spread = np.exp(-np.linspace(0, 4, m))
    vectors = rng.standard_normal((n, m), dtype=np.float32) * spread
    vectors = (vectors @ rng.normal(size=(m, m)) / m**0.5).astype(np.float32)
    prevalence = 10 ** rng.permutation(np.linspace(-3, -1, args.codes))
    columns = []
    for share in prevalence:
        liability = vectors @ rng.normal(size=m)
        liability = 0.4 * liability / liability.std() + rng.normal(size=n)
        columns.append(np.flatnonzero(liability > np.quantile(liability, 1 - share)))
    starts = np.concatenate([[0], np.cumsum([len(rows) for rows in columns])])
    flags = np.ones(starts[-1], bool)
    cases = sparse.csc_array(
        (flags, np.concatenate(columns), starts), shape=(n, args.codes)
    )
    return vectors, cases


def ranges(cases: sparse.csc_array, *, per_range: int) -> Eligibility:
    """Codes in ranges: whoever has one of a range is no control of another in it."""
    k = cases.shape[1]
    sets = [cases[:, a : a + per_range].sum(axis=1) > 0 for a in range(0, k, per_range)]
    return Eligibility(
        sparse.csc_array(np.column_stack(sets)), np.arange(k) // per_range
    )


def peer(
    vectors: np.ndarray, y: np.ndarray, *, folds: np.ndarray, way: str
) -> np.ndarray:
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1)
    if way != "none":
        model = make_pipeline(SMOTE(random_state=0), model)
    return cross_val_predict(
        model, vectors, y, cv=PredefinedSplit(folds), method="decision_function"
    )


def mean_auc(scores: np.ndarray, y: np.ndarray, *, folds: np.ndarray) -> float:
    parts = [folds == f for f in np.unique(folds)]
    return float(
        np.mean([roc_auc_score(y[f], scores[f]) for f in parts if 0 < y[f].mean() < 1])
    )


def compare(way: str, args: argparse.Namespace) -> None:
    vectors, cases = simulate(args)
    n, codes = cases.shape
    folds = fold_partition(n, args.folds, seed=args.seed)
    eligible = ranges(cases, per_range=args.per_range) if way == "eligible" else None
    options = {"oversampling": "none" if way == "none" else "expected"}
    seconds = []
    for _ in range(args.repeats):
        start = time.perf_counter()
        table = scan_phenome(vectors, cases, folds=folds, eligible=eligible, **options)
        seconds.append(time.perf_counter() - start)
    ours = min(seconds)
    order = np.argsort(np.diff(cases.indptr))
    places = (np.arange(args.peer_codes) + 0.5) / args.peer_codes * codes
    theirs, pairs = 0.0, []
    for k in order[places.astype(int)]:
        y = cases[:, [k]].toarray()[:, 0]
        kept = np.ones(n, bool) if eligible is None else eligible.mask(k, y)
        start = time.perf_counter()
        scores = peer(vectors[kept], y[kept], folds=folds[kept], way=way)
        theirs += time.perf_counter() - start
        pairs.append((table["auc"][k], mean_auc(scores, y[kept], folds=folds[kept])))
    theirs *= codes / args.peer_codes
    print(
        f"{WAYS[way]:16} ours {ours:7.2f} s   peer {theirs:9.0f} s "
        f"(scaled from {args.peer_codes} codes)   ratio {theirs / ours:7.0f} "
        f"(at least {AT_LEAST[way]})"
    )
    print(
        "                 AUC, ours and mean within folds of the peer: "
        + ", ".join(f"{a:.3f} {b:.3f}" for a, b in pairs[:: max(1, len(pairs) // 5)])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--participants", type=int, default=45_714)
    parser.add_argument("--axes", type=int, default=384)
    parser.add_argument("--codes", type=int, default=1000)
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--per-range", type=int, default=5)
    parser.add_argument("--peer-codes", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=2, help="ours: the best of")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    args = parser.parse_args()
    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    print(
        f"{args.participants} participants, {args.axes} axes, {args.codes} codes, "
        f"{args.folds} folds, OMP_NUM_THREADS={threads}"
    )
    for way in args.ways:
        compare(way, args)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"peak memory {peak:.2f} GiB, the peer's and the data's included")


if __name__ == "__main__":
    main()
