"""The store: artifacts under content keys, written whole or not at all.

An artifact is a folder ``store/<kind>/<key>/`` with a ``manifest.json``. Its key is a
hash of the recipe (kind, version of the step, settings, keys of the inputs), so a
changed setting makes another artifact and an unchanged one is found again. It is
written into a sibling folder, synced and renamed: a kill leaves no half artifact.
``refs.json`` names the artifact each slot of the study uses now, as git's refs do.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from edp_core import locks
from edp_core.errors import InputError, MissingArtifactError
from edp_core.files import (
    file_digest,
    read_array,
    read_table,
    sync,
    write_array,
    write_atomic,
    write_table,
)
from edp_core.keys import Json, Recipe, canonical_json, digest
from edp_core.refused import building, writing

__all__ = [
    "Recipe",
    "Store",
    "canonical_json",
    "digest",
    "file_digest",
    "read_array",
    "read_table",
    "write_array",
    "write_atomic",
    "write_table",
]

MANIFEST = "manifest.json"


class Store:
    """Artifacts of one study on disk.

    Parameters
    ----------
    root
        The folder; made on first write.
    remedy
        The command that makes what is missing, for the hints of errors.
    """

    def __init__(self, root: Path, *, remedy: str = "python -m precompute run STUDY"):
        self.root = root
        self.remedy = remedy

    # ---- artifacts -------------------------------------------------------------
    def folder(self, kind: str, key: str) -> Path:
        """Where an artifact lies, whether or not it is there."""
        return self.root / kind / key

    def has(self, recipe: Recipe) -> bool:
        """Whether the artifact is there; damage still raises when it is opened."""
        return (self.folder(recipe.kind, recipe.key) / MANIFEST).is_file()

    def open(self, kind: str, key: str) -> Path:
        """Folder of an artifact whose files are all there in full size.

        Raises
        ------
        MissingArtifactError
            Where it is absent or damaged; the hint is the command to run.
        """
        folder = self.folder(kind, key)
        manifest = self.manifest(kind, key)
        for name, size in manifest["files"].items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != size["bytes"]:
                raise MissingArtifactError(
                    f"Artifact {kind}/{key} is damaged: {name} is missing or cut",
                    f"delete {folder} and run: {self.remedy}",
                )
        return folder

    def manifest(self, kind: str, key: str) -> dict[str, Json]:
        """Manifest of an artifact: recipe, versions, files, seconds."""
        path = self.folder(kind, key) / MANIFEST
        if not path.is_file():
            raise MissingArtifactError(
                f"Artifact {kind}/{key} is not in the store", f"run: {self.remedy}"
            )
        try:
            manifest = json.loads(path.read_text())
            manifest["files"].items()
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise MissingArtifactError(
                f"The manifest of {kind}/{key} is damaged",
                f"delete {path.parent} and run: {self.remedy}",
            ) from error
        return dict(manifest)

    def verify(self, kind: str, key: str) -> None:
        """Reread every byte of an artifact and compare with its manifest."""
        folder = self.open(kind, key)
        for name, entry in self.manifest(kind, key)["files"].items():
            if file_digest(folder / name) != entry["sha256"]:
                raise MissingArtifactError(
                    f"Artifact {kind}/{key} is damaged: {name} has other bytes",
                    f"delete {folder} and run: {self.remedy}",
                )

    @contextmanager
    def lock(self, name: str, *, wait_s: float = -1) -> Iterator[None]:
        """Hold a named lock; a second process waits here, for ever by default."""
        folder = self._writable("locks")
        path = folder / (name.replace("/", "_") + ".lock")
        with locks.hold(path, wait_s=wait_s):
            yield

    @contextmanager
    def use(self, *, alone: bool = False) -> Iterator[None]:
        """Say that this process uses the store: a run does so together with others.

        Raises
        ------
        InputError
            Where another process uses it alone, or ``alone`` is asked for and another
            uses it.
        """
        busy = InputError(
            f"The store {self.root} is in use by another command",
            "wait until it has ended, then run the same command again",
        )
        path = self._writable("locks") / "store.lock"
        with locks.use(path, alone=alone, busy=busy):
            yield

    @contextmanager
    def write(
        self,
        recipe: Recipe,
        *,
        versions: Mapping[str, str] | None = None,
        also: Mapping[str, Json] | None = None,
    ) -> Iterator[Path]:
        """Give an empty folder to fill; on success it becomes the artifact.

        Callers hold ``lock(recipe.key)``. An exception inside leaves nothing. ``also``
        goes into the manifest, beside the recipe or over what is measured here.

        Raises
        ------
        InputError
            Where the disk is full or the store read-only, whoever notices it.
        """
        parent = self._writable(recipe.kind)
        target = parent / recipe.key
        temporary = parent / f".{recipe.key}.partial"
        shutil.rmtree(temporary, ignore_errors=True)
        with writing(target):
            temporary.mkdir(mode=0o700)
        start = time.monotonic()
        try:
            yield temporary
            files = {
                str(path.relative_to(temporary)): {
                    "bytes": path.stat().st_size,
                    "sha256": file_digest(path),
                }
                for path in sorted(temporary.rglob("*"))
                if path.is_file()
            }
            manifest = {
                "kind": recipe.kind,
                "key": recipe.key,
                "step_version": recipe.version,
                "settings": dict(recipe.settings),
                "input_keys": dict(recipe.inputs),
                "versions": dict(versions or {}),
                "files": files,
                "seconds": round(time.monotonic() - start, 3),
                **(also or {}),
            }
            write_atomic(temporary / MANIFEST, json.dumps(manifest, indent=1).encode())
            for path in temporary.rglob("*"):
                sync(path)
            sync(temporary)
            self._put(temporary, target)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            named = building(error, temporary, within=self.root)
            if named is None:
                raise
            raise named from error
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _put(self, made: Path, target: Path) -> None:
        """Rename a finished folder to what it is; one that is there goes away."""
        aside = target.with_name(f".{target.name}.old")
        if target.exists():  # a forced rerun, or a damaged one: out of the way
            shutil.rmtree(aside, ignore_errors=True)
            target.rename(aside)
        try:
            made.rename(target)
        except OSError:  # even a rename may find the disk full
            if aside.exists():
                aside.rename(target)
            raise
        sync(target.parent)
        shutil.rmtree(aside, ignore_errors=True)

    def workspace(self, recipe: Recipe) -> Path:
        """Folder for checkpoints of an unfinished step; survives a kill."""
        return self._writable(f"unfinished/{recipe.kind}-{recipe.key}")

    def discard_workspace(self, recipe: Recipe) -> None:
        """Delete the checkpoints of a finished step, if it had any."""
        shutil.rmtree(
            self.root / f"unfinished/{recipe.kind}-{recipe.key}", ignore_errors=True
        )

    # ---- refs ------------------------------------------------------------------
    def refs(self) -> dict[str, str]:
        """Slot → key, e.g. ``embedding/retina/mae`` → ``3f…``."""
        path = self.root / "refs.json"
        if not path.is_file():
            return {}
        try:
            return {str(k): str(v) for k, v in json.loads(path.read_text()).items()}
        except (ValueError, AttributeError) as error:
            raise MissingArtifactError(
                f"{path} is damaged", f"delete it and run: {self.remedy}"
            ) from error

    def set_ref(self, slot: str, key: str) -> None:
        """Point a slot at an artifact."""
        with self.lock("refs"):
            refs = self.refs() | {slot: key}
            write_atomic(self.root / "refs.json", json.dumps(refs, indent=1).encode())

    def clear_refs(self, places: Collection[tuple[str, str]]) -> None:
        """Make every slot empty that points at one of these (kind, key)."""
        with self.lock("refs"):
            refs = self.refs()
            kept = {
                slot: key
                for slot, key in refs.items()
                if (slot.split("/")[0], key) not in places
            }
            if kept != refs:
                content = json.dumps(kept, indent=1).encode()
                write_atomic(self.root / "refs.json", content)

    def ref(self, slot: str) -> str:
        """Key a slot points at; raises `MissingArtifactError` where it has none."""
        try:
            return self.refs()[slot]
        except KeyError:
            raise MissingArtifactError(
                f"{slot} has not been computed", f"run: {self.remedy}"
            ) from None

    def at(self, slot: str) -> Path:
        """Folder of the artifact a slot points at, checked as `open` does."""
        return self.open(slot.split("/")[0], self.ref(slot))

    def content_hash(self) -> str:
        """Hash of the bytes every slot holds, as the manifests name them.

        Two stores whose slots hold the same bytes have the same hash, however long
        each took and whatever it was interrupted by. 16 hex digits.
        """
        found = {}
        for slot, key in self.refs().items():
            files = self.manifest(slot.split("/")[0], key)["files"]
            found[slot] = {name: entry["sha256"] for name, entry in files.items()}
        return digest(found)

    def _writable(self, name: str) -> Path:
        folder = self.root / name
        try:
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"The store {self.root} cannot be written: {error.strerror}",
                "make it a folder, or set `store` in study.toml",
            ) from error
        return folder
