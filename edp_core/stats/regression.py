"""Least squares, correlation, and their p in log space."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import svd
from scipy.special import betainc, betaln, gammaln, ncfdtr, ndtri, xlogy

from edp_core.errors import ConvergenceError, InputError

Floats = NDArray[np.float64]
_Z95 = float(ndtri(0.975))


class Correlation(NamedTuple):
    """Pearson's r, its 95 % interval, −log10 p, and the pairs it rests on."""

    r: float
    low: float
    high: float
    log10p: float
    n: int


def residualise(y: ArrayLike, factors: ArrayLike) -> tuple[Floats, int]:
    """What is left of each column after least squares on factors and an intercept.

    Parameters
    ----------
    y
        (n, k) or (n,), no missing values.
    factors
        (n, f), no missing values; may be collinear or empty.

    Returns
    -------
    residuals
        As ``y``, float64, in the unit of ``y``; every column has mean 0.
    rank
        Rank of [1, factors]; the residuals have n − rank degrees of freedom.

    Raises
    ------
    InputError
        Where rows do not meet or a value is missing or infinite.

    Notes
    -----
    y − V(VᵀV)⁺Vᵀy with V = [1, factors], through the singular vectors of the
    centred factors scaled to unit length, so that units do not decide the rank.
    """
    left = np.asarray(y, dtype=np.float64)
    right = np.asarray(factors, dtype=np.float64)
    if right.ndim != 2 or left.ndim not in (1, 2) or len(left) != len(right):
        raise InputError(
            f"y of shape {left.shape} does not meet factors of shape {right.shape}",
            "give one row for each participant in both",
        )
    for name, part in (("y", left), ("factors", right)):
        bad = int(np.count_nonzero(~np.isfinite(part)))
        if bad:
            raise InputError(
                f"{bad} values of {name} are missing or infinite",
                "fill them or leave those rows out first",
            )
    rest = left - left.mean(axis=0)
    centred = right - right.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    # A constant column keeps rounding noise only; it must not count as a factor.
    scale = np.sqrt(len(right)) * np.maximum(
        np.abs(right).max(axis=0, initial=0), 1e-300
    )
    varying = length > 1e-12 * scale
    if not np.any(varying):
        return rest, 1
    u, singular, _ = svd(centred[:, varying] / length[varying], full_matrices=False)
    basis = u[:, singular > 1e-10 * singular[0]]
    # Twice is enough: the second pass takes out the rounding of the first.
    for _ in range(2):
        rest = rest - basis @ (basis.T @ rest)
    return rest - rest.mean(axis=0), 1 + basis.shape[1]


def sweep_in(gram: Floats, column: int) -> bool:
    """Take one more column into a regression, in place.

    Parameters
    ----------
    gram
        (f, f) products of centred columns of unit length; after columns S were taken
        in, its block of the others holds the products of their residuals given S, and
        row i of S, column j of the others, the coefficient of i in j.
    column
        Which one.

    Returns
    -------
    Whether it was taken in; not where those taken in before leave less than 10⁻⁹ of
    its variance: it is collinear with them, and ``gram`` stays as it is.

    Notes
    -----
    The sweep operator (Goodnight 1979, doi 10.1080/00031305.1979.10482685).
    """
    pivot = float(gram[column, column])
    if pivot < 1e-9:
        return False
    # the matrix is not symmetric: what is in and what is out differ by a sign
    row, beside = gram[column] / pivot, gram[:, column].copy()
    gram -= np.outer(beside, row)
    gram[column] = row
    gram[:, column] = -beside / pivot
    gram[column, column] = 1 / pivot
    return True


