"""Newton's method for a batch of logistic regressions on the same columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
_ROUNDS = 30
_FIRTH_ROUNDS = 250
_STEP, _FIRTH_STEP = 2.0, 0.5
"""Longest step of a standardised coefficient: a bad start must not throw it away."""
_NEAR, _THERE = 3e-4, 1e-7
"""Step at which single precision has done its part, and at which all is done.

Steps shrink as their squares: after one of 10⁻⁷ nothing is left to gain.
"""
_BLOCK = 1024


class Outcomes(Protocol):
    """What `Sums.gram` asks of the sets of people who do not count."""

    of: Ints

    def rows(self, at: int) -> tuple[Ints, Ints]:
        """Rows of an outcome's set, and of its cases."""


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
    outside
        (n_people, k) bool, who does not count; None where everybody does.
    """

    target: Floats
    kept: Bools
    n: Ints
    n_cases: Ints
    outside: Bools | None

    def among(self, at: Ints) -> Batch:
        """The same for some of the outcomes."""
        outside = None if self.outside is None else self.outside[:, at]
        return Batch(
            self.target[:, at], self.kept[at], self.n[at], self.n_cases[at], outside
        )


class Sums:
    """Sums over people that Newton's method needs, block by block.

    Parameters
    ----------
    x
        (n, f) columns, the first the intercept.
    """

    def __init__(self, x: Floats) -> None:
        self.width = x.shape[1]
        self.upper = np.triu_indices(self.width)
        pairs = x[:, self.upper[0]] * x[:, self.upper[1]]
        self._of = {
            np.dtype(kind): (x.astype(kind), pairs.astype(kind))
            for kind in (np.float32, np.float64)
        }

    def square(self, upper: Floats) -> Floats:
        """(k, f, f) symmetric matrices of their upper triangles, (q, k)."""
        whole = np.empty((upper.shape[1], self.width, self.width))
        whole[:, self.upper[0], self.upper[1]] = upper.T
        whole[:, self.upper[1], self.upper[0]] = upper.T
        return whole

    def gram(self, outcomes: Outcomes) -> Floats:
        """(k, f, f) products of the columns over those who count for each outcome."""
        pairs = self._of[np.dtype(np.float64)][1]
        sums = np.repeat(pairs.sum(axis=0)[:, None], len(outcomes.of), 1)
        flags, before = np.zeros(len(pairs), bool), -1
        out_sum = np.zeros(len(sums))
        for at in np.argsort(outcomes.of, kind="stable"):
            if outcomes.of[at] < 0:
                continue
            out, own = outcomes.rows(int(at))
            if outcomes.of[at] != before:
                flags[:] = False
                flags[out] = True
                out_sum, before = pairs[out].sum(axis=0), outcomes.of[at]
            sums[:, at] -= out_sum - pairs[own[flags[own]]].sum(axis=0)
        return self.square(sums)

    def blocks(
        self, theta: Floats, outside: NDArray[np.floating] | None, kind: np.dtype
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Rows, P(case) and its variance for each block; buffers that are reused."""
        x, _ = self._of[kind]
        short = theta.astype(kind)
        size = min(_BLOCK, len(x))
        room_p, room_w = np.empty((2, size, theta.shape[1]), kind)
        for start in range(0, len(x), _BLOCK):
            rows = slice(start, min(start + _BLOCK, len(x)))
            p, w = (room[: rows.stop - start] for room in (room_p, room_w))
            np.matmul(x[rows], short, out=w)
            np.negative(w, out=w)
            np.exp(w, out=w)  # infinite for the surely well: p is then 0
            w += 1
            np.reciprocal(w, out=p)
            if outside is not None:
                p *= outside[rows]
            np.multiply(p, p, out=w)
            np.subtract(p, w, out=w)
            yield rows, p, w

    def at(
        self,
        theta: Floats,
        *,
        counted: NDArray[np.floating] | None,
        kind: np.dtype,
        covariance: Floats | None = None,
    ) -> tuple[Floats, Floats]:
        """Expected sums (f, k), and information (k, f, f), at some coefficients.

        With ``covariance`` (k, f, f) the expected sums carry Firth's correction:
        p − h(½ − p) in place of p, h the diagonal of the hat matrix.
        """
        x, pairs = self._of[kind]
        folded: np.ndarray | None = None
        expected = np.zeros(theta.shape)
        information = np.zeros((pairs.shape[1], theta.shape[1]))
        if covariance is not None:
            twice = np.where(self.upper[0] == self.upper[1], 1, 2)
            folded = (covariance[:, self.upper[0], self.upper[1]] * twice).T
            folded = folded.astype(kind)
        with np.errstate(over="ignore", under="ignore"):
            for rows, p, w in self.blocks(theta, counted, kind):
                information += pairs[rows].T @ w
                if folded is not None:
                    hat = pairs[rows] @ folded
                    hat *= w
                    p += hat * (p - kind.type(0.5))
                expected += x[rows].T @ p
        return expected, self.square(information)


