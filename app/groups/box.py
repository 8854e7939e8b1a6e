"""The sidebar's box of saved groups."""

from __future__ import annotations

import streamlit as st

from app import data
from app.groups.store import Groups
from edp_core.errors import InputError, MissingArtifactError

KEY = "group"
"""Bound to the link: the name of the chosen group, nothing where there is none."""


def names(organ: str, encoder: str) -> list[str]:
    """Names of the saved groups of an atlas as it is now, oldest first."""
    atlas = data.store().ref(f"atlas/{organ}/{encoder}")
    return [
        group.name
        for group in Groups(data.study().store_path).entries()
        if group.rule.atlas == atlas
    ]


def draw(organ: str, encoder: str) -> str | None:
    """Draw the box; the name of the chosen group."""
    try:
        held = names(organ, encoder)
    except MissingArtifactError:  # no atlas yet, so no group of it
        return None
    except InputError as error:
        # the rest of the studio works without groups
        st.caption(f":material/error: No groups: {error.message}.")
        return None
    # it is there before the first group is: a box that appears with its choice would
    # not write it into the link
    return st.selectbox(
        "Group",
        held,
        index=None,
        key=KEY,
        bind="query-params",
        placeholder="none" if held else "none saved yet",
        disabled=not held,
        help="People drawn on the map and saved under a name, as a rule. Draw one on "
        "the screen Clusters.",
    )
