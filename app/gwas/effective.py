"""How many independent phenotypes results are of, and the threshold for them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from app import data, figures
from app.gwas import data as gwas_data
from edp_core.errors import EdpError
from edp_core.gwas.effective import effective_tests, study_wide
from edp_core.phenotype import SPEC, Spec

KEY = "study_wide"
"""The toggle's key and name in the link."""


@dataclass(frozen=True)
class Effective:
    """Effective number of tests.

    Attributes
    ----------
    tests
        Effective number of the phenotypes with a recipe, and one for each without.
    known, unknown
        Phenotypes with and without a recipe.
    threshold
        −log₁₀(5·10⁻⁸ / ``tests``).
    """

    tests: float
    known: int
    unknown: int

    @property
    def threshold(self) -> float:
        """−log₁₀ p a variant must exceed in any of the phenotypes."""
        return study_wide(max(self.tests, 1.0))

    @property
    def said(self) -> str:
        """In a sentence."""
        each = (
            f" and {self.unknown} without a recipe, which count one each"
            if self.unknown
            else ""
        )
        return (
            f"Study-wide: p < {figures.small_p(10**-self.threshold)}, 5 × 10⁻⁸ / "
            f"{self.tests:.1f} effective tests (Galwey 2009) of {self.known} "
            f"phenotypes with a recipe{each}."
        )


def asked() -> bool:
    """Whether the study-wide threshold is asked for."""
    return bool(st.session_state.get(KEY, False))


def of(names: Sequence[str]) -> Effective:
    """Effective number of tests of some results."""
    recipes = gwas_data.specs()
    found: dict[str, Spec] = {}
    unknown: set[str] = set()
    for name in names:
        result = gwas_data.result(name)
        trait = str(result.summary["trait"] or name)
        spec = recipes.get(trait) or recipes.get(name)
        if spec is None:
            unknown.add(trait)
        else:
            found[spec.name] = spec
    jsons = tuple(SPEC.dump_json(spec).decode() for spec in found.values())
    tests, used = _tests(jsons, str(data.study().store_path))
    # what could not be evaluated counts as one test each: no threshold is too mild
    lost = len(found) - used
    return Effective(tests + len(unknown) + lost, used, len(unknown) + lost)


@st.cache_data(show_spinner="Correlating the phenotypes …", max_entries=16)
def _tests(recipes: tuple[str, ...], _store: str) -> tuple[float, int]:
    columns = {}
    for number, recipe in enumerate(recipes):
        try:
            score = data.phenotype(SPEC.validate_json(recipe))
        except EdpError:  # of data that are no longer there
            continue
        columns[number] = pd.Series(score.values, index=score.eids)
    if not columns:
        return 0.0, 0
    matrix = correlations(pd.DataFrame(columns))
    return (effective_tests(matrix) if len(matrix) else 0.0), len(matrix)


def correlations(table: pd.DataFrame) -> np.ndarray:
    """(k, k) correlations of columns, over who has both; constant columns left out."""
    varying = table.loc[:, table.std() > 0]
    matrix = varying.corr().to_numpy()
    return np.nan_to_num(matrix, nan=0.0) if len(varying.columns) else np.zeros((0, 0))
