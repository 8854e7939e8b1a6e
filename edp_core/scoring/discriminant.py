"""The regularised two-class discriminant in closed form, all traits and folds at once.

One Cholesky per fold serves every trait as long as everybody counts and nothing is
drawn. Where some are left aside, or synthetic cases are expected, a trait changes the
matrix by as many ranks as it has cases; the derivation stands in `docs/science.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular

from edp_core.scoring import smote
from edp_core.scoring.conjugate import Systems, stacked
from edp_core.scoring.directions import Direction, standard_deviation
from edp_core.scoring.moments import Base, Moments, factorised
from edp_core.settings.analysis import Oversampling
from edp_core.threads import on_all_cores

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


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

    def of_folds(self, folds: Sequence[int], bases: Sequence[Base]) -> list[Direction]:
        """Directions learnt without each of some folds; ``bases`` of all."""
        asked = on_all_cores(lambda f: self._asked(f, bases[f]), list(folds))
        many = (
            self.oversampling == "expected" and len(self.few) > len(bases[0].total) // 2
        )
        mixed = self.back.sum() > 0 and (
            self.flipped or self.back.sum() < len(self.trait.cases)
        )
        weighed = all(one.weights is not None for one in asked)
        if many and weighed and not mixed:
            found = self._together(asked)
        else:
            found = on_all_cores(self._solved, asked)
        return [self._direction(w, one) for w, one in zip(found, asked, strict=True)]

    def _asked(self, fold: int, base: Base) -> _Asked:
        held = self.moments.held(fold)
        z, cases = self.moments.z, self.trait.cases
        kept = (cases < held.start) | (cases >= held.stop)
        back = z[cases[kept & self.back]]
        n, n_p = base.n + len(back), int(self.counts.sum() - self.counts[fold])
        of_cases = self.sums.sum(axis=0) - self.sums[fold]
        total = base.total + back.sum(axis=0)
        m_p, m_n = of_cases / n_p, (total - of_cases) / (n - n_p)
        one = _Asked(base, (m_p, m_n), (n_p, n - n_p), m_p - m_n, total / n, n, back)
        missing = abs(n - 2 * n_p)
        if self.oversampling == "none" or not missing:
            return one
        among = (self.few < held.start) | (self.few >= held.stop)
        return self._grown(one, among, missing, fold=fold)

    def _direction(self, w: Floats, one: _Asked) -> Direction:
        m_n = one.means[1]
        inside = w @ one.base.gram @ w + float(np.sum((one.back @ w) ** 2))
        for mean, count in zip(one.means, one.counts, strict=True):
            inside -= count * float(mean @ w) ** 2
        return Direction(
            w,
            float(m_n @ w),
            float(standard_deviation(np.array(inside), sum(one.counts))),
        )

    def _grown(self, one: _Asked, among: Bools, missing: int, *, fold: int) -> _Asked:
        """The same with the synthetic cases: their mean, and what they add."""
        n = int(among.sum())
        weights, drawn = None, np.empty((0, self.x.shape[1]))
        share = among.astype(np.float64)
        if self.oversampling == "sampled":
            rng = np.random.default_rng([self.seed, len(self.few), fold])
            drawn = smote.sampled(self.x[among], missing, rng=rng)
        else:
            weights = smote.ALONE
            if self.found is not None:
                weights = smote.weights_among(self.found, among)
            # how often each counts, itself and as part of what is drawn
            share[among] = 1 + missing * weights.drawn / (2 * n)
        grown = (share @ self.x + drawn.sum(axis=0)) / (n + missing)
        m_p, m_n = (one.means[0], grown) if self.flipped else (grown, one.means[1])
        return replace(
            one, apart=m_p - m_n, middle=(m_p + m_n) / 2, size=one.size + missing,
            drawn=drawn, among=among, weights=weights, rho=missing / n,
        )  # fmt: skip

    def _together(self, asked: Sequence[_Asked]) -> list[Floats]:
        """All folds at once, in white coordinates."""
        whitening, white = self.moments.whitening, self.moments.white
        assert whitening is not None and white is not None
        centres = [one.base.total / one.base.n for one in asked]
        columns = [
            part
            for one, c in zip(asked, centres, strict=True)
            for part in (c, one.apart, np.sqrt(one.size) * (one.middle - c))
        ]
        turned = solve_triangular(whitening, np.stack(columns, axis=1), lower=True).T
        parts = [
            (one.among, one.weights, one.rho)
            for one in asked
            if one.weights is not None
        ]
        towards, diagonal = stacked(parts, once_more=bool(self.back.any()))
        systems = Systems(
            np.stack([b for b in (one.base.white for one in asked) if b is not None]),
            white[self.few].astype(np.float64),
            np.ascontiguousarray(turned[0::3]),
            towards,
            diagonal,
            np.ascontiguousarray(turned[2::3]),
        )
        found = systems.solve(np.ascontiguousarray(turned[1::3]))
        return list(solve_triangular(whitening, found.T, lower=True, trans="T").T)

    def _solved(self, one: _Asked) -> Floats:
        """(A + added − N bbᵀ)⁻¹ v about the base's mean c, b = mean of all − c.

        With fewer added rows than axes the inverse changes by as many ranks
        (Woodbury); otherwise the matrix is made.
        """
        base, centre = one.base, one.base.total / one.base.n
        both = np.stack([one.apart, one.middle - centre], axis=1)
        rows = one.back - centre
        if len(one.drawn):
            rows = np.concatenate([rows, one.drawn - centre])
        few = rows[:0]
        if one.weights is not None:
            few = self.x[one.among] - centre
        again = 0 < len(one.back) == len(few)
        if not len(rows) and not len(few):
            u = cho_solve((base.factor, True), both)
        elif max(len(rows), len(few)) >= len(centre) or (
            len(rows) and len(few) and not again
        ):
            added = rows.T @ rows
            if one.weights is not None:
                added = added + one.rho * (few.T @ one.weights.times(few))
            scatter = base.gram - np.outer(base.total, centre)
            factor = factorised(scatter + added, ridge=base.ridge)
            u = cho_solve((factor, True), both)
        else:
            x = few if len(few) else rows
            tall = solve_triangular(base.factor, x.T, lower=True)
            ends = solve_triangular(base.factor, both, lower=True)
            inner, seen = tall.T @ tall, tall.T @ ends
            if one.weights is not None:
                # where the few come back as well, they weigh once more
                inner, seen = (
                    one.rho * one.weights.times(part) + (part if again else 0)
                    for part in (inner, seen)
                )
            inner.flat[:: len(x) + 1] += 1
            change = tall @ np.linalg.solve(inner, seen)
            u = solve_triangular(base.factor, ends - change, lower=True, trans="T")
        first, second, b = u[:, 0], u[:, 1], both[:, 1]
        w = first + second * (one.size * (b @ first) / (1 - one.size * (b @ second)))
        return np.asarray(w, dtype=np.float64)


@dataclass(frozen=True)
class _Asked:
    """One fold's question, and what its trait adds to the base.

    ``means`` and ``counts`` are of cases and of controls as they are; ``apart`` and
    ``middle`` are the difference and the middle of the classes that are compared, of
    ``size`` participants together. ``back`` (rows) come back into the base, ``drawn``
    were drawn; those ``among`` the few are drawn towards with ``rho`` · ``weights``.
    """

    base: Base
    means: tuple[Floats, Floats]
    counts: tuple[int, int]
    apart: Floats
    middle: Floats
    size: int
    back: Floats
    drawn: Floats = field(default_factory=lambda: np.empty((0, 0)))
    among: Bools = field(default_factory=lambda: np.empty(0, dtype=bool))
    weights: smote.Weights | None = None
    rho: float = 0.0
