"""The same recipe on another encoder of the organ, or with other seeds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st

from app import data
from app.compare import picks as compare_picks
from edp_core.artifacts import clustering_of
from edp_core.errors import InputError
from edp_core.inputs import Inputs
from edp_core.membership import group_of
from edp_core.phenotype import Phenotype, evaluate
from edp_core.recipe import (
    SPEC,
    AxisSpec,
    ClassifierSpec,
    ClusterSpec,
    GroupSpec,
    GuidedSpec,
    Spec,
    VectorSpec,
)
from edp_core.scoring import fewshot
from edp_core.scoring.axes import component_direction
from edp_core.scoring.clusterings import contingency
from edp_core.stats.regression import pearson

SEEDS = 5
"""Other seeds a recipe is made with."""
COMPONENTS = 20
"""Components of the other encoder among which the most alike is sought, at most."""


REPEATED = ("out-of-fold", "best-of-fold")
"""Ways of scoring in which everybody has a score whatever the folds."""


@dataclass(frozen=True)
class Remade:
    """A recipe made on another embedding.

    Attributes
    ----------
    score
        Its values.
    note
        What had to be chosen anew, and how; empty where nothing.
    """

    score: Phenotype
    note: str = ""


def encoders(spec: VectorSpec) -> list[str]:
    """Other encoders of the recipe's organ whose embedding is there."""
    found = [
        encoder
        for organ, encoder in data.study().pairs()
        if organ == spec.organ and encoder != spec.encoder
    ]
    return [e for e in found if not data.missing([f"atlas/{spec.organ}/{e}"])]


def on(spec: VectorSpec, encoder: str) -> Remade:
    """The recipe on another encoder of its organ.

    A cluster or component has no number there: the one most alike takes its place, and
    the note says so.

    Raises
    ------
    InputError
        Where the recipe means nothing there, or cannot be evaluated.
    """
    recipe = compare_picks.recipe_of(spec)
    return _on(recipe, encoder, compare_picks.rules())


@st.cache_resource(show_spinner="Making it on the other encoder …", max_entries=16)
def _on(recipe: str, encoder: str, rules: tuple[object, ...]) -> Remade:
    spec = SPEC.validate_json(recipe)
    assert isinstance(spec, VectorSpec)
    pair = (spec.organ, encoder)
    old, new = data.inputs(spec.organ, spec.encoder), data.inputs(*pair)
    there: dict[str, Any] = {
        "encoder": encoder,
        "embedding": data.store().ref(f"embedding/{'/'.join(pair)}"),
    }
    removed = spec.remove_pcs
    note = f"PCs {removed} removed are those of that encoder. " if removed else ""
    if isinstance(spec, GroupSpec):
        held = replace(new, groups={spec.group: group_of(spec, old)})
        bare = there | {"rule": None, "atlas": None}
        return Remade(evaluate(spec.model_copy(update=bare), held), note)
    if isinstance(spec, ClusterSpec):
        update, said = _cluster(spec, old, new)
        there |= {"atlas": new.keys["atlas"], **update}
        note += said
    elif isinstance(spec, AxisSpec):
        update, said = _component(spec, old, new)
        there |= {"atlas": new.keys["atlas"], **update}
        note += said
    return Remade(data.phenotype(spec.model_copy(update=there)), note)


def _cluster(spec: ClusterSpec, old: Inputs, new: Inputs) -> tuple[dict[str, Any], str]:
    """The cluster of the other encoder most like those of the recipe."""
    found: dict[str, Any] = {
        "clustering": new.clustering or clustering_of(data.study()),
        "also": (),
    }
    if spec.chosen_with == "kept":
        cluster = _richest(spec, new)
        return found | {"cluster": cluster}, f"Cluster {cluster}, by the kept labels. "
    here, there = common(old, new)
    mine = np.isin(np.asarray(old.clusters)[here], (spec.cluster, *spec.also))
    table = contingency(mine.astype(int), np.asarray(new.clusters)[there]).toarray()
    jaccard = table[1] / (table[1].sum() + table[0])
    cluster = int(np.argmax(jaccard))
    said = f"Cluster {cluster} there, the most alike (Jaccard {jaccard[cluster]:.2f}). "
    return found | {"cluster": cluster}, said


def _richest(spec: ClusterSpec, inputs: Inputs) -> int:
    """The cluster that the kept labels choose by themselves."""
    seen = np.asarray(inputs.seen)
    kept = fewshot.keep_labels(
        inputs.phenome.cases(spec.trait)[seen],
        share=spec.labels.share,
        seed=spec.labels.seed,
    )
    counted = inputs.phenome.eligible(spec.trait)[seen]
    return fewshot.choose_cluster(np.asarray(inputs.clusters), kept, counted=counted)


def _component(spec: AxisSpec, old: Inputs, new: Inputs) -> tuple[dict[str, Any], str]:
    """The component of the other encoder most like that of the recipe."""
    if spec.of != "pc":
        raise InputError(
            "An axis of an embedding has no like in another encoder",
            "compare a principal component, or the embeddings themselves, below",
        )
    here, there = common(old, new)
    score = data.phenotype(spec).values[np.asarray(old.seen)[here]]
    vectors = np.asarray(new.vectors, np.float64)[there]
    components = np.asarray(new.pc_components)
    most = min(COMPONENTS, len(components))
    r = {
        number: pearson(score, vectors @ component_direction(components, number)).r
        for number in range(1, most + 1)
        if number not in spec.remove_pcs
    }
    best = max(r, key=lambda number: abs(r[number]))
    said = (
        f"PC {best} there, the most alike of {len(r)}: chosen by its correlation, so "
        "that r lies a little high. "
    )
    return {"axis": best, "sign": 1 if r[best] > 0 else -1}, said


def common(one: Inputs, two: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two embeddings that are of the same people."""
    _, here, there = np.intersect1d(
        np.asarray(one.seen), np.asarray(two.seen), return_indices=True
    )
    return here, there


def seeds(spec: Spec) -> dict[str, list[Spec]]:
    """The recipe with other seeds, by what they draw: folds, the labels kept.

    Of a held-out score each seed scores another half, of which few are common.
    """
    found: dict[str, list[Spec]] = {}
    if isinstance(spec, ClassifierSpec) and spec.score in REPEATED:
        found["folds"] = [
            spec.model_copy(update={"fold_seed": _other(spec.fold_seed, k)})
            for k in range(1, SEEDS + 1)
        ]
    if isinstance(spec, GuidedSpec) and spec.labels.share < 1:
        found["labels kept"] = [_relabelled(spec, k) for k in range(1, SEEDS + 1)]
    return found


def _relabelled(spec: GuidedSpec, k: int) -> Spec:
    seed = _other(spec.labels.seed, k)
    labels = spec.labels.model_copy(update={"seed": seed})
    found = spec.model_copy(update={"labels": labels})
    if isinstance(found, ClusterSpec) and found.chosen_with == "kept":
        cluster = _richest(found, data.inputs(found.organ, found.encoder))
        return found.model_copy(update={"cluster": cluster})
    return found


def _other(seed: int, k: int) -> int:
    return (seed + k) % 2**32
