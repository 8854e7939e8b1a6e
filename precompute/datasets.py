"""Finds and reads images: one file in, a square uint8 array out, or a reason."""

from __future__ import annotations

import glob as globbing
import re
import struct
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from edp_core.errors import InputError
from edp_core.settings.organs import Organ

MAX_PIXELS = 100_000_000
"""Larger images are refused before they are decoded."""
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
CLASH = "two files for one instance and side"
_TOO_LARGE = f"image larger than {MAX_PIXELS:,} pixels"
_DAMAGED = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError,
    ArithmeticError, struct.error, zlib.error, zipfile.BadZipFile, tokenize.TokenError,
)  # fmt: skip
"""What readers raise for files that are cut off or have wrong bytes."""


class Unusable(Exception):
    """An image that is left out; the text is the reason that is counted."""


@dataclass(frozen=True)
class ImageFile:
    """One image of one participant."""

    eid: str
    instance: str
    side: str
    path: Path
    problem: str = ""
    """Why it cannot be used whatever it holds."""


def find_images(folder: Path, organ: Organ) -> tuple[list[ImageFile], int]:
    """Match an organ's pattern against the files of the study.

    Parameters
    ----------
    folder
        Folder of the study file.
    organ
        Its pattern may hold ``{eid}``, ``{side}`` and ``{instance}``.

    Returns
    -------
    images
        Sorted by eid, instance and side. Where two files are of the same ones, one
        entry that says so.
    others
        Files beside them whose name does not fit the pattern.

    Raises
    ------
    InputError
        Where the folder is missing or no file fits.
    """
    # the folders before the first placeholder are opened, the rest is matched
    fixed = organ.images[: organ.images[: organ.images.index("{")].rfind("/") + 1]
    base = (folder / fixed).resolve()
    if not base.is_dir():
        raise InputError(
            f"There is no image folder {base}", "mend `images` of the organ"
        )
    sides = {text: name for name, text in organ.sides.items()}
    expression, pattern = _matchers(organ.images[len(fixed) :], list(sides))
    found: dict[tuple[str, int, str], ImageFile] = {}
    candidates = sorted(base.glob(pattern))
    others = 0
    for path in candidates:
        match = re.fullmatch(expression, path.relative_to(base).as_posix())
        if not match or not path.is_file():
            others += 1
            continue
        parts = match.groupdict()
        instance = parts.get("instance") or "0"
        side = sides.get(parts.get("side") or "", "")
        key = (parts["eid"], int(instance), side)
        problem = CLASH if key in found else ""
        found[key] = ImageFile(key[0], instance, side, path, problem)
    if not found:
        raise InputError(
            f"No file fits the pattern {organ.images!r} ({len(candidates)} looked at)",
            "mend `images` and `sides` of the organ in study.toml",
        )
    return [found[key] for key in sorted(found)], others


def _matchers(pattern: str, sides: list[str]) -> tuple[str, str]:
    """Regular expression and glob of a pattern."""
    groups = {
        "{eid}": r"(?P<eid>[A-Za-z0-9][A-Za-z0-9_-]*)",
        "{instance}": r"(?P<instance>\d+)",
        "{side}": "(?P<side>" + "|".join(map(re.escape, sides)) + ")",
    }
    expression = glob = ""
    seen: set[str] = set()
    for part in re.split(r"(\{eid\}|\{instance\}|\{side\})", pattern):
        again = f"(?P={part.strip('{}')})" if part in seen else None
        expression += again or groups.get(part, re.escape(part))
        glob += "*" if part in groups else globbing.escape(part)
        seen |= {part} & set(groups)
    return expression, glob


def read_image(image: ImageFile, organ: Organ) -> np.ndarray:
    """Read, crop and resize one image.

    Returns
    -------
    numpy.ndarray
        (image_size, image_size, channels) uint8.

    Raises
    ------
    Unusable
        With the reason, where it cannot be used.
    """
    if image.problem:
        raise Unusable(image.problem)
    pixels = _npy(image.path) if image.path.suffix == ".npy" else _picture(image.path)
    pixels = _channels(pixels, organ.channels)
    if pixels.std(axis=(0, 1)).max() < organ.quality.blank_sd:
        raise Unusable("blank image")
    if organ.crop == "fundus":
        pixels = _crop_disc(pixels, pixels.mean(axis=2))
    pixels = _square(pixels)
    size = organ.image_size
    if pixels.shape[0] != size:
        planes = [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(pixels[:, :, c])).resize(
                    (size, size), Image.Resampling.LANCZOS, reducing_gap=3.0
                )
            )
            for c in range(pixels.shape[2])
        ]
        pixels = np.stack(planes, axis=2)
    if image.side in organ.mirror:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _picture(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise Unusable(_TOO_LARGE)
            opened.load()
            picture = ImageOps.exif_transpose(opened)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unusable(_TOO_LARGE) from error
    except UnidentifiedImageError as error:
        raise Unusable("not an image file") from error
    except _DAMAGED as error:
        raise Unusable("unreadable image (cut off or damaged)") from error
    if picture.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        return _scale(np.asarray(picture, np.float64))
    if picture.mode in {"1", "L", "LA"}:
        return np.asarray(picture.convert("L"))
    return np.asarray(picture.convert("RGB"))


def _npy(path: Path) -> np.ndarray:
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except _DAMAGED as error:
        raise Unusable("unreadable image (cut off or damaged)") from error
    if not isinstance(values, np.ndarray):
        raise Unusable("file of several arrays")
    if values.ndim not in (2, 3) or not np.issubdtype(values.dtype, np.number):
        raise Unusable("array is not (height, width[, channels]) of numbers")
    if np.iscomplexobj(values) or values.size > MAX_PIXELS or not values.size:
        raise Unusable("array is complex, empty or too large")
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


def _crop_disc(pixels: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Crop to the bright disc of a fundus photograph."""
    bright = grey > max(10.0, 0.1 * float(np.percentile(grey, 95)))
    rows = np.flatnonzero(bright.mean(axis=1) > 0.05)
    columns = np.flatnonzero(bright.mean(axis=0) > 0.05)
    if not len(rows) or not len(columns):
        raise Unusable("no disc of the eye found")
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _square(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    if height == width:
        return pixels
    edge = max(height, width)
    out = np.zeros((edge, edge, pixels.shape[2]), np.uint8)
    top, left = (edge - height) // 2, (edge - width) // 2
    out[top : top + height, left : left + width] = pixels
    return out
