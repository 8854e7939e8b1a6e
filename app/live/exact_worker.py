"""One exact pass over all genotypes, in a process of its own.

`app.live.exact_runs` starts it, writes `Task`s to its standard input and keeps it open;
frames come back on its standard output: how far it has come, then the result or the
error. It ends when its input does, so none outlives the studio.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from app.live import frames
from edp_core.artifacts import read_basis, reopen_genotypes
from edp_core.errors import EdpError
from edp_core.gwas.adjusting import covariate_columns
from edp_core.gwas.association import Association
from edp_core.gwas.exact import exact_passes
from edp_core.store import Store
from edp_core.study import load_study

Refusal = tuple[str, str]
"""Message and what to do."""
COLUMNS = ("beta", "se", "log10p")
Report = Callable[[int, int], object]


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be tested against every variant.

    Attributes
    ----------
    key
        Recipe, basis and covariates; by it the result is remembered.
    study
        Folder of the study.
    values
        (n_basis,) float64 in the order of the basis; NaN = missing.
    genotypes
        Variants × people to read: what the time is estimated by.
    """

    key: tuple[str, ...]
    study: str
    organ: str
    encoder: str
    values: np.ndarray
    covariates: tuple[str, ...]
    genotypes: int

    @property
    def alike(self) -> tuple[str, ...]:
        """Tasks alike in this can share one reading of the genotypes."""
        return (*self.key[:2], self.organ, self.encoder, *self.covariates)


def main() -> None:
    """Read the task, do it, write frames."""
    inbound = sys.stdin.buffer
    # whatever prints must not fall between the frames
    outbound = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    tasks = unpacked(*frames.receive(inbound))
    threading.Thread(target=_end_with, args=(inbound.fileno(),), daemon=True).start()

    def report(done: int, of: int) -> None:
        frames.send(outbound, {"share": done / max(of, 1)})

    # a bug goes to the server's log by the way of standard error, and ends the process
    frames.send(outbound, *results_packed(passed(tasks, report)))


# ---- what goes through the pipes --------------------------------------------------
def packed(tasks: Sequence[Task]) -> tuple[Any, list[np.ndarray]]:
    """Tasks as a frame's content and arrays."""
    said = [
        {f.name: getattr(t, f.name) for f in fields(t) if f.name != "values"}
        for t in tasks
    ]
    return said, [task.values for task in tasks]


def unpacked(content: Any, arrays: Sequence[np.ndarray]) -> list[Task]:
    """Tasks of a frame."""
    found = []
    for said, values in zip(content, arrays, strict=True):
        for name in ("key", "covariates"):
            said[name] = tuple(said[name])
        found.append(Task(values=values, **said))
    return found


def results_packed(
    found: Sequence[Association | Refusal],
) -> tuple[Any, list[np.ndarray]]:
    """Results as a frame's content and arrays."""
    content: list[Any] = []
    arrays: list[np.ndarray] = []
    for one in found:
        if isinstance(one, Association):
            names = [f.name for f in fields(one) if f.name not in COLUMNS]
            content.append({name: getattr(one, name) for name in names})
            arrays += [getattr(one, name) for name in COLUMNS]
        else:
            content.append(one)
    return content, arrays


def results_unpacked(
    content: Any, arrays: Sequence[np.ndarray]
) -> list[Association | Refusal]:
    """Results of a frame."""
    found: list[Association | Refusal] = []
    left = iter(arrays)
    for said in content:
        if isinstance(said, dict):
            said["covariates"] = tuple(said["covariates"])
            beta, se, log10p = (next(left) for _ in COLUMNS)
            found.append(Association(beta, se, log10p, **said))
        else:
            found.append((said[0], said[1]))
    return found


def passed(tasks: Sequence[Task], report: Report) -> list[Association | Refusal]:
    """What was found for each task, or why it cannot be tested."""
    first = tasks[0]
    try:
        study = load_study(Path(first.study))
        store = Store(study.store_path)
        basis = read_basis(store, first.organ, first.encoder)
        opened = reopen_genotypes(study, store)
        rows = opened.people_rows(basis.eids)
        covariates = covariate_columns(basis, first.covariates)
    except EdpError as error:
        return [(error.message, error.hint)] * len(tasks)

    def tested(values: np.ndarray) -> list[Association]:
        return exact_passes(
            opened.genotypes,
            basis.variants["row"].to_numpy(),
            rows,
            values=values,
            covariates=covariates,
            fewest=study.fewest_copies,
            report=report,
        )

    # one that is refused must not take the others with it
    try:
        together = np.column_stack([task.values for task in tasks])
        return list(tested(together))
    except EdpError:
        found: list[Association | Refusal] = []
        for task in tasks:
            try:
                found += tested(task.values[:, None])
            except EdpError as error:
                found.append((error.message, error.hint))
        return found


def _end_with(inbound: int) -> None:
    """End the process once the studio has closed its input, or is gone."""
    # not by a buffer, whose lock would be held while the process ends
    while os.read(inbound, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
