"""Results that are being read in the background: one at a time, the others wait."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[2]
log = logging.getLogger("edp_studio")


@dataclass(frozen=True)
class Task:
    """What is to be read.

    Attributes
    ----------
    study
        Folder of the study.
    files
        Of one run.
    trait, n
        As for `edp_core.gwas.results.ingest_results`.
    traits
        Names of phenotypes that may have been exported.
    uploaded
        Folder that is deleted once the files were read.
    """

    study: str
    name: str
    build: str
    files: tuple[str, ...]
    trait: str | None = None
    n: int | None = None
    traits: tuple[str, ...] = ()
    uploaded: str | None = None


@dataclass
class Job:
    """One reading: waiting, running, done or refused.

    Attributes
    ----------
    share
        Part that is read, 0 to 1.
    state
        ``waits``, ``runs``, ``done``, ``refused`` or ``ended``.
    error
        Message and what to do, where it was refused.
    """

    task: Task
    state: str = "waits"
    share: float = 0.0
    error: tuple[str, str] | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)


class Jobs:
    """Readings of all sessions of one server, of one study each."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._jobs: list[Job] = []

    def submit(self, task: Task) -> None:
        """Read a result as soon as those before it are read."""
        with self._lock:
            # a second try takes the place of what failed under that name
            self._jobs = [
                job
                for job in self._jobs
                if (job.task.study, job.task.name) != (task.study, task.name)
                or job.state in ("waits", "runs")
            ]
            self._jobs.append(Job(task))
            self._next()

    def of(self, study: str) -> list[Job]:
        """Readings of a study that wait, run or failed, the oldest first."""
        with self._lock:
            return [job for job in self._jobs if job.task.study == study]

    def busy(self, study: str) -> bool:
        """Whether any reading of a study waits or runs."""
        return any(job.state in ("waits", "runs") for job in self.of(study))

    def drop(self, job: Job) -> None:
        """End a reading, or forget one that failed."""
        with self._lock:
            if job.process is not None and job.process.poll() is None:
                job.process.terminate()
            elif job.state == "waits":
                _clean(job.task)
            job.state = "ended"
            if job in self._jobs:
                self._jobs.remove(job)
            self._next()

    def wait(self, study: str, seconds: float = 60) -> Sequence[Job]:
        """Until nothing is read any more; what failed."""
        pause = threading.Event()
        for _ in range(int(seconds * 20)):
            if not self.busy(study):
                break
            pause.wait(0.05)
        return self.of(study)

    def _next(self) -> None:
        if any(job.state == "runs" for job in self._jobs):
            return
        job = next((job for job in self._jobs if job.state == "waits"), None)
        if job is not None:
            self._start(job)

    def _start(self, job: Job) -> None:
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        job.state = "runs"
        # a process of its own, not a pool: Streamlit's __main__ is the entry, which a
        # spawned worker would run anew
        job.process = subprocess.Popen(
            [sys.executable, "-m", "app.gwas.worker"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        threading.Thread(target=self._follow, args=(job,), daemon=True).start()

    def _follow(self, job: Job) -> None:
        """Read a worker's lines until it ends (in a thread of its own)."""
        process, task = job.process, job.task
        assert process is not None and process.stdin and process.stdout
        kind, content = "gone", []
        try:
            # its input stays open: the worker ends when it is closed
            process.stdin.write(json.dumps(task.__dict__).encode() + b"\n")
            process.stdin.flush()
            for line in process.stdout:
                kind, *content = json.loads(line)
                if kind != "progress":
                    break
                job.share = float(content[0])
        except (OSError, ValueError):
            kind, content = "gone", []
        finally:
            with contextlib.suppress(OSError):  # it has gone already
                process.stdin.close()
            process.wait()
            process.stdout.close()
        with self._lock:
            self._settle(job, kind, content)

    def _settle(self, job: Job, kind: str, content: list[str]) -> None:
        _clean(job.task)
        if job.state == "ended":
            return
        job.state = "refused"
        if kind == "done":
            job.state = "done"
            self._jobs.remove(job)
        elif kind == "refused":
            job.error = (content[0], content[1])
        else:
            log.error(
                "reading results ended with %s", job.process and job.process.poll()
            )
            job.error = (
                "The reading ended early, perhaps for want of memory",
                "read it with `precompute gwas-results`; the server's log holds the "
                "details",
            )
        self._next()


def _clean(task: Task) -> None:
    """Delete what was uploaded."""
    if task.uploaded is not None:
        shutil.rmtree(task.uploaded, ignore_errors=True)


@st.cache_resource
def jobs() -> Jobs:
    """The readings of this server."""
    return Jobs()
