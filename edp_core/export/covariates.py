"""The covariate file: the paper's preset, as far as the participants table has it.

Age, age², sex, BMI, genotyping array, imaging centre and ten genetic principal
components; and the fold, for scores that were taken out of fold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edp_core.errors import InputError
from edp_core.export.rules import LEVEL, cells
from edp_core.people import covariates
from edp_core.people.covariates import MAX_LEVELS

FOLD = "fold"
CATEGORIES = (*covariates.CATEGORIES, FOLD)


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
