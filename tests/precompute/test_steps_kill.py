"""Killed at any moment, a run goes on and ends as an undisturbed one; two do no harm.

A few moments here; all of thirty: ``make kill``.
"""

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from killing import content, helper, leftovers, quicken, store_of

pytestmark = pytest.mark.slow

KINDS = {
    "cohort", "phenome", "images", "thumbnails", "encoder", "embedding", "atlas",
    "scan", "enrichment", "stability", "occlusion", "probes", "genotypes", "basis",
}  # fmt: skip


@pytest.fixture(scope="module")
def runs():
    with helper() as found:
        yield found


@pytest.fixture(scope="module")
def quick(raw_study, tmp_path_factory):
    """Maker of copies of a study that saves a checkpoint at every step of training."""

    def copy():
        folder = tmp_path_factory.mktemp("runs") / "study"
        shutil.copytree(raw_study, folder)
        quicken(folder)
        return folder

    return copy


@pytest.fixture(scope="module")
def undisturbed(runs, quick):
    """What a store holds whose steps ran without a break, and the seconds they took."""
    folder = quick()
    answer = runs.run(folder)
    assert answer["codes"] == [0], said(folder)
    assert {slot.split("/")[0] for slot in store_of(folder).refs()} == KINDS
    return content(folder), answer["seconds"]


def said(folder):
    return Path(f"{folder}.log").read_text()


def test_a_killed_run_ends_with_the_bytes_of_an_undisturbed_one(
    runs, quick, undisturbed
):
    expected, seconds = undisturbed
    folder = quick()
    # EDP_SEED repeats the moments of a run that failed
    seed = int(os.environ.get("EDP_SEED") or random.SystemRandom().randrange(10**6))
    moments = random.Random(seed)
    # in the first half; at a checkpoint; while analyse writes, twice; anywhere again
    kills = [
        moments.uniform(0.02, 0.5) * seconds,
        "store/unfinished/encoder-*/checkpoint-before.safetensors",
        "store/atlas/.*.partial",
        "store/occlusion/.*.partial",
        moments.uniform(0.02, 0.5) * seconds,
    ]
    codes = [runs.kill(folder, when) for when in kills]
    assert set(codes) <= {-9, 0}, f"seed {seed}: {codes}\n{said(folder)}"
    assert -9 in codes, f"seed {seed}: no run was killed"
    assert runs.run(folder)["codes"] == [0], said(folder)
    assert content(folder) == expected, f"seed {seed}"
    assert leftovers(folder) == []


def test_two_runs_at_once_on_one_store_do_no_harm(runs, quick, undisturbed):
    folder = quick()
    answer = runs.run(folder, runs=2)
    assert answer["codes"] == [0, 0], said(folder)
    assert content(folder) == undisturbed[0]
    assert leftovers(folder) == []
    store = store_of(folder)
    made = Counter(path.parent.parent.name for path in store.root.glob("*/*/manifest*"))
    assert made == Counter(slot.split("/")[0] for slot in store.refs())
    assert "Traceback" not in said(folder)


def test_one_of_two_runs_is_killed_and_the_other_goes_on(runs, quick, undisturbed):
    """Locks of a killed run are free at once."""
    folder = quick()
    code = runs.kill(folder, "store/embedding/.*.partial")
    assert code in (-9, 0)
    answer = runs.run(folder, runs=2)
    assert answer["codes"] == [0, 0], said(folder)
    assert content(folder) == undisturbed[0] and leftovers(folder) == []
