"""A GWAS made ready to be drawn: ours beside PheWeb's own way.

Ours: thinning for the Manhattan plot, QQ by allele frequency with λ, and loci. The peer
is written after PheWeb 1.x (load/manhattan.py and load/qq.py): its Binner, with peaks,
two priority queues and sets of rounded −log10 p, variant by variant in Python; and its
QQ, with NumPy for sorting and a loop over variants for the bins. Its peaks (p below
10⁻⁶, 200 kb apart) stand for our loci. The peer runs on fewer variants and is scaled.
A second peer bins the same with pandas' groupby and takes the loci hit by hit. Seconds
are those of the processor, since all of it is one thread, and ours the best of three.

    python benchmarks/gwas_thinning.py
"""

from __future__ import annotations

import argparse
import heapq
import math
import time

import numpy as np
import pandas as pd
from scipy.stats import chi2

from edp_core.gwas.inflation import lambdas, qq
from edp_core.gwas.loci import find_loci
from edp_core.gwas.thinning import BIN, thin


class Queue:
    """Keeps the strongest, hands on the weakest."""

    def __init__(self) -> None:
        self.heap: list = []
        self.count = 0

    def add(self, variant: dict, size: int, popped) -> None:
        """Keep a variant; hand the weakest on where there are too many."""
        self.count += 1
        heapq.heappush(self.heap, (-variant["pval"], self.count, variant))
        if len(self.heap) > size:
            popped(heapq.heappop(self.heap)[2])


