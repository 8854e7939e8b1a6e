import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.inputs import Inputs
from edp_core.people.traits import assembled
from edp_core.phewas.fields import Rules, outcomes, three_bins

N = 1000


def made(column, *, categories=(), rules=None, taken=()):
    """Outcomes of one column ``x``."""
    eids = np.array([f"{i:04d}" for i in range(len(column))])
    people = pd.DataFrame({"eid": eids, "x": column})
    inputs = Inputs("all", {}, people, assembled([], [], eids), categories=categories)
    rows = np.arange(len(column))
    return outcomes(inputs, rows, rules=rules or Rules(), taken=taken)


def one(column, **options):
    (found,) = made(column, **options)
    return found


def rng():
    return np.random.default_rng(0)


def test_numbers_are_linear():
    found = one(rng().normal(size=N))
    assert (found.kind, found.reason) == ("linear", "")


def test_too_few_numbers_are_dropped_and_said():
    values = np.where(np.arange(N) < 499, rng().normal(size=N), np.nan)
    assert one(values).reason == "fewer than 500 people have a value"
    values[499] = 0.0
    assert one(values).kind == "linear"
    assert one(values[:30], rules=Rules(min_people=20)).kind == "linear"


def test_twenty_whole_numbers_are_continuous_and_nineteen_ordered():
    assert one(np.arange(N) % 20.0).kind == "linear"
    found = one(np.arange(N) % 19.0)
    assert found.kind == "ordered"
    assert len(found.levels) == 19


def test_rare_whole_numbers_are_left_out():
    values = np.repeat([0.0, 1.0, 2.0, 3.0], [500, 400, 91, 9])
    found = one(values)
    assert found.levels == ("0", "1", "2")
    assert np.isnan(found.values[values == 3]).all()
    assert np.isfinite(found.values).sum() == 991
    two = one(np.repeat([0.0, 1.0, 2.0], [900, 91, 9]))
    assert (two.kind, two.levels) == ("binary", ("0", "1"))
    assert one(np.repeat([0.0, 1.0], [991, 9])).reason.startswith("fewer than two")


def test_a_fifth_with_one_value_gives_three_bins():
    values = rng().gamma(2.0, size=N)
    values[:199] = 0.0
    assert one(values).kind == "linear"
    values[:200] = 0.0
    found = one(values)
    assert found.kind == "ordered"
    np.testing.assert_array_equal(np.unique(found.values), [0, 1, 2])


def test_two_numbers_that_are_not_whole_are_binary():
    found = one(np.where(np.arange(N) < 300, 0.5, 1.5))
    assert (found.kind, found.levels) == ("binary", ("0.5", "1.5"))
    np.testing.assert_array_equal(found.values, np.arange(N) >= 300)


@pytest.mark.parametrize(
    ("values", "sizes"),
    [
        (np.arange(300.0), [100, 100, 100]),
        (np.r_[np.zeros(200), np.arange(1.0, 101)], [200, 50, 50]),
        (np.r_[np.full(200, 999.0), np.arange(100.0)], [50, 50, 200]),
        (np.r_[np.arange(60.0), np.full(180, 500.0), 600 + np.arange(60.0)],
         [60, 180, 60]),
    ],
)  # fmt: skip
def test_bins_are_phesants(values, sizes):
    codes, _ = three_bins(values)
    assert np.bincount(codes.astype(int), minlength=3).tolist() == sizes


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-5, 5) | st.none(), min_size=3, max_size=60))
def test_bins_keep_the_order_and_what_is_missing(cells):
    values = np.array([np.nan if cell is None else cell for cell in cells], float)
    if len(np.unique(values[np.isfinite(values)])) < 3:
        return
    codes, _ = three_bins(values)
    np.testing.assert_array_equal(np.isnan(codes), np.isnan(values))
    order = np.argsort(values)
    there = codes[order][np.isfinite(values[order])]
    assert np.all(np.diff(there) >= 0)
    for value in np.unique(values[np.isfinite(values)]):
        assert len(set(codes[values == value])) == 1


def test_bins_too_small_become_two():
    values = np.r_[np.zeros(995), np.linspace(0.1, 9.9, 9)]
    assert one(values).kind == ""  # all above do not make ten
    values = np.r_[np.full(5, 0.1), np.full(900, 0.5), np.linspace(1, 9, 100)]
    found = one(values)
    assert found.kind == "binary"
    assert np.bincount(found.values.astype(int)).tolist() == [905, 100]


def test_texts_are_unordered_with_the_commonest_as_reference():
    cells = np.repeat(["b", "a", "c", "rare"], [300, 500, 191, 9])
    found = one(cells)
    assert found.kind == "multinomial"
    assert found.levels == ("a", "b", "c")
    np.testing.assert_array_equal(found.values[[0, 300, 900]], [1, 0, 2])
    assert np.isnan(found.values[-1])


def test_categories_written_as_numbers_are_no_numbers():
    cells = np.repeat([11025.0, 11026.0, 11027.0], [400, 300, 300])
    found = one(cells, categories=("x",))
    assert found.kind == "multinomial"
    assert found.levels == ("11025", "11026", "11027")


def test_categories_in_order_are_ordered():
    steps = pd.CategoricalDtype(["never", "some", "daily"], ordered=True)
    column = pd.Series(np.repeat(["daily", "never", "some"], [300, 300, 400]))
    found = one(column.astype(steps))
    assert (found.kind, found.levels) == ("ordered", ("never", "some", "daily"))
    assert found.values[0] == 2


def test_yes_and_no_are_binary():
    found = one(np.arange(N) % 3 == 0)
    assert (found.kind, found.levels) == ("binary", ("0", "1"))
    assert one(np.repeat(["no", "yes"], [600, 400])).kind == "binary"


def test_choices_are_one_outcome_each_among_who_chose():
    cells = pd.Series(np.repeat(["tea|coffee", "tea", "water"], [300, 400, 300]))
    cells[:50] = None
    found = made(cells)
    assert [outcome.outcome for outcome in found] == ["x#coffee", "x#tea", "x#water"]
    assert {outcome.kind for outcome in found} == {"binary"}
    coffee, tea, _ = (outcome.values for outcome in found)
    assert (np.nansum(coffee), np.nansum(tea)) == (250, 650)
    assert np.isnan(coffee[:50]).all()
    assert np.isfinite(coffee[50:]).all()


def test_what_gets_no_model_says_why():
    assert one(np.full(N, np.nan)).reason == "nobody has a value"
    assert one(np.zeros(N), taken=("x",)).reason == "it is a covariate"
    dates = pd.Series(pd.date_range("2020-01-01", periods=N))
    assert one(dates).reason == "it is a date"
    many = np.char.add("c", (np.arange(N) % 60).astype(str))
    assert one(many).reason == "more than 50 categories"
    assert one(np.repeat(["a", "b"], [995, 5])).reason.startswith("fewer than two")
    few = np.repeat(["a", "b", "c"], 30)
    assert one(few).reason == "fewer than 500 people have a value"