def newton(sums: Sums, batch: Batch, *, firth: bool) -> tuple[Floats, Floats, Bools]:
    """Last coefficient, its standard error, and whether they were found; each (k,)."""
    k = len(batch.n)
    theta = np.zeros((sums.width, k))
    theta[0] = np.log(batch.n_cases + 0.5) - np.log(batch.n - batch.n_cases + 0.5)
    error = np.full(k, np.nan)
    left = np.arange(k)
    good = np.zeros(k, bool)
    for kind, enough in ((np.float32, _NEAR), (np.float64, _THERE)):
        active, lost = left, np.zeros(0, np.int64)
        covariance: Floats | None = None
        counted = _counted(batch, active, kind)
        for _ in range(_FIRTH_ROUNDS if firth else _ROUNDS):
            expected, information = sums.at(
                theta[:, active], counted=counted, kind=np.dtype(kind),
                covariance=covariance if firth else None,
            )  # fmt: skip
            score = (batch.target[:, active] - expected).T * batch.kept[active]
            inverse = _inverse(information, batch.kept[active])
            step = np.einsum("kij,kj->ki", inverse, score)
            moved = np.abs(step).max(axis=1)
            moved[~np.isfinite(moved)] = np.inf
            if firth and covariance is None:
                covariance = inverse  # the first round only finds it
                continue
            most = _FIRTH_STEP if firth else _STEP
            sure = np.isfinite(moved)
            theta[:, active[sure]] += np.clip(step[sure], -most, most).T
            done = (moved < enough) | ~sure
            if kind is np.float64:
                variance = inverse[:, -1, -1]
                good[active] = (moved < enough) & (variance > 0)
                error[active] = np.sqrt(np.maximum(variance, 0))
            covariance = inverse[~done] if firth else None
            if done.any():
                lost = np.append(lost, active[~sure])
                active = active[~done]
                counted = _counted(batch, active, kind)
            if not len(active):
                break
        left = np.setdiff1d(left, lost)
        if not len(left):
            break
    return theta[-1], error, good


def _counted(
    batch: Batch, active: Ints, kind: type[np.floating]
) -> NDArray[np.floating] | None:
    """(n, k) ones for who counts; None where everybody does for all of the batch."""
    if batch.outside is None or not len(active):
        return None
    return np.logical_not(batch.outside[:, active]).astype(kind)


def _inverse(information: Floats, kept: Bools) -> Floats:
    """(k, f, f) inverses, zero in the rows and columns of what is left out.

    An information that fades away is separation: held up, and seen as endless.
    """
    held = information * (kept[:, :, None] & kept[:, None, :])
    ends = np.arange(held.shape[1])
    most = held[:, ends, ends].max(axis=1, initial=0)
    held[:, ends, ends] += np.where(kept, 1e-14 * most[:, None] + 1e-300, 1)
    found = np.full(held.shape, np.nan)
    finite = np.isfinite(held).all(axis=(1, 2))
    found[finite] = np.linalg.inv(held[finite])
    found *= kept[:, :, None] & kept[:, None, :]
    return found
