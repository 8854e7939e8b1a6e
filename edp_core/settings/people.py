"""Settings of the tables of people: participants, diagnoses, populations."""

from __future__ import annotations

from pydantic import model_validator

from edp_core.settings.base import Settings


class Participants(Settings):
    """The participants table: CSV or TSV (plain or .gz) or Parquet, one row each."""

    table: str
    eid: str = "eid"
    columns: dict[str, str] = {}
    """Our name → the file's column, e.g. ``age_years = "21003-2.0"``."""
    categories: tuple[str, ...] = ("sex", "centre", "array")
    """Our names of columns that are categories, whatever their cells look like."""


class Diagnoses(Settings):
    """The long diagnoses table, one row for each participant and ICD-10 code."""

    table: str
    eid: str = "eid"
    code: str = "icd10"
    date: str | None = None


class Rule(Settings):
    """One condition on a participants column; all rules of a population must hold."""

    column: str
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str | float, ...] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Rule:
        if self.at_least is None and self.at_most is None and self.one_of is None:
            raise ValueError("a rule needs at_least, at_most or one_of")
        return self


class Population(Settings):
    """A named filter of participants, applied before anything is learnt."""

    rules: tuple[Rule, ...] = ()
    withdrawals: str | None = None
    """File of withdrawn eids, one a line."""
