import mpmath
import numpy as np
import pytest
from scipy import stats
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from edp_core.errors import InputError
from edp_core.stats.intervals import widening
from edp_core.stats.ranks import midranks, rank_test


@pytest.mark.parametrize("levels", [5, 10**9])
def test_equals_scipy_and_sklearn_with_and_without_ties(levels):
    rng = np.random.default_rng(levels)
    x = rng.integers(0, levels, (400, 6)).astype(float)
    y = rng.random((400, 6)) < [0.02, 0.1, 0.3, 0.5, 0.9, 0.97]
    found = rank_test(x, y)
    for k in range(6):
        cases, controls = x[y[:, k], k], x[~y[:, k], k]
        peer = stats.mannwhitneyu(cases, controls, method="asymptotic")
        assert found.auc[k] == pytest.approx(roc_auc_score(y[:, k], x[:, k]), abs=1e-14)
        assert found.log10p[k] == pytest.approx(-np.log10(peer.pvalue), abs=1e-12)
        assert (found.n_cases[k], found.n_controls[k]) == (cases.size, controls.size)


def test_interval_is_delong_on_the_logit_scale():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 30, 90).astype(float), rng.random(90) < 0.3
    x[y] += 6
    won = (x[y][:, None] > x[~y]) + 0.5 * (x[y][:, None] == x[~y])
    auc = won.mean()
    variance = won.mean(1).var(ddof=1) / y.sum() + won.mean(0).var(ddof=1) / (~y).sum()
    half = stats.norm.ppf(0.975) * np.sqrt(variance) / (auc * (1 - auc))
    found = rank_test(x, y)
    assert found.auc_low[0] == pytest.approx(expit(np.log(auc / (1 - auc)) - half))
    assert found.auc_high[0] == pytest.approx(expit(np.log(auc / (1 - auc)) + half))


def test_one_score_for_all_traits_equals_one_for_each():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=200), rng.random((200, 4)) < 0.2
    x[:7] = np.nan
    shared = rank_test(x, y, inflation=1.3)
    apart = rank_test(np.repeat(x[:, None], 4, axis=1), y, inflation=1.3)
    for name in ("n_cases", "auc", "auc_low", "auc_high", "log10p"):
        np.testing.assert_allclose(
            getattr(shared, name), getattr(apart, name), rtol=1e-12
        )


def test_missing_scores_are_left_out_of_their_own_column():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(100, 2)), rng.random((100, 2)) < 0.4
    x[:20, 1] = np.nan
    found, kept = rank_test(x, y), rank_test(x[20:], y[20:])
    assert found.n_cases[0] + found.n_controls[0] == 100
    assert found.n_cases[1] + found.n_controls[1] == 80
    assert found.auc[1] == kept.auc[1] and found.log10p[1] == kept.log10p[1]


def test_depends_on_order_only_and_flips_with_the_sign():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=150), rng.random(150) < 0.3
    found, cubed, turned = (rank_test(v, y) for v in (x, x**3 * 9 + 1, -x))
    assert found.auc == cubed.auc and found.log10p == cubed.log10p
    assert turned.auc[0] == pytest.approx(1 - found.auc[0], abs=1e-15)
    assert turned.auc_low[0] == pytest.approx(1 - found.auc_high[0], abs=1e-12)
    assert turned.log10p[0] == pytest.approx(found.log10p[0], abs=1e-12)


