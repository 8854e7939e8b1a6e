"""What a map is made of: places, colours, and what comes back from the browser."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edp_core.errors import InputError

MOST = 256
"""Categories one byte tells apart."""
MOST_VERTICES = 2000
"""Of a polygon; the browser simplifies what is drawn below it."""
FAR = 1e9
"""No coordinate of a map is beyond it."""


@dataclass(frozen=True)
class Map:
    """Places of people on a map, in shuffled order.

    Attributes
    ----------
    name
        What is drawn; a map that was moved stays so while this is the same.
    x, y
        (n,) float32, no unit.
    rows
        (n,) row of each point among those with an embedding (`Inputs.seen`). It is
        never sent to a browser.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Category:
    """One colour of the legend; ``count`` is written as it may be shown."""

    name: str
    colour: str
    count: str
    above: bool = False
    """Whether its points are drawn over the others."""
    at: float | None = None
    """Where a step of a scale lies on it, from 0 to 1; none for what has no value."""


@dataclass(frozen=True)
class Colours:
    """What each point of a map is coloured by.

    Attributes
    ----------
    kind
        Whether the categories are steps of a scale.
    title
        What they are of.
    codes
        (n,) uint8, number of each point's category, in the order of the map.
    categories
        In the order of the legend; of a scale from low to high, and last, where there
        is any, what has no value.
    low, high, unit
        Ends of a scale; the unit is empty where it has none.
    note
        What a reader has to know of it, for the caption.
    apart
        Whether categories lie apart, so that their names are written on the map.
    """

    kind: Literal["categories", "scale"]
    title: str
    codes: np.ndarray
    categories: Sequence[Category]
    low: float = math.nan
    high: float = math.nan
    unit: str = ""
    note: str = ""
    apart: bool = False


@dataclass(frozen=True)
class Drawn:
    """A polygon that was drawn on a map, in its coordinates.

    ``hidden`` names the categories of the legend that were hidden while it was drawn.
    """

    polygon: tuple[tuple[float, float], ...]
    hidden: tuple[str, ...]
    tool: Literal["lasso", "box"]


def read_drawn(payload: object, *, names: Collection[str]) -> Drawn:
    """What a browser says was drawn; whatever it sends is not trusted.

    Parameters
    ----------
    payload
        ``{"polygon": [[x, y], …], "hidden": […], "tool": "lasso" or "box"}``.
    names
        Categories that the legend held.

    Raises
    ------
    InputError
        Where it is anything else, has fewer than three or more than
        `MOST_VERTICES` vertices, a coordinate that is not finite, or hides a category
        the legend did not hold.
    """
    held = payload if isinstance(payload, dict) else {}
    polygon, hidden = held.get("polygon"), held.get("hidden", [])
    if not isinstance(polygon, list) or not isinstance(hidden, list):
        raise _refused("it is no list of vertices")
    if not 3 <= len(polygon) <= MOST_VERTICES:
        raise _refused(
            f"it has {len(polygon):,} vertices; 3 to {MOST_VERTICES:,} are taken"
        )
    vertices = tuple(read_place(vertex) for vertex in polygon)
    if not all(isinstance(name, str) and name in names for name in hidden):
        raise _refused("it hides a category that the legend does not hold")
    tool = held.get("tool")
    if tool != "lasso" and tool != "box":
        raise _refused("it was drawn with no tool of this map")
    return Drawn(vertices, tuple(sorted(set(hidden))), tool)


def read_place(vertex: object) -> tuple[float, float]:
    """A place ``[x, y]`` that a browser says.

    Raises
    ------
    InputError
        Where it is not two finite numbers.
    """
    if not isinstance(vertex, list | tuple) or len(vertex) != 2:
        raise _refused("a place is not two numbers")
    for value in vertex:
        # True is a number to Python, and JSON knows NaN and Infinity
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _refused("a place is not two numbers")
        if not -FAR < value < FAR:
            raise _refused("a coordinate is not a finite number of this map")
    return float(vertex[0]), float(vertex[1])


def _refused(why: str) -> InputError:
    return InputError(
        f"What was drawn on the map cannot be read: {why}",
        "draw it again with the tools of the map",
    )
