import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.special import expit

from edp_core.errors import InputError
from edp_core.stats.logistic import group_odds, patterns, wald


def _fit(groups, cases, covariates, among=None):
    """`group_odds` from one row a participant, ``among`` some of them."""
    rows = patterns(covariates)
    if among is not None:
        rows = rows._replace(of=rows.of[among])
        groups, cases = groups[among], cases[among]
    q, g = int(groups.max()) + 1, len(rows.values)
    cell = rows.of * q + groups
    inside = np.bincount(cell, minlength=g * q).reshape(g, q).astype(float)
    ill = np.bincount(cell[cases], minlength=g * q).reshape(g, q).astype(float)
    total = np.bincount(rows.of, minlength=g).astype(float)
    ill = np.column_stack([ill, ill.sum(axis=1)])
    return group_odds(rows.values, total, inside=inside, cases=ill)


def _people(seed, n=3000, whole=True):
    rng = np.random.default_rng(seed)
    age, sex = rng.uniform(45, 80, n), rng.random(n) < 0.5
    age = np.floor(age) if whole else age
    groups = np.clip(((age - 45) / 7 + rng.normal(0, 1.5, n)).astype(int), 0, 4)
    effect = np.array([0, 0.4, -0.5, 1.2, 0])[groups]
    cases = rng.random(n) < expit(-3 + 0.05 * (age - 60) + 0.4 * sex + effect)
    return groups, cases, np.column_stack([age, sex])


@pytest.mark.parametrize("whole", [True, False])
def test_equals_statsmodels(whole):
    groups, cases, covariates = _people(0, whole=whole)
    found = _fit(groups, cases, covariates)
    middle, low, high, log10p = wald(found)
    assert not found.firth.any()
    for q in range(5):
        x = sm.add_constant(np.column_stack([groups == q, covariates]).astype(float))
        peer = sm.Logit(cases.astype(float), x).fit(disp=False, tol=1e-12, maxiter=60)
        assert found.log_odds[q] == pytest.approx(peer.params[1], abs=1e-8)
        assert found.error[q] == pytest.approx(peer.bse[1], rel=1e-6)
        assert middle[q] == pytest.approx(np.exp(peer.params[1]), rel=1e-6)
        np.testing.assert_allclose(
            [low[q], high[q]], np.exp(peer.conf_int()[1]), rtol=1e-6
        )
        assert log10p[q] == pytest.approx(-np.log10(peer.pvalues[1]), abs=1e-6)


def test_among_one_sex_equals_a_fit_without_sex():
    groups, cases, covariates = _people(2)
    women = covariates[:, 1] == 1
    some = _fit(groups, cases, covariates, among=women)
    alone = _fit(groups[women], cases[women], covariates[women, :1])
    np.testing.assert_allclose(some.log_odds, alone.log_odds, atol=1e-8)
    np.testing.assert_allclose(some.error, alone.error, rtol=1e-8)
    assert not some.firth.any()


def test_units_collinear_columns_and_order_change_nothing():
    groups, cases, covariates = _people(1)
    plain = _fit(groups, cases, covariates)
    age, sex = covariates.T
    order = np.random.default_rng(0).permutation(len(age))
    for other in (
        np.column_stack([365.25 * age + 1e4, 1 - sex]),
        np.column_stack([age, sex, 2 * age - sex, np.ones(len(age))]),
    ):
        np.testing.assert_allclose(
            _fit(groups, cases, other).log_odds, plain.log_odds, atol=1e-9
        )
    moved = _fit(groups[order], cases[order], covariates[order])
    np.testing.assert_allclose(moved.log_odds, plain.log_odds, atol=1e-9)


def test_without_covariates_it_is_the_raw_odds_ratio():
    groups, cases, _ = _people(2)
    found = _fit(groups, cases, np.empty((len(groups), 0)))
    for q in range(5):
        here = groups == q
        a, b = np.sum(here & cases), np.sum(here & ~cases)
        c, d = np.sum(~here & cases), np.sum(~here & ~cases)
        assert found.log_odds[q] == pytest.approx(np.log(a * d / (b * c)), abs=1e-9)
        expected = np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
        assert found.error[q] == pytest.approx(expected, rel=1e-6)