def pearson(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Pearson's correlation over the pairs where both are there.

    Parameters
    ----------
    x, y
        (n,) numbers; NaN = missing.

    Returns
    -------
    Correlation
        ``r`` NaN with fewer than 3 pairs or where either is constant. The interval
        is Fisher's (arctanh r ± 1.96/√(n − 3)), NaN with fewer than 4 pairs. −log10 p
        is that of the t-test with n − 2 degrees of freedom, from logarithms.

    Raises
    ------
    InputError
        Where shapes do not meet or a value is infinite.
    """
    first = np.asarray(x, dtype=np.float64)
    second = np.asarray(y, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise InputError(
            f"x of shape {first.shape} does not meet y of shape {second.shape}",
            "give two columns with one row for each participant",
        )
    if np.any(np.isinf(first)) or np.any(np.isinf(second)):
        raise InputError("a value is infinite", "mark it as missing or mend it")
    both = ~(np.isnan(first) | np.isnan(second))
    n = int(np.count_nonzero(both))
    nothing = Correlation(np.nan, np.nan, np.nan, np.nan, n)
    if n < 3:
        return nothing
    a, b = (_unit(part[both]) for part in (first, second))
    if a is None or b is None:
        return nothing
    r = float(np.clip(a @ b, -1, 1))
    p = log10p_r2(r * r, df_model=1, df_residual=n - 2)
    if n < 4:
        return Correlation(r, np.nan, np.nan, p, n)
    with np.errstate(divide="ignore"):
        middle = np.arctanh(r)
    half = _Z95 / np.sqrt(n - 3)
    return Correlation(
        r, float(np.tanh(middle - half)), float(np.tanh(middle + half)), p, n
    )


def log10p_r2(r2: float, *, df_model: int, df_residual: int) -> float:
    """−log10 p of the F-test that a regression explains nothing.

    Parameters
    ----------
    r2
        Share of variance explained, 0 to 1.
    df_model, df_residual
        Columns beyond the intercept, and n − rank.

    Returns
    -------
    −log10 p ≥ 0; infinite for r2 = 1, NaN without degrees of freedom.

    Notes
    -----
    p = I_{1−r²}(df_residual/2, df_model/2). Where that underflows, its logarithm
    comes from the continued fraction of the incomplete beta function (DLMF 8.17.22).
    """
    if df_model < 1 or df_residual < 1 or np.isnan(r2):
        return float("nan")
    if r2 >= 1:
        return float("inf")
    a, b, x = df_residual / 2, df_model / 2, 1 - r2
    p = float(betainc(a, b, x))
    if p > 1e-280:
        return max(0.0, -float(np.log10(p)))  # in this order: −0.0 is no figure
    front = a * np.log1p(-r2) + b * np.log(r2) - np.log(a) - float(betaln(a, b))
    return float(-(front - np.log(_beta_fraction(a, b, x))) / np.log(10))


def noncentral_f_below(
    f: float, *, df_model: int, df_residual: int, noncentrality: float
) -> float:
    """Probability that a noncentral F lies below ``f``.

    Notes
    -----
    SciPy's, where it is a number; its series gives up for some large noncentralities.
    There it is the mixture Σ_j Poisson(j; nc/2) · I_x(df_model/2 + j, df_residual/2),
    x = df_model·f/(df_model·f + df_residual), summed within nine standard deviations
    in steps of a quarter of one: terms so smooth need no more.
    """
    below = float(ncfdtr(df_model, df_residual, noncentrality, f))
    return (
        below
        if np.isfinite(below)
        else _mixture_below(f, df_model / 2, df_residual / 2, half=noncentrality / 2)
    )


def _mixture_below(f: float, a: float, b: float, *, half: float) -> float:
    sd = np.sqrt(half)
    start = max(0, int(half - 9 * sd))
    terms = np.arange(start, half + 9 * sd + 30, max(1, int(sd / 4)))
    log_weights = xlogy(terms, half) - gammaln(terms + 1)
    weights = np.exp(log_weights - log_weights.max())
    values = betainc(a + terms, b, a * f / (a * f + b))
    return min(float(weights @ values / weights.sum()), 1.0)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """1 + d1/(1 + d2/(1 + …)) of DLMF 8.17.22, by Lentz's method."""
    tiny = 1e-300
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, 10_000):
        k = step // 2
        if step % 2:
            term = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
        else:
            term = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
        d = 1 + term * d
        d = 1 / (d if abs(d) > tiny else tiny)
        c = 1 + term / c
        c = c if abs(c) > tiny else tiny
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            return value
    raise ConvergenceError(
        "the incomplete beta function did not settle", "report this with the counts"
    )


def _unit(values: Floats) -> Floats | None:
    """Centred and of length 1; None for a constant."""
    centred = values - values.mean()
    length = float(np.linalg.norm(centred))
    scale = float(np.abs(values).max()) * np.sqrt(values.size)
    return centred / length if length > 1e-13 * scale else None
