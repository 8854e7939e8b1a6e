"""Tails of many tests at once: −log10 p from logarithms, without underflow.

Those of t and F go through the share r² that a regression explains:
p = I_{1−r²}(d/2, m/2) of the F-test with m and d degrees of freedom, with
r² = t²/(t² + d) and m = 1 for a t.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln, gammaincc, gammaln, log_ndtr

from edp_core.errors import ConvergenceError, InputError

Floats = NDArray[np.float64]
_STEP = 1 / 32
"""Distance of the table's nodes; the test bounds the relative error by 10⁻⁷."""
_END = 64.0
"""Where the table ends, near p = 10⁻⁸⁹⁰; beyond, each p is computed."""


def log10p_z(z: ArrayLike) -> Floats:
    """−log10 of the two-sided p of standard normal z; any shape, NaN stays."""
    far = np.abs(np.asarray(z, dtype=np.float64))
    tail = -(log_ndtr(-far) + np.log(2)) / np.log(10)
    return np.asarray(np.maximum(tail, 0.0), np.float64)


def log10p_chi2(chi2: float, *, df: int) -> float:
    """−log10 of P(χ² with ``df`` degrees of freedom > chi2).

    Notes
    -----
    Γ(a, x)/Γ(a) with a = df/2 and x = chi2/2; where that underflows, its logarithm
    from the continued fraction of Γ(a, x), DLMF 8.9.2, by Lentz's method.
    """
    a, x = df / 2, max(float(chi2), 0.0) / 2
    p = float(gammaincc(a, x))
    if p > 1e-280 or not np.isfinite(x):
        return float(max(0.0, -np.log10(p))) if p > 0 else float(x)
    b, d = x + 1 - a, 1 / (x + 1 - a)
    value, c = d, 1e300
    for i in range(1, 10_000):
        term, b = -i * (i - a), b + 2
        d, c = 1 / (term * d + b), b + term / c
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    log_p = a * np.log(x) - x - float(gammaln(a)) + np.log(value)
    return float(-log_p / np.log(10))


def log10p_t(t: ArrayLike, *, df: int) -> Floats:
    """−log10 of the two-sided p of many t with one number of degrees of freedom.

    Parameters
    ----------
    t
        Any shape; NaN = not tested.
    df
        Degrees of freedom, at least 1.

    Returns
    -------
    As ``t``, at least 0; NaN stays, an infinite t has an infinite one.

    Raises
    ------
    InputError
        For less than one degree of freedom.

    Notes
    -----
    Cubic Hermite interpolation in s = √(d·ln(1 + t²/d)) with the exact derivative
    −2f(t)/p · dt/ds at nodes 1/32 apart, f being t's density. In s the logarithm of p
    is smooth for every d, near −s²/2 far out, and s is t where t is small. Relative
    error below 10⁻⁷; a million take some 10 ms. A t above 10¹⁵⁰ counts as infinite.
    """
    tested = np.asarray(t, dtype=np.float64)
    if df < 1:
        raise InputError(f"a t-test with {df} degrees of freedom", "use more people")
    # the square of a vast t is infinite, and so is its figure
    with np.errstate(over="ignore"):
        s = np.square(tested)
        s /= df
    np.log1p(s, out=s)
    s *= df
    np.sqrt(s, out=s)
    return _interpolated(s, df)


def log10p_share(r2: Floats, *, df: int) -> Floats:
    """−log10 p of many t-tests from the shares of variance they explain.

    Parameters
    ----------
    r2
        Any shape: t²/(t² + df), 0 to 1; NaN = not tested.
    df
        Degrees of freedom, at least 1.

    Returns
    -------
    As `log10p_t` of those t, by the same table; infinite where ``r2`` is 1.
    """
    with np.errstate(divide="ignore"):
        s = np.log1p(-r2)
    s *= -df
    np.sqrt(s, out=s)
    return _interpolated(s, df)


