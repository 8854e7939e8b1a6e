"""A scatter plot of many points, drawn by the browser on a canvas.

Nothing but places, categories and their counts is sent: no id, and no order, since the
rows come shuffled (`app.maps`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app.scatter.shown import (
    MOST,
    MOST_VERTICES,
    Category,
    Colours,
    Drawn,
    Map,
    read_drawn,
)

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
HTML = """
<div class="plot">
  <div class="y">UMAP 2</div>
  <div class="field">
    <canvas data-part="canvas" tabindex="0" role="img"></canvas>
    <div class="tip" data-part="tip" hidden></div>
  </div>
  <div class="legend" data-part="legend" role="group" aria-label="Categories"></div>
  <div class="x">UMAP 1</div>
  <div class="tools">
    <button type="button" data-part="reset" title="Double click">Whole map</button>
    <button type="button" data-part="svg" title="Download as SVG">SVG</button>
    <button type="button" data-part="png" title="Download as PNG">PNG</button>
  </div>
</div>
"""
HEIGHT = 460
RAMP = ("#440154", "#3B528B", "#21918C", "#5EC962", "#FDE725")

_component = st.components.v2.component(
    "scatter",
    html=HTML,
    css=(HERE / "scatter.css").read_text(encoding="utf-8"),
    # a module that is given as text can import nothing: its parts are one text
    js="".join(
        (HERE / name).read_text(encoding="utf-8")
        for name in ("points.js", "scatter.js")
    ),
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
        What the map is of, for its description; by default its name.
    on_drawn
        Called with what was drawn with lasso or box; without it there are no such
        tools. Whatever the browser sends was checked before.
    on_picked
        Called with the place of a point that was clicked.
    highlight
        (n,) bool in the order of the map: the others are drawn in grey.
    outline
        Vertices of a polygon to draw over the points, in coordinates of the map.
    height
        Pixels.
    """
    said = ", ".join(f"{c.name}: {c.count}" for c in colours.categories)
    meta = {
        "n": len(shown),
        "set": shown.name,
        "file": f"{shown.name}-{colours.title}".replace(" ", "-").lower(),
        "title": colours.title,
        "alt": f"{title or 'UMAP'} of {len(shown):,} participants by {colours.title}. "
        f"{said}. Arrows move the map, + and - zoom, 0 shows all of it.",
        "categories": [
            {
                "name": c.name,
                "colour": c.colour or RAMP[round((c.at or 0) * (len(RAMP) - 1))],
                "count": c.count,
                "layer": int(c.above),
            }
            for c in colours.categories
        ],
    }
    points = pd.DataFrame({"x": shown.x, "y": shown.y, "code": colours.codes})
    number = {i: i for i in range(len(colours.categories))}
    _component(key=key, data=pack(points, number, column="code", meta=meta),
               height=height)  # fmt: skip


def pack(
    points: pd.DataFrame,
    number: Mapping[str, int],
    *,
    column: str,
    meta: Mapping[str, object],
) -> bytes:
    """Bytes of the points as ``scatter.js`` reads them.

    Raises
    ------
    ValueError
        Where a point has none of the categories, or there are more than 256.
    """
    if len(number) > MOST:
        raise ValueError(f"{len(number)} categories do not fit into one byte")
    codes, values = pd.factorize(points[column])
    numbers = np.array([number[value] for value in values], np.uint8)
    text = json.dumps(meta).encode()
    text += b" " * (-len(text) % 4)
    return b"".join(
        [
            np.uint32(len(text)).astype("<u4").tobytes(),
            text,
            points["x"].to_numpy("<f4").tobytes(),
            points["y"].to_numpy("<f4").tobytes(),
            numbers[codes].tobytes() if len(points) else b"",
        ]
    )
