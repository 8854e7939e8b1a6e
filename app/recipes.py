"""Recipes made from what is chosen on the screens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from app import data
from app.state import Choice
from edp_core.artifacts import clustering_of
from edp_core.recipe import (
    AxisSpec,
    ClassifierSpec,
    ClusterSpec,
    CodeSpec,
    ColumnSpec,
    Labels,
)


def _base(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "population": data.study().population,
        "cohort": data.store().ref("cohort"),
    }


def _measured(columns: Sequence[str]) -> dict[str, str]:
    """Slot → key of the images whose volumes are among the columns."""
    inputs = data.inputs()
    slots = {inputs.measured[name] for name in columns if name in inputs.measured}
    return {slot: inputs.keys[slot] for slot in sorted(slots)}


@dataclass(frozen=True)
class Design:
    """What the image-based methods take beside organ, encoder and code.

    An axis takes no labels.
    """

    name: str = "score"
    labels: Labels = field(default_factory=Labels)
    remove_pcs: tuple[int, ...] = ()
    remove_covariates: tuple[str, ...] = ()
    sign: Literal[1, -1] = 1


def _vector(choice: Choice, design: Design) -> dict[str, Any]:
    pair = f"{choice.organ}/{choice.encoder}"
    return _base(design.name) | {
        "organ": choice.organ,
        "encoder": choice.encoder,
        "embedding": data.store().ref(f"embedding/{pair}"),
        "remove_pcs": design.remove_pcs,
        "remove_covariates": design.remove_covariates,
        "measured": _measured(design.remove_covariates),
        "sign": design.sign,
    }


def _guided(choice: Choice, code: str, design: Design) -> dict[str, Any]:
    return _vector(choice, design) | {
        "phenome": data.store().ref("phenome"),
        "trait": code,
        "labels": design.labels,
    }


def classifier(choice: Choice, code: str, **design: Any) -> ClassifierSpec:
    """Classifier-guided recipe with what the study sets for its scan; see `Design`."""
    analysis = data.study().analysis
    return ClassifierSpec(
        **_guided(choice, code, Design(**design)),
        folds=analysis.folds,
        fold_seed=analysis.seed,
        shrinkage=analysis.shrinkage,
        oversampling=analysis.oversampling,
    )


def cluster(choice: Choice, code: str, **design: Any) -> ClusterSpec:
    """Cluster-guided recipe for the chosen cluster; see `Design`."""
    return ClusterSpec(
        **_guided(choice, code, Design(**design)),
        atlas=data.store().ref(f"atlas/{choice.organ}/{choice.encoder}"),
        clustering=data.inputs(choice.organ, choice.encoder).clustering
        or clustering_of(data.study()),
        cluster=choice.cluster or 0,
    )


def component(choice: Choice, number: int, **design: Any) -> AxisSpec:
    """A principal component of the embedding, counted from 1; see `Design`."""
    return AxisSpec(
        **_vector(choice, Design(**design)),
        of="pc",
        axis=number,
        atlas=data.store().ref(f"atlas/{choice.organ}/{choice.encoder}"),
    )


def axis(choice: Choice, number: int, **design: Any) -> AxisSpec:
    """An axis of the embedding, counted from 1; see `Design`."""
    return AxisSpec(**_vector(choice, Design(**design)), of="axis", axis=number)


def name_of(*parts: str) -> str:
    """A name regenie takes, made of parts that may hold other signs.

    >>> name_of("3d liver", "PC1")
    'x3d_liver_PC1'
    """
    text = re.sub("[^A-Za-z0-9_.-]", "_", "_".join(parts))
    return (text if text[:1].isalpha() else f"x{text}")[:64]


def code_itself(code: str, *, name: str = "score") -> CodeSpec:
    """Baseline: the code as a binary trait."""
    return CodeSpec(**_base(name), phenome=data.store().ref("phenome"), trait=code)


def column(name_of_column: str, *, name: str = "score") -> ColumnSpec:
    """Baseline: a participants column as a quantitative trait."""
    return ColumnSpec(
        **_base(name), column=name_of_column, measured=_measured([name_of_column])
    )
