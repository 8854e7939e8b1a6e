"""Cached reads: the only place where screens meet the store.

Cache arguments are content keys and recipes, so a new artifact is seen at once and an
old one is never shown for it. Arrays stay memory-mapped in `st.cache_resource`. A name
that begins with an underscore would leave its argument out of the key.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app import glance, vocabulary
from app.clusters import enriched
from app.glance import Glance
from edp_core.artifacts import is_stale, read_inputs
from edp_core.disclosure import disclose, hide_partition
from edp_core.errors import InputError, MissingArtifactError
from edp_core.nested import coarse_controls, hide_related
from edp_core.people.measures import volume_caption
from edp_core.people.side import (
    cases_in_sets,
    names_of,
    near_each_other,
    side_of,
    superfluous,
)
from edp_core.phenotype import SPEC, Inputs, Phenotype, Spec, evaluate
from edp_core.store import Store, read_array, read_table
from edp_core.study import Study, load_study

STUDY_VARIABLE = "EDP_STUDY"


def study() -> Study:
    """The study the app was started on, read again when its file changes."""
    return glance.once("study", _opened)


def _opened() -> Study:
    path = Path(os.environ.get(STUDY_VARIABLE, "demo"))
    file = path / "study.toml" if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            f"There is no study at {path}",
            "make the demo: python -m precompute demo demo — or start the app with "
            "make app STUDY=folder",
        )
    return _study(str(path), file.stat().st_mtime_ns)


@st.cache_resource(show_spinner=False)
def _study(path: str, changed: int) -> Study:
    return load_study(path)


def command() -> str:
    """The command that computes what the study lacks."""
    place = os.environ.get(STUDY_VARIABLE, "demo")
    return f".venv/bin/python -m precompute run {place}"


def store() -> Store:
    """The study's store."""
    return glance.once("store", lambda: Glance(study().store_path, remedy=command()))


def missing(slots: list[str]) -> list[tuple[str, str]]:
    """Slots that are not there, damaged, or older than the study file, and why."""
    found = []
    for slot in slots:
        try:
            store().at(slot)
            if is_stale(study(), store(), slot):
                found.append((slot, "the study file has changed since"))
        except MissingArtifactError as error:
            first = "" if error.hint.startswith("run:") else f"; {error.hint}"
            found.append((slot, error.message + first))
    return found


def slots_of(organ: str, encoder: str) -> list[str]:
    """Slots the screens of one organ and encoder read."""
    kinds = ["embedding", "atlas", "scan", "enrichment", "stability"]
    if not study().is_given(encoder):
        kinds.insert(0, "encoder")
    slots = ["cohort", "phenome"]
    if study().organs[organ].images is not None:
        slots += [f"images/{organ}", f"thumbnails/{organ}"]
    if study().genotypes is not None:
        slots.append("genotypes")
        kinds.append("basis")
    return slots + [f"{kind}/{organ}/{encoder}" for kind in kinds]


def inputs(organ: str | None = None, encoder: str | None = None) -> Inputs:
    """What `evaluate` needs for one organ and encoder."""

    def read() -> Inputs:
        refs, least = store().refs(), study().disclosure.threshold
        keys = (tuple(sorted(refs.items())), study().population, least)
        return _inputs(organ, encoder, *keys)

    # to hash the keys of a hundred artifacts takes longer than to look them up
    return glance.once(("inputs", organ, encoder), read)


@st.cache_resource(show_spinner="Reading the embedding …", max_entries=4)
def _inputs(organ: str | None, encoder: str | None, *_keys: object) -> Inputs:
    return read_inputs(study(), store(), organ=organ, encoder=encoder)


def caption(column: str) -> str:
    """How a participants column is called where people read it, its unit with it."""
    named = {"age_years": "age", "bmi": "BMI"}
    slot = inputs().measured.get(column)
    return named.get(column, column) if slot is None else volume_caption(slot)


def trait_names() -> dict[str, str]:
    """Code → name of every trait of the study; not to change."""
    return glance.once("names", lambda: _trait_names(store().ref("phenome")))


@st.cache_resource(show_spinner=False, max_entries=4)
def _trait_names(key: str) -> dict[str, str]:
    return names_of(inputs().phenome)


def known_columns(*, numbers: bool = False) -> list[str]:
    """Participants columns in which anybody has a value, those of numbers alone."""
    keys = (str(study().store_path), *sorted(store().refs().items()))
    return _known_columns(keys, numbers, study().population)


@st.cache_data(show_spinner=False, max_entries=8)
def _known_columns(
    keys: tuple[object, ...], numbers: bool, population: str
) -> list[str]:
    people = inputs().participants.drop(columns="eid")
    return [
        name
        for name in people.columns
        if people[name].notna().any()
        and (not numbers or pd.api.types.is_numeric_dtype(people[name]))
    ]


def numbers_of(organ: str) -> list[str]:
    """Columns of numbers, those measured of the organ (its volume) first."""
    names = known_columns(numbers=True)
    measured = inputs().measured
    own = [name for name in names if measured.get(name) == f"images/{organ}"]
    other = [name for name in names if name.startswith(organ) and name not in own]
    return [*own, *other, *(name for name in names if name not in {*own, *other})]


def phenotype(spec: Spec) -> Phenotype:
    """Evaluate a recipe, or take what was evaluated before."""
    # the name does not change the numbers, so it is not part of what is remembered
    unnamed = spec.model_copy(update={"name": "score"})
    where = (str(study().store_path), study().disclosure.threshold)
    found = _phenotype(SPEC.dump_json(unnamed).decode(), *where)
    return Phenotype(
        spec, found.eids, found.values, found.kind, found.folds, found.figures
    )


