"""Maps of participants: places that tell nobody, colours that hold enough people."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import streamlit as st

from app import data, figures, maps, recipes
from app.map_colours import MOST_LEVELS, by_level, partition, scale
from app.state import Choice
from edp_core.errors import InputError

CHOICE = Choice("liver", "mae", "I10", 0)
LEAST = 5


@pytest.fixture(autouse=True)
def opened(monkeypatch, done_study):
    """The finished study, as the app opens it, in a session of its own."""
    monkeypatch.setenv(data.STUDY_VARIABLE, str(done_study))
    st.session_state.pop("_order", None)


def umap() -> np.ndarray:
    return np.asarray(data.atlas_array("liver", "mae", "umap"), float)


def held(found: maps.Colours) -> np.ndarray:
    """People of each category."""
    return np.bincount(found.codes, minlength=len(found.categories))


# ---- places --------------------------------------------------------------------------
def test_a_map_by_cluster_is_the_umap_in_another_order():
    shown = maps.the_map(CHOICE, "cluster")
    xy = np.column_stack([shown.x, shown.y])
    assert np.array_equal(xy, umap()[shown.rows].astype("f4"))
    assert sorted(shown.rows) == list(range(len(xy)))
    assert not np.array_equal(shown.rows, np.arange(len(xy)))
    again = maps.the_map(CHOICE, "cluster")
    assert np.array_equal(again.rows, shown.rows)  # a rerun sends nothing anew
    st.session_state.pop("_order")  # another session
    assert not np.array_equal(maps.the_map(CHOICE, "cluster").rows, shown.rows)


@pytest.mark.parametrize("colour", ["code", "score", "age_years", "sex"])
def test_other_colours_move_points_as_far_as_a_few_neighbours(colour):
    shown = maps.the_map(CHOICE, colour)
    moved = np.column_stack([shown.x, shown.y])
    true = umap()[shown.rows]
    away = np.linalg.norm(moved - true, axis=1)
    assert (away > 0).all()
    # the nearest true place is seldom one's own
    gaps = np.linalg.norm(moved[:, None] - true[None], axis=2)
    assert (gaps.argmin(axis=1) == np.arange(len(true))).mean() < 0.3
    # but the picture stays: nobody leaves the neighbourhood
    assert np.median(away) < 0.1 * np.ptp(umap(), axis=0).max()


def test_no_map_tells_whose_point_is_whose_on_another():
    """Equal orders would undo the moving: row i of two maps would be one person."""
    colours = ("cluster", "code", "score", "bmi")
    shown = [maps.the_map(CHOICE, colour) for colour in colours]
    shown.append(maps.the_map(CHOICE, "cluster", lighted="bmi"))
    shown.append(maps.the_map(Choice("liver", "mae", "K760", 0), "code"))
    n = len(shown[0])
    for i, one in enumerate(shown):
        for other in shown[:i]:
            # of two random orders one place agrees, Poisson
            assert (one.rows == other.rows).sum() < 12
            if i > 1:
                at = np.argsort(one.rows), np.argsort(other.rows)
                same = (one.x[at[0]] == other.x[at[1]]).sum()
                assert same < n / 20, "each is moved in its own way"


def test_everybody_sees_the_same_moved_places():
    """The mean of many differently moved maps would be the true one."""
    first = maps.the_map(CHOICE, "code")
    st.session_state.pop("_order")
    other = maps.the_map(CHOICE, "code")
    assert not np.array_equal(first.rows, other.rows)
    assert np.array_equal(
        first.x[np.argsort(first.rows)], other.x[np.argsort(other.rows)]
    )


def test_a_highlight_that_tells_more_than_a_place_moves_the_map():
    plain = maps.the_map(CHOICE, "cluster")
    lit = maps.the_map(CHOICE, "cluster", lighted="bmi")
    assert not set(lit.x.tolist()) & set(plain.x.tolist())


def test_few_are_not_highlighted_nor_left_dark():
    shown = maps.the_map(CHOICE, "cluster")
    for count in (0, 1, LEAST - 1, LEAST, len(shown) - LEAST, len(shown) - 4):
        members = np.arange(len(shown)) < count
        found = maps.lit(shown, members)
        if LEAST <= count <= len(shown) - LEAST:
            assert np.array_equal(found, members[shown.rows])
        else:
            assert found is None


def test_without_a_code_there_are_clusters():
    choice = Choice("liver", "mae", None, 0)
    assert "code" not in maps.options(choice)
    for colour in ("code", "score"):
        shown = maps.the_map(choice, colour)
        assert maps.colours(choice, colour, shown).title == "Cluster"
        assert np.array_equal(shown.rows, maps.the_map(choice, "cluster").rows)


# ---- colours -------------------------------------------------------------------------
def test_every_option_has_colours_and_each_holds_enough():
    found = maps.options(CHOICE)
    assert {"cluster", "code", "score", "age_years", "sex", "liver_ml"} <= set(found)
    assert "eid" not in found
    for colour in found:
        shown = maps.the_map(CHOICE, colour)
        coloured = maps.colours(CHOICE, colour, shown)
        counts = held(coloured)
        assert len(coloured.codes) == len(shown), colour
        assert not ((counts > 0) & (counts < LEAST)).any(), colour
        for category, count in zip(coloured.categories, counts, strict=True):
            assert category.count in (f"{count:,}", "hidden"), colour


def test_points_have_the_colour_of_their_person():
    people = data.inputs("liver", "mae").participants
    seen = np.asarray(data.inputs("liver", "mae").seen)
    shown = maps.the_map(CHOICE, "sex")
    found = maps.colours(CHOICE, "sex", shown)
    names = np.array([c.name for c in found.categories])
    assert (names[found.codes] == people["sex"].to_numpy()[seen[shown.rows]]).all()

    shown = maps.the_map(CHOICE, "bmi")
    found = maps.colours(CHOICE, "bmi", shown)
    assert (found.kind, found.title, found.unit) == ("scale", "BMI", "kg/m²")
    bmi = people["bmi"].to_numpy(float)[seen[shown.rows]]
    place = np.array([np.nan if c.at is None else c.at for c in found.categories])
    known = np.isfinite(bmi) & np.isfinite(place[found.codes])
    order = pd.Series(bmi[known]).corr(pd.Series(place[found.codes][known]), "spearman")
    assert order > 0.98
    assert found.low < np.nanmedian(bmi) < found.high

    shown = maps.the_map(CHOICE, "score")
    found = maps.colours(CHOICE, "score", shown)
    score = data.phenotype(recipes.classifier(CHOICE, "I10")).values
    values = score[seen[shown.rows]]
    means = pd.Series(values).groupby(found.codes).mean()
    assert means.is_monotonic_increasing


def test_clusters_have_their_numbers_and_sizes():
    labels = np.asarray(data.atlas_array("liver", "mae", "clusters"))
    shown = maps.the_map(CHOICE, "cluster")
    found = maps.colours(CHOICE, "cluster", shown)
    names = np.array([c.name for c in found.categories])
    assert (names[found.codes] == labels[shown.rows].astype(str)).all()
    assert [c.count for c in found.categories] == [str(n) for n in np.bincount(labels)]
    assert found.apart


def test_cases_of_small_cells_are_drawn_as_controls():
    code = data.scan("liver", "mae")["code"].iloc[0]
    choice = Choice("liver", "mae", code, 0)
    shown = maps.the_map(choice, "code")
    found = maps.colours(choice, "code", shown)
    assert [c.name for c in found.categories] == ["control", "case"]
    assert [c.above for c in found.categories] == [False, True]
    labels = np.asarray(data.atlas_array("liver", "mae", "clusters"))
    cases = np.bincount(labels[shown.rows][found.codes == 1], minlength=20)
    assert not ((cases >= 1) & (cases < LEAST)).any()
    inputs = data.inputs("liver", "mae")
    true = inputs.phenome.cases(code)[np.asarray(inputs.seen)][shown.rows]
    assert true[found.codes == 1].all(), "nobody is made a case"


def test_a_column_that_is_not_there_is_told():
    shown = maps.the_map(CHOICE, "cluster")
    with pytest.raises(InputError, match="cannot be coloured by 'eid<b>'"):
        maps.colours(CHOICE, "eid<b>", shown)
    with pytest.raises(InputError, match="cannot be coloured by 'eid'"):
        maps.colours(CHOICE, "eid", shown)


@pytest.mark.parametrize("seed", range(8))
def test_steps_of_a_scale_hold_enough_whatever_is_missing(seed):
    rng = np.random.default_rng(seed)
    values = rng.standard_t(3, rng.integers(20, 400)) * 10.0 ** rng.integers(-3, 4)
    values[: rng.integers(0, 7)] = np.nan
    found = scale(rng.permutation(values), title="x")
    counts = held(found)
    assert (counts >= LEAST).all()
    assert counts.sum() == len(values)
    places = [c.at for c in found.categories if c.at is not None]
    assert places == sorted(places)
    assert 0 < places[0] < places[-1] < 1
    assert [c.at is None for c in found.categories[:-1]] == [False] * (len(counts) - 1)


def test_a_scale_tells_no_more_than_the_histogram_of_the_same_values():
    values = np.random.default_rng(0).normal(size=300)
    bars = figures.histogram({"all": values})
    assert list(held(scale(values, title="x"))) == list(bars["count"])


@pytest.mark.parametrize("few", range(1, LEAST))
def test_a_few_missing_are_not_told(few):
    values = np.random.default_rng(0).normal(size=200)
    values[:few] = np.nan
    found = scale(values, title="x")
    grey = found.categories[-1]
    assert (grey.name, grey.at) == ("missing or too few", None)
    assert int(grey.count) >= LEAST + few


@pytest.mark.parametrize(
    "values",
    [np.full(30, np.nan), np.full(30, 2.5), np.array([1.0, 2.0]), np.array([])],
    ids=["all missing", "all the same", "too few", "none"],
)
def test_values_that_make_no_scale_make_no_error(values):
    found = scale(values, title="x")
    assert len(found.codes) == len(values)
    assert len(found.categories) <= 1


@pytest.mark.parametrize("seed", range(6))
def test_levels_hold_enough_or_are_one(seed):
    rng = np.random.default_rng(seed)
    levels = rng.zipf(1.6, 500).clip(max=40).astype(str).astype(object)
    levels[: rng.integers(0, 8)] = None
    found = by_level(rng.permutation(levels), title="site")
    counts = held(found)
    assert not ((counts > 0) & (counts < LEAST)).any()
    assert len(found.categories) <= MOST_LEVELS + 3
    known = pd.Series(levels).value_counts()
    for category in found.categories:
        if category.name not in ("small", "other", "missing"):
            assert int(category.count) == known[category.name]


def test_names_with_markup_stay_text_and_real_levels_keep_their_names():
    levels = np.array(["<b>x</b>"] * 9 + ["missing"] * 9 + ["other"] * 9, object)
    found = by_level(levels, title="site")
    assert [c.name for c in found.categories] == ["<b>x</b>", "missing", "other"]
    assert list(held(found)) == [9, 9, 9]


def test_more_categories_than_a_byte_holds_are_one():
    codes = np.repeat(np.arange(400), 6)
    numbers, found = partition(codes, np.arange(400).astype(str).astype(object))
    assert len(found) == 256
    assert numbers.dtype == np.uint8
    assert (np.bincount(numbers, minlength=256)[:255] == 6).all()
