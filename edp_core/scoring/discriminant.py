"""The regularised two-class discriminant in closed form, all traits and folds at once.

One Cholesky per fold serves every trait as long as everybody counts and nothing is
drawn. Where some are left aside, or synthetic cases are expected, a trait changes the
matrix by as many ranks as it has cases; the derivation stands in `docs/science.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_solve, solve_triangular

from edp_core.recipe import Oversampling
from edp_core.scoring import smote
from edp_core.scoring.moments import Base, Moments, factorised

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Direction:
    """Discriminant of one trait in one fold.

    ``t = (wᵀz − origin) / sd`` is 0 at the mean of the training controls and in units
    of the within-class standard deviation of the training participants, real ones.
    """

    w: Floats
    origin: float
    sd: float


def shared_directions(base: Base, cases: Floats, counts: Ints) -> list[Direction]:
    """Directions of many traits for which everybody counts, without oversampling.

    Parameters
    ----------
    base
        Training participants of the fold.
    cases
        (m, k) sum of each trait's training cases.
    counts
        (k,) their number; at least 1 and below ``base.n``.
    """
    n_p = counts.astype(np.float64)
    d = cases - np.outer(base.total / base.n, n_p)
    w = np.asarray(cho_solve((base.factor, True), d), dtype=np.float64)
    wd = np.sum(w * d, axis=0)
    controls = np.sum(w * (base.total[:, None] - cases), axis=0) / (base.n - n_p)
    # wᵀS_w w = wᵀS_T w − (wᵀD)²/c, and wᵀS_T w = wᵀD − λ‖w‖².
    within = wd - base.ridge * np.sum(w * w, axis=0)
    within -= wd**2 * base.n / (n_p * (base.n - n_p))
    sd = _sd(within, base.n)
    return [
        Direction(w[:, k], float(controls[k]), float(sd[k])) for k in range(len(sd))
    ]


@dataclass(frozen=True)
class TraitRows:
    """One trait, as rows of `Moments.z`.

    Attributes
    ----------
    cases
        Rows of the cases, ascending.
    aside
        Rows of those who do not count as controls, ascending; cases among them count.
    """

    cases: Ints
    aside: Ints


class TraitDirections:
    """Directions of one trait, fold by fold, whoever counts and whatever is drawn.

    Parameters
    ----------
    moments
        The embedding.
    trait
        Who has it and who does not count.
    oversampling
        ``none``, ``expected`` or ``sampled``.
    rng
        For ``sampled``.
    """

    def __init__(
        self,
        moments: Moments,
        trait: TraitRows,
        *,
        oversampling: Oversampling,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.moments = moments
        self.trait = trait
        self.oversampling = oversampling
        self.rng = rng
        self.back = np.isin(trait.cases, trait.aside, assume_unique=True)
        """Cases who are not in the base and come back into it."""
        n = len(moments.z) - len(trait.aside) + int(self.back.sum())
        self.flipped = 2 * len(trait.cases) > n and oversampling != "none"
        """Cases are the majority: the controls are the ones drawn towards."""
        self.few = self._controls() if self.flipped else trait.cases
        self.found = None
        if oversampling == "expected" and len(self.few) > 1:
            self.found = smote.neighbours_of(
                moments.z[self.few], n_folds=moments.n_folds
            )

    def _controls(self) -> Ints:
        others = np.ones(len(self.moments.z), dtype=bool)
        others[self.trait.aside] = False
        others[self.trait.cases] = False
        return np.flatnonzero(others)

    def of_fold(self, fold: int, base: Base) -> Direction:
        """Direction learnt without a fold; ``base`` is that fold's."""
        held = self.moments.held(fold)
        z, cases = self.moments.z, self.trait.cases
        kept = (cases < held.start) | (cases >= held.stop)
        x, back = z[cases[kept]], z[cases[kept & self.back]]
        n, n_p = base.n + len(back), len(x)
        total, of_cases = base.total + back.sum(axis=0), x.sum(axis=0)
        m_p, m_n = of_cases / n_p, (total - of_cases) / (n - n_p)
        few = x
        if self.flipped:
            few = z[self.few[(self.few < held.start) | (self.few >= held.stop)]]
        missing = abs(n - 2 * n_p)
        if self.oversampling == "none" or not missing:
            w = _solved(base, (m_p - m_n, total / n), size=n, extra=_Extra(back, None))
        elif self.oversampling == "sampled":
            assert self.rng is not None
            drawn = smote.sampled(few, missing, rng=self.rng)
            grown = (few.sum(axis=0) + drawn.sum(axis=0)) / (len(few) + missing)
            apart, middle = _sides(grown, (m_p, m_n), flipped=self.flipped)
            extra = _Extra(np.concatenate([back, drawn]), None)
            w = _solved(base, (apart, middle), size=n + missing, extra=extra)
        else:
            weights = self._weights(held)
            synthetic = few.T @ weights.drawn / (2 * len(few))
            grown = (few.sum(axis=0) + missing * synthetic) / (len(few) + missing)
            apart, middle = _sides(grown, (m_p, m_n), flipped=self.flipped)
            scaled = smote.Weights(weights.matrix * (missing / len(few)), weights.drawn)
            extra = _Extra(back, (few, scaled))
            if not self.flipped and len(back) == len(x):
                # the cases come back and are drawn towards: one change, not two
                ones = sparse.eye_array(len(few), format="csr")
                scaled = smote.Weights(scaled.matrix + ones, weights.drawn)
                extra = _Extra(back[:0], (few, scaled))
            w = _solved(base, (apart, middle), size=n + missing, extra=extra)
        inside = w @ base.gram @ w + float(np.sum((back @ w) ** 2))
        inside -= n_p * float(m_p @ w) ** 2 + (n - n_p) * float(m_n @ w) ** 2
        return Direction(w, float(m_n @ w), float(_sd(np.array(inside), n)))

    def _weights(self, held: slice) -> smote.Weights:
        if self.found is None:
            return smote.ALONE
        return smote.weights_among(
            self.found, (self.few < held.start) | (self.few >= held.stop)
        )


