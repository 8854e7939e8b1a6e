"""The covariate file: the paper's preset, as far as the participants table has it.

Age, age², sex, BMI, genotyping array, imaging centre and ten genetic principal
components; and the fold, for scores that were taken out of fold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from edp_core.errors import InputError
from edp_core.export.rules import LEVEL, MAX_LEVELS, MISSING_NUMBER, NUMBER, cells

PCS = tuple(f"pc{i}" for i in range(1, 11))
SOURCES = {
    "age": "age_years",
    "age2": "age_years",
    "sex": "sex",
    "bmi": "bmi",
    "array": "array",
    "centre": "centre",
    **{pc: pc for pc in PCS},
}
"""Covariate → the participants column it is made of, in the order of the file."""
CATEGORIES = ("sex", "array", "centre", "fold")
FOLD = "fold"
REGENIE_LEVELS = 10
"""Levels regenie takes without ``--maxCatLevels``."""
_MISSING = {"", "NA", "N/A", "nan", "NaN", "<NA>", "None", "inf"}


@dataclass(frozen=True)
class Covariates:
    """Columns of the covariate file for the participants exported.

    Attributes
    ----------
    columns
        Name → (n_participants,) float64, or text for categories (empty = missing).
    codes
        Category → code written → the level it stands for, where levels had to be
        coded.
    notes
        What was left out or changed, in words.
    """

    columns: Mapping[str, np.ndarray]
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the columns that are categories."""
        return tuple(name for name in self.columns if name in CATEGORIES)

    @property
    def max_levels(self) -> int:
        """Most levels of any category."""
        sizes = [len(set(self.columns[name]) - {""}) for name in self.categories]
        return max(sizes, default=0)


def available(people: pd.DataFrame) -> tuple[str, ...]:
    """Covariates that can be made of a participants table."""
    return tuple(name for name, source in SOURCES.items() if source in people.columns)


def gather(
    people: pd.DataFrame, *, chosen: Sequence[str] | None
) -> dict[str, np.ndarray]:
    """Cells of the chosen covariates, read strictly.

    Parameters
    ----------
    people
        One row for each participant considered, in the order of the export.
    chosen
        Names of `SOURCES`; `None` takes all there are.

    Returns
    -------
    dict
        Covariate → (n_people,) float64 (NaN = missing) or text (empty = missing).
        ``age2`` holds the age as it is; it is centred and squared in `finish`.

    Raises
    ------
    InputError
        Where a covariate is not available, or a number is text or infinite.
    """
    names = available(people)
    missing = sorted(set(chosen or ()) - set(names))
    if missing:
        raise InputError(
            f"There is no covariate {', '.join(missing)} in the participants table",
            f"choose among: {', '.join(names) or 'none'}",
        )
    raw: dict[str, np.ndarray] = {}
    for name in names:
        if chosen is not None and name not in chosen:
            continue
        column = people[SOURCES[name]]
        raw[name] = _levels(column) if name in CATEGORIES else _numbers(column)
    if "array" in raw:
        raw["array"] = _array(raw["array"])
    return raw


def missing_cells(column: np.ndarray) -> np.ndarray:
    """(n_people,) bool: where a column of `gather` has no value."""
    texts = column.dtype.kind in "OU"
    return np.asarray(column == "" if texts else np.isnan(column), bool)


def finish(raw: Mapping[str, np.ndarray], *, folds: np.ndarray | None) -> Covariates:
    """Covariates of the participants exported, ready to be written.

    Parameters
    ----------
    raw
        Columns of `gather`, restricted to the participants exported.
    folds
        (n_participants,) fold, −1 = none; `None` where no score has folds.

    Raises
    ------
    InputError
        Where a category has more than 50 levels.
    """
    columns: dict[str, np.ndarray] = {}
    codes: dict[str, Mapping[str, str]] = {}
    notes: list[str] = []
    wanted = dict(raw)
    if folds is not None:
        wanted[FOLD] = np.array(["" if f < 0 else str(int(f)) for f in folds], object)
    for name, column in wanted.items():
        if name in CATEGORIES:
            levels = sorted(set(column) - {""})
            if len(levels) > MAX_LEVELS:
                raise InputError(
                    f"Covariate {name!r} has {len(levels)} levels; more than "
                    f"{MAX_LEVELS} would take the place of the signal",
                    "combine its levels in the participants table, or leave it out "
                    "of the covariates",
                )
            if len(levels) >= 2 and not all(LEVEL.fullmatch(v) for v in levels):
                code = {level: f"L{i}" for i, level in enumerate(levels, 1)}
                codes[name] = {short: level for level, short in code.items()}
                column = np.array([code.get(v, "") for v in column], object)
                notes.append(f"{name}: levels are written as codes, see level_codes")
            distinct = len(levels)
        else:
            if name == "age2" and len(column):
                column = (column - np.nanmean(column)) ** 2
            distinct = len(set(cells(column[~np.isnan(column)])))
        if distinct < 2:
            notes.append(f"{name}: left out, it is the same for everybody exported")
        else:
            columns[name] = column
    return Covariates(columns, codes, tuple(notes))


def _numbers(column: pd.Series) -> np.ndarray:
    name = str(column.name)
    try:
        values = pd.to_numeric(column).astype("float64").to_numpy(na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"Column {name!r} of the participants table holds cells that are not "
            "numbers",
            "mend them, or leave the covariate out",
        ) from error
    if np.isinf(values).any() or (values == MISSING_NUMBER).any():
        raise InputError(
            f"Column {name!r} of the participants table holds infinite values or "
            "-999, which regenie takes for missing",
            "set these cells missing",
        )
    return np.asarray(values, np.float64)


def _levels(column: pd.Series) -> np.ndarray:
    objects = column.astype(object).to_numpy()
    known = column.notna().to_numpy(bool)
    texts: dict[object, str] = {v: _level(v) for v in set(objects[known])}
    return np.array(
        [texts[v] if k else "" for v, k in zip(objects, known, strict=True)], object
    )


def _level(value: object) -> str:
    """One text for a level: 1, 1.0 and '1.0' are the same."""
    text = str(value).strip()
    if text in _MISSING:
        return ""
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number) or "_" in text:
        return text
    return str(int(number)) if number.is_integer() else f"{number:.7g}"


def _array(levels: np.ndarray) -> np.ndarray:
    """UK Biobank's 106 batches (field 22000) become its two arrays.

    Batches below zero were genotyped on the UK BiLEVE array, the others on the UK
    Biobank Axiom array.
    """
    known = set(levels) - {""}
    if not all(NUMBER.fullmatch(level) for level in known):
        return levels
    if len(known) <= REGENIE_LEVELS and not any(v.startswith("-") for v in known):
        return levels
    if len(known) <= 2:
        return levels
    name = {v: "BiLEVE" if v.startswith("-") else "Axiom" for v in known}
    return np.array([name.get(v, "") for v in levels], object)
