"""Undo of what was done with the basket in this session, the last step first.

A step is undone by the ids of its entries, so what somebody else did meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from app import toasts
from app.basket import Basket

STEPS = "_undo"
MOST = 20
"""Steps that are remembered."""
ICONS = {"added": ":material/check:", "removed": ":material/delete:"}
WORDS = {"added": "in", "removed": "out of"}
BACK = {"added": "take {} out of the basket again", "removed": "put {} back"}


@dataclass(frozen=True)
class Done:
    """A step: entries that were added or removed together, and what they are called."""

    kind: Literal["added", "removed"]
    entries: tuple[int, ...]
    name: str


def did(kind: Literal["added", "removed"], entries: Sequence[int], name: str) -> None:
    """Remember a step."""
    if entries:
        steps = st.session_state.get(STEPS, ())
        step = Done(kind, tuple(entries), name)
        st.session_state[STEPS] = (*steps, step)[-MOST:]


def say(kind: str, name: str, count: int) -> None:
    """Say what was added or removed, once the page is drawn anew."""
    verb = "is" if count == 1 else "are"
    toasts.after(f"{name} {verb} {WORDS[kind]} the basket.", ICONS[kind])


@contextmanager
def adding(basket: Basket, name: str) -> Iterator[None]:
    """Remember what the basket holds after the block and did not before."""
    before = {entry.id for entry in basket.entries()}
    yield
    fresh = [entry.id for entry in basket.entries() if entry.id not in before]
    did("added", fresh, name)


def button(basket: Basket, *, key: str = "undo") -> None:
    """Offer to undo the last step, where there is one."""
    steps: tuple[Done, ...] = st.session_state.get(STEPS, ())
    if not steps:
        return
    last = steps[-1]
    words = BACK[last.kind].format(last.name)
    if st.button(f"Undo: {words}", icon=":material/undo:", key=key):
        if last.kind == "removed":
            basket.restore(*last.entries)
        else:
            basket.remove(*last.entries)
        st.session_state[STEPS] = steps[:-1]
        kind = "removed" if last.kind == "added" else "added"
        say(kind, last.name, len(last.entries))
        st.rerun()
