"""The hub: from a recipe to one number for each participant.

`evaluate` is the only way from a `PhenotypeSpec` to values. The screens, the command
line and the tests call it, so what is seen is what is exported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from edp_core import likeness
from edp_core.classified import Labelled, classified
from edp_core.errors import InputError, MissingArtifactError
from edp_core.inputs import Inputs, check_keys, numbers_of
from edp_core.recipe import (
    SPEC,
    AxisSpec,
    ClassifierSpec,
    Clustering,
    ClusterSpec,
    CodeSpec,
    ColumnSpec,
    GroupSpec,
    GuidedSpec,
    IslandSpec,
    Labels,
    LikenessSpec,
    PhenotypeSpec,
    Spec,
    VectorSpec,
)
from edp_core.scoring import adjust, axes, fewshot
from edp_core.stats.transform import rank_inverse_normal

__all__ = [
    "SPEC",
    "AxisSpec",
    "ClassifierSpec",
    "ClusterSpec",
    "Clustering",
    "CodeSpec",
    "ColumnSpec",
    "GroupSpec",
    "GuidedSpec",
    "Inputs",
    "IslandSpec",
    "Labels",
    "LikenessSpec",
    "Phenotype",
    "PhenotypeSpec",
    "Spec",
    "VectorSpec",
    "adjusted_vectors",
    "evaluate",
]


@dataclass(frozen=True)
class Phenotype:
    """A score with its recipe.

    Attributes
    ----------
    eids
        (n_participants,) strings, sorted; everyone of the cohort's population.
    values
        (n_participants,) float64; NaN = missing. Binary traits are 0 and 1.
    kind
        ``quantitative`` or ``binary``.
    folds
        (n_participants,) fold of each participant, −1 where none; `None` for scores
        made without folds.
    figures
        Numbers for the card and the screen (n, n_cases, auc, log10p,
        variance_explained, …).
    """

    spec: Spec
    eids: np.ndarray
    values: np.ndarray
    kind: Literal["quantitative", "binary"]
    folds: np.ndarray | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)


def evaluate(spec: Spec, inputs: Inputs) -> Phenotype:
    """Turn a recipe into numbers.

    Parameters
    ----------
    spec
        The recipe; its keys must be those of ``inputs``.
    inputs
        Embedding, phenome, atlas and participants.

    Returns
    -------
    Phenotype
        One value for each participant of the cohort, NaN where there is none (no
        usable image, missing cell).

    Raises
    ------
    MissingArtifactError
        Where the recipe was made from other artifacts than ``inputs`` holds.
    InputError
        Where the trait, the column, the cluster, the axis or a component does not
        exist, or too few cases are left.
    """
    check_keys(spec, inputs)
    whole = inputs
    if isinstance(spec, AxisSpec):
        inputs = inputs.on(spec.side)
    eids = inputs.eids
    if isinstance(spec, CodeSpec):
        cases = inputs.phenome.cases(spec.trait)
        counted = inputs.phenome.eligible(spec.trait)
        counts = {"n": int(counted.sum()), "n_cases": int(cases.sum())}
        values = np.where(counted, cases.astype(float), np.nan)
        return Phenotype(spec, eids, values, "binary", figures=counts)
    folds: np.ndarray | None = None
    figures: dict[str, Any] = {}
    if isinstance(spec, ColumnSpec):
        values = numbers_of(spec.column, inputs)
    else:
        seen = _seen(spec, inputs)
        if isinstance(spec, AxisSpec):
            scores, figures = _along_axis(spec, inputs, whole=whole)
        elif isinstance(spec, ClassifierSpec):
            scores, folds, figures = _classified(spec, inputs, seen=seen)
        else:
            scores, figures = _like(spec, inputs, seen=seen)
        values = np.full(len(eids), np.nan)
        values[seen] = spec.sign * scores
        notes = _design(spec, inputs).notes if spec.remove_covariates else ()
        if notes:
            figures["warnings"] = [f"Regressing out {note}." for note in notes]
    if spec.transform == "rank-inverse-normal":
        # last, and over everybody at once: folds have made the score comparable
        values = rank_inverse_normal(values)
    counts = {"n": int(np.isfinite(values).sum())}
    return Phenotype(spec, eids, values, "quantitative", folds, counts | figures)


def adjusted_vectors(spec: VectorSpec, inputs: Inputs) -> np.ndarray:
    """Vectors of the seen participants, the recipe's factors regressed out."""
    if inputs.vectors is None or inputs.seen is None or inputs.pc_components is None:
        raise MissingArtifactError(
            "There is no embedding to adjust", "run: python -m precompute run STUDY"
        )
    design = _design(spec, inputs).matrix if spec.remove_covariates else None
    components = None
    if spec.remove_pcs:
        held = len(inputs.pc_components)
        if max(spec.remove_pcs) > held:
            raise InputError(
                f"PC {max(spec.remove_pcs)} was asked for; the atlas holds {held}",
                "pick a smaller one, or raise analysis.pcs in study.toml",
            )
        components = inputs.pc_components[np.array(spec.remove_pcs) - 1]
    if design is None and components is None:
        return inputs.vectors
    vectors = inputs.vectors
    return inputs.memo.get(
        ("vectors", spec.remove_pcs, spec.remove_covariates),
        lambda: adjust.remove(vectors, design=design, pcs=components),
    )


