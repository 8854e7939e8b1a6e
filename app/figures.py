"""Disclosed tables behind the figures: what is drawn is made here, once."""

from __future__ import annotations

import secrets

import numpy as np
import pandas as pd
import streamlit as st

from app import data
from app.state import Choice
from edp_core import disclosure
from edp_core.appraisal.confounders import associations
from edp_core.exclusions import exclusions_of, used_of
from edp_core.nested import coarse_controls
from edp_core.people.side import cases_in_sets
from edp_core.phenotype import Phenotype
from edp_core.stats.regression import pearson

BINS = 40


def least() -> int:
    """Smallest count the study shows."""
    return data.study().disclosure.threshold


def flow(counts: dict[str, int]) -> pd.DataFrame:
    """Participants by what became of them; small counts written as such."""
    shown = disclosure.breakdown(counts, least())
    return pd.DataFrame(
        {"Participants": list(shown), "Count": [str(n) for n in shown.values()]}
    )


def people(count: int) -> int | str:
    """N of everybody, coarse where it would tell how many few have no image."""
    study = data.study()
    state = (str(study.store_path), *sorted(data.store().refs().items()))
    return disclosure.near(count, _used(state, tuple(study.pairs())), least())


@st.cache_data(show_spinner=False, max_entries=8)
def _used(state: tuple[object, ...], pairs: tuple[tuple[str, str], ...]) -> list[int]:
    """People of each embedding, and of the cohort: counts that are known."""
    flows = [exclusions_of(data.store(), *pair) for pair in pairs]
    used = [used_of(flow) for flow in flows if flow]
    return [*used, len(data.inputs().participants)]


def is_coarse(counts: pd.Series) -> np.ndarray:
    """Which counts of people are told to the nearest ten only; missing are not."""
    known = counts.fillna(0).to_numpy(int)
    return np.array([isinstance(people(int(n)), str) for n in known], bool)


def edges(values: np.ndarray) -> np.ndarray:
    """Ends of the bars over values, NaN = missing; far ones count in the outer bars."""
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, [0.25, 99.75]) if len(finite) else (0.0, 1.0)
    return np.linspace(low, max(high, low + 1e-9), BINS + 1)


def histogram(groups: dict[str, np.ndarray]) -> pd.DataFrame:
    """Bars of one or more groups over the same range; each bar counts enough people."""
    grid = edges(np.concatenate(list(groups.values())))
    rows = []
    for name, values in groups.items():
        ends, counts = disclosure.histogram(values, grid, least())
        widths = np.diff(ends)
        rows.append(
            pd.DataFrame(
                {
                    "left": ends[:-1],
                    "right": ends[1:],
                    "count": counts,
                    "density": counts / (widths * max(counts.sum(), 1)),
                    "group": name,
                }
            )
        )
    table = pd.concat(rows, ignore_index=True)
    return table[table["count"] > 0]


def separation(
    phenotype: Phenotype, cases: np.ndarray
) -> tuple[pd.DataFrame, tuple[np.ndarray, np.ndarray]]:
    """Histogram of cases and controls, and the ROC curve, of those who count."""
    known = np.isfinite(phenotype.values)
    trait = getattr(phenotype.spec, "trait", None)
    counted = known if trait is None else known & data.inputs().phenome.eligible(trait)
    controls = _round_number(counted, cases, known=known, trait=trait)
    groups = {
        f"controls (N = {len(controls):,})": phenotype.values[controls],
        f"cases (N = {(known & cases).sum():,})": phenotype.values[known & cases],
    }
    drawn = np.concatenate([np.flatnonzero(known & cases), controls])
    return histogram(groups), disclosure.roc(
        phenotype.values[drawn], cases[drawn], least()
    )


