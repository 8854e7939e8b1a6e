"""Labels of peaks: the strongest first, none over another, the rest on hover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

LINE = 14.0
"""Pixels a label is high."""
LETTER = 6.6
"""Pixels a letter is wide at 11 px."""
RADIUS = 4.0
"""How near a label comes to a point."""
Align = Literal["left", "center", "right"]
ALIGNS: tuple[Align, ...] = ("center", "left", "right")


@dataclass(frozen=True)
class Lifted:
    """A label above its peak: which one, how it is aligned, how high it stands."""

    item: int
    align: Align
    bottom: float


def lift(
    texts: Sequence[str],
    x: np.ndarray,
    y: np.ndarray,
    *,
    size: tuple[float, float],
    points: np.ndarray | None = None,
    most: int = 40,
) -> list[Lifted]:
    """Labels above peaks, as high as they must stand to be free.

    Parameters
    ----------
    texts
        Label of each peak, the most important first; empty ones are passed over.
    x, y
        (n,) pixels of the peaks, y upwards.
    size
        Width and height of the plot in pixels.
    points
        (k, 2) pixels of what must not be written over, besides the peaks.
    most
        How many labels at most.

    Returns
    -------
    list of Lifted
        Those that found room; ``bottom`` in pixels. From each a line runs down to its
        peak at ``x``, which no other label crosses.
    """
    at = np.column_stack([x, y]).astype(float)
    seen = at if points is None else np.vstack([at, points])
    taken = np.zeros((0, 4))
    placed: list[Lifted] = []
    for item, text in enumerate(texts):
        if len(placed) >= most:
            break
        if not text:
            continue
        found = _free(len(text), at[item], size=size, seen=seen, taken=taken)
        if found is None:
            continue
        align, bottom = found
        placed.append(Lifted(item, align, bottom))
        line = (at[item, 0] - 1, at[item, 0] + 1, at[item, 1], bottom)
        box = _box(at[item, 0], len(text), align=align, bottom=bottom)
        taken = np.vstack([taken, box, line])
    return placed


def _free(
    letters: int,
    at: np.ndarray,
    *,
    size: tuple[float, float],
    seen: np.ndarray,
    taken: np.ndarray,
) -> tuple[Align, float] | None:
    """The lowest place above a peak that covers nothing; `None` where there is none."""
    width, height = size
    for bottom in np.arange(at[1] + 7, height - LINE + 0.5, LINE / 2).tolist():
        stem = np.array([at[0] - 1, at[0] + 1, at[1], bottom])
        if _meets(stem, taken):
            return None  # a higher one would cross it too
        for align in ALIGNS:
            box = _box(at[0], letters, align=align, bottom=bottom)
            if box[0] < 0 or box[1] > width or _meets(box, taken):
                continue
            inside = (seen[:, 0] > box[0] - RADIUS) & (seen[:, 0] < box[1] + RADIUS)
            inside &= (seen[:, 1] > box[2] - RADIUS) & (seen[:, 1] < box[3] + RADIUS)
            if not inside.any():
                return align, bottom
    return None


def _box(x: float, letters: int, *, align: Align, bottom: float) -> np.ndarray:
    wide = letters * LETTER
    left = x - {"center": wide / 2, "left": 3.0, "right": wide - 3.0}[align]
    return np.array([left, left + wide, bottom, bottom + LINE])


def _meets(box: np.ndarray, taken: np.ndarray) -> bool:
    return bool(
        (
            (taken[:, 0] < box[1]) & (taken[:, 1] > box[0])
            & (taken[:, 2] < box[3]) & (taken[:, 3] > box[2])
        ).any()
    )  # fmt: skip