def test_p_does_not_underflow():
    n = 40_000
    found = rank_test(np.arange(n, dtype=float), np.arange(n) >= n // 2)
    z = (n * n / 8 - 0.5) / np.sqrt((n / 2) ** 2 / 12 * (n + 1))
    expected = -(stats.norm.logsf(z) + np.log(2)) / np.log(10)
    assert found.log10p[0] == pytest.approx(expected, rel=1e-9)
    assert found.log10p[0] > 6000


@pytest.mark.parametrize("n", [60, 700, 5_000, 300_000])
def test_equals_mpmath_from_where_scipy_can_to_far_beyond(n):
    x = np.arange(n, dtype=float)
    y = np.random.default_rng(n).random(n) < x / n * 0.9
    y[-n // 3 :] = True
    found = rank_test(x, y)
    n_p, n_n = int(y.sum()), int((~y).sum())
    u = int(np.sum(np.flatnonzero(y) + 1)) - n_p * (n_p + 1) // 2
    with mpmath.workdps(40):
        sigma = mpmath.sqrt(mpmath.mpf(n_p) * n_n * (n + 1) / 12)
        z = (abs(mpmath.mpf(u) - mpmath.mpf(n_p) * n_n / 2) - mpmath.mpf(1) / 2) / sigma
        expected = -mpmath.log10(mpmath.erfc(z / mpmath.sqrt(2)))
    assert found.log10p[0] == pytest.approx(float(expected), rel=1e-12)
    peer = stats.mannwhitneyu(x[y], x[~y], method="asymptotic")
    if peer.pvalue > 1e-290:
        assert found.log10p[0] == pytest.approx(-np.log10(peer.pvalue), rel=1e-9)
    else:
        assert n >= 5_000


def test_separated_tied_and_absent_classes():
    x = np.arange(10.0)
    apart = rank_test(x, x > 5)
    assert apart.auc[0] == apart.auc_high[0] == 1
    assert apart.auc_low[0] == pytest.approx(0.025 ** (1 / 4))
    below = rank_test(-x, x > 5)
    assert below.auc[0] == below.auc_low[0] == 0
    assert below.auc_high[0] == pytest.approx(1 - 0.025 ** (1 / 4))
    tied = rank_test(np.ones(10), x > 5)
    assert tied.auc[0] == 0.5 and tied.log10p[0] == 0
    for y in (np.zeros(10, bool), np.ones(10, bool)):
        none = rank_test(x, y)
        assert np.isnan([none.auc[0], none.auc_low[0], none.log10p[0]]).all()
    single = rank_test(x, x == 4)
    assert single.auc[0] == pytest.approx(4 / 9) and np.isnan(single.auc_low[0])


def test_inflation_divides_z_and_widens_the_interval():
    rng = np.random.default_rng(5)
    y = rng.random(500) < 0.3
    x = rng.normal(size=500) + y
    plain, pooled = rank_test(x, y), rank_test(x, y, inflation=2**0.5)
    z, z_pooled = (stats.norm.isf(10 ** -t.log10p[0] / 2) for t in (plain, pooled))
    assert z_pooled == pytest.approx(z / 2**0.5, rel=1e-6)
    logit = np.array([np.log(t / (1 - t)) for t in (plain.auc_low, pooled.auc_low)])
    centre = np.log(plain.auc[0] / (1 - plain.auc[0]))
    assert (centre - logit[1]) / (centre - logit[0]) == pytest.approx(2**0.5)
    some = rank_test(x, y, inflation=2**0.5, axes=20)
    assert plain.auc_high[0] < some.auc_high[0] < pooled.auc_high[0]


def test_widening_falls_from_root_two_to_one():
    auc = np.linspace(0.5, 0.99, 50)
    factor = widening(auc, np.full(50, 90.0), 40)
    assert factor[0] == pytest.approx(2**0.5)
    assert np.all(np.diff(factor) <= 1e-12) and factor[-1] < 1.03
    assert widening([0.2], [90.0], 40)[0] == pytest.approx(2**0.5)
    assert widening([0.99], [1e9], 1)[0] == pytest.approx(1)


def test_interval_of_independent_scores_covers():
    rng = np.random.default_rng(6)
    y = np.arange(200)[:, None].repeat(1000, axis=1) < 40
    found = rank_test(rng.normal(size=(200, 1000)) + y, y)
    truth = stats.norm.cdf(1 / 2**0.5)
    covered = np.mean((found.auc_low <= truth) & (truth <= found.auc_high))
    assert 0.935 <= covered <= 0.97


def test_midranks():
    x = np.array([3.0, np.nan, 1.0, 3.0])
    np.testing.assert_array_equal(midranks(x), [2.5, np.nan, 1, 2.5])
    with pytest.raises(InputError, match=r"one column of values, not shape \(2, 2\)"):
        midranks(np.ones((2, 2)))


def test_refuses_what_does_not_meet():
    for x, y in (
        (np.ones(3), np.ones(4, bool)),
        (np.ones((4, 2)), np.ones((4, 3), bool)),
        (np.ones(4), np.ones((4, 1, 1), bool)),
    ):
        with pytest.raises(InputError, match="do not meet cases of shape"):
            rank_test(x, y)
    with pytest.raises(InputError, match=r"inflation is 0\.5, below 1"):
        rank_test(np.ones(3), np.ones(3, bool), inflation=0.5)
