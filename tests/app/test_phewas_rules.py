"""What of a PheWAS is told: no few people, in no count and in no SE."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.phewas.rules import HIDDEN, disclosed
from app.phewas.told import (
    FEW_VALUES,
    People,
    levels_of,
    log10p_scaled,
    people_told,
    told,
)
from edp_core.inputs import Inputs
from edp_core.people.phenome import ICD, ICD3, Phenome, stacked
from edp_core.phewas.fields import Rules
from edp_core.phewas.scan import phewas

N, LEAST = 600, 5
RULES = Rules(min_cases=5, min_people=50)


def some(count: int, seed: int, n: int = N) -> np.ndarray:
    """So many people drawn at random, as flags."""
    flags = np.zeros(n, bool)
    flags[np.random.default_rng(seed).permutation(n)[:count]] = True
    return flags


def study(
    cases: dict[str, np.ndarray],
    *,
    excluded: dict[str, np.ndarray] | None = None,
    within: tuple[tuple[str, str], ...] = (),
    **columns: object,
) -> Inputs:
    """Participants with columns and traits of random people."""
    codes, sets = sorted(cases), excluded or {}
    named = sorted(sets)
    starts, rows = stacked([np.flatnonzero(cases[code]) for code in codes])
    out_starts, out_rows = stacked([np.flatnonzero(sets[code]) for code in named])
    traits = pd.DataFrame(
        {
            "code": codes,
            "name": [f"name of {code}" for code in codes],
            "chapter": "XI Diseases of the digestive system",
            "vocabulary": [ICD3 if len(code) == 3 else ICD for code in codes],
            "sex": "",
            "exclusion": [named.index(c) if c in sets else -1 for c in codes],
            "n_cases": [int(cases[code].sum()) for code in codes],
        }
    )
    pairs = [[codes.index(part), codes.index(whole)] for part, whole in within]
    eids = np.array([f"p{i:04d}" for i in range(N)])
    phenome = Phenome(
        eids, traits, starts, rows, out_starts, out_rows,
        within=np.array(pairs, np.int32).reshape(-1, 2),
    )  # fmt: skip
    people = pd.DataFrame({"eid": eids, **columns})
    texts = tuple(c for c in people if c != "eid" and people[c].dtype == object)
    return Inputs("everyone", {}, people, phenome, categories=texts)


def score(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=N)


def shown(inputs: Inputs, people: People) -> pd.DataFrame:
    """The PheWAS as it is told, by outcome."""
    raw = phewas(
        np.where(people.counted, people.values, np.nan), inputs, covariates=(),
        min_cases=RULES.min_cases, min_people=RULES.min_people,
    )  # fmt: skip
    table = disclosed(raw, inputs, people, rules=RULES, threshold=LEAST)
    return table.set_index("outcome")


def everybody(values: np.ndarray, **more: object) -> People:
    return replace(People(values, np.isfinite(values), []), **more)


def without(count: int, seed: int, of: np.ndarray) -> np.ndarray:
    """Who counts, when so many of some people lack a covariate."""
    counted = np.ones(N, bool)
    counted[np.random.default_rng(seed).permutation(np.flatnonzero(of))[:count]] = False
    return counted


# ---- numbers told ----------------------------------------------------------------
@given(
    st.integers(0, 3000),
    st.lists(st.integers(0, 3000), min_size=1, max_size=4),
    st.integers(5, 20),
)
def test_a_told_count_is_never_more_and_never_near_a_larger_known_one(n, known, least):
    said = int(told(np.array([n]), np.array([known]), least)[0])
    assert said <= n
    gaps = [k - n for k in known]
    if all(g == 0 or abs(g) >= least for g in gaps):
        assert said == n
    if any(0 < g < least for g in gaps):
        nearest = min(k for k, g in zip(known, gaps, strict=True) if 0 < g < least)
        assert said <= nearest - least


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_the_same_is_told_however_few_lack_a_covariate(lost):
    assert told(np.array([40 - lost]), np.array([[40]]), LEAST)[0] == 35
    assert told(np.array([40 + lost]), np.array([[40]]), LEAST)[0] == 40


def test_z_is_scaled_in_log_space():
    z, factor = np.array([0.3, 2.0, 9.0, 60.0]), np.array([1.0, 1.5, 1.1, 1.2])
    before = -(stats.norm.logsf(z) + np.log(2)) / np.log(10)
    after = -(stats.norm.logsf(z / factor) + np.log(2)) / np.log(10)
    assert np.allclose(log10p_scaled(before, factor), after, rtol=1e-9)
    assert log10p_scaled(np.array([0.0, np.inf]), np.array([2.0, 2.0])).tolist() == [
        0.0, np.inf,
    ]  # fmt: skip


# ---- codes -----------------------------------------------------------------------
def test_numbers_nobody_could_subtract_are_exact_and_so_are_the_figures():
    cases = {"I10": some(150, 1), "K76": some(60, 2), "J45": some(31, 3)}
    inputs, values = study(cases), score()
    table = shown(inputs, everybody(values))
    raw = phewas(values, inputs, covariates=(), min_cases=5).set_index("outcome")
    assert set(table.index) == set(cases)
    for code, flags in cases.items():
        row = table.loc[code]
        assert (row["n"], row["n_cases"], row["n_controls"]) == (
            N, flags.sum(), N - flags.sum(),
        )  # fmt: skip
        assert not row["coarse"]
        for name in ("beta", "se", "low", "high", "log10p"):
            assert row[name] == pytest.approx(raw.loc[code, name], rel=6e-3)
        assert row["or_low"] == pytest.approx(np.exp(raw.loc[code, "low"]), rel=6e-3)


@pytest.mark.parametrize("lost", [1, 3, 4])
def test_few_cases_without_a_covariate_follow_neither_from_n_nor_from_se(lost):
    flags, values = some(40, 5), score()
    counted = without(lost, 6, flags) & without(60, 7, ~flags)
    people = People(values, counted, [np.ones(N, bool)])
    inputs = study({"K76": flags})
    row = shown(inputs, people).loc["K76"]
    assert row["n_cases"] == 35, "the same, whether one lacks it or four"
    assert row["coarse"]
    raw = phewas(np.where(counted, values, np.nan), inputs, covariates=(), min_cases=5)
    true = raw.iloc[0]
    assert row["se"] > true["se"] and row["log10p"] <= true["log10p"]
    assert row["low"] < true["low"] and row["high"] > true["high"]
    # what an SE says of N is what is told of N, not what there is
    unit = [
        s**2 * n1 * n0 / (n1 + n0)
        for s, n1, n0 in (
            (row["se"], row["n_cases"], row["n_controls"]),
            (true["se"], true["n_cases"], true["n_controls"]),
        )
    ]
    assert unit[0] == pytest.approx(unit[1], rel=0.01)
    z = row["beta"] / row["se"]
    assert 10 ** -row["log10p"] == pytest.approx(2 * stats.norm.sf(abs(z)), abs=0.02)


def test_rare_codes_and_those_shown_nowhere_have_no_row():
    cases = {"A00": some(4, 1), "B00": some(1, 2), "I10": some(90, 3)}
    inputs, values = study(cases | {"J45": some(50, 4)}), score()
    assert set(shown(inputs, everybody(values)).index) == {"I10", "J45"}
    listed = everybody(values, listed=frozenset({"J45"}))
    assert set(shown(inputs, listed).index) == {"J45"}


def test_codes_few_people_tell_apart_are_not_both_shown():
    narrow = some(80, 1)
    wide = narrow | some(3, 2)
    far = narrow | some(40, 3)
    pairs = (("K760", "K76"),)
    values = score()
    near = shown(study({"K76": wide, "K760": narrow}, within=pairs), everybody(values))
    assert list(near.index) == ["K760"]
    both = shown(study({"K76": far, "K760": narrow}, within=pairs), everybody(values))
    assert set(both.index) == {"K76", "K760"}


def test_codes_that_come_near_only_among_those_who_count_are_not_both_shown():
    narrow = some(80, 1)
    rest = some(30, 3) & ~narrow
    counted = without(int(rest.sum()) - 2, 4, rest)
    people = People(score(), counted, [np.ones(N, bool)])
    inputs = study({"K76": narrow | rest, "K760": narrow}, within=(("K760", "K76"),))
    assert list(shown(inputs, people).index) == ["K760"]


def test_who_is_neither_case_nor_control_cannot_be_counted():
    cases = some(60, 1)
    excluded = some(33, 2) & ~cases
    inputs = study({"K76": cases}, excluded={"K76": excluded})
    row = shown(inputs, everybody(score())).loc["K76"]
    exact = N - int(cases.sum()) - int(excluded.sum())
    assert row["n_cases"] == cases.sum()
    assert (row["n_controls"] + row["n_cases"]) % (2 * LEAST) == 0
    assert abs(row["n_controls"] - exact) <= LEAST
    assert row["n"] == row["n_cases"] + row["n_controls"]


# ---- phenotypes of a few values --------------------------------------------------
@pytest.mark.parametrize(
    ("both", "there"), [(0, True), (2, False), (4, False), (5, True)]
)
def test_a_code_as_phenotype_shows_no_table_with_a_small_cell(both, there):
    has = some(100, 1)
    inside, outside = np.flatnonzero(has), np.flatnonzero(~has)
    flags = np.zeros(N, bool)
    flags[inside[:both]] = True
    flags[outside[:60]] = True
    inputs = study({"K76": flags})
    table = shown(inputs, everybody(has.astype(float)))
    assert ("K76" in table.index) is there


def test_a_code_as_phenotype_hides_a_level_with_a_small_cell():
    has = some(100, 1)
    sex = np.where(np.arange(N) < 300, "F", "M").astype(object)
    few = sex.copy()
    few[np.flatnonzero(has)[3:]] = "F"
    few[np.flatnonzero(~has)[:200]] = "M"
    few[np.flatnonzero(has)[:3]] = "M"
    inputs = study({"I10": has}, sex=sex, few=few)
    table = shown(inputs, everybody(has.astype(float)))
    assert table.loc["few", "reason"] == HIDDEN
    counts = table.loc["few", ["n", "n_cases", "n_controls", "beta", "se", "log10p"]]
    assert counts.isna().all()
    assert table.loc["sex", "n_cases"] == 300


def test_values_are_taken_together_until_each_holds_enough():
    values = np.repeat([0.0, 1, 2, 3], [300, 200, 98, 2])
    groups = levels_of(values, np.ones(N, bool), LEAST)
    assert [len(group) for group in groups] == [300, 200, 100]
    assert levels_of(score(), np.ones(N, bool), LEAST) == []
    many = np.arange(N) % (FEW_VALUES + 1)
    assert levels_of(many.astype(float), np.ones(N, bool), LEAST) == []


# ---- fields ----------------------------------------------------------------------
def test_a_few_missing_cells_cannot_be_counted():
    bmi = np.random.default_rng(1).normal(27, 4, N)
    some_missing, many = bmi.copy(), bmi.copy()
    some_missing[:3] = np.nan
    many[:40] = np.nan
    inputs = study({"I10": some(90, 3)}, bmi=bmi, one=some_missing, other=many)
    table = shown(inputs, everybody(score()))
    assert table.loc["bmi", "n"] == N
    assert table.loc["other", "n"] == N - 40
    assert table.loc["one", "n"] == N - LEAST and table.loc["one", "coarse"]
    assert table.loc["bmi", "n_cases"] is pd.NA, "a number has no cases"
    assert table.loc["bmi", "reason"] == ""


def test_levels_do_not_add_up_to_a_few_people():
    centre = np.repeat(["a", "b", "c", "d"], [300, 200, 98, 2]).astype(object)
    centre = np.random.default_rng(2).permutation(centre)
    table = shown(study({}, centre=centre), everybody(score()))
    levels = table[table.index.str.startswith("centre#")]
    assert set(levels.index) == {"centre#b", "centre#c"}, "d has too few to be a level"
    assert table.loc["centre", "n"] == N - LEAST, "598 of 600 would tell of the two"
    assert levels["n_controls"].tolist() == [300, 300]
    assert levels["n_cases"].tolist() == [200, 90]
    assert not table.loc[levels.index, "tested"].any()
    assert table.loc["centre", "tested"]


def test_people_are_told_coarsely_where_others_stand_beside_them():
    values = score()
    counted = without(2, 1, np.ones(N, bool))
    assert people_told(People(values, counted, []), LEAST) == N - LEAST
    assert people_told(People(values, counted, [counted]), LEAST) == N - LEAST
    rounded = People(values, counted, [], coarse=True)
    assert people_told(rounded, LEAST) == 590


# ---- q ---------------------------------------------------------------------------
def test_q_is_of_the_tests_that_are_shown_and_levels_are_none():
    rng = np.random.default_rng(3)
    cases = {f"A{i:02d}": some(40 + i, i) for i in range(30)} | {"B00": some(3, 99)}
    centre = rng.choice(["a", "b", "c"], N).astype(object)
    table = shown(study(cases, centre=centre), everybody(score()))
    tests = table[table["tested"]]
    p = 10 ** -tests["log10p"].to_numpy(float)
    q = stats.false_discovery_control(p)
    assert np.allclose(10 ** -tests["log10q"].to_numpy(float), q)
    assert table.loc[~table["tested"], "log10q"].isna().all()
    assert len(tests) == 31


def test_what_made_the_phenotype_lets_no_other_code_through():
    """Ten circular findings would let ten times the p through for everything else."""
    cases = {f"A{i:02d}": some(40 + i, i) for i in range(30)}
    values = score()
    made = {f"B{i:02d}": (values > 1.0) & some(500, 50 + i) for i in range(10)}
    inputs, people = study(cases | made), everybody(values)
    raw = phewas(
        values, inputs, covariates=(),
        min_cases=RULES.min_cases, min_people=RULES.min_people,
    )  # fmt: skip
    table = disclosed(
        raw, inputs, people, rules=RULES, threshold=LEAST, circular=frozenset(made)
    ).set_index("outcome")
    assert table["tested"].all(), "circular ones are drawn and listed"
    circular = table.index.isin(list(made))
    assert circular.sum() > 5
    assert table.loc[circular, "log10q"].isna().all()
    p = 10 ** -table.loc[~circular, "log10p"].to_numpy(float)
    q = 10 ** -table.loc[~circular, "log10q"].to_numpy(float)
    assert np.allclose(q, stats.false_discovery_control(p))
    everything = shown(inputs, people).loc[~circular, "log10q"].to_numpy(float)
    assert (10**-everything < q).any(), "they would have counted"


def test_fields_are_told_coarsely_where_the_number_of_people_is():
    """Their N would tell who does not count for the code, beside another phenotype."""
    neither = some(3, 4)
    values = np.where(neither, np.nan, score())
    height = np.where(some(33, 5) & ~neither, np.nan, score(2))
    sport = np.where(some(41, 6) & ~neither, None, np.where(some(300, 7), "y", "n"))
    inputs = study({"A00": some(60, 1)}, height=height, sport=sport)
    people = People(values, np.isfinite(values), [], coarse=True)
    table = shown(inputs, people)
    for name in ("height", "sport"):
        counted = np.isfinite(values) & inputs.participants[name].notna().to_numpy()
        n = int(counted.sum())
        assert n % 10, "the seeds give a number that is not round"
        assert table.loc[name, "coarse"]
        assert 0 <= n - table.loc[name, "n"] <= 20
        for count in ("n", "n_cases", "n_controls"):
            value = table.loc[name, count]
            assert pd.isna(value) or value % 10 == 0


@pytest.mark.parametrize("apart", [0, 3, 40])
def test_fields_few_people_tell_from_a_code_or_a_field_are_hidden(apart):
    """What people say of themselves beside a code, and one sex beside the other."""
    ill, sex = some(90, 1), np.where(some(300, 2), "F", "M").astype(object)
    reported, genetic = ill.astype(float), sex.copy()
    reported[np.flatnonzero(~ill)[:apart]] = 1
    genetic[np.flatnonzero(sex == "F")[:apart]] = "M"
    inputs = study({"A00": ill}, sex=sex, genetic_sex=genetic, reported=reported)
    table = shown(inputs, everybody(score()))
    assert table.loc["A00", "n_cases"] == 90 and table.loc["sex", "n_cases"] == 300
    for name in ("genetic_sex", "reported"):
        row = table.loc[name, ["n", "n_cases", "n_controls", "or_", "se", "log10p"]]
        assert row.isna().all() if apart == 3 else row.notna().all()
