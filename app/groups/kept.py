"""Groups drawn on a map: who is in them, and what of them may be told.

A group may be drawn anywhere, so each one whose size is told is remembered, and a new
one is held against all of them and against the clusters (`edp_core.differencing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
import pandas as pd
import streamlit as st

from app import data, figures
from app.clusters import enriched
from app.groups.refusal import TooNear, refuse
from app.groups.store import Asked, Group, Groups, Rule
from app.state import Choice
from edp_core import differencing
from edp_core.disclosure import is_small
from edp_core.errors import InputError, MissingArtifactError
from edp_core.inputs import Inputs, group_key
from edp_core.keys import digest
from edp_core.membership import members_of
from edp_core.scoring.trait_table import trait_table

__all__ = ["Asked", "Group", "Groups", "Looked", "Rule", "TooNear"]

_asking = Lock()
"""Between looking at what was told and telling more nobody else may tell."""


@dataclass(frozen=True)
class Looked:
    """A group that may be told of; ``members`` (n_seen,) bool by their true places."""

    asked: Asked
    members: np.ndarray

    @property
    def n(self) -> int:
        """Members; at least the study's threshold, and so are all others."""
        return int(self.members.sum())

    @property
    def share(self) -> float:
        """Of the participants with an embedding."""
        return self.n / len(self.members)


def store() -> Groups:
    """The groups of the study."""
    return Groups(data.study().store_path)


def entries(choice: Choice, *, outdated: bool = False) -> list[Group]:
    """Saved groups of one organ and encoder, of its atlas as it is now.

    Parameters
    ----------
    outdated
        Those of an atlas that was replaced instead: nobody knows their members.
    """
    atlas = _atlas(choice)
    return [
        group
        for group in store().entries()
        if (group.rule.organ, group.rule.encoder) == (choice.organ, choice.encoder)
        and (group.rule.atlas != atlas) == outdated
    ]


def chosen(choice: Choice) -> Group | None:
    """The group that is chosen in the sidebar."""
    found = (group for group in entries(choice) if group.name == choice.group)
    return next(found, None)


def members(entry: Group | Rule, choice: Choice | None = None) -> np.ndarray:
    """Members of a group among the participants that its own encoder has seen.

    Parameters
    ----------
    choice
        Where given, its organ and encoder must be those the group was drawn on.

    Returns
    -------
    (n_seen,) bool, in the order of `Inputs.seen`.

    Raises
    ------
    MissingArtifactError
        Where the map it was drawn on is no more, or is another than the choice's.
    """
    rule = entry if isinstance(entry, Rule) else entry.rule
    if choice and (choice.organ, choice.encoder) != (rule.organ, rule.encoder):
        raise MissingArtifactError(
            f"The group was drawn on {rule.organ}, encoder {rule.encoder}",
            "choose them in the sidebar, or another group",
        )
    if rule.atlas != _atlas(rule):
        raise MissingArtifactError(
            "The map on which the group was drawn is no more: the study's data or "
            "settings have changed since",
            "draw the group again",
        )
    keys = (str(data.study().store_path), data.store().ref("phenome"))
    packed = _members(rule, keys)
    return np.unpackbits(packed, count=data.seen(rule.organ, rule.encoder)).astype(bool)


def of_everybody(entry: Group | Rule) -> np.ndarray:
    """Members of a group among all participants, (n_participants,) bool.

    Raises as `members` does.
    """
    inputs = _inputs(entry if isinstance(entry, Rule) else entry.rule)
    found = np.zeros(len(inputs.participants), bool)
    found[np.asarray(inputs.seen)] = members(entry)
    return found


def look(rule: Rule) -> Looked:
    """Members of a drawn group, if their number may be told; it is remembered then.

    Raises
    ------
    TooNear
        Where few people tell it from a cluster, or from a group drawn before.
    InputError
        Where it holds nobody or too few, leaves out too few, or a small count follows
        from its size and those known; of cases or controls alone also where all who
        lie inside, or the count of the code among them, may not be told.
    """
    _code_inside(rule)
    found = members(rule)
    count, least = int(found.sum()), figures.least()
    if count == 0:
        raise InputError(
            "Nobody lies inside what was drawn",
            "draw around points of the map; hidden categories do not count",
        )
    if is_small(count, least) or is_small(len(found) - count, least):
        where = "inside" if is_small(count, least) else "outside"
        raise InputError(
            f"Fewer than {least} people lie {where} what was drawn",
            "draw a larger group" if where == "inside" else "draw a smaller group",
        )
    with _asking:
        earlier = store().asked(rule.atlas)
        known = next((asked for asked in earlier if asked.rule == rule), None)
        if known is None:
            sets, origin = _sets(found, rule, earlier)
            refuse(found, sets, origin, earlier=earlier, least=least)
            inputs = _inputs(rule)
            everyone = np.zeros(len(inputs.participants), bool)
            everyone[np.asarray(inputs.seen)] = found
            known = store().ask(rule, group_key(inputs.eids, everyone))
    return Looked(known, found)


