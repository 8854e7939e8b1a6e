"""Settings of the tables of people: participants, diagnoses, populations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from edp_core.settings.base import Settings

Layout = Literal["auto", "long", "wide", "platform", "hesin", "first_occurrences"]


class Participants(Settings):
    """The participants table: CSV or TSV (plain or .gz) or Parquet, one row each."""

    table: str
    eid: str = "eid"
    columns: dict[str, str] = {}
    """Our name → the file's column, e.g. ``age_years = "21003-2.0"``."""
    categories: tuple[str, ...] = ("sex", "centre", "array")
    """Our names of columns that are categories, whatever their cells look like."""
    instance: int = Field(default=2, ge=0, le=9)
    """Visit of UK Biobank whose measurements are meant; 2 is the first imaging."""
    ranges: dict[str, tuple[float, float]] = {}
    """Our name → lowest and highest value kept, laid over those of `cohort.RANGES`."""

    @field_validator("ranges")
    @classmethod
    def _ascend(
        cls, value: dict[str, tuple[float, float]]
    ) -> dict[str, tuple[float, float]]:
        for name, (low, high) in value.items():
            if not low <= high:
                raise ValueError(f"{name}: the lowest value comes first")
        return value


class Diagnoses(Settings):
    """The diagnoses table, in UK Biobank's layouts or one row for each code."""

    table: str
    layout: Layout = "auto"
    eid: str = "eid"
    code: str = "icd10"
    date: str | None = None
    episodes: str | None = None
    """The table ``hesin`` beside ``hesin_diag``: it holds the dates."""
    level: Literal["any", "main"] = "any"
    prevalent_only: bool = False
    names: str | None = None
    """UK Biobank's coding 19: names and chapters of codes ICD-10 does not list too."""
    phecodes: str | None = None
    """Path of a phecode map, or ``pyPheWAS`` for the one that package brings."""


class TraitTable(Settings):
    """A table of yes and no: wide, or long where ``code`` names a column."""

    table: str
    eid: str = "eid"
    code: str | None = None
    name: str | None = None
    columns: tuple[str, ...] = ()
    """Wide tables: the columns that are traits; empty takes all but the ids."""

    @model_validator(mode="after")
    def _one_layout(self) -> TraitTable:
        if self.code is None and self.name is not None:
            raise ValueError("name is of long tables: it needs code")
        if self.code is not None and self.columns:
            raise ValueError("columns are of wide tables, code is of long ones")
        return self


class Rule(Settings):
    """One condition on a participants column; all rules of a population must hold."""

    column: str
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str | float, ...] | None = None
    none_of: tuple[str | float, ...] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Rule:
        said = (self.at_least, self.at_most, self.one_of, self.none_of)
        if all(part is None for part in said):
            raise ValueError("a rule needs at_least, at_most or one_of, or none_of")
        return self


class Population(Settings):
    """A named filter of participants, applied before anything is learnt."""

    rules: tuple[Rule, ...] = ()
    withdrawals: str | None = None
    """File of withdrawn eids, one a line."""
