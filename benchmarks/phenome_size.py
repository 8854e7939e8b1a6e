"""A biobank's phenome: seconds and memory to build, write and read it, beside pandas.

Made up: 500,000 participants with a geometric number of diagnoses (mean 12) over so
many codes that, prefixes counted, there are about 20,000 traits; a table of 200
medications; and, where ``--phecodes`` names a map, its phecodes with their exclusion
sets. Every part runs in a process of its own, so that its peak memory is its own.

The peer is what one writes with pandas: `pandas.crosstab` of the long table into a
dense frame. It is timed on a part of the participants, since the whole would take
participants × codes × 8 bytes; its figures are then scaled, and the line says so.

    python benchmarks/phenome_size.py --phecodes phecode_map_v1_2_icd10_beta.csv
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

MEAN_CODES = 12
MEDICATIONS = 200
FIRST_EID = 1_000_000


def code_names(count: int) -> list[str]:
    """Codes of four and five characters, as many below each three as it takes."""
    found = [
        f"{letter}{first}{second}{third}"
        for second in range(10)
        for third in range(10)
        for letter in "KIEMNJABCDFGHLOPQRSTZ"
        for first in range(10)
    ]
    longer = [f"{code}{last}" for last in range(10) for code in found[:: 1 + last % 2]]
    return (found + longer)[:count]


def simulate(folder: Path, participants: int, codes: int) -> None:
    """Write the long table of diagnoses and the table of medications, as arrays."""
    rng = np.random.default_rng(0)
    names = np.array(code_names(codes))
    counts = rng.geometric(1 / (MEAN_CODES + 1), participants) - 1
    weights = 1 / np.arange(1, len(names) + 1) ** 0.7
    total = int(counts.sum())
    which = rng.choice(len(names), total, p=weights / weights.sum())
    # every code is somebody's
    which[: len(names)] = rng.permutation(len(names))
    np.save(folder / "who.npy", np.repeat(np.arange(participants), counts))
    np.save(folder / "which.npy", which)
    np.save(folder / "names.npy", names)
    np.save(folder / "sex.npy", rng.choice(["F", "M"], participants))
    shares = rng.random(MEDICATIONS) ** 3 * 0.2
    taken = [rng.random(participants) < share for share in shares]
    np.save(folder / "taken.npy", np.packbits(np.array(taken), axis=1))


def eids_of(participants: int) -> np.ndarray:
    return (FIRST_EID + np.arange(participants)).astype(str)


def diagnoses_of(folder: Path, participants: int) -> pd.DataFrame:
    """The long table as `read_diagnoses` gives it: text as categories."""
    eids, names = eids_of(participants), np.load(folder / "names.npy")
    who, which = (np.load(folder / f"{name}.npy") for name in ("who", "which"))
    keep = who < participants
    return pd.DataFrame(
        {
            "eid": pd.Categorical.from_codes(who[keep], eids),
            "icd10": pd.Categorical.from_codes(which[keep], names),
        }
    )


def build(folder: Path, participants: int, phecodes: str) -> dict[str, float]:
    from edp_core.artifacts import write_phenome
    from edp_core.people.assemble import build_phenome
    from edp_core.people.items import Items
    from edp_core.people.phecodes import read_phecodes

    diagnoses = diagnoses_of(folder, participants)
    taken = np.unpackbits(np.load(folder / "taken.npy"), axis=1, count=participants)
    drugs = [f"drug{k}" for k in range(MEDICATIONS)]
    rows = [np.flatnonzero(row).astype(np.int32) for row in taken]
    nobody = [np.zeros(0, np.int32)] * MEDICATIONS
    items = Items("medications", drugs, drugs, rows, nobody, {})
    sex = np.load(folder / "sex.npy").astype(object)
    before = peak()
    start = time.perf_counter()
    phenome, _ = build_phenome(
        diagnoses,
        eids_of(participants),
        phecodes=read_phecodes(Path(phecodes)) if phecodes else None,
        sex=sex,
        tables=[items],
    )
    seconds = time.perf_counter() - start
    written = folder / "phenome"
    written.mkdir()
    start = time.perf_counter()
    write_phenome(written, phenome)
    return {
        "build_s": seconds,
        "write_s": time.perf_counter() - start,
        "input_gib": before,
        "disk_mib": sum(f.stat().st_size for f in written.iterdir()) / 2**20,
        "traits": len(phenome.traits),
        "sets": len(phenome.excluded_starts) - 1,
        "cells": len(phenome.rows),
        "excluded_cells": len(phenome.excluded_rows),
        "pairs": len(phenome.within),
    }


def read(folder: Path) -> dict[str, float]:
    """Read as the screens do; then all columns at once, a code, and the rules."""
    from edp_core.artifacts import phenome_at
    from edp_core.nested import hide_related
    from edp_core.people.side import near_each_other, side_of

    start = time.perf_counter()
    phenome = phenome_at(folder / "phenome")
    opened = time.perf_counter() - start
    traits = phenome.traits
    start = time.perf_counter()
    phenome.cases(traits["code"].iat[len(traits) // 2])
    one = time.perf_counter() - start
    opened_gib = peak()
    start = time.perf_counter()
    whole = phenome.matrix(traits["code"])
    assert whole.nnz == len(phenome.rows)
    matrix = time.perf_counter() - start
    matrix_gib = peak()
    enough = traits["n_cases"].to_numpy() >= 20
    codes = traits.loc[enough, "code"].tolist()
    start = time.perf_counter()
    seen = np.arange(len(phenome.eids))
    near = near_each_other(phenome, codes, seen=seen, threshold=5)
    counts = traits.loc[enough, "n_cases"].to_numpy()
    hidden = hide_related(side_of(phenome, codes), counts, 5, near=near)
    return {
        "open_s": opened,
        "case_s": one,
        "matrix_s": matrix,
        "open_gib": opened_gib,
        "matrix_gib": matrix_gib,
        "rules_s": time.perf_counter() - start,
        "judged": len(codes),
        "hidden": int(hidden.sum()),
    }


def peer(folder: Path, participants: int) -> dict[str, float]:
    """pandas.crosstab of codes and their prefixes."""
    table = diagnoses_of(folder, participants).astype(str)
    before = peak()
    start = time.perf_counter()
    parts = [table.assign(icd10=table["icd10"].str[:length]) for length in (3, 4, 5)]
    long = pd.concat(parts).drop_duplicates()
    dense = pd.crosstab(long["eid"], long["icd10"]).astype(bool)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "grown_gib": peak() - before, "traits": dense.shape[1]}


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def in_a_process(*words: object) -> dict[str, float]:
    """Run this file anew; figures and peak memory of that process alone."""
    done = subprocess.run(
        [sys.executable, __file__, "--part", *map(str, words)],
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--participants", type=int, default=500_000)
    parser.add_argument("--codes", type=int, default=17_500)
    parser.add_argument("--peer-participants", type=int, default=5_000)
    parser.add_argument("--phecodes", default="", help="path of a phecode map")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        which, folder, *words = args.part
        work = Path(folder)
        if which == "build":
            figures = build(work, int(words[0]), "".join(words[1:]))
        elif which == "read":
            figures = read(work)
        else:
            figures = peer(work, int(words[0]))
        print(json.dumps({**figures, "peak_gib": peak()}))
        return
    n = args.participants
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder, n, args.codes)
        made = in_a_process("build", folder, n, args.phecodes)
        got = in_a_process("read", folder)
        other = in_a_process("peer", folder, args.peer_participants)
    print(
        f"{n} participants × {made['traits']} traits, {made['cells'] / 1e6:.1f} M "
        f"cases; {made['sets']} exclusion sets of "
        f"{made['excluded_cells'] / 1e6:.1f} M; {made['pairs']} pairs of part "
        f"and whole; {made['disk_mib']:.0f} MiB on disk"
    )
    print(
        f"build   {made['build_s']:7.1f} s, peak {made['peak_gib']:.2f} GiB "
        f"({made['input_gib']:.2f} GiB before it began)"
    )
    print(f"write   {made['write_s']:7.1f} s")
    print(f"open    {got['open_s']:7.2f} s, peak {got['open_gib']:.2f} GiB")
    print(f"a code  {got['case_s']:7.4f} s")
    print(f"all     {got['matrix_s']:7.2f} s, peak {got['matrix_gib']:.2f} GiB")
    print(
        f"rules   {got['rules_s']:7.1f} s: which of {got['judged']} traits may be "
        f"shown ({got['hidden']} may not), peak {got['peak_gib']:.2f} GiB"
    )
    scale = n / args.peer_participants
    print(
        f"pandas  {other['seconds'] * scale:7.1f} s and "
        f"{other['grown_gib'] * scale:.0f} GiB scaled from "
        f"{args.peer_participants} participants "
        f"({other['seconds']:.1f} s, {other['grown_gib']:.2f} GiB, {other['traits']} "
        "traits), without phecodes, medications or writing"
    )
    print(f"ratio   {other['seconds'] * scale / made['build_s']:7.1f}")


if __name__ == "__main__":
    main()
