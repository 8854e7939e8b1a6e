"""Reads NIfTI-1, NIfTI-2 and Analyze 7.5, as one file or a pair, packed or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

import numpy as np
from isal import igzip

from precompute.readers.archives import DEFLATE_RATIO, Source, open_source
from precompute.readers.nifti_header import (
    DAMAGED_VOLUME,
    HEADER_BYTES,
    NOT_NIFTI,
    Header,
    parse_header,
)
from precompute.readers.reasons import Unusable, refusing
from precompute.readers.turns import take_turn
from precompute.readers.volume import (
    Labels,
    Volume,
    closest_canonical,
    spacing_of,
)

_CHUNK = 1 << 20
_SPARE = 1 << 20
"""Bytes after the last voxel that are passed over; more mean a wrong header."""
_ENDING = re.compile(r"\.(hdr|img)(\.gz)?$", re.IGNORECASE)
_WHOLE = 1e-3
"""How far from a whole number a label may lie: float masks are rescaled integers."""


def read_nifti(source: Source, *, frame: int = 0) -> Volume:
    """Read one time point of a volume.

    What the file is, is told by its content, not by its name; only the other half of a
    header and image pair is found by name.

    Parameters
    ----------
    source
        The file, or either half of a pair.
    frame
        Time point of a 4-D file, from 0; only this one is kept in memory.

    Returns
    -------
    Volume
        NaN and infinities are left in its values. Colours are 3 channels, an alpha
        channel is dropped; a 5-D file (x, y, z, 1, c) has c channels.

    Raises
    ------
    Unusable
        With the reason, where it cannot be read rightly.
    """
    with refusing(DAMAGED_VOLUME):
        return _turned(*_read(source, frame))


def read_labels(source: Source) -> Labels:
    """Read a mask or label map; NaN counts as 0.

    Returns
    -------
    Labels
        Integers as the file stores them, int32 where it stores or scales to fractions.

    Raises
    ------
    Unusable
        Where it cannot be read, has several time points or channels, or values that
        are negative or not whole.
    """
    with refusing(DAMAGED_VOLUME):
        stored, header = _read(source, 0)
        if header.frames > 1:
            raise Unusable("mask of several time points")
        if header.channels * header.parts > 1:
            raise Unusable("mask of several channels")
        volume = _turned(stored, header)
        values = _whole(volume)
    return Labels(values, volume.spacing_mm, volume.affine)


def _turned(stored: np.ndarray, header: Header) -> Volume:
    spacing, affine = header.spacing_mm, header.affine
    if affine is not None:
        stored, affine = closest_canonical(stored, affine)
        spacing = spacing_of(affine)
    return Volume(stored, spacing, affine, header.slope, header.intercept)


def _whole(volume: Volume) -> np.ndarray:
    stored = volume.stored[..., 0]
    plain = (volume.slope, volume.intercept) == (1.0, 0.0)
    if plain and stored.dtype.kind in "iu":
        if stored.dtype.kind == "i" and stored.min() < 0:
            raise Unusable("mask holds negative numbers")
        return stored.astype(stored.dtype.newbyteorder("="), copy=False)
    out = np.empty_like(stored, dtype=np.int32)
    axis = int(np.argmax(np.abs(stored.strides)))
    for to, plane in zip(
        np.moveaxis(out, axis, 0), np.moveaxis(stored, axis, 0), strict=True
    ):
        values = plane.astype(np.float64) * volume.slope + volume.intercept
        values[np.isnan(values)] = 0
        rounded = np.rint(values)
        # written so that infinities, whose difference is NaN, are refused too
        with np.errstate(invalid="ignore"):
            if not (np.abs(values - rounded) <= _WHOLE).all():
                raise Unusable("mask is not of whole numbers")
        if rounded.min() < 0:
            raise Unusable("mask holds negative numbers")
        if rounded.max() > np.iinfo(np.int32).max:
            raise Unusable("mask holds numbers too large for labels")
        to[...] = rounded
    return out


def _read(source: Source, frame: int) -> tuple[np.ndarray, Header]:
    """The file's own numbers (x, y, z, channels) of one time point, and its header."""
    ending = _ENDING.search(source.name)
    image = bool(ending) and ending is not None and ending[1].lower() == "img"
    with open_source(source) as (file, size), _unpacked(file, size) as (stream, most):
        block = _take(stream, HEADER_BYTES)
        if not block:
            raise Unusable("empty file")
        try:
            header = parse_header(block)
        except Unusable:
            if not image:
                raise
            header = None
        if header is not None and header.alone:
            return _voxels(stream, header, most=most, frame=frame), header
    if ending is None:
        # a header without its image is known by name; this has none
        raise Unusable(NOT_NIFTI)
    if image or header is None:
        header = _other_header(source, ending)
    return _other_voxels(source, ending, header, frame=frame), header


