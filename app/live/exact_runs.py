"""Exact passes in the background: which is wanted now, how far it is, what it found.

A pass over all genotypes takes seconds to minutes, so each runs in a process of its own
(`app.live.exact_worker`). A session wants a few at a time, those of the recipe on its
screen: whatever nobody wants any more is ended. Results are remembered.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from app.live import frames
from app.live.exact_worker import Refusal, Task, packed, results_unpacked
from edp_core.gwas.association import Association

ROOT = Path(__file__).resolve().parents[2]
REMEMBERED = 8
"""Results kept: about 26 MB each at 1.1 million variants."""
RATE = 2e8
"""Genotypes a second before any pass was timed here."""
STARTING = 2.0
"""Seconds until a worker has imported what it needs."""
PATIENCE = 120.0
"""Seconds a wish holds without being renewed; an open page renews it each second."""

log = logging.getLogger("edp_studio")
Key = tuple[str, ...]


@dataclass
class Run:
    """A pass that runs or has ended without a result.

    Attributes
    ----------
    tasks
        Phenotypes that share one reading of the genotypes, the most urgent first.
    share
        Part that is done, 0 to 1.
    error
        Message and what to do, where it failed; empty while it runs.
    """

    tasks: list[Task]
    process: subprocess.Popen[bytes] | None = None
    share: float = 0.0
    started: float = field(default_factory=time.monotonic)
    error: Refusal | None = None

    def left(self) -> float | None:
        """Seconds it will still take; `None` until that can be told."""
        if self.share <= 0.02:
            return None
        gone = time.monotonic() - self.started
        return gone * (1 - self.share) / self.share


class ExactRuns:
    """Passes of all sessions of one server.

    Parameters
    ----------
    remembered
        Results kept, the oldest forgotten first.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._lock = threading.RLock()
        self._found: dict[Key, Association] = {}
        self._wanted: dict[str, tuple[float, list[Task]]] = {}
        self._runs: dict[Key, Run] = {}
        self._rate = RATE

    def want(self, session: str, tasks: Sequence[Task]) -> None:
        """Say what a session wants now, the most urgent first; the rest is ended."""
        with self._lock:
            left = [task for task in tasks if task.key not in self._found]
            self._wanted[session] = (time.monotonic(), left)
            self._tidy()

    def result(self, key: Key) -> Association | None:
        """What a pass found, if it has been done."""
        with self._lock:
            if key in self._found:
                self._found[key] = self._found.pop(key)  # the last to go
            return self._found.get(key)

    def remember(self, key: Key, found: Association) -> None:
        """Keep a result, and forget the oldest where there are too many."""
        with self._lock:
            self._found[key] = found
            while len(self._found) > self._remembered:
                self._found.pop(next(iter(self._found)))

    def state(self, key: Key) -> Run | None:
        """A pass that runs or failed; `None` where it waits or was never wanted."""
        with self._lock:
            return self._runs.get(key)

    def busy(self) -> bool:
        """Whether any pass runs."""
        with self._lock:
            return any(run.error is None for run in self._runs.values())

    def forget(self, key: Key) -> None:
        """Forget that a pass failed, so that it is tried again."""
        with self._lock:
            run = self._runs.get(key)
            if run is not None and run.error is not None:
                del self._runs[key]

    def seconds(self, genotypes: int) -> float:
        """Estimated time of a pass over so many genotypes."""
        return STARTING + genotypes / self._rate

    def _tidy(self) -> None:
        """End what nobody wants and start what is next: one pass, on all cores."""
        now = time.monotonic()
        self._wanted = {
            who: (since, tasks)
            for who, (since, tasks) in self._wanted.items()
            if tasks and now - since < PATIENCE
        }
        wanted = {task.key for _, tasks in self._wanted.values() for task in tasks}
        for run in list({id(run): run for run in self._runs.values()}.values()):
            # the newest recipe counts: what shares a pass with an old one starts anew
            if run.tasks[0].key not in wanted:
                self._drop(run)
        for _, tasks in self._wanted.values():
            known = {*self._runs, *self._found}
            left = [task for task in tasks if task.key not in known]
            if self.busy() or not left:
                continue
            together = [task for task in left if task.alike == left[0].alike]
            run = self._start(together)
            self._runs |= {task.key: run for task in together}

    def _drop(self, run: Run) -> None:
        for task in run.tasks:
            if self._runs.get(task.key) is run:
                del self._runs[task.key]
        if run.process is not None and run.process.poll() is None:
            run.process.terminate()

    def _start(self, tasks: list[Task]) -> Run:
        run = Run(tasks)
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        run.process = subprocess.Popen(
            [sys.executable, "-m", "app.live.exact_worker"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        threading.Thread(target=self._follow, args=(run,), daemon=True).start()
        return run

    def _follow(self, run: Run) -> None:
        """Read a worker's frames until it ends (in a thread of its own)."""
        process = run.process
        assert process is not None and process.stdin and process.stdout
        found: list[Association | Refusal] | None = None
        try:
            # its input stays open: the worker ends when it is closed
            frames.send(process.stdin, *packed(run.tasks))
            while found is None:
                content, arrays = frames.receive(process.stdout)
                if isinstance(content, dict):
                    run.share = float(content["share"])
                else:
                    found = results_unpacked(content, arrays)
        except (EOFError, OSError):
            pass  # it was killed, or had a bug: standard error tells
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()
        with self._lock:
            if self._runs.get(run.tasks[0].key) is not run:
                return  # it was ended because nobody wanted it any more
            if found is not None:
                self._keep(run, found)
            else:
                log.error("exact pass ended with %s", process.returncode)
                run.error = (
                    "The exact pass ended early, perhaps for want of memory",
                    "try again; the server's log holds the details",
                )
            self._tidy()

    def _keep(self, run: Run, found: list[Association | Refusal]) -> None:
        self._drop(run)
        for task, result in zip(run.tasks, found, strict=True):
            if isinstance(result, Association):
                self.remember(task.key, result)
            else:
                self._runs[task.key] = Run([task], error=result)
        taken = time.monotonic() - run.started - STARTING
        if taken > STARTING:  # of a short one the start is nearly all
            timed = run.tasks[0].genotypes / taken
            # a busy hour must not make every later pass wait for a click
            self._rate = max(timed, self._rate / 2, RATE / 8)


@st.cache_resource(show_spinner=False)
def exact_runs() -> ExactRuns:
    """The passes of this server."""
    return ExactRuns()
