import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit
from scipy.stats import chi2, kstest, rankdata
from scipy.stats import norm as normal
from statsmodels.miscmodels.ordinal_model import OrderedModel

from edp_core.phewas.linear import TOLD, linear
from edp_core.phewas.maximum import NOT_FOUND
from edp_core.phewas.multinomial import multinomial
from edp_core.phewas.ordinal import ordered


def people(seed, n=2500):
    rng = np.random.default_rng(seed)
    columns = [rng.uniform(45, 80, n), rng.random(n) < 0.5, rng.normal(size=n)]
    return rng, np.column_stack(columns).astype(float)


def stepped(rng, x, cuts, effect=0.3):
    latent = 0.03 * (x[:, 0] - 62) + effect * x[:, -1] + rng.logistic(size=len(x))
    return np.digitize(latent, cuts).astype(float)


def figures(estimate):
    return [estimate.beta, estimate.se, estimate.low, estimate.high]


def test_linear_equals_least_squares_of_normal_ranks():
    rng, x = people(0)
    whole = np.exp(0.2 * x[:, -1] + 0.01 * x[:, 0] + rng.normal(size=len(x)))
    some = np.where(rng.random(len(x)) < 0.2, np.nan, rng.normal(size=len(x)))
    outcomes = [whole, some, whole]
    for found, y in zip(linear(x, outcomes), outcomes, strict=True):
        there = np.isfinite(y)
        rank = normal.ppf((rankdata(y[there]) - 0.375) / (there.sum() + 0.25))
        peer = sm.OLS(rank / rank.std(), sm.add_constant(x[there])).fit()
        expected = [peer.params[-1], peer.bse[-1], *peer.conf_int()[-1]]
        np.testing.assert_allclose(figures(found), expected, rtol=1e-6, atol=1e-9)
        assert found.log10p == pytest.approx(-np.log10(peer.pvalues[-1]), rel=1e-6)


def test_linear_p_that_underflows():
    rng, x = people(1, n=4000)
    found = linear(x, [x[:, -1] + 0.3 * rng.normal(size=len(x))])[0]
    assert 320 < found.log10p < 1e5


def test_linear_does_not_see_monotone_changes():
    rng, x = people(2)
    y = x[:, -1] + rng.normal(size=len(x))
    plain, other, turned = linear(x, [y, np.exp(3 * y) + 7, -y])
    assert other == plain
    assert turned.beta == pytest.approx(-plain.beta)
    order = rng.permutation(len(x))
    assert figures(linear(x[order], [y[order]])[0]) == pytest.approx(figures(plain))


