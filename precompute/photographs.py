"""From a picture file to the square a network sees: photographs, arrays, one slice."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from edp_core.settings.organs import Organ
from precompute.datasets import ImageFile
from precompute.prepared import Prepared
from precompute.quality import check_exposure, check_picture, disc_of
from precompute.readers.archives import Source, read_bytes
from precompute.readers.dicom import read_dicom_picture
from precompute.readers.reasons import DAMAGED, Unusable
from precompute.readers.turns import take_turn

MAX_PIXELS = 100_000_000
"""Larger images are refused before they are decoded."""
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")
"""Pillow knows many more, and some start other programs (EPS: Ghostscript)."""
_TOO_LARGE = f"image larger than {MAX_PIXELS:,} pixels"


def read_photograph(image: ImageFile, organ: Organ) -> Prepared:
    """Read, check, crop and resize one picture.

    Returns
    -------
    Prepared
        One slice, (1, image_size, image_size, channels) uint8.

    Raises
    ------
    Unusable
        With the reason, where it cannot be used.
    """
    source = image.sources[0]
    pixels = _channels(_read(source), organ.channels)
    check_picture(pixels, organ.quality)
    if organ.crop == "fundus":
        pixels = pixels[disc_of(pixels, organ.quality)]
    check_exposure(pixels, organ.quality)
    pixels = _resized(_square(pixels), organ.image_size)
    if image.side in organ.mirror:
        pixels = pixels[:, ::-1]
    return Prepared(np.ascontiguousarray(pixels)[None])


def _read(source: Source) -> np.ndarray:
    ending = (source.member or source.path.name).lower().rsplit(".", 1)[-1]
    if ending == "npy":
        return _npy(source)
    if ending in {"dcm", "dicom"}:
        values = read_dicom_picture(source)
        return values if values.dtype == np.uint8 else _scale(values)
    return _picture(source)


def _picture(source: Source) -> np.ndarray:
    content = io.BytesIO(read_bytes(source)) if source.member else source.path
    try:
        with Image.open(content, formats=_FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise Unusable(_TOO_LARGE)
            take_turn(opened.width * opened.height * 3)
            opened.load()
            # in place: without a rotation nothing is copied
            ImageOps.exif_transpose(opened, in_place=True)
            return _pixels(opened)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unusable(_TOO_LARGE) from error
    except UnidentifiedImageError as error:
        raise Unusable("not an image file") from error
    except DAMAGED as error:
        raise Unusable("unreadable image (cut off or damaged)") from error


def _pixels(picture: Image.Image) -> np.ndarray:
    if picture.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        return _scale(np.asarray(picture))
    if picture.mode in {"1", "L", "LA"}:
        return np.asarray(picture.convert("L"))
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _npy(source: Source) -> np.ndarray:
    try:
        if source.member:
            content = io.BytesIO(read_bytes(source))
            values = np.load(content, allow_pickle=False)
        else:
            values = np.load(source.path, mmap_mode="r", allow_pickle=False)
    except DAMAGED as error:
        raise Unusable("unreadable image (cut off or damaged)") from error
    if not isinstance(values, np.ndarray):
        raise Unusable("file of several arrays")
    if values.ndim not in (2, 3) or not np.issubdtype(values.dtype, np.number):
        raise Unusable("array is not (height, width[, channels]) of numbers")
    if np.iscomplexobj(values) or values.size > MAX_PIXELS or not values.size:
        raise Unusable("array is complex, empty or too large")
    take_turn(values.size)
    return np.array(values) if values.dtype == np.uint8 else _scale(np.array(values))


def _scale(values: np.ndarray) -> np.ndarray:
    """Map the 0.5th to the 99.5th percentile of each channel to 0–255."""
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise Unusable("image holds NaN or infinite values")
    low, high = np.percentile(values, [0.5, 99.5], axis=(0, 1), keepdims=True)
    span = np.where(high > low, high - low, 1)
    return np.rint(np.clip((values - low) / span, 0, 1) * 255).astype(np.uint8)


def _channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    have = pixels.shape[2]
    if have == channels:
        return pixels
    if have == 1:
        return np.repeat(pixels, channels, axis=2)
    if channels == 1 and have == 3:
        grey = Image.fromarray(np.ascontiguousarray(pixels)).convert("L")
        return np.asarray(grey)[:, :, None]
    raise Unusable(f"image has {have} channels, {channels} are expected")


def _square(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    if height == width:
        return pixels
    edge = max(height, width)
    out = np.zeros((edge, edge, pixels.shape[2]), np.uint8)
    top, left = (edge - height) // 2, (edge - width) // 2
    out[top : top + height, left : left + width] = pixels
    return out


def _resized(pixels: np.ndarray, size: int) -> np.ndarray:
    if pixels.shape[0] == size:
        return pixels
    planes = [
        Image.fromarray(np.ascontiguousarray(pixels[:, :, channel])).resize(
            (size, size), Image.Resampling.LANCZOS, reducing_gap=3.0
        )
        for channel in range(pixels.shape[2])
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)