@st.cache_resource(show_spinner="Computing the score …", max_entries=64)
def _phenotype(spec_json: str, _store: str, threshold: int) -> Phenotype:
    spec = SPEC.validate_json(spec_json)
    organ, encoder = getattr(spec, "organ", None), getattr(spec, "encoder", None)
    return evaluate(spec, inputs(organ, encoder))


def scan(organ: str, encoder: str) -> pd.DataFrame:
    """Disclosed phenome scan; codes that would reveal small counts are left out."""
    slot = f"scan/{organ}/{encoder}"
    return _scan(store().ref(slot), slot, study().disclosure.threshold)


@st.cache_data(show_spinner=False)
def _scan(key: str, slot: str, threshold: int) -> pd.DataFrame:
    table = read_table(store().at(slot), "scan")
    given = inputs(*slot.split("/")[1:])
    phenome, seen = given.phenome, np.asarray(given.seen)
    codes, cases = list(table["code"]), table["n_cases"].to_numpy()
    side = side_of(phenome, codes)
    near = near_each_other(phenome, codes, seen=seen, threshold=threshold)
    hidden = hide_related(side, cases, threshold, near=near) | superfluous(side, cases)
    in_set = cases_in_sets(phenome, codes, seen=seen)
    table["restricted"] = in_set >= 0  # some may be neither cases nor controls
    table["n_controls"] = coarse_controls(
        cases,
        table["n_controls"].to_numpy(),
        in_set=in_set,
        total=len(seen),
        threshold=threshold,
    )
    derived = ["auc", "auc_low", "auc_high", "log10p", "baseline_auc", "increment"]
    shown = table[~hidden].reset_index(drop=True)
    # digits nobody needs would tell exact counts behind a ratio
    shown[derived] = shown[derived].round(3)
    return disclose(
        shown, threshold=threshold, counts=["n_cases", "n_controls"], derived=derived
    )


def vocabularies(organ: str, encoder: str) -> dict[str, pd.DataFrame]:
    """The scan's codes by vocabulary (`vocabulary.split`), best first; not to change.

    Raises
    ------
    MissingArtifactError
        Where there is no scan.
    """
    slot = f"scan/{organ}/{encoder}"
    return _vocabularies(store().ref(slot), slot, study().disclosure.threshold)


@st.cache_resource(show_spinner=False, max_entries=8)
def _vocabularies(key: str, slot: str, threshold: int) -> dict[str, pd.DataFrame]:
    return vocabulary.split(ranked(_scan(key, slot, threshold)))


def ranked(table: pd.DataFrame) -> pd.DataFrame:
    """A scan's codes, those the embedding separates best first.

    An AUC below one half is chance, however small its p: such codes come last.
    """
    strength = table["log10p"].where(table["auc"] >= 0.5, -table["log10p"])
    order = strength.sort_values(ascending=False, na_position="last").index
    return table.loc[order]


def enrichment(organ: str, encoder: str) -> pd.DataFrame:
    """Disclosed table of clusters × codes (`enriched.disclosed`); not to change."""
    pair = f"{organ}/{encoder}"
    read = [f"enrichment/{pair}", f"scan/{pair}", f"atlas/{pair}", "phenome"]
    keys = tuple(store().ref(slot) for slot in read)
    return _enrichment(keys, pair, study().disclosure.threshold)


@st.cache_resource(show_spinner="Reading the clusters …", max_entries=8)
def _enrichment(keys: tuple[str, ...], pair: str, threshold: int) -> pd.DataFrame:
    given = inputs(*pair.split("/"))
    return enriched.disclosed(
        read_table(store().at(f"enrichment/{pair}"), "enrichment"),
        given.phenome,
        labels=np.asarray(given.clusters),
        seen=np.asarray(given.seen),
        codes=list(scan(*pair.split("/"))["code"]),
        threshold=threshold,
    )


def stability(organ: str, encoder: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Stability of each cluster whose size may be shown, and other clusterings.

    Raises
    ------
    MissingArtifactError
        Where it was not computed.
    """
    folder = store().at(f"stability/{organ}/{encoder}")
    sizes = np.bincount(atlas_array(organ, encoder, "clusters"))
    small = hide_partition(sizes, study().disclosure.threshold)
    table = _table(str(folder), "stability")
    if not np.array_equal(sizes[table["cluster"]] if len(table) else [], table["n"]):
        raise MissingArtifactError(
            f"stability/{organ}/{encoder} is of other clusters", f"run: {command()}"
        )
    return (
        table[~small[table["cluster"]]].reset_index(drop=True),
        _table(str(folder), "comparison"),
    )


def seen(organ: str, encoder: str) -> int:
    """Participants with an embedding."""
    return len(atlas_array(organ, encoder, "clusters"))


def atlas_array(organ: str, encoder: str, name: str) -> np.ndarray:
    """One array of the atlas, memory-mapped."""
    return _array(str(store().at(f"atlas/{organ}/{encoder}")), name)


@st.cache_resource(show_spinner=False, max_entries=64)
def _array(folder: str, name: str) -> np.ndarray:
    return read_array(Path(folder), name)


@st.cache_resource(show_spinner=False, max_entries=64)
def _table(folder: str, name: str) -> pd.DataFrame:
    return read_table(Path(folder), name)
