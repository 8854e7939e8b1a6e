"""Clusters × codes: our Fisher's test beside SciPy's, and adjusted odds ratios.

The tables are those of simulated clusters and codes (prevalence log-uniform from 0.1 to
10 %), with everybody, and with an eligible set for each code as phecodes have. SciPy is
timed on some of the same tables and its time scaled. Adjusted odds ratios are timed
with whole years of age and with ages that are all different.

    python benchmarks/fisher.py
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy import sparse
from scipy.stats import fisher_exact

from edp_core.people.eligibility import Eligibility
from edp_core.scoring.enrichment import enrichment
from edp_core.stats import fisher


def simulate(args: argparse.Namespace) -> tuple[np.ndarray, sparse.csc_array]:
    rng = np.random.default_rng(0)
    n, shares = args.participants, rng.dirichlet(np.full(args.clusters, 3.0))
    labels = rng.choice(args.clusters, size=n, p=shares)
    columns = []
    for prevalence in 10 ** rng.uniform(-3, -1, args.codes):
        odds = np.exp(0.5 * rng.normal(size=args.clusters))[labels]
        columns.append(sparse.csc_array((rng.random(n) < prevalence * odds)[:, None]))
    return labels, sparse.csc_array(sparse.hstack(columns))


def some_excluded(cases: sparse.csc_array, *, sets: int) -> Eligibility:
    """Ranges of neighbouring codes: who has one may not be a control of another."""
    of = np.arange(cases.shape[1]) * sets // cases.shape[1]
    ranges = sparse.csc_array(np.eye(sets, dtype=np.int64)[of])
    return Eligibility(sparse.csc_array((cases.astype(np.int64) @ ranges) > 0), of)


def seconds_of(work: object, *args: object, **kwargs: object) -> tuple[float, object]:
    start = time.perf_counter()
    result = work(*args, **kwargs)
    return time.perf_counter() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--participants", type=int, default=45_714)
    parser.add_argument("--clusters", type=int, default=30)
    parser.add_argument("--codes", type=int, default=1000)
    parser.add_argument("--sets", type=int, default=225, help="distinct eligible sets")
    parser.add_argument("--peer-tables", type=int, default=1000)
    args = parser.parse_args()
    labels, cases = simulate(args)
    size = args.clusters * args.codes
    print(f"{args.participants} participants, {args.clusters} × {args.codes} tables")
    for name, eligible in (
        ("everybody", None),
        ("eligible sets", some_excluded(cases, sets=args.sets)),
    ):
        table = enrichment(labels, cases, eligible=eligible)
        a, row, col, n = (
            table[c].to_numpy() for c in ("n_both", "n_cluster", "n_cases", "n")
        )
        ours, found = seconds_of(fisher.log10p, a, row, col, n)
        whole, _ = seconds_of(enrichment, labels, cases, eligible=eligible)
        some = np.random.default_rng(1).choice(size, args.peer_tables, replace=False)
        start, apart = time.perf_counter(), 0.0
        for i in some:
            cells = [
                [a[i], row[i] - a[i]],
                [col[i] - a[i], n[i] - row[i] - col[i] + a[i]],
            ]
            p = fisher_exact(cells).pvalue
            if p > 1e-290:
                apart = max(apart, abs(found[i] + np.log10(p)))
        peer = (time.perf_counter() - start) * size / some.size
        print(f"{name}:")
        print(f"  ours         {ours:8.3f} s, {whole:.3f} s with counts, OR and BH")
        print(f"  scipy        {peer:8.1f} s, scaled from {some.size} tables")
        print(f"  ratio        {peer / ours:8.0f}, {peer / whole:.0f} with all that")
        print(f"  most apart   {apart:.1e} in −log10 p")
    rng = np.random.default_rng(2)
    age, sex = (
        rng.uniform(45, 80, args.participants),
        rng.random(args.participants) < 0.5,
    )
    for name, ages in (("whole years", np.floor(age)), ("ages all different", age)):
        taken, table = seconds_of(
            enrichment, labels, cases, covariates=np.column_stack([ages, sex])
        )
        fitted = int((table["adjusted_method"] != "").sum())
        firth = int((table["adjusted_method"] == "firth").sum())
        print(f"adjusted, {name}: {taken:.1f} s, {fitted} fitted, {firth} by Firth")


if __name__ == "__main__":
    main()
