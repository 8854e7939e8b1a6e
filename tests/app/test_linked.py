"""A range of the score lights people up: whole cells of enough people, or nobody."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from crawl import broke, choice, crawl, told
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from app import lit as lit_of
from edp_core.store import Store, read_array

SCORES = st.lists(
    st.tuples(st.floats(-3, 3) | st.just(float("nan")), st.integers(0, 3)),
    min_size=1,
    max_size=120,
)
ENDS = st.integers(0, 99).flatmap(
    lambda low: st.tuples(st.just(low), st.integers(low + 1, 100))
)


def arrays(people):
    values, strata = zip(*people, strict=True)
    return np.array(values, float), np.array(strata)


# ---- cells -----------------------------------------------------------------------
@given(people=SCORES, threshold=st.integers(1, 7))
def test_a_cell_holds_enough_people_of_one_stratum(people, threshold):
    values, strata = arrays(people)
    of = lit_of.cells(values, strata, threshold)
    for cell in set(of) - {-1}:
        inside = of == cell
        assert inside.sum() >= threshold
        assert inside.sum() < 2 * threshold
        assert len(set(strata[inside])) == 1
    for stratum in set(strata):
        here = (strata == stratum) & np.isfinite(values)
        # everybody of a stratum that is large enough is in a cell
        assert (of[here] >= 0).all() == (here.sum() >= threshold or not here.any())
    assert (of[~np.isfinite(values)] == -1).all()


@given(people=SCORES, threshold=st.integers(1, 7))
def test_cells_follow_the_score(people, threshold):
    values, strata = arrays(people)
    of = lit_of.cells(values, strata, threshold)
    for stratum in set(strata):
        inside = (strata == stratum) & (of >= 0)
        order = np.argsort(values[inside], kind="stable")
        assert (np.diff(of[inside][order]) >= 0).all() or len(
            set(values[inside])
        ) < len(values[inside])


@given(people=SCORES, one=ENDS, other=ENDS, threshold=st.integers(2, 7))
def test_two_ranges_never_differ_by_few_people_of_a_stratum(
    people, one, other, threshold
):
    values, strata = arrays(people)
    if not np.isfinite(values).any():
        return
    first = lit_of.lit_cells(values, strata, one, threshold=threshold)
    second = lit_of.lit_cells(values, strata, other, threshold=threshold)
    for stratum in set(strata):
        here = strata == stratum
        for members in (
            first & here,
            (first & ~second) & here,
            (first & second) & here,
        ):
            count = int(members.sum())
            assert count == 0 or count >= threshold


def test_the_whole_range_lights_everybody_who_can_be_lit():
    values = np.random.default_rng(1).normal(size=200)
    strata = np.repeat([0, 1], [197, 3])
    lit = lit_of.lit_cells(values, strata, (0, 100), threshold=5)
    assert lit[strata == 0].all()
    assert not lit[strata == 1].any()


def test_lit_people_have_about_the_scores_that_were_asked_for():
    values = np.random.default_rng(2).normal(size=5000)
    strata = np.random.default_rng(3).integers(0, 8, 5000)
    lit = lit_of.lit_cells(values, strata, (90, 100), threshold=5)
    assert lit.sum() == pytest.approx(500, abs=40)
    assert values[lit].min() == pytest.approx(np.percentile(values, 90), abs=0.1)


# ---- on the screens --------------------------------------------------------------
def map_of(at: AppTest) -> dict[str, object]:
    """What the browser is told of the map, beside its points."""
    return next(
        json.loads(element.proto.json)
        for element in at.get("bidi_component")
        if element.proto.component_name == "scatter"
    )


def test_a_range_of_the_score_stands_in_the_link_and_moves_the_slider(
    screen, done_study
):
    at = screen("clusters", done_study, code="I10", lit=["80", "100"])
    assert not broke(at)
    assert tuple(at.slider(key="lit").value) == (80, 100)
    assert "percentiles 80 to 100" in told(at)
    view = map_of(at)
    assert view["highlight"] is not None
    count = int(re.search(r"(\d+) are highlighted", view["alt"])[1])
    assert count == pytest.approx(0.2 * view["n"], abs=12)
    at.slider(key="lit").set_value((0, 100)).run()
    assert not broke(at)
    assert "Lit:" not in told(at)
    assert map_of(at)["highlight"] is None


@pytest.mark.parametrize("ends", [["80"], ["90", "10"], ["a", "5"], ["0", "1000"]])
def test_a_link_that_gives_no_range_lights_nobody(screen, done_study, ends):
    at = screen("clusters", done_study, code="I10", lit=ends)
    assert not broke(at)
    assert map_of(at)["highlight"] is None


def test_without_a_score_the_map_is_drawn_all_the_same(screen, done_study):
    at = screen("clusters", done_study, code="I10")
    rare = [o for o in at.selectbox(key="code_box").options if " · " not in o][-1]
    at = screen("clusters", done_study, code=rare.split(" ")[0], lit=["10", "20"])
    assert not broke(at)
    assert at.get("bidi_component")


def test_the_chosen_cluster_has_its_bars(screen, done_study):
    labels = read_array(Store(done_study / "store").at("atlas/liver/mae"), "clusters")
    at = screen("clusters", done_study, code="I10", cluster="0")
    count = int((labels == 0).sum())
    groups = {
        str(group)
        for frame in crawl(at).frames
        if "group" in frame.columns
        and "density" in frame.columns
        # bars of two groups that are drawn at will would be subtracted
        and "count" not in frame.columns
        for group in frame["group"]
    }
    assert f"cluster 0 (N = {count:,})" in groups
    assert f"everybody else (N = {len(labels) - count:,})" in groups


def test_a_code_of_the_overview_is_clicked(screen, done_study):
    at = screen("overview", done_study)
    best = [b for b in at.button if (b.key or "").startswith("code-strongest-")]
    assert best
    code = best[-1].key.removeprefix("code-strongest-")
    best[-1].click().run()
    assert not broke(at)
    assert choice(at)[0] == code


def test_a_cluster_that_holds_most_cases_is_clicked(screen, done_study):
    at = screen("phenotype", done_study, code="I10", method="Cluster")
    named = [
        b for b in at.button if (b.key or "").startswith("code-clusters_of_cases-")
    ]
    assert named
    number = named[-1].key.removeprefix("code-clusters_of_cases-")
    assert named[-1].label.startswith(number)
    named[-1].click().run()
    assert not broke(at)
    assert choice(at)[1] == number


def test_the_row_of_the_chosen_code_is_selected_in_the_tables(screen, done_study):
    for name, key in (("diseases", "scan_table"), ("clusters", "enrichment_table")):
        at = screen(name, done_study, code="I10", cluster="0")
        rows = at.session_state[key]["selection"]["rows"]
        table = next(f.value for f in at.dataframe if f.key == key)
        assert [table["code"].iat[row] for row in rows] == ["I10"]


# ---- undo ------------------------------------------------------------------------
def keep(at: AppTest, name: str) -> None:
    at.text_input[0].set_value(name)
    next(b for b in at.button if b.form_id == "keep").click().run()
    assert not broke(at)


def undo_of(at: AppTest) -> str:
    return next((b.label for b in at.button if b.label.startswith("Undo:")), "")


def test_clearing_the_basket_is_undone_step_by_step(screen, own_study):
    at = screen("phenotype", own_study, code="I10")
    keep(at, "score_one")
    keep(at, "score_two")
    assert "score_two" in undo_of(at)
    at.switch_page("../pages/export.py").run()
    at.button(key="clear").click().run()
    assert "The basket is empty" in told(at)
    assert any("2 phenotypes are out of" in toast.value for toast in at.toast)
    at.button(key="undo").click().run()
    assert not broke(at)
    everything = crawl(at).everything
    assert "cards/score_one.json" in everything
    assert "cards/score_two.json" in everything
    assert any("2 phenotypes are in the basket" in t.value for t in at.toast)
    at.button(key="undo").click().run()  # the second was added last
    assert "cards/score_two.json" not in crawl(at).everything
    assert "cards/score_one.json" in crawl(at).everything