def _code_inside(rule: Rule) -> None:
    """Raise where the cases inside an outline may not be counted.

    The size of a group of cases is a count of the code inside its outline. Two outlines
    that differ by one person would tell whether they have the code, if only the cases
    were held against each other: so everybody inside is, first.
    """
    if rule.outline.only == "everybody" or _known(rule):
        return
    whole = rule.outline.model_copy(update={"only": "everybody"})
    looked = look(replace(rule, outline=whole))
    told = data.scan(rule.organ, rule.encoder)["code"]
    if looked.n < len(looked.members):  # else the count is the scan's
        here = codes(looked)
        told = here.loc[here["n_both"].notna(), "code"]
    if rule.drawn_on not in set(told):
        raise InputError(
            f"How many have {rule.drawn_on} inside what was drawn may not be told",
            "draw a larger group, or one with other borders",
        )


def _known(rule: Rule) -> Asked | None:
    """The group, if its size was told before."""
    asked = store().asked(rule.atlas)
    return next((one for one in asked if one.rule == rule), None)


def codes(looked: Looked) -> pd.DataFrame:
    """Every code in a group, and in the rest, as it may be shown.

    Returns
    -------
    DataFrame
        Rows of the group, columns of `enriched.disclosed` but ``cluster``, strongest
        first. A code's count is hidden as well where it would tell a small one beside
        the clusters or the groups drawn before it.
    """
    rule = looked.asked.rule
    earlier = store().asked(rule.atlas)
    before = tuple(asked for asked in earlier if asked.id < looked.asked.id)
    pair = f"{rule.organ}/{rule.encoder}"
    read = (f"scan/{pair}", "phenome", "cohort")
    keys = (str(data.study().store_path), *(data.store().ref(slot) for slot in read))
    return _codes(
        (rule, digest([asked.rule.outline.model_dump_json() for asked in before])),
        (*keys, figures.least()),
        _before=before,
    )


@st.cache_resource(show_spinner="Testing every code in the group …", max_entries=16)
def _codes(
    what: tuple[Rule, str], keys: tuple[object, ...], *, _before: tuple[Asked, ...]
) -> pd.DataFrame:
    rule, least = what[0], figures.least()
    inputs, found = _inputs(rule), members(rule)
    table = trait_table(
        found.astype(np.int64),
        inputs.phenome,
        inputs.participants,
        seen=np.asarray(inputs.seen),
        least=least,
    )
    names = list(dict.fromkeys(table["code"]))
    sets, _ = _sets(found, rule, _before)
    cases = inputs.phenome.matrix(names).tocsr()[np.asarray(inputs.seen)]
    told = differencing.hide_told(found, sets, cases, threshold=least)
    shown = enriched.disclosed(
        table,
        inputs.phenome,
        labels=found.astype(np.int64),
        seen=np.asarray(inputs.seen),
        codes=list(data.scan(rule.organ, rule.encoder)["code"]),
        threshold=least,
        told={name for name, hide in zip(names, told, strict=True) if hide},
    )
    here = shown[shown["cluster"] == 1].drop(columns="cluster")
    here = here.rename(columns={"n_cluster": "n_group"})
    order = here["log10p"].sort_values(ascending=False, na_position="last").index
    return here.loc[order].reset_index(drop=True)


def circular(looked: Looked) -> set[str]:
    """Codes whose test the group was drawn on: its own, and what holds or is part."""
    code = looked.asked.rule.drawn_on
    phenome = _inputs(looked.asked.rule).phenome
    names = phenome.traits["code"].to_numpy()
    pairs = names[np.asarray(phenome.within, np.int64).reshape(-1, 2)]
    near = pairs[(pairs == code).any(axis=1)]
    return {str(name) for name in near.ravel()} | ({code} if code else set())


def _sets(
    found: np.ndarray, rule: Rule, earlier: Sequence[Asked]
) -> tuple[np.ndarray, np.ndarray]:
    """What the group is held against, and what each of it is."""
    labels = np.asarray(data.atlas_array(rule.organ, rule.encoder, "clusters"))
    held = [members(asked.rule) for asked in earlier]
    return differencing.counted_sets(
        found, labels, np.array(held, bool).reshape(len(held), len(found))
    )


@st.cache_resource(show_spinner=False, max_entries=4096)
def _members(rule: Rule, keys: tuple[str, ...]) -> np.ndarray:
    """Members among the seen, a bit each."""
    inputs = _inputs(rule)
    found = members_of(rule.outline, inputs, drawn_on=rule.drawn_on)
    return np.packbits(found[np.asarray(inputs.seen)])


def _inputs(rule: Rule) -> Inputs:
    return data.inputs(rule.organ, rule.encoder)


def _atlas(at: Choice | Rule) -> str:
    return data.store().ref(f"atlas/{at.organ}/{at.encoder}")
