"""The regularised two-class discriminant in closed form, all traits and folds at once.

One Cholesky per fold serves every trait as long as everybody counts and nothing is
drawn. Where some are left aside, or synthetic cases are expected, a trait changes the
matrix by as many ranks as it has cases; the derivation stands in `docs/science.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular

from edp_core.scoring import smote
from edp_core.scoring.moments import Base, Moments, factorised
from edp_core.settings.analysis import Oversampling

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

    def counted(self, n: int) -> Bools:
        """(n,) bool, who takes part."""
        taking = np.ones(n, dtype=bool)
        taking[self.aside] = False
        taking[self.cases] = True
        return taking


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
    seed
        Of ``sampled``, which draws anew in each fold.
    """

    def __init__(
        self,
        moments: Moments,
        trait: TraitRows,
        *,
        oversampling: Oversampling,
        seed: int = 0,
    ) -> None:
        self.moments = moments
        self.trait = trait
        self.oversampling = oversampling
        self.seed = seed
        self.back = np.isin(trait.cases, trait.aside, assume_unique=True)
        """Cases who are not in the base and come back into it."""
        n = len(moments.z) - len(trait.aside) + int(self.back.sum())
        self.flipped = 2 * len(trait.cases) > n and oversampling != "none"
        """Cases are the majority: the controls are the ones drawn towards."""
        self.few = self._controls() if self.flipped else trait.cases
        self.sums = np.stack(
            [
                moments.z[trait.cases[a:b]].sum(axis=0)
                for a, b in pairwise(np.searchsorted(trait.cases, moments.starts))
            ]
        )
        """Sum of the cases of each fold."""
        self.counts = np.diff(np.searchsorted(trait.cases, moments.starts))
        self.x = moments.z[self.few if oversampling != "none" else self.few[:0]]
        self.found = None
        if oversampling == "expected" and len(self.few) > 1:
            self.found = smote.neighbours_of(
                self.x.astype(np.float32), n_folds=moments.n_folds
            )

    def _controls(self) -> Ints:
        others = self.trait.counted(len(self.moments.z))
        others[self.trait.cases] = False
        return np.flatnonzero(others)

    def of_fold(self, fold: int, base: Base) -> Direction:
        """Direction learnt without a fold; ``base`` is that fold's."""
        held = self.moments.held(fold)
        z, cases = self.moments.z, self.trait.cases
        kept = (cases < held.start) | (cases >= held.stop)
        back = z[cases[kept & self.back]]
        n, n_p = base.n + len(back), int(self.counts.sum() - self.counts[fold])
        of_cases = self.sums.sum(axis=0) - self.sums[fold]
        total = base.total + back.sum(axis=0)
        m_p, m_n = of_cases / n_p, (total - of_cases) / (n - n_p)
        missing = abs(n - 2 * n_p)
        extra, (apart, middle) = _Extra(back), (m_p - m_n, total / n)
        if self.oversampling != "none" and missing:
            among = (self.few < held.start) | (self.few >= held.stop)
            grown, extra = self._grown(among, missing, fold=fold, extra=extra)
            apart, middle = _sides(grown, (m_p, m_n), flipped=self.flipped)
            n_all = n + missing
        else:
            n_all = n
        w = self._solved(base, (apart, middle), size=n_all, extra=extra)
        inside = w @ base.gram @ w + float(np.sum((back @ w) ** 2))
        inside -= n_p * float(m_p @ w) ** 2 + (n - n_p) * float(m_n @ w) ** 2
        return Direction(w, float(m_n @ w), float(_sd(np.array(inside), n)))

    def _grown(
        self, among: Bools, missing: int, *, fold: int, extra: _Extra
    ) -> tuple[Floats, _Extra]:
        """Mean of the few with the synthetic, and what both add to the base."""
        n = int(among.sum())
        if self.oversampling == "sampled":
            few = self.x[among]
            rng = np.random.default_rng([self.seed, len(self.few), fold])
            drawn = smote.sampled(few, missing, rng=rng)
            grown = (few.sum(axis=0) + drawn.sum(axis=0)) / (n + missing)
            return grown, _Extra(np.concatenate([extra.rows, drawn]))
        weights = smote.ALONE
        if self.found is not None:
            weights = smote.weights_among(self.found, among)
        # how often each counts, itself and as part of what is drawn
        share = np.zeros(len(among))
        share[among] = 1 + missing * weights.drawn / (2 * n)
        grown = share @ self.x / (n + missing)
        return grown, _Extra(extra.rows, self.few[among], weights, missing / n)

    def _solved(
        self, base: Base, ends: tuple[Floats, Floats], *, size: int, extra: _Extra
    ) -> Floats:
        """(A + extra − N bbᵀ)⁻¹ v about the base's mean c, b = mean of all − c.

        ``ends`` are v and the mean of all, ``size`` is N. With fewer added rows than
        axes the inverse changes by as many ranks (Woodbury); otherwise the matrix is
        made, in white coordinates where something is drawn.
        """
        centre = base.total / base.n
        both = np.stack([ends[0], ends[1] - centre], axis=1)
        rows, few = extra.rows, extra.few
        m, again = len(centre), len(rows) > 0 and len(rows) == len(few)
        if not len(rows) and not len(few):
            u = cho_solve((base.factor, True), both)
        elif max(len(rows), len(few)) >= m or (len(rows) and len(few) and not again):
            u = self._dense(base, both, extra=extra)
        else:
            x = (self.moments.z[few] if len(few) else rows) - centre
            tall = solve_triangular(base.factor, x.T, lower=True)
            ends_ = solve_triangular(base.factor, both, lower=True)
            inner, seen = tall.T @ tall, tall.T @ ends_
            if extra.weights is not None:
                # where the few come back as well, they weigh once more
                inner, seen = (
                    extra.scale * extra.weights.times(part) + (part if again else 0)
                    for part in (inner, seen)
                )
            inner.flat[:: len(x) + 1] += 1
            change = tall @ np.linalg.solve(inner, seen)
            u = solve_triangular(base.factor, ends_ - change, lower=True, trans="T")
        first, second = u[:, 0], u[:, 1]
        b = both[:, 1]
        w = first + second * (size * (b @ first) / (1 - size * (b @ second)))
        return np.asarray(w, dtype=np.float64)

    def _dense(self, base: Base, both: Floats, *, extra: _Extra) -> Floats:
        """A + extra made whole, and its inverse times two columns."""
        centre, whitening = base.total / base.n, self.moments.whitening
        rows = extra.rows - centre
        if extra.weights is None or whitening is None or self.moments.white is None:
            scatter = base.gram - np.outer(base.total, centre) + rows.T @ rows
            factor = factorised(scatter, ridge=base.ridge)
            return np.asarray(cho_solve((factor, True), both), dtype=np.float64)
        assert base.white is not None
        turned = solve_triangular(
            whitening, np.column_stack([centre, both, rows.T]), lower=True
        )
        x = self.moments.white[extra.few] - turned[:, 0].astype(np.float32)
        matrix = base.white + extra.scale * extra.weights.moment(x)
        if len(rows):
            matrix += turned[:, 3:] @ turned[:, 3:].T
        u = cho_solve((factorised(matrix, ridge=0.0), True), turned[:, 1:3])
        return np.asarray(
            solve_triangular(whitening, u, lower=True, trans="T"), dtype=np.float64
        )


@dataclass(frozen=True)
class _Extra:
    """What a trait adds to its base: rows as they are, and the few under weights."""

    rows: Floats
    few: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    weights: smote.Weights | None = None
    scale: float = 0.0


def _sides(
    grown: Floats, means: tuple[Floats, Floats], *, flipped: bool
) -> tuple[Floats, Floats]:
    """Cases minus controls and the middle between them, one of them oversampled."""
    m_p, m_n = (means[0], grown) if flipped else (grown, means[1])
    return m_p - m_n, (m_p + m_n) / 2


def _sd(within: Floats, n: int) -> Floats:
    sd = np.sqrt(np.maximum(within, 0) / max(n - 2, 1))
    return np.asarray(np.where(sd > 0, sd, 1.0), dtype=np.float64)