def _penalised(theta, x, y):
    p = expit(x @ theta)
    info = x.T @ (x * (p * (1 - p))[:, None])
    loglik = np.sum(np.where(y, np.log(p), np.log1p(-p)))
    return -(loglik + 0.5 * np.linalg.slogdet(info)[1])


@pytest.mark.parametrize("how", ["empty cell", "one sex"])
def test_separated_tables_have_firths_estimate(how):
    groups, cases, covariates = _people(3, n=600)
    cases = (
        cases & (groups != 1)
        if how == "empty cell"
        else cases & (covariates[:, 1] == 1)
    )
    found = _fit(groups, cases, covariates)
    assert found.firth.tolist() == [how == "one sex" or q == 1 for q in range(5)]
    x = patterns(covariates)
    x = np.column_stack([x.values[x.of], groups == 1]).astype(float)
    peer = minimize(
        _penalised, np.zeros(4), args=(x, cases), method="BFGS", options={"gtol": 1e-7}
    )
    assert found.log_odds[1] == pytest.approx(peer.x[-1], abs=1e-4)
    assert np.isfinite(wald(found)).all()


def test_a_group_that_covariates_tell_has_no_odds_ratio_and_disturbs_no_other():
    _, cases, covariates = _people(6)
    sex = covariates[:, 1].astype(int)
    assert cases[sex == 0].any() and cases[sex == 1].any()
    both = _fit(sex, cases, covariates)
    assert both.confounded.all() and not both.firth.any()
    assert np.isnan(wald(both)).all()
    # the men are one group, the women two: only the men are told by sex
    half = np.random.default_rng(6).random(len(sex)) < 0.4
    three = _fit(np.where(sex == 0, 0, 1 + half), cases, covariates)
    assert three.confounded.tolist() == [True, False, False]
    assert np.isnan([three.log_odds[0], three.error[0]]).all()
    x = patterns(covariates)
    for q in (1, 2):
        here = (sex == 1) & (half == (q == 2))
        design = np.column_stack([here, x.values[x.of]]).astype(float)
        peer = sm.Logit(cases.astype(float), design).fit(disp=False, tol=1e-12)
        assert three.log_odds[q] == pytest.approx(peer.params[0], abs=1e-8)
        assert three.error[q] == pytest.approx(peer.bse[0], rel=1e-6)


@pytest.mark.parametrize("few", [0, 1, 3])
def test_only_what_is_told_altogether_is_confounded(few):
    """A rank decides, as of the design made in full, separated or not."""
    _, cases, covariates = _people(7, n=800)
    sex = covariates[:, 1].astype(int)
    groups = sex.copy()
    groups[:few] = 1 - groups[:few]
    for ill in (cases, cases & (sex == 1)):
        found = _fit(groups, ill, covariates)
        x = patterns(covariates)
        design = np.column_stack([x.values[x.of], groups == 1])
        told = np.linalg.matrix_rank(design) < design.shape[1]
        assert told == (few == 0)
        assert found.confounded.tolist() == [told, told]
        assert np.isnan(found.log_odds).all() or not told


def test_a_group_of_everybody_or_nobody_is_told_by_the_intercept():
    ones = np.ones((1, 1))
    found = group_odds(
        ones, 9 * ones[0], inside=np.array([[9.0, 0.0, 4.0]]),
        cases=np.array([[3.0, 0.0, 2.0, 3.0]]),
    )  # fmt: skip
    assert found.confounded.tolist() == [True, True, False]
    assert np.exp(found.log_odds[2]) == pytest.approx(2 * 4 / (2 * 1))


def test_under_the_null_p_is_uniform():
    rng = np.random.default_rng(4)
    groups, _, covariates = _people(5, n=4000)
    low = []
    for _ in range(120):
        cases = rng.random(4000) < expit(-2 + 0.05 * (covariates[:, 0] - 60))
        low += list(wald(_fit(groups, cases, covariates))[3] > -np.log10(0.05))
    assert 0.03 < np.mean(low) < 0.07


def test_missing_covariates_are_refused():
    with pytest.raises(InputError, match="missing or infinite"):
        patterns([[1.0], [np.nan]])