def _design(spec: VectorSpec, inputs: Inputs) -> adjust.Design:
    """Covariates of the seen participants as numbers, made once for many axes."""
    missing = sorted(set(spec.remove_covariates) - set(inputs.participants.columns))
    if missing:
        raise InputError(
            f"The participants table has no column {missing}",
            f"it has: {', '.join(inputs.participants.columns.drop('eid'))}",
        )
    return inputs.figures.get(
        ("design", spec.remove_covariates),
        lambda: adjust.describe_design(
            inputs.participants.iloc[np.asarray(inputs.seen)], spec.remove_covariates
        ),
    )


def _seen(spec: VectorSpec, inputs: Inputs) -> np.ndarray:
    if inputs.seen is None or inputs.vectors is None:
        raise MissingArtifactError(
            f"The embedding {spec.organ}/{spec.encoder} is not at hand",
            "run: python -m precompute run STUDY",
        )
    return inputs.seen


def _along_axis(
    spec: AxisSpec, inputs: Inputs, *, whole: Inputs
) -> tuple[np.ndarray, dict[str, Any]]:
    """Score along an axis, of one side perhaps; its share is that of the whole."""
    vectors, plain = adjusted_vectors(spec, inputs), np.asarray(whole.vectors)
    direction = (
        axes.component_direction(np.asarray(inputs.pc_components), spec.axis)
        if spec.of == "pc"
        else axes.axis_direction(spec.axis, plain.shape[1])
    )
    # of the embedding as it is: the figure that names the axis, whatever is removed
    share = axes.variance_explained(
        plain,
        direction,
        known=whole.figures.get("spread", lambda: axes.spread(plain)),
    )
    removed = (spec.remove_pcs, spec.remove_covariates)
    known = inputs.figures.get(
        ("spread", *removed) if any(removed) else "spread",
        lambda: axes.spread(vectors),
    )
    score = axes.directed_score(vectors, direction, known=known)
    return score, {"variance_explained": share}


def _labels(
    spec: GuidedSpec, inputs: Inputs, seen: np.ndarray
) -> tuple[Labelled, dict[str, Any]]:
    """Who has the trait, whose label is used and who counts, of the seen; counts."""
    cases = inputs.phenome.cases(spec.trait)[seen]
    labelled = fewshot.keep_labels(
        cases, share=spec.labels.share, seed=spec.labels.seed
    )
    counted = inputs.phenome.eligible(spec.trait)[seen]
    counts = {
        "n_cases": int(cases.sum()),
        "n_controls": int((counted & ~cases).sum()),
        "n_labelled": int(labelled.sum()),
    }
    return Labelled(cases, labelled, counted), counts


def _classified(
    spec: ClassifierSpec, inputs: Inputs, *, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
    labels, counts = _labels(spec, inputs, seen)
    scores, folds, figures = classified(
        spec, inputs, seen=seen, labels=labels,
        vectors=lambda: adjusted_vectors(spec, inputs),
    )  # fmt: skip
    return scores, folds, counts | figures


def _like(
    spec: LikenessSpec, inputs: Inputs, *, seen: np.ndarray
) -> tuple[np.ndarray, dict[str, Any]]:
    vectors = adjusted_vectors(spec, inputs)
    if isinstance(spec, GroupSpec):
        return likeness.like_group(spec, inputs, vectors=vectors, seen=seen)
    labels, counts = _labels(spec, inputs, seen)
    like = (
        likeness.like_island(spec, inputs, vectors=vectors, **labels._asdict())
        if isinstance(spec, IslandSpec)
        else likeness.like_cluster(spec, inputs, vectors=vectors, **labels._asdict())
    )
    scores, figures = like
    return scores, counts | figures
