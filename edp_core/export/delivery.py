"""Handing an export over: a folder, a zip, and a line in the audit log."""

from __future__ import annotations

import getpass
import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Literal

from edp_core.errors import InputError
from edp_core.files import sync

SCRIPT_MODE, FILE_MODE = 0o700, 0o600
_EPOCH = (1980, 1, 1, 0, 0, 0)


def _mode(name: str) -> int:
    return SCRIPT_MODE if name.endswith(".sh") else FILE_MODE


def write_folder(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write an export as a folder, whole or not at all.

    Parameters
    ----------
    files
        Name, with ``/`` for folders, → content.
    folder
        Made here. May exist where it is empty or holds this very export.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    InputError
        Where the folder holds anything else, or cannot be written.
    """
    if folder.exists():
        if not folder.is_dir():
            raise InputError(f"{folder} is a file", "choose another folder")
        held = _held(folder)
        if held == dict(files):
            return folder
        if held or any(folder.iterdir()):
            raise InputError(
                f"{folder} holds another export or other files",
                "choose a new folder; exports are never overwritten",
            )
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(mode=0o700)
        for name in sorted(files):
            _write(temporary / PurePosixPath(name), files[name], mode=_mode(name))
        for inner in sorted({(temporary / n).parent for n in files} | {temporary}):
            sync(inner)
        temporary.rename(folder)
        sync(folder.parent)
    except OSError as error:
        raise InputError(
            f"The export cannot be written to {folder}: {error.strerror}",
            "free space or permissions there, or choose another folder",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _held(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _write(path: Path, content: bytes, *, mode: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    path.chmod(mode)


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """An export as one zip file; equal files give equal bytes on every machine.

    Names are sorted, times are 1980-01-01 and nothing is compressed, since versions of
    zlib differ in their output.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.create_system = 3
            entry.external_attr = (0o100000 | _mode(name)) << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def current_user() -> str:
    """Name of the operating system's user, for the audit log of the command line."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def audit(
    log: Path,
    who: str,
    action: Literal["folder", "download"],
    *,
    files: Mapping[str, bytes],
) -> None:
    """Append one line of JSON on an export that left; it holds no eid.

    Parameters
    ----------
    log
        Made where it is missing; readable by its owner only.
    who
        The user.
    action
        How it left.
    files
        What left: phenotype names, sha256 of each file, number of participants.

    Raises
    ------
    InputError
        Where the log cannot be written: then the export must not be handed over.
    """
    tables = [name for name in files if name.startswith("phenotypes_")]
    headers = [files[name].split(b"\n", 1)[0].decode() for name in sorted(tables)]
    line = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "user": who,
        "action": action,
        "phenotypes": sorted(n for head in headers for n in head.split("\t")[2:]),
        "participants": _participants(files),
        "sha256": {n: hashlib.sha256(files[n]).hexdigest() for n in sorted(files)},
    }
    _append(log, line)


def audit_images(log: Path, who: str, *, what: str, organ: str, images: int) -> None:
    """Append one line of JSON on images that were looked at; it holds no eid.

    Parameters
    ----------
    what
        The kind of view, such as ``behind a point``.
    images
        How many of the organ's images it showed or was made of.

    Raises
    ------
    InputError
        Where the log cannot be written: then the images must not be shown.
    """
    line = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "user": who,
        "action": "images",
        "what": what,
        "organ": organ,
        "images": images,
    }
    _append(log, line)


def _append(log: Path, line: Mapping[str, object]) -> None:
    """Append a line, on the disk before it returns."""
    content = (json.dumps(line, sort_keys=True) + "\n").encode()
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE)
        try:
            os.fchmod(handle, FILE_MODE)
            if os.write(handle, content) != len(content):
                raise OSError(28, "No space left on device")
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise InputError(
            f"The audit log {log} cannot be written: {error.strerror}",
            "free space or permissions there; without it nothing may leave",
        ) from error


def _participants(files: Mapping[str, bytes]) -> object:
    """Number of participants as the report tells it, which may be coarse."""
    return json.loads(files.get("report.json", b"{}")).get("participants")
