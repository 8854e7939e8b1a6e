import mpmath
import numpy as np
import pytest
import statsmodels.api as sm
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import chi2, kstest

from edp_core.errors import InputError
from edp_core.stats.logits import logits
from edp_core.stats.tails import log10p_chi2, log10p_z


def people(seed, n=3000):
    """Covariates on their own scales, a phenotype last."""
    rng = np.random.default_rng(seed)
    centre = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    columns = [
        rng.uniform(45, 80, n), rng.random(n) < 0.5, rng.normal(27, 4, n),
        centre == 1, centre == 2, rng.uniform(2014, 2022, n), rng.normal(size=n),
    ]  # fmt: skip
    return rng, np.column_stack(columns).astype(float)


def drawn(rng, x, prevalences, effect=0.3):
    """(n, k) cases that depend on age and the phenotype."""
    lift = 0.04 * (x[:, 0] - 62) + effect * x[:, -1]
    return np.column_stack(
        [rng.random(len(x)) < expit(np.log(p / (1 - p)) + lift) for p in prevalences]
    )


def dense(found):
    return np.column_stack([found.beta, found.error])


def statsmodels_fit(y, x):
    model = sm.Logit(y.astype(float), sm.add_constant(x, has_constant="add"))
    fit = model.fit(disp=False, tol=1e-10, maxiter=100)
    return fit.params[-1], fit.bse[-1]


def firth_by_hand(y, x):
    """Maximum of the penalised likelihood found by a general optimiser."""
    z = np.column_stack([np.ones(len(x)), (x - x.mean(0)) / x.std(0)])

    def information(theta):
        p = expit(z @ theta)
        return z.T @ (z * (p * (1 - p))[:, None])

    def penalised(theta):
        eta = z @ theta
        log_likelihood = y @ eta - np.logaddexp(0, eta).sum()
        return -log_likelihood - 0.5 * np.linalg.slogdet(information(theta))[1]

    start = np.zeros(z.shape[1])
    start[0] = np.log(y.mean() / (1 - y.mean()))
    options = {"gtol": 1e-9, "maxiter": 2000}
    best = minimize(penalised, start, method="BFGS", jac="3-point", options=options)
    theta = best.x
    error = np.sqrt(np.linalg.inv(information(theta))[-1, -1])
    least = minimize(
        lambda some: penalised(np.append(some, 0.0)), start[:-1],
        method="BFGS", jac="3-point", options=options,
    )  # fmt: skip
    log10p = -chi2.logsf(2 * (least.fun - best.fun), 1) / np.log(10)
    return theta[-1] / x[:, -1].std(), error / x[:, -1].std(), log10p


def test_equals_statsmodels_over_blocks_and_batches():
    rng, x = people(0)
    y = drawn(rng, x, np.geomspace(0.02, 0.6, 70))
    found = logits(x, sparse.csc_array(y))
    assert found.converged.all()
    assert not found.firth.any()
    for at in (0, 13, 40, 63, 64, 69):
        np.testing.assert_allclose(
            [found.beta[at], found.error[at]], statsmodels_fit(y[:, at], x), rtol=1e-6
        )
    np.testing.assert_array_equal(found.n_cases, y.sum(axis=0))
    assert set(found.n) == {len(x)}


def test_who_does_not_count_is_left_out_and_own_cases_come_back():
    rng, x = people(1)
    y = drawn(rng, x, [0.1, 0.2, 0.3, 0.3])
    other = drawn(rng, x, [0.2, 0.1])
    men = x[:, 1] == 0
    aside = np.column_stack([other[:, 0], men | other[:, 1]])
    y[:, 1] &= ~men  # of women only: sex says nothing there
    of = np.array([0, 1, -1, 0])
    found = logits(x, sparse.csc_array(y), aside=sparse.csc_array(aside), of=of)
    women_columns = [0, 2, 3, 4, 5, 6]
    for at, columns in ((0, slice(None)), (1, women_columns), (3, slice(None))):
        counted = ~aside[:, of[at]] | y[:, at]
        peer = statsmodels_fit(y[counted, at], x[counted][:, columns])
        np.testing.assert_allclose(dense(found)[at], peer, rtol=1e-6)
        assert found.n[at] == counted.sum()
    peer = statsmodels_fit(y[:, 2], x)
    np.testing.assert_allclose(dense(found)[2], peer, rtol=1e-6)
    assert not found.firth.any()


@pytest.mark.parametrize("seed", range(3))
def test_firth_equals_direct_maximisation(seed):
    rng, x = people(seed, n=300)
    y = drawn(rng, x, [0.1, 0.1])
    y[x[:, 4] == 1] = False  # a centre without cases
    y[:, 1] = x[:, -1] > 1.2  # the phenotype itself tells the cases
    found = logits(x, sparse.csc_array(y))
    assert found.firth.all()
    assert found.converged.all()
    for at in range(2):
        peer = firth_by_hand(y[:, at], x)
        np.testing.assert_allclose(dense(found)[at], peer[:2], rtol=1e-5)
        assert found.log10p[at] == pytest.approx(peer[2], rel=1e-5, abs=1e-7)


