"""From numbers to the bytes of an image: pixels, differences, maps over a picture."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from app.gallery import Scale

LOSSLESS = 96
"""Largest edge that is kept to the last bit (PNG); larger ones are WebP."""
QUALITY = 92
NEGATIVE, ZERO, POSITIVE = "#00639C", "#C4C4C4", "#B84A00"
"""Blue, grey and vermilion: told apart by every kind of colour vision, and the nearer
to zero the lighter, on light and on dark ground."""
STEPS = 33


def encode(pixels: np.ndarray, *, lossless: bool = False) -> bytes:
    """Bytes of a picture, shape (H, W, 3), uint8."""
    buffer = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(pixels, np.uint8))
    if lossless or max(pixels.shape[:2]) <= LOSSLESS:
        picture.save(buffer, format="PNG", compress_level=4)
    else:
        picture.save(buffer, format="WEBP", quality=QUALITY, method=3)
    return buffer.getvalue()


def _oklab(colour: str) -> np.ndarray:
    """A colour where equal steps look equal (Ottosson 2020)."""
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(_LMS_LAB @ np.cbrt(_RGB_LMS @ linear))


_RGB_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def diverging(values: np.ndarray) -> np.ndarray:
    """Colours of numbers from −1 to 1, shape (…, 3), uint8; 0 and NaN are grey.

    What lies beyond is drawn as the end it lies beyond.
    """
    v = np.clip(np.nan_to_num(np.asarray(values, np.float64)), -1, 1)[..., None]
    middle, ends = _oklab(ZERO), (_oklab(NEGATIVE), _oklab(POSITIVE))
    lab = middle + np.abs(v) * (np.where(v < 0, *ends) - middle)
    linear = (lab @ np.linalg.inv(_LMS_LAB).T) ** 3 @ np.linalg.inv(_RGB_LMS).T
    linear = linear.clip(0, 1)
    srgb = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    return np.asarray((255 * srgb).round(), np.uint8)


def scale(limit: float, *, title: str, form: str = ".2g") -> Scale:
    """The bar that says what colours of `diverging` mean, from −``limit`` to it."""
    steps = diverging(np.linspace(-1, 1, STEPS))
    colours = [f"#{r:02X}{g:02X}{b:02X}" for r, g, b in steps.tolist()]
    end = format(limit, form)
    return Scale(title, f"−{end}", "0", f"+{end}", colours)


def limit_of(*maps: np.ndarray) -> float:
    """End of a scale shared by several maps: what one number in 200 lies beyond.

    A single bright pixel must not leave all others grey.
    """
    sizes = np.concatenate([np.abs(m[np.isfinite(m)]).ravel() for m in maps])
    end = float(np.quantile(sizes, 0.995)) if len(sizes) else 0.0
    return end if end > 0 else 1.0


def difference(values: np.ndarray, limit: float) -> bytes:
    """A map of differences, shape (H, W), as a picture."""
    return encode(diverging(values / limit), lossless=True)


def over(
    picture: np.ndarray, values: np.ndarray, *, limit: float, edges: np.ndarray
) -> bytes:
    """A coarse map over a picture made grey: the stronger, the less of the picture.

    Parameters
    ----------
    picture
        (H, W, 3) uint8.
    values
        (k, k) numbers of parts of it; NaN is left clear.
    edges
        (k + 1,) bounds of the parts along either edge, from 0 to 1.
    """
    # parts as they are, with edges: smoothed, they would look finer than they are
    down, across = (
        np.searchsorted(edges, (np.arange(n) + 0.5) / n, side="right") - 1
        for n in picture.shape[:2]
    )
    spread = values[np.ix_(down, across)] / limit
    grey = picture.astype(np.float64).mean(axis=2, keepdims=True)
    share = 0.75 * np.clip(np.abs(np.nan_to_num(spread)), 0, 1)[..., None]
    mixed = (1 - share) * grey + share * diverging(spread)
    return encode(mixed.round().astype(np.uint8), lossless=True)
