import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import Table2x2

from edp_core.errors import InputError
from edp_core.stats import fisher


def _random_tables(rng, count, n):
    row, col = rng.integers(1, n, (2, count))
    a = rng.hypergeometric(row, n - row, col)
    # Draws under the null are seldom far out: move half of them.
    low, high = np.maximum(0, row + col - n), np.minimum(row, col)
    moved = rng.integers(low, high + 1)
    return np.where(rng.random(count) < 0.5, a, moved), row, col


def _cells(a, row, col, n):
    return [[a, row - a], [col - a, n - row - col + a]]


@pytest.mark.parametrize("n", [7, 60, 1501])
def test_equals_scipy(n):
    a, row, col = _random_tables(np.random.default_rng(n), 300, n)
    found = fisher.log10p(a, row, col, n)
    compared = 0
    for k in range(300):
        table = _cells(a[k], row[k], col[k], n)
        support = np.arange(max(0, row[k] + col[k] - n), min(row[k], col[k]) + 1)
        pmf = stats.hypergeom.pmf(support, n, row[k], col[k])
        own = stats.hypergeom.pmf(a[k], n, row[k], col[k])
        if np.sum(np.abs(pmf / own - 1) < 1e-5) > 1:
            continue  # ties, where tolerances differ
        expected = stats.fisher_exact(table).pvalue
        if expected > 1e-290:
            compared += 1
            assert found[k] == pytest.approx(-np.log10(expected), abs=1e-9)
    assert compared > 60


def _exactly(a, row, col, n):
    """−log10 p with 50 digits: every table no more likely than the one seen."""
    with mpmath.workdps(50):
        ways = [
            mpmath.binomial(col, x) * mpmath.binomial(n - col, row - x)
            for x in range(max(0, row + col - n), min(row, col) + 1)
        ]
        own = mpmath.binomial(col, a) * mpmath.binomial(n - col, row - a)
        within = mpmath.fsum(w for w in ways if w <= own * (1 + mpmath.mpf(1e-7)))
        return float(-mpmath.log10(within / mpmath.binomial(n, row)))


def test_equals_mpmath_beyond_underflow():
    tables = [
        (900, 1500, 1000, 45_714), (1400, 1500, 1500, 45_714), (0, 1500, 900, 45_714),
        (33, 1500, 1000, 45_714), (60, 1500, 1000, 45_714), (1, 1, 1, 45_714),
    ]  # fmt: skip
    found = fisher.log10p(*np.array(tables).T)
    assert found[:2].min() > 700, "far below the smallest float"
    for value, table in zip(found, tables, strict=True):
        assert value == pytest.approx(_exactly(*table), abs=1e-9)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_every_table_of_small_margins(data):
    n = data.draw(st.integers(0, 30))
    row, col = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    a = data.draw(st.integers(max(0, row + col - n), min(row, col)))
    expected = max(_exactly(a, row, col, n), 0)
    assert fisher.log10p(a, row, col, n) == pytest.approx(expected, abs=1e-12)


def test_symmetric_tables_share_their_p():
    # R: fisher.test(matrix(c(3, 1, 1, 3), 2))$p.value is 0.4857142857142858
    assert 10 ** -fisher.log10p(3, 4, 4, 8) == pytest.approx(0.4857142857142858)
    rng = np.random.default_rng(0)
    a, row, col = _random_tables(rng, 200, 90)
    found = fisher.log10p(a, row, col, 90)
    np.testing.assert_allclose(fisher.log10p(a, col, row, 90), found, atol=1e-10)
    # Swapping members and others mirrors the support.
    np.testing.assert_allclose(
        fisher.log10p(col - a, 90 - row, col, 90), found, atol=1e-10
    )


def test_does_not_underflow_and_keeps_the_shape():
    found = fisher.log10p(np.full((2, 3), 2500), 2500, [2500, 2600, 9000], 40_000)
    assert found.shape == (2, 3) and found[0, 0] > 4000
    expected = -stats.hypergeom.logpmf(2500, 40_000, 2500, 2500) / np.log(10)
    assert found[0, 0] == pytest.approx(expected, rel=1e-9)
    assert fisher.log10p(0, 0, 0, 5) == 0
    assert fisher.log10p([], [], [], []).shape == (0,)


def test_odds_ratio_is_woolfs_with_half_in_every_cell():
    a, row, col = _random_tables(np.random.default_rng(1), 50, 60)
    found = np.stack(fisher.odds_ratio(a, row, col, 60))
    for k in range(50):
        peer = Table2x2(np.array(_cells(a[k], row[k], col[k], 60)) + 0.5)
        expected = (peer.oddsratio, *peer.oddsratio_confint())
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-10)
    assert np.isfinite(found).all() and (found > 0).all()


def test_refuses_impossible_tables():
    with pytest.raises(InputError, match="1 of 2 2 × 2 tables cannot exist"):
        fisher.log10p([1, 5], 4, 4, 8)
    with pytest.raises(InputError, match="1 of 1 2 × 2 tables cannot exist"):
        fisher.odds_ratio(0, 5, 5, 8)
    with pytest.raises(InputError, match="not whole numbers"):
        fisher.log10p(0.5, 4, 4, 8)
