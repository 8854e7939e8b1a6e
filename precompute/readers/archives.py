"""Files and members of zip archives, opened without trusting what they say.

Archives come from elsewhere. Nothing is ever unpacked to disk, what they declare is
checked before anything is read, and what comes out is counted while it is read.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from precompute.readers.reasons import Unusable, refusing

MAX_BYTES = 4 * 1024**3
"""A file, or all members of an archive together, of more bytes unpacked is refused."""
MAX_MEMBERS = 50_000
"""An archive of more members is refused; UK Biobank's largest hold some thousands."""
MAX_DIRECTORY = 32 * 1024**2
"""Bytes of an archive's table of contents, which is read whole."""
DEFLATE_RATIO = 1032
"""Deflate cannot pack tighter: whoever declares more has a wrong size."""
NESTED = "archive within an archive"
_CUT = "archive is cut off or damaged"
_SEPARATOR = re.compile(r"(?<=\.zip)!/", re.IGNORECASE)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Source:
    """A file, or a member of a zip archive."""

    path: Path
    member: str = ""
    """Name within the archive with ``/``; empty: the file itself."""

    @classmethod
    def parse(cls, text: Path | str) -> Source:
        """``a.zip!/T1/T1.nii.gz`` is a member, anything else a path."""
        path, *member = _SEPARATOR.split(str(text), maxsplit=1)
        return cls(Path(path), *member)

    def __str__(self) -> str:
        return f"{self.path}!/{self.member}" if self.member else str(self.path)

    @property
    def name(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.member).name if self.member else self.path.name

    def beside(self, name: str) -> Source:
        """Another file of the same folder, on disk or within the archive."""
        if self.member:
            inner = str(PurePosixPath(self.member).with_name(name))
            return Source(self.path, inner)
        return Source(self.path.with_name(name))


@dataclass(frozen=True)
class Member:
    """One file of an archive, as its table of contents declares it."""

    name: str
    size: int
    """Bytes unpacked, as declared."""


