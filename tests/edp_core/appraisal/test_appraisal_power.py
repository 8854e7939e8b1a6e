import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edp_core.appraisal.power import (
    effective_n,
    minimum_effects,
    power_for_effect,
    power_of,
)
from edp_core.errors import InputError


@given(st.floats(1e-12, 0.2), st.floats(0, 200))
def test_power_is_that_of_the_noncentral_chi_square(alpha, noncentrality):
    critical = stats.chi2.isf(alpha, 1)
    expected = stats.ncx2.sf(critical, 1, noncentrality) if noncentrality else alpha
    assert float(power_of(noncentrality, alpha=alpha)) == pytest.approx(
        expected, rel=1e-6, abs=1e-12
    )


@given(st.floats(1e-10, 0.1), st.floats(0.11, 0.999), st.integers(1000, 10**6))
def test_the_smallest_effect_has_exactly_the_power(alpha, power, n):
    table = minimum_effects(n, alpha=alpha, power=power)
    found = power_for_effect(table["beta"], table["frequency"], n=n, alpha=alpha)
    np.testing.assert_allclose(found, power, rtol=1e-8)
    share = 2 * table["frequency"] * (1 - table["frequency"]) * table["beta"] ** 2
    np.testing.assert_allclose(share, table["variance_explained"], rtol=1e-12)


def test_a_code_has_the_effect_of_its_effective_size():
    table = minimum_effects(45_714, n_cases=600)
    n_e = effective_n(600, 45_114)
    assert (table["n_effective"] == n_e).all()
    table = table.dropna(subset=["odds_ratio"])
    assert len(table) > 4
    f, beta = table["frequency"], np.log(table["odds_ratio"])
    critical = stats.chi2.isf(5e-8, 1)
    power = stats.ncx2.sf(critical, 1, 2 * f * (1 - f) * beta**2 * n_e / 4)
    np.testing.assert_allclose(power, 0.8, rtol=1e-7)
    assert minimum_effects(1000, n_cases=500)["n_effective"].iat[0] == 1000


def test_simulated_quantitative_traits_are_found_as_often():
    rng = np.random.default_rng(0)
    n, f, alpha = 800, 0.2, 1e-3
    beta = minimum_effects(n, frequencies=[f], alpha=alpha)["beta"].iat[0]
    g = rng.binomial(2, f, (n, 3000)).astype(float)
    rest = np.sqrt(1 - 2 * f * (1 - f) * beta**2)
    y = beta * g + rest * rng.normal(size=g.shape)
    g, y = g - g.mean(0), y - y.mean(0)
    r2 = (g * y).sum(0) ** 2 / ((g**2).sum(0) * (y**2).sum(0))
    p = stats.f.sf(r2 / (1 - r2) * (n - 2), 1, n - 2)
    assert np.mean(p < alpha) == pytest.approx(0.8, abs=0.03)


def test_simulated_codes_are_found_about_as_often():
    rng = np.random.default_rng(1)
    n, f, alpha, hits = 6000, 0.3, 1e-3, 0
    expected = minimum_effects(n, n_cases=600, frequencies=[f], alpha=alpha)
    beta = expected["beta"].iat[0]
    assert 1.2 < expected["odds_ratio"].iat[0] < 1.5
    for _ in range(300):
        # a case–control sample: genotypes of each group by its own frequency
        odds = f / (1 - f) * np.exp(beta)
        g = np.concatenate(
            [rng.binomial(2, odds / (1 + odds), 600), rng.binomial(2, f, n - 600)]
        )
        y = np.arange(n) < 600
        fit = sm.Logit(y, sm.add_constant(g.astype(float))).fit(disp=0)
        hits += fit.pvalues[1] < alpha
    assert hits / 300 == pytest.approx(0.8, abs=0.07)


def test_odds_ratios_outside_the_range_of_the_formula_are_left_out():
    table = minimum_effects(576, n_cases=54)
    assert table[["beta", "odds_ratio"]].isna().all(axis=None)
    assert table["reason"].str.contains("above 2").all()
    # the power of the formula's odds ratio is not what it promises
    rng, f, n_e = np.random.default_rng(0), 0.3, effective_n(54, 522)
    z = stats.norm.isf(2.5e-8) + stats.norm.ppf(0.8)
    odds = f / (1 - f) * np.exp(z * np.sqrt(4 / (2 * f * (1 - f) * n_e)))
    cases = rng.binomial(2, odds / (1 + odds), (4000, 54))
    others = rng.binomial(2, f, (4000, 522))
    g = np.concatenate([cases, others], axis=1).astype(float)
    y = np.arange(576) < 54
    r = ((g - g.mean(1, keepdims=True)) * (y - y.mean())).mean(1) / (g.std(1) * y.std())
    hits = np.mean(576 * r**2 > stats.chi2.isf(5e-8, 1))
    assert abs(hits - 0.8) > 0.05
    larger = minimum_effects(45_714, n_cases=600)
    told = larger["odds_ratio"].notna()
    assert told.any() and not told.all()
    assert (larger["odds_ratio"].dropna() <= 2).all()
    assert ((larger["reason"] == "") == told).all()
    assert (minimum_effects(576)["reason"] == "").all()


def test_rare_and_common_are_mirror_images_and_more_people_see_more():
    f = np.array([0.01, 0.99])
    few, many = (minimum_effects(n, frequencies=f) for n in (10_000, 45_714))
    assert few["beta"].iat[0] == pytest.approx(few["beta"].iat[1])
    assert (many["beta"] < few["beta"]).all()
    np.testing.assert_allclose(few["minor_alleles"], 200)
    assert float(power_for_effect(9.0, 0.5, n=100)) == 1.0
    assert float(power_for_effect(0.0, 0.5, n=100)) == pytest.approx(5e-8)


def test_refuses():
    with pytest.raises(InputError, match="2 allele frequencies"):
        minimum_effects(100, frequencies=[0, 0.5, np.nan])
    with pytest.raises(InputError, match="no cases, or no controls"):
        minimum_effects(100, n_cases=100)
    for level in ({"alpha": 0}, {"alpha": 0.9}, {"power": 1}):
        with pytest.raises(InputError, match="choose above"):
            minimum_effects(100, **level)
    with pytest.raises(InputError, match="at least 3"):
        minimum_effects(2)
