"""A PheWAS of a recipe, disclosed: computed once for each recipe and covariates.

Who counts does not follow the covariates chosen: whoever lacks one that could be chosen
is left out of all of them. So models with and without BMI are of the same people, and
no difference between them counts those few whose BMI is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from app import data, figures
from app.phenotype import verdict
from app.phewas import rules as phewas_rules
from app.phewas import told as phewas_told
from app.phewas.told import People
from edp_core.disclosure import about
from edp_core.errors import InputError, MissingArtifactError
from edp_core.inputs import Inputs
from edp_core.phewas.fields import Rules
from edp_core.phewas.scan import covariate_choice
from edp_core.phewas.scan import phewas as computed
from edp_core.recipe import SPEC, ColumnSpec, GroupSpec, Spec, VectorSpec

RULES = Rules()
"""How many people an outcome needs."""
KNOWN = 0.8
"""A usual covariate is offered where at least this share has it: else all the others
would be left out, whatever is chosen."""
MOST_LEVELS = 40
"""A category of more levels is no covariate."""


@dataclass(frozen=True)
class Offer:
    """Covariates that can be chosen.

    Attributes
    ----------
    usual
        Age, sex, BMI, centre and date, those there are: chosen at first.
    others
        Columns that everybody of them has.
    lacking
        Usual ones that too few people have.
    """

    usual: tuple[str, ...]
    others: tuple[str, ...]
    lacking: tuple[str, ...]

    @property
    def every(self) -> tuple[str, ...]:
        """All that can be chosen, the usual ones first."""
        return (*self.usual, *self.others)


def phewas(spec: Spec, covariates: Sequence[str]) -> pd.DataFrame:
    """Association of a phenotype with every code and field, as it may be shown.

    Parameters
    ----------
    spec
        Any recipe; its name plays no part.
    covariates
        Some of `offered`; others are passed over, so that a link cannot name one.

    Returns
    -------
    pandas.DataFrame
        As `phewas_rules.disclosed` makes it, with ``circular``: why a row says
        nothing new, else empty. ``attrs["notes"]``: covariates that say nothing, in
        words. Not to be changed.

    Raises
    ------
    InputError
        Where too few people have the phenotype and every covariate there is, or it
        does not vary among them.
    MissingArtifactError
        Where the recipe was made of something else than the store holds.
    """
    known = offered(spec).every
    chosen = tuple(name for name in known if name in covariates)
    return _phewas(_recipe(spec), chosen, *_state())


def offered(spec: Spec) -> Offer:
    """Covariates a phenotype can be adjusted for; see the head of this module."""
    return _people(_recipe(spec), *_state())[0]


def counted(spec: Spec) -> tuple[int, str]:
    """N as it may be told, and about how many lack a covariate."""
    people = _people(_recipe(spec), *_state())[1]
    least = figures.least()
    lost = int(np.isfinite(people.values).sum() - people.counted.sum())
    return phewas_told.people_told(people, least), about(lost, least)


def _recipe(spec: Spec) -> str:
    return SPEC.dump_json(spec.model_copy(update={"name": "score"})).decode()


def _state() -> tuple[object, ...]:
    """By what a result is remembered besides recipe and covariates."""
    study = data.study()
    refs = tuple(sorted(data.store().refs().items()))
    return (str(study.store_path), study.disclosure.threshold, study.population, refs)


@st.cache_resource(show_spinner="Testing every code and field …", max_entries=32)
def _phewas(recipe: str, covariates: tuple[str, ...], *state: object) -> pd.DataFrame:
    spec = SPEC.validate_json(recipe)
    inputs = _inputs(spec)
    people = _people(recipe, *state)[1]
    least = figures.least()
    if people.counted.sum() < 2 * least:
        raise InputError(
            "Too few people have this phenotype and every covariate",
            "choose another phenotype, or another organ",
        )
    table = computed(
        np.where(people.counted, people.values, np.nan),
        inputs,
        covariates=covariates,
        min_cases=RULES.min_cases,
        min_people=RULES.min_people,
    )
    why = circular(spec, inputs)
    shown = phewas_rules.disclosed(
        table, inputs, people, rules=RULES, threshold=least, circular=frozenset(why)
    )
    found = shown.assign(
        name=_named(shown, inputs),
        circular=[
            why.get(outcome, "") or why.get(outcome.partition("#")[0], "")
            for outcome in shown["outcome"].astype(str)
        ],
    )
    found.attrs = {"notes": table.attrs["notes"]}
    return found


def _inputs(spec: Spec) -> Inputs:
    return data.inputs(getattr(spec, "organ", None), getattr(spec, "encoder", None))


@st.cache_resource(show_spinner=False, max_entries=64)
def _people(recipe: str, *_state: object) -> tuple[Offer, People]:
    """What can be chosen, and who counts for it."""
    spec = SPEC.validate_json(recipe)
    inputs, score = _inputs(spec), data.phenotype(spec)
    table, there = inputs.participants, np.isfinite(score.values)
    itself = spec.column if isinstance(spec, ColumnSpec) else None
    usual = [name for name in covariate_choice(inputs) if name != itself]
    share = {name: float(table[name].notna()[there].mean()) for name in usual}
    taken = tuple(name for name in usual if share[name] >= KNOWN)
    whole = there & table[list(taken)].notna().to_numpy(bool).all(axis=1)
    others = tuple(
        name
        for name in data.known_columns()
        if name not in (*usual, itself)
        and table[name].notna()[whole].all()
        and _can_adjust(table[name])
    )
    lacking = tuple(name for name in usual if name not in taken)
    people = People(
        score.values,
        whole,
        _counted_elsewhere(spec, inputs, taken),
        listed=_listed(spec, inputs),
        coarse=verdict.leaves_out(score),
    )
    return Offer(taken, others, lacking), people


def _can_adjust(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) or column.nunique() <= MOST_LEVELS


def _counted_elsewhere(
    spec: Spec, inputs: Inputs, covariates: Sequence[str]
) -> list[np.ndarray]:
    """People whose counts other screens tell, codes of them too."""
    known = inputs.participants[list(covariates)].notna().to_numpy(bool)
    whole = np.asarray(known.all(axis=1), np.bool_)
    if isinstance(spec, VectorSpec):
        # and those of them that the PheWAS of another phenotype of the organ is of
        there = _flags(inputs.seen, len(inputs.participants))
        return [there, np.logical_and(there, whole)]
    found = [np.ones(len(inputs.participants), bool), whole]
    for organ, encoder in data.study().pairs():
        try:
            seen = data.inputs(organ, encoder).seen
        except MissingArtifactError:  # not computed: no screen counts them
            continue
        there = _flags(seen, len(inputs.participants))
        found += [there, np.logical_and(there, whole)]
    return found


def _flags(rows: np.ndarray | None, n: int) -> np.ndarray:
    flags = np.zeros(n, bool)
    flags[np.asarray(rows)] = True
    return flags


def _listed(spec: Spec, inputs: Inputs) -> frozenset[str] | None:
    if not isinstance(spec, VectorSpec) or inputs.phenome.traits.empty:
        return None
    return frozenset(data.scan(spec.organ, spec.encoder)["code"])


def _named(shown: pd.DataFrame, inputs: Inputs) -> list[str]:
    """Names as people read them, of columns with their unit."""
    names = []
    for outcome, name in zip(shown["outcome"], shown["name"], strict=True):
        column = str(outcome).partition("#")[0]
        plain = str(name).startswith(column) and column in inputs.participants.columns
        names.append(data.caption(column) + name[len(column) :] if plain else name)
    return names


# ---- what is circular ------------------------------------------------------------
def circular(spec: Spec, inputs: Inputs) -> dict[str, str]:
    """Outcome → why its association with this phenotype says nothing new.

    The code that made the phenotype, those it is part of and those that are part of it
    by what they mean; the column itself, columns that were regressed out, and the one
    that coloured the map a group was drawn on.
    """
    found: dict[str, str] = {}
    if isinstance(spec, VectorSpec):
        found |= dict.fromkeys(spec.remove_covariates, "regressed out of the phenotype")
    if isinstance(spec, ColumnSpec):
        found[spec.column] = "the phenotype itself"
    rule = spec.rule if isinstance(spec, GroupSpec) else None
    if rule is not None and rule.coloured_by in inputs.participants.columns:
        found[rule.coloured_by] = "coloured the map the group was drawn on"
    traits = inputs.phenome.traits
    drawn = spec.drawn_on if isinstance(spec, GroupSpec) else None
    for code in (drawn, getattr(spec, "trait", None)):
        if code is None or not (traits["code"] == code).any():
            continue
        at = int(inputs.phenome.at([code])[0])
        names = traits["code"].to_numpy(object)
        for part, whole in np.asarray(inputs.phenome.within).tolist():
            if whole == at:
                found[str(names[part])] = f"part of {code}, which made the phenotype"
            elif part == at:
                found[str(names[whole])] = f"holds {code}, which made the phenotype"
        found[code] = "made the phenotype"
    return found