class Archive:
    """An open zip archive whose table of contents has been checked."""

    def __init__(self, opened: zipfile.ZipFile) -> None:
        infos = [info for info in opened.infolist() if not info.is_dir()]
        _check(infos)
        self._opened = opened
        self._infos = {info.filename: info for info in infos}

    @property
    def members(self) -> list[Member]:
        """Files of the archive in its own order, without folders."""
        return [Member(info.filename, info.file_size) for info in self._infos.values()]

    @contextmanager
    def stream(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        """Open one member for reading; its declared size stands beside it."""
        if name not in self._infos:
            raise Unusable("file is missing in the archive")
        info = self._infos[name]
        with refusing(_CUT):
            opened = self._opened.open(info)
        with opened as stream:
            yield stream, info.file_size

    def read(self, name: str, *, limit: int = MAX_BYTES) -> bytes:
        """Read one member whole; more than ``limit`` bytes are `Unusable`."""
        with refusing(_CUT), self.stream(name) as (stream, size):
            return _no_archive(_at_most(stream, size, limit))

    def peek(self, name: str, count: int) -> bytes:
        """The first bytes of a member, fewer where it is shorter."""
        with refusing(_CUT), self.stream(name) as (stream, _):
            return _no_archive(stream.read(count))

    def pass_over(self, name: str) -> None:
        """Hold a member against its checksum and keep nothing of it."""
        with refusing(_CUT), self.stream(name) as (stream, _):
            while stream.read(_CHUNK):
                pass


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a zip archive and check its table of contents.

    Raises
    ------
    Unusable
        Where it is missing, no zip, cut off, encrypted, too large, or names files in a
        way no honest archive does.
    """
    with _open_file(path) as (file, size):
        _check_directory(file, size)
        with refusing(_CUT):
            opened = zipfile.ZipFile(file)
        with opened:
            with refusing(_CUT):
                archive = Archive(opened)
            yield archive


@contextmanager
def open_source(source: Source) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file or member for reading.

    Yields
    ------
    stream, size
        A seekable binary stream and its bytes (of a member: as declared, never more).

    Raises
    ------
    Unusable
        Where it cannot be opened.
    """
    if not source.member:
        with _open_file(source.path) as opened:
            yield opened
        return
    if _SEPARATOR.search(source.member):
        raise Unusable(NESTED)
    with open_archive(source.path) as archive, archive.stream(source.member) as opened:
        yield opened


def read_bytes(source: Source, *, limit: int = MAX_BYTES) -> bytes:
    """Read a file or member whole.

    Parameters
    ----------
    source
        What to read.
    limit
        Most bytes it may have.

    Raises
    ------
    Unusable
        Where it cannot be read, or is larger.
    """
    reason = _CUT if source.member else "file cannot be read"
    with refusing(reason), open_source(source) as (stream, size):
        content = _at_most(stream, size, limit)
    return _no_archive(content) if source.member else content


def members(path: Path) -> list[Member]:
    """List the files of a zip archive, in its own order and without folders.

    Raises
    ------
    Unusable
        Where the archive is refused, see `open_archive`.
    """
    with open_archive(path) as archive:
        return archive.members


@contextmanager
def _open_file(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    # a pipe or device would wait for ever, so what the path is comes first
    with refusing("file cannot be read"):
        if not path.exists():
            raise Unusable("file is missing")
        if not path.is_file():
            raise Unusable("not a file")
        file = path.open("rb")
    with file:
        yield file, path.stat().st_size


def _at_most(stream: IO[bytes], size: int, limit: int) -> bytes:
    """All bytes of a stream, counted while they come: sizes are only declared."""
    # grows in place and is handed over without a copy, as joined chunks are not
    content, left = io.BytesIO(), limit
    if size > limit:
        raise Unusable("file too large")
    while chunk := stream.read(min(_CHUNK, left + 1)):
        left -= len(chunk)
        if left < 0:
            raise Unusable("file too large")
        content.write(chunk)
    return content.getvalue()


def _no_archive(content: bytes) -> bytes:
    if content[:4] == b"PK\x03\x04":
        raise Unusable(NESTED)
    return content


def _check_directory(file: IO[bytes], size: int) -> None:
    """Refuse what is no zip or whose table of contents alone would fill the memory."""
    file.seek(0)
    start = file.read(4)
    # the end record stands before a comment of at most 65535 bytes, and in a large
    # archive (zip64) another record and its locator stand right before it
    file.seek(max(0, size - 65_535 - 22 - 20 - 56))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise Unusable(_CUT if start[:2] == b"PK" else "not a zip archive")
    (directory,) = struct.unpack_from("<I", tail, at + 12)
    if at >= 76 and tail[at - 20 : at - 16] == b"PK\x06\x07":
        (directory,) = struct.unpack_from("<Q", tail, at - 76 + 40)
    if directory > size:
        raise Unusable(_CUT)
    if directory > MAX_DIRECTORY:
        raise Unusable("archive of too many files")
    file.seek(0)


def _check(infos: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse an archive for what its table of contents says."""
    if len(infos) > MAX_MEMBERS:
        raise Unusable("archive of too many files")
    if len({info.filename for info in infos}) < len(infos):
        raise Unusable("archive with two files of one name")
    if sum(info.file_size for info in infos) > MAX_BYTES:
        raise Unusable("archive too large unpacked")
    for info in infos:
        name = info.orig_filename
        parts = name.split("/")
        if name.startswith("/") or ".." in parts or re.match("[A-Za-z]:", name):
            raise Unusable("archive names a file outside itself")
        if "\\" in name or "\0" in name or not name:
            raise Unusable("archive with an odd file name")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Unusable("archive with a link")
        if info.flag_bits & 0x41:
            raise Unusable("encrypted archive")
        if info.compress_type not in _METHODS:
            raise Unusable("archive packed in an unusual way")
        if info.file_size > DEFLATE_RATIO * info.compress_size + 64:
            raise Unusable(_CUT)
