"""Tails of many t and F against mpmath and SciPy."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import stats

from edp_core.errors import InputError
from edp_core.stats.regression import log10p_r2
from edp_core.stats.tails import log10p_f, log10p_share, log10p_t

DEGREES = [1, 2, 3, 7, 30, 1000, 45_697]


def exact(t: float, df: int) -> float:
    """−log10 p in forty digits."""
    with mpmath.workdps(40):
        half, square = mpmath.mpf(df) / 2, mpmath.mpf(t) ** 2
        x, rest = df / (df + square), square / (df + square)
        if x < 0.999:
            p = mpmath.betainc(half, 0.5, 0, x, regularized=True)
        else:
            p = 1 - mpmath.betainc(0.5, half, 0, rest, regularized=True)
        return float(-mpmath.log10(p))


@pytest.mark.parametrize("df", DEGREES)
def test_t_from_tiny_to_hundreds(df: int) -> None:
    rng = np.random.default_rng(df)
    t = np.concatenate(
        [10 ** rng.uniform(-6, 0, 8), rng.uniform(0, 8, 8), rng.uniform(8, 500, 6)]
    )
    expected = [exact(value, df) for value in t]
    np.testing.assert_allclose(log10p_t(t, df=df), expected, rtol=1e-7)
    np.testing.assert_array_equal(log10p_t(-t, df=df), log10p_t(t, df=df))
    # a share near 1 has few digits of what is left
    some = t < 50
    share = np.square(t[some]) / (np.square(t[some]) + df)
    found = log10p_share(share, df=df)
    np.testing.assert_allclose(found, np.array(expected)[some], rtol=1e-6)


@pytest.mark.parametrize("df", [5, 500_000])
def test_t_against_scipy(df: int) -> None:
    t = np.linspace(0, 20, 4001)
    expected = -np.log10(2 * stats.t.sf(t, df))
    np.testing.assert_allclose(log10p_t(t, df=df), expected, rtol=1e-7, atol=1e-15)


@pytest.mark.parametrize("df", DEGREES)
def test_larger_t_has_smaller_p_across_the_end_of_the_table(df: int) -> None:
    s = np.linspace(0, 70, 20_001)
    with np.errstate(over="ignore"):
        t = np.sqrt(df * np.expm1(np.square(s) / df))
    t = t[t < 1e150]
    found = log10p_t(t, df=df)
    assert found[0] == 0 and np.signbit(found[0]) == np.False_
    assert (np.diff(found) > 0).all()


def test_missing_stays_missing_and_shapes_stay() -> None:
    t = np.array([[np.nan, 0.0], [2.0, np.inf]])
    found = log10p_t(t, df=10)
    assert found.shape == (2, 2)
    assert np.isnan(found[0, 0]) and found[0, 1] == 0 and found[1, 1] == np.inf
    assert log10p_t([], df=3).shape == (0,)
    np.testing.assert_array_equal(log10p_share(np.array([1.0, 0.0]), df=4), [np.inf, 0])


@pytest.mark.parametrize(("m", "df"), [(1, 9), (3, 10), (384, 45_000), (64, 900)])
def test_f_against_scipy_and_the_scalar(m: int, df: int) -> None:
    rng = np.random.default_rng(m)
    r2 = np.concatenate([rng.uniform(0, 3 * m / df, 200) % 1, [0, 0.5, 0.9, 1]])
    found = log10p_f(r2, df_model=m, df_residual=df)
    scalar = [log10p_r2(share, df_model=m, df_residual=df) for share in r2]
    np.testing.assert_allclose(found, scalar, rtol=1e-9, atol=1e-12)
    f = r2[:200] / (1 - r2[:200]) * df / m
    p = stats.f.sf(f, m, df)
    some = p > 1e-300
    np.testing.assert_allclose(
        found[:200][some], -np.log10(p[some]), rtol=1e-8, atol=1e-15
    )


def test_f_without_a_share_or_degrees() -> None:
    assert np.isnan(log10p_f(np.nan, df_model=2, df_residual=5))
    with pytest.raises(InputError, match="0 degrees of freedom"):
        log10p_t([1.0], df=0)
    with pytest.raises(InputError, match="3 and 0 degrees of freedom"):
        log10p_f([0.5], df_model=3, df_residual=0)
