"""The effective number of tests keeps the family-wise error, by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edp_core.errors import InputError
from edp_core.gwas.effective import effective_tests, study_wide


@given(st.integers(1, 40), st.floats(0, 1))
def test_equicorrelation_has_its_closed_form(k, rho):
    matrix = np.full((k, k), rho)
    np.fill_diagonal(matrix, 1)
    values = np.array([1 + (k - 1) * rho] + [1 - rho] * (k - 1))
    expected = np.sqrt(values).sum() ** 2 / k
    assert effective_tests(matrix) == pytest.approx(expected, rel=1e-5)
    assert 1 - 1e-9 <= effective_tests(matrix) <= k + 1e-9


def test_it_is_one_for_copies_and_all_for_strangers():
    assert effective_tests(np.ones((9, 9))) == pytest.approx(1, rel=1e-6)
    assert effective_tests(np.eye(9)) == pytest.approx(9)
    blocks = np.kron(np.eye(3), np.ones((4, 4)))
    assert effective_tests(blocks) == pytest.approx(3, rel=1e-6)
    flip = np.diag([1, -1, 1, -1])
    base = np.full((4, 4), 0.4) + 0.6 * np.eye(4)
    assert effective_tests(flip @ base @ flip) == pytest.approx(effective_tests(base))


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.5, 0.8])
def test_the_family_wise_error_stays_below_the_level(rho):
    k, level, draws = 50, 0.05, 40_000
    rng = np.random.default_rng(0)
    z = np.sqrt(1 - rho) * rng.normal(size=(draws, k))
    z += np.sqrt(rho) * rng.normal(size=(draws, 1))
    matrix = np.full((k, k), rho)
    np.fill_diagonal(matrix, 1)
    most = np.abs(z).max(axis=1)

    def error(tests):
        return (most > stats.norm.isf(level / tests / 2)).mean()

    # standard error 0.0011; a Bonferroni-like cut is at most slightly above
    assert error(effective_tests(matrix)) < level + 0.004
    if rho >= 0.5:
        # the other formula in use, (Σe)²/Σe², is far above, and plain counts waste
        e = np.linalg.eigvalsh(matrix)
        assert error(e.sum() ** 2 / (e**2).sum()) > 4 * level
        assert error(effective_tests(matrix)) > error(k)


def test_the_threshold_is_that_of_so_many_tests():
    assert 10 ** -study_wide(20) == pytest.approx(5e-8 / 20)
    assert 10 ** -study_wide(1) == pytest.approx(5e-8)
    with pytest.raises(InputError, match="0 tests"):
        study_wide(0)


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ([[1, 0.5]], r"shape \(1, 2\)"),
        ([[1, np.nan], [np.nan, 1]], "2 of them missing"),
        ([[2, 0], [0, 2]], "diagonal"),
        ([[1, 0.5], [0.1, 1]], "symmetric"),
    ],
)
def test_what_is_no_correlation_is_refused(matrix, said):
    with pytest.raises(InputError, match=said):
        effective_tests(matrix)
