import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.special import betainc

from edp_core.errors import InputError
from edp_core.stats.regression import (
    _mixture_below,
    log10p_r2,
    noncentral_f_below,
    pearson,
    residualise,
    sweep_in,
)


def test_residuals_equal_statsmodels():
    rng = np.random.default_rng(0)
    y, x = rng.normal(size=(80, 3)) + 7, rng.normal(size=(80, 4)) * [1, 1e6, 1e-6, 3]
    rest, rank = residualise(y, x)
    fit = [sm.OLS(y[:, k], sm.add_constant(x)).fit().resid for k in range(3)]
    np.testing.assert_allclose(rest, np.stack(fit, axis=1), atol=1e-8)
    assert rank == 5
    np.testing.assert_allclose(residualise(y[:, 0], x)[0], rest[:, 0], atol=1e-13)


def test_collinear_and_constant_factors_do_no_harm():
    rng = np.random.default_rng(1)
    y, x = rng.normal(size=(60, 2)), rng.normal(size=(60, 2))
    more = np.column_stack([x, x @ [2.0, -1.0], np.full(60, 0.1), x[:, 0] * 1e-9])
    rest, rank = residualise(y, x)
    again, same = residualise(y, more)
    assert rank == same == 3
    np.testing.assert_allclose(again, rest, atol=1e-6)
    alone, one = residualise(y, np.empty((60, 0)))
    assert one == 1
    np.testing.assert_allclose(alone, y - y.mean(0), atol=1e-14)


def test_both_sides_residualised_give_the_coefficient_of_the_full_fit():
    rng = np.random.default_rng(2)
    x, covariates = rng.normal(size=90), rng.normal(size=(90, 3))
    y = 2 * x + covariates.sum(1) + rng.normal(size=90)
    full = sm.OLS(y, sm.add_constant(np.column_stack([x, covariates]))).fit()
    ry, rx = residualise(y, covariates)[0], residualise(x, covariates)[0]
    assert rx @ ry / (rx @ rx) == pytest.approx(full.params[1], rel=1e-12)


def test_pearson_equals_scipy_pairwise_complete():
    rng = np.random.default_rng(3)
    x = rng.normal(size=200)
    y = 0.3 * x + rng.normal(size=200)
    x[:5], y[3:9] = np.nan, np.nan
    peer = stats.pearsonr(x[9:], y[9:])
    found = pearson(x, y)
    assert found.n == 191
    assert found.r == pytest.approx(peer.statistic, abs=1e-14)
    assert found.log10p == pytest.approx(-np.log10(peer.pvalue), abs=1e-11)
    assert (found.low, found.high) == pytest.approx(
        peer.confidence_interval(), abs=1e-12
    )


def test_pearson_does_not_change_with_units():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 50))
    np.testing.assert_allclose(pearson(3e5 * x + 1e3, -y)[3], pearson(x, y)[3])
    assert pearson(x, -y).r == pytest.approx(-pearson(x, y).r)


def test_pearson_at_its_limits():
    x = np.arange(5.0)
    exact = pearson(x, 2 * x + 1)
    assert exact.r == pytest.approx(1) and exact.log10p > 20
    assert np.isnan(pearson(x, np.ones(5)).r) and pearson(x, np.ones(5)).n == 5
    few = pearson([1.0, 2, np.nan], [1.0, 2, 3])
    assert few.n == 2 and np.isnan(few.r)
    three = pearson([1.0, 2, 3], [1.0, 2, 0])
    assert np.isfinite(three.log10p) and np.isnan(three.low)


def test_log10p_deep_in_the_tail():
    # With two columns I_x(a, 1) = x^a exactly.
    for r2, df in ((0.5, 10_000), (0.01, 500_000), (0.999, 600)):
        expected = -df / 2 * np.log1p(-r2) / np.log(10)
        found = log10p_r2(r2, df_model=2, df_residual=df)
        assert found == pytest.approx(expected, rel=1e-10)
    # One column: the two branches meet.
    r2 = np.linspace(0.1175, 0.1195, 9)
    found = [log10p_r2(v, df_model=1, df_residual=10_200) for v in r2]
    plain = -np.log10(betainc(5100, 0.5, 1 - r2))
    np.testing.assert_allclose(found, plain, rtol=1e-10)
    assert min(found) < 280 < max(found)


