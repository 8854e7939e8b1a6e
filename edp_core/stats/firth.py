"""Firth's penalised likelihood of a batch of logistic regressions.

ℓ*(θ) = ℓ(θ) + ½ log det I(θ) has a maximum where the likelihood has none (Firth 1993;
Heinze & Schemper 2002, doi 10.1002/sim.1047).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edp_core.stats.newton import Batch, Sums, inverses

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_DOUBLE = np.dtype(np.float64)
_ROUNDS, _HALVINGS = 100, 20
_STEP = 5.0
_THERE = 1e-7


class Penalised(NamedTuple):
    """Last coefficient, standard error, ℓ*, and whether they were found; each (k,)."""

    beta: Floats
    error: Floats
    value: Floats
    good: Bools


def firth(sums: Sums, batch: Batch, *, without: bool = False) -> Penalised:
    """Maximum of the penalised likelihood, by Newton's method, steps halved.

    Parameters
    ----------
    sums, batch
        Columns and outcomes.
    without
        Holds the last coefficient at 0; the penalty stays that of all columns, so that
        twice the difference of the two ``value`` is χ² with one degree of freedom.

    Notes
    -----
    With h the diagonal of the hat matrix, V = I⁻¹ and w = p(1 − p), the gradient is
    Xᵀ(y − p + h(½ − p)) and the second derivatives, negated, are
    I − ½ Σ h(1 − 6w) xxᵀ + ½ [tr(V A_j V A_k)]_jk, A_j = Σ w(1 − 2p) x_j xxᵀ.
    Where that is not positive definite, I + Σ h w xxᵀ shows the way.
    """
    k = len(batch.n)
    theta = batch.start()
    free = batch.kept.copy()
    if without:
        free[:, -1] = False
    active, good = np.arange(k), np.zeros(k, bool)
    part = batch
    value, covariance = _value(sums, part, theta)
    for _ in range(_ROUNDS):
        step = _direction(
            sums, part, theta[:, active], free=free[active],
            covariance=covariance[active],
        )  # fmt: skip
        moved = np.abs(step).max(axis=1)
        moved[~np.isfinite(moved)] = np.inf
        step *= np.minimum(1, _STEP / np.maximum(moved, _STEP))[:, None]
        waiting = np.flatnonzero(np.isfinite(moved))
        for halving in range(_HALVINGS):
            if not len(waiting):
                break
            rows = active[waiting]
            there = theta[:, rows] + step[waiting].T / 2**halving
            reached, spread = _value(sums, part.among(waiting), there)
            slack = 1e-10 * (1 + np.abs(value[rows]))
            up = reached >= value[rows] - slack
            theta[:, rows[up]] = there[:, up]
            value[rows[up]], covariance[rows[up]] = reached[up], spread[up]
            waiting = waiting[~up]
        good[active] = moved < _THERE
        stuck = ~np.isfinite(moved)
        stuck[waiting] = True
        active = active[~(stuck | good[active])]
        if not len(active):
            break
        part = batch.among(active)
    error = np.sqrt(np.maximum(covariance[:, -1, -1], 0))
    return Penalised(theta[-1], error, value, good & (error > 0))


def _value(sums: Sums, batch: Batch, theta: Floats) -> tuple[Floats, Floats]:
    """ℓ* (k,), −∞ where it has none, and the inverse information (k, f, f)."""
    x, counted = sums.of[_DOUBLE][0], batch.counted
    information = sums.at(theta, counted, _DOUBLE)[1]
    whole = np.zeros(theta.shape[1])
    size = max(1, 65_536 // theta.shape[1])
    for start in range(0, len(x), size):
        eta = x[start : start + size] @ theta
        each = np.maximum(eta, 0) + np.log1p(np.exp(-np.abs(eta)))
        whole += np.sum(
            each if counted is None else each * counted[start : start + size], axis=0
        )
    both = batch.kept[:, :, None] & batch.kept[:, None, :]
    filled = np.where(both, information, 0.0)
    ends = np.arange(sums.width)
    filled[:, ends, ends] += ~batch.kept
    sign, logarithm = np.linalg.slogdet(filled)
    value = np.einsum("fk,fk->k", batch.target, theta) - whole + logarithm / 2
    spread = inverses(information, batch.kept)
    fine = (sign > 0) & np.isfinite(value) & np.isfinite(spread).all(axis=(1, 2))
    return np.where(fine, value, -np.inf), spread


def _direction(
    sums: Sums,
    batch: Batch,
    theta: Floats,
    *,
    free: Bools,
    covariance: Floats,
) -> Floats:
    """Newton's step (k, f)."""
    x, pairs = sums.of[_DOUBLE]
    width, k = theta.shape
    twice = np.where(sums.upper[0] == sums.upper[1], 1, 2)
    folded = (covariance[:, sums.upper[0], sums.upper[1]] * twice).T
    expected = np.zeros((width, k))
    fisher, bent, augmented = np.zeros((3, pairs.shape[1], k))
    third = np.zeros((width, pairs.shape[1], k))
    with np.errstate(over="ignore", under="ignore"):
        for rows, p, w in sums.blocks(theta, batch.counted, _DOUBLE):
            square = pairs[rows].T
            hat = (pairs[rows] @ folded) * w
            fisher += square @ w
            augmented += square @ (hat * w)
            bent += square @ (hat * (1 - 6 * w))
            expected += x[rows].T @ (p + hat * (p - 0.5))
            slope = w * (1 - 2 * p)
            for j in range(width):
                third[j] += square @ (slope * x[rows, j : j + 1])
    information = sums.square(fisher)
    a = np.stack([sums.square(part) for part in third], axis=1)
    va = np.einsum("kab,kjbc->kjac", covariance, a)
    traces = np.einsum("kjac,klca->kjl", va, va)
    exact = information - sums.square(bent) / 2 + traces / 2
    score = (batch.target - expected).T * free
    way = inverses(exact, free)
    rough = ~_positive(exact, free)
    if rough.any():
        safe = information[rough] + sums.square(augmented)[rough]
        way[rough] = inverses(safe, free[rough])
    return np.asarray(np.einsum("kij,kj->ki", way, score), np.float64)


def _positive(matrices: Floats, free: Bools) -> Bools:
    """(k,) whether they are positive definite in the free columns."""
    held = np.where(free[:, :, None] & free[:, None, :], matrices, 0.0)
    ends = np.arange(held.shape[1])
    held[:, ends, ends] += ~free
    fine = np.isfinite(held).all(axis=(1, 2))
    lowest = np.full(len(held), -1.0)
    lowest[fine] = np.linalg.eigvalsh(held[fine])[:, 0]
    return np.asarray(lowest > 0, np.bool_)
