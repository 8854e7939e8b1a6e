"""Populations: named filters, applied before anything is learnt."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from edp_core.errors import InputError
from edp_core.people.cohort import Cohort
from edp_core.people.fields import word_of
from edp_core.people.lookup import proposing
from edp_core.settings.people import Population


def apply_population(
    cohort: Cohort, population: Population, *, withdrawn: Collection[str] = ()
) -> Cohort:
    """Keep the participants of a population; the others become exclusions.

    Parameters
    ----------
    cohort
        Everyone of the participants table.
    population
        Its rules must all hold; a missing value fails its rule, unless the rule only
        says what must not be (`none_of`). A rule may name a UK Biobank field.
    withdrawn
        Ids that withdrew consent.

    Raises
    ------
    InputError
        Where a rule names an unknown column, or nobody is left.
    """
    people = cohort.participants
    reasons = pd.Series("", index=people.index, dtype="string")
    for rule in population.rules:
        name = rule.column
        if name not in people.columns:
            name = word_of(name) or name
        if name not in people.columns:
            raise InputError(
                f"A population rule names the column {rule.column!r}, which the "
                "participants table does not have",
                proposing(rule.column, list(people.columns.drop("eid"))),
            )
        column = people[name]
        passed = np.ones(len(people), bool)
        if rule.at_least is not None or rule.at_most is not None:
            if not pd.api.types.is_numeric_dtype(column):
                raise InputError(
                    f"A population rule compares {rule.column!r}, which is text",
                    "use one_of or none_of for categories",
                )
            values = column.to_numpy(float)
            low = -np.inf if rule.at_least is None else rule.at_least
            high = np.inf if rule.at_most is None else rule.at_most
            passed &= (values >= low) & (values <= high)
        if rule.one_of is not None:
            allowed = _as_cells(rule.one_of, column)
            passed &= column.isin(allowed).fillna(False).to_numpy(bool)
        if rule.none_of is not None:
            barred = _as_cells(rule.none_of, column)
            passed &= ~column.isin(barred).fillna(False).to_numpy(bool)
        wants = (rule.at_least, rule.at_most, rule.one_of)
        missing = column.isna().to_numpy()
        if all(part is None for part in wants):
            missing = np.zeros(len(people), bool)  # it only says what must not be
        unset = (reasons == "").to_numpy()
        reasons[unset & missing] = f"population: {rule.column} is missing"
        reasons[unset & ~missing & ~passed] = (
            f"population: {rule.column} outside the rule"
        )
    reasons[people["eid"].isin(list(withdrawn)).to_numpy()] = "withdrew consent"
    out = (reasons != "").to_numpy()
    if out.all():
        raise InputError(
            f"Nobody of {len(people)} participants is in the population",
            "loosen its rules in study.toml",
        )
    excluded = pd.DataFrame({"eid": people["eid"][out], "reason": reasons[out]})
    return Cohort(
        people.loc[~out].reset_index(drop=True),
        pd.concat([cohort.exclusions, excluded.astype(str)], ignore_index=True),
        cohort.notes,
    )


def _as_cells(
    allowed: Sequence[str | float], column: pd.Series
) -> list[str] | list[float]:
    """Values of a rule as the column holds them: 1, 1.0 and "1" mean the same cell."""
    if not pd.api.types.is_numeric_dtype(column):
        return [v if isinstance(v, str) else f"{v:.15g}" for v in allowed]
    try:
        return [float(v) for v in allowed]
    except ValueError as error:
        raise InputError(
            f"A population rule compares {column.name!r}, a column of numbers, with "
            "text",
            "give numbers in the rule, or name the column under `categories`",
        ) from error
