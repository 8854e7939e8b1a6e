"""What regenie v4 accepts: names, cells and the values of a trait."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from edp_core.errors import InputError
from edp_core.people.covariates import MISSING_NUMBER

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
LEVEL = re.compile(r"[A-Za-z0-9_.-]{1,64}")
ID = re.compile(r"[!-~]+")
MISSING = "NA"
LARGEST = 1e100
"""Sums of squares of larger numbers overflow to inf, and the predictions to nan."""
MIN_CASES = 10
"""regenie's ``--minCaseCount``: binary traits with fewer cases are left out."""


def cells(values: np.ndarray) -> list[str]:
    """Text of the cells of a column.

    Numbers get 7 significant digits, NaN becomes ``NA`` and so does the empty text.

    >>> cells(np.array([1.0, -0.0, 1 / 3, np.nan]))
    ['1', '0', '0.3333333', 'NA']
    """
    if values.dtype.kind in "OU":
        return [str(value) or MISSING for value in values]
    return [
        MISSING if math.isnan(value) else f"{value + 0.0:.7g}"
        for value in values.astype(np.float64).tolist()
    ]


def check_names(names: Sequence[str], *, taken: Sequence[str] = ()) -> None:
    """Raise `InputError` for trait names that regenie or a file system would mix up.

    Parameters
    ----------
    names
        All traits of one export.
    taken
        Names of the covariates.
    """
    lower: dict[str, str] = {}
    for name in names:
        if not NAME.fullmatch(name):
            raise InputError(
                f"regenie cannot work with the phenotype name {name!r}",
                "use up to 64 letters, digits, '_', '.' and '-', a letter first",
            )
        if name in taken or name.upper() in ("FID", "IID"):
            raise InputError(
                f"The phenotype name {name!r} is that of an id or covariate column",
                "rename the phenotype",
            )
        if name.lower() in lower:
            raise InputError(
                f"Two phenotypes are named {lower[name.lower()]!r} and {name!r}",
                "give them names that differ in more than upper and lower case",
            )
        lower[name.lower()] = name


def check_trait(name: str, values: np.ndarray, kind: str) -> None:
    """Raise `InputError` where regenie would refuse or misread a trait.

    Parameters
    ----------
    values
        (n_participants,) float64 as they would be exported; NaN = missing.
    kind
        ``quantitative`` or ``binary``.
    """
    known = values[~np.isnan(values)]
    where = f"Phenotype {name!r}"
    if np.isinf(known).any():
        raise InputError(
            f"{where} holds infinite values", "mend its column or leave it out"
        )
    if len(known) == 0:
        raise InputError(
            f"{where} has no value for any participant left",
            "leave it out, or check that its participants are genotyped and have "
            "the covariates",
        )
    if (np.abs(known) > LARGEST).any():
        raise InputError(
            f"{where} holds values beyond ±{LARGEST:g}: sums of squares overflow",
            "express it in another unit",
        )
    near = known[np.abs(known - MISSING_NUMBER) < 1e-3]
    if MISSING_NUMBER in (float(text) for text in cells(near)):
        raise InputError(
            f"{where} holds the value -999, which regenie takes for missing",
            "set it missing, or shift the column by a constant",
        )
    distinct = _first_values(known)
    if kind == "binary":
        if not set(distinct) <= {0.0, 1.0}:
            raise InputError(
                f"{where} is binary but holds values other than 0 and 1",
                "export it as a quantitative trait, or code it as 0 and 1",
            )
        if len(distinct) == 1:
            raise InputError(
                f"{where} is binary but all participants left are "
                f"{'cases' if distinct[0] else 'controls'}",
                "choose a trait, or a population, with cases and controls",
            )
        if known.sum() < MIN_CASES:
            raise InputError(
                f"{where} has fewer than {MIN_CASES} cases: regenie leaves it out",
                "choose a wider code",
            )
    elif len(distinct) == 1:
        raise InputError(
            f"{where} is constant over the participants left", "leave it out"
        )
    elif len(distinct) == 2:
        raise InputError(
            f"{where} is quantitative but has two distinct values only: regenie "
            "stops all traits of the file",
            "export it as a binary trait, coded as 0 and 1",
        )


def _first_values(known: np.ndarray) -> list[float]:
    """The distinct values as written, the first three at most."""
    found: dict[str, None] = {}
    for value in known.tolist():
        found[f"{value + 0.0:.7g}"] = None
        if len(found) == 3:
            break
    return [float(text) for text in found]
