"""Which model a column of the participants table gets: PHESANT's rules.

Millard et al. (2018), doi 10.1093/ije/dyx204, and its program. UK Biobank's dictionary
is not at hand, so a field's type is read from its column; see docs/science.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from edp_core.inputs import Inputs
from edp_core.people.covariates import MAX_LEVELS, levels

Floats = NDArray[np.float64]
MANY = 20
"""Distinct whole numbers from which a field counts as continuous."""
ONE_VALUE = 0.2
"""Share of people with one value from which a field is cut into three bins."""
FEW = 10
"""Categories of fewer people are left out."""
BINS = 3
SEPARATOR = "|"
"""Between the choices of a multiple-choice cell, as the research platform writes it."""


@dataclass(frozen=True)
class Rules:
    """How many people an outcome needs.

    Attributes
    ----------
    min_cases
        Cases, and controls, of a binary outcome.
    min_people
        People with a value, for all but binary outcomes and ordered ones.
    """

    min_cases: int = 10
    min_people: int = 500


@dataclass(frozen=True)
class Outcome:
    """One outcome made of a column.

    Attributes
    ----------
    outcome
        The column, or ``column#level`` of one choice of several.
    column
        The column it is made of.
    kind
        ``linear``, ``binary``, ``ordered`` or ``multinomial``; empty where dropped.
    values
        (n,) numbers of a linear outcome, else levels from 0; NaN = missing.
    levels
        Names of the levels in this order; of a multinomial outcome the first is the
        reference, the level of most people.
    reason
        Why it is dropped; empty where it is not.
    """

    outcome: str
    column: str
    kind: str
    values: Floats
    levels: tuple[str, ...] = ()
    reason: str = ""


def outcomes(
    inputs: Inputs, rows: NDArray[np.int64], *, rules: Rules, taken: Sequence[str] = ()
) -> list[Outcome]:
    """Outcomes of every column of the participants table but the ids.

    Parameters
    ----------
    inputs
        The study; its ``categories`` are never numbers.
    rows
        (n,) rows of ``participants`` that enter.
    rules
        How many people are asked for.
    taken
        Covariates: dropped, with this reason.
    """
    found: list[Outcome] = []
    for name in inputs.participants.columns.drop("eid"):
        column = inputs.participants[name].iloc[rows]
        if name in taken:
            found.append(_dropped(name, name, "it is a covariate"))
        elif name not in inputs.categories and _is_number(column):
            numbers = column.to_numpy(np.float64, na_value=np.nan)
            found.append(_of_numbers(name, numbers, rules))
        else:
            found += _of_texts(name, column, rules)
    return found


def _is_number(column: pd.Series) -> bool:
    return bool(types.is_numeric_dtype(column) or types.is_bool_dtype(column))


def _dropped(outcome: str, column: str, reason: str) -> Outcome:
    return Outcome(outcome, column, "", np.zeros(0), reason=reason)


def _of_numbers(name: str, values: Floats, rules: Rules) -> Outcome:
    known = values[np.isfinite(values)]
    if not len(known):
        return _dropped(name, name, "nobody has a value")
    distinct, counts = np.unique(known, return_counts=True)
    if len(distinct) < MANY and np.all(distinct == np.floor(distinct)):
        kept = distinct[counts >= FEW]
        return _levelled(
            name, values, kept, rules=rules, texts=[f"{v:g}" for v in kept]
        )
    if counts.max() < ONE_VALUE * len(known):
        if len(known) < rules.min_people:
            return _dropped(name, name, _too_few(rules))
        return Outcome(name, name, "linear", values)
    if len(distinct) <= 2:
        kept = distinct[counts >= FEW]
        return _levelled(
            name, values, kept, rules=rules, texts=[f"{v:g}" for v in kept]
        )
    return _binned(name, values, rules)


def _too_few(rules: Rules) -> str:
    return f"fewer than {rules.min_people} people have a value"


def _levelled(
    name: str,
    values: Floats,
    kept: Floats,
    *,
    rules: Rules,
    texts: Sequence[str],
    ordered: bool = True,
) -> Outcome:
    """Categories as a binary, an ordered or a multinomial outcome."""
    if len(kept) < 2:
        reason = f"fewer than two categories of at least {FEW} people"
        return _dropped(name, name, reason)
    place = np.minimum(np.searchsorted(kept, values), len(kept) - 1)
    codes = np.where(kept[place] == values, place, np.nan).astype(float)
    if len(kept) == 2:
        return Outcome(name, name, "binary", codes, tuple(texts))
    if len(kept) > MAX_LEVELS:
        return _dropped(name, name, f"more than {MAX_LEVELS} categories")
    if ordered:
        return Outcome(name, name, "ordered", codes, tuple(texts))
    counts = np.bincount(codes[np.isfinite(codes)].astype(int), minlength=len(kept))
    if counts.sum() < rules.min_people:
        return _dropped(name, name, _too_few(rules))
    order = np.argsort(-counts, kind="stable")
    rank = np.append(np.argsort(order), np.nan)
    codes = rank[np.where(np.isfinite(codes), codes, len(kept)).astype(int)]
    return Outcome(name, name, "multinomial", codes, tuple(texts[i] for i in order))


def _binned(name: str, values: Floats, rules: Rules) -> Outcome:
    """Three bins of a number many people share; two where one would be too small."""
    codes, texts = three_bins(values)
    size = np.bincount(codes[np.isfinite(codes)].astype(int), minlength=BINS)
    if np.all(size >= FEW):
        return Outcome(name, name, "ordered", codes, texts)
    low, middle, high = (int(n) for n in size)
    if low + middle >= FEW and high >= FEW:
        names, cut = (f"not {texts[2]}", texts[2]), 2
    elif middle + high >= FEW and low >= FEW:
        names, cut = (texts[0], f"not {texts[0]}"), 1
    else:
        reason = f"fewer than two categories of at least {FEW} people"
        return _dropped(name, name, reason)
    binary = np.where(np.isfinite(codes), codes >= cut, np.nan)
    return Outcome(name, name, "binary", binary, names)


def three_bins(values: Floats) -> tuple[Floats, tuple[str, str, str]]:
    """PHESANT's three bins of about equal size: levels 0, 1, 2 and their names.

    Parameters
    ----------
    values
        (n,) at least three distinct numbers; NaN = missing.

    Notes
    -----
    Cut at the thirds. Where a third is the least or the largest value, that value is a
    bin of its own and the rest is cut at its median; where both thirds are one value,
    that is the middle bin.
    """
    known = values[np.isfinite(values)]
    first, second = np.quantile(known, [1 / 3, 2 / 3])
    if first == known.min():
        rest = known[known > first]
        at = float(np.median(rest))
        cut = np.nextafter(at, np.inf) if at == rest.min() else at
        codes = np.where(values <= first, 0.0, np.where(values < cut, 1.0, 2.0))
    elif second == known.max():
        rest = known[known < second]
        at = float(np.median(rest))
        cut = np.nextafter(at, np.inf) if at == rest.min() else at
        codes = np.where(values >= second, 2.0, np.where(values < cut, 0.0, 1.0))
    elif first == second:
        codes = 1.0 + np.sign(values - first)
    else:
        codes = np.where(values < first, 0.0, np.where(values < second, 1.0, 2.0))
    codes = np.where(np.isfinite(values), codes, np.nan)
    return codes, ("low", "middle", "high")


def _of_texts(name: str, column: pd.Series, rules: Rules) -> list[Outcome]:
    if types.is_datetime64_any_dtype(column):
        return [_dropped(name, name, "it is a date")]
    cells = levels(column)
    missing = cells == ""
    if any(SEPARATOR in cell for cell in set(cells)):
        return _of_choices(name, cells, missing)
    names, ordered = sorted(set(cells) - {""}), False
    if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
        names, ordered = list(levels(column.cat.categories.to_series())), True
    place = {text: float(at) for at, text in enumerate(names)} | {"": np.nan}
    values = np.array([place[cell] for cell in cells], np.float64)
    counts = np.bincount(values[~missing].astype(int), minlength=len(names))
    kept = np.asarray(np.flatnonzero(counts >= FEW), np.float64)
    texts = [names[int(at)] for at in kept]
    return [_levelled(name, values, kept, rules=rules, texts=texts, ordered=ordered)]


def _of_choices(
    name: str, cells: np.ndarray, missing: NDArray[np.bool_]
) -> list[Outcome]:
    """One binary outcome for each choice, among those who made any."""
    chosen = [{part.strip() for part in cell.split(SEPARATOR)} for cell in cells]
    found = []
    for choice in sorted(set().union(*chosen) - {""}):
        made = np.array([choice in one for one in chosen], np.float64)
        values = np.where(missing, np.nan, made)
        names = (f"not {choice}", choice)
        found.append(Outcome(f"{name}#{choice}", name, "binary", values, names))
    return found
