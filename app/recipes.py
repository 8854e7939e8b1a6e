"""Recipes made from what is chosen on the screens."""

from __future__ import annotations

from typing import Any

from app import data
from app.state import Choice
from edp_core.artifacts import clustering_of
from edp_core.recipe import ClassifierSpec, ClusterSpec, CodeSpec, ColumnSpec, Labels


def _base(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "population": data.study().population,
        "cohort": data.store().ref("cohort"),
    }


def _image(choice: Choice, code: str, *, name: str) -> dict[str, Any]:
    refs = data.store()
    return _base(name) | {
        "organ": choice.organ,
        "encoder": choice.encoder,
        "embedding": refs.ref(f"embedding/{choice.organ}/{choice.encoder}"),
        "phenome": refs.ref("phenome"),
        "trait": code,
    }


def classifier(
    choice: Choice,
    code: str,
    *,
    name: str = "score",
    labels: Labels | None = None,
    remove_pcs: tuple[int, ...] = (),
    remove_covariates: tuple[str, ...] = (),
) -> ClassifierSpec:
    """Classifier-guided recipe with the study's folds and shrinkage."""
    analysis = data.study().analysis
    return ClassifierSpec(
        **_image(choice, code, name=name),
        labels=labels or Labels(),
        remove_pcs=remove_pcs,
        remove_covariates=remove_covariates,
        folds=analysis.folds,
        fold_seed=analysis.seed,
        shrinkage=analysis.shrinkage,
    )


def cluster(
    choice: Choice,
    code: str,
    *,
    name: str = "score",
    labels: Labels | None = None,
    remove_pcs: tuple[int, ...] = (),
    remove_covariates: tuple[str, ...] = (),
) -> ClusterSpec:
    """Cluster-guided recipe for the chosen cluster."""
    return ClusterSpec(
        **_image(choice, code, name=name),
        labels=labels or Labels(),
        remove_pcs=remove_pcs,
        remove_covariates=remove_covariates,
        atlas=data.store().ref(f"atlas/{choice.organ}/{choice.encoder}"),
        clustering=data.inputs(choice.organ, choice.encoder).clustering
        or clustering_of(data.study()),
        cluster=choice.cluster or 0,
    )


def code_itself(code: str, *, name: str = "score") -> CodeSpec:
    """Baseline: the code as a binary trait."""
    return CodeSpec(**_base(name), phenome=data.store().ref("phenome"), trait=code)


def column(name_of_column: str, *, name: str = "score") -> ColumnSpec:
    """Baseline: a participants column as a quantitative trait."""
    return ColumnSpec(**_base(name), column=name_of_column)
