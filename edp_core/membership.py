"""Who belongs to a group that is kept as a rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edp_core.errors import InputError, MissingArtifactError
from edp_core.inputs import Inputs, group_key
from edp_core.outline import Polygon
from edp_core.recipe import GroupSpec
from edp_core.vectors import lasso

Bools = NDArray[np.bool_]


def members_of(rule: Polygon, inputs: Inputs, *, drawn_on: str | None = None) -> Bools:
    """Members of a group, found by its rule.

    Parameters
    ----------
    rule
        Outline on the map of the atlas that ``inputs`` holds.
    drawn_on
        Code of the map, where the rule takes its cases or controls alone.

    Returns
    -------
    (n_participants,) bool; nobody without an embedding is a member.

    Raises
    ------
    MissingArtifactError
        Where the embedding has no map.
    InputError
        Where the rule leaves out a cluster that does not exist.
    """
    if inputs.seen is None or inputs.umap is None or inputs.clusters is None:
        raise MissingArtifactError(
            "There is no map to find the group on",
            "run: python -m precompute run STUDY",
        )
    chosen = lasso.inside(rule.vertices, inputs.umap)
    if rule.without:
        if max(rule.without) > inputs.clusters.max():
            raise InputError(
                f"The group leaves out cluster {max(rule.without)}, which does not "
                "exist",
                "draw it again on the map as it is now",
            )
        chosen &= ~np.isin(inputs.clusters, rule.without)
    if rule.only != "everybody":
        if drawn_on is None:
            raise InputError(
                f"The group takes {rule.only} alone and names no code",
                "draw it again on the map of a code",
            )
        cases = inputs.phenome.cases(drawn_on)[inputs.seen]
        chosen &= cases if rule.only == "cases" else ~cases
    members = np.zeros(len(inputs.participants), bool)
    members[inputs.seen] = chosen
    return members


def group_of(spec: GroupSpec, inputs: Inputs) -> Bools:
    """Members of the group of a recipe, by its rule or as they are at hand.

    Returns
    -------
    (n_participants,) bool.

    Raises
    ------
    MissingArtifactError
        Where the recipe has no rule and the group is not at hand.
    InputError
        Where the rule gives other people than the recipe was made of.
    """
    if spec.rule is None:
        group = inputs.groups.get(spec.group)
        if group is None or group_key(inputs.eids, group) != spec.group:
            raise MissingArtifactError(
                f"The group {spec.group} of the recipe is not at hand",
                "draw it again: groups are kept in the study they were drawn in",
            )
        return group
    group = members_of(spec.rule, inputs, drawn_on=spec.drawn_on)
    if group_key(inputs.eids, group) != spec.group:
        raise InputError(
            f"The rule of the recipe gives other people than its group {spec.group}",
            "the card was changed by hand: take the original, or draw the group again",
        )
    return group
