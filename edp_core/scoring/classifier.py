"""Classifier-guided scores: a regularised discriminant, taken out of fold.

The closed form, and why scores are taken out of fold, stand in `docs/science.md`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.scoring.discriminant import Discriminant
from edp_core.stats.ranks import RankTests, rank_test

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
POOLED = float(np.sqrt(2))
"""Inflation of the rank test of out-of-fold scores pooled over folds."""
_BLOCK = 64
"""Traits scored at a time: bounds memory at about 3 · n · 64 float64."""


def fold_partition(n: int, n_folds: int, *, seed: int) -> NDArray[np.int8]:
    """Fold of each participant: random, blind to every trait, sizes within one.

    Parameters
    ----------
    n
        Participants.
    n_folds
        From 2 to 127, at most ``n``.
    seed
        Of the permutation.

    Returns
    -------
    (n,) int8 from 0 to n_folds − 1. One partition serves every trait of a study.

    Raises
    ------
    InputError
        Where ``n_folds`` is out of range.
    """
    if not 2 <= n_folds <= min(n, 127):
        raise InputError(
            f"{n_folds} folds for {n} participants",
            "choose at least 2 folds, at most 127, and no more than participants",
        )
    folds = np.empty(n, dtype=np.int8)
    folds[np.random.default_rng(seed).permutation(n)] = np.arange(n) % n_folds
    return folds


def scan_phenome(
    vectors: ArrayLike,
    cases: ArrayLike,
    *,
    folds: ArrayLike,
    shrinkage: float = 0.1,
    min_cases: int = 20,
    baseline: ArrayLike | None = None,
) -> pd.DataFrame:
    """Discriminate every trait from one embedding and test its out-of-fold scores.

    Parameters
    ----------
    vectors
        (n, n_axes) embedding, no missing values. Axes are taken as they are, not
        standardised: the ridge bears on axes of small variance.
    cases
        (n, n_traits) bool.
    folds
        (n,) integers, the fold each participant is held out with (`fold_partition`).
    shrinkage
        α ≥ 0: the ridge is λ = α · the mean axis sum of squares in training.
    min_cases
        A trait with fewer cases, or fewer controls, is not scored.
    baseline
        (n, n_covariates) numbers, e.g. age and sex, scored by the same discriminant
        in the same folds for comparison; standardised by the training participants
        of each fold, NaN filled with their mean. Nothing of the held-out is used.

    Returns
    -------
    DataFrame
        One row per trait in the order of ``cases``: ``n_cases``, ``n_controls``,
        ``auc``, ``auc_low``, ``auc_high``, ``log10p`` (pooled out-of-fold scores,
        two-sided, with inflation √2), ``baseline_auc``, ``increment``
        (= auc − baseline_auc) and ``reason``: empty, or why the figures are NaN.

    Raises
    ------
    InputError
        Where shapes do not meet, a vector has missing values, there are fewer than
        two folds, or a fold's training scatter is singular.

    Notes
    -----
    Discriminant of Fisher with a ridge, by the closed form of `docs/science.md`:
    totals minus held-out blocks give each fold's training moments, and one Cholesky
    per fold serves every trait. scikit-learn's LinearDiscriminantAnalysis
    (solver="lsqr", shrinkage=α·tr S_T / (α·tr S_T + tr S_w)) has the same direction.
    """
    z, y, fold = _checked(vectors, cases, folds=folds)
    trained = Discriminant.of_embedding(z, fold, shrinkage=shrinkage)
    other = (
        None if baseline is None else _covariates(baseline, fold, shrinkage=shrinkage)
    )
    reasons = _reasons(y, fold, min_cases=min_cases)
    usable = np.flatnonzero([not reason for reason in reasons])
    figures = np.full((y.shape[1], 5), np.nan)
    for block in _blocks(usable):
        labels = y[:, block]
        tests = rank_test(
            trained.scores(labels), labels, inflation=POOLED, axes=trained.axes
        )
        figures[block, :4] = _columns(tests)
        if other is not None:
            figures[block, 4] = rank_test(other.scores(labels), labels).auc
    n_cases = y.sum(axis=0)
    table = pd.DataFrame(
        figures, columns=["auc", "auc_low", "auc_high", "log10p", "baseline_auc"]
    )
    table.insert(0, "n_cases", n_cases.astype(np.int64))
    table.insert(1, "n_controls", (len(y) - n_cases).astype(np.int64))
    table["increment"] = table["auc"] - table["baseline_auc"]
    table["reason"] = reasons
    return table


def score_trait(
    vectors: ArrayLike,
    cases: ArrayLike,
    *,
    folds: ArrayLike,
    shrinkage: float = 0.1,
    labelled: ArrayLike | None = None,
) -> Floats:
    """Out-of-fold discriminant scores of one trait.

    Parameters
    ----------
    vectors, folds, shrinkage
        As for `scan_phenome`.
    cases
        (n,) bool.
    labelled
        (n,) bool, few-shot: only these cases are known. The others train as
        controls, as they would in life, where an unlabelled case is not known to be
        one; entries of controls do not matter.

    Returns
    -------
    (n,) float64, higher = more like the cases; in within-class standard deviations
    of the training participants, from the mean of the training controls.

    Raises
    ------
    InputError
        As for `scan_phenome`, and where the training part of a fold has no cases or
        no controls.
    """
    y = np.asarray(cases, dtype=bool)
    if y.ndim != 1:
        raise InputError(
            f"cases have shape {y.shape}, not one column",
            "use scan_phenome for several traits",
        )
    if labelled is not None:
        known = np.asarray(labelled, dtype=bool)
        if known.shape != y.shape:
            raise InputError(
                f"labelled of shape {known.shape} does not meet {y.size} cases",
                "give one entry for each participant",
            )
        y = y & known
    z, y_matrix, fold = _checked(vectors, y[:, None], folds=folds)
    reason = _reasons(y_matrix, fold, min_cases=1)[0]
    if reason:
        raise InputError(
            f"The trait cannot be scored: {reason}",
            "keep more labels or choose fewer folds; the cluster-guided score needs "
            "2 cases only",
        )
    return Discriminant.of_embedding(z, fold, shrinkage=shrinkage).scores(y_matrix)[
        :, 0
    ]


def _covariates(
    baseline: ArrayLike, fold: NDArray[np.int64], *, shrinkage: float
) -> Discriminant:
    x = np.asarray(baseline, dtype=np.float64)
    if x.ndim != 2 or len(x) != fold.size or np.any(np.isinf(x)):
        raise InputError(
            f"baseline of shape {x.shape} does not meet {fold.size} participants, "
            "or has infinite values",
            "give one row of finite numbers, or NaN, for each participant",
        )
    return Discriminant.of_covariates(x, fold, shrinkage=shrinkage)


def _checked(
    vectors: ArrayLike, cases: ArrayLike, *, folds: ArrayLike
) -> tuple[Floats, Bools, NDArray[np.int64]]:
    z = np.asarray(vectors, dtype=np.float64)
    y = np.asarray(cases, dtype=bool)
    fold = np.asarray(folds)
    if (
        z.ndim != 2
        or y.ndim != 2
        or fold.ndim != 1
        or len({*map(len, (z, y, fold))}) > 1
    ):
        raise InputError(
            f"vectors {z.shape}, cases {y.shape} and folds {fold.shape} do not meet",
            "give one row for each participant in all three",
        )
    bad = int(np.count_nonzero(~np.isfinite(z).all(axis=1)))
    if bad:
        raise InputError(
            f"{bad} of {len(z)} vectors have missing or infinite values",
            "leave those participants out first",
        )
    if np.unique(fold).size < 2:
        raise InputError(
            "there are fewer than two folds", "make folds with fold_partition"
        )
    return z, y, fold.astype(np.int64)


def _reasons(y: Bools, fold: NDArray[np.int64], *, min_cases: int) -> list[str]:
    """Why each trait is not scored; empty where it can be."""
    labels = np.unique(fold)
    sizes = np.array([np.count_nonzero(fold == f) for f in labels])
    held = np.stack([y[fold == f].sum(axis=0) for f in labels])
    reasons = [""] * y.shape[1]
    for trait, held_cases in enumerate(held.T):
        for name, counts in (("cases", held_cases), ("controls", sizes - held_cases)):
            total = int(counts.sum())
            if reasons[trait]:
                break
            if total < min_cases:
                reasons[trait] = f"fewer than {min_cases} {name}"
            elif total in counts:
                where = labels[np.argmax(counts == total)]
                reasons[trait] = f"no {name} in training of fold {where}"
    return reasons


def _blocks(traits: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(traits), _BLOCK):
        yield traits[start : start + _BLOCK]


def _columns(tests: RankTests) -> Floats:
    return np.stack([tests.auc, tests.auc_low, tests.auc_high, tests.log10p], axis=1)
