"""The preview is least squares where it says so, and tells how near it is elsewhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats
from small_bases import (
    AXES,
    PEOPLE,
    VARIANTS,
    World,
    genotypes,
    make_basis,
    ordinary,
)

from edp_core.gwas.basis import Basis
from edp_core.gwas.preview import Live, preview
from edp_core.stats.regression import residualise


@pytest.fixture(scope="module")
def world() -> World:
    return World()


SUBSETS = [(), ("sex",), ("age", "age2", "centre"), ("age", "age2", "centre", "sex")]


@pytest.mark.parametrize("covariates", SUBSETS)
def test_a_linear_score_has_the_least_squares_of_any_subset(
    world: World, covariates: tuple[str, ...]
) -> None:
    values = world.vectors @ np.linspace(-1, 1, AXES) + 5
    found = preview(world.basis, values, covariates=covariates)
    beta, se = ordinary(world.counts, values, world.design(*covariates))
    np.testing.assert_allclose(found.beta, beta, atol=2e-6 * se.max())
    np.testing.assert_allclose(found.se, se, rtol=1e-6)
    p = 2 * stats.t.sf(np.abs(beta / se), found.df)
    np.testing.assert_allclose(found.log10p, -np.log10(p), rtol=1e-5, atol=3e-6)
    assert found.r2 == pytest.approx(1, abs=1e-10)
    assert found.covariates == covariates
    columns = world.design(*covariates).shape[1]
    assert (found.n, found.df) == (PEOPLE, PEOPLE - columns - 2)
    assert not found.exact and not found.on_unit and found.n_filled == 0


def test_the_score_may_be_linear_in_covariates_too(world: World) -> None:
    values = world.vectors[:, 2] + 0.3 * world.columns["age"]
    found = preview(world.basis, values, covariates=["sex"])
    beta, se = ordinary(world.counts, values, world.design("sex"))
    np.testing.assert_allclose(found.beta / se, beta / se, atol=1e-5)
    assert found.r2 == pytest.approx(1, abs=1e-10)


def test_units_and_signs_of_the_score_pass_through(world: World) -> None:
    values = world.vectors @ np.arange(AXES)
    one = preview(world.basis, values, covariates=["sex", "age"])
    other = preview(world.basis, 7 - 1e-5 * values, covariates=["age", "sex"])
    np.testing.assert_allclose(other.beta, -1e-5 * one.beta, rtol=1e-4)
    np.testing.assert_allclose(other.se, 1e-5 * one.se, rtol=1e-9)
    np.testing.assert_allclose(other.log10p, one.log10p, rtol=1e-4, atol=1e-6)


def test_r2_is_what_least_squares_on_everything_kept_says(world: World) -> None:
    values = np.exp(world.vectors[:, 0] / 3) + world.rng.normal(size=PEOPLE)
    found = preview(world.basis, values, covariates=["sex"])
    after, _ = residualise(values, world.design("sex"))
    everything = world.design("age", "age2", "centre", "sex")
    parts = [everything, world.basis.axes]
    if found.on_unit:
        parts.append(world.basis.unit)
    rest, _ = residualise(after, np.hstack(parts))
    assert found.r2 == pytest.approx(1 - rest @ rest / (after @ after), abs=1e-7)
    assert 0.3 < found.r2 < 0.99


def test_likeness_is_exact_on_the_unit_axes() -> None:
    world = World(seed=1)
    centred = world.vectors - world.vectors.mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    values = 1 - unit @ unit[7]  # 1 − cosine to one person
    found = preview(world.basis, values, covariates=["sex"])
    beta, se = ordinary(world.counts, values, world.design("sex"))
    assert found.on_unit and found.r2 == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(found.beta / se, beta / se, atol=2e-5)


def test_unit_axes_stay_out_where_they_bring_only_chance() -> None:
    world = World(seed=2, people=2000)
    values = world.vectors[:, 1] + world.rng.normal(0, 2, 2000)
    found = preview(world.basis, values, covariates=[])
    assert not found.on_unit and 0.4 < found.r2 < 0.6


def test_what_the_projection_loses_shrinks_chi2_under_no_effect_by_r2() -> None:
    rng = np.random.default_rng(3)
    counts = genotypes(rng, people=1000, variants=3000)
    vectors = rng.normal(size=(1000, 5))
    basis = make_basis(counts, vectors, {})
    values = vectors[:, 0] + rng.normal(0, 1, 1000)
    found = preview(basis, values, covariates=[])
    chi2 = np.square(found.beta / found.se)
    # mean of 3000 χ² of one degree of freedom: standard error √(2/3000)
    assert chi2.mean() == pytest.approx(found.r2, abs=5 * found.r2 * np.sqrt(2 / 3000))
    assert 0.4 < found.r2 < 0.6


def test_missing_values_take_the_mean_and_are_counted(world: World) -> None:
    values = world.vectors[:, 3].copy()
    values[[1, 50, 51]] = np.nan
    found = preview(world.basis, values, covariates=["sex"])
    filled = np.where(np.isnan(values), np.nanmean(values), values)
    other = preview(world.basis, filled, covariates=["sex"])
    assert (found.n_filled, other.n_filled, found.n) == (3, 0, PEOPLE)
    np.testing.assert_allclose(found.beta, other.beta, rtol=1e-6)


def test_collinear_covariates_count_once(world: World) -> None:
    columns = dict(world.columns)
    columns["again"] = 3 - 2 * columns["sex"]
    columns["constant"] = np.full(PEOPLE, 4.0)
    basis = make_basis(world.counts, world.vectors, columns)
    values = world.vectors[:, 0]
    one = preview(basis, values, covariates=["age", "sex"])
    other = preview(basis, values, covariates=["again", "age", "constant", "sex"])
    assert one.df == other.df == PEOPLE - 4
    np.testing.assert_allclose(one.beta, other.beta, rtol=1e-6)
    np.testing.assert_allclose(one.log10p, other.log10p, rtol=1e-5, atol=1e-6)


def test_a_variant_the_covariates_explain_is_not_tested(world: World) -> None:
    columns = {"twice": 2 * world.counts[3] + 1, "sex": world.columns["sex"]}
    basis = make_basis(world.counts, world.vectors, columns)
    found = preview(basis, world.vectors[:, 0], covariates=["twice"])
    missing = np.isnan(found.log10p)
    assert np.flatnonzero(missing).tolist() == [3]
    assert np.isnan(found.beta[3]) and np.isnan(found.se[3])
    assert np.isfinite(found.lambda_gc)
    free = preview(basis, world.vectors[:, 0], covariates=["sex"])
    assert np.isfinite(free.log10p).all()


def test_a_phenotype_that_is_the_variant_has_no_p(world: World) -> None:
    vectors = np.column_stack([world.counts[9], world.vectors[:, 1:3]])
    basis = make_basis(world.counts, vectors, {})
    found = preview(basis, world.counts[9], covariates=[])
    # what single precision leaves of the axes' products is all the residual there is
    assert found.log10p[9] > 1000
    assert found.beta[9] == pytest.approx(1, abs=1e-6)
    assert np.delete(found.log10p, 9).max() < 10


@pytest.mark.parametrize("condition", [1e2, 1e4, 1e6])
def test_axes_that_nearly_cancel_lose_no_digits(condition: float) -> None:
    rng = np.random.default_rng(4)
    counts = genotypes(rng, people=PEOPLE, variants=VARIANTS)
    common = rng.normal(size=(PEOPLE, 1)) * condition
    vectors = common + rng.normal(size=(PEOPLE, 3))
    basis = make_basis(counts, vectors, {"sex": rng.integers(0, 2, PEOPLE)})
    values = vectors[:, 0] - vectors[:, 1]  # the common part cancels
    found = preview(basis, values, covariates=["sex"])
    beta, se = ordinary(counts, values, basis.covariates)
    np.testing.assert_allclose(found.beta / se, beta / se, atol=1e-4)
    assert found.r2 > 1 - 1e-6


def test_a_basis_without_unit_axes_or_covariates_answers_still(world: World) -> None:
    basis = dataclasses.replace(
        make_basis(world.counts, world.vectors, {}),
        unit=np.zeros((PEOPLE, 0), np.float32),
        by_unit=np.zeros((VARIANTS, 0), np.float32),
    )
    values = world.vectors[:, 0] ** 2
    assert preview(basis, values, covariates=[]).r2 < 0.999


def test_a_live_basis_answers_as_a_fresh_one(world: World) -> None:
    live = Live(world.basis)
    for covariates in (*SUBSETS, *SUBSETS):
        values = world.rng.normal(size=PEOPLE)
        kept = live.preview(values, covariates=covariates)
        fresh = preview(world.basis, values, covariates=covariates)
        np.testing.assert_array_equal(kept.log10p, fresh.log10p)
        assert kept.r2 == fresh.r2


def test_products_may_lie_in_a_file(world: World, tmp_path: object) -> None:
    file = f"{tmp_path}/by_axes.npy"
    np.save(file, world.basis.by_axes)
    mapped: Basis = dataclasses.replace(
        world.basis, by_axes=np.load(file, mmap_mode="r")
    )
    values = world.vectors[:, 0]
    one = preview(mapped, values, covariates=["sex"])
    other = preview(world.basis, values, covariates=["sex"])
    np.testing.assert_array_equal(one.log10p, other.log10p)


def test_hundreds_of_axes_in_single_precision_keep_the_digits() -> None:
    rng = np.random.default_rng(6)
    counts = genotypes(rng, people=1500, variants=80)
    vectors = rng.standard_t(3, (1500, 384)) @ rng.normal(size=(384, 384))
    design = rng.normal(size=(1500, 16))
    basis = make_basis(counts, vectors, {"all": design})
    values = vectors @ rng.normal(size=384) + 200 * counts[0]
    found = preview(basis, values, covariates=["all"])
    projected = basis.axes.astype(float)
    known, _ = residualise(values, np.hstack([design, projected]))
    beta, se = ordinary(counts, values - known, design)
    assert found.r2 < 1 - 1e-3  # the planted variant is no part of the axes
    np.testing.assert_allclose(found.beta, beta, atol=1e-5 * se.max())
