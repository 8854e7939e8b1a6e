"""How time and memory of the scan grow with participants.

Each size runs in a process of its own, so that its peak memory is its own; the slope of
log seconds (and log memory) on log participants is printed as the exponent of growth,
between the two largest sizes and over all. Codes are of log-uniform prevalence 0.1 to
10 %, vectors float32 of 384 axes.

    python benchmarks/growth.py --oversampling none expected
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
from scipy import sparse

AXES, CODES = 384, 200


def one(participants: int, oversampling: str) -> dict[str, float]:
    from edp_core.scoring.classifier import scan_phenome
    from edp_core.scoring.folds import fold_partition

    rng = np.random.default_rng(0)
    vectors = np.empty((participants, AXES), np.float32)
    spread = np.exp(-np.linspace(0, 3, AXES)).astype(np.float32)
    for start in range(0, participants, 10_000):
        rows = vectors[start : start + 10_000]
        rows[:] = rng.standard_normal(rows.shape, dtype=np.float32) * spread
    counts = (participants * 10 ** rng.uniform(-3, -1, CODES)).astype(int)
    rows = [np.sort(rng.permutation(participants)[:count]) for count in counts]
    starts = np.concatenate([[0], np.cumsum(counts)])
    cases = sparse.csc_array(
        (np.ones(starts[-1], bool), np.concatenate(rows), starts),
        shape=(participants, CODES),
    )
    folds = fold_partition(participants, 10, seed=0)
    before = _peak()
    start = time.perf_counter()
    table = scan_phenome(vectors, cases, folds=folds, oversampling=oversampling)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "peak": _peak(),
        "data": before,
        "codes": int((table["reason"] == "").sum()),
    }


def _peak() -> float:
    """GiB this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def slope(sizes: list[int], values: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 45_714, 100_000, 500_000]
    )
    parser.add_argument("--oversampling", nargs="+", default=["none", "expected"])
    parser.add_argument("--one", nargs=2, metavar=("N", "HOW"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(int(args.one[0]), args.one[1])))
        return
    print(f"{AXES} axes, {CODES} codes, 10 folds; each size in its own process")
    for how in args.oversampling:
        found = []
        for n in args.sizes:
            done = subprocess.run(
                [sys.executable, __file__, "--one", str(n), how],
                stdout=subprocess.PIPE, check=True,
            )  # fmt: skip
            found.append(json.loads(done.stdout))
            row = found[-1]
            print(
                f"{how:9} {n:8,} participants  {row['seconds']:8.2f} s  peak "
                f"{row['peak']:5.2f} GiB (before the scan {row['data']:.2f})  "
                f"{row['codes']} codes scored",
                flush=True,
            )
        for name in ("seconds", "peak"):
            values = [row[name] for row in found]
            print(
                f"{how:9} exponent of {name}: {slope(args.sizes, values):.2f}, of the "
                f"largest two {slope(args.sizes[-2:], values[-2:]):.2f}"
            )


if __name__ == "__main__":
    main()
