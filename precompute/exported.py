"""Exports that were written to a folder: who is in them."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

from edp_core.errors import InputError
from edp_core.refused import writing

TABLES = (".tsv", ".txt", ".csv", ".fam", ".sample", ".keep")


def exports_with(folder: Path, eids: Collection[str]) -> list[Path]:
    """Folders and zips in a study's export folder that hold a row of one of the ids.

    Raises
    ------
    InputError
        Where one cannot be read: it must not be passed over.
    """
    wanted = {eid.encode() for eid in eids}
    if not folder.is_dir():
        return []
    try:
        return [p for p in sorted(folder.iterdir()) if _holds(p, wanted)]
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"An export in {folder} cannot be read", "mend it or delete it by hand"
        ) from error


def delete_export(export: Path) -> None:
    """Delete one export, hidden first: a kill leaves none that looks whole."""
    with writing(export):
        hidden = export.with_name(f".{export.name}.old")
        export.rename(hidden)
        if hidden.is_dir():
            shutil.rmtree(hidden)
        else:
            hidden.unlink()


def _holds(export: Path, wanted: set[bytes]) -> bool:
    """Whether FID or IID of a line is one of them: the first two cells."""
    return any(
        not wanted.isdisjoint(line.replace(b",", b" ").split(None, 2)[:2])
        for line in _lines(export)
    )


def _lines(export: Path) -> Iterator[bytes]:
    if export.is_dir():
        for path in sorted(export.rglob("*")):
            yield from _lines(path) if path.is_file() else ()
    elif export.suffix == ".zip":
        with zipfile.ZipFile(export) as archive:
            for name in archive.namelist():
                if name.endswith(TABLES):
                    with archive.open(name) as handle:
                        yield from handle
    elif export.suffix in TABLES:
        with export.open("rb") as handle:
            yield from handle
