"""Who is in an artifact: by the ids it holds, or by what it was made of."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from edp_core.gwas import results_store
from edp_core.store import MANIFEST, Store, digest
from precompute.parts import CONTENT

NO_PEOPLE = (results_store.KIND,)
"""Kinds that hold variants alone; an id of one may look like an eid, and is none."""
Place = tuple[str, str]
"""Kind and key of an artifact."""

ROWS = "rows.parquet"
APART = ("locks", "unfinished")
"""Folders of a store that hold no artifacts."""


@dataclass
class Traces:
    """Where some participants are found in a store.

    Attributes
    ----------
    eids
        Those of them that are there at all.
    artifacts
        Hold an id, or were computed from one that does.
    weights
        Encoders made from their images. They hold no id.
    workspaces
        Folders of unfinished steps that hold an id.
    halves
        Folders a killed run left half written or half deleted, whatever is in them.
    """

    eids: set[str] = field(default_factory=set)
    artifacts: list[Place] = field(default_factory=list)
    weights: list[Place] = field(default_factory=list)
    workspaces: list[Path] = field(default_factory=list)
    halves: list[Path] = field(default_factory=list)
    beside: list[Place] = field(default_factory=list)
    """Encoders of images that show none of them, but name one and go for that."""
    clean: set[str] = field(default_factory=set)
    """Contents of images that show none of them."""

    def places(self) -> list[str]:
        """Names of everything found, which hold no id."""
        artifacts = [f"{kind}/{key}" for kind, key in self.artifacts + self.weights]
        return artifacts + [f.name for f in self.workspaces + self.halves]

    def __bool__(self) -> bool:
        return bool(self.places())


def content_of(files: Mapping[str, Any], *others: str) -> str:
    """What images and other files of their artifact are known by where they are used.

    The rest of what ingest noted is left out, so that it trains nothing anew.
    """
    held = [CONTENT, *sorted(others)]
    return digest([files[name]["sha256"] for name in held])


def find(store: Store, eids: Collection[str], *, clean: Collection[str] = ()) -> Traces:
    """Search every file of a store, referred to or not, for some participants.

    ``clean`` are contents of images that were found to show none of them before.
    """
    found = Traces(clean=set(clean))
    contents: dict[Place, set[str]] = {}
    inputs: dict[Place, Mapping[str, str]] = {}
    for folder in sorted(p for p in store.root.glob("*/*") if p.is_dir()):
        place = (folder.parent.name, folder.name)
        if folder.name.startswith("."):
            found.halves.append(folder)
            continue
        if place[0] in NO_PEOPLE:
            continue
        theirs = _ids_in(folder.rglob("*"), eids)
        found.eids |= theirs or set()
        if place[0] in APART:
            if theirs != set():
                found.workspaces.append(folder)
            continue
        manifest = _manifest(folder)
        inputs[place] = manifest.get("input_keys", {})
        if theirs != set():
            found.artifacts.append(place)
        if place[0] == "images":
            contents[place] = _contents(manifest)
            if _ids_in([folder / ROWS], eids) == set():
                found.clean |= contents[place]
    reached = set(found.artifacts)
    changed = True
    while changed:
        changed = False
        for place, made_of in inputs.items():
            if place not in reached and _made_of(made_of, reached, clean=found.clean):
                reached.add(place)
                changed = True
    weights = {place for place in reached if place[0] == "encoder"}
    found.weights = sorted(weights)
    found.artifacts = sorted(reached - weights)
    going = set().union(*(contents[place] for place in contents if place in reached))
    found.beside = [
        place
        for place, made_of in inputs.items()
        if place[0] == "encoder" and place not in weights
        and not going.isdisjoint(images_of(made_of).values())
    ]  # fmt: skip
    return found


def images_of(inputs: Mapping[str, str]) -> dict[str, str]:
    """Those inputs of an artifact that are contents of images, not their keys."""
    return {k: v for k, v in inputs.items() if k.endswith("/slices")}


def _made_of(
    inputs: Mapping[str, str], reached: set[Place], *, clean: set[str]
) -> bool:
    """Whether an artifact was computed from one of those reached.

    Weights are no trace of their own: what is encoded with them is told by its rows.
    Images that are no longer there are taken for such that showed them.
    """
    if any((name.split("/")[0], key) in reached for name, key in inputs.items()
           if name.split("/")[0] != "encoder"):  # fmt: skip
        return True
    return not clean.issuperset(images_of(inputs).values())


def _contents(manifest: Mapping[str, Any]) -> set[str]:
    files = manifest.get("files", {})
    try:
        return {content_of(files), content_of(files, ROWS)}
    except (KeyError, TypeError):
        return set()


def _manifest(folder: Path) -> dict[str, Any]:
    """Manifest of an artifact, empty where it is damaged."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        return dict(manifest) if isinstance(manifest["files"], dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _ids_in(files: Iterable[Path], eids: Collection[str]) -> set[str] | None:
    """Ids that stand in a cell of these files; None where one cannot be read."""
    found: set[str] = set()
    damaged = False
    for path in files:
        try:
            if path.suffix == ".parquet":
                found |= _in_table(path, eids)
            elif path.suffix == ".npy":
                found |= _in_array(path, eids)
        except (OSError, ValueError, EOFError, pa.ArrowException):
            damaged = True
    return None if damaged and not found else found


def _in_table(path: Path, eids: Collection[str]) -> set[str]:
    found: set[str] = set()
    wanted = pa.array(sorted(eids), pa.string())
    with pq.ParquetFile(path) as file:
        names = [f.name for f in file.schema_arrow if _is_text(f.type)]
        for group in range(file.num_row_groups):
            for column in file.read_row_group(group, columns=names).columns:
                text = column.cast(pa.string())
                found |= set(text.filter(pc.is_in(text, wanted)).to_pylist())
    return found


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _in_array(path: Path, eids: Collection[str]) -> set[str]:
    values = np.load(path, mmap_mode="r", allow_pickle=False)
    if values.dtype.kind not in "US":
        return set()
    text = values.astype(str)
    return set(text[np.isin(text, sorted(eids))].tolist())
