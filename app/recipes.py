"""Recipes made from what is chosen on the screens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from app import data
from app.groups.store import Asked
from app.state import Choice
from edp_core.artifacts import clustering_of
from edp_core.recipe import (
    BOTH,
    AxisSpec,
    ClassifierSpec,
    ClusterSpec,
    CodeSpec,
    ColumnSpec,
    GroupSpec,
    IslandSpec,
    Labels,
    Scoring,
    Transform,
)
from edp_core.scoring import fewshot
from edp_core.settings.analysis import Oversampling


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
    transform: Transform = "none"


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
        "transform": design.transform,
    }


def _guided(choice: Choice, code: str, design: Design) -> dict[str, Any]:
    return _vector(choice, design) | {
        "phenome": data.store().ref("phenome"),
        "trait": code,
        "labels": design.labels,
    }


def classifier(
    choice: Choice,
    code: str,
    *,
    oversampling: Oversampling | None = None,
    score: Scoring = "out-of-fold",
    **design: Any,
) -> ClassifierSpec:
    """Classifier-guided recipe with what the study sets for its scan; see `Design`."""
    analysis = data.study().analysis
    return ClassifierSpec(
        **_guided(choice, code, Design(**design)),
        folds=analysis.folds,
        fold_seed=analysis.seed,
        shrinkage=analysis.shrinkage,
        oversampling=oversampling or analysis.oversampling,
        score=score,
    )


def cluster(
    choice: Choice,
    code: str,
    *,
    also: tuple[int, ...] = (),
    chosen_with: Literal["all", "kept"] = "all",
    **design: Any,
) -> ClusterSpec:
    """Cluster-guided recipe; see `Design`.

    Of the chosen cluster and those in ``also``, or of the one that the kept labels
    choose by themselves.

    Raises
    ------
    InputError
        Where the kept labels choose none.
    """
    given = Design(**design)
    kept = chosen_with == "kept"
    return ClusterSpec(
        **_guided(choice, code, given),
        atlas=data.store().ref(f"atlas/{choice.organ}/{choice.encoder}"),
        clustering=data.inputs(choice.organ, choice.encoder).clustering
        or clustering_of(data.study()),
        cluster=_richest(choice, code, given.labels) if kept else choice.cluster or 0,
        also=() if kept else tuple(sorted(set(also) - {choice.cluster or 0})),
        chosen_with=chosen_with,
    )


def _richest(choice: Choice, code: str, labels: Labels) -> int:
    inputs = data.inputs(choice.organ, choice.encoder)
    cases = inputs.phenome.cases(code)[np.asarray(inputs.seen)]
    kept = fewshot.keep_labels(cases, share=labels.share, seed=labels.seed)
    counted = inputs.phenome.eligible(code)[np.asarray(inputs.seen)]
    return fewshot.choose_cluster(np.asarray(inputs.clusters), kept, counted=counted)


def island(
    choice: Choice,
    code: str,
    *,
    gamma: float = 4.0,
    reach: float = 0.3,
    number: int = 1,
    **design: Any,
) -> IslandSpec:
    """Recipe of an island of cases, the best by default; see `Design`."""
    return IslandSpec(
        **_guided(choice, code, Design(**design)),
        gamma=gamma,
        reach=reach,
        island=number,
    )


def group(choice: Choice, drawn: Asked, **design: Any) -> GroupSpec:
    """Likeness to the mean of a drawn group, its rule with it; see `Design`."""
    rule = drawn.rule
    return GroupSpec(
        **_vector(choice, Design(**design)),
        phenome=data.store().ref("phenome") if rule.drawn_on is not None else None,
        drawn_on=rule.drawn_on,
        group=drawn.key,
        atlas=rule.atlas,
        rule=rule.outline,
    )


def component(
    choice: Choice, number: int, *, side: str = BOTH, **design: Any
) -> AxisSpec:
    """A principal component of the embedding, counted from 1; see `Design`."""
    return AxisSpec(
        **_vector(choice, Design(**design)),
        of="pc",
        axis=number,
        side=side,
        atlas=data.store().ref(f"atlas/{choice.organ}/{choice.encoder}"),
    )


def axis(choice: Choice, number: int, *, side: str = BOTH, **design: Any) -> AxisSpec:
    """An axis of the embedding, counted from 1; see `Design`."""
    given = _vector(choice, Design(**design))
    return AxisSpec(**given, of="axis", axis=number, side=side)


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


def column(
    name_of_column: str, *, name: str = "score", transform: Transform = "none"
) -> ColumnSpec:
    """Baseline: a participants column as a quantitative trait."""
    return ColumnSpec(
        **_base(name),
        column=name_of_column,
        measured=_measured([name_of_column]),
        transform=transform,
    )
