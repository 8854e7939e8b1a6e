"""One DICOM file: its elements read and its pixels decoded, within bounds."""

from __future__ import annotations

import io
import warnings
import zlib

import numpy as np
from openjpeg.utils import decode as decode_jpeg_2000
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.filereader import read_dataset
from pydicom.pixels.decoders.base import get_decoder

from precompute.readers.codestreams import declared_size
from precompute.readers.reasons import DAMAGED, Unusable

# pydicom warns of odd values by quoting them, and values may name a person
warnings.filterwarnings("ignore", module=r"pydicom\b")

MAX_DICOM = 512 * 1024**2
"""A DICOM file of more bytes is refused; 100 million pixels of 32 bits are fewer."""
MAX_PIXELS = 100_000_000
"""A picture or slice of more pixels is refused before it is decoded."""
START = 132
"""Bytes that tell a DICOM file from any other."""
DAMAGED_DICOM = "unreadable DICOM (cut off or damaged)"
_JPEG_2000 = (
    uid.JPEG2000Lossless, uid.JPEG2000, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL,
    uid.HTJ2K,
)  # fmt: skip
_NATIVE = (
    uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)  # fmt: skip
_PACKED = (
    uid.RLELossless, uid.JPEGLSLossless, uid.JPEGLSNearLossless, uid.JPEGBaseline8Bit,
    *_JPEG_2000,
)  # fmt: skip
_RLE_RATIO = 64
"""Run-length encoding makes at most 128 bytes of two."""


def is_dicom(start: bytes) -> bool:
    """Whether the first `START` bytes of a file, or more, are those of DICOM."""
    return start[128:START] == b"DICM"


def parse(content: bytes, *, tags: list[int] | None = None) -> Dataset | None:
    """Read the elements of a DICOM file.

    Parameters
    ----------
    content
        The file.
    tags
        Elements that are kept; all by default.

    Returns
    -------
    pydicom.Dataset or None
        None where it is no DICOM file, or one that holds no image by its class
        (a directory, a report).

    Raises
    ------
    Unusable
        Where it is damaged.
    """
    if not is_dicom(content):
        return None
    try:
        return _parse(content, tags)
    except DAMAGED as error:
        raise Unusable(DAMAGED_DICOM) from error


def _parse(content: bytes, tags: list[int] | None) -> Dataset | None:
    file = io.BytesIO(content)
    file.seek(132)
    # the two steps of dcmread, which would inflate a deflated file without a limit
    meta = read_dataset(
        file, False, True, stop_when=lambda tag, vr, size: tag >> 16 > 2
    )
    syntax = uid.UID(str(meta.get("TransferSyntaxUID", "")))
    kind = uid.UID(str(meta.get("MediaStorageSOPClassUID", "")))
    if not syntax:
        raise Unusable(DAMAGED_DICOM)
    if syntax == uid.DeflatedExplicitVRLittleEndian:
        file = io.BytesIO(_inflate(content[file.tell() :]))
    found = read_dataset(
        file,
        syntax == uid.ImplicitVRLittleEndian,
        syntax != uid.ExplicitVRBigEndian,
        specific_tags=tags,
    )
    if "PixelData" not in found:
        # an image that ends before its pixels must not pass for a report
        if "Image Storage" in kind.name or "Rows" in found:
            raise Unusable(DAMAGED_DICOM)
        return None
    found.file_meta = FileMetaDataset(meta)
    return found


def _inflate(content: bytes) -> bytes:
    worker = zlib.decompressobj(-zlib.MAX_WBITS)
    out = worker.decompress(content, MAX_DICOM)
    if not worker.eof:
        raise Unusable("file too large" if len(out) == MAX_DICOM else DAMAGED_DICOM)
    return out


def check(found: Dataset) -> None:
    """Refuse what is not read, by name.

    Raises
    ------
    Unusable
        For several frames, an unknown compression, or sizes that cannot be.
    """
    syntax = found.file_meta.TransferSyntaxUID
    if syntax not in (*_NATIVE, *_PACKED):
        known = (
            syntax.name if syntax in uid.AllTransferSyntaxes else "an unknown format"
        )
        raise Unusable(f"compressed as {known}, which is not read")
    if int(found.get("NumberOfFrames") or 1) != 1:
        raise Unusable("multi-frame DICOM")
    rows, columns, samples = _size(found)
    if rows < 1 or columns < 1:
        raise Unusable("image without pixels")
    if rows * columns > MAX_PIXELS:
        raise Unusable(f"image larger than {MAX_PIXELS // 10**6} million pixels")
    if samples not in (1, 3):
        raise Unusable("image of neither one nor three colours")


def _size(found: Dataset) -> tuple[int, int, int]:
    samples = int(found.get("SamplesPerPixel", 1))
    return int(found.Rows), int(found.Columns), samples


def pixels(found: Dataset) -> np.ndarray:
    """Decode the pixels of a checked file.

    Returns
    -------
    numpy.ndarray
        (rows, columns), or (rows, columns, 3) RGB, as stored: integers before
        rescaling, colour lookup and inversion.

    Raises
    ------
    Unusable
        Where they are cut off, damaged, or not of the size that is declared.
    """
    try:
        return _pixels(found)
    except DAMAGED as error:
        raise Unusable(DAMAGED_DICOM) from error


def _pixels(found: Dataset) -> np.ndarray:
    syntax = found.file_meta.TransferSyntaxUID
    size = _size(found)
    shape = size[:2] if size[2] == 1 else size
    if syntax == uid.RLELossless:
        least = np.prod(size, dtype=object) * (int(found.BitsAllocated) // 8)
        if least > _RLE_RATIO * len(found.PixelData) + _RLE_RATIO:
            raise Unusable(DAMAGED_DICOM)
    elif syntax not in _NATIVE:
        frame = next(generate_frames(found.PixelData, number_of_frames=1))
        # the decoder sets aside what the picture says, not what the file says
        if declared_size(frame) != size:
            raise Unusable(DAMAGED_DICOM)
        if syntax in _JPEG_2000:
            decoded = decode_jpeg_2000(frame)
            return _signed(decoded.reshape(shape), found)
    decoded, _ = get_decoder(syntax).as_array(found)
    return decoded.reshape(shape)


def _signed(values: np.ndarray, found: Dataset) -> np.ndarray:
    """Follow the file where its picture disagrees on whether numbers are signed."""
    kind = "i" if int(found.PixelRepresentation) else "u"
    if values.dtype.kind == kind:
        return values
    shift = 8 * values.dtype.itemsize - int(found.BitsStored)
    values = values.view(values.dtype.str.replace(values.dtype.kind, kind))
    return (values << shift) >> shift if shift > 0 else values


def rescale(found: Dataset) -> tuple[float, float]:
    """Slope and intercept from stored numbers to values.

    Raises
    ------
    Unusable
        Where they are no numbers, or values are given by a table instead.
    """
    if found.get("ModalityLUTSequence"):
        raise Unusable("DICOM with a table of values")
    try:
        slope = float(found.get("RescaleSlope") or 1)
        intercept = float(found.get("RescaleIntercept") or 0)
    except DAMAGED as error:
        raise Unusable(DAMAGED_DICOM) from error
    if not (np.isfinite(slope) and np.isfinite(intercept)):
        raise Unusable(DAMAGED_DICOM)
    return slope, intercept
