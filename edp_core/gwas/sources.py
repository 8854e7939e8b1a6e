"""Where the raw genotypes of a study lie, kept in its store to open them again."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edp_core.errors import AlignmentError, InputError
from edp_core.files import read_array, read_table, write_array, write_atomic
from edp_core.gwas.reader import Reader, Source
from edp_core.store import Store


@dataclass(frozen=True)
class Reopened:
    """The raw genotypes a study's store was made from.

    Attributes
    ----------
    genotypes
        Reads dosages; may be sent to another process.
    eids
        (n_genotyped,) participants of the cohort who are genotyped, text, sorted.
    rows
        (n_genotyped,) their rows in the files.
    """

    genotypes: Reader
    eids: np.ndarray
    rows: np.ndarray

    def people_rows(self, eids: np.ndarray) -> np.ndarray:
        """Rows of some participants, (n,) int64.

        Raises
        ------
        AlignmentError
            Where one of them is not genotyped.
        """
        wanted = np.asarray(eids).astype(str)
        at = np.minimum(np.searchsorted(self.eids, wanted), len(self.eids) - 1)
        if not np.array_equal(self.eids[at], wanted):
            raise AlignmentError(
                "Some participants have no row in the genotype files",
                "take those of the basis: `basis.eids`",
            )
        return np.asarray(self.rows[at], np.int64)


def write_sources(folder: Path, genotypes: Reader, *, study: Path) -> None:
    """Write where raw genotypes lie, relative to the study's folder where within."""
    listed = []
    for number, source in enumerate(genotypes.sources):
        path = source.path.resolve()
        inside = path.is_relative_to(study)
        listed.append(
            {
                "form": source.form,
                "path": os.path.relpath(path, study) if inside else str(path),
                "people": source.people,
                "variants": source.variants,
                "size": source.size,
                "offsets": source.offsets is not None,
            }
        )
        if source.offsets is not None:
            write_array(folder, f"offsets-{number}", source.offsets)
    write_atomic(folder / "sources.json", json.dumps(listed, indent=1).encode())


def reopen_genotypes(store: Store, *, study: Path) -> Reopened:
    """Open the raw genotypes that the slot ``genotypes`` was made from.

    Parameters
    ----------
    study
        The study's folder.

    Raises
    ------
    MissingArtifactError
        Where there is no such slot.
    InputError
        Where a file is gone or has another size than it had.
    """
    folder = store.at("genotypes")
    sources = []
    for number, entry in enumerate(json.loads((folder / "sources.json").read_text())):
        path = (study / entry["path"]).resolve()
        if not path.is_file() or path.stat().st_size != entry["size"]:
            raise InputError(
                f"{path.name} is no longer what the store was made from",
                f"put it back in {path.parent}, or run: {store.remedy}",
            )
        offsets = None
        if entry["offsets"]:
            offsets = np.array(read_array(folder, f"offsets-{number}"))
        numbers = {k: int(entry[k]) for k in ("people", "variants", "size")}
        sources.append(Source(entry["form"], path, offsets=offsets, **numbers))
    people = read_table(folder, "people")
    return Reopened(
        Reader(sources), people["eid"].to_numpy(str), people["row"].to_numpy(np.int64)
    )
