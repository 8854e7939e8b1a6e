"""From a lasso to a named group, its score and its export; and what goes wrong."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from crawl import broke, crawl

from app import database
from app.basket import Basket
from app.groups.store import Groups
from edp_core.checkout import render_study
from edp_core.store import Store, read_array, read_table
from edp_core.study import load_study


@pytest.fixture
def umap(done_study):
    store = Store(done_study / "store")
    return np.asarray(read_array(store.at("atlas/liver/mae"), "umap"), float)


def left(umap, count):
    """Around the ``count`` people furthest left on the map."""
    x = np.sort(umap[:, 0])
    edge = (x[count - 1] + x[count]) / 2
    corners = [[-99, -99], [edge, -99], [edge, 99], [-99, 99]]
    return {"polygon": corners, "hidden": [], "tool": "lasso"}


def press(at, key):
    next(button for button in at.button if button.key == key).click().run()


def sizes(at):
    return {metric.label: metric.value for metric in at.metric}


def drawn(at, umap):
    """Draw on the screen until a group may be told; its size."""
    for count in range(20, 60):
        at.session_state["drawn"] = left(umap, count)
        at.run()
        assert not at.exception
        if "Drawn: N" in sizes(at):
            return count
    pytest.fail("no group may be told")


def test_a_lasso_becomes_a_group_a_score_and_an_export(screen, own_study, umap):
    at = screen("clusters", own_study)
    n = drawn(at, umap)
    assert sizes(at)["Drawn: N"] == str(n)
    at.text_input(key="group_name").set_value("left side")
    next(b for b in at.button if b.form_id == "save_group").click().run()
    assert [toast.value for toast in at.toast] == ["The group left side is saved."]
    assert sizes(at)["left side: N"] == str(n)
    assert at.selectbox(key="group").value == "left side"
    [entry] = Groups(own_study / "store").entries()
    assert (entry.name, entry.n) == ("left side", n)

    press(at, "group_score")
    assert not broke(at)
    # what the page switch does in a browser a link does here
    at = screen("phenotype", own_study, group="left side", method="Group")
    assert at.segmented_control(key="method").value == "Group"
    assert any("more like the group" in info.value for info in at.info)
    next(b for b in at.button if b.form_id == "keep").click().run()
    [kept] = Basket(own_study / "store").entries()
    assert kept.spec.method == "group"
    assert kept.spec.rule == entry.rule.outline
    assert kept.spec.name == "liver_group_left_side"
    study = load_study(own_study)
    files = render_study(study, Store(study.store_path), [kept.spec])
    card = json.loads(files["cards/liver_group_left_side.json"])
    assert card["sign"] == "higher = more like the group"


def test_a_link_opens_on_a_group_and_every_step_is_undone(screen, own_study, umap):
    at = screen("clusters", own_study)
    n = drawn(at, umap)
    at.text_input(key="group_name").set_value("a")
    next(b for b in at.button if b.form_id == "save_group").click().run()
    press(at, "group_remove")
    assert Groups(own_study / "store").entries() == []
    assert not sizes(at).keys() & {"a: N", "Drawn: N"}
    press(at, "group_undo")
    assert sizes(at)["a: N"] == str(n)
    press(at, "group_undo")  # of the saving: it is drawn again, and has no name
    assert sizes(at)["Drawn: N"] == str(n)
    assert Groups(own_study / "store").entries() == []
    press(at, "group_clear")
    assert "Drawn: N" not in sizes(at)
    press(at, "group_undo")
    at.text_input(key="group_name").set_value("b")
    next(b for b in at.button if b.form_id == "save_group").click().run()

    other = screen("clusters", own_study, group="b")
    assert sizes(other)["b: N"] == str(n)
    assert (
        screen("clusters", own_study, group="<b>x</b>").selectbox(key="group").value
        is None
    )


def test_a_group_is_lit_on_the_map_and_everybody_else_is_grey(screen, own_study, umap):
    at = screen("clusters", own_study)
    [(_, points)] = crawl(at).maps
    assert "lit" not in points
    n = drawn(at, umap)
    edge = at.session_state["drawn"]["polygon"][1][0]
    [(view, points)] = crawl(at).maps
    assert view["chosen"] == "0"
    assert points["lit"].sum() == n
    assert (points["lit"] == (points["x"] < edge)).all()
    # a map of a code moves its points: who is drawn inside, not who truly is
    at.selectbox(key="colour").set_value("code").run()
    [(view, points)] = crawl(at).maps
    assert view["chosen"] is None
    assert (points["lit"] == (points["x"] < edge)).all()
    at.slider(key="lit").set_value((80, 100)).run()
    [(_, points)] = crawl(at).maps
    assert (points["lit"] & (points["x"] > edge)).any(), "a range goes before a group"


ROUND = [[np.cos(a), np.sin(a)] for a in np.linspace(0, 6.28, 10_000)]


@pytest.mark.parametrize(
    ("polygon", "said"),
    [
        (ROUND, "10,000 vertices"),
        ([[0, 0], [float("nan"), 1], [1, 1]], "1 of 3 vertices"),
        ([[900, 900], [901, 900], [901, 901]], "Nobody lies inside"),
        ([["<script>alert(1)</script>", 0]] * 3, "not a list of x and y"),
        ("<script>alert(1)</script>", "not a list of x and y"),
    ],
)
def test_hostile_outlines_are_told_and_leave_no_trace(
    screen, own_study, umap, polygon, said
):
    at = screen("clusters", own_study)
    before = len(at.dataframe)
    at.session_state["drawn"] = {"polygon": polygon, "hidden": [], "tool": "lasso"}
    at.run()
    assert not at.exception
    assert any(said in error.value for error in at.error), [e.value for e in at.error]
    assert "Traceback" not in crawl(at).everything
    assert "alert(1)" not in crawl(at).everything
    assert len(at.dataframe) == before, "and the rest of the screen is there"
    press(at, "group_clear")
    assert not at.error


def test_few_people_are_not_told_and_the_group_before_is_offered(
    screen, own_study, umap
):
    at = screen("clusters", own_study)
    for count in (1, 4, len(umap) - 1):
        at.session_state["drawn"] = left(umap, count)
        at.run()
        assert "Drawn: N" not in sizes(at)
        assert any("Fewer than 5 people" in error.value for error in at.error)
    n = drawn(at, umap)
    at.session_state["drawn"] = left(umap, n + 1)
    at.run()
    assert "Drawn: N" not in sizes(at)
    assert any("a group drawn before" in error.value for error in at.error)
    press(at, "group_known")
    assert sizes(at)["Drawn: N"] == str(n)


def test_an_outline_that_crosses_itself_is_taken_and_said(screen, own_study, umap):
    low, high = umap.min(axis=0) - 9, umap.max(axis=0) + 9
    middle = float(np.median(umap[:, 0]))
    bow = [[low[0], low[1]], [middle, high[1]], [middle, low[1]], [low[0], high[1]]]
    at = screen("clusters", own_study)
    at.session_state["drawn"] = {"polygon": bow, "hidden": [], "tool": "lasso"}
    at.run()
    if "Drawn: N" in sizes(at):
        assert any("crosses itself" in caption.value for caption in at.caption)
    else:  # refused for its size, which is told
        assert at.error


def test_a_group_on_a_map_of_cases_is_called_circular(screen, own_study, umap):
    at = screen("clusters", own_study, code="I10", colour="code")
    for count in range(20, 60):
        at.session_state["drawn"] = left(umap, count) | {
            "colour": "code",
            "code": "I10",
        }
        at.run()
        if "Drawn: N" in sizes(at):
            break
    assert any("circular" in caption.value for caption in at.caption)


def test_nothing_that_is_drawn_tells_a_small_count_or_an_id(screen, own_study, umap):
    eids = read_table(Store(own_study / "store").at("cohort"), "participants")["eid"]
    at = screen("clusters", own_study)
    for count in (20, 26, 27, 62):
        at.session_state["drawn"] = left(umap, count)
        at.run()
        seen = crawl(at)
        for frame in seen.frames:
            for name in {"n_group", "n_both", "n_cases"} & set(frame):
                counts = frame[name].dropna()
                assert not ((counts >= 1) & (counts < 5)).any()
        assert not [eid for eid in eids if eid in seen.everything]
    with closing(sqlite3.connect(own_study / "store/studio.db")) as held:
        text = "\n".join(held.iterdump())
    assert not [eid for eid in eids if eid in text]


# ---- the database -------------------------------------------------------------------
def test_a_database_that_fails_is_told_and_the_rest_is_there(
    screen, own_study, umap, monkeypatch
):
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    file = own_study / "store" / "studio.db"
    at = screen("clusters", own_study)
    tables = len(at.dataframe)
    file.write_bytes(b"no database at all " * 99)
    at.session_state["drawn"] = left(umap, 30)
    at.run()
    assert not at.exception
    assert any("database cannot be used" in error.value for error in at.error)
    assert len(at.dataframe) == tables
    assert not broke(screen("diseases", own_study)), "screens without groups work on"
    file.unlink()
    with closing(sqlite3.connect(file)) as other:
        other.execute("create table x (y)")
        other.execute("begin exclusive")
        at.run()
        assert any("in use by another program" in error.value for error in at.error)
    at.run()
    assert not any("database" in error.value for error in at.error)
