"""What is done with a drawn group, and how it is undone: callbacks of the panel.

``st.session_state["drawn"]`` holds what was drawn last: what the browser sends,
``{"polygon": [[x, y], …], "hidden": […], "tool": "lasso" or "box"}``, and beside it
``colour`` and ``code`` of the map and the key of its ``atlas``. A test may set it; what
is left out is taken from the screen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app import data, vocabulary
from app.groups import kept as groups
from app.groups.box import KEY
from app.groups.kept import Asked, Rule
from app.scatter import Drawn
from app.state import Choice
from edp_core.errors import EdpError

DRAWN = "drawn"
STEPS = 20
"""How many steps can be undone."""
_HISTORY = "_group_history"
_TROUBLE = "_group_trouble"
_SAID = "_group_said"


def trouble() -> EdpError | None:
    """What went wrong in the last callback, once."""
    found: EdpError | None = st.session_state.pop(_TROUBLE, None)
    return found


def said() -> str | None:
    """What the last callback did, once."""
    found: str | None = st.session_state.pop(_SAID, None)
    return found


def can_undo() -> bool:
    """Whether there is a step to undo."""
    return bool(st.session_state.get(_HISTORY))


def drawing(choice: Choice, colour: str) -> Callable[[Drawn], None]:
    """What is to be done with a lasso or box on the map."""

    def keep(drawn: Drawn) -> None:
        _remember("drawn", st.session_state.get(DRAWN))
        st.session_state[DRAWN] = {
            "polygon": drawn.polygon,
            "hidden": drawn.hidden,
            "tool": drawn.tool,
            "colour": colour,
            "code": choice.code,
            "atlas": data.store().ref(f"atlas/{choice.organ}/{choice.encoder}"),
        }

    return keep


def _told(act: Callable[..., None]) -> Callable[..., None]:
    """A callback whose errors are shown by the panel."""

    def tried(*given: Any) -> None:
        try:
            act(*given)
        except EdpError as error:
            st.session_state[_TROUBLE] = error

    return tried


def _remember(*step: object) -> None:
    held = st.session_state.get(_HISTORY, [])
    st.session_state[_HISTORY] = [*held, step][-STEPS:]


def take(rule: Rule) -> None:
    """Look at a group that was drawn before."""
    _remember("drawn", st.session_state.get(DRAWN))
    st.session_state[DRAWN] = rule


@_told
def save(asked: Asked, n: int) -> None:
    """Save what was drawn under the name in the box."""
    name = " ".join(str(st.session_state["group_name"] or "").split())
    added = groups.store().add(name, asked, n)
    _remember("saved", added, st.session_state.get(DRAWN))
    st.session_state[DRAWN] = None
    st.session_state[KEY] = name
    st.session_state["group_name"] = ""
    st.session_state[_SAID] = f"The group {vocabulary.plain(name)} is saved."


def clear(drawn: bool) -> None:
    """Forget what was drawn, or look at no group."""
    if drawn:
        _remember("drawn", st.session_state.get(DRAWN))
        st.session_state[DRAWN] = None
    else:
        st.session_state[KEY] = None


@_told
def remove(choice: Choice) -> None:
    """Take the chosen group out."""
    group = groups.chosen(choice)
    if group is not None:
        groups.store().remove(group.id)
        _remember("removed", group.id, group.name)
        st.session_state[KEY] = None


@_told
def remove_all(entries: tuple[int, ...]) -> None:
    """Take several groups out."""
    for entry in entries:
        groups.store().remove(entry)
        _remember("removed", entry, None)


@_told
def undo() -> None:
    """Undo the last step."""
    kind, *what = st.session_state[_HISTORY][-1]
    if kind == "drawn":
        st.session_state[DRAWN] = what[0]
    elif kind == "saved":
        groups.store().remove(what[0])
        st.session_state[DRAWN], st.session_state[KEY] = what[1], None
    else:
        groups.store().restore(what[0])
        st.session_state[KEY] = what[1]
    st.session_state[_HISTORY] = st.session_state[_HISTORY][:-1]