def _other_header(source: Source, ending: re.Match[str]) -> Header:
    half = _other(source, ending, "hdr")
    if half is None:
        raise Unusable("image without its header file")
    with open_source(half) as (file, size), _unpacked(file, size) as (stream, _):
        header = parse_header(_take(stream, HEADER_BYTES))
    if header.alone:
        raise Unusable("header and image do not belong together")
    return header


def _other_voxels(
    source: Source, ending: re.Match[str], header: Header, *, frame: int
) -> np.ndarray:
    half = _other(source, ending, "img")
    if half is None:
        raise Unusable("header without its image file" if header.nifti else NOT_NIFTI)
    with open_source(half) as (file, size), _unpacked(file, size) as (stream, most):
        return _voxels(stream, header, most=most, frame=frame)


def _other(source: Source, ending: re.Match[str], kind: str) -> Source | None:
    """The header or image half of a pair: itself, or the file beside it."""
    if ending[1].lower() == kind:
        return source
    stem = source.name[: ending.start()]
    if ending[1].isupper():
        kind = kind.upper()
    for packed in ("", ".gz"):
        half = source.beside(f"{stem}.{kind}{packed}")
        try:
            with open_source(half):
                return half
        except Unusable:
            continue
    return None


@contextmanager
def _unpacked(file: IO[bytes], size: int) -> Iterator[tuple[IO[bytes], int]]:
    """A stream of the unpacked bytes, and the most there can be of them."""
    magic = file.read(3)
    file.seek(0)
    if magic != b"\x1f\x8b\x08":
        yield file, size
        return
    # twice as fast as gzip.GzipFile, and as strict
    with igzip.IGzipFile(fileobj=file, mode="rb") as stream:  # type: ignore[no-untyped-call]
        yield cast(IO[bytes], stream), size * DEFLATE_RATIO


def _take(stream: IO[bytes], count: int) -> bytes:
    """The next bytes, fewer only at the end of the file."""
    content = b""
    while len(content) < count:
        chunk = stream.read(count - len(content))
        if not chunk:
            break
        content += chunk
    return content


def _voxels(stream: IO[bytes], header: Header, *, most: int, frame: int) -> np.ndarray:
    """Read one time point into (x, y, z, channels)."""
    # before anything is set aside: a short file cannot hold what a wrong header says
    if header.end > most:
        raise Unusable(DAMAGED_VOLUME)
    if not 0 <= frame < header.frames:
        points = "point" if header.frames == 1 else "points"
        raise Unusable(f"has only {header.frames} time {points}")
    take_turn(header.frame_bytes // header.dtype.itemsize)
    stream.seek(header.offset + frame * header.frame_bytes)
    values = np.empty(header.frame_bytes, np.uint8)
    view, done = values.data, 0
    while done < len(view):
        # IO[bytes] of typeshed lacks what every binary stream has
        got = stream.readinto(view[done : done + _CHUNK])  # type: ignore[attr-defined]
        if not got:
            raise Unusable(DAMAGED_VOLUME)
        done += got
    _read_to_end(stream, header.end)
    x, y, z = header.shape
    inner, outer = header.parts, header.channels
    whole = values.view(header.dtype).reshape((inner, x, y, z, outer), order="F")
    # colours lie together, channels of a 5-D file apart; alpha is no colour
    whole = whole[:3] if inner > 1 else whole
    return np.moveaxis(whole[..., 0], 0, -1) if inner > 1 else whole[0]


def _read_to_end(stream: IO[bytes], end: int) -> None:
    """Pass over the rest: later time points must be there, the checksum must fit."""
    left = end + _SPARE - stream.tell()
    while left >= 0 and (chunk := stream.read(_CHUNK)):
        left -= len(chunk)
    if left < 0:
        raise Unusable("file is longer than its header says")
    if left > _SPARE:
        raise Unusable(DAMAGED_VOLUME)