def _interpolated(s: Floats, df: int) -> Floats:
    """−log10 p of s = √(d·ln(1 + t²/d)) ≥ 0."""
    table = _table(df)
    place = s * (1 / _STEP)
    inside = place < table.shape[1]
    whole = bool(inside.all())
    cell = (place if whole else np.where(inside, place, 0)).astype(np.intp)
    place -= cell
    figure: Floats
    figure, second, first, zeroth = (row.take(cell) for row in table)
    figure *= place
    figure += second
    figure *= place
    figure += first
    figure *= place
    figure += zeroth
    if not whole:
        beyond = ~inside
        figure[beyond] = _log10p(-np.square(s[beyond]) / df, df / 2, 0.5)
    return figure


@lru_cache(maxsize=32)
def _table(df: int) -> Floats:
    """(4, cells): coefficients of the cubic in each cell, of the third power first."""
    s = np.arange(0, _END + _STEP / 2, _STEP)
    value = _log10p(-np.square(s) / df, df / 2, 0.5)
    # f(t) = (1 + t²/d)^{−(d+1)/2} / (√d·B(½, d/2)); dt/ds = s(1 + t²/d)/t, 1 at 0
    shrunk = -np.square(s) / df  # −ln(1 + t²/d)
    logf = (df + 1) / 2 * shrunk - np.log(df) / 2 - betaln(0.5, df / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        # ln(t·(1 + t²/d)⁻¹) without t, which overflows for few degrees of freedom
        log_t = np.log(-np.expm1(shrunk) * df) / 2 - shrunk / 2
        log_rate = np.log(s) - shrunk - log_t
    log_rate[0] = 0
    slope = 2 / np.log(10) * np.exp(logf + value * np.log(10) + log_rate) * _STEP
    low, high, left, right = value[:-1], value[1:], slope[:-1], slope[1:]
    rise = high - low
    return np.array([left + right - 2 * rise, 3 * rise - 2 * left - right, left, low])


def log10p_f(r2: ArrayLike, *, df_model: int, df_residual: int) -> Floats:
    """−log10 p of many F-tests with the same degrees of freedom.

    Parameters
    ----------
    r2
        Any shape: shares of variance explained, 0 to 1; NaN = not tested.
    df_model, df_residual
        Columns beyond those adjusted for, and what is left of the people.

    Returns
    -------
    As ``r2``, at least 0; infinite where ``r2`` is 1, NaN where it is missing.

    Raises
    ------
    InputError
        For less than one degree of freedom.
    """
    if df_model < 1 or df_residual < 1:
        raise InputError(
            f"an F-test with {df_model} and {df_residual} degrees of freedom",
            "use more people or fewer axes",
        )
    share = np.clip(np.asarray(r2, dtype=np.float64), 0, 1)
    with np.errstate(divide="ignore"):
        return _log10p(np.log1p(-share), df_residual / 2, df_model / 2)


def _log10p(log_x: Floats, a: float, b: float) -> Floats:
    """−log10 I_x(a, b) of ln x."""
    x, r2 = np.exp(log_x), -np.expm1(log_x)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = betainc(a, b, x)
        # near 1 the complement keeps the digits
        logp = np.where(p > 0.5, np.log1p(-betainc(b, a, r2)), np.log(p))
        far = (p < 1e-280) & (log_x > -np.inf)
        if far.any():
            front = a * log_x[far] + b * np.log(r2[far]) - np.log(a) - betaln(a, b)
            logp[far] = front - np.log(_beta_fraction(a, b, x[far]))
        figure: Floats = np.maximum(-logp / np.log(10), 0.0) + 0.0
    return figure


def _beta_fraction(a: float, b: float, x: Floats) -> Floats:
    """1 + d1/(1 + d2/(1 + …)) of DLMF 8.17.22, by Lentz's method."""
    value, c, d = np.ones_like(x), np.ones_like(x), np.zeros_like(x)
    for step in range(1, 10_000):
        k = step // 2
        if step % 2:
            term = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
        else:
            term = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
        d = 1 / _not_zero(1 + term * d)
        c = _not_zero(1 + term / c)
        value *= c * d
        if np.all(np.abs(c * d - 1) < 1e-15):
            return value
    raise ConvergenceError(
        "the incomplete beta function did not settle", "report this with the counts"
    )


def _not_zero(value: Floats) -> Floats:
    return np.where(np.abs(value) > 1e-300, value, 1e-300)