def test_separation_by_several_columns_together_is_found():
    _, x = people(4, n=400)
    told = x[:, 0] / 10 + x[:, 2] / 4 + x[:, -1]
    y = (told > np.quantile(told, 0.9))[:, None]
    found = logits(x, sparse.csc_array(y))
    assert found.firth[0]
    assert np.isfinite(found.beta[0])


def test_what_nothing_is_known_of_is_told():
    rng, x = people(5, n=500)
    y = drawn(rng, x, [0.2, 0.2, 0.2])
    y[:, 0], y[:, 1] = False, True
    found = logits(x, sparse.csc_array(y))
    np.testing.assert_array_equal(found.told, [True, True, False])
    assert np.isnan(found.beta[:2]).all()
    twice = np.column_stack([x, 3 * x[:, 0] - x[:, 1]])
    assert logits(twice, sparse.csc_array(y)).told.all()


def test_order_units_and_labels_change_nothing():
    rng, x = people(6, n=1500)
    y = drawn(rng, x, [0.05, 0.3])
    plain = dense(logits(x, sparse.csc_array(y)))
    order = rng.permutation(len(x))
    moved = dense(logits(x[order], sparse.csc_array(y[order])))
    np.testing.assert_allclose(moved, plain, rtol=1e-6)
    scaled = x.copy()
    scaled[:, -1] = 100 - 8 * x[:, -1]
    found = dense(logits(scaled, sparse.csc_array(y)))
    np.testing.assert_allclose(found * [-8, 8], plain, rtol=1e-6)
    # the first centre in place of the third as a column of its own
    relabelled = x.copy()
    relabelled[:, 4] = 1 - x[:, 3] - x[:, 4]
    found = dense(logits(relabelled, sparse.csc_array(y)))
    np.testing.assert_allclose(found, plain, rtol=1e-6)
    found = dense(logits(x, sparse.csc_array(~y)))
    np.testing.assert_allclose(found * [-1, 1], plain, rtol=1e-6)


def test_firth_does_not_depend_on_units_or_the_name_of_cases():
    rng, x = people(7, n=400)
    y = drawn(rng, x, [0.1])
    y[x[:, 4] == 1] = False
    plain = dense(logits(x, sparse.csc_array(y)))
    scaled = x * [2, 1, 0.1, 1, 1, 365, 1] + [0, 0, 5, 0, 0, 0, 0]
    found = dense(logits(scaled, sparse.csc_array(y)))
    np.testing.assert_allclose(found, plain, rtol=1e-6)
    found = dense(logits(x, sparse.csc_array(~y)))
    np.testing.assert_allclose(found * [-1, 1], plain, rtol=1e-6)


def test_p_is_uniform_where_nothing_goes_with_the_phenotype():
    rng, x = people(8, n=2000)
    y = drawn(rng, x, np.full(400, 0.1), effect=0.0)
    found = logits(x, sparse.csc_array(y))
    p = 10**-found.log10p
    assert kstest(p, "uniform").pvalue > 1e-3
    assert 0.02 < np.mean(p < 0.05) < 0.09


def test_firth_is_calibrated_where_few_cases_leave_a_centre_empty():
    rng, x = people(10, n=800)
    y = np.column_stack([rng.permutation(800) < 15 for _ in range(300)])
    y[x[:, 4] == 1] = False
    found = logits(x, sparse.csc_array(y))
    assert found.firth.all()
    assert found.converged.all()
    p = 10**-found.log10p
    assert kstest(p, "uniform").pvalue > 1e-3
    assert 0.02 < np.mean(p < 0.05) < 0.09


def test_p_that_underflows_has_its_logarithm():
    z = np.array([0.0, -1.96, 39.0, 60.0])
    with mpmath.workdps(40):
        exact = [float(-mpmath.log10(mpmath.erfc(abs(v) / mpmath.sqrt(2)))) for v in z]
    np.testing.assert_allclose(log10p_z(z), exact, rtol=1e-10, atol=1e-15)
    rng, x = people(11, n=20_000)
    y = rng.random(len(x)) < expit(2 * x[:, -1] - 1)
    found = logits(x, sparse.csc_array(y[:, None]))
    assert not found.firth[0]
    assert found.log10p[0] > 320
    assert found.log10p[0] == log10p_z(found.beta[0] / found.error[0])


@pytest.mark.parametrize("df", [1, 2, 7, 40])
def test_tail_of_chi_square(df):
    for value in (0.0, 0.5, df, 30.0, 5 * df):
        peer = -chi2.logsf(value, df) / np.log(10)
        assert log10p_chi2(value, df=df) == pytest.approx(peer, rel=1e-9, abs=1e-12)
    for value in (1300.0, 2000.0, 9000.0):
        with mpmath.workdps(40):
            p = mpmath.gammainc(mpmath.mpf(df) / 2, value / 2, regularized=True)
            exact = float(-mpmath.log10(p))
        assert log10p_chi2(value, df=df) == pytest.approx(exact, rel=1e-10)


def test_columns_that_cannot_be_used_are_refused():
    _, x = people(9, n=50)
    y = sparse.csc_array(np.ones((50, 1), bool))
    with pytest.raises(InputError, match="do not meet"):
        logits(x[:40], y)
    x[3, 0] = np.nan
    with pytest.raises(InputError, match="in 1 rows"):
        logits(x, y)
