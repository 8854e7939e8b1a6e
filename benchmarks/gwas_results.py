"""A GWAS of ten million variants comes home: ingest, and then what a plot reads.

The result is made up: regenie's columns, 22 chromosomes, effects from the null with a
few hundred true ones, gzip. Each reader runs in a process of its own, so that its peak
memory is its own: ours ends with the artifact (sorted variants, points, QQ, λ, loci,
nearest genes); the peer, `pandas.read_csv`, a sort by chromosome and position and
`to_parquet`, ends with the sorted table on disk alone. With `--peer-variants` it is
timed on fewer rows and its time scaled, as the line says.

    python benchmarks/gwas_results.py --variants 10000000
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HEADER = (
    "CHROM GENPOS ID ALLELE0 ALLELE1 A1FREQ INFO N TEST BETA SE CHISQ LOG10P EXTRA\n"
)
LENGTH = 46_000_000
"""Shorter than every autosome on either build."""


def simulate(folder: Path, variants: int, seed: int, *, whole: bool) -> list[Path]:
    """Write regenie's output, one file or one for each chromosome."""
    from scipy.special import log_ndtr

    rng = np.random.default_rng(seed)
    each = variants // 22
    bases = np.array(["A C", "A G", "C T", "G T", "C A", "G A", "T C", "T G"])
    paths = []
    for chrom in range(1, 23):
        pos = np.sort(rng.choice(LENGTH, each, replace=False)) + 1
        af = rng.beta(0.4, 1.2, each).clip(1e-4, 1 - 1e-4)
        se = 0.005 / np.sqrt(2 * af * (1 - af))
        z = rng.standard_normal(each)
        z[rng.choice(each, 40, replace=False)] += 7
        p = -(np.log(2) + log_ndtr(-np.abs(z))) / np.log(10)
        numbers = np.column_stack([af, z * se, se, z * z, p]).tolist()
        pairs = bases[rng.integers(0, 8, each)].tolist()
        lines = [
            f"{chrom} {at} rs{chrom * 10**7 + i} {pair} {a:.6g} 1 45714 ADD "
            f"{b:.6g} {s:.6g} {x:.6g} {y:.6g} NA\n"
            for i, (at, pair, (a, b, s, x, y)) in enumerate(
                zip(pos.tolist(), pairs, numbers, strict=True)
            )
        ]
        name = "run_fat.regenie.gz" if whole else f"run_chr{chrom}_fat.regenie.gz"
        path = folder / name
        first = not path.exists()
        # members of gzip one after the other are one file
        with path.open("ab") as file, gzip.open(file, "wb", compresslevel=1) as out:
            out.write(((HEADER if first else "") + "".join(lines)).encode())
        if first:
            paths.append(path)
    return paths


def ours(root: Path, files: list[Path]) -> dict[str, float]:
    from edp_core.gwas.results import ingest_results
    from edp_core.store import Store

    start = clocks()
    result = ingest_results(
        files, name="fat", build="GRCh37", store=Store(root), traits=["fat"]
    )
    seconds = clocks() - start
    return {
        "seconds": seconds[0],
        "cpu_s": seconds[1],
        "variants": result.n_variants,
        "loci": len(result.loci),
    }


def plot(root: Path) -> dict[str, float]:
    """Everything that the Manhattan and QQ plots and the table of loci draw.

    First it is read, then the charts are made to what the browser gets.
    """
    from app.plots.manhattan import manhattan
    from app.plots.qq_plot import qq_plot
    from edp_core.gwas.inflation import band
    from edp_core.gwas.loci import GENOME_WIDE
    from edp_core.gwas.results_store import read_gwas, region
    from edp_core.store import Store

    start = clocks()
    result = read_gwas(Store(root), "fat")
    drawn = (result.points, result.extents, result.qq, result.lambdas, result.loci)
    read = clocks() - start
    start = clocks()
    charts = (
        manhattan(result, result.loci, title="fat", threshold=GENOME_WIDE),
        qq_plot(result.qq, band(int(result.qq["n"].min())), result.lambdas),
    )
    size = sum(len(chart.to_json()) for chart in charts)
    made = clocks() - start
    start = clocks()
    lead = result.loci.iloc[0]
    near = region(
        Store(root),
        "fat",
        int(lead["chrom"]),
        start=int(lead["lead_pos"]) - 500_000,
        end=int(lead["lead_pos"]) + 500_000,
    )
    found = clocks() - start
    return {
        "seconds": read[0],
        "charts_s": made[0],
        "charts_cpu_s": made[1],
        "charts_mib": size / 2**20,
        "region_s": found[0],
        "points": sum(len(table) for table in drawn[:2]),
        "near": len(near),
    }