def test_log10p_equals_the_f_test():
    f = 0.2 / 3 / (0.8 / 40)
    assert log10p_r2(0.2, df_model=3, df_residual=40) == pytest.approx(
        -np.log10(stats.f.sf(f, 3, 40))
    )
    zero = log10p_r2(0.0, df_model=3, df_residual=40)
    assert zero == 0 and not np.signbit(zero)
    assert log10p_r2(1.0, df_model=3, df_residual=40) == np.inf
    assert np.isnan(log10p_r2(0.2, df_model=0, df_residual=40))


@pytest.mark.parametrize("df_model", [1, 4])
@pytest.mark.parametrize("df_residual", [20, 45_000])
@pytest.mark.parametrize("nc", [0.0, 2.0, 90.0, 900.0, 4000.0, 30_000.0])
def test_noncentral_f_where_scipy_has_a_number_and_where_not(df_model, df_residual, nc):
    for f in np.array([0.5, 0.9, 1.0, 1.1, 2]) * (1 + nc / df_model):
        peer = stats.ncf.cdf(f, df_model, df_residual, nc)
        own = _mixture_below(f, df_model / 2, df_residual / 2, half=nc / 2)
        assert 0 <= own <= 1
        if np.isfinite(peer):
            assert own == pytest.approx(peer, abs=1e-9)
    # 95 % of what is drawn from it lies below its 95th percentile, whoever computes it
    draws = np.random.default_rng(1).noncentral_f(df_model, df_residual, nc, 20_000)
    top = float(np.quantile(draws, 0.95))
    found = noncentral_f_below(
        top, df_model=df_model, df_residual=df_residual, noncentrality=nc
    )
    assert found == pytest.approx(0.95, abs=0.01)


def test_sweeping_gives_coefficients_and_residuals():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(50, 5)) @ rng.normal(size=(5, 5))
    x -= x.mean(axis=0)
    x /= np.linalg.norm(x, axis=0)
    gram = x.T @ x
    assert all(sweep_in(gram, k) for k in (3, 0, 2))
    fit, rss, *_ = np.linalg.lstsq(x[:, [0, 2, 3]], x[:, [1, 4]])
    np.testing.assert_allclose(gram[np.ix_([0, 2, 3], [1, 4])], fit, atol=1e-10)
    np.testing.assert_allclose(gram[[1, 4], [1, 4]], rss, atol=1e-10)
    inverse = np.linalg.inv(x[:, [0, 2, 3]].T @ x[:, [0, 2, 3]])
    np.testing.assert_allclose(gram[np.ix_([0, 2, 3], [0, 2, 3])], inverse, rtol=1e-8)
    twin = np.column_stack([x, x[:, 0] - x[:, 2]])
    twin[:, 5] /= np.linalg.norm(twin[:, 5])
    gram = twin.T @ twin
    assert sweep_in(gram, 0) and sweep_in(gram, 2)
    before = gram.copy()
    assert not sweep_in(gram, 5) and np.array_equal(gram, before)


def test_refuses_what_does_not_meet():
    with pytest.raises(InputError, match="does not meet factors"):
        residualise(np.ones(3), np.ones((4, 1)))
    with pytest.raises(InputError, match="2 values of factors are missing"):
        residualise(np.ones(3), np.array([[np.nan], [1], [np.inf]]))
    with pytest.raises(InputError, match="1 values of y are missing"):
        residualise([1, 2, np.nan], np.ones((3, 1)))
    with pytest.raises(InputError, match="does not meet y"):
        pearson(np.ones(3), np.ones(4))
    with pytest.raises(InputError, match="infinite"):
        pearson([1.0, np.inf, 2], [1.0, 2, 3])
