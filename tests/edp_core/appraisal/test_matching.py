"""Matched controls against a search through everybody, and what must always hold."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.appraisal.matching import NONE, balance, controls_of, matched
from edp_core.errors import InputError


def people(n, seed, *, whole_years=False):
    rng = np.random.default_rng(seed)
    age = rng.normal(60, 8, n)
    sex = rng.choice(np.array(["Female", "Male"], object), n)
    age[rng.random(n) < 0.05] = np.nan
    sex[rng.random(n) < 0.05] = None
    return rng, np.round(age) if whole_years else age, sex


def by_search(members, pool, *, age, sex, ratio, caliper_years, seed):
    """The same turns, but whoever is nearest is found by looking at everybody."""
    rng = np.random.default_rng(seed)
    chance = rng.random(len(members))
    rows = np.flatnonzero(members)
    pairs = np.full((len(rows), ratio), NONE)
    left = pool & ~members & ~np.isnan(age)
    for value in ("Female", "Male"):
        theirs = [i for i, r in enumerate(rows) if sex[r] == value]
        theirs = [i for i in theirs if not np.isnan(age[rows[i]])]
        if not theirs:
            continue
        for turn in range(ratio):
            for i in rng.permutation(theirs):
                year, younger = age[rows[i]], rng.random() < 0.5
                best, found = None, NONE
                for c in np.flatnonzero(left & (sex == value)):
                    away, older = abs(age[c] - year), age[c] >= year
                    # of equally near ones, and of those of one age, as chance says
                    rank = (away, older == younger, chance[c] if older else -chance[c])
                    if away <= caliper_years and (best is None or rank < best):
                        best, found = rank, c
                if found != NONE:
                    pairs[i, turn], left[found] = found, False
    return pairs


@pytest.mark.parametrize("seed", range(12))
def test_it_finds_whom_a_search_through_everybody_finds(seed):
    rng, age, sex = people(80, seed, whole_years=seed % 2 == 0)
    members, pool = rng.random(80) < 0.2, rng.random(80) < 0.8
    asked = {"age": age, "sex": sex, "ratio": 1 + seed % 3, "seed": seed}
    asked["caliper_years"] = [0.0, 1.0, 5.0][seed % 3]
    assert (matched(members, pool, **asked) == by_search(members, pool, **asked)).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(0, 20))
def test_what_always_holds(seed, ratio, caliper):
    rng, age, sex = people(60, seed)
    members, pool = rng.random(60) < 0.3, rng.random(60) < 0.7
    pairs = matched(
        members, pool, age=age, sex=sex, ratio=ratio, caliper_years=caliper, seed=seed
    )
    rows = np.repeat(np.flatnonzero(members), ratio)
    there = pairs.ravel() != NONE
    m, c = rows[there], pairs.ravel()[there]
    assert len(set(c)) == len(c)
    assert pool[c].all() and not members[c].any()
    assert (sex[m] == sex[c]).all()
    assert (np.abs(age[m] - age[c]) <= caliper).all()
    # nobody is without a control while one that would do is free
    free = pool & ~members
    free[c] = False
    lacking = np.flatnonzero(members)[(pairs == NONE).any(axis=1)]
    for row in lacking:
        if sex[row] is not None:
            fits = free & (sex == sex[row]) & (np.abs(age - age[row]) <= caliper)
            assert not fits.any()
    # a second control only once everybody had a turn for a first
    assert (np.diff((pairs != NONE).sum(axis=0)) <= 0).all()


def test_one_seed_gives_one_answer_and_another_another():
    _, age, sex = people(300, 1, whole_years=True)
    members = np.arange(300) < 60
    asked = {"age": age, "sex": sex, "caliper_years": 2.0}
    one = matched(members, ~members, **asked, seed=1)
    assert (one == matched(members, ~members, **asked, seed=1)).all()
    assert (one != matched(members, ~members, **asked, seed=2)).any()


def test_only_sex_or_only_age():
    age = np.array([50.0, 50, 51, 70])
    sex = ["a", "b", "a", "b"]
    members = np.array([True, False, False, False])
    pool = ~members
    assert matched(members, pool, age=age, sex=None)[0, 0] == 1
    assert matched(members, pool, age=None, sex=sex)[0, 0] == 2
    assert matched(members, pool, age=age, sex=sex)[0, 0] == 2
    # no bound on the difference: still nobody who is not there
    wide = matched(members, pool, age=age, sex=sex, ratio=3, caliper_years=np.inf)
    assert wide.tolist() == [[2, NONE, NONE]]


def test_balance_is_of_the_people_named():
    rng = np.random.default_rng(5)
    n = 4000
    sex = rng.choice(["Female", "Male"], n)
    age = rng.normal(60, 8, n)
    members = rng.random(n) < np.where(sex == "Male", 0.1, 0.02) * (age > 55)
    pairs = matched(members, ~members, age=age, sex=sex, ratio=2)
    table = balance(members, ~members, pairs, age=age, sex=sex).set_index("who")
    rows, weights = controls_of(pairs)
    expected = {
        "group": (age[members], sex[members], None),
        "pool": (age[~members], sex[~members], None),
        "controls": (age[rows], sex[rows], weights),
    }
    for who, (years, sexes, w) in expected.items():
        row = table.loc[who]
        assert row["n"] == len(years)
        assert row["age_mean"] == pytest.approx(np.average(years, weights=w))
        male = np.average(sexes == "Male", weights=w)
        assert row["share_Male"] == pytest.approx(male)
        assert row["share_Female"] == pytest.approx(1 - male)
        if w is None:
            assert row["age_sd"] == pytest.approx(np.std(years, ddof=1))
    assert abs(table["age_smd"]["pool"]) > 0.3
    assert abs(table["age_smd"]["controls"]) < 0.02
    assert table["share_Male"]["controls"] == pytest.approx(
        table["share_Male"]["matched group"]
    )


def test_members_with_fewer_controls_count_as_much():
    rows, weights = controls_of([[7, 3], [5, NONE], [NONE, NONE]])
    assert rows.tolist() == [3, 5, 7]
    assert weights.tolist() == [0.5, 1.0, 0.5]


def test_nothing_known_is_nan_and_nothing_else():
    members = np.array([True, False, False])
    pairs = matched(members, ~members, age=np.full(3, np.nan), sex=["a"] * 3)
    assert (pairs == NONE).all()
    table = balance(members, ~members, pairs, age=None, sex=pd.Series(["a", "", None]))
    assert table["n"].tolist() == [1, 2, 0, 0]
    assert table[["age_mean", "age_sd", "age_smd"]].isna().all().all()
    assert table["share_a"].isna().tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"age": None, "sex": None}, "neither age nor sex"),
        ({"ratio": 0}, "ratio = 0"),
        ({"caliper_years": -1.0}, "caliper_years = -1"),
        ({"caliper_years": np.nan}, "caliper_years = nan"),
        ({"age": [1.0, 2.0]}, "do not meet 3 people"),
        ({"age": [1.0, 2.0, np.inf]}, "infinite"),
        ({"sex": ["a"]}, "do not meet 3 people"),
        ({"pool": [True, False]}, "do not meet"),
        ({"pool": [1, 0, 1]}, "no flags"),
    ],
)
def test_what_cannot_be_matched_is_refused(change, said):
    asked = {
        "members": np.array([True, False, False]),
        "pool": np.array([False, True, True]),
        "age": [50.0, 51, 52],
        "sex": ["a", "a", "a"],
    } | change
    with pytest.raises(InputError, match=said):
        matched(asked.pop("members"), asked.pop("pool"), **asked)
