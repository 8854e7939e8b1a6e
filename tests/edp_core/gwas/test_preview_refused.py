"""What a preview refuses, how values meet people, and how few people are enough."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bases import PEOPLE, World, genotypes, make_basis, ordinary

from edp_core.errors import AlignmentError, InputError
from edp_core.gwas.preview import align, preview


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_align_brings_values_into_the_order_of_the_people(world: World) -> None:
    eids = world.basis.eids
    shuffled = world.rng.permutation(PEOPLE)[:300]
    values = np.arange(PEOPLE, dtype=float)
    names = np.concatenate([eids[shuffled], ["someone", "else"]])
    given_values = np.concatenate([values[shuffled], [1.0, 2.0]])
    found = align(world.basis, names, given_values)
    there = np.zeros(PEOPLE, bool)
    there[shuffled] = True
    np.testing.assert_array_equal(found[there], values[there])
    assert np.isnan(found[~there]).all()


def test_align_refuses_what_does_not_meet(world: World) -> None:
    with pytest.raises(AlignmentError, match="none of 2 participants"):
        align(world.basis, ["a", "b"], [1.0, 2.0])
    with pytest.raises(AlignmentError, match="none of 0"):
        align(world.basis, [], [])
    with pytest.raises(AlignmentError, match="1 ids come more than once"):
        align(world.basis, ["p000001", "p000001"], [1.0, 2.0])
    with pytest.raises(InputError, match="do not meet"):
        align(world.basis, ["p000001"], [1.0, 2.0])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.full(PEOPLE, 2.0), "fewer than two distinct"),
        (np.full(PEOPLE, 0.1) + 1e-16 * np.arange(PEOPLE), "fewer than two distinct"),
        (np.full(PEOPLE, np.nan), "fewer than two distinct"),
        (np.r_[1.0, np.full(PEOPLE - 1, np.nan)], "fewer than two distinct"),
        (np.r_[np.inf, np.zeros(PEOPLE - 1)], "infinite"),
        (np.zeros(3), "do not meet 400 people"),
        (np.zeros((PEOPLE, 2)), "do not meet 400 people"),
    ],
)
def test_phenotypes_that_cannot_be_tested_are_refused(
    world: World, values: np.ndarray, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        preview(world.basis, values, covariates=[])


def test_a_covariate_as_phenotype_is_refused_where_it_is_adjusted(world: World) -> None:
    age = world.columns["age"]
    with pytest.raises(InputError, match="explain the phenotype wholly"):
        preview(world.basis, 5 * age + 1, covariates=["sex", "age"])
    assert np.isfinite(preview(world.basis, age, covariates=["sex"]).log10p).all()


def test_an_unknown_covariate_is_named(world: World) -> None:
    with pytest.raises(InputError, match=r"bmi.*age, age2, centre, sex"):
        preview(world.basis, world.vectors[:, 0], covariates=["bmi", "age"])


@settings(max_examples=40, deadline=None)
@given(
    people=st.integers(3, 12),
    columns=st.integers(0, 8),
    missing=st.integers(0, 12),
    seed=st.integers(0, 10_000),
)
def test_few_people_are_tested_rightly_or_refused(
    people: int, columns: int, missing: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    counts = genotypes(rng, people=people, variants=4)
    vectors = rng.normal(size=(people, 2))
    covariates = {f"c{i}": rng.normal(size=people) for i in range(columns)}
    basis = make_basis(counts, vectors, covariates)
    values = vectors[:, 0].copy()
    values[rng.permutation(people)[:missing]] = np.nan
    try:
        found = preview(basis, values, covariates=list(covariates))
    except InputError:
        known = np.count_nonzero(~np.isnan(values))
        assert known < 2 or people - columns - 2 < 1
        return
    assert found.df == people - columns - 2 >= 1
    assert found.n_filled == min(missing, people)
    assert 0 <= found.r2 <= 1
    filled = np.where(np.isnan(values), np.nanmean(values), values)
    beta, se = ordinary(counts, filled, basis.covariates)
    sound = np.isfinite(found.log10p)
    assert (found.log10p[sound] >= 0).all()
    if missing == 0:
        ratio = np.abs(found.beta - beta)[sound] / se[sound]
        assert (ratio < 1e-2 * np.maximum(1, np.abs(beta / se)[sound])).all()
