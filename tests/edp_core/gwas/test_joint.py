"""The joint test is the F-test of a regression on all axes."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from small_bases import genotypes, make_basis
from statsmodels.multivariate.multivariate_ols import _MultivariateOLS

from edp_core.errors import InputError
from edp_core.gwas.joint import joint
from edp_core.gwas.preview import preview

PEOPLE, VARIANTS, AXES = 300, 40, 6


@pytest.fixture(scope="module")
def made() -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    counts = genotypes(rng, people=PEOPLE, variants=VARIANTS)
    vectors = rng.normal(5, 1, (PEOPLE, AXES)) @ rng.normal(size=(AXES, AXES))
    vectors[:, 0] += 0.5 * counts[0]
    vectors[:, 1] += 5 * counts[1]
    covariates = {
        "age": rng.uniform(40, 70, PEOPLE),
        "centre": np.eye(3)[rng.integers(0, 3, PEOPLE)][:, 1:],
    }
    return counts, vectors, covariates


def f_test(count: np.ndarray, vectors: np.ndarray, design: np.ndarray) -> float:
    """−log10 p of statsmodels' F that the axes add nothing to the covariates."""
    small = sm.add_constant(design)
    full = sm.OLS(count, np.hstack([small, vectors])).fit()
    _, p, _ = full.compare_f_test(sm.OLS(count, small).fit())
    return -np.log10(p)


@pytest.mark.parametrize("names", [(), ("age",), ("age", "centre")])
def test_against_statsmodels(made, names: tuple[str, ...]) -> None:
    counts, vectors, covariates = made
    found = joint(make_basis(counts, vectors, covariates), covariates=names)
    parts = [covariates[name].reshape(PEOPLE, -1) for name in names]
    design = np.hstack([np.zeros((PEOPLE, 0)), *parts])
    expected = [
        f_test(count, vectors, design)
        if names
        else -np.log10(sm.OLS(count, sm.add_constant(vectors)).fit().f_pvalue)
        for count in counts
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert found[1] > 30


def test_it_is_wilks_lambda_of_the_axes_on_the_variant(made) -> None:
    counts, vectors, covariates = made
    found = joint(make_basis(counts, vectors, covariates), covariates=["age"])
    for i in (0, 2, 3):
        design = sm.add_constant(np.column_stack([covariates["age"], counts[i]]))
        tests = _MultivariateOLS(vectors, design).fit().mv_test()
        p = tests.results["x2"]["stat"].loc["Wilks' lambda", "Pr > F"]
        assert found[i] == pytest.approx(-np.log10(p), rel=1e-5)


def test_any_linear_change_of_the_axes_changes_nothing(made) -> None:
    counts, vectors, covariates = made
    rng = np.random.default_rng(1)
    turned = vectors @ rng.normal(size=(AXES, AXES)) - 3
    one = joint(make_basis(counts, vectors, covariates), covariates=["age"])
    other = joint(make_basis(counts, turned, covariates), covariates=["age"])
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_one_axis_has_the_preview_of_that_axis(made) -> None:
    counts, vectors, covariates = made
    basis = make_basis(counts, vectors[:, :1], covariates)
    alone = preview(basis, vectors[:, 0], covariates=["age", "centre"])
    found = joint(basis, covariates=["age", "centre"])
    np.testing.assert_allclose(found, alone.log10p, rtol=1e-4, atol=1e-6)


def test_an_axis_that_is_a_covariate_takes_no_degree_of_freedom(made) -> None:
    counts, vectors, covariates = made
    extra = np.column_stack([vectors[:, :3], covariates["age"]])
    one = joint(make_basis(counts, extra, covariates), covariates=["age"])
    other = joint(make_basis(counts, vectors[:, :3], covariates), covariates=["age"])
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_under_no_effect_p_is_uniform() -> None:
    rng = np.random.default_rng(5)
    counts = genotypes(rng, people=200, variants=2000)
    basis = make_basis(counts, rng.standard_t(4, (200, 20)), {})
    p = 10 ** -joint(basis, covariates=[])
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_what_cannot_be_tested_is_refused_or_missing(made) -> None:
    counts, vectors, _ = made
    whole = {"all": vectors, "twice": 2 * counts[4]}
    basis = make_basis(counts, vectors, whole)
    with pytest.raises(InputError, match="explain all axes"):
        joint(basis, covariates=["all"])
    with pytest.raises(InputError, match="bmi"):
        joint(basis, covariates=["bmi"])
    found = joint(basis, covariates=["twice"])
    assert np.flatnonzero(np.isnan(found)).tolist() == [4]
    few = make_basis(counts[:, :7], vectors[:7], {})
    with pytest.raises(InputError, match="7 people are too few for 6 axes"):
        joint(few, covariates=[])
