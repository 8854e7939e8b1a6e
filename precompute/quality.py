"""Quality control: when an image is left out, and the reason that is counted.

The measures are simple and their limits are settings (`[organs.NAME.quality]`), so
that a reason can be checked by eye on the contact sheet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from edp_core.settings.organs import Quality
from precompute.readers.reasons import Unusable

BLANK = "blank"
OVEREXPOSED = "over-exposed"
NO_CIRCLE = "no circle of the eye"
BORDER = "organ touches the border of the image"
TINY = "tiny mask"
EMPTY = "empty mask"
NOT_FINITE = "NaN or infinite values in the organ"
BRIGHTEST = 250
"""Grey value from which a pixel of a photograph counts as burnt out."""
CORNERS_BRIGHT = 0.95
"""Bright share of the corners beside the circle from which there is no circle."""
AT_ONCE = 1_000_000
"""Pixels of a picture that are judged at a time."""
Show = Callable[[], np.ndarray]
SHEET = 96
"""Edge of a picture on the contact sheet, in pixels."""


class Refused(Unusable):
    """An image that was read and is left out; it can be looked at.

    Parameters
    ----------
    reason
        What is counted.
    picture
        uint8, (H, W) or (H, W, 3).
    """

    def __init__(self, reason: str, picture: np.ndarray) -> None:
        super().__init__(reason)
        self.picture = small(picture)


def small(picture: np.ndarray) -> np.ndarray:
    """A picture as the contact sheet shows it, (96, 96, 3) uint8, black around it."""
    image = Image.fromarray(np.ascontiguousarray(picture)).convert("RGB")
    image.thumbnail((SHEET, SHEET))
    sheet = Image.new("RGB", (SHEET, SHEET))
    sheet.paste(image, ((SHEET - image.width) // 2, (SHEET - image.height) // 2))
    return np.asarray(sheet)


def disc_of(pixels: np.ndarray, quality: Quality) -> tuple[slice, slice]:
    """Rows and columns of the bright disc of a fundus photograph.

    What is brighter than 10, and than a tenth of the brighter grey values, is compared
    with the circle around it: the part they share, of what either covers (photographs
    whose disc is cut off above and below are compared with the circle so cut). A
    region less than half as wide as long, or one that fills the corners beside the
    circle too, is none.

    Raises
    ------
    Refused
        Where there is no such disc.
    """
    grey = pixels.mean(axis=2)
    bright = grey > max(10.0, 0.1 * float(np.percentile(grey, 95)))
    rows = np.flatnonzero(bright.mean(axis=1) > 0.05)
    columns = np.flatnonzero(bright.mean(axis=0) > 0.05)
    if not len(rows) or not len(columns):
        raise Refused(NO_CIRCLE, pixels)
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    found = bright[box]
    height, width = found.shape
    radius = max(height, width) / 2
    y = (np.arange(height) + 0.5 - height / 2)[:, None]
    x = np.arange(width) + 0.5 - width / 2
    circle = y**2 + x**2 <= radius**2
    round_enough = (found & circle).sum() >= quality.disc_min * (found | circle).sum()
    corners_dark = circle.all() or found[~circle].mean() < CORNERS_BRIGHT
    if min(height, width) < radius or not round_enough or not corners_dark:
        raise Refused(NO_CIRCLE, pixels)
    return box


def check_picture(pixels: np.ndarray, quality: Quality) -> None:
    """Raise `Refused` where a picture (H, W, C) uint8 is blank."""
    if _spread(pixels) < quality.blank_sd:
        raise Refused(BLANK, _shown(pixels))


def check_exposure(pixels: np.ndarray, quality: Quality) -> None:
    """Raise `Refused` where too much of a picture is burnt out in every channel."""
    burnt = sum(int((p.min(axis=2) >= BRIGHTEST).sum()) for p in _parts(pixels))
    if burnt / (pixels.shape[0] * pixels.shape[1]) > quality.overexposed_max:
        raise Refused(OVEREXPOSED, _shown(pixels))


def check_organ(values: np.ndarray, quality: Quality, *, show: Show) -> None:
    """Check the values of an organ's voxels.

    Parameters
    ----------
    values
        (n_voxels, C) within the organ.
    show
        Makes what the contact sheet shows.

    Raises
    ------
    Refused
        Where they are not finite, all alike, or too many the brightest.
    """
    if not np.isfinite(values).all():
        raise Refused(NOT_FINITE, show())
    top = values.max(axis=0)
    varies = top > values.min(axis=0)
    if quality.blank_sd and not varies.any():
        raise Refused(BLANK, show())
    if (values == top)[:, varies].mean(axis=0).max(initial=0) > quality.overexposed_max:
        raise Refused(OVEREXPOSED, show())


def check_mask(inside: np.ndarray, quality: Quality, *, show: Show) -> None:
    """Check a mask, (x, y, z) bool; ``show`` makes what the contact sheet shows.

    Raises
    ------
    Refused
        Where it is empty, tiny or touches the faces of the volume too much. Faces
        across a direction of one voxel do not count.
    """
    count = int(inside.sum())
    if not count:
        raise Refused(EMPTY, show())
    if count < quality.mask_min_voxels:
        raise Refused(TINY, show())
    inner = tuple(slice(1, -1) if n > 2 else slice(None) for n in inside.shape)
    if count - int(inside[inner].sum()) > quality.border_max * count:
        raise Refused(BORDER, show())


def _spread(pixels: np.ndarray) -> float:
    """Largest standard deviation of a channel."""
    levels = np.arange(256.0)
    counts = np.zeros((pixels.shape[2], 256), np.int64)
    for rows in _parts(pixels):
        for channel, held in enumerate(counts):
            held += np.bincount(rows[:, :, channel].ravel(), minlength=256)
    count = pixels.shape[0] * pixels.shape[1]
    means = counts @ levels / count
    squares = counts * (levels - means[:, None]) ** 2
    return float(np.sqrt(squares.sum(axis=1) / count).max())


def _parts(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """Views of some rows each: of a whole large picture float64 takes gigabytes."""
    step = max(1, AT_ONCE // pixels.shape[1])
    for first in range(0, len(pixels), step):
        yield pixels[first : first + step]


def _shown(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.shape[2] == 3 else pixels[:, :, 0]
