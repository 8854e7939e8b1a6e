import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from edp_core.errors import InputError
from edp_core.stats.multiplicity import benjamini_hochberg_log10


def test_equals_statsmodels_in_any_shape_and_order():
    p = np.random.default_rng(0).random(600) ** 4
    p[::7] = p[3]
    expected = -np.log10(multipletests(p, method="fdr_bh")[1])
    found = benjamini_hochberg_log10(-np.log10(p).reshape(20, 30))
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-12)


def test_missing_tests_do_not_count():
    log10p = np.array([3.0, np.nan, 1.0, 0.2, np.nan])
    found = benjamini_hochberg_log10(log10p)
    assert np.isnan(found[[1, 4]]).all()
    np.testing.assert_array_equal(
        found[[0, 2, 3]], benjamini_hochberg_log10(log10p[[0, 2, 3]])
    )


def test_far_tails_and_nothing_at_all():
    found = benjamini_hochberg_log10([5000.0, np.inf, 0.0, 0.0])
    assert found[0] == pytest.approx(5000 + np.log10(2 / 4)) and np.isinf(found[1])
    assert found[2] == 0
    assert benjamini_hochberg_log10([]).size == 0
    assert np.isnan(benjamini_hochberg_log10([np.nan])).all()


def test_refuses_p_above_one():
    with pytest.raises(InputError, match="2 values of −log10 p are negative"):
        benjamini_hochberg_log10([-1.0, 2.0, -0.1])