def theirs(root: Path, rows: int, files: list[Path]) -> dict[str, float]:
    import pandas as pd

    start = clocks()
    parts = [pd.read_csv(file, sep=" ", nrows=rows) for file in files]
    table = pd.concat(parts).sort_values(["CHROM", "GENPOS"])
    table.to_parquet(root.with_suffix(".parquet"), compression="zstd")
    seconds = clocks() - start
    return {"seconds": seconds[0], "cpu_s": seconds[1], "variants": len(table)}


def clocks() -> np.ndarray:
    """Wall and CPU seconds; the second does not suffer from a busy machine."""
    return np.array([time.perf_counter(), time.process_time()])


def in_a_process(*words: object) -> dict[str, float]:
    """Run this file anew; seconds, counts and peak memory of that process alone."""
    done = subprocess.run(
        [sys.executable, __file__, *map(str, words)],
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=10_000_000)
    parser.add_argument("--peer-variants", type=int)
    parser.add_argument("--by-chromosome", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--read", nargs="+", metavar="WORD")
    args = parser.parse_args()
    if args.read:
        who, *words = args.read
        if who == "ours":
            figures = ours(Path(words[0]), [Path(word) for word in words[1:]])
        elif who == "plot":
            figures = plot(Path(words[0]))
        else:
            files = [Path(word) for word in words[2:]]
            figures = theirs(Path(words[0]), int(words[1]), files)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps({**figures, "peak_gib": peak}))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "store"
        files = simulate(
            Path(folder), args.variants, args.seed, whole=not args.by_chromosome
        )
        size = sum(file.stat().st_size for file in files) / 2**20
        print(
            f"{args.variants} variants, {len(files)} files, {size:.0f} MiB", flush=True
        )
        found = in_a_process("--read", "ours", root, *files)
        shown = [in_a_process("--read", "plot", root) for _ in range(2)]
        rows = (args.peer_variants or args.variants) // len(files) + 1
        peer = in_a_process("--read", "theirs", root, rows, *files)
    if found["variants"] != args.variants // 22 * 22:
        raise SystemExit(f"{found['variants']} variants were kept")
    print(
        f"ours, to the artifact  {found['seconds']:6.1f} s "
        f"(CPU {found['cpu_s']:.1f} s), peak {found['peak_gib']:.2f} GiB, "
        f"{found['loci']} loci"
    )
    for word, figures in zip(("first", "again"), shown, strict=True):
        print(
            f"plots, {word}           {figures['seconds']:6.3f} s for "
            f"{figures['points']} marks; charts {figures['charts_s']:.3f} s (CPU "
            f"{figures['charts_cpu_s']:.3f} s), {figures['charts_mib']:.1f} MiB; a "
            f"region of {figures['near']} variants {figures['region_s']:.3f} s"
        )
    scale = found["variants"] / peer["variants"]
    print(
        f"pandas, sort, Parquet  {peer['seconds'] * scale:6.1f} s, scaled from "
        f"{peer['variants']:.0f} rows ({peer['seconds']:.1f} s, "
        f"CPU {peer['cpu_s']:.1f} s, peak {peer['peak_gib']:.2f} GiB)"
    )
    print(
        f"ratio                  {peer['seconds'] * scale / found['seconds']:6.1f} by "
        f"wall, {peer['cpu_s'] * scale / found['cpu_s']:.1f} by CPU"
    )


if __name__ == "__main__":
    main()
