"""The hub: from a recipe to one number for each participant.

`evaluate` is the only way from a `PhenotypeSpec` to values. The screens, the command
line and the tests call it, so what is seen is what is exported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from edp_core.disclosure import DEFAULT_THRESHOLD
from edp_core.errors import InputError, MissingArtifactError
from edp_core.people.phenome import Phenome
from edp_core.recipe import (
    SPEC,
    ClassifierSpec,
    Clustering,
    ClusterSpec,
    CodeSpec,
    ColumnSpec,
    Labels,
    PhenotypeSpec,
    Spec,
)
from edp_core.scoring import adjust, classifier, clusters, fewshot
from edp_core.scoring.classifier import POOLED
from edp_core.scoring.discriminant import effective_axes
from edp_core.stats.ranks import rank_test

__all__ = [
    "SPEC",
    "ClassifierSpec",
    "ClusterSpec",
    "Clustering",
    "CodeSpec",
    "ColumnSpec",
    "Inputs",
    "Labels",
    "Phenotype",
    "PhenotypeSpec",
    "Spec",
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
        Numbers for the card and the screen (n_cases, auc, log10p, …).
    """

    spec: Spec
    eids: np.ndarray
    values: np.ndarray
    kind: Literal["quantitative", "binary"]
    folds: np.ndarray | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Inputs:
    """What `evaluate` works on.

    Attributes
    ----------
    population
        Name of the population everything was learnt from.
    keys
        Content keys: ``cohort``, ``phenome`` and, with an organ, ``embedding``,
        ``atlas``.
    participants
        The cohort, sorted by ``eid``; n_participants rows.
    phenome
        Its traits.
    categories
        Columns of ``participants`` that are categories.
    seen
        (n_seen,) rows of ``participants`` that have an embedding, ascending.
    vectors
        (n_seen, n_axes) float32.
    clusters
        (n_seen,) Leiden labels, made as ``clustering`` says.
    pc_components
        (n_pcs, n_axes) principal axes of the centred embedding.
    threshold
        Fewest cases a cluster is scored by: fewer would be told by the score.
    """

    population: str
    keys: Mapping[str, str]
    participants: pd.DataFrame
    phenome: Phenome
    categories: tuple[str, ...] = ()
    seen: np.ndarray | None = None
    vectors: np.ndarray | None = None
    clusters: np.ndarray | None = None
    clustering: Clustering | None = None
    pc_components: np.ndarray | None = None
    threshold: int = DEFAULT_THRESHOLD


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
        Where the trait, the column, the cluster or a component does not exist, or too
        few cases are left.
    """
    _check_keys(spec, inputs)
    eids = inputs.participants["eid"].to_numpy(str)
    if isinstance(spec, CodeSpec):
        cases = inputs.phenome.cases(spec.trait)
        counts = {"n": len(cases), "n_cases": int(cases.sum())}
        return Phenotype(spec, eids, cases.astype(float), "binary", figures=counts)
    if isinstance(spec, ColumnSpec):
        values = _column(spec.column, inputs)
        return Phenotype(
            spec,
            eids,
            values,
            "quantitative",
            figures={"n": int(np.isfinite(values).sum())},
        )
    if inputs.seen is None or inputs.vectors is None:
        raise MissingArtifactError(
            f"The embedding {spec.organ}/{spec.encoder} is not at hand",
            "run: python -m precompute run STUDY",
        )
    everyone = inputs.phenome.cases(spec.trait)
    cases = everyone[inputs.seen]
    labelled = fewshot.keep_labels(
        cases, share=spec.labels.share, seed=spec.labels.seed
    )
    vectors = adjusted_vectors(spec, inputs)
    if isinstance(spec, ClassifierSpec):
        folds = classifier.fold_partition(len(eids), spec.folds, seed=spec.fold_seed)
        seen_scores = classifier.score_trait(
            vectors,
            cases,
            folds=folds[inputs.seen],
            shrinkage=spec.shrinkage,
            labelled=labelled,
        )
        axes = effective_axes(vectors, shrinkage=spec.shrinkage)
        test = rank_test(seen_scores, cases, inflation=POOLED, axes=axes)
        figures: dict[str, Any] = {
            "auc": float(test.auc[0]),
            "auc_low": float(test.auc_low[0]),
            "auc_high": float(test.auc_high[0]),
            "log10p": float(test.log10p[0]),
        }
        all_folds = np.full(len(eids), -1, np.int64)
        all_folds[inputs.seen] = folds[inputs.seen]
    else:
        inside = _clusters(spec, inputs) == spec.cluster
        if (cases & inside).sum() < inputs.threshold:
            raise InputError(
                f"The cluster holds fewer than {inputs.threshold} such cases",
                "choose another cluster; the screen names those with most cases",
            )
        members = labelled & inside
        seen_scores = clusters.cluster_score(
            vectors,
            members,
            centred=spec.centred,
            self_excluded=spec.self_excluded,
        )
        # No p-value: the cluster's cases define the score. The AUC is of the others.
        outside = cases & ~members
        test = rank_test(np.where(members, np.nan, seen_scores), outside)
        figures = {
            "n_members": int(members.sum()),
            "auc_others": float(test.auc[0]),
            "auc_others_low": float(test.auc_low[0]),
            "auc_others_high": float(test.auc_high[0]),
        }
        all_folds = None
    values = np.full(len(eids), np.nan)
    values[inputs.seen] = spec.sign * seen_scores
    figures |= {
        "n": int(np.isfinite(values).sum()),
        "n_cases": int(cases.sum()),
        "n_controls": int((~cases).sum()),
        "n_labelled": int(labelled.sum()),
    }
    return Phenotype(spec, eids, values, "quantitative", all_folds, figures)


def adjusted_vectors(spec: ClassifierSpec | ClusterSpec, inputs: Inputs) -> np.ndarray:
    """Vectors of the seen participants, the recipe's factors regressed out."""
    if inputs.vectors is None or inputs.seen is None or inputs.pc_components is None:
        raise MissingArtifactError(
            "There is no embedding to adjust", "run: python -m precompute run STUDY"
        )
    design = None
    if spec.remove_covariates:
        people = inputs.participants.iloc[inputs.seen]
        missing = sorted(set(spec.remove_covariates) - set(people.columns))
        if missing:
            raise InputError(
                f"The participants table has no column {missing}",
                f"it has: {', '.join(people.columns.drop('eid'))}",
            )
        design = adjust.design_matrix(people, spec.remove_covariates)
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
    return adjust.remove(inputs.vectors, design=design, pcs=components)


