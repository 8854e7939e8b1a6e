"""Opening a study for a command: its settings, and its store with the right hints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edp_core.store import Store
from edp_core.study import Study, load_study

StudyPath = Annotated[
    Path, typer.Argument(metavar="STUDY", help="Folder of study.toml")
]


def open_study(path: Path) -> tuple[Study, Store]:
    """Study and its store; hints of errors name the command for this study."""
    study = load_study(path)
    return study, Store(
        study.store_path, remedy=f".venv/bin/python -m precompute run {path}"
    )
