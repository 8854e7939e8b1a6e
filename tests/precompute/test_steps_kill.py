"""Killed at any moment, a run goes on and ends as an undisturbed one; two do no harm.

One helper process imports what is slow and forks a child for each run, with one thread,
so that a run takes seconds and its numbers are fixed.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edp_core.store import Store
from edp_core.study import load_study

pytestmark = pytest.mark.slow

HELPER = """
import json, os, signal, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
import precompute.train, precompute.encode, precompute.encoders.pretrained
from precompute.cli import run_study

def start(folder):
    child = os.fork()
    if child:
        return child
    os.dup2(os.open(folder + ".log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
    os.dup2(1, 2)
    code = 1
    try:
        for phase in ("ingest", "train", "encode"):
            run_study(Path(folder), only=phase, quiet=True)
        code = 0
    except BaseException:
        import traceback
        traceback.print_exc()
    finally:
        os._exit(code)

def kill(folder, when):
    # when: seconds after the start, or the name of a file to wait for
    child, began = start(folder), time.monotonic()
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        waited = time.monotonic() - began
        if isinstance(when, str):
            due = any(Path(folder).glob(when))
        else:
            due = waited >= when
        if due:
            os.kill(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(0.002)

for line in sys.stdin:
    task = json.loads(line)
    began = time.monotonic()
    if "when" in task:
        codes = [kill(task["folder"], task["when"])]
    else:
        children = [start(task["folder"]) for _ in range(task["runs"])]
        codes = [os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children]
    print(json.dumps({"codes": codes, "seconds": time.monotonic() - began}), flush=True)
"""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.fixture(scope="module")
def ask():
    """Give the helper a task; its answer."""
    environment = (
        os.environ | dict.fromkeys(THREADS, "1") | {"CUDA_VISIBLE_DEVICES": ""}
    )
    helper = subprocess.Popen(
        [sys.executable, "-c", HELPER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip

    def task(**what):
        helper.stdin.write(json.dumps(what) + "\n")
        helper.stdin.flush()
        line = helper.stdout.readline()
        assert line, "the helper has died"
        return json.loads(line)

    yield task
    helper.stdin.close()
    helper.wait(timeout=60)


@pytest.fixture(scope="module")
def quick(raw_study, tmp_path_factory):
    """Maker of copies of a study that saves a checkpoint at every step of training."""

    def copy():
        folder = tmp_path_factory.mktemp("runs") / "study"
        shutil.copytree(raw_study, folder)
        file = folder / "study.toml"
        text = file.read_text().replace("epochs = 2", "epochs = 4")
        text = text.replace("batch = 64", "batch = 20\ncheckpoint_minutes = 1e-6")
        file.write_text(text)
        return folder

    return copy


@pytest.fixture(scope="module")
def undisturbed(ask, quick):
    """A study whose steps ran without a break, and the seconds they took."""
    folder = quick()
    answer = ask(folder=str(folder), runs=1)
    assert answer["codes"] == [0], Path(f"{folder}.log").read_text()
    return folder, answer["seconds"]


def contents(folder):
    """Slot → files and their hashes, every byte of them read again."""
    store = Store(load_study(folder).store_path)
    found = {}
    for slot, key in store.refs().items():
        kind = slot.split("/")[0]
        store.verify(kind, key)
        files = store.manifest(kind, key)["files"]
        found[slot] = {
            # the picture of the loss curve may hold its own metadata
            name: entry["sha256"] for name, entry in files.items()
            if not name.endswith(".png")
        }  # fmt: skip
    return found


SLOTS = {
    "cohort", "phenome", "images/liver", "thumbnails/liver", "encoder/liver/mae",
    "embedding/liver/mae",
}  # fmt: skip


def test_a_killed_run_ends_with_the_bytes_of_an_undisturbed_one(
    ask, quick, undisturbed
):
    whole, seconds = undisturbed
    folder = quick()
    # EDP_SEED repeats the moments of a run that failed
    seed = int(os.environ.get("EDP_SEED") or random.SystemRandom().randrange(10**6))
    moments = random.Random(seed)
    # anywhere in the first half; at a checkpoint; anywhere again
    kills = [
        moments.uniform(0.02, 0.5) * seconds,
        "store/unfinished/encoder-*/checkpoint-before.safetensors",
        moments.uniform(0.02, 0.5) * seconds,
    ]
    codes = [ask(folder=str(folder), when=when)["codes"][0] for when in kills]
    log = Path(f"{folder}.log")
    assert set(codes) <= {-9, 0}, f"seed {seed}: {codes}\n{log.read_text()}"
    assert -9 in codes, f"seed {seed}: no run was killed"
    assert ask(folder=str(folder), runs=1)["codes"] == [0], log.read_text()
    one, two = contents(whole), contents(folder)
    assert set(one) == set(two) == SLOTS
    assert one == two, f"seed {seed}"
    vectors = [
        np.load(
            Store(load_study(f).store_path).at("embedding/liver/mae") / "vectors.npy"
        )
        for f in (whole, folder)
    ]
    assert vectors[0].tobytes() == vectors[1].tobytes() and len(vectors[0]) > 100
    work = folder / "store" / "unfinished"
    assert not any(work.iterdir()), "checkpoints of a finished training are deleted"


def test_two_runs_at_once_on_one_store_do_no_harm(ask, quick, undisturbed):
    whole, _ = undisturbed
    folder = quick()
    answer = ask(folder=str(folder), runs=2)
    assert answer["codes"] == [0, 0], Path(f"{folder}.log").read_text()
    assert contents(folder) == contents(whole)
    said = Path(f"{folder}.log").read_text()
    for slot in SLOTS:
        kind = slot.split("/")[0]
        made = [p for p in (folder / "store" / kind).iterdir()]
        assert len(made) == 1 and not made[0].name.startswith("."), slot
    assert "Traceback" not in said
