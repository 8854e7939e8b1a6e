"""Who enters a PheWAS, and the columns every model of it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.inputs import Inputs
from edp_core.scoring.design import describe_design
from edp_core.stats.regression import residualise

Floats = NDArray[np.float64]
USUAL = ("age_years", "sex", "bmi", "centre", "imaging_date")
_TOLD = 1e-9
"""Share of the phenotype's variance that covariates must leave untold."""


@dataclass(frozen=True)
class Design:
    """The people of a PheWAS and the columns of its models.

    Attributes
    ----------
    rows
        (n,) rows of ``participants`` that have a phenotype and every covariate.
    columns
        (n, f + 1) covariates, then the phenotype with mean 0 and SD 1.
    sd
        SD of the phenotype among them, in its unit.
    lost
        People with a phenotype left out since a covariate is missing.
    covariates
        Names of the participants columns.
    notes
        Covariates that do not vary or say nothing beside others, in words.
    """

    rows: NDArray[np.int64]
    columns: Floats
    sd: float
    lost: int
    covariates: tuple[str, ...]
    notes: tuple[str, ...]


def covariate_choice(inputs: Inputs) -> tuple[str, ...]:
    """Usual covariates there are: age, sex, BMI, centre, imaging date, in this order.

    Examples
    --------
    >>> import pandas as pd
    >>> from edp_core.people.phenome import Phenome
    >>> none = np.zeros(0, np.int64)
    >>> nobody = Phenome(none, pd.DataFrame(), none, none, none, none)
    >>> people = pd.DataFrame({"eid": ["1"], "sex": ["F"], "age_years": [61.0]})
    >>> covariate_choice(Inputs("all", {}, people, nobody))
    ('age_years', 'sex')
    """
    people = inputs.participants
    return tuple(
        name for name in USUAL if name in people.columns and people[name].notna().any()
    )


def design(values: ArrayLike, inputs: Inputs, covariates: Sequence[str]) -> Design:
    """Complete cases of the phenotype and the covariates.

    Parameters
    ----------
    values
        (n_participants,) in the order of ``inputs.participants``; NaN = missing.
    inputs
        The study.
    covariates
        Columns of ``participants``: numbers (dates are decimal years) enter as they
        are, categories as one column for each level but the first.

    Raises
    ------
    InputError
        Where shapes do not meet, a value is infinite, a covariate is not in the table
        or named twice, fewer than three people are left, or the phenotype does not
        vary or is told by the covariates.
    """
    people = inputs.participants
    y = np.asarray(values, np.float64)
    if y.shape != (len(people),) or np.isinf(y).any():
        raise InputError(
            f"{y.shape} values do not meet {len(people)} participants, or are infinite",
            "give one finite number, or NaN, for each participant",
        )
    names = tuple(covariates)
    absent = [name for name in names if name not in people.columns or name == "eid"]
    if absent or len(set(names)) < len(names):
        raise InputError(
            f"no covariate {', '.join(map(repr, absent))} in the participants table"
            if absent
            else "a covariate is named twice",
            f"choose each once among: {', '.join(people.columns.drop('eid'))}",
        )
    there = np.isfinite(y)
    whole = there & people[list(names)].notna().to_numpy().all(axis=1)
    rows = np.flatnonzero(whole)
    if len(rows) < 3:
        raise InputError(
            f"{len(rows)} participants have the phenotype and every covariate",
            "leave out the covariate that is missing in most",
        )
    described = describe_design(people.iloc[rows], names)
    chosen = y[rows] - y[rows].mean()
    left, _ = residualise(chosen, described.matrix)
    sd = float(np.sqrt(np.mean(chosen**2)))
    if sd <= 1e-12 * float(np.abs(y[rows]).max(initial=0)) or not np.any(chosen):
        raise InputError(
            f"the phenotype does not vary among the {len(rows)} participants who have "
            "every covariate",
            "choose another phenotype, or fewer covariates",
        )
    if float(left @ left) <= _TOLD * float(chosen @ chosen):
        raise InputError(
            "the covariates tell the phenotype: nothing of it is left to test",
            "leave the covariate out that it was made of",
        )
    return Design(
        rows,
        np.column_stack([described.matrix, chosen / sd]),
        sd,
        int(np.count_nonzero(there) - len(rows)),
        names,
        described.notes,
    )
