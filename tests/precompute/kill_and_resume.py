"""Kill a run at random moments, go on with the same command, compare what came out.

``python tests/precompute/kill_and_resume.py --kills 30 [--seed N]``

Every kill has a study of its own: its run is killed once, at a moment spread evenly
over the time an undisturbed run takes, and done again. The store must then hold the
same bytes as the undisturbed one. Exits with 1 where one does not.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from killing import Helper, content, helper, leftovers, quicken

from precompute.demo import write_demo

PARTICIPANTS = 60


def main() -> int:
    """Do what the module says; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int)
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    with tempfile.TemporaryDirectory() as name, helper() as runs:
        return kill_many(Path(name), runs, kills=asked.kills, seed=seed)


def kill_many(folder: Path, runs: Helper, *, kills: int, seed: int) -> int:
    """Kill as many runs; 0 where each ended as the undisturbed one, else 1."""
    raw = folder / "raw"
    write_demo(raw, participants=PARTICIPANTS)
    quicken(raw)
    # twice: the second tells the time of a run when everything is warm
    wholes = [folder / name / "study" for name in ("first", "second")]
    for whole in wholes:
        shutil.copytree(raw, whole)
        told = runs.run(whole)
        if told["codes"] != [0]:
            print(Path(f"{whole}.log").read_text())
            return 1
    expected, seconds = content(wholes[0]), told["seconds"]
    if content(wholes[1]) != expected:
        print("two undisturbed runs differ: nothing can be said of killed ones")
        return 1
    print(f"seed {seed}; undisturbed: {seconds:.1f} s, content {expected}", flush=True)
    # one moment in each equal part of the run: all of it is tried, chance has its say
    chance, wrong, struck = random.Random(seed), 0, 0
    while struck < kills and not wrong:
        moment = (struck + chance.random()) / kills * seconds
        study = folder / f"{struck}" / "study"
        shutil.copytree(raw, study)
        code = runs.kill(study, moment)
        if code == 0:  # this run was quicker than the one that was timed
            seconds *= 0.95
            shutil.rmtree(study.parent)
            continue
        struck += code == -9
        done = sorted(study.glob("store/*/*/manifest.json"), key=_age)
        last = done[-1].parent.parent.name if done else "nothing"
        again = runs.run(study)
        same = again["codes"] == [0] and content(study) == expected
        left = leftovers(study)
        wrong += not same or bool(left) or code != -9
        said = "the same" if same else f"OTHER: {again['codes']}"
        how = "killed" if code == -9 else f"ended with {code}"
        print(
            f"{struck:3d}  {how} at {moment:6.2f} s, {len(done)} artifacts, "
            f"last {last}; again {again['seconds']:5.1f} s: {said}"
            + (f", left behind: {left}" if left else ""),
            flush=True,
        )
        if wrong:
            print(Path(f"{study}.log").read_text()[-4000:])
        shutil.rmtree(study.parent)
    print(f"{struck} of {kills} killed, {wrong} wrong")
    return int(wrong > 0)


def _age(path: Path) -> int:
    return path.stat().st_mtime_ns


if __name__ == "__main__":
    sys.exit(main())
