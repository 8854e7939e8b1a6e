"""What a GWAS may adjust for, read from the participants: the paper's preset.

Age, age², sex, BMI, genotyping array, imaging centre and ten genetic principal
components.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from edp_core.errors import InputError

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
CATEGORIES = ("sex", "array", "centre")
MAX_LEVELS = 50
MISSING_NUMBER = -999.0
"""The number regenie itself keeps for missing: such a value would vanish silently."""
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-]?[0-9]+)?")
REGENIE_LEVELS = 10
"""Levels regenie takes without ``--maxCatLevels``."""
_MISSING = {"", "NA", "N/A", "nan", "NaN", "<NA>", "None", "inf"}


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
        raw[name] = levels(column) if name in CATEGORIES else numbers(column)
    if "array" in raw:
        raw["array"] = _array(raw["array"])
    return raw


def missing_cells(column: np.ndarray) -> np.ndarray:
    """(n_people,) bool: where a column of `gather` has no value."""
    texts = column.dtype.kind in "OU"
    return np.asarray(column == "" if texts else np.isnan(column), bool)


def numbers(column: pd.Series) -> np.ndarray:
    """Column of numbers as (n_people,) float64, NaN where missing.

    Raises
    ------
    InputError
        Where a cell is text, infinite or -999, which regenie takes for missing.
    """
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


def levels(column: pd.Series) -> np.ndarray:
    """Column of a category as (n_people,) text, empty where missing."""
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


def _array(batches: np.ndarray) -> np.ndarray:
    """UK Biobank's 106 batches (field 22000) become its two arrays.

    Batches below zero were genotyped on the UK BiLEVE array, the others on the UK
    Biobank Axiom array.
    """
    known = set(batches) - {""}
    if not all(NUMBER.fullmatch(batch) for batch in known):
        return batches
    if len(known) <= REGENIE_LEVELS and not any(v.startswith("-") for v in known):
        return batches
    if len(known) <= 2:
        return batches
    name = {v: "BiLEVE" if v.startswith("-") else "Axiom" for v in known}
    return np.array([name.get(v, "") for v in batches], object)
