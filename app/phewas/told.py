"""Numbers of a PheWAS as they may be told, and its figures as of those numbers.

An SE is a count in other clothes: with β and the covariates known it tells the cases to
a per mille. So whatever number is told, the SE, interval and p beside it are of the
told number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import log_ndtr, ndtri_exp

from edp_core.disclosure import is_small

FEW_VALUES = 12
"""A phenotype of at most so many values makes cells with every outcome."""


@dataclass(frozen=True)
class People:
    """Whom a PheWAS is of, and whom other screens count.

    Attributes
    ----------
    values
        (n_participants,) the phenotype, NaN where none.
    counted
        (n_participants,) bool: a phenotype, and every covariate there is to choose.
    others
        Sets of people, bool (n_participants,), whose counts other screens tell.
    listed
        Codes other screens show; `None` where nothing says.
    coarse
        Whether the number of people itself is told to the nearest ten, since exact it
        would count who is neither case nor control of a code.
    """

    values: np.ndarray
    counted: np.ndarray
    others: Sequence[np.ndarray]
    listed: frozenset[str] | None = None
    coarse: bool = False


def told(counts: np.ndarray, known: np.ndarray, threshold: int) -> np.ndarray:
    """Counts that differ from none that is known by a small number.

    Where a count is a few less than a known one (some of the cases lack a covariate),
    the known one less the threshold is told, whatever the difference; where it is a few
    more, the known one. So never more than there are, and it depends on nothing but
    that the difference is small.

    Parameters
    ----------
    counts
        (k,) exact.
    known
        (k, m) counts of other sets of people, told elsewhere.

    Examples
    --------
    >>> told(np.array([28, 30, 20, 30]), np.array([[30], [30], [30], [29]]), 5)
    array([25, 30, 20, 29])
    """
    gap = known - counts[:, None]
    far = np.iinfo(np.int64).max
    above = np.where(is_small(gap, threshold), known - threshold, far)
    below = np.where(is_small(-gap, threshold), known, far)
    nearest = np.minimum(above, below).min(axis=1, initial=far)
    return np.where(nearest < far, nearest, counts)


def people_told(people: People, threshold: int) -> int:
    """How many people the PheWAS is of, as it may be told."""
    count = int(people.counted.sum())
    if people.coarse:
        return count // (2 * threshold) * 2 * threshold
    known = np.array([[int(other.sum()) for other in others_of(people)]])
    return int(told(np.array([count]), known, threshold)[0])


def significant(values: np.ndarray, digits: int = 3) -> np.ndarray:
    """Values with so many significant digits; what is not finite stays."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(values))))
        rounded = np.round(values * scale) / scale
    return np.where(np.isfinite(rounded), rounded, values)


def others_of(people: People) -> list[np.ndarray]:
    """Sets of people whose counts are known, all with the phenotype first."""
    return [np.isfinite(people.values), *people.others]


def levels_of(
    values: np.ndarray, counted: np.ndarray, threshold: int
) -> list[np.ndarray]:
    """Rows of the people with each value, of a phenotype that has a few of them only.

    Neighbouring values are taken together until each holds enough people. Empty for a
    phenotype of many values: no table of it has cells.
    """
    rows = np.flatnonzero(counted)
    found, place = np.unique(values[rows], return_inverse=True)
    if len(found) > FEW_VALUES:
        return []
    groups: list[np.ndarray] = []
    for number in range(len(found)):
        own = rows[place == number]
        if groups and min(len(own), len(groups[-1])) < threshold:
            groups[-1] = np.concatenate([groups[-1], own])
        else:
            groups.append(own)
    return groups


def effective(cases: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """People as far as the SE of a comparison goes: 1 / (1/cases + 1/controls)."""
    cases, controls = cases.astype(float), controls.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: np.ndarray = cases * controls / (cases + controls)
    return found


def finished(table: pd.DataFrame) -> pd.DataFrame:
    """Rows with what `rescaled` needs: ``hide, eff, eff_told, coarse``.

    ``eff`` are people as far as the SE goes (`effective`), ``eff_told`` as the told
    numbers would have it.
    """
    usual: dict[str, bool | float]
    usual = {"hide": False, "eff": 1.0, "eff_told": 1.0, "coarse": False}
    table = table.copy()
    for name in set(usual) - set(table):
        table[name] = usual[name]
    return table


def rescaled(table: pd.DataFrame) -> pd.DataFrame:
    """SE, interval and p as of the numbers that are told."""
    ratio = table["eff"].to_numpy(float) / table["eff_told"].to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.sqrt(np.where(np.isfinite(ratio), ratio, np.nan))
    changed = (factor != 1) & table["coarse"].to_numpy(bool)
    factor = np.where(changed, factor, 1.0)
    beta = table["beta"].to_numpy(float)
    ends = {
        name: np.where(
            changed, beta + (table[name].to_numpy(float) - beta) * factor, table[name]
        )
        for name in ("low", "high")
    }
    log10p = table["log10p"].to_numpy(float)
    weaker = np.where(changed, log10p_scaled(log10p, factor), log10p)
    return table.assign(se=table["se"].to_numpy(float) * factor, log10p=weaker, **ends)


def log10p_scaled(log10p: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """−log₁₀ p of a two-sided test whose z is divided by a factor.

    Examples
    --------
    >>> from scipy import stats
    >>> before, after = (-np.log10(2 * stats.norm.sf(z)) for z in (4.0, 2.0))
    >>> bool(abs(log10p_scaled(before, np.array(2.0)) - after) < 1e-12)
    True
    """
    z = -ndtri_exp(np.minimum(-np.asarray(log10p, float) * np.log(10) - np.log(2), 0))
    scaled: np.ndarray = -(log_ndtr(-z / factor) + np.log(2)) / np.log(10)
    return np.maximum(scaled, 0.0)