@pytest.mark.parametrize("cuts", [[-0.5, 0.4], [-2, -1, 0, 0.2, 3]])
def test_ordered_equals_statsmodels(cuts):
    rng, x = people(3)
    y = stepped(rng, x, cuts)
    y[:50] = np.nan
    there = np.isfinite(y)
    found = ordered(x, y)
    z = (x - x[there].mean(0)) / x[there].std(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = OrderedModel(y[there].astype(int), z[there], distr="logit").fit(
            method="bfgs", disp=False, gtol=1e-9, maxiter=500
        )
    scale = x[there, -1].std()
    assert found.beta == pytest.approx(peer.params[2] / scale, abs=1e-6)
    assert found.se == pytest.approx(peer.bse[2] / scale, rel=1e-6)
    z_value = peer.params[2] / peer.bse[2]
    log10p = -(normal.logsf(abs(z_value)) + np.log(2)) / np.log(10)
    assert found.log10p == pytest.approx(log10p, rel=1e-5)


def test_ordered_of_two_levels_is_logistic_regression():
    rng, x = people(4)
    y = stepped(rng, x, [0.7])
    found = ordered(x, y)
    peer = sm.Logit(y, sm.add_constant(x)).fit(disp=False, tol=1e-10)
    assert figures(found)[:2] == pytest.approx([peer.params[-1], peer.bse[-1]])


def test_ordered_turned_round_changes_the_sign():
    rng, x = people(5)
    y = stepped(rng, x, [-1, 0, 1])
    order = rng.permutation(len(x))
    plain, turned = ordered(x, y), ordered(x, 3 - y)
    assert turned.beta == pytest.approx(-plain.beta, rel=1e-8)
    assert turned.log10p == pytest.approx(plain.log10p, rel=1e-8)
    assert figures(ordered(x[order], y[order])) == pytest.approx(figures(plain))


def test_multinomial_equals_statsmodels():
    rng, x = people(6)
    y = stepped(rng, x, [0.5, 1, 2])
    y[:100] = np.nan
    there = np.isfinite(y)
    whole, *parts = multinomial(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer, without = (
            sm.MNLogit(y[there], sm.add_constant(x[there, :columns])).fit(
                disp=False, tol=1e-10, maxiter=100
            )
            for columns in (3, 2)
        )
    for level, found in enumerate(parts):
        expected = [peer.params[-1, level], peer.bse[-1, level]]
        np.testing.assert_allclose(figures(found)[:2], expected, rtol=1e-6)
    log10p = -chi2.logsf(2 * (peer.llf - without.llf), 3) / np.log(10)
    assert whole.log10p == pytest.approx(log10p, rel=1e-6)
    assert np.isnan(whole.beta)


def test_multinomial_relabelled_has_the_same_p():
    rng, x = people(7)
    y = stepped(rng, x, [0, 1])
    plain = multinomial(x, y)
    turned = multinomial(x, 2 - y)
    assert turned[0].log10p == pytest.approx(plain[0].log10p, rel=1e-8)
    # third against first is first against third
    assert turned[2].beta == pytest.approx(-plain[2].beta, rel=1e-7)
    assert turned[1].beta == pytest.approx(plain[1].beta - plain[2].beta, rel=1e-6)


@pytest.mark.parametrize("model", ["linear", "ordered", "multinomial"])
def test_p_is_uniform_where_nothing_goes_with_the_phenotype(model):
    rng, x = people(8, n=600)
    found = []
    for _ in range(120):
        y = stepped(rng, x, [-0.5, 0.5], effect=0.0)
        if model == "linear":
            found.append(linear(x, [y + rng.random(len(x))])[0].log10p)
        elif model == "ordered":
            found.append(ordered(x, y).log10p)
        else:
            found.append(multinomial(x, y)[0].log10p)
    assert kstest(10 ** -np.array(found), "uniform").pvalue > 1e-3


def test_levels_that_columns_tell_have_no_estimate():
    rng, x = people(9, n=400)
    y = stepped(rng, x, [-0.5, 0.5])
    y = np.where(x[:, 1] == 1, 2.0, np.minimum(y, 1.0))  # sex tells the last
    assert [one.reason for one in multinomial(x, y)] == [NOT_FOUND] * 3
    told = np.digitize(x[:, -1], [-0.5, 0.5]).astype(float)
    found = ordered(x, told)
    assert found.reason == NOT_FOUND
    assert not found.converged
    assert np.isnan(found.beta)


def test_a_phenotype_that_covariates_tell_has_no_estimate():
    rng, x = people(10, n=300)
    twice = np.column_stack([x, x[:, 0] - x[:, 2]])
    y = stepped(rng, x, [-0.5, 0.5])
    assert ordered(twice, y).reason == TOLD
    assert {one.reason for one in multinomial(twice, y)} == {TOLD}
    assert linear(twice, [rng.normal(size=300)])[0].reason == TOLD


def test_strong_effects_are_found():
    rng, x = people(11)
    p = expit(6 * x[:, -1])
    y = (rng.random(len(x)) < p).astype(float) + (rng.random(len(x)) < p)
    found = ordered(x, y)
    assert found.converged
    assert found.beta == pytest.approx(6, rel=0.25)
