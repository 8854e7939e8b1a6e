"""What a NIfTI or Analyze header says, checked before anything else is read."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spm2analyze import Spm2AnalyzeHeader

from precompute.readers.archives import MAX_BYTES
from precompute.readers.reasons import DAMAGED, Unusable, refusing
from precompute.readers.volume import (
    MAX_VOXELS,
    SINGULAR,
    TOO_LARGE,
    Spacing,
    spacing_of,
)

HEADER_BYTES = 540
"""Length of the longest header, NIfTI-2."""
DAMAGED_VOLUME = "unreadable volume (cut off or damaged)"
NOT_NIFTI = "not a NIfTI file"
_NIFTI2 = b"\r\n\x1a\n"
_KINDS = {
    b"n+1\0": (Nifti1Header, True),
    b"ni1\0": (Nifti1Header, False),
    b"n+2\0": (Nifti2Header, True),
    b"ni2\0": (Nifti2Header, False),
}
_COLOURS = {128: 3, 2304: 4}
"""NIfTI's code of RGB and RGBA, a byte each → parts."""
_TO_MM = {1: 1000.0, 2: 1.0, 3: 0.001}
"""Code of the spatial unit (metre, millimetre, micrometre) → mm."""
_SPATIAL = 7
"""Bits of ``xyzt_units`` that hold the spatial unit."""


@dataclass(frozen=True, eq=False)
class Header:
    """Where a volume lies in its file and what its numbers mean."""

    shape: tuple[int, int, int]
    """Voxels along the file's own axes."""
    frames: int
    """Time points."""
    channels: int
    """Values of a voxel, each a plane of its own in the file (5-D)."""
    parts: int
    """Values of a voxel that lie together in the file (RGB), or 1."""
    dtype: np.dtype
    """Of one value, in the file's byte order."""
    offset: int
    """Byte of the first voxel in the file of the voxels."""
    slope: float
    intercept: float
    affine: np.ndarray | None
    """(4, 4) voxel index to mm in RAS; None where the file has none."""
    spacing_mm: Spacing | None
    """Along the file's own axes; None where the file has none."""
    alone: bool
    """Whether header and voxels are one file."""
    nifti: bool
    """False: Analyze 7.5, which has no mark to know it by."""

    @property
    def frame_bytes(self) -> int:
        """Bytes of one time point."""
        values = self.channels * self.parts
        return int(np.prod(self.shape, dtype=object)) * values * self.dtype.itemsize

    @property
    def end(self) -> int:
        """Byte after the last voxel of the last time point."""
        return self.offset + self.frame_bytes * self.frames


def parse_header(block: bytes) -> Header:
    """Read a header of either byte order.

    Parameters
    ----------
    block
        The first `HEADER_BYTES` of the file, or all of a shorter one.

    Raises
    ------
    Unusable
        Where it is no header, is damaged, or declares what is not read.
    """
    with refusing(DAMAGED_VOLUME):
        return _parse(block)


def _parse(block: bytes) -> Header:
    order = next((o for o in "<>" if block[:4] in _sizes(o)), None)
    if order is None or len(block) < 348:
        raise Unusable(NOT_NIFTI)
    if struct.unpack(f"{order}i", block[:4])[0] == HEADER_BYTES:
        magic, length = block[4:8], HEADER_BYTES
        if block[8:12] != _NIFTI2 or magic not in (b"n+2\0", b"ni2\0"):
            raise Unusable(NOT_NIFTI)
    else:
        magic, length = block[344:348], 348
        if magic in (b"n+2\0", b"ni2\0"):
            raise Unusable(NOT_NIFTI)
    kind, alone = _KINDS.get(magic, (Spm2AnalyzeHeader, False))
    if len(block) < length:
        raise Unusable(DAMAGED_VOLUME)
    header: Any = kind(block[:length], order, check=False)
    nifti = kind is not Spm2AnalyzeHeader
    shape, frames, channels = _dimensions(header["dim"].tolist())
    code = int(header["datatype"])
    dtype, parts = _numbers(header, code)
    if parts > 1 and channels > 1:
        raise Unusable("5-D volume of colours")
    slope, intercept = _scaling(header, nifti=nifti)
    affine, spacing = _geometry(header, shape) if nifti else _analyze(header, shape)
    found = Header(
        shape=shape,
        frames=frames,
        channels=channels,
        parts=parts,
        dtype=dtype,
        offset=_offset(header, length, alone),
        slope=slope,
        intercept=intercept,
        affine=affine,
        spacing_mm=spacing,
        alone=alone,
        nifti=nifti,
    )
    if int(np.prod(shape, dtype=object)) * channels * parts > MAX_VOXELS:
        raise Unusable(TOO_LARGE)
    if found.end > MAX_BYTES:
        raise Unusable("file too large")
    return found


