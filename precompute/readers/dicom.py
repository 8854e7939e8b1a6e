"""Reads archives of DICOM slices as volumes, and DICOM files as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from precompute.readers.archives import NESTED, Source, open_archive, read_bytes
from precompute.readers.dicom_files import (
    DAMAGED_DICOM,
    MAX_DICOM,
    START,
    check,
    is_dicom,
    parse,
    pixels,
    rescale,
)
from precompute.readers.dicom_stacks import Slice, Stack, slice_of, stacks_of
from precompute.readers.reasons import Unusable, refusing
from precompute.readers.stations import stitch
from precompute.readers.turns import take_turn
from precompute.readers.volume import (
    MAX_VOXELS,
    TOO_LARGE,
    Volume,
    closest_canonical,
    spacing_of,
)

_KEYWORDS = (
    "SpecificCharacterSet", "SOPClassUID", "SeriesDescription", "SeriesInstanceUID",
    "SeriesNumber", "AcquisitionNumber", "InstanceNumber", "TriggerTime",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "SliceThickness", "SpacingBetweenSlices", "SamplesPerPixel",
    "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows",
    "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "PixelData",
)  # fmt: skip
_TAGS = [tag for word in _KEYWORDS if (tag := tag_for_keyword(word)) is not None]
MAX_KEPT = 1024**3
"""Bytes of the wanted slices of an archive, all time points together."""
_NO_IMAGE = "no DICOM image in the archive"
_ALL = (slice(None), slice(None), slice(None))
_GREY = ("MONOCHROME1", "MONOCHROME2")
_KNOWN = (
    *_GREY, "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT",
)  # fmt: skip


def read_series(
    source: Source, *, series: Sequence[str] = (), frame: int = 0
) -> Volume:
    """Read a zip archive of DICOM slices as one volume.

    What is no DICOM image (a directory, a report, a manifest) is passed over.

    Parameters
    ----------
    source
        The archive.
    series
        For each channel the series descriptions it is made of, with ``*``, ``?`` and
        ``[…]`` as in file names, case-sensitive. Empty: one channel of all series.
    frame
        Which of the images at one place is read, from 0, by the time after the
        heartbeat and then by number.

    Returns
    -------
    Volume
        Stations of the body are stitched; a channel each entry of ``series``.

    Raises
    ------
    Unusable
        With the reason, where the volume cannot be put together rightly.
    """
    if source.member:
        raise Unusable(NESTED)
    patterns = tuple(series) or ("*",)
    slices = _slices(source, patterns)
    channels = []
    for pattern in patterns:
        found = [one for one in slices if fnmatchcase(one.description, pattern)]
        channels.append(_channel(found, pattern, frame=frame, channels=len(patterns)))
    return _together(channels)


def read_dicom_picture(source: Source) -> np.ndarray:
    """Read one DICOM file as a picture.

    Returns
    -------
    numpy.ndarray
        (height, width), or (height, width, 3) red, green, blue. Integers as stored, or
        float32 where the file has a slope or intercept. Bright is high: inverted files
        (MONOCHROME1) are turned round.

    Raises
    ------
    Unusable
        Where it is no DICOM image, has several frames, or cannot be decoded.
    """
    found = parse(read_bytes(source, limit=MAX_DICOM))
    if found is None:
        raise Unusable("not a DICOM image")
    with refusing(DAMAGED_DICOM):
        check(found)
        kind = str(found.PhotometricInterpretation)
        if kind not in _KNOWN:
            raise Unusable("DICOM of unknown colours")
        values = pixels(found)
        if kind == "PALETTE COLOR":
            return apply_color_lut(values, found)
        if values.ndim == 3:
            return values
        slope, intercept = rescale(found)
        if kind == "MONOCHROME1":
            values = _inverted(values, found)
        if (slope, intercept) == (1.0, 0.0):
            return values
        return (values * np.float64(slope) + intercept).astype(np.float32)


def _slices(source: Source, patterns: Sequence[str]) -> list[Slice]:
    """Slices of the wanted series; an archive without any image is refused."""
    slices = []
    images = kept = 0
    with open_archive(source.path) as archive:
        for member in archive.members:
            if _of_a_mac(member.name):
                continue
            # what is no image may be of any size and is never held
            if not is_dicom(archive.peek(member.name, START)):
                if member.name.lower().endswith(".dcm"):
                    raise Unusable(DAMAGED_DICOM)
                archive.pass_over(member.name)
                continue
            # a value has two bytes as a rule, and compressed or not it needs memory
            take_turn((kept + member.size) // 2)
            content = archive.read(member.name, limit=MAX_DICOM)
            found = parse(content, tags=_TAGS)
            if found is None:
                continue
            images += 1
            with refusing(DAMAGED_DICOM):
                description = str(found.get("SeriesDescription", ""))
                if not any(fnmatchcase(description, p) for p in patterns):
                    continue
                check(found)
                _check_grey(found)
            kept += len(content)
            if kept > MAX_KEPT:
                raise Unusable("archive too large unpacked")
            slices.append(slice_of(found))
    if not images:
        raise Unusable(_NO_IMAGE)
    return slices


def _of_a_mac(name: str) -> bool:
    """Whether a member holds what a Mac keeps of a file beside it."""
    *folders, last = name.split("/")
    return "__MACOSX" in folders or last.startswith("._")


def _check_grey(found: Dataset) -> None:
    kind = str(found.PhotometricInterpretation)
    if kind == "PALETTE COLOR":
        raise Unusable("DICOM volume of palette colours")
    if kind not in _GREY or int(found.get("SamplesPerPixel", 1)) != 1:
        raise Unusable("DICOM volume of colours")


def _channel(slices: list[Slice], pattern: str, *, frame: int, channels: int) -> Volume:
    if not slices:
        raise Unusable(f"no series named {pattern} in the archive")
    stacks = stacks_of(slices, frame=frame)
    voxels = sum(len(s.slices) * int(np.prod(s.slices[0].grid[:2])) for s in stacks)
    if voxels > MAX_VOXELS:
        raise Unusable(TOO_LARGE)
    take_turn(voxels * channels)
    return stitch([_volume(stack) for stack in stacks])


def _volume(stack: Stack) -> Volume:
    """Decode the slices of a stack."""
    scales = [rescale(one.dataset) for one in stack.slices]
    same = len(set(scales)) == 1
    stored: np.ndarray | None = None
    for index, one in enumerate(stack.slices):
        plane = pixels(one.dataset)
        if not same:
            slope, intercept = scales[index]
            plane = (plane * np.float64(slope) + intercept).astype(np.float32)
        if stored is None:
            stored = np.empty((len(stack.slices), *plane.shape), plane.dtype)
        if plane.dtype != stored.dtype:
            raise Unusable("slices of different types of numbers")
        stored[index] = plane
    assert stored is not None, "a stack has a slice"
    # (slice, row, column) in memory; columns run along x in the slice's own grid
    turned, affine = closest_canonical(
        stored.transpose(2, 1, 0)[..., None], stack.affine
    )
    slope, intercept = scales[0] if same else (1.0, 0.0)
    return Volume(turned, spacing_of(affine), affine, slope, intercept)


def _together(channels: list[Volume]) -> Volume:
    """Channels on one grid as one volume."""
    first = channels[0]
    if len(channels) == 1:
        return first
    for other in channels[1:]:
        if other.shape != first.shape or not _close(other, first):
            raise Unusable("channels lie on different grids")
    x, y, z = first.shape
    if x * y * z * len(channels) > MAX_VOXELS:
        raise Unusable(TOO_LARGE)
    values = np.empty((len(channels), z, y, x), np.float32).transpose(3, 2, 1, 0)
    for index, volume in enumerate(channels):
        values[..., index] = volume.crop(_ALL)[..., 0]
    return Volume(values, first.spacing_mm, first.affine)


def _close(one: Volume, two: Volume) -> bool:
    """Whether two affines put every voxel within a tenth of one."""
    assert one.affine is not None and two.affine is not None, "DICOM has a position"
    corner = np.array([*one.shape, 1.0])
    off = np.abs((one.affine - two.affine) @ np.diag(corner)).max()
    return bool(off < 0.1 * min(spacing_of(one.affine)))


def _inverted(values: np.ndarray, found: Dataset) -> np.ndarray:
    """Exchange the lowest and highest number the stored bits can hold."""
    signed = int(found.PixelRepresentation)
    ends = -1 if signed else 2 ** int(found.BitsStored) - 1
    return (ends - values.astype(np.int64)).astype(values.dtype)
