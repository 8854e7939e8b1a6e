"""Archives: what an honest one holds is read, what a hostile one says is refused."""

import io
import os
import stat
import struct
import subprocess
import sys
import zipfile

import pytest

from precompute.readers import archives
from precompute.readers.archives import (
    Member,
    Source,
    members,
    open_source,
    read_bytes,
)
from precompute.readers.reasons import DAMAGED, Unusable, refusing


def zipped(files, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def written(folder, content):
    path = folder / "a.zip"
    path.write_bytes(content)
    return path


def refused(path, member="T1/a.txt"):
    """The reason, which is the same for listing and reading."""
    with pytest.raises(Unusable) as listed:
        members(path)
    with pytest.raises(Unusable) as read:
        read_bytes(Source(path, member))
    assert str(listed.value) == str(read.value)
    return str(read.value)


GOOD = [("T1/a.txt", b"hello " * 900), ("b", b""), ("T1/ü.txt", os.urandom(3000))]


# ---- names -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "path", "member"),
    [
        ("a/b.nii.gz", "a/b.nii.gz", ""),
        ("a.zip", "a.zip", ""),
        ("a.zip!/T1/T1.nii.gz", "a.zip", "T1/T1.nii.gz"),
        ("A.ZIP!/b", "A.ZIP", "b"),
        ("odd!/b.nii", "odd!/b.nii", ""),
        ("a.zip!/b.zip!/c", "a.zip", "b.zip!/c"),
    ],
)
def test_sources_are_parsed_and_written_back(text, path, member):
    source = Source.parse(text)
    assert (str(source.path), source.member) == (path, member)
    assert str(source) == text


def test_names_and_neighbours():
    assert Source.parse("x/a.zip!/T1/v.hdr").name == "v.hdr"
    assert str(Source.parse("x/a.zip!/T1/v.hdr").beside("v.img")) == (
        "x/a.zip!/T1/v.img"
    )
    assert str(Source.parse("x/v.hdr").beside("v.img")) == "x/v.img"


# ---- honest archives -------------------------------------------------------------
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_are_listed_and_read(tmp_path, method):
    path = written(tmp_path, zipped([*GOOD, ("folder/", b"")], method))
    assert members(path) == [Member(name, len(content)) for name, content in GOOD]
    for name, content in GOOD:
        assert read_bytes(Source(path, name)) == content
    with open_source(Source(path, "T1/a.txt")) as (stream, size):
        stream.seek(6)
        assert (stream.read(5), size) == (b"hello", 5400)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"], (
        "nothing is unpacked to disk"
    )


def test_a_comment_and_bytes_before_the_archive_do_no_harm(tmp_path):
    buffer = io.BytesIO(zipped(GOOD))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"c" * 65_000
    path = written(tmp_path, b"#!/bin/sh\n" + buffer.getvalue())
    assert read_bytes(Source(path, "T1/a.txt")) == GOOD[0][1]


