"""Disclosed tables of the screen Compare: correlations, planes, radars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
import streamlit as st

from app import data, figures
from app.compare import picks as compare_picks
from app.compare.picks import Pick
from app.phenotype import radar
from edp_core.appraisal.agreement import alike_order, correlation, score_correlations
from edp_core.appraisal.radar import radar_factors
from edp_core.crossed import mosaic
from edp_core.disclosure import is_small
from edp_core.phenotype import Phenotype
from edp_core.recipe import SPEC, CodeSpec
from edp_core.scoring.design import describe_design

MEANS = 20
"""Groups of equal size along x of which the mean of y is drawn, at most."""
FEWEST = 6
"""People of a rectangle at least: of fewer the density is noise."""
FEW_VALUES = 12
"""A phenotype of at most so many values makes cells with another."""
TOP = 0.1
"""Share of people that is the top of a score."""
_FIGURES = ["r", "low", "high", "log10p"]


def correlations(
    chosen: Sequence[Pick], *, ranked: bool, held_fixed: bool
) -> tuple[pd.DataFrame, list[str]]:
    """Disclosed correlations of all pairs, and an order that puts alike ones together.

    Returns
    -------
    table
        ``first``, ``second``, ``r``, ``low``, ``high``, ``log10p``, ``n``; hidden
        where cases and controls of a code would be told (`_tells`), ``n`` also where
        it nearly equals another count.
    order
        Names.
    """
    recipes = tuple(pick.recipe for pick in chosen)
    how = (ranked, held_fixed)
    table = _correlations(recipes, how, compare_picks.rules()).copy()
    names = {str(i): pick.name for i, pick in enumerate(chosen)}
    order = alike_order(list(names), table)
    for end in ("first", "second"):
        table[end] = table[end].map(names)
    return table, [names[i] for i in order]


@st.cache_data(show_spinner="Correlating the phenotypes …", max_entries=32)
def _correlations(
    recipes: tuple[str, ...], how: tuple[bool, bool], rules: tuple[object, ...]
) -> pd.DataFrame:
    scores = [data.phenotype(SPEC.validate_json(recipe)) for recipe in recipes]
    ranked, held_fixed = how
    table = score_correlations(
        {str(i): score.values for i, score in enumerate(scores)},
        ranked=ranked,
        given=_fixed() if held_fixed else None,
    )
    pairs = list(combinations(scores, 2))
    exact = [int(n) for n in table["n"]]
    few = is_small(np.array(exact, np.int64), figures.least())
    hidden = np.array([_tells(*pair) for pair in pairs], bool) | few
    table[_FIGURES] = table[_FIGURES].mask(np.outer(hidden, np.ones(4, bool)))
    told = [compare_picks.shared(p, n) for p, n in zip(pairs, exact, strict=True)]
    beside = np.array([[abs(a - b) for b in exact] for a in exact], np.int64)
    near = is_small(beside, figures.least()).any(axis=1) if exact else hidden
    coarse = np.array([isinstance(n, str) for n in told], bool) | near | hidden
    table["n"] = table["n"].astype("Int64").mask(coarse)
    return table.round({"r": 3, "low": 3, "high": 3, "log10p": 1})


def factor_names() -> list[str]:
    """What a partial correlation holds fixed: all factors but organ volumes."""
    people = data.inputs().participants
    return [n for n, columns in radar_factors(people).items() if _known(columns)]


def _known(columns: Sequence[str]) -> list[str]:
    people = data.inputs().participants
    return [column for column in columns if people[column].notna().any()]


def _fixed() -> np.ndarray:
    """(n_participants, f) the factors as numbers, missing ones with an indicator."""
    people = data.inputs().participants
    factors = radar_factors(people).values()
    columns = [column for names in factors for column in _known(names)]
    return np.asarray(describe_design(people, columns).matrix)


def _tells(one: Phenotype, two: Phenotype) -> bool:
    """Whether a correlation of the two would tell a small count of people.

    Of two codes it is a table of four counts; of one it rests on its cases. A column of
    yes and no is as a code, and of two columns of few values it is a table as well.
    """
    both = np.isfinite(one.values) & np.isfinite(two.values)
    levels = [np.unique(s.values[both], return_inverse=True)[1] for s in (one, two)]
    few = [place for place in levels if both.any() and place.max() < FEW_VALUES]
    if len(few) == 2:
        cells = np.bincount(few[0] * FEW_VALUES + few[1])
    elif few and few[0].max() == 1:
        cells = np.bincount(few[0])
    else:
        return False
    return bool(is_small(cells, figures.least()).any())


@dataclass(frozen=True)
class Plane:
    """Two phenotypes against each other.

    Attributes
    ----------
    cells
        Rectangles as `edp_core.crossed.mosaic` gives them, without their counts:
        these would add up to an N that is told to the nearest ten only. Densities
        have two significant digits.
    means
        ``x``, ``mean``, ``low``, ``high`` (95 %): mean of y in groups of equal size
        along x.
    n
        Who has both, as it may be shown.
    figures
        ``pearson``, ``spearman`` and ``partial``: r with its interval; ``top``: share
        of the top tenth of x that is in that of y; missing where hidden.
    """

    cells: pd.DataFrame
    means: pd.DataFrame
    n: int | str
    figures: dict[str, tuple[float, float, float]]


def plane(x: Pick, y: Pick) -> Plane:
    """Two quantitative phenotypes, disclosed."""
    return _plane((x.recipe, y.recipe), compare_picks.rules())


@st.cache_data(show_spinner="Comparing the two …", max_entries=32)
def _plane(recipes: tuple[str, str], rules: tuple[object, ...]) -> Plane:
    one, two = (data.phenotype(SPEC.validate_json(recipe)) for recipe in recipes)
    least = figures.least()
    both = np.isfinite(one.values) & np.isfinite(two.values)
    n = int(both.sum())
    # of a biobank more cells than the eye can tell apart would only be slow
    cells = mosaic(one.values, two.values, least=max(least, FEWEST, n // 2000))
    cells = cells.drop(columns="count")
    cells["density"] = [float(f"{value:.2g}") for value in cells["density"]]
    told = {
        "pearson": correlation(one.values, two.values),
        "spearman": correlation(one.values, two.values, ranked=True),
        "partial": correlation(one.values, two.values, given=_fixed()),
    }
    found = {
        name: (round(c.r, 3), round(c.low, 3), round(c.high, 3))
        for name, c in told.items()
    }
    found["top"] = _top(one.values[both], two.values[both], least)
    if is_small(n, least) or _tells(one, two):
        found = dict.fromkeys(found, (np.nan, np.nan, np.nan))
    # the mean of a few values counts those who have each
    counted = len(np.unique(two.values[both])) <= FEW_VALUES
    means = _means(one.values[both][: 0 if counted else None],
                   two.values[both][: 0 if counted else None], least)  # fmt: skip
    return Plane(cells, means, compare_picks.shared([one, two], n), found)


def _means(x: np.ndarray, y: np.ndarray, least: int) -> pd.DataFrame:
    groups = min(MEANS, len(x) // max(2 * least, 10))
    parts = np.array_split(np.argsort(x, kind="stable"), groups) if groups else []
    rows = [
        (
            float(x[part].mean()), float(mean := y[part].mean()),
            mean - (half := 1.96 * y[part].std(ddof=1) / np.sqrt(len(part))),
            mean + half,
        )
        for part in parts
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["x", "mean", "low", "high"])


def _top(x: np.ndarray, y: np.ndarray, least: int) -> tuple[float, float, float]:
    """Share of the top tenth of x in that of y; Wilson's interval; NaN where hidden."""
    count = int(TOP * len(x))
    tops = [set(np.argsort(-v, kind="stable")[:count].tolist()) for v in (x, y)]
    shared = len(tops[0] & tops[1])
    if count < least or is_small(np.array([shared, count - shared]), least).any():
        return (np.nan, np.nan, np.nan)
    p, z2 = shared / count, 1.96**2
    middle = (p + z2 / (2 * count)) / (1 + z2 / count)
    half = np.sqrt(z2 * (p * (1 - p) + z2 / (4 * count)) / count) / (1 + z2 / count)
    return (round(p, 3), round(middle - half, 3), round(middle + half, 3))


def by_code(score: Pick, code: Pick) -> pd.DataFrame:
    """Bars of a phenotype for the cases and the controls of a code.

    Returns
    -------
    DataFrame
        ``left``, ``right``, ``density`` (two digits), ``group``. No counts: those of
        the cases who have a column would tell how few have none.
    """
    assert isinstance(code.spec, CodeSpec)
    cases = data.inputs().phenome.cases(code.spec.trait)
    # who counts is the code's to say
    of_code = replace(score.score, spec=code.spec)
    bars = figures.separation(of_code, cases)[0].drop(columns="count")
    bars["group"] = [name.split(" ")[0] for name in bars["group"]]
    bars["density"] = [float(f"{value:.2g}") for value in bars["density"]]
    return bars


def radars(chosen: Sequence[Pick]) -> pd.DataFrame:
    """Disclosed radar of every phenotype, under each other: ``phenotype`` and others.

    The factor that a phenotype is itself is left out of its rows.
    """
    tables = [
        radar.table(pick.spec, None).assign(phenotype=pick.name) for pick in chosen
    ]
    held = [table for table in tables if len(table)]
    return pd.concat(held, ignore_index=True) if held else pd.DataFrame()
