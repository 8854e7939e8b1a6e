"""A map of many points, drawn by the browser on a canvas.

Two components: one carries the bytes of the points, once, and one says how they are
coloured, what is highlighted and what was drawn, which is little and changes often.
Nothing but places, categories and their counts is sent: no id, and no order, since the
rows come shuffled (`app.maps`). Only a polygon, or the place of a click, comes back.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from app import errors
from app.scatter.shown import (
    MOST,
    MOST_VERTICES,
    Category,
    Colours,
    Drawn,
    Map,
    read_drawn,
    read_place,
)
from edp_core.errors import EdpError

__all__ = [
    "MOST",
    "MOST_VERTICES",
    "Category",
    "Colours",
    "Drawn",
    "Map",
    "read_drawn",
    "scatter",
]

HERE = Path(__file__).parent
FILES = (
    "points.js", "lasso.js", "colours.js", "contours.js", "paint.js", "files.js",
    "legend.js", "tools.js", "scatter.js",
)  # fmt: skip
HEIGHT = 460
AXES = ("UMAP 1", "UMAP 2")


def _text(*names: str) -> str:
    # a module that is given as text can import nothing: its parts are one text
    return "".join((HERE / name).read_text(encoding="utf-8") for name in names)


_carrier = st.components.v2.component(
    "scatter_points", js=_text("points.js", "carrier.js")
)
_component = st.components.v2.component(
    "scatter", html=_text("scatter.html"), css=_text("scatter.css"), js=_text(*FILES)
)


def scatter(
    shown: Map,
    colours: Colours,
    *,
    key: str = "scatter",
    title: str | None = None,
    on_drawn: Callable[[Drawn], None] | None = None,
    on_picked: Callable[[float, float], None] | None = None,
    highlight: np.ndarray | None = None,
    outline: Sequence[tuple[float, float]] | None = None,
    chosen: str | None = None,
    height: int = HEIGHT,
) -> None:
    """Draw points of a map.

    Parameters
    ----------
    shown, colours
        Places and their colours, in the same shuffled order.
    key
        Of the component; two maps on a screen need two.
    title
        What the map is, for its description; by default a UMAP.
    on_drawn
        Called with what was drawn with lasso or box; without it there are no such
        tools. What the browser sent was checked before; what could not be read, or
        what this refuses with an `EdpError`, is told below the map.
    on_picked
        Called with the place of a point that was clicked.
    highlight
        (n,) bool in the order of the map (`maps.lit`): the others are drawn in grey.
    outline
        Vertices of a polygon to draw over the points, in coordinates of the map.
    chosen
        Name of the category that is the choice elsewhere on the screen: it is marked in
        the legend, and ringed on the map.
    height
        Pixels.
    """
    points = pack(shown, colours.codes)
    view = view_of(shown, colours, title=title, highlight=highlight)
    view |= {
        "points": points[0],
        "outline": None if outline is None else [list(vertex) for vertex in outline],
        "draws": on_drawn is not None,
        "picks": on_picked is not None,
        "chosen": chosen,
        "heard": st.session_state.get(f"_{key}_heard", 0),
    }
    names = tuple(category.name for category in colours.categories)

    def drawn() -> None:
        if on_drawn is not None:
            on_drawn(read_drawn(_sent(key, "drawn"), names=names))

    def picked() -> None:
        place = _sent(key, "picked")
        held = place if isinstance(place, dict) else {}
        if on_picked is not None:
            on_picked(*read_place([held.get("x"), held.get("y")]))

    with st.container(gap=None):
        _carrier(key=f"{key}-points", data=points[1])
        _component(
            key=key,
            data=view,
            height=height,
            on_drawn_change=lambda: _hear(key, drawn),
            on_picked_change=lambda: _hear(key, picked),
        )
    refused = st.session_state.pop(f"_{key}_refused", None)
    if refused is not None:
        errors.tell(refused)


def _sent(key: str, event: str) -> object:
    """What the browser sent; missing where a link or an old page made it up."""
    held = st.session_state.get(key)
    return held.get(event) if isinstance(held, Mapping) else None


def _hear(key: str, act: Callable[[], None]) -> None:
    """Do what was asked for in a browser, in the callback before a screen is drawn."""
    # another view is sent, so that the browser drops what it drew by itself
    st.session_state[f"_{key}_heard"] = st.session_state.get(f"_{key}_heard", 0) + 1
    try:
        act()
    except EdpError as error:
        st.session_state[f"_{key}_refused"] = error


def view_of(
    shown: Map, colours: Colours, *, title: str | None, highlight: np.ndarray | None
) -> dict[str, Any]:
    """What ``scatter.js`` is told of the points: legend, description, highlight."""
    unit = f" ({colours.unit})" if colours.unit else ""
    said = ", ".join(f"{c.name}: {c.count}" for c in colours.categories)
    low, high = _ends(colours)
    part = ""
    if highlight is not None:
        part = f" {int(highlight.sum()):,} are highlighted."
    return {
        "n": len(shown),
        "set": shown.name,
        "file": _file_name(f"{shown.name}-{colours.title}"),
        "title": colours.title,
        "heading": colours.title + unit,
        "axes": AXES,
        "total": f"N = {len(shown):,}",
        "names": colours.apart,
        "alt": f"{title or 'UMAP'} of {len(shown):,} participants by {colours.title}"
        f"{unit}. {said}.{part} Arrows move the map, + and - zoom, 0 shows all of it, "
        "C draws contours; where groups can be drawn, L is a lasso and B a box.",
        "scale": {"low": low, "high": high},
        "highlight": None if highlight is None else _bits(highlight),
        "categories": [
            {
                "name": c.name,
                "colour": c.colour,
                "count": c.count,
                "layer": int(c.above),
                "at": None if c.at is None else round(c.at, 4),
            }
            for c in colours.categories
        ],
    }


def _file_name(text: str) -> str:
    """A name a file can have on every system."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in text.lower())


def _ends(colours: Colours) -> tuple[str, str]:
    if not math.isfinite(colours.high - colours.low):
        return "", ""
    width = max(colours.high - colours.low, 1e-9)
    digits = max(0, 1 - math.floor(math.log10(width)))
    return f"{colours.low:.{digits}f}", f"{colours.high:.{digits}f}"


def _bits(chosen: np.ndarray) -> str:
    return base64.b64encode(np.packbits(chosen, bitorder="little").tobytes()).decode()


def pack(shown: Map, codes: np.ndarray) -> tuple[str, bytes]:
    """Name of a set of points, and its bytes as ``points.js`` reads them.

    Raises
    ------
    ValueError
        Where not every point has a code.
    """
    if len(codes) != len(shown):
        raise ValueError(f"{len(codes)} colours for {len(shown)} points")
    places = b"".join(
        [
            shown.x.astype("<f4", copy=False).tobytes(),
            shown.y.astype("<f4", copy=False).tobytes(),
            codes.astype(np.uint8, copy=False).tobytes(),
        ]
    )
    name = hashlib.blake2b(places, digest_size=9).hexdigest()
    text = json.dumps({"id": name, "n": len(shown)}).encode()
    text += b" " * (-len(text) % 4)
    length = np.uint32(len(text)).astype("<u4").tobytes()
    return name, b"".join([length, text, places])
