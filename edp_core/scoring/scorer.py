"""Scores of many traits from one embedding, each participant by a model fit for it.

Traits are grouped by who is left aside for them, so that a set's matrices are made
once; inside a group the traits, or several small groups, go side by side on all cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.linalg import cho_solve, solve_triangular

from edp_core.errors import InputError
from edp_core.people.eligibility import Eligibility
from edp_core.recipe import Scoring
from edp_core.scoring.checked import Cases, columns_of, held_counts, trait_rows
from edp_core.scoring.directions import Direction, shared_directions
from edp_core.scoring.discriminant import TraitDirections, TraitRows
from edp_core.scoring.folds import why_not
from edp_core.scoring.moments import Base, Moments, factorised
from edp_core.settings.analysis import Oversampling
from edp_core.stats.ranks import rank_test_rows
from edp_core.threads import on_all_cores

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
POOLED = float(np.sqrt(2))
"""Inflation of the rank test of scores pooled over models, each blind to whom it scores
but not to the others."""
_SCORES = 2**25
"""Scores held at a time, 256 MB of them."""
_LARGE = 16
"""Traits from which a group is worth all cores for itself."""


@dataclass(frozen=True)
class Scorer:
    """An embedding made ready to score any number of traits.

    Attributes
    ----------
    moments
        Of the vectors; for ``held-out`` of two folds, the second of which is scored.
    oversampling, score
        As in `edp_core.scoring.classifier.scan_phenome`.
    seed
        Of sampled oversampling.
    """

    moments: Moments
    oversampling: Oversampling
    score: Scoring
    seed: int = 0
    _cached: dict[bytes, list[Base]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        vectors: Floats,
        fold: Ints,
        *,
        shrinkage: float,
        oversampling: Oversampling,
        score: Scoring,
        seed: int = 0,
    ) -> Scorer:
        """Prepare vectors (n, m) without missing values for (n,) folds.

        Raises
        ------
        InputError
            Where the shrinkage is no number from 0, or leave-one-out is asked for with
            oversampling, for which it has no closed form.
        """
        if score == "leave-one-out" and oversampling != "none":
            what = f"leave-one-out scores with {oversampling!r} oversampling"
            raise InputError(what, 'take oversampling "none", or out-of-fold scores')
        if score == "held-out":
            known = np.unique(fold)
            fold = (np.searchsorted(known, fold) >= (len(known) + 1) // 2).astype(int)
        whiten = oversampling == "expected"
        moments = Moments.of(vectors, fold, shrinkage=shrinkage, whiten=whiten)
        return cls(moments, oversampling, score, seed)

    @property
    def scored(self) -> Ints:
        """Folds whose participants are scored by a model that did not see them."""
        return np.arange(self.moments.n_folds)[1 if self.score == "held-out" else 0 :]

    @property
    def inflation(self) -> float:
        """Of the rank test: √2 where models overlap, else 1."""
        return POOLED if self.score in {"out-of-fold", "leave-one-out"} else 1.0

    @property
    def step(self) -> int:
        """Traits to score at a time."""
        return int(np.clip(_SCORES // len(self.moments.z), 16, 256))

    def everybody(
        self,
        cases: Cases,
        *,
        excluded: ArrayLike | None = None,
        learnt: Sequence[Sequence[Direction]] | None = None,
    ) -> Floats:
        """Scores (n, k) of some traits, (n, k) bool, in the order of the participants.

        Parameters
        ----------
        excluded
            (n,) bool, who may not be a control; the cases among them count. Everybody
            is scored.
        learnt
            `directions` of each trait, where they are known.

        Raises
        ------
        InputError
            Where a training part has no cases or no controls.
        """
        n = len(self.moments.z)
        flags, among = columns_of(cases, n), None
        if excluded is not None:
            outside = sparse.csc_array(np.asarray(excluded, dtype=bool)[:, None])
            among = Eligibility(outside, np.zeros(flags.shape[1], dtype=np.int64))
        traits = trait_rows(flags, among, self.moments)
        for trait in traits:
            held = held_counts(trait, self.moments)
            reason = why_not(held, min_cases=1, trains=self.scored)
            if reason:
                raise InputError(
                    f"The trait cannot be scored: {reason}",
                    "keep more labels, or another draw of them; the cluster-guided "
                    "score needs 2 cases only",
                )
        scores = np.empty((n, len(traits)))
        for start in range(0, len(traits), self.step):
            block = slice(start, start + self.step)
            rows = self.rows(traits[block], None if learnt is None else learnt[block])
            scores[self.moments.order, start : start + self.step] = rows.T
        return scores

    def rows(
        self,
        traits: Sequence[TraitRows],
        learnt: Sequence[Sequence[Direction]] | None = None,
    ) -> Floats:
        """Scores (n_traits, n) in the order of ``moments.order``; NaN = not scored.

        Every trait must have a case and a control in each training part that is used.
        ``learnt`` are their `directions`, where those are known.
        """
        if self.score == "leave-one-out":
            return np.stack([self._left_out(trait) for trait in traits])
        found = self.directions(traits) if learnt is None else learnt
        z = self.moments.z
        rows = np.full((len(traits), len(z)), np.nan)
        if self.score == "best-of-fold":
            for k, trait in enumerate(traits):
                rows[k] = self._best(found[k], trait)
            return rows

        def score(fold: int) -> None:
            held = self.moments.held(fold)
            rows[:, held] = _apply([some[fold] for some in found], z[held])

        on_all_cores(score, list(self.scored))
        return rows

    def directions(self, traits: Sequence[TraitRows]) -> list[list[Direction]]:
        """For each trait the direction of each fold, learnt without that fold."""
        groups: dict[bytes, list[int]] = {}
        for k, trait in enumerate(traits):
            groups.setdefault(trait.aside.tobytes(), []).append(k)
        found: list[list[Direction]] = [[] for _ in traits]
        apart: list[list[int]] = []
        for aside, members in groups.items():
            if not aside and self.oversampling == "none":
                some = self._shared([traits[k] for k in members])
            elif len(members) < _LARGE:
                apart.append(members)
                continue
            else:
                bases = self._bases(traits[members[0]].aside)
                one = partial(self._one, bases=bases)
                some = on_all_cores(one, [traits[k] for k in members])
            for k, directions in zip(members, some, strict=True):
                found[k] = directions

        def group(members: list[int]) -> list[list[Direction]]:
            bases = self._bases(traits[members[0]].aside)
            return [self._one(traits[k], bases=bases) for k in members]

        for members, some in zip(apart, on_all_cores(group, apart), strict=True):
            for k, directions in zip(members, some, strict=True):
                found[k] = directions
        return found

    def _bases(self, aside: Ints) -> list[Base]:
        # synthetic cases double the number of participants, and so the ridge
        ridge = 1.0 if self.oversampling == "none" else 2.0
        if len(aside):
            return self.moments.bases(aside, ridge=ridge)
        if b"" not in self._cached:
            self._cached[b""] = self.moments.bases(aside, ridge=ridge)
        return self._cached[b""]

    def _one(self, trait: TraitRows, *, bases: list[Base]) -> list[Direction]:
        learnt = TraitDirections(
            self.moments, trait, oversampling=self.oversampling, seed=self.seed
        )
        # a fold that is not scored may have nobody to learn from
        nothing = [Direction(np.zeros(0), 0.0, 1.0)] * int(self.scored[0])
        return nothing + learnt.of_folds(list(self.scored), bases)

    def _shared(self, traits: Sequence[TraitRows]) -> list[list[Direction]]:
        moments = self.moments
        bases = self._bases(traits[0].aside)
        parts = np.array_split(np.arange(len(traits)), max(1, len(traits) // 32))

        def summed(part: Ints) -> tuple[Floats, Ints]:
            # one row for each trait and fold: rows are in the order of the folds
            cases = [traits[k].cases for k in part]
            edges = [np.searchsorted(rows, moments.starts) for rows in cases]
            counts = np.stack([np.diff(edge) for edge in edges])
            indices = np.concatenate(cases)
            starts = np.concatenate([[0], np.cumsum(counts)])
            flags = sparse.csr_array(
                (np.ones(len(indices)), indices, starts),
                shape=(counts.size, len(moments.z)),
            )
            return (flags @ moments.z).reshape(*counts.shape, -1), counts

        pairs = on_all_cores(summed, parts)
        held = np.concatenate([sums for sums, _ in pairs])
        counts = np.concatenate([count for _, count in pairs])
        sums, numbers = held.sum(axis=1), counts.sum(axis=1)
        columns = on_all_cores(
            lambda f: shared_directions(
                bases[f], (sums - held[:, f]).T, numbers - counts[:, f]
            ),
            range(moments.n_folds),
        )
        return [list(directions) for directions in zip(*columns, strict=True)]

    def _best(self, directions: Sequence[Direction], trait: TraitRows) -> Floats:
        """Scores of everybody by the model with the best AUC in its held-out fold."""
        scores = _apply(directions, self.moments.z)
        counted = trait.counted(scores.shape[1])
        auc = np.full(len(scores), -1.0)
        for fold in range(self.moments.n_folds):
            here = self.moments.held(fold)
            flags = trait.cases[(trait.cases >= here.start) & (trait.cases < here.stop)]
            test = rank_test_rows(
                scores[fold : fold + 1, here],
                [flags - here.start],
                counted=[counted[here]],
            )
            auc[fold] = np.nan_to_num(test.auc[0], nan=-1.0)
        return np.asarray(scores[int(np.argmax(auc))])

    def _left_out(self, trait: TraitRows) -> Floats:
        """Everybody by the model of all others, from one factorisation.

        With h_i = 1/n + z_iᵀA⁻¹z_i the refit without i predicts
        (ŷ_i − h_i y_i)/(1 − h_i); exact for a fixed λ. Those who do not count took no
        part in any model.
        """
        z, n_all = self.moments.z, len(self.moments.z)
        counted = trait.counted(n_all)
        y = np.zeros(n_all)
        y[trait.cases] = 1
        n = int(counted.sum())
        centred = z - z[counted].mean(axis=0)
        inside = centred[counted]
        trace = float(np.trace(self.moments.grams.sum(axis=0)))  # z is centred
        ridge = self.moments.shrinkage * trace / z.shape[1] * n / n_all
        factor = factorised(inside.T @ inside, ridge=ridge)
        w = cho_solve((factor, True), inside.T @ y[counted])
        leverage = 1 / n + np.sum(
            solve_triangular(factor, centred.T, lower=True) ** 2, axis=0
        )
        predicted = y[counted].mean() + centred @ w
        left = (predicted - leverage * y) / (1 - leverage)
        return np.asarray(np.where(counted, left, predicted), dtype=np.float64)


def _apply(directions: Sequence[Direction], z: Floats) -> Floats:
    """(k, n) scores t = (wᵀz − origin)/sd."""
    scores = np.stack([d.w for d in directions]) @ z.T
    scores -= np.array([d.origin for d in directions])[:, None]
    scores /= np.array([d.sd for d in directions])[:, None]
    return np.asarray(scores, dtype=np.float64)
