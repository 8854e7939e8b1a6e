"""Populations: named filters, applied before anything is learnt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from edp_core.errors import InputError
from edp_core.people.cohort import Cohort
from edp_core.people.fields import word_of
from edp_core.people.lookup import proposing
from edp_core.people.values import SPELLINGS, whole
from edp_core.settings.people import Population, Rule

MERGED = frozenset({"array"})
"""Columns whose cells stand for many codes: a rule on one code means not them all."""
LISTED = 10
"""A column with more values than this is no category whose values may be listed."""


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
        Where a rule names an unknown column or only values that no cell holds, or
        nobody is left.
    """
    people = cohort.participants
    reasons = pd.Series("", index=people.index, dtype="string")
    unmet: Counter[str] = Counter()
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
        passed = _passed(column, rule, unmet)
        wants = (rule.at_least, rule.at_most, rule.one_of)
        missing = column.isna().to_numpy()
        if all(part is None for part in wants):
            missing = np.zeros(len(people), bool)  # it only says what must not be
        unset = (reasons == "").to_numpy()
        reasons[unset & missing] = f"population: {rule.column} is missing"
        reasons[unset & ~missing & ~passed] = (
            f"population: {rule.column} outside the rule"
        )
    gone = people["eid"].isin(list(withdrawn)).to_numpy()
    reasons[gone] = "withdrew consent"
    out = (reasons != "").to_numpy()
    if gone.all():
        raise InputError(
            f"All {len(people)} participants withdrew consent",
            "check the lists of withdrawals that the populations of study.toml name",
        )
    if out.all():
        raise InputError(
            f"Nobody of {len(people)} participants is in the population"
            + (f", {int(gone.sum())} of them withdrew consent" if gone.any() else ""),
            "loosen its rules in study.toml",
        )
    excluded = pd.DataFrame({"eid": people["eid"][out], "reason": reasons[out]})
    return Cohort(
        people.loc[~out].reset_index(drop=True),
        pd.concat([cohort.exclusions, excluded.astype(str)], ignore_index=True),
        with_notes(cohort, unmet).notes,
    )


def with_notes(cohort: Cohort, counts: Mapping[str, int]) -> Cohort:
    """A cohort with further notes; reasons that are counted 0 are left out."""
    more = {reason: int(count) for reason, count in counts.items() if count}
    if not more:
        return cohort
    frame = pd.DataFrame({"reason": list(more), "count": list(more.values())})
    return replace(cohort, notes=pd.concat([cohort.notes, frame], ignore_index=True))


def _passed(column: pd.Series, rule: Rule, unmet: Counter[str]) -> np.ndarray:
    """Which cells a rule lets through, values that no cell holds counted."""
    passed = np.ones(len(column), bool)
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
    cells = whole(column) if pd.api.types.is_string_dtype(column) else column
    held = set(cells.dropna())
    for said, given in (("one_of", rule.one_of), ("none_of", rule.none_of)):
        if given is None:
            continue
        wanted = _as_cells(given, column)
        absent = [v for v, cell in zip(given, wanted, strict=True) if cell not in held]
        if wanted and said == "one_of" and len(absent) == len(wanted):
            raise _nobody_holds(rule, absent, cells)
        unmet[f"population: value of {said} that no cell of {rule.column} holds"] += (
            len(absent)
        )
        among = cells.isin(wanted).fillna(False).to_numpy(bool)
        passed &= among if said == "one_of" else ~among
    return passed


def _nobody_holds(
    rule: Rule, absent: Sequence[str | float], cells: pd.Series
) -> InputError:
    """The error of a rule that keeps nobody; lists values only where they are few."""
    values = sorted({str(v) for v in cells.dropna()})
    few = 0 < len(values) <= LISTED and 2 * len(values) <= cells.notna().sum()
    if few and cells.name != "eid":
        asked = ", ".join(_text(v) for v in absent)
        return InputError(
            f"A population rule names {asked}; {rule.column} holds {', '.join(values)}",
            "write values that the column holds under one_of in study.toml",
        )
    return InputError(
        f"A population rule names {len(absent)} values, none of which any cell of "
        f"{rule.column} holds ({int(cells.notna().sum())} of {len(cells)} are filled)",
        "write values that the column holds under one_of in study.toml",
    )


def _text(value: str | float) -> str:
    return value.strip() if isinstance(value, str) else f"{value:.15g}"


def _as_cells(
    allowed: Sequence[str | float], column: pd.Series
) -> list[str] | list[float]:
    """Values of a rule as the column holds them: 1, 1.0 and "1" mean the same cell."""
    name = str(column.name)
    text = pd.Series([_text(v) for v in allowed], dtype="string")
    if name in SPELLINGS and name not in MERGED:
        text = SPELLINGS[name][0](text)
    if not pd.api.types.is_numeric_dtype(column):
        return [str(v) for v in whole(text)]
    try:
        return [float(v) for v in text]
    except ValueError as error:
        raise InputError(
            f"A population rule compares {column.name!r}, a column of numbers, with "
            "text",
            "give numbers in the rule, or name the column under `categories`",
        ) from error
