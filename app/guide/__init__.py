"""The guided tour, and the keys of the studio.

Both run in the browser: a step points at a real control, and another screen is reached
by its link, as a click would. Nobody signs in, so a server cannot know who is here for
the first time: the browser remembers that the tour was shown, in its local storage.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
HTML = """
<div>
  <button type="button" data-part="tour">Guided tour</button>
  <button type="button" data-part="keys">Keys <kbd>?</kbd></button>
</div>
"""
_component = st.components.v2.component(
    "guide",
    html=HTML,
    css=(HERE / "buttons.css").read_text(encoding="utf-8"),
    # a module that is given as text can import nothing: its parts are one text
    js="".join(
        (HERE / name).read_text(encoding="utf-8") for name in ("place.js", "guide.js")
    ),
)


@dataclass(frozen=True)
class Step:
    """One step of the tour.

    Attributes
    ----------
    screen
        Name of the screen, as in `app.routes`.
    title, text
        Of the card.
    target
        CSS selector of the control it points at; where there is none on the screen
        (a study without codes, say) the card stands in the corner.
    sidebar
        Whether the control is in the sidebar, which a narrow window hides.
    """

    screen: str
    title: str
    text: str
    target: str = ""
    sidebar: bool = False


KEYS = (
    ("/", "Search for a code"),
    ("?", "This list"),
    ("Esc", "Close the tour, a list or a selection"),
    ("← →", "Tour: back and on, with the card in focus"),
    ("Arrows", "Map in focus: move it; + and − zoom, 0 shows all of it"),
    ("L, B", "Map in focus: lasso, box; Enter finishes, Esc gives it up"),
)
"""What is pressed → what it does."""


def guide(steps: tuple[Step, ...], *, first: str) -> None:
    """Draw the buttons of tour and keys; on a first visit the tour begins by itself.

    Parameters
    ----------
    first
        Name of the screen the studio opens on: its address has no name of its own.
    """
    _component(
        key="guide",
        data={
            "steps": [asdict(step) for step in steps],
            "keys": [list(pair) for pair in KEYS],
            "first": first,
            "css": (HERE / "guide.css").read_text(encoding="utf-8"),
        },
    )
