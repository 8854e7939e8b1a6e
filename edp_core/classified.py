"""Classifier-guided scores of a recipe: who learns from whom, and how it is tested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from edp_core.errors import InputError
from edp_core.inputs import Inputs
from edp_core.recipe import ClassifierSpec
from edp_core.scoring.directions import Direction
from edp_core.scoring.folds import fold_partition
from edp_core.scoring.learnt import MadeWith
from edp_core.scoring.scorer import Scorer
from edp_core.stats.ranks import RankTests, rank_test


class Labelled(NamedTuple):
    """Of the seen: who has the trait, whose label is used, who counts for the trait."""

    cases: np.ndarray
    labelled: np.ndarray
    counted: np.ndarray


def classified(
    spec: ClassifierSpec,
    inputs: Inputs,
    *,
    seen: np.ndarray,
    labels: Labelled,
    vectors: Callable[[], np.ndarray],
) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
    """Scores of the seen, everybody's fold (−1 = none), and figures.

    Folds are told where a participant's model depends on them. Those who do not count
    for the trait are scored, but neither learnt from nor tested.
    """
    cases, labelled, counted = labels
    # cases whose label is not kept train as controls, but for those of the set
    excluded = inputs.phenome.excluded(spec.trait)[seen]
    n = len(inputs.participants)
    folds = fold_partition(n, spec.folds, seed=spec.fold_seed)
    scorer = inputs.memo.get(
        ("scorer", spec.remove_pcs, spec.remove_covariates, spec.folds, spec.fold_seed,
         spec.shrinkage, spec.oversampling, spec.score),
        lambda: Scorer.of(
            vectors(), folds[seen].astype(np.int64),
            shrinkage=spec.shrinkage, oversampling=spec.oversampling,
            score=spec.score, seed=spec.fold_seed,
        ),
    )  # fmt: skip
    known = _known(spec, inputs)
    scores = scorer.everybody(
        (cases & labelled)[:, None],
        excluded=excluded if excluded.any() else None,
        learnt=None if known is None else [known],
    )[:, 0]
    test = rank_test(
        np.where(counted, scores, np.nan),
        cases,
        inflation=scorer.inflation,
        axes=scorer.moments.axes if scorer.inflation > 1 else None,
    )
    figures = {
        "auc": float(test.auc[0]),
        "auc_low": float(test.auc_low[0]),
        "auc_high": float(test.auc_high[0]),
        "log10p": float(test.log10p[0]),
    }
    if spec.score == "held-out":
        figures |= _of_half(test, cases, threshold=inputs.threshold)
    if spec.score != "out-of-fold":
        return scores, None, figures
    all_folds = np.full(n, -1, np.int64)
    all_folds[seen] = folds[seen]
    return scores, all_folds, figures


def _known(spec: ClassifierSpec, inputs: Inputs) -> list[Direction] | None:
    """Directions the scan has learnt, where it made the same model."""
    whole = spec.labels.share == 1 and not spec.remove_pcs + spec.remove_covariates
    if inputs.learnt is None or not whole or spec.score != "out-of-fold":
        return None
    made = MadeWith(spec.folds, spec.fold_seed, spec.shrinkage, spec.oversampling)
    return inputs.learnt.of(spec.trait) if made == inputs.learnt.made_with else None


def _of_half(test: RankTests, cases: np.ndarray, *, threshold: int) -> dict[str, int]:
    """Counts of the half that is scored, and the cases the other half has."""
    tested = int(test.n_cases[0])
    trained = int(cases.sum()) - tested
    if min(tested, trained) < threshold:
        raise InputError(
            f"One half of the folds holds fewer than {threshold} cases",
            "take out-of-fold scores: they use everybody",
        )
    return {
        "n_cases": tested,
        "n_controls": int(test.n_controls[0]),
        "n_cases_trained_on": trained,
    }