def test_zip64(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        with archive.open("a", "w", force_zip64=True) as member:
            member.write(b"hello")
        archive.start_dir = buffer.tell()
    assert read_bytes(Source(written(tmp_path, buffer.getvalue()), "a")) == b"hello"


def test_files_are_read_to_a_limit(tmp_path):
    path = written(tmp_path, zipped(GOOD))
    for source in (Source(path), Source(path, "T1/a.txt")):
        size = len(read_bytes(source))
        assert len(read_bytes(source, limit=size)) == size
        with pytest.raises(Unusable, match=r"^file too large$"):
            read_bytes(source, limit=size - 1)


# ---- hostile archives ------------------------------------------------------------
def named(name):
    """An archive whose first entry has exactly this name."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    return zipped([(info, b"hello"), *GOOD])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/etc/passwd", "archive names a file outside itself"),
        ("../up", "archive names a file outside itself"),
        ("a/../../up", "archive names a file outside itself"),
        ("..", "archive names a file outside itself"),
        ("C:/x", "archive names a file outside itself"),
        ("c:x", "archive names a file outside itself"),
        ("a\\b", "archive with an odd file name"),
        ("..\\up", "archive with an odd file name"),
        ("T1/a.txt\0.exe", "archive with an odd file name"),
        ("T1/a.txt", "archive with two files of one name"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_lead_astray(tmp_path, name, reason):
    path = written(tmp_path, named(name))
    if "\0" in name:
        # the reader cuts names at the null, so this is a second T1/a.txt
        reason = "archive with two files of one name"
    assert refused(path) == reason


def test_a_null_in_a_name(tmp_path):
    info = zipfile.ZipInfo("x")
    info.filename = "a\0b"
    assert refused(written(tmp_path, zipped([(info, b"")]))) == (
        "archive with an odd file name"
    )


def entry(name="T1/a.txt", content=b"hello", **changes):
    info = zipfile.ZipInfo(name)
    for key, value in changes.items():
        setattr(info, key, value)
    return zipped([(info, content)])


def test_links_are_refused(tmp_path):
    raw = entry(content=b"/etc/passwd", external_attr=(stat.S_IFLNK | 0o777) << 16)
    assert refused(written(tmp_path, raw)) == "archive with a link"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_deflate_is_unpacked(tmp_path, method):
    assert refused(written(tmp_path, zipped(GOOD, method))) == (
        "archive packed in an unusual way"
    )


def patched(raw, where, form, *values):
    """Bytes at an offset of the first entry of the table of contents."""
    out = bytearray(raw)
    struct.pack_into(form, out, out.index(b"PK\1\2") + where, *values)
    return bytes(out)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a zip archive"),
        (b"hello" * 100, "not a zip archive"),
        (zipped(GOOD)[:-30], "archive is cut off or damaged"),
        (zipped(GOOD)[:100], "archive is cut off or damaged"),
        (patched(zipped(GOOD), 8, "<H", 1), "encrypted archive"),
        (patched(zipped(GOOD), 8, "<H", 0x40), "encrypted archive"),
        (patched(zipped(GOOD), 24, "<I", 0xFFFF_FFF0), "archive too large unpacked"),
        (patched(zipped(GOOD), 24, "<I", 2**31), "archive is cut off or damaged"),
    ],
)
def test_archives_that_are_refused(tmp_path, content, reason):
    assert refused(written(tmp_path, content)) == reason


def test_a_zip64_entry_that_declares_a_terabyte(tmp_path):
    raw = zipped([("a", b"hello")])
    at = raw.index(b"PK\1\2")
    head = bytearray(raw[at : at + 46])
    struct.pack_into("<2I", head, 20, 0xFFFF_FFFF, 0xFFFF_FFFF)
    extra = struct.pack("<2H2Q", 1, 16, 2**40, 2**40)
    struct.pack_into("<H", head, 30, len(extra))
    end = bytearray(raw[raw.index(b"PK\5\6") :])
    struct.pack_into("<I", end, 12, 46 + 1 + len(extra))
    path = written(tmp_path, raw[:at] + head + b"a" + extra + end)
    assert refused(path, "a") == "archive too large unpacked"


def test_a_table_of_contents_that_would_fill_the_memory(tmp_path, monkeypatch):
    path = written(tmp_path, zipped([(f"{i}", b"") for i in range(50)]))
    monkeypatch.setattr(archives, "MAX_MEMBERS", 49)
    assert refused(path) == "archive of too many files"
    monkeypatch.setattr(archives, "MAX_DIRECTORY", 500)
    assert refused(path) == "archive of too many files"


def test_an_archive_that_lacks_its_beginning(tmp_path):
    path = written(tmp_path, zipped(GOOD)[100:])
    with pytest.raises(Unusable, match=r"^archive is cut off or damaged$"):
        read_bytes(Source(path, "T1/a.txt"))


def test_wrong_bytes_of_a_member_are_found_by_its_checksum(tmp_path):
    raw = bytearray(zipped(GOOD, zipfile.ZIP_STORED))
    raw[60] ^= 1
    with pytest.raises(Unusable, match=r"^archive is cut off or damaged$"):
        read_bytes(Source(written(tmp_path, raw), "T1/a.txt"))


@pytest.mark.parametrize("declared", [10, 5000])
def test_declared_sizes_are_not_believed(tmp_path, declared):
    path = written(tmp_path, patched(zipped(GOOD), 24, "<I", declared))
    with pytest.raises(Unusable):
        read_bytes(Source(path, "T1/a.txt"))


def test_members_that_are_missing_or_archives(tmp_path):
    inner = zipped(GOOD)
    path = written(tmp_path, zipped([("in.zip", inner)]))
    for member, reason in [
        ("gone", "file is missing in the archive"),
        ("../a.zip", "file is missing in the archive"),
        ("in.zip", "archive within an archive"),
        ("in.zip!/T1/a.txt", "archive within an archive"),
    ]:
        with pytest.raises(Unusable) as caught:
            read_bytes(Source(path, member))
        assert str(caught.value) == reason


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.zip")
    for name, reason in [
        ("gone.zip", "file is missing"),
        ("pipe.zip", "not a file"),
        (".", "not a file"),
    ]:
        assert refused(tmp_path / name) == reason


BOMB = """
import resource, sys, time
from pathlib import Path
from precompute.readers.archives import Source, read_bytes
from precompute.readers.nifti import read_nifti
from precompute.readers.reasons import Unusable
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
for text in sys.argv[1:]:
    read = read_nifti if ".nii" in text else read_bytes
    try:
        read(Source.parse(text), **({} if read is read_nifti else {"limit": 1 << 20}))
        print("read")
    except Unusable as reason:
        print(reason)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
print(time.perf_counter() - start)
"""


def test_bombs_leave_the_memory_flat(tmp_path):
    """Half a GB of zeros, zipped or behind a valid header, and gigabytes only claimed.

    In a process of its own, whose peak of memory is measured.
    """
    import gzip
    import zlib

    import nibabel as nib
    import numpy as np

    zeros = bytes(1 << 26)
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("bomb", "w", force_zip64=True) as member,
    ):
        for _ in range(8):
            member.write(zeros)
    header = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)).to_bytes()
    packer = zlib.compressobj(1, wbits=31)
    with (tmp_path / "bomb.nii.gz").open("wb") as file:
        file.write(packer.compress(header))
        for _ in range(8):
            file.write(packer.compress(zeros))
        file.write(packer.flush())
    huge = bytearray(header)
    # 199 million voxels of float64: within the limit, but the file is a few bytes
    struct.pack_into("<4h", huge, 40, 3, 1000, 1000, 199)
    struct.pack_into("<2h", huge, 70, 64, 64)
    (tmp_path / "claim.nii").write_bytes(huge)
    (tmp_path / "claim.nii.gz").write_bytes(gzip.compress(huge))
    names = ["a.zip!/bomb", "bomb.nii.gz", "claim.nii", "claim.nii.gz"]
    done = subprocess.run(
        [sys.executable, "-c", BOMB, *(str(tmp_path / name) for name in names)],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    *reasons, megabytes, seconds = done.stdout.split("\n")[:-1]
    assert reasons == [
        "file too large",
        "file is longer than its header says",
        "unreadable volume (cut off or damaged)",
        "unreadable volume (cut off or damaged)",
    ]
    assert int(megabytes) < 60 and float(seconds) < 5


# ---- reasons ---------------------------------------------------------------------
@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_becomes_a_reason(kind):
    error = kind("utf-8", b"", 0, 1, "") if kind is UnicodeDecodeError else kind()
    with pytest.raises(Unusable, match=r"^because$"), refusing("because"):
        raise error
    with pytest.raises(Unusable, match=r"^within$"), refusing("because"):
        raise Unusable("within")
    with pytest.raises(MemoryError), refusing("because"):
        raise MemoryError
