"""Scores that are likeness to some people: of clusters, of an island, of a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edp_core.errors import InputError, MissingArtifactError
from edp_core.inputs import Inputs
from edp_core.membership import group_of
from edp_core.recipe import ClusterSpec, GroupSpec, IslandSpec, LikenessSpec
from edp_core.scoring import clusters, fewshot, islands
from edp_core.stats.ranks import rank_test


@dataclass(frozen=True)
class Others:
    """Whom a score of likeness is tested on, without circularity.

    ``compared`` (n_seen,) bool are those who count for the trait and are not of the
    cluster, island or group, cases or controls: its controls lie near the mean of its
    cases whatever their label, so that a comparison with them would show even noise
    below one half.
    """

    cases: np.ndarray
    compared: np.ndarray


def like_cluster(
    spec: ClusterSpec,
    inputs: Inputs,
    *,
    vectors: np.ndarray,
    cases: np.ndarray,
    labelled: np.ndarray,
    counted: np.ndarray,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Likeness to the labelled cases of the recipe's clusters, and figures."""
    inside = in_clusters(spec, inputs)
    if (cases & inside).sum() < inputs.threshold:
        raise InputError(
            f"The cluster holds fewer than {inputs.threshold} such cases",
            "choose another cluster; the screen names those with most cases",
        )
    if spec.chosen_with == "kept":
        chosen = fewshot.choose_cluster(
            np.asarray(inputs.clusters), labelled, counted=counted
        )
        if chosen != spec.cluster:
            raise InputError(
                f"The recipe takes cluster {spec.cluster}; the kept labels choose "
                f"{chosen}",
                f"take cluster {chosen}, or say that it was chosen with all labels",
            )
    others = Others(cases, counted & ~inside)
    return _like(spec, vectors, labelled & inside, others=others)


def like_island(
    spec: IslandSpec,
    inputs: Inputs,
    *,
    vectors: np.ndarray,
    cases: np.ndarray,
    labelled: np.ndarray,
    counted: np.ndarray,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Likeness to the cases of an island of labelled cases, and figures."""
    found = islands.islands(
        vectors,
        labelled,
        gamma=spec.gamma,
        reach=spec.reach,
        count=spec.island,
        centred=spec.centred,
    )
    if len(found) < spec.island:
        raise InputError(
            f"There is no island {spec.island} of {spec.trait} within a distance of "
            f"{spec.reach:g}",
            "choose a larger reach, or a smaller number",
        )
    members = found[-1].members & labelled
    if members.sum() < inputs.threshold:
        raise InputError(
            f"The island holds fewer than {inputs.threshold} such cases",
            "choose a larger reach, or a smaller gamma",
        )
    others = Others(cases, counted & ~found[-1].members)
    scores, figures = _like(spec, vectors, members, others=others)
    return scores, figures | {"objective": found[-1].value}


def like_group(
    spec: GroupSpec, inputs: Inputs, *, vectors: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, dict[str, Any]]:
    """Likeness to a group, or to its cases of a trait, and figures."""
    members, others = group_of(spec, inputs)[seen], None
    if spec.trait is not None:
        cases = inputs.phenome.cases(spec.trait)[seen]
        counted = inputs.phenome.eligible(spec.trait)[seen]
        others = Others(cases, counted & ~members)
        members = members & cases
    if members.sum() < inputs.threshold:
        whom = "such cases" if spec.trait is not None else "people with an image"
        raise InputError(
            f"The group holds fewer than {inputs.threshold} {whom}",
            "draw a larger group",
        )
    scores, figures = _like(spec, vectors, members, others=others)
    if others is not None:
        figures["n_cases"] = int(others.cases.sum())
    return scores, figures


def in_clusters(spec: ClusterSpec, inputs: Inputs) -> np.ndarray:
    """(n_seen,) bool: who is in a cluster of the recipe.

    Raises
    ------
    MissingArtifactError
        Where the recipe's clustering is not that of the atlas.
    InputError
        Where a cluster does not exist.
    """
    labels = inputs.clusters
    if inputs.clustering is not None and spec.clustering != inputs.clustering:
        raise MissingArtifactError(
            "The recipe's clustering is not that of its atlas",
            "the card was changed by hand: take the original",
        )
    wanted = (spec.cluster, *spec.also)
    if labels is None or max(wanted) > labels.max():
        raise InputError(
            f"There is no cluster {max(wanted)}",
            "pick one of the list on the screen Clusters",
        )
    return np.isin(labels, wanted)


def _like(
    spec: LikenessSpec,
    vectors: np.ndarray,
    members: np.ndarray,
    *,
    others: Others | None,
) -> tuple[np.ndarray, dict[str, Any]]:
    scores = clusters.cluster_score(
        vectors, members, centred=spec.centred, self_excluded=spec.self_excluded
    )
    figures: dict[str, Any] = {"n_members": int(members.sum())}
    if others is not None:
        # No p-value: the members define the score. The AUC is of those elsewhere.
        test = rank_test(np.where(others.compared, scores, np.nan), others.cases)
        figures |= {
            "auc_others": float(test.auc[0]),
            "auc_others_low": float(test.auc_low[0]),
            "auc_others_high": float(test.auc_high[0]),
        }
    return scores, figures
