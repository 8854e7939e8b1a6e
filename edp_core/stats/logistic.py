"""Logistic regression of one outcome on many groups in turn, covariates beside."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtri

from edp_core.errors import InputError
from edp_core.stats.tails import log10p_z

Floats = NDArray[np.float64]
_Z95 = float(ndtri(0.975))
_ROUNDS = 60
_STEP = 2.0
"""Longest step of a coefficient, so that a bad start does not throw it away."""
_CONVERGED = 1e-9
_TOLD = 1e-8
"""Share of a group that covariates must leave untold for its odds ratio to exist."""
_ENDLESS = 12.0
"""Coefficient of a standardised covariate that only separation brings about."""


class Patterns(NamedTuple):
    """Participants told apart by their covariates alone.

    Attributes
    ----------
    values
        (n_patterns, f + 1) intercept and standardised covariates, each row once.
    of
        (n,) pattern of each participant.
    """

    values: Floats
    of: NDArray[np.int64]


class Fit(NamedTuple):
    """Log odds ratio of each group with its standard error, each (n_groups,).

    ``firth`` tells where the estimate is penalised because ordinary likelihood has no
    maximum; NaN where even that did not converge. ``confounded`` tells where covariates
    tell the group, so that data know nothing of the odds ratio; NaN too.
    """

    log_odds: Floats
    error: Floats
    firth: NDArray[np.bool_]
    confounded: NDArray[np.bool_]


def patterns(covariates: ArrayLike) -> Patterns:
    """Distinct rows of covariates, standardised, collinear columns left out.

    Parameters
    ----------
    covariates
        (n, f), no missing values; may have no column.

    Raises
    ------
    InputError
        Where a value is missing or infinite.
    """
    given = np.asarray(covariates, dtype=np.float64)
    if given.ndim != 2 or not np.isfinite(given).all():
        raise InputError(
            f"covariates of shape {given.shape} have missing or infinite values",
            "give one row for each participant; fill or leave out what is missing",
        )
    rows, of = np.unique(given, axis=0, return_inverse=True)
    mean = given.mean(axis=0) if len(given) else np.zeros(given.shape[1])
    spread = given.std(axis=0) if len(given) else np.ones(given.shape[1])
    varies = np.flatnonzero(spread > 1e-12 * np.maximum(np.abs(mean), 1e-300))
    columns = (rows[:, varies] - mean[varies]) / spread[varies]
    values = np.column_stack([np.ones(len(rows)), columns])
    return Patterns(values[:, _independent(values)], of.ravel().astype(np.int64))


def group_odds(values: Floats, total: Floats, *, inside: Floats, cases: Floats) -> Fit:
    """Odds ratio of being in a group, adjusted for covariates, for many groups.

    One model a group: logit P(case) = xᵀβ + γ·[in the group].

    Parameters
    ----------
    values
        (n_patterns, f + 1) of `Patterns`.
    total
        (n_patterns,) participants of each pattern.
    inside
        (n_patterns, n_groups) participants of each pattern within each group.
    cases
        (n_patterns, n_groups + 1) cases of each pattern within each group, and, in
        the last column, of all.

    Returns
    -------
    Fit
        Of γ for each group. Groups whose 2 × 2 table has an empty cell, or in whose
        model a covariate tells cases and others apart, have Firth's estimate. Groups
        that covariates tell (the women, where sex is one), and groups of nobody or of
        everybody, have none: any γ is made up for by β.

    Notes
    -----
    Newton's method on all groups at once: participants of one pattern are alike but
    for their group, so sums run over patterns. It begins at the raw odds ratio, from
    which it converges in a few rounds. Firth (1993) adds half the logarithm of the
    information's determinant to the likelihood.
    """
    within, everyone = cases[:, :-1], cases[:, -1]
    # among those of one sex, sex is one more intercept
    values = values[:, _independent(values[total > 0])]
    confounded = _told(values, total, inside)
    open_ = np.flatnonzero(~confounded)
    log_odds, error = np.full((2, inside.shape[1]), np.nan)
    firth = np.zeros(inside.shape[1], bool)
    log_odds[open_], error[open_], firth[open_] = _fitted(
        values, total, inside=inside[:, open_], within=within[:, open_], cases=everyone
    )
    return Fit(log_odds, error, firth, confounded)


def _told(values: Floats, total: Floats, inside: Floats) -> NDArray[np.bool_]:
    """Groups, (n_groups,), whose members are a linear function of the covariates.

    What regression on the covariates leaves of a group's 0 and 1 is Σ (1 − fitted)
    over its members.
    """
    used = total > 0
    root = np.sqrt(total[used])[:, None]
    basis = np.linalg.qr(values[used] * root)[0]
    size = inside.sum(axis=0)
    left = size - np.sum((basis.T @ (inside[used] / root)) ** 2, axis=0)
    return np.asarray(left <= _TOLD * size)


def _fitted(
    values: Floats, total: Floats, *, inside: Floats, within: Floats, cases: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """γ, its standard error, and whether they are Firth's, of identified groups."""
    table = np.stack(
        [
            within.sum(axis=0),
            (inside - within).sum(axis=0),
            cases.sum() - within.sum(axis=0),
            total.sum() - cases.sum() - (inside - within).sum(axis=0),
        ]
    )
    odds = np.log(table + 0.5)
    start = np.zeros((values.shape[1] + 1, inside.shape[1]))
    start[0] = odds[2] - odds[3]
    start[-1] = odds[0] - odds[1] - odds[2] + odds[3]
    outside = total[:, None] - inside
    found, error, settled = _newton(
        values, start, inside=inside, outside=outside, within=within, everyone=cases
    )
    settled &= np.all(table > 0, axis=0)
    settled &= np.all(np.abs(found[1:]) < _ENDLESS, axis=0)
    firth = ~settled
    for q in np.flatnonzero(firth):
        x = np.concatenate(
            [
                np.column_stack([values, np.ones(len(values))]),
                np.column_stack([values, np.zeros(len(values))]),
            ]
        )
        people = np.concatenate([inside[:, q], outside[:, q]])
        ill = np.concatenate([within[:, q], cases - within[:, q]])
        found[-1, q], error[q] = _firth(x, people, cases=ill, start=start[:, q])
    return found[-1], error, firth


