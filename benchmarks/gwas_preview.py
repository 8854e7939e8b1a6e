"""−log10 p of 1.1 million variants from stored products, beside plink2 --glm.

Products of random numbers lie in files as a basis' do; the phenotype is linear in the
axes, or not (then the unit-normalised axes are read too). The peer is plink2 on 10,000
variants of the same number of people with as many covariates, its own seconds scaled by
variants. Both in one run, with two threads.

    python benchmarks/gwas_preview.py
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from bed_reader import to_bed

from edp_core.gwas.basis import Basis
from edp_core.gwas.exact import exact_pass
from edp_core.gwas.genotypes import open_genotypes
from edp_core.gwas.preview import Live
from edp_core.threads import cores

SIXTEEN = 16
"""Covariate columns: age, age², sex, BMI, array, centre, ten principal components."""


def orthonormal(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    values = rng.normal(size=(n, k)).astype(np.float32)
    values -= values.mean(axis=0)
    return np.linalg.qr(values)[0]


def written(folder: Path, name: str, shape: tuple[int, int]) -> np.ndarray:
    """Random products on disk, memory-mapped as in the store."""
    file = folder / f"{name}.npy"
    out = np.lib.format.open_memmap(file, "w+", np.float32, shape)
    rng = np.random.default_rng(len(name))
    for start in range(0, shape[0], 50_000):
        rows = out[start : start + 50_000]
        rows[:] = rng.normal(0, 0.5, rows.shape)
    out.flush()
    del out
    return np.load(file, mmap_mode="r")


def simulated(folder: Path, *, people: int, variants: int, axes: int) -> Basis:
    """A basis of the right shapes and sizes."""
    rng = np.random.default_rng(0)
    covariates = rng.normal(size=(people, SIXTEEN))
    covariates -= covariates.mean(axis=0)
    return Basis(
        eids=np.arange(people).astype(str),
        variants=pd.DataFrame(index=np.arange(variants)),
        covariates=covariates,
        columns={f"c{i}": slice(i, i + 1) for i in range(SIXTEEN)},
        axes=orthonormal(rng, people, axes),
        unit=orthonormal(rng, people, axes),
        loadings=np.eye(axes),
        by_covariates=rng.normal(0, np.sqrt(people / 4), (variants, SIXTEEN)),
        by_axes=written(folder, "by_axes", (variants, axes)),
        by_unit=written(folder, "by_unit", (variants, axes)),
        squares=rng.uniform(0.1, 0.5, variants) * people,
    )


def forget(folder: Path) -> None:
    """Drop what the system keeps of the products in memory."""
    for file in folder.glob("*.npy"):
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def reopened(basis: Basis, folder: Path) -> Basis:
    """The same with fresh maps, which hold no pages."""
    return dataclasses.replace(
        basis,
        by_axes=np.load(folder / "by_axes.npy", mmap_mode="r"),
        by_unit=np.load(folder / "by_unit.npy", mmap_mode="r"),
    )


def seconds(live: Live, values: np.ndarray, names: list[str]) -> tuple[float, ...]:
    """Of one preview, those of the processor, and the share of the phenotype kept."""
    start, used = time.perf_counter(), time.process_time()
    found = live.preview(values, covariates=names)
    taken = time.perf_counter() - start, time.process_time() - used
    assert np.isfinite(found.log10p).all()
    return *taken, found.r2


def plink(
    folder: Path, people: int, variants: int
) -> tuple[float, np.ndarray, np.ndarray]:
    """Seconds of plink2 --glm, its process as a whole; phenotype and covariates."""
    rng = np.random.default_rng(1)
    frequency = rng.uniform(0.05, 0.5, variants)
    counts = rng.binomial(2, frequency, (people, variants)).astype(np.float32)
    ids = [f"p{i}" for i in range(people)]
    properties = {"fid": ids, "iid": ids, "sid": [f"rs{i}" for i in range(variants)]}
    to_bed(str(folder / "peer.bed"), counts, properties=properties)
    names = [f"c{i}" for i in range(SIXTEEN)]
    table = pd.DataFrame(rng.normal(size=(people, SIXTEEN)), columns=names)
    table.insert(0, "IID", ids)
    table.insert(0, "#FID", ids)
    table.to_csv(folder / "covariates.txt", sep="\t", index=False)
    score = pd.DataFrame({"#FID": ids, "IID": ids, "y": rng.normal(size=people)})
    score.to_csv(folder / "score.txt", sep="\t", index=False)
    command = (
        "plink2 --bfile peer --pheno score.txt --covar covariates.txt "
        f"--threads {cores()} --glm hide-covar --out peer"
    )
    start = time.perf_counter()
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    taken = time.perf_counter() - start
    rows = sum(1 for _ in (folder / "peer.y.glm.linear").open()) - 1
    assert rows == variants, f"plink2 tested {rows} of {variants} variants"
    return taken, score["y"].to_numpy(), table[names].to_numpy()


def pass_over(folder: Path, values: np.ndarray, covariates: np.ndarray) -> float:
    """Seconds of our exact pass over plink2's file, which must say what plink2 says."""
    peer = pd.read_csv(folder / "peer.y.glm.linear", sep="\t")
    start = time.perf_counter()
    opened = open_genotypes(folder / "peer", "bed")
    found = exact_pass(
        opened.reader, np.arange(len(peer)), np.arange(len(values)),
        values=values, covariates={"all": covariates},
    )  # fmt: skip
    taken = time.perf_counter() - start
    apart = np.abs(np.abs(found.beta / found.se) - np.abs(peer["T_STAT"]))
    assert apart.max() < 1e-4, f"t differs from plink2's by {apart.max()}"
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=45_714)
    parser.add_argument("--variants", type=int, default=1_100_000)
    parser.add_argument("--axes", type=int, default=384)
    parser.add_argument("--peer-variants", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where 3.4 GB may lie meanwhile")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    try:
        compare(args, folder)
    finally:
        shutil.rmtree(folder)


def compare(args: argparse.Namespace, folder: Path) -> None:
    rng = np.random.default_rng(2)
    basis = simulated(
        folder, people=args.people, variants=args.variants, axes=args.axes
    )
    names = list(basis.columns)
    linear = basis.axes @ rng.normal(size=args.axes)
    mixed = linear + basis.unit @ rng.normal(size=args.axes)
    print(f"{args.variants} variants × {args.axes} axes, {args.people} people")
    live = Live(reopened(basis, folder))
    first = seconds(live, linear, names)[0]
    live.basis = basis  # whose maps were never read: what is mapped cannot be dropped
    forget(folder)
    live.basis = reopened(basis, folder)
    print(f"the first phenotype of a session: {first:.2f} s, ", end="")
    print(f"from a cold disk after it {seconds(live, linear, names)[0]:.2f} s")
    warm = [seconds(live, linear, names) for _ in range(args.repeats)]
    taken, used = [w[0] for w in warm], [w[1] for w in warm]
    ours = float(np.median(taken))
    print(
        f"warm: {ours:.3f} s (asked: 0.3), {min(taken):.3f}–{max(taken):.3f}; ", end=""
    )
    print(f"{np.median(used):.3f} s of the processors")
    fewer = seconds(live, linear, names[:5])[0]
    again = seconds(live, linear, names[:5])[0]
    print(f"another subset of covariates: {fewer:.3f} s, then {again:.3f} s")
    seconds(live, mixed, names)
    both = [seconds(live, mixed, names) for _ in range(args.repeats)]
    print(
        f"with the unit-normalised axes: {np.median([b[0] for b in both]):.3f} s "
        f"(R² {both[0][2]:.4f})"
    )
    if shutil.which("plink2") is None:
        print("plink2 is not here")
        return
    peer, values, covariates = plink(folder, args.people, args.peer_variants)
    scaled = peer * args.variants / args.peer_variants
    print(f"plink2: {peer:.2f} s for {args.peer_variants}, scaled {scaled:.0f} s")
    print(f"ratio {scaled / ours:.0f} (at least 500)")
    exact = pass_over(folder, values, covariates)
    print(f"the exact pass over the same file: {exact:.2f} s")


if __name__ == "__main__":
    main()
