"""Reads result files into the store, in a process of its own.

`app.gwas.jobs` starts it, writes one task as a line of JSON and keeps its input open;
lines of JSON come back: how far it has come, then that it is done, or the error. It
ends when its input does, so none outlives the studio. An artifact is written whole or
not at all, so ending it leaves nothing half-imported.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import IO, Any

from edp_core.errors import EdpError
from edp_core.gwas.results import ingest_results
from edp_core.store import Store
from edp_core.study import load_study


def main() -> None:
    """Read the task, do it, tell how it goes; a bug of ours stays in the log."""
    inbound = sys.stdin
    # whatever prints must not fall between the lines
    outbound = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    task: dict[str, Any] = json.loads(inbound.readline())
    threading.Thread(target=_end_with, args=(inbound,), daemon=True).start()

    def send(kind: str, *content: Any) -> None:
        outbound.write(json.dumps([kind, *content]) + "\n")
        outbound.flush()

    try:
        study = load_study(Path(task["study"]))
        ingest_results(
            [Path(file) for file in task["files"]],
            name=task["name"],
            build=task["build"],
            store=Store(study.store_path),
            report=lambda done, of: send("progress", done / max(of, 1)),
            trait=task["trait"],
            n=task["n"],
            traits=task["traits"],
        )
        send("done")
    except EdpError as error:
        send("refused", error.message, error.hint)


def _end_with(inbound: IO[str]) -> None:
    """End the process once the studio has closed its input, or is gone."""
    inbound.read()
    os._exit(1)


if __name__ == "__main__":
    main()
