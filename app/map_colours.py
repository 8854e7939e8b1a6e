"""Colours of a map's points: levels and steps of a scale that hold enough people."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd

from app import figures
from app.plots import charts
from app.scatter.shown import MOST, Category, Colours
from edp_core import disclosure

MOST_LEVELS = 19
"""Levels of a column that have a colour each; the rarest others are one."""
SMALL = "small"
"""What is drawn in one colour since it is too few people to tell apart."""
MOVED = (
    "Points are moved a little, differently for every colour, so that nobody can be "
    "followed from one to the next."
)
STEPS = "Each step of the scale holds enough people to be shown. " + MOVED


def by_level(levels: np.ndarray, *, title: str) -> Colours:
    """Colours of a category; missing is a level of its own.

    Parameters
    ----------
    levels
        (n,) text in the order of the map, None or NaN = missing.
    """
    named = pd.Series(levels, dtype=object)
    known = named.dropna().astype(str)
    counts = known.value_counts()
    names = sorted(counts.index[:MOST_LEVELS])
    if len(counts) > MOST_LEVELS:
        known = known.where(known.isin(names), "other")
        names = [*(name for name in names if name != "other"), "other"]
    if named.isna().any() and "missing" not in names:
        names.append("missing")
    number = pd.Series(range(len(names)), index=names)
    codes = number.reindex(known.reindex(named.index).fillna("missing")).to_numpy(int)
    found = partition(codes, np.array(names, object))
    return Colours("categories", title, *found, note=MOVED)


def partition(
    codes: np.ndarray, names: np.ndarray
) -> tuple[np.ndarray, tuple[Category, ...]]:
    """Numbers and categories of a partition; those that may not be shown are one."""
    sizes = np.bincount(codes, minlength=len(names))
    hidden = disclosure.hide_partition(sizes, figures.least())
    kept = np.flatnonzero(~hidden)[: MOST - 1]
    place = np.full(len(names), len(kept), np.uint8)
    place[kept] = np.arange(len(kept), dtype=np.uint8)
    grey = {"missing", "other"}
    found = [
        Category(
            str(names[i]),
            charts.CONTROL if names[i] in grey else palette(int(i)),
            f"{sizes[i]:,}",
        )
        for i in kept
    ]
    if len(kept) < len(names):
        found.append(Category(SMALL, charts.CONTROL, "hidden"))
    return place[codes], tuple(found)


def palette(number: int) -> str:
    """Colour of a cluster, the same on every screen."""
    return charts.PALETTE[number % len(charts.PALETTE)]


def scale(values: np.ndarray, *, title: str, unit: str = "") -> Colours:
    """Colours along a scale, whose every step holds enough people.

    The steps are the bars of the histogram of the same values (`figures.edges`), so
    that the two tell no more than one.

    Parameters
    ----------
    values
        (n,) float64 in the order of the map, NaN = missing; drawn in grey, as is what
        would tell a small number of missing.
    """
    least = figures.least()
    missing = ~np.isfinite(values)
    edges, counts = disclosure.histogram(values, figures.edges(values), least)
    steps = len(counts)
    inner = edges[1:-1]
    codes = np.where(missing, steps, np.searchsorted(inner, values, side="right"))
    hidden = disclosure.hide_partition(np.append(counts, missing.sum()), least)
    codes = np.where(hidden[codes], steps, codes)
    held = np.bincount(codes, minlength=steps + 1)
    place = np.cumsum(held > 0) - 1  # steps without anybody are left out
    low, high = (float(edges[0]), float(edges[-1])) if steps else (math.nan, math.nan)
    found = [
        Category(name, "", f"{held[i]:,}", at=(edges[i] + edges[i + 1] - 2 * low)
                 / (2 * (high - low)))
        for i, name in enumerate(_named(edges, unit))
        if held[i]
    ]  # fmt: skip
    if held[steps]:
        name = "missing" if not hidden.any() else "missing or too few"
        found.append(Category(name, charts.CONTROL, f"{held[steps]:,}"))
    codes = place[codes].astype(np.uint8)
    return Colours("scale", title, codes, tuple(found), low, high, unit, note=STEPS)


def _named(edges: np.ndarray, unit: str) -> list[str]:
    """What the steps between edges are called; the outer ones are open."""
    if len(edges) < 2:
        return []
    width = max(float(np.diff(edges).min()), 1e-9)
    digits = max(0, -math.floor(math.log10(width)))
    text = [f"{edge:.{digits}f}" for edge in edges]
    after = f" {unit}" if unit else ""
    if len(edges) == 2:
        return [f"{text[0]} to {text[1]}{after}"]
    inside = [f"{a} to {b}{after}" for a, b in pairwise(text[1:-1])]
    return [f"below {text[1]}{after}", *inside, f"{text[-2]}{after} and above"]