class Binner:
    """PheWeb's Manhattan."""

    def __init__(self) -> None:
        self.best, self.last = None, None
        self.peaks, self.unbinned = Queue(), Queue()
        self.bins: dict = {}

    def process(self, variant: dict) -> None:
        """Take one variant, in the order of the genome."""
        if variant["pval"] >= 1e-6:
            return self.bin(variant)
        if self.best is None:
            self.best = variant
        elif self.last[0] == variant["chrom"] and (
            self.last[1] + 200_000 > variant["pos"]
        ):
            if variant["pval"] >= self.best["pval"]:
                self.bin(variant)
            else:
                self.bin(self.best)
                self.best = variant
        else:
            self.peaks.add(self.best, 500, self.bin)
            self.best = variant
        self.last = (variant["chrom"], variant["pos"])
        return None

    def bin(self, variant: dict) -> None:
        """Draw it by itself while it is among the strongest."""
        self.unbinned.add(variant, 500, self.binned)

    def binned(self, variant: dict) -> None:
        """Mark its bin."""
        column = self.bins.setdefault(variant["chrom"], {}).setdefault(
            variant["pos"] // BIN, set()
        )
        column.add(round(-math.log10(variant["pval"]) // 0.05 * 0.05, 2))

    def marks(self) -> tuple[int, int]:
        """Points and strokes of the bins."""
        points, strokes = len(self.unbinned.heap) + len(self.peaks.heap), 0
        for columns in self.bins.values():
            for values in columns.values():
                extents: list = []
                for value in sorted(values):
                    if extents and extents[-1][1] + 0.05 * 1.1 > value:
                        extents[-1][1] = value
                    else:
                        extents.append([value, value])
                lone = sum(low == high for low, high in extents)
                points, strokes = points + lone, strokes + len(extents) - lone
        return points, strokes


def pheweb_qq(log10p: np.ndarray, af: np.ndarray) -> float:
    """PheWeb's QQ in four strata; λ of the median."""
    maf = np.minimum(af, 1 - af)
    ordered = log10p[np.argsort(maf)]
    for part in np.array_split(ordered, 4):
        values = -np.sort(-part)
        n = len(values)
        top = -math.log10(0.5 / n)
        most = min(max(values[0], top), math.ceil(2 * top))
        occupied = set()
        for i, observed in enumerate(values):
            if observed > most:
                continue
            expected = -math.log10((i + 0.5) / n)
            occupied.add((int(expected / top * 400), int(observed / most * 400)))
        sorted(occupied)
    median = -np.sort(-ordered)[len(ordered) // 2]
    return float(chi2.ppf(1 - 10.0**-median, 1) / chi2.ppf(0.5, 1))


def grouped(table: pd.DataFrame) -> int:
    """The same bins with pandas, and loci hit by hit."""
    rest = table.drop(table["log10p"].nlargest(500).index)
    bins = rest.groupby(["chrom", rest["pos"] // BIN, rest["log10p"] // 0.05]).size()
    found: list = []
    hits = table[table["log10p"] > -math.log10(5e-8)]
    for row in hits.sort_values("log10p", ascending=False).itertuples():
        if not any(
            row.chrom == chrom and abs(row.pos - pos) <= 500_000 for chrom, pos in found
        ):
            found.append((row.chrom, row.pos))
    maf = np.minimum(table["af"], 1 - table["af"])
    for _, part in table["log10p"].groupby(pd.qcut(maf, 4), observed=True):
        part.sort_values(ascending=False)
    return len(bins) + len(found)


def gwas(count: int) -> pd.DataFrame:
    """Random variants with two hundred peaks, some of them of thousands."""
    rng = np.random.default_rng(0)
    chrom = np.sort(rng.integers(1, 23, count)).astype(np.int8)
    pos = rng.integers(1, 130_000_000, count).astype(np.int32)
    order = np.lexsort((pos, chrom))
    chrom, pos = chrom[order], pos[order]
    log10p = rng.exponential(1 / math.log(10), count).astype(np.float32)
    for at in rng.integers(0, count, 200):
        size = int(rng.choice([5, 50, count // 2000]))
        log10p[at : at + size] += rng.uniform(0, 40, len(log10p[at : at + size]))
    af = rng.beta(0.3, 0.3, count).clip(1e-4, 1 - 1e-4).astype(np.float32)
    return pd.DataFrame({"chrom": chrom, "pos": pos, "log10p": log10p, "af": af})


def timed(work, *args, times: int = 1):
    """Least seconds of the processor, and the result."""
    least = math.inf
    for _ in range(times):
        start = time.process_time()
        result = work(*args)
        least = min(least, time.process_time() - start)
    return least, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, nargs="*", default=[1_100_000, 10**7])
    parser.add_argument("--peer", type=int, default=300_000)
    args = parser.parse_args()
    for count in args.variants:
        table = gwas(count)
        chrom, pos, log10p, af = (table[name].to_numpy() for name in table)
        steps = {
            "thinning": lambda c=chrom, p=pos, q=log10p: thin(c, p, q),
            "QQ": lambda q=log10p, a=af: qq(q, a),
            "λ": lambda q=log10p: lambdas(q),
            "loci": lambda c=chrom, p=pos, q=log10p: find_loci(c, p, q),
        }
        ours = {}
        for name, step in steps.items():
            ours[name], result = timed(step, times=3)
            if name == "thinning":
                marks = len(result.points), len(result.extents)
            if name == "loci":
                found = result
        total = sum(ours.values())
        few = table.iloc[:: max(count // args.peer, 1)]
        scale = len(table) / len(few)
        variants = [
            {"chrom": c, "pos": p, "pval": 10.0**-q}
            for c, p, q in few[["chrom", "pos", "log10p"]].itertuples(index=False)
        ]
        binner = Binner()

        def manhattan(binner=binner, variants=variants) -> tuple[int, int]:
            for variant in variants:
                binner.process(variant)
            return binner.marks()

        seconds, theirs = timed(manhattan)
        more, _ = timed(
            pheweb_qq, few["log10p"].to_numpy(np.float32), few["af"].to_numpy()
        )
        pandas_seconds, _ = timed(grouped, table)
        print(f"{count:,} variants, {len(found)} loci of up to ", end="")
        print(f"{found['n_variants'].max():,} hits")
        print(", ".join(f"{name} {s:.3f} s" for name, s in ours.items()), end="")
        print(f"; together {total:.2f} s, {marks[0]} points and {marks[1]} strokes")
        print(
            f"PheWeb's way: Manhattan {seconds * scale:.1f} s, QQ {more * scale:.1f} s"
        )
        print(f"  (scaled from {len(few):,}: {theirs[0]} points, {theirs[1]} strokes)")
        print(f"pandas: {pandas_seconds:.2f} s")
        print(
            f"ratio {(seconds + more) * scale / total:.0f} to PheWeb's way (its files "
        )
        print(f"  are not read here), {pandas_seconds / total:.1f} to pandas")


if __name__ == "__main__":
    main()