def _round_number(
    counted: np.ndarray, cases: np.ndarray, *, known: np.ndarray, trait: str | None
) -> np.ndarray:
    """Rows of the controls that are drawn, as many as tables say.

    Where somebody may not count, bars and steps of the exact controls would add up to
    what `coarse_controls` rounds. So a few of them, drawn at random, are left out, or
    drawn twice.
    """
    rows = np.flatnonzero(counted & ~cases)
    if trait is None or not len(rows):
        return rows
    seen = np.flatnonzero(known)
    stated = coarse_controls(
        np.array([cases[seen].sum()]),
        np.array([len(rows)]),
        in_set=cases_in_sets(data.inputs().phenome, [trait], seen=seen),
        total=len(seen),
        threshold=least(),
    )[0]
    if stated == len(rows):
        return rows
    mixed = np.random.default_rng([secret(), *trait.encode()]).permutation(rows)
    return np.resize(mixed, stated)


@st.cache_resource
def secret() -> int:
    """A number nobody sees; it lasts as long as the server runs."""
    return secrets.randbits(64)


def n_clusters(choice: Choice) -> int:
    """How many clusters the embedding has."""
    return int(data.atlas_array(choice.organ, choice.encoder, "clusters").max()) + 1


def cluster_sizes(choice: Choice) -> pd.DataFrame:
    """Participants of every cluster and their share; missing where hidden."""
    labels = data.atlas_array(choice.organ, choice.encoder, "clusters")
    sizes = np.bincount(labels)
    hidden = disclosure.hide_partition(sizes, least())
    table = pd.DataFrame({"cluster": np.arange(len(sizes)), "n": sizes})
    table["n"] = table["n"].astype("Int64").mask(hidden)
    # three digits: more would tell a hidden count from the others' shares
    table["share"] = (table["n"] / len(labels)).astype("Float64").round(3)
    return table


def cluster_size(choice: Choice) -> int | str:
    """Participants of the chosen cluster, or that they are too few to say."""
    labels = data.atlas_array(choice.organ, choice.encoder, "clusters")
    sizes = np.bincount(labels)
    number = choice.cluster or 0
    if disclosure.hide_partition(sizes, least())[number]:
        return "hidden"
    return int(sizes[number])


def factors(phenotype: Phenotype, *, unadjusted: Phenotype | None) -> pd.DataFrame:
    """Correlation with the unadjusted score and with age, sex, BMI and volume."""
    inputs = data.inputs()
    people = inputs.participants
    wanted = [c for c in ("age_years", "sex", "bmi") if c in people.columns]
    itself = getattr(phenotype.spec, "column", None)
    named = [
        name
        for name in (*wanted, *inputs.measured)
        if name != itself and people[name].notna().any()
    ]
    if phenotype.kind == "binary":
        # with few cases a correlation tells how many of them are women
        named = [c for c in named if not _tells_small_counts(phenotype, people[c])]
    table = associations(phenotype.values, people, named)
    table["column"] = [data.caption(name) for name in table["column"]]
    if unadjusted is not None:
        r, low, high, log10p, n = pearson(phenotype.values, unadjusted.values)
        first = {"column": "unadjusted score", "r": r, "low": low, "high": high}
        first |= {"r2": r**2, "n": n, "log10p": log10p}
        table = pd.concat([pd.DataFrame([first]), table], ignore_index=True)
    table = table.round({"r": 3, "low": 3, "high": 3, "r2": 4, "log10p": 2})
    everyone = int(np.isfinite(phenotype.values).sum())
    found = disclosure.disclose(
        table, threshold=least(), counts=["n"], totals={"n": everyone}
    )
    # an exact N here would undo the coarse one above the table
    found["n"] = found["n"].mask(is_coarse(found["n"]))
    return found


def _tells_small_counts(phenotype: Phenotype, column: pd.Series) -> bool:
    """Whether cases and controls by the levels of a category hold a small count."""
    if pd.api.types.is_numeric_dtype(column):
        return False
    cells = pd.crosstab(phenotype.values, column.fillna("missing").to_numpy())
    return bool(disclosure.is_small(cells.to_numpy(), least()).any())


def small_p(p: float) -> str:
    """A p-value as it is written in a text.

    Examples
    --------
    >>> small_p(5e-8), small_p(1.2e-12)
    ('5 × 10⁻⁸', '1.2 × 10⁻¹²')
    """
    digits, power = f"{p:.1e}".split("e")
    raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits.removesuffix('.0')} × 10{raised}"
