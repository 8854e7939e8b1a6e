"""Classifier-guided scores: a regularised discriminant, taken out of fold.

The closed form, and why scores are taken out of fold, stand in `docs/science.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.people.eligibility import Eligibility
from edp_core.recipe import Scoring
from edp_core.scoring.checked import (
    Cases,
    columns_of,
    folds_of,
    held_counts,
    standardised,
    trait_rows,
    vectors_of,
)
from edp_core.scoring.directions import Direction
from edp_core.scoring.discriminant import TraitRows
from edp_core.scoring.folds import fold_partition, why_not
from edp_core.scoring.scorer import Scorer
from edp_core.settings.analysis import Oversampling
from edp_core.stats.ranks import RankTests, rank_test_rows

Floats = NDArray[np.float64]


def scan_phenome(
    vectors: ArrayLike,
    cases: Cases,
    *,
    folds: ArrayLike | None = None,
    n_folds: int = 10,
    oversampling: Oversampling = "expected",
    score: Scoring = "out-of-fold",
    shrinkage: float = 0.1,
    min_cases: int = 20,
    eligible: Eligibility | None = None,
    baseline: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
    keep: Callable[[list[list[Direction]]], None] = lambda directions: None,
) -> pd.DataFrame:
    """Discriminate every trait from one embedding and test its scores.

    Parameters
    ----------
    vectors
        (n, n_axes) embedding, no missing values. Axes are taken as they are, not
        standardised: the ridge bears on axes of small variance.
    cases
        (n, n_traits) bool, dense or sparse.
    folds
        (n,) integers, the fold each participant is held out with. By default
        `fold_partition` of ``n_folds``, seeded by ``rng``.
    oversampling
        ``expected``: SMOTE in closed-form expectation. ``sampled``: one draw of
        imbalanced-learn's SMOTE in each fold. ``none``: classes as they are.
    score
        ``out-of-fold``: each participant by the model that did not see its fold.
        ``held-out``: the second half of the folds by the model of the first; its p is
        exact, half of the participants have no score. ``leave-one-out``: without
        oversampling only. ``best-of-fold``: everybody by the one model with the best
        AUC in its held-out fold, as in the paper; **optimistic**, since most were in
        its training: 0.82 is reached on labels drawn at random.
    shrinkage
        α ≥ 0: the ridge is λ = α · the mean axis sum of squares in training, twice
        that with oversampling, which doubles the number of participants.
    min_cases
        A trait with fewer cases, or fewer controls, is not scored.
    eligible
        For each trait, who is neither case nor control; by default everybody counts.
    baseline
        (n, n_covariates) numbers, e.g. age, sex and BMI, scored by the same
        discriminant without oversampling in the same folds for comparison; scaled
        once over everybody, labels unseen; NaN takes the mean.
    rng
        For the folds where none are given, and for ``sampled``; by default seed 0.
    report
        Called with traits done and their number.
    keep
        Called with the directions of some traits more, a list of one of each fold for
        each: those that are scored, in their order. Not for ``leave-one-out``.

    Returns
    -------
    DataFrame
        One row per trait in the order of ``cases``: ``n_cases``, ``n_controls`` (that
        count for the trait), ``auc``, ``auc_low``, ``auc_high``, ``log10p``
        (two-sided, with inflation √2 for pooled scores), ``baseline_auc``,
        ``increment`` (= auc − baseline_auc) and ``reason``: empty, or why the figures
        are NaN.

    Raises
    ------
    InputError
        Where shapes do not meet, a vector has missing values, there are fewer than
        two folds, or a fold's training scatter is singular.

    Notes
    -----
    Discriminant of Fisher with a ridge, by the closed form of `docs/science.md`.
    scikit-learn's LinearDiscriminantAnalysis (solver="lsqr",
    shrinkage=λm / (λm + tr S_w)) has the same direction.
    """
    chance = rng if rng is not None else np.random.default_rng(0)
    z = vectors_of(vectors)
    flags = columns_of(cases, len(z))
    if folds is None:
        folds = fold_partition(len(z), n_folds, seed=int(chance.integers(2**32)))
    fold = folds_of(folds, len(z))
    prepared = partial(Scorer.of, shrinkage=shrinkage, score=score)
    seed = int(chance.integers(2**32))
    scorer = prepared(z, fold, oversampling=oversampling, seed=seed)
    traits = trait_rows(flags, eligible, scorer.moments)
    held = [held_counts(trait, scorer.moments) for trait in traits]
    reasons = [why_not(h, min_cases=min_cases, trains=scorer.scored) for h in held]
    usable = np.flatnonzero([not reason for reason in reasons])
    other = None
    if baseline is not None:
        x = standardised(baseline, len(z))
        other = prepared(x, fold, oversampling="none")
    figures = np.full((len(traits), 5), np.nan)
    for start in range(0, len(usable), scorer.step):
        block = usable[start : start + scorer.step]
        part = [traits[k] for k in block]
        learnt = None if score == "leave-one-out" else scorer.directions(part)
        keep(learnt or [])
        figures[block, :4] = _figures(_tested(scorer, part, learnt))
        if other is not None:
            figures[block, 4] = _tested(other, part).auc
        report(start + len(block), len(usable))
    columns = ["auc", "auc_low", "auc_high", "log10p", "baseline_auc"]
    table = pd.DataFrame(figures, columns=columns)
    counts = np.array([[h.sum() for h in pair] for pair in held]).reshape(-1, 2)
    table.insert(0, "n_cases", counts[:, 0].astype(np.int64))
    table.insert(1, "n_controls", counts[:, 1].astype(np.int64))
    table["increment"] = table["auc"] - table["baseline_auc"]
    table["reason"] = reasons
    return table


def score_traits(
    vectors: ArrayLike,
    cases: Cases,
    *,
    folds: ArrayLike,
    shrinkage: float = 0.1,
    oversampling: Oversampling = "none",
    score: Scoring = "out-of-fold",
    eligible: ArrayLike | None = None,
    seed: int = 0,
) -> Floats:
    """Discriminant scores of several traits for everybody.

    Parameters
    ----------
    vectors, folds, shrinkage, oversampling, score
        As for `scan_phenome`.
    cases
        (n, k) bool, dense or sparse.
    eligible
        (n,) bool, who is learnt from; the others are scored all the same. By default
        everybody.
    seed
        Of sampled oversampling.

    Returns
    -------
    (n, k) float64, higher = more like the cases; in within-class standard deviations
    of the training participants, from the mean of the training controls
    (leave-one-out: predicted share of cases). NaN where a held-out split gives none.

    Raises
    ------
    InputError
        As for `scan_phenome`, and where a training part has no cases or no controls.
    """
    z = vectors_of(vectors)
    scorer = Scorer.of(
        z, folds_of(folds, len(z)), shrinkage=shrinkage, oversampling=oversampling,
        score=score, seed=seed,
    )  # fmt: skip
    if eligible is None:
        return scorer.everybody(cases)
    learnt = np.asarray(eligible, dtype=bool)
    if learnt.shape != (len(z),):
        raise InputError(
            f"eligible of shape {learnt.shape} does not meet {len(z)} participants",
            "give one entry for each participant",
        )
    flags = columns_of(cases, len(z)).multiply(learnt[:, None])
    return scorer.everybody(flags, excluded=~learnt)


def score_trait(
    vectors: ArrayLike,
    cases: ArrayLike,
    *,
    folds: ArrayLike,
    shrinkage: float = 0.1,
    labelled: ArrayLike | None = None,
    oversampling: Oversampling = "none",
    score: Scoring = "out-of-fold",
    eligible: ArrayLike | None = None,
    seed: int = 0,
) -> Floats:
    """Discriminant scores of one trait; see `score_traits`.

    Parameters
    ----------
    cases
        (n,) bool.
    labelled
        (n,) bool, few-shot: only these cases are known. The others train as
        controls, as they would in life, where an unlabelled case is not known to be
        one; entries of controls do not matter.

    Returns
    -------
    (n,) float64.
    """
    y = np.asarray(cases, dtype=bool)
    if y.ndim != 1:
        raise InputError(
            f"cases have shape {y.shape}, not one column",
            "use score_traits for several traits",
        )
    if labelled is not None:
        known = np.asarray(labelled, dtype=bool)
        if known.shape != y.shape:
            raise InputError(
                f"labelled of shape {known.shape} does not meet {y.size} cases",
                "give one entry for each participant",
            )
        y = y & known
    return score_traits(
        vectors,
        y[:, None],
        folds=folds,
        shrinkage=shrinkage,
        oversampling=oversampling,
        score=score,
        eligible=eligible,
        seed=seed,
    )[:, 0]


def _tested(
    scorer: Scorer,
    traits: Sequence[TraitRows],
    learnt: Sequence[Sequence[Direction]] | None = None,
) -> RankTests:
    rows = scorer.rows(traits, learnt)
    n = rows.shape[1]
    counted = [trait.counted(n) if len(trait.aside) else None for trait in traits]
    flags = [trait.cases for trait in traits]
    if scorer.score == "held-out":  # the first half has no score
        start = int(scorer.moments.starts[1])
        rows = np.ascontiguousarray(rows[:, start:])
        flags = [rows_[rows_ >= start] - start for rows_ in flags]
        counted = [None if mask is None else mask[start:] for mask in counted]
    pooled = scorer.inflation > 1
    return rank_test_rows(
        rows,
        flags,
        counted=counted,
        inflation=scorer.inflation,
        axes=scorer.moments.axes if pooled else None,
    )


def _figures(tests: RankTests) -> Floats:
    return np.stack([tests.auc, tests.auc_low, tests.auc_high, tests.log10p], axis=1)
