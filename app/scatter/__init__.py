"""A scatter plot of many points, drawn by the browser on a canvas.

Nothing but places, categories and their counts is sent: no id, and no order, since the
rows come shuffled (`app.figures.points`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

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
MOST = 256
"""Categories one byte tells apart."""

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


@dataclass(frozen=True)
class Category:
    """One colour of the legend; ``count`` is written as it may be shown."""

    name: str
    colour: str
    count: str
    above: bool = False
    """Whether its points are drawn over the others."""


def scatter(
    points: pd.DataFrame,
    categories: Sequence[Category],
    *,
    column: str,
    title: str,
    name: str,
) -> None:
    """Draw points of a map.

    Parameters
    ----------
    points
        ``x``, ``y`` and the column of categories, in shuffled row order.
    categories
        Every value of that column, in the order of the legend.
    column, title
        The column, and what the legend calls it.
    name
        Of the map: it stays where it was moved while this is the same, and files are
        called so.
    """
    said = ", ".join(f"{c.name}: {c.count}" for c in categories)
    meta = {
        "n": len(points),
        "set": name,
        "file": f"{name}-{title}".replace(" ", "-").lower(),
        "title": title,
        "alt": f"UMAP of {len(points):,} participants by {title}. {said}. "
        "Arrows move the map, + and - zoom, 0 shows all of it.",
        "categories": [
            {
                "name": c.name,
                "colour": c.colour,
                "count": c.count,
                "layer": int(c.above),
            }
            for c in categories
        ],
    }
    number = {c.name: i for i, c in enumerate(categories)}
    _component(key="scatter", data=pack(points, number, column=column, meta=meta),
               height=HEIGHT)  # fmt: skip


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
