"""Folders whole or not at all, zips the same everywhere, and the audit log."""

from __future__ import annotations

import getpass
import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from edp_core.errors import InputError
from edp_core.export import delivery
from edp_core.export.bundle import (
    audit,
    current_user,
    render,
    write_folder,
    zip_bytes,
)

FILES = {"b.tsv": b"1\n", "a.sh": b"2\n", "cards/x.json": b"{}\n"}


def held(folder: Path) -> dict[str, bytes]:
    paths = [p for p in folder.rglob("*") if p.is_file()]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}


def test_folder(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out"
    assert write_folder(FILES, folder) == folder
    assert held(folder) == FILES
    assert (folder / "b.tsv").stat().st_mode & 0o777 == 0o600
    assert (folder / "a.sh").stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.parent.iterdir()) == [folder]
    write_folder(FILES, folder)  # the same again changes nothing


def test_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_folder(FILES, tmp_path / "empty")
    with pytest.raises(InputError, match="holds another export"):
        write_folder({**FILES, "b.tsv": b"2\n"}, tmp_path / "empty")
    assert held(tmp_path / "empty") == FILES
    (tmp_path / "bare" / "inner").mkdir(parents=True)
    with pytest.raises(InputError, match="or other files"):
        write_folder(FILES, tmp_path / "bare")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        write_folder(FILES, tmp_path / "file")
    with pytest.raises(InputError, match="cannot be written to"):
        write_folder(FILES, tmp_path / "file" / "inner")


def test_a_failure_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes, *, mode: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(delivery, "_write", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_folder(FILES, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_zip_is_the_same_whatever_the_order() -> None:
    content = zip_bytes(FILES)
    assert content == zip_bytes(dict(reversed(FILES.items())))
    # golden: the bytes must not depend on the machine or on the version of zlib
    assert hashlib.sha256(content).hexdigest()[:16] == "26f49c23e2dcf3fd"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == sorted(FILES)
        assert {n: archive.read(n) for n in FILES} == FILES
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.getinfo("a.sh").external_attr >> 16 == 0o100700


def test_audit(make: SimpleNamespace, tmp_path: Path) -> None:
    files = render(make.request(make.classifier(), make.code()))
    log = tmp_path / "logs" / "audit.jsonl"
    audit(log, "ada\n", "folder", files=files)
    audit(log, "bob", "download", files=files)
    first, second = [json.loads(line) for line in log.read_text().splitlines()]
    assert (first["user"], first["action"]) == ("ada\n", "folder")
    assert (second["user"], second["action"]) == ("bob", "download")
    assert first["phenotypes"] == ["H40", "H40_score"]
    assert first["participants"] == make.n
    assert first["time"].endswith("+00:00")
    assert set(first["sha256"]) == set(files)
    digest = hashlib.sha256(files["keep.tsv"]).hexdigest()
    assert first["sha256"]["keep.tsv"] == digest
    assert log.stat().st_mode & 0o777 == 0o600
    assert not any(eid in log.read_text() for eid in make.eids())


def test_audit_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        audit(tmp_path, "ada", "folder", files=FILES)


def test_current_user(monkeypatch: pytest.MonkeyPatch) -> None:
    assert current_user()

    def nobody() -> str:
        raise KeyError("no name")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert current_user() == f"uid {os.getuid()}"
