"""What was drawn on the map: its size, its codes, a name, and the way on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from app import data, errors, explained, linked, maps, routes, vocabulary, widgets
from app.groups import (
    codes as group_codes,
)
from app.groups import (
    kept as groups,
)
from app.groups import (
    rules as group_rules,
)
from app.groups import (
    steps as group_steps,
)
from app.groups.kept import Asked, Looked, Rule
from app.groups.steps import DRAWN
from app.images import clusters as image_clusters
from app.images import gate as looking
from app.images.groups import Members
from app.scatter import Map
from app.state import Choice
from edp_core.errors import EdpError
from edp_core.vectors import lasso

_REFUSED = "_group_refused"
"""What was last told of a drawing that is no group."""


def outline(choice: Choice) -> tuple[tuple[float, float], ...] | None:
    """Outline of what was drawn, or of the chosen group, to be drawn on the map."""
    try:
        rule = _rule(choice)
    except EdpError:
        return None  # told below the map
    return rule.outline.vertices if rule else None


def lit(choice: Choice, colour: str) -> Callable[[Map], np.ndarray | None]:
    """Members of what was drawn or chosen, as a map lights them; the others are grey.

    Parameters
    ----------
    colour
        Of the map. Where its points are moved, those that are drawn inside the outline
        are lit and nothing is told of true places.

    Returns
    -------
    Callable
        From a map to (n,) bool in its order; `None` where nobody is lit, and of groups
        of cases or controls: points would say who has the code.
    """

    def found(shown: Map) -> np.ndarray | None:
        try:
            looked = current(choice)
        except EdpError:
            return None  # told below the map
        if looked is None or looked.asked.rule.outline.only != "everybody":
            return None
        if colour == "cluster":
            return maps.lit(shown, looked.members)
        outline = looked.asked.rule.outline
        if outline.without:  # clusters of moved points are not told
            return None
        seen = np.zeros(len(shown), bool)
        places = np.column_stack([shown.x, shown.y])
        seen[shown.rows] = lasso.inside(outline.vertices, places)
        return maps.lit(shown, seen)

    return found


def current(choice: Choice) -> Looked | None:
    """What was drawn, else the group chosen in the sidebar, if it may be told of.

    Raises
    ------
    InputError
        As `groups.look` does, and where what was drawn is no outline.
    """
    rule = _rule(choice)
    return groups.look(rule) if rule else None


def _refuse(error: EdpError) -> None:
    """Tell why there is no group: here, and once where the map is looked at."""
    errors.tell(error)
    if st.session_state.get(_REFUSED) != error.message:
        st.session_state[_REFUSED] = error.message
        st.toast(error.message, icon=":material/error:")


def section(choice: Choice) -> Looked | None:
    """Draw the panel; the group it is of. Where nothing was drawn, how to draw."""
    looked = None
    drawn = _is_drawn(choice)
    st.subheader("Group", anchor=False)
    trouble = group_steps.trouble()
    if trouble is not None:
        _refuse(trouble)
    try:
        looked = current(choice)
        st.session_state.pop(_REFUSED, None)
    except groups.TooNear as error:
        _refuse(error)
        _offer(error.known)
    except EdpError as error:
        _refuse(error)
    if looked is None:
        if not drawn:
            st.caption(
                "Draw around points with the lasso or the box of the map: who lies "
                "inside becomes a group with its N and its codes, which can be saved "
                "under a name, scored and exported."
            )
        _buttons(choice, None, drawn=drawn)
    else:
        _figures(choice, looked, drawn=drawn)
        _buttons(choice, looked, drawn=drawn)
        group_codes.strongest(choice, looked)
    _outdated(choice)
    return looked


def _rule(choice: Choice) -> Rule | None:
    if _is_drawn(choice):
        return group_rules.read(choice, st.session_state[DRAWN])
    group = groups.chosen(choice) if choice.group else None
    return group.rule if group else None


def _is_drawn(choice: Choice) -> bool:
    """Whether something was drawn on this map as it is now."""
    held = st.session_state.get(DRAWN)
    if held is None:
        return False
    atlas = data.store().ref(f"atlas/{choice.organ}/{choice.encoder}")
    if isinstance(held, Rule):
        return held.atlas == atlas
    return not isinstance(held, dict) or held.get("atlas", atlas) == atlas


def selected(choice: Choice, looked: Looked | None) -> tuple[np.ndarray | None, str]:
    """Members of the group, else of the cluster, and what they are called.

    (n_seen,) bool; `None` where their number may not be told.
    """
    if looked is None:
        return linked.of_cluster(choice)
    return looked.members, name(choice)


def images(choice: Choice, looked: Looked | None) -> None:
    """Images of the group, else of the cluster.

    Of a group of one code's cases or controls none: an image would say who has it.
    """
    if looked is None or looked.asked.rule.outline.only != "everybody":
        image_clusters.section(choice)
        return
    st.subheader("Images", anchor=False)
    with errors.shown():
        if looking.ready(choice.organ):
            members = Members(name(choice), looked.members, ~looked.members)
            image_clusters.people(choice, members, key="group_images")


def name(choice: Choice) -> str:
    """What the group is called that the panel is of, as plain text."""
    return "drawn" if _is_drawn(choice) else str(choice.group)


def _figures(choice: Choice, looked: Looked, *, drawn: bool) -> None:
    rule = looked.asked.rule
    called = "Drawn" if drawn else vocabulary.plain(str(choice.group))
    first, second = st.columns(2)
    with first:
        widgets.number(f"{called}: N", looked.n, help=explained.help("n_group"))
    with second:
        widgets.number(
            "Share",
            f"{looked.share:.1%}",
            under=f"of N = {len(looked.members):,}",
            help=explained.help("share"),
        )
    st.caption(group_rules.said(rule))
    if lasso.crosses_itself(rule.outline.vertices):
        st.caption(
            ":material/info: The outline crosses itself: what it encloses twice is "
            "outside (even–odd)."
        )
    if rule.drawn_on is not None:
        code = vocabulary.plain(rule.drawn_on)
        st.caption(
            f":material/warning: Drawn on the labels of {code}: testing the group, or "
            "a score made of it, against that code is circular."
        )


def _buttons(choice: Choice, looked: Looked | None, *, drawn: bool) -> None:
    row = st.container(horizontal=True, vertical_alignment="bottom", key="group_row")
    if looked is not None and drawn:
        with row.form("save_group", border=False), st.container(horizontal=True):
            st.text_input(
                "Name",
                key="group_name",
                max_chars=64,
                placeholder="Name of the group",
                label_visibility="collapsed",
            )
            st.form_submit_button(
                "Save", type="primary", icon=":material/bookmark_add:",
                on_click=group_steps.save, args=(looked.asked, looked.n),
            )  # fmt: skip
    with row:
        if (
            looked is not None
            and not drawn
            and st.button(
                "Score by distance to its mean",
                key="group_score",
                icon=":material/tune:",
                help="Opens the screen Phenotype with the method Group.",
            )
        ):
            routes.go("phenotype", method="Group")
        if group_steps.can_undo():
            st.button(
                "Undo",
                key="group_undo",
                icon=":material/undo:",
                on_click=group_steps.undo,
            )
        if drawn or choice.group:
            st.button(
                "Clear", key="group_clear", icon=":material/backspace:",
                on_click=group_steps.clear, args=(drawn,),
                help="Forgets what was drawn, or looks at no group; saved ones stay.",
            )  # fmt: skip
        if looked is not None and not drawn:
            st.button(
                "Remove", key="group_remove", icon=":material/delete:",
                on_click=group_steps.remove, args=(choice,),
            )  # fmt: skip
    said = group_steps.said()
    if said:
        st.toast(said, icon=":material/check:")


def _offer(known: Asked | None) -> None:
    if known is not None:
        st.button(
            "Look at the group drawn before", key="group_known",
            icon=":material/history:", on_click=group_steps.take, args=(known.rule,),
        )  # fmt: skip


def _outdated(choice: Choice) -> None:
    """Name the groups of a map that is no more."""
    try:
        old = groups.entries(choice, outdated=True)
    except EdpError:
        return  # told in the sidebar
    if old:
        names = ", ".join(vocabulary.plain(group.name) for group in old)
        st.caption(
            f":material/update: Drawn on a map that is no more, and not used: {names}."
        )
        st.button(
            "Remove them", key="group_outdated", icon=":material/delete:",
            on_click=group_steps.remove_all, args=(tuple(group.id for group in old),),
        )  # fmt: skip