def wald(fit: Fit) -> tuple[Floats, Floats, Floats, Floats]:
    """Odds ratio, its 95 % interval, and −log10 of Wald's two-sided p."""
    ends = (np.exp(fit.log_odds + s * _Z95 * fit.error) for s in (0, -1, 1))
    middle, low, high = ends
    return middle, low, high, log10p_z(fit.log_odds / fit.error)


def _independent(values: Floats) -> NDArray[np.int64]:
    """Columns that are no combination of those before them; the first is kept."""
    kept = [0]
    for j in range(1, values.shape[1]):
        column, basis = values[:, j], values[:, kept]
        rest = column - basis @ np.linalg.lstsq(basis, column, rcond=None)[0]
        if np.linalg.norm(rest) > 1e-8 * np.linalg.norm(column):
            kept.append(j)
    return np.array(kept, dtype=np.int64)


def _newton(
    values: Floats,
    start: Floats,
    *,
    inside: Floats,
    outside: Floats,
    within: Floats,
    everyone: Floats,
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Coefficients (f + 2, n_groups), standard error of the last, and convergence."""
    theta, width = start.copy(), values.shape[1]
    products = (values[:, :, None] * values[:, None, :]).reshape(len(values), -1)
    observed = np.concatenate(
        [np.repeat((values.T @ everyone)[:, None], inside.shape[1], 1),
         within.sum(axis=0)[None]]
    )  # fmt: skip
    information = np.zeros((inside.shape[1], width + 1, width + 1))
    moved = np.full(inside.shape[1], np.inf)
    for _ in range(_ROUNDS):
        eta = values @ theta[:-1]
        p_out, p_in = expit(eta), expit(eta + theta[-1])
        fitted_in = inside * p_in
        fitted = fitted_in + outside * p_out
        w_in = fitted_in * (1 - p_in)
        w = w_in + outside * p_out * (1 - p_out)
        score = observed - np.concatenate(
            [values.T @ fitted, fitted_in.sum(axis=0)[None]]
        )
        information[:, :-1, :-1] = (products.T @ w).T.reshape(-1, width, width)
        information[:, -1, :-1] = information[:, :-1, -1] = (values.T @ w_in).T
        information[:, -1, -1] = w_in.sum(axis=0)
        # an information that fades away is separation: held up, and seen as endless
        ends = range(width + 1)
        held_up = 1e-12 * (1 + information[:, ends, ends].max(axis=1))
        information[:, ends, ends] += held_up[:, None]
        step = np.linalg.solve(information, score.T[:, :, None])[:, :, 0].T
        moved = np.abs(step).max(axis=0)
        if not np.isfinite(moved).all():
            break
        theta += np.clip(step, -_STEP, _STEP)
        if np.all((moved < _CONVERGED) | np.any(np.abs(theta[1:]) > 30, axis=0)):
            break
    with np.errstate(invalid="ignore"):
        error = np.sqrt(np.linalg.inv(information)[:, -1, -1])
    return theta, error, (moved < 1e-6) & np.isfinite(error)


def _firth(
    x: Floats, people: Floats, *, cases: Floats, start: Floats
) -> tuple[float, float]:
    """Penalised estimate and standard error of the last coefficient, identified."""
    theta = np.clip(start, -5.0, 5.0)
    used = people > 0
    x, people, cases = x[used], people[used], cases[used]
    for _ in range(8 * _ROUNDS):
        p = expit(x @ theta)
        w = people * p * (1 - p)
        try:
            covariance = np.linalg.inv(x.T @ (x * w[:, None]))
        except np.linalg.LinAlgError:  # weights have faded away
            break
        hat = w * np.sum(x @ covariance * x, axis=1)
        step = covariance @ (x.T @ (cases - people * p + hat * (0.5 - p)))
        theta = theta + np.clip(step, -0.5, 0.5)
        if np.abs(step).max() < _CONVERGED and covariance[-1, -1] > 0:
            return float(theta[-1]), float(np.sqrt(covariance[-1, -1]))
    return float("nan"), float("nan")
