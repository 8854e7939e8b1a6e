"""Runs of a study that are killed, doubled or starved of disk, each in seconds.

A run spends most of its time on importing torch and on compiling UMAP. One helper
process does both once and forks a child for every run: the same command, with one
thread, so that its numbers are fixed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edp_core.store import Store
from edp_core.study import load_study

HELPER = """
import json, os, resource, signal, subprocess, sys, time
from pathlib import Path
import numpy as np
import torch
torch.set_num_threads(1)
import precompute.train, precompute.encode, precompute.encoders.pretrained
from edp_core.settings.analysis import Analysis
from edp_core.vectors.neighbours import cosine_knn
from precompute import analyse, cli

vectors = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
analyse._umap(vectors, cosine_knn(vectors, 4), Analysis(neighbours=5))  # compiles

def start(folder, command, limit=None):
    child = os.fork()
    if child:
        return child
    os.dup2(os.open(folder + ".log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
    os.dup2(1, 2)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    code = 1
    try:
        sys.argv = ["precompute", *command]
        cli.main()
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        import traceback
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)

def kill(folder, command, when):
    # when: seconds after the start, or the name of a file to wait for
    child, began = start(folder, command), time.monotonic()
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
    if "shell" in task:
        codes = [subprocess.run(task["shell"], shell=True).returncode]
    elif "when" in task:
        codes = [kill(task["folder"], task["command"], task["when"])]
    else:
        runs = range(task["runs"])
        children = [start(task["folder"], task["command"], task["limit"]) for _ in runs]
        codes = [os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children]
    print(json.dumps({"codes": codes, "seconds": time.monotonic() - began}), flush=True)
"""
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)

FIXED = {
    "CUDA_VISIBLE_DEVICES": "",
    # a child of a process that has used OpenMP may not use it
    "NUMBA_THREADING_LAYER": "workqueue",
}
QUICK = {
    "slices": "2",
    "depth": "4",
    "epochs": "3",
    "warmup_epochs": "1",
    "decoder_depth": "1",
    "decoder_dim": "64",
    "batch": "40",
}
"""Settings of the demo → what makes its training quick; of each what the demo has."""


class Helper:
    """The process that starts runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def _ask(self, **what: Any) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the helper has died"
        found: dict[str, Any] = json.loads(line)
        return found

    def run(
        self,
        folder: Path,
        *,
        runs: int = 1,
        command: tuple[str, ...] = (),
        limit: int | None = None,
    ) -> dict[str, Any]:
        """Do every step, or another command; codes and seconds.

        ``runs`` processes do so at once, and none may write a file of more than
        ``limit`` bytes.
        """
        command_line = _of(folder, command)
        return self._ask(
            folder=str(folder), runs=runs, command=command_line, limit=limit
        )

    def kill(
        self, folder: Path, when: float | str, *, command: tuple[str, ...] = ()
    ) -> int:
        """Kill a run after seconds or when a file appears; −9, or its own code."""
        told = self._ask(folder=str(folder), when=when, command=_of(folder, command))
        return int(told["codes"][0])

    def shell(self, command: str) -> None:
        """Do something where the helper is, in its view of the disks."""
        assert self._ask(shell=command)["codes"] == [0], command


def _of(folder: Path, command: tuple[str, ...]) -> list[str]:
    name, *options = command or ("run", "--quiet")
    return [name, str(folder), *options]


@contextmanager
def helper(*before: str) -> Iterator[Helper]:
    """Start the helper, after another command if one is given, and end it."""
    fixed = dict.fromkeys(THREADS, "1") | FIXED
    process = subprocess.Popen(
        [*before, sys.executable, "-c", HELPER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | fixed,
    )  # fmt: skip
    try:
        yield Helper(process)
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(timeout=60)


def quicken(folder: Path) -> None:
    """Make a demo study small and quick, with a checkpoint at every training step."""
    file = folder / "study.toml"
    text = file.read_text()
    for key, value in QUICK.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    lines = []
    for line in text.splitlines():
        if line.startswith(("checkpoint_minutes", "min_cases")):
            continue
        lines.append(line)
        if line == 'method = "mae"':
            lines.append("checkpoint_minutes = 1e-6")
        if line == "[analysis]":
            lines.append("min_cases = 10")  # few people hold few cases of each code
    file.write_text("\n".join(lines) + "\n")


def store_of(folder: Path) -> Store:
    """The store of a study."""
    return Store(load_study(folder).store_path)


def content(folder: Path) -> str:
    """Hash of what a store holds, every byte of it read again."""
    store = store_of(folder)
    for slot, key in store.refs().items():
        store.verify(slot.split("/")[0], key)
    return store.content_hash()


def leftovers(folder: Path) -> list[str]:
    """What a finished run must not leave: half-written files, checkpoints."""
    root = store_of(folder).root
    found = [*root.rglob(".*"), *root.glob("unfinished/*")]
    return [path.relative_to(root).as_posix() for path in found]
