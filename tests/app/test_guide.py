"""The guided tour: its steps, its buttons, and where its card goes (in node)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app import guide, tour
from app.routes import SCREENS

PLACE = (guide.HERE / "place.js").read_text(encoding="utf-8")
WORDS_A_MINUTE = 220
"""How fast people read what is on a screen."""


def node(expression: str, tmp_path: Path) -> Any:
    """What an expression of the pure part is."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("there is no node; the browser test takes the tour")
    file = tmp_path / "try.mjs"
    file.write_text(f"{PLACE}\nconsole.log(JSON.stringify({expression}));")
    done = subprocess.run(
        [program, str(file)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


# ---- what it says ----------------------------------------------------------------
def test_the_tour_takes_about_two_minutes():
    words = sum(len(f"{step.title} {step.text}".split()) for step in tour.STEPS)
    # reading, and three seconds a step to look where it points
    minutes = words / WORDS_A_MINUTE + 3 * len(tour.STEPS) / 60
    assert 1 <= minutes <= 2.5


def test_every_screen_is_shown_in_the_order_of_the_work():
    shown = list(dict.fromkeys(step.screen for step in tour.STEPS))
    assert shown == [name for name in SCREENS if name in shown]
    assert set(shown) == set(SCREENS)


def test_the_keys_are_named_and_the_first_screen_too(screen, done_study):
    at = screen("export", done_study)
    (proto,) = [
        element.proto
        for element in at.get("bidi_component")
        if "guide" in element.proto.component_name
    ]
    sent = json.loads(proto.json)
    assert sent["first"] == "overview"
    assert [step["title"] for step in sent["steps"]] == [s.title for s in tour.STEPS]
    assert sent["keys"][0] == ["/", "Search for a code"]


def test_the_glossary_opens(screen, done_study):
    at = screen("export", done_study)
    at.button(key="glossary").click().run()
    assert any("DeLong" in text.value for text in at.markdown)


def test_the_glossary_is_searched():
    def page() -> None:
        from app import explained

        explained.glossary()

    at = AppTest.from_function(page).run()
    at.text_input(key="glossary_sought").set_value("jaccard").run()
    found = [text.value for text in at.markdown if "doi" in text.value]
    assert len(found) == 1
    assert "Hennig" in found[0]


def test_what_is_sent_is_text_and_no_code_from_outside():
    code = (guide.HERE / "guide.js").read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML|insertAdjacentHTML|eval\(|https?://|import\b", code
    )


# ---- where things go -------------------------------------------------------------
TARGETS = [
    {"left": 10, "top": 10, "width": 200, "height": 40},
    {"left": 300, "top": 700, "width": 400, "height": 80},
    {"left": 0, "top": 0, "width": 250, "height": 900},
    {"left": 1100, "top": 0, "width": 300, "height": 900},
    {"left": -50, "top": 400, "width": 100, "height": 30},
    {"left": 20, "top": 5000, "width": 100, "height": 30},
    None,
]


@pytest.mark.parametrize("view", [(1400, 900), (390, 844)])
def test_the_card_is_inside_the_window_and_beside_its_target(tmp_path, view):
    card = {"width": min(368, view[0] - 28), "height": 190}
    window = {"width": view[0], "height": view[1]}
    rest = f"{json.dumps(card)}, {json.dumps(window)}"
    places = node(
        f"{json.dumps(TARGETS)}.map((target) => placeCard(target, {rest}))", tmp_path
    )
    for target, at in zip(TARGETS, places, strict=True):
        assert 0 <= at["left"] <= window["width"] - card["width"]
        assert 0 <= at["top"] <= window["height"] - card["height"]
        if not target or view[0] != 1400:
            continue
        beside = (
            at["left"] >= target["left"] + target["width"]
            or at["left"] + card["width"] <= target["left"]
            or at["top"] >= target["top"] + target["height"]
            or at["top"] + card["height"] <= target["top"]
        )
        assert beside


def test_steps_of_screens_that_are_not_there_are_passed_over(tmp_path):
    steps = json.dumps([{"screen": name} for name in ("a", "b", "b", "c")])
    found = node(
        f"[nextStep({steps}, 0, 1, ['a', 'c']), nextStep({steps}, 3, -1, ['a', 'c']), "
        f"nextStep({steps}, 3, 1, ['a', 'c']), nextStep({steps}, -1, 1, ['b'])]",
        tmp_path,
    )
    assert found == [3, 0, None, 1]


def test_a_key_that_is_written_into_a_box_is_no_shortcut(tmp_path):
    plain = "{}"
    found = node(
        f"[isShortcut({plain}, null), isShortcut({plain}, {{tagName: 'input', "
        "type: 'text'}), "
        f"isShortcut({plain}, {{tagName: 'BUTTON'}}), "
        f"isShortcut({plain}, {{tagName: 'INPUT', type: 'checkbox'}}), "
        f"isShortcut({plain}, {{tagName: 'DIV', isContentEditable: true}}), "
        f"isShortcut({{ctrlKey: true}}, null), "
        f"isShortcut({plain}, {{tagName: 'TEXTAREA'}})]",
        tmp_path,
    )
    assert found == [True, False, True, True, False, False, False]


def test_the_screen_is_the_last_part_of_the_path(tmp_path):
    paths = ["/", "", "/diseases", "/base/clusters/", "/base/"]
    found = node(f"{json.dumps(paths)}.map(screenOf)", tmp_path)
    assert found == ["", "", "diseases", "clusters", "base"]
