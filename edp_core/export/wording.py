"""How a phenotype is made, in sentences: for its card and for the methods section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edp_core.inputs import columns_of
from edp_core.people.measures import SUFFIX, volume_caption
from edp_core.phenotype import (
    AxisSpec,
    ClassifierSpec,
    ClusterSpec,
    CodeSpec,
    ColumnSpec,
    GroupSpec,
    GuidedSpec,
    IslandSpec,
    LikenessSpec,
    Spec,
    VectorSpec,
)
from edp_core.recipe import BOTH

_OVERSAMPLED = {
    "none": "",
    "expected": " The rarer class was balanced by SMOTE (5 nearest cases) in "
    "closed-form expectation over all it could draw, with twice the λ.",
    "sampled": " The rarer class was balanced by one draw of SMOTE (5 nearest cases) "
    "in each fold, with twice the λ.",
}


def sign_statement(spec: Spec) -> str:
    """What a high value means.

    Cards state it, for papers differ: their cluster score is high for the unlike.
    """
    if isinstance(spec, CodeSpec):
        return f"1 = has {spec.trait}, 0 = has not"
    if isinstance(spec, ColumnSpec):
        return f"as in the participants column {spec.column}"
    if isinstance(spec, AxisSpec):
        turned = "" if spec.sign == 1 else ", turned round"
        if spec.of == "axis":
            return f"as axis {spec.axis} of the embedding{turned}"
        return (
            f"PC{spec.axis} with its loading of largest size positive{turned}; a "
            "principal component has no direction of its own"
        )
    whom = "the group" if isinstance(spec, GroupSpec) else "the cases"
    return f"higher = {'more' if spec.sign == 1 else 'less'} like {whom}"


def describe(spec: Spec) -> str:
    """How a score is made, as one paragraph without line breaks."""
    if isinstance(spec, CodeSpec):
        return (
            f"The code {spec.trait} as a binary trait: participants with a record of "
            "it, or of a code below it, are cases, all others of the population who "
            "count for it are controls; who does not (another code of a phecode's "
            "exclusion range, the other sex, a cell not known) is missing."
        )
    if isinstance(spec, ColumnSpec):
        return " ".join(
            [
                f"The participants column {spec.column} as it is.",
                *_volumes(spec),
                *_transformed(spec),
            ]
        )
    parts = [
        f"Images of the {spec.organ} were turned into vectors by the encoder "
        f"{spec.encoder} (embedding {spec.embedding})."
    ]
    if spec.remove_covariates:
        factors = ", ".join(spec.remove_covariates)
        parts.append(
            f"Regressed out of every axis: {factors}, by "
            "Z ← Z − V(VᵀV)⁺VᵀZ with V = [1, factors], categories as indicators."
        )
        parts += _volumes(spec)
    if spec.remove_pcs:
        pcs = ", ".join([f"PC{i}" for i in spec.remove_pcs])
        parts.append(
            f"The principal components {pcs} of the embedding were removed: "
            "Z ← Z − ZUUᵀ for the centred Z."
        )
    if isinstance(spec, GuidedSpec) and spec.labels.share < 1:
        parts.append(
            f"Of the cases' labels {100 * spec.labels.share:g} % were kept, drawn at "
            f"random (seed {spec.labels.seed})."
        )
    if isinstance(spec, ClassifierSpec):
        parts.append(_classifier(spec))
    elif isinstance(spec, ClusterSpec):
        parts.append(_cluster(spec))
    elif isinstance(spec, IslandSpec):
        parts.append(_island(spec))
    elif isinstance(spec, GroupSpec):
        parts.append(_group(spec))
    else:
        parts.append(_axis(spec))
    parts.append(f"Sign: {sign_statement(spec)}.")
    parts += _transformed(spec)
    return " ".join(parts)


def _classifier(spec: ClassifierSpec) -> str:
    scored = {
        "out-of-fold": "Each participant's score comes from the model that did not see "
        "them",
        "held-out": "The second half of the folds is scored by the model of the first; "
        "the others have no score",
        "leave-one-out": "Each participant's score comes from the model of all others, "
        "in closed form",
        "best-of-fold": "Everybody is scored by the one model with the best AUC in its "
        "held-out fold, which most of them helped to train: AUC and p are optimistic",
    }[spec.score]
    unit = (
        "as the share of cases it predicts."
        if spec.score == "leave-one-out"
        else "t = (wᵀz − wᵀm_controls)/σ with the training controls' mean and the "
        "pooled within-class standard deviation σ."
    )
    pooled = {
        "out-of-fold": " Pooled out-of-fold scores share training data, so the "
        "rank-sum z of the AUC is divided by √2, and fold is a covariate of the "
        "association.",
        "leave-one-out": " The models share training data, so the rank-sum z of the "
        "AUC is divided by √2.",
    }.get(spec.score, "")
    return (
        f"A regularised linear discriminant between participants with and without "
        f"{spec.trait} (who does not count for it is left aside) was learnt in "
        f"{spec.folds}-fold cross-validation (one random partition for all traits, "
        f"seed {spec.fold_seed}): w = (S_T + λI)⁻¹(m_cases − m_controls) with λ = "
        f"{spec.shrinkage:g}·tr(S_T)/m, S_T the total scatter of the training folds "
        f"over m axes.{_OVERSAMPLED[spec.oversampling]} {scored}, {unit}{pooled}"
    )


def _cluster(spec: ClusterSpec) -> str:
    made = spec.clustering
    numbers = ", ".join(map(str, (spec.cluster, *spec.also)))
    whose = "the cluster's" if not spec.also else "these clusters'"
    how = (
        " as the one most enriched for the kept labels alone, by Fisher's exact test"
        if spec.chosen_with == "kept"
        else ""
    )
    return (
        f"Participants were clustered by the Leiden algorithm (resolution "
        f"{made.resolution:g}, RBConfiguration quality, run until stable, seed "
        f"{made.seed}) on the graph of their {made.neighbours} nearest neighbours, "
        f"themselves counted, by cosine distance of centred vectors with UMAP's edge "
        f"weights (atlas {spec.atlas}), and cluster {numbers} was "
        f"chosen{how}. "
        + _likeness(spec, f"{whose} participants with {spec.trait}", one="a case")
    )


def _island(spec: IslandSpec) -> str:
    which = f"{spec.island}. " if spec.island > 1 else ""
    after = ", each among the participants in none before it" if spec.island > 1 else ""
    return (
        f"The {which}island of {spec.trait} was found exactly: over cases i and sizes "
        f"K the minimum of Σ(w_j d_ij − λ) over the K nearest others of i, by cosine "
        f"distance, with w_j = 1 for cases and γ = {spec.gamma:g} for others and "
        f"λ = {spec.reach:g}{after}. "
        + _likeness(spec, f"the island's cases of {spec.trait}", one="a case")
    )


def _group(spec: GroupSpec) -> str:
    of = "" if spec.trait is None else f" with {spec.trait}"
    return (
        f"A group of participants was drawn by hand{_drawn(spec)} (content hash "
        f"{spec.group}). " + _likeness(spec, f"its members{of}", one="a member")
    )


def _drawn(spec: GroupSpec) -> str:
    """Where and how: of groups with a rule, by which its members are found again."""
    coloured = spec.drawn_on
    if coloured is None and spec.rule and spec.rule.coloured_by != "cluster":
        coloured = spec.rule.coloured_by
    seen = "" if coloured is None else f" on a map coloured by {coloured}"
    if spec.rule is None:
        return seen
    only = "" if spec.rule.only == "everybody" else f", {spec.rule.only} alone"
    numbers = ", ".join(map(str, spec.rule.without))
    left = f", without cluster {numbers}" if numbers else ""
    return (
        f"{seen or ' on the map'}: everybody inside an outline of "
        f"{len(spec.rule.vertices)} vertices, by the even–odd rule, on the UMAP of "
        f"atlas {spec.atlas}{only}{left}"
    )


def _likeness(spec: LikenessSpec, whom: str, *, one: str) -> str:
    centred = "centred by the mean of all participants" if spec.centred else "uncentred"
    own = (
        f"; {one} was left out of the mean it is compared with"
        if spec.self_excluded
        else ""
    )
    return (
        f"The score is the cosine, less 1, of a participant's vector, "
        f"{centred}, to the mean vector of {whom}{own}."
    )


def _axis(spec: AxisSpec) -> str:
    alone = (
        f" The vectors are those of the side {spec.side} alone, along the same "
        "direction; who has no image of it has no value."
    )
    of_one = "" if spec.side == BOTH else alone
    if spec.of == "axis":
        return (
            f"The score is axis {spec.axis} of the embedding, counted from 1, less its "
            f"mean; no label takes part.{of_one}"
        )
    return (
        f"The score is the projection of the centred vectors on principal component "
        f"{spec.axis} of the embedding as it was before any adjustment, by falling "
        f"variance, counted from 1 (atlas {spec.atlas}); no label takes part.{of_one}"
    )


def _transformed(spec: VectorSpec | ColumnSpec) -> list[str]:
    if spec.transform == "none":
        return []
    return [
        "Last, the values of all participants were made normal by their ranks, "
        "Φ⁻¹((r − 3/8)/(n + 1/4)) with mean ranks for ties; regenie is therefore run "
        "without --apply-rint."
    ]


def _volumes(spec: Spec) -> list[str]:
    """What the measured columns of a recipe are."""
    held = {f"{slot.removeprefix('images/')}{SUFFIX}": slot for slot in spec.measured}
    return [
        f"{name} is the {volume_caption(held[name])} measured on the images of the "
        f"participant's first visit, sides added up ({held[name]} "
        f"{spec.measured[held[name]]})."
        for name in columns_of(spec)
        if name in held
    ]


def warnings(spec: Spec, figures: Mapping[str, Any]) -> list[str]:
    """What a reader must know before testing anything with the phenotype."""
    out: list[str] = []
    if isinstance(spec, GuidedSpec):
        out.append(
            f"The score was made from the labels of {spec.trait}: testing it against "
            "that code, or one that implies it, is circular."
        )
    if (
        isinstance(spec, ClusterSpec)
        and spec.labels.share < 1
        and spec.chosen_with == "all"
    ):
        out.append(
            "The cluster was chosen on a screen that shows all labels, so the few-shot "
            "score has seen more than its share of them."
        )
    if isinstance(spec, GroupSpec):
        for code in sorted({spec.trait, spec.drawn_on} - {None}, key=str):
            how = "was made from" if code == spec.trait else "was drawn on"
            out.append(
                f"The group {how} the labels of {code}: testing the score against "
                "that code, or one that implies it, is circular."
            )
    return out + [str(text) for text in figures.get("warnings", ())]