def _check_keys(spec: Spec, inputs: Inputs) -> None:
    if spec.population != inputs.population:
        raise MissingArtifactError(
            f"The recipe is for the population {spec.population!r}, the study is set "
            f"to {inputs.population!r}",
            "set `population` in study.toml and run: python -m precompute run STUDY",
        )
    for kind in ("cohort", "phenome", "embedding", "atlas"):
        wanted = getattr(spec, kind, None)
        if wanted is not None and wanted != inputs.keys.get(kind):
            raise MissingArtifactError(
                f"The recipe was made from another {kind} ({wanted}) than the study "
                f"holds now ({inputs.keys.get(kind)})",
                "design the phenotype again, or restore the study file and data it "
                "was made with",
            )


def _clusters(spec: ClusterSpec, inputs: Inputs) -> np.ndarray:
    labels = inputs.clusters
    if inputs.clustering is not None and spec.clustering != inputs.clustering:
        raise MissingArtifactError(
            "The recipe's clustering is not that of its atlas",
            "the card was changed by hand: take the original",
        )
    if labels is None or spec.cluster > labels.max():
        raise InputError(
            f"There is no cluster {spec.cluster}",
            "pick one of the list on the screen Clusters",
        )
    return labels


def _column(name: str, inputs: Inputs) -> np.ndarray:
    people = inputs.participants
    if name not in people.columns or name == "eid":
        raise InputError(
            f"The participants table has no column {name!r}",
            f"it has: {', '.join(people.columns.drop('eid'))}",
        )
    if not pd.api.types.is_numeric_dtype(people[name]):
        raise InputError(
            f"The column {name!r} is a category, not a quantity",
            "pick a column of numbers",
        )
    return people[name].to_numpy(float)
