"""Recipes made from what is chosen on the screens."""

from __future__ import annotations

from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Design:
    """What both image-based methods take beside organ, encoder and code."""

    name: str = "score"
    labels: Labels = field(default_factory=Labels)
    remove_pcs: tuple[int, ...] = ()
    remove_covariates: tuple[str, ...] = ()


def _image(choice: Choice, code: str, design: Design) -> dict[str, Any]:
    refs = data.store()
    return _base(design.name) | {
        "organ": choice.organ,
        "encoder": choice.encoder,
        "embedding": refs.ref(f"embedding/{choice.organ}/{choice.encoder}"),
        "phenome": refs.ref("phenome"),
        "trait": code,
        "labels": design.labels,
        "remove_pcs": design.remove_pcs,
        "remove_covariates": design.remove_covariates,
    }


def classifier(choice: Choice, code: str, **design: Any) -> ClassifierSpec:
    """Classifier-guided recipe with the study's folds and shrinkage; see `Design`."""
    analysis = data.study().analysis
    return ClassifierSpec(
        **_image(choice, code, Design(**design)),
        folds=analysis.folds,
        fold_seed=analysis.seed,
        shrinkage=analysis.shrinkage,
    )


def cluster(choice: Choice, code: str, **design: Any) -> ClusterSpec:
    """Cluster-guided recipe for the chosen cluster; see `Design`."""
    return ClusterSpec(
        **_image(choice, code, Design(**design)),
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
