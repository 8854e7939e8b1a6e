"""Products of every variant with every axis, beside one plink2 run of all axes.

Ours multiplies each variant with 16 covariates, 384 axes and the 384 unit-normalised
ones, and writes the basis; its seconds are those of a process of its own, its memory
the process's peak. The peer is plink2 --glm without covariates on the same .bed, the
384 axes as its phenotypes, the process as a whole. Both with the same threads. From
runs of two sizes follow seconds per variant, without what each run costs once.

    python benchmarks/gwas_basis.py
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from bed_reader import to_bed

from edp_core.gwas import basis_files
from edp_core.gwas.covariates import design
from edp_core.gwas.genotypes import open_genotypes
from edp_core.gwas.people import match
from edp_core.gwas.products import Columns, directions, unit_vectors
from edp_core.gwas.variant_tables import usable
from edp_core.threads import cores
from precompute.gwas_basis import BLOCK, make_parts

COVARIATES = 16


def simulate(
    folder: Path, *, people: int, variants: int, axes: int, missing: float
) -> None:
    """Genotypes of independent variants, vectors and covariates, as files."""
    rng = np.random.default_rng(0)
    ids = [str(1_000_000 + i) for i in range(people)]
    copies = np.empty((people, variants), np.int8, order="F")
    for number, share in enumerate(rng.uniform(0.01, 0.5, variants)):
        copies[:, number] = rng.binomial(2, share, people)
        copies[rng.random(people) < missing, number] = -127
    properties = {
        "fid": ids,
        "iid": ids,
        "sid": [f"rs{i}" for i in range(variants)],
        "chromosome": np.sort(np.arange(variants) % 22 + 1),
        "bp_position": np.arange(variants) + 10_000,
        "allele_1": ["A"] * variants,
        "allele_2": ["G"] * variants,
    }
    to_bed(folder / "g.bed", copies, properties=properties)
    vectors = rng.normal(size=(people, axes)).astype(np.float32)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "covariates.npy", rng.normal(size=(people, COVARIATES)))
    table = pd.DataFrame(vectors).add_prefix("z")
    table.insert(0, "IID", ids)
    table.insert(0, "#FID", ids)
    table.to_csv(folder / "axes.txt", sep="\t", index=False, float_format="%.6g")


def shorten(folder: Path, *, people: int, variants: int) -> Path:
    """The first variants of the same people in a folder of their own."""
    short = folder / "short"
    short.mkdir()
    size = 3 + variants * (-(-people // 4))
    with (folder / "g.bed").open("rb") as handle:
        (short / "g.bed").write_bytes(handle.read(size))
    rows = (folder / "g.bim").read_text().splitlines(keepends=True)[:variants]
    (short / "g.bim").write_text("".join(rows))
    for name in ("g.fam", "axes.txt", "vectors.npy", "covariates.npy"):
        (short / name).symlink_to(folder / name)
    return short


def ours(folder: Path) -> None:
    """Make a basis; prints seconds of its parts and the peak memory as JSON."""
    start = time.perf_counter()
    out, parts = folder / "basis", folder / "parts"
    for made in (out, parts):
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
    found = open_genotypes(folder / "g", "bed")
    rows, _ = usable(found.variants, build="GRCh37", name="g")
    eids = np.array([iid for _, iid in found.samples.rows])
    people = match(found.samples, eids, threshold=5)
    vectors = np.load(folder / "vectors.npy")
    table = pd.DataFrame(np.load(folder / "covariates.npy")).add_prefix("c")
    made_of = design(table, list(table))
    axes, loadings = directions(vectors)
    unit, _ = directions(unit_vectors(vectors, vectors.mean(axis=0)))
    columns = Columns(made_of.matrix, np.hstack([axes, unit]), axes.shape[1])
    basis_files.write_people(
        parts, people.eids, made_of, columns=columns, loadings=loadings
    )
    basis_files.write_notes(parts, {})
    pd.DataFrame({"eid": [], "reason": []}).to_parquet(parts / "exclusions.parquet")
    ready = time.perf_counter()
    made = make_parts(
        found.reader,
        rows,
        people.rows,
        columns=columns,
        mac=20,
        missing=0.1,
        workspace=parts,
        report=lambda *_: None,
    )
    multiplied = time.perf_counter()
    basis_files.copy_people(parts, out)
    variants = found.variants.iloc[rows].assign(row=rows)
    basis_files.join_parts(out, made, variants=variants, block=BLOCK)
    done = time.perf_counter()
    print(
        json.dumps(
            {
                "once": ready - start,
                "multiplied": multiplied - ready,
                "joined": done - multiplied,
                "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024e-9,
            }
        )
    )


def run_ours(folder: Path) -> dict[str, float]:
    start = time.perf_counter()
    said = subprocess.run(
        [sys.executable, __file__, "--ours", str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(said.stdout) | {"whole": time.perf_counter() - start}


def run_peer(folder: Path) -> float:
    command = (
        "plink2 --bed g.bed --bim g.bim --fam g.fam --pheno axes.txt "
        f"--glm hide-covar allow-no-covars --threads {cores()} --out peer"
    )
    start = time.perf_counter()
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    taken = time.perf_counter() - start
    for file in folder.glob("peer.*"):
        file.unlink()
    return taken


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--people", type=int, default=45_714)
    asked.add_argument("--variants", type=int, default=6_144)
    asked.add_argument("--short", type=int, default=2_048)
    asked.add_argument("--axes", type=int, default=384)
    # plink2 is several times slower where genotypes are missing: its best case is asked
    asked.add_argument("--missing", type=float, default=0.0)
    asked.add_argument("--ours", type=Path)
    options = asked.parse_args()
    if options.ours:
        ours(options.ours)
        return
    print(f"load before: {os.getloadavg()[0]:.1f}, threads: {cores()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(
            folder,
            people=options.people,
            variants=options.variants,
            axes=options.axes,
            missing=options.missing,
        )
        short = shorten(folder, people=options.people, variants=options.short)
        taken: dict[str, list[float]] = {"ours": [], "peer": []}
        for at, size in ((short, options.short), (folder, options.variants)):
            found = run_ours(at)
            taken["ours"].append(found["whole"])
            parts = {key: round(value, 2) for key, value in found.items()}
            print(
                f"ours, {size} variants: {parts}; while multiplying "
                f"{size / found['multiplied']:.0f} variants/s",
                flush=True,
            )
            if shutil.which("plink2"):
                taken["peer"].append(run_peer(at))
                print(f"plink2, {size} variants: {taken['peer'][-1]:.2f} s", flush=True)
    more = options.variants - options.short
    for name, seconds in taken.items():
        if len(seconds) == 2:
            print(f"{name}: {more / (seconds[1] - seconds[0]):.0f} variants/s more")
    if taken["peer"]:
        one, two = taken["ours"], taken["peer"]
        print(
            f"plink2 : ours, whole runs of {options.variants}: {two[1] / one[1]:.1f}; "
            f"of each further variant: {(two[1] - two[0]) / (one[1] - one[0]):.1f}"
        )
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