def _sizes(order: str) -> tuple[bytes, bytes]:
    return struct.pack(f"{order}i", 348), struct.pack(f"{order}i", HEADER_BYTES)


def _dimensions(dim: list[int]) -> tuple[tuple[int, int, int], int, int]:
    """Shape, time points and channels of the eight numbers of ``dim``."""
    if not 1 <= dim[0] <= 7 or min(dim[1 : dim[0] + 1]) < 0:
        raise Unusable(DAMAGED_VOLUME)
    sizes = dim[1 : dim[0] + 1]
    if 0 in sizes:
        raise Unusable("volume without voxels")
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    if len(sizes) == 1:
        raise Unusable("1-D volume")
    x, y, z, frames, channels = (*sizes, *[1] * 4)[:5]
    if len(sizes) > 5:
        raise Unusable(f"{len(sizes)}-D volume")
    if len(sizes) == 5 and frames > 1:
        # which of the two is time cannot be known
        raise Unusable(f"5-D volume (x, y, z, {frames}, {channels})")
    return (x, y, z), frames, channels


def _numbers(header: Any, code: int) -> tuple[np.dtype, int]:
    """Type of one value and how many lie together."""
    if code in _COLOURS:
        return np.dtype(np.uint8), _COLOURS[code]
    try:
        dtype = header.get_data_dtype()
    except DAMAGED as error:
        raise Unusable("unknown type of numbers") from error
    if dtype.kind == "c":
        raise Unusable("complex values")
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        # what 128 bits mean differs between machines
        raise Unusable("unknown type of numbers")
    return dtype, 1


def _scaling(header: Any, *, nifti: bool) -> tuple[float, float]:
    if not nifti:
        slope, intercept = header.get_slope_inter()
    else:
        slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope is None or not np.isfinite(slope) or slope == 0:
        return 1.0, 0.0
    intercept = intercept or 0.0
    if not np.isfinite(intercept):
        raise Unusable(DAMAGED_VOLUME)
    return float(slope), float(intercept)


def _offset(header: Any, length: int, alone: bool) -> int:
    """Byte of the first voxel; Analyze and NIfTI-1 hold it as a float."""
    offset = int(header["vox_offset"])
    if offset != header["vox_offset"] or offset < 0:
        raise Unusable(DAMAGED_VOLUME)
    # four bytes after the header say whether extensions follow
    least = length + 4 if alone else 0
    if 0 < offset < least:
        raise Unusable(DAMAGED_VOLUME)
    return max(offset, least)


def _geometry(
    header: Any, shape: tuple[int, int, int]
) -> tuple[np.ndarray | None, Spacing | None]:
    """Affine and spacing of a NIfTI header."""
    pixdim = np.asarray(header["pixdim"], np.float64)[1:4]
    unit = int(header["xyzt_units"]) & _SPATIAL
    factor = _TO_MM.get(unit, 1.0)
    unscaled = bool(np.isin(pixdim, (0, 1)).all())
    if header["sform_code"] > 0:
        affine = np.asarray(header.get_sform(), np.float64)
    elif header["qform_code"] > 0:
        with refusing(SINGULAR):
            affine = np.asarray(header.get_qform(), np.float64)
    else:
        # NIfTI's method 1: no orientation is known, so nothing is turned
        known = unit in _TO_MM and not unscaled
        return None, _spacing(pixdim * factor, shape) if known else None
    if unit not in _TO_MM and (pixdim == 1).all() and (affine == np.eye(4)).all():
        # what libraries write for an array that came without any geometry
        return None, None
    affine = _filled(affine, shape)
    affine[:3] *= factor
    return affine, spacing_of(affine)


def _filled(affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Give an axis of one voxel that has no direction the one across the others."""
    affine = affine.copy()
    for axis in range(3):
        if shape[axis] == 1 and not affine[:3, axis].any():
            one, two = affine[:3, (axis + 1) % 3], affine[:3, (axis + 2) % 3]
            across = np.cross(one, two)
            length = np.linalg.norm(across)
            affine[:3, axis] = across / length if length else 0
    return affine


def _analyze(header: Any, shape: tuple[int, int, int]) -> tuple[None, Spacing | None]:
    """Analyze 7.5 has a voxel size, but does not say how the body lies."""
    pixdim = np.asarray(header["pixdim"], np.float64)[1:4]
    known = not np.isin(pixdim, (0, 1)).all()
    return None, _spacing(pixdim, shape) if known else None


def _spacing(sizes: np.ndarray, shape: tuple[int, int, int]) -> Spacing | None:
    """Voxel sizes in mm; an axis of one voxel may lack one and counts as 1 mm."""
    if not np.isfinite(sizes).all():
        raise Unusable(SINGULAR)
    sizes = np.where((sizes == 0) & (np.array(shape) == 1), 1.0, np.abs(sizes))
    x, y, z = sizes.tolist()
    return (x, y, z) if x and y and z else None
