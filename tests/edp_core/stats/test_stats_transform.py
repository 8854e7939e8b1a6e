import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edp_core.errors import InputError
from edp_core.stats.transform import rank_inverse_normal


def test_equals_scipy_and_keeps_missing():
    rng = np.random.default_rng(0)
    x = rng.exponential(size=500).round(2)  # with ties
    x[::7] = np.nan
    found = rank_inverse_normal(x)
    known = ~np.isnan(x)
    n = known.sum()
    expected = stats.norm.ppf((stats.rankdata(x[known]) - 0.375) / (n + 0.25))
    np.testing.assert_allclose(found[known], expected, rtol=1e-12)
    assert np.isnan(found[~known]).all()


@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=60).filter(
        lambda v: len(set(v)) > 1
    )
)
def test_depends_on_the_order_alone(values):
    x = np.array(values, dtype=float)
    found = rank_inverse_normal(x)
    np.testing.assert_array_equal(rank_inverse_normal(np.arctan(x / 1e6) * 5), found)
    np.testing.assert_allclose(rank_inverse_normal(-x), -found, atol=1e-9)
    order = np.argsort(x, kind="stable")
    assert np.all((np.diff(x[order]) > 0) == (np.diff(found[order]) > 0))


def test_is_standard_normal_and_doing_it_again_changes_nothing():
    x = np.random.default_rng(1).gamma(0.3, size=20_000)
    found = rank_inverse_normal(x)
    assert abs(found.mean()) < 1e-12 and abs(found.std() - 1) < 1e-3
    assert stats.kstest(found, "norm").statistic < 1e-4
    np.testing.assert_array_equal(rank_inverse_normal(found), found)


def test_refuses():
    with pytest.raises(InputError, match="2 of 3 values are infinite"):
        rank_inverse_normal([np.inf, -np.inf, 0])
    for few in ([], [1.0], [3.0, 3.0, np.nan], [np.nan] * 3):
        with pytest.raises(InputError, match="fewer than two distinct values"):
            rank_inverse_normal(few)
    with pytest.raises(InputError, match="cannot be ranked"):
        rank_inverse_normal(np.ones((2, 2)))
