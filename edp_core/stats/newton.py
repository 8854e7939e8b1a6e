"""Maximum likelihood of a batch of logistic regressions on the same columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
_ROUNDS, _PATIENCE = 30, 15
_STEP = 2.0
"""Longest step of a standardised coefficient: a bad start must not throw it away."""
_LONG = 0.3
"""Steps still as long when patience ends: a coefficient that runs off."""
_ROUGH, _NEAR, _THERE = 0.05, 3e-4, 1e-6
"""Steps at which some of the people, single precision, and all have done their part.

Steps shrink as their squares: after one of 10⁻⁶ nothing is left to gain.
"""
_THIN = 8
"""Every which person the first steps look at."""
_CELLS, _LEAST, _MOST = 65_536, 1024, 4096
"""People × outcomes at a time, so that what is worked on stays in the cache."""


class Batch(NamedTuple):
    """Outcomes fitted together.

    Attributes
    ----------
    target
        (f, k) sums of the columns over the cases.
    kept
        (k, f) columns that enter an outcome's model.
    n, n_cases
        (k,) people who count, and cases.
    counted
        (n_people, k) bool, who counts; None where everybody does.
    """

    target: Floats
    kept: Bools
    n: Ints
    n_cases: Ints
    counted: Bools | None

    def among(self, at: Ints) -> Batch:
        """The same for some of the outcomes."""
        # np.take keeps people's rows together; an index would give columns
        counted = None if self.counted is None else self.counted.take(at, axis=1)
        return Batch(
            self.target[:, at], self.kept[at], self.n[at], self.n_cases[at], counted
        )

    def start(self) -> Floats:
        """(f, k) coefficients of nothing but the share of cases."""
        theta = np.zeros(self.target.shape)
        theta[0] = np.log(self.n_cases + 0.5) - np.log(self.n - self.n_cases + 0.5)
        return theta


class Sums:
    """Sums over people that likelihoods need, block by block.

    Parameters
    ----------
    x
        (n, f) columns, the first the intercept.
    """

    def __init__(self, x: Floats) -> None:
        self.width, self.scale = x.shape[1], 1.0
        self.upper = np.triu_indices(self.width)
        pairs = x[:, self.upper[0]] * x[:, self.upper[1]]
        self._pairs = pairs
        self.of: dict[np.dtype, tuple[Any, Any]] = {
            np.dtype(kind): (x.astype(kind), pairs.astype(kind))
            for kind in (np.float32, np.float64)
        }
        self.thin: tuple[Sums, slice] | None = None
        if len(x) >= _THIN * _LEAST:
            rows = slice(None, None, _THIN)
            self.thin = Sums(x[rows]), rows
            self.thin[0].scale = len(x) / len(x[rows])

    def square(self, upper: Floats) -> Floats:
        """(k, f, f) symmetric matrices of their upper triangles, (q, k)."""
        whole = np.empty((upper.shape[1], self.width, self.width))
        whole[:, self.upper[0], self.upper[1]] = upper.T
        whole[:, self.upper[1], self.upper[0]] = upper.T
        return whole

    def gram(self) -> Floats:
        """(f, f) products of the columns over everybody."""
        whole: Floats = self.square(self._pairs.sum(axis=0)[:, None])[0]
        return whole

    def gram_among(self, people: sparse.csc_array) -> Floats:
        """(k, f, f) the same over those marked in each column of ``people``."""
        return self.square(np.asarray(people.T @ self._pairs).T)

    def blocks(
        self, theta: Floats, counted: Bools | None, kind: np.dtype
    ) -> Iterator[tuple[slice, Any, Any]]:
        """Rows, P(case) and its variance for each block; buffers that are reused."""
        x, _ = self.of[kind]
        short = -theta.astype(kind)
        size = min(_MOST, max(_LEAST, _CELLS // theta.shape[1]), len(x))
        room_p, room_w = np.empty((2, size, theta.shape[1]), kind)
        for start in range(0, len(x), size):
            rows = slice(start, min(start + size, len(x)))
            p, w = (room[: rows.stop - start] for room in (room_p, room_w))
            np.matmul(x[rows], short, out=w)
            np.exp(w, out=w)  # infinite for the surely well: p is then 0
            w += 1
            np.reciprocal(w, out=p)
            if counted is not None:
                p *= counted[rows]
            np.multiply(p, p, out=w)
            np.subtract(p, w, out=w)
            yield rows, p, w

    def at(
        self,
        theta: Floats,
        counted: Bools | None,
        kind: np.dtype,
        *,
        single: bool = False,
    ) -> tuple[Floats, Floats]:
        """Expected sums (f, k), and information (k, f, f), at some coefficients.

        ``single`` sums the information in single precision, whatever the kind.
        """
        x, pairs = self.of[kind]
        if single:
            pairs = self.of[np.dtype(np.float32)][1]
        expected = np.zeros(theta.shape)
        information = np.zeros((pairs.shape[1], theta.shape[1]))
        with np.errstate(over="ignore", under="ignore"):
            for rows, p, w in self.blocks(theta, counted, kind):
                information += pairs[rows].T @ w.astype(pairs.dtype, copy=False)
                expected += x[rows].T @ p
        return expected * self.scale, self.square(information * self.scale)


def maximum(sums: Sums, batch: Batch) -> tuple[Floats, Floats, Bools]:
    """Last coefficient, its standard error, and whether they were found; each (k,).

    Newton's method: where there are many people, first with every eighth of those who
    are expected to be cases (all true cases enter), then with everybody in single, then
    in double precision. Not found are outcomes whose coefficients run off.
    """
    theta = batch.start()
    if sums.thin is not None:
        some, rows = sums.thin
        counted = None if batch.counted is None else batch.counted[rows]
        rough = batch._replace(counted=counted)
        near, _ = _climb(some, rough, theta, kind=np.float32, enough=_ROUGH)
        theta[:, ~near] = batch.start()[:, ~near]
    near, _ = _climb(sums, batch, theta, kind=np.float32, enough=_NEAR)
    left = np.flatnonzero(near)
    last, good = theta[-1].copy(), np.zeros(len(near), bool)
    error = np.full(len(near), np.nan)
    if len(left):
        exact = theta[:, left]
        there, error[left] = _climb(
            sums, batch.among(left), exact, kind=np.float64, enough=_THERE
        )
        last[left], good[left] = exact[-1], there
    return last, error, good & (error > 0)


def _climb(
    sums: Sums,
    batch: Batch,
    theta: Floats,
    *,
    kind: type[np.floating],
    enough: float,
) -> tuple[Bools, Floats]:
    """Newton's steps, in place, until they are short; what converges leaves.

    Returns
    -------
    near
        (k,) whether the last step was shorter than ``enough``.
    error
        (k,) standard error of the last coefficient, where that step began.
    """
    k = len(batch.n)
    active, near, error = np.arange(k), np.zeros(k, bool), np.full(k, np.nan)
    part = batch
    for round_ in range(_ROUNDS):
        expected, information = sums.at(
            theta[:, active], part.counted, np.dtype(kind), single=True
        )
        inverse = inverses(information, part.kept)
        score = (part.target - expected).T * part.kept
        step = np.einsum("kij,kj->ki", inverse, score)
        moved = np.abs(step).max(axis=1)
        moved[~np.isfinite(moved)] = np.inf
        near[active] = moved < enough
        # an information that fades away is no place to stop at
        error[active] = np.sqrt(np.maximum(inverse[:, -1, -1], 0))
        sure = np.isfinite(moved)
        length = np.minimum(1, _STEP / np.maximum(moved, _STEP))
        theta[:, active[sure]] += (step * length[:, None])[sure].T
        lost = ~sure | ((round_ >= _PATIENCE) & (moved > _LONG))
        done = near[active] | lost
        if done.any():
            active = active[~done]
            if not len(active):
                break
            part = batch.among(active)
    return near, error


def inverses(matrices: Floats, kept: Bools) -> Floats:
    """(k, f, f) inverses, zero in the rows and columns of what is left out.

    One that cannot be inverted gives NaN.
    """
    both = kept[:, :, None] & kept[:, None, :]
    held = np.where(both, matrices, 0.0)
    ends = np.arange(held.shape[1])
    held[:, ends, ends] += ~kept
    found = np.full(held.shape, np.nan)
    fine = np.isfinite(held).all(axis=(1, 2)) & (held[:, ends, ends] > 0).all(axis=1)
    try:
        found[fine] = np.linalg.inv(held[fine])
    except np.linalg.LinAlgError:  # one of them: each alone
        for at in np.flatnonzero(fine):
            try:
                found[at] = np.linalg.inv(held[at])
            except np.linalg.LinAlgError:
                continue
    return np.where(both, found, 0.0)