@dataclass(frozen=True)
class _Extra:
    """What a trait adds to its base: rows as they are, and rows under weights."""

    rows: Floats
    weighted: tuple[Floats, smote.Weights] | None


def _sides(
    grown: Floats, means: tuple[Floats, Floats], *, flipped: bool
) -> tuple[Floats, Floats]:
    """Cases minus controls and the middle between them, one of them oversampled."""
    m_p, m_n = (means[0], grown) if flipped else (grown, means[1])
    return m_p - m_n, (m_p + m_n) / 2


def _solved(
    base: Base, ends: tuple[Floats, Floats], *, size: int, extra: _Extra
) -> Floats:
    """(A + extra − N bbᵀ)⁻¹ v about the base's mean c, b = mean of all − c.

    ``ends`` are v and the mean of all, ``size`` is N. With fewer added rows than axes
    the inverse changes by as many ranks (Woodbury); otherwise the matrix is made.
    """
    centre = base.total / base.n
    v, b = ends[0], ends[1] - centre
    rows = extra.rows - centre
    x, weights = np.empty((0, len(v))), None
    if extra.weighted is not None:
        x, weights = extra.weighted[0] - centre, extra.weighted[1].matrix
    both = np.stack([v, b], axis=1)
    if (len(rows) and len(x)) or max(len(rows), len(x)) >= len(v):
        change = rows.T @ rows
        if weights is not None:
            change = change + x.T @ (weights @ x)
        scatter = base.gram - np.outer(base.total, centre)
        factor = factorised(scatter + change, ridge=base.ridge)
        u = cho_solve((factor, True), both)
    elif len(rows) or len(x):
        x = x if len(x) else rows
        tall = solve_triangular(base.factor, x.T, lower=True)
        ends_ = solve_triangular(base.factor, both, lower=True)
        inner, seen = tall.T @ tall, tall.T @ ends_
        if weights is not None:
            inner, seen = weights @ inner, weights @ seen
        inner.flat[:: len(x) + 1] += 1
        change = tall @ np.linalg.solve(inner, seen)
        u = solve_triangular(base.factor, ends_ - change, lower=True, trans="T")
    else:
        u = cho_solve((base.factor, True), both)
    first, second = u[:, 0], u[:, 1]
    w = first + second * (size * (b @ first) / (1 - size * (b @ second)))
    return np.asarray(w, dtype=np.float64)


def _sd(within: Floats, n: int) -> Floats:
    sd = np.sqrt(np.maximum(within, 0) / max(n - 2, 1))
    return np.asarray(np.where(sd > 0, sd, 1.0), dtype=np.float64)
