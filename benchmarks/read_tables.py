"""Diagnoses of a whole biobank: our reader beside pandas, on one simulated table.

The table is made up: 500,000 participants × 259 columns of codes (field 41270) and as
many of dates (41280), as UK Biobank's main table has them. How many codes a person has
is geometric with a mean of 12. Each reader runs in a process of its own, so that its
peak memory is its own. Ours ends with the phenome (every code and its prefixes, dates
compared with a day of imaging); the peer, `pandas.read_csv(dtype=str)` and `melt`, ends
with the long table of codes and dates, and is timed on fewer rows, since the whole
would not fit; its time is then scaled, and the line says so.

    python benchmarks/read_tables.py --participants 500000 --peer-rows 20000
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

COLUMNS = 259
MEAN_CODES = 12
FIRST_EID = 1_000_000


def simulate(path: Path, participants: int, seed: int) -> int:
    """Write the table; returns the number of diagnoses in it."""
    rng = np.random.default_rng(seed)
    letters = rng.choice(list("ABCDEFGHIJKLMNOPQRSTZ"), 4000)
    codes = [f"{letter}{k % 1000:03d}" for k, letter in enumerate(letters)]
    days = np.arange("1995-01-01", "2023-01-01", dtype="datetime64[D]").astype(str)
    days = days.tolist()
    weights = 1 / np.arange(1, len(codes) + 1)
    counts = np.minimum(rng.geometric(1 / (MEAN_CODES + 1), participants) - 1, COLUMNS)
    header = ["eid", *(f"41270-0.{j}" for j in range(COLUMNS))]
    header += [f"41280-0.{j}" for j in range(COLUMNS)]
    gaps = ["," * n for n in range(COLUMNS + 2)]
    total = int(counts.sum())
    which = rng.choice(len(codes), total, p=weights / weights.sum()).tolist()
    when = rng.integers(0, len(days), total).tolist()
    at = 0
    with path.open("w") as file:
        file.write(",".join(header) + "\n")
        for i, n in enumerate(counts.tolist()):
            held = ",".join([codes[k] for k in which[at : at + n]])
            dates = ",".join([days[k] for k in when[at : at + n]])
            gap = gaps[COLUMNS - max(n, 1)]
            file.write(f"{FIRST_EID + i},{held}{gap},{dates}{gap}\n")
            at += n
    return total


def ours(path: Path, participants: int, *, dated: bool) -> dict[str, float]:
    import pandas as pd

    from edp_core.people.assemble import build_phenome
    from edp_core.people.diagnoses import prevalent, read_diagnoses
    from edp_core.settings.people import Diagnoses

    eids = np.array([f"{FIRST_EID + i}" for i in range(participants)])
    start = _clocks()
    found = read_diagnoses(path, Diagnoses(table="", prevalent_only=dated))
    read = _clocks() - start
    diagnoses = len(found.rows)
    if dated:
        people = pd.DataFrame({"eid": eids, "imaging_date": 2018.5})
        found = prevalent(found, people)
    phenome, _ = build_phenome(found.rows, eids)
    seconds = _clocks() - start
    return {
        "read_s": read[0],
        "seconds": seconds[0],
        "cpu_s": seconds[1],
        "diagnoses": diagnoses,
        "traits": len(phenome.traits),
    }


def theirs(path: Path, rows: int) -> dict[str, float]:
    import pandas as pd

    start = _clocks()
    table = pd.read_csv(path, dtype=str, nrows=rows)
    parts = []
    for field in ("41270", "41280"):
        columns = [name for name in table.columns if name.startswith(field)]
        part = table.melt("eid", columns, "place", field).dropna(subset=[field])
        parts.append(part.assign(place=part["place"].str[len(field) :]))
    long = parts[0].merge(parts[1], how="left", on=["eid", "place"])
    seconds = _clocks() - start
    return {"seconds": seconds[0], "cpu_s": seconds[1], "diagnoses": len(long)}


def _clocks() -> np.ndarray:
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
    parser.add_argument("--participants", type=int, default=500_000)
    parser.add_argument("--peer-rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--read", nargs=3, metavar=("WHO", "FILE", "ROWS"))
    args = parser.parse_args()
    if args.read:
        who, file, rows = args.read
        path = Path(file)
        if who == "theirs":
            figures = theirs(path, int(rows))
        else:
            figures = ours(path, int(rows), dated=who == "dated")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps({**figures, "peak_gib": peak}))
        return
    n = args.participants
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "main.csv"
        total = simulate(path, n, args.seed)
        size = path.stat().st_size / 2**20
        print(f"{n} participants × {COLUMNS} codes and dates, {size:.0f} MiB")
        print(f"{total} diagnoses")
        found = {
            who: in_a_process("--read", who, path, n) for who in ("codes", "dated")
        }
        peer = in_a_process("--read", "theirs", path, args.peer_rows)
    for who, figures in found.items():
        if figures["diagnoses"] != total:
            raise SystemExit(f"{who}: {figures['diagnoses']} diagnoses were read")
    for who, figures in found.items():
        print(
            f"ours, {who:5}        {figures['seconds']:7.1f} s (reading "
            f"{figures['read_s']:.1f} s; CPU {figures['cpu_s']:.1f} s), "
            f"peak {figures['peak_gib']:.2f} GiB"
        )
    scale = n / args.peer_rows
    print(
        f"pandas, melt       {peer['seconds'] * scale:7.1f} s scaled from "
        f"{args.peer_rows} rows ({peer['seconds']:.1f} s, CPU {peer['cpu_s']:.1f} s, "
        f"peak {peer['peak_gib']:.2f} GiB)"
    )
    by_wall = peer["seconds"] * scale / found["dated"]["seconds"]
    by_cpu = peer["cpu_s"] * scale / found["dated"]["cpu_s"]
    print(f"ratio, with dates  {by_wall:7.1f} by wall, {by_cpu:.1f} by CPU")


if __name__ == "__main__":
    main()
