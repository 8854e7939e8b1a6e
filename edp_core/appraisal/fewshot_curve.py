"""How few labels make the same score, and whether as many drawn at random do too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edp_core.appraisal.many_scores import correlations, cosines
from edp_core.errors import InputError, MissingArtifactError
from edp_core.likeness import in_clusters
from edp_core.phenotype import Inputs, adjusted_vectors
from edp_core.recipe import ClassifierSpec, ClusterSpec
from edp_core.scoring import fewshot
from edp_core.scoring.folds import fold_partition
from edp_core.scoring.scorer import Scorer

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_TOO_FEW = "too few labels to make a score"
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
COLUMNS = (
    "share", "drawn", "n_labels", "n_members", "repeats", "scored", "same_cluster",
    "pearson", "pearson_low", "pearson_high", "spearman", "spearman_low",
    "spearman_high", "reason",
)  # fmt: skip


def fewshot_curve(
    spec: ClassifierSpec | ClusterSpec,
    inputs: Inputs,
    *,
    shares: Sequence[float] = SHARES,
    repeats: int = 10,
) -> pd.DataFrame:
    """Correlation of few-label scores with the score from all labels.

    Parameters
    ----------
    spec
        A guided recipe. Its own share of labels is of no matter; its seed is that of
        the first repeat, the next ones count on from there.
    inputs
        What `evaluate` takes.
    shares
        Of the cases' labels, above 0 and up to 1. Within a repeat the smaller share is
        part of the larger.
    repeats
        Draws of each share, at least 2.

    Returns
    -------
    DataFrame
        Two rows for each share, ``drawn``: ``labels``, the cases kept, and
        ``control``: as many drawn without regard to the trait. For a cluster these are
        members of the same cluster, as many as the kept cases in it; for the
        classifier people at random among those who count for the trait, taken as if
        they were the cases.

        ``n_labels`` kept, ``n_members`` of them in the cluster (mean of the repeats;
        NaN for the classifier); ``repeats`` drawn and ``scored`` of them;
        ``same_cluster``, share of the repeats that chose the cluster all labels choose
        (1 where ``chosen_with`` is ``all``; NaN for the classifier); ``pearson`` and
        ``spearman``, means over the scored repeats, each with ``_low`` and ``_high``,
        2.5th and 97.5th percentile over them; ``reason``: empty, or why none could be
        scored. A draw whose kept cases choose no cluster has no members, is not scored
        and did not choose the same. ``n_labels`` and ``n_members`` count people: mask
        them where shown.

    Raises
    ------
    InputError
        Where there are no cases, a share or ``repeats`` is out of range, all labels do
        not make a score, or the cluster holds too few cases.
    MissingArtifactError
        Where there is no embedding or no atlas.

    Notes
    -----
    With all labels kept every repeat is the full score, r = 1; the control's rows tell
    how much of that is the cluster alone. The score from all labels is the one
    `evaluate` gives, transform and all.
    """
    if repeats < 2:
        raise InputError(f"{repeats} repeats", "an interval needs at least 2")
    vectors = adjusted_vectors(spec, inputs)
    seen = np.asarray(inputs.seen)
    cases = inputs.phenome.cases(spec.trait)[seen]
    if isinstance(spec, ClusterSpec):
        draws, full = _of_cluster(spec, inputs, cases, shares=shares, repeats=repeats)
        scores = cosines(
            vectors,
            [full, *(d.members for d in draws)],
            centred=spec.centred,
            self_excluded=spec.self_excluded,
        )
    else:
        counted = inputs.phenome.eligible(spec.trait)[seen]
        draws, full = _of_classifier(
            spec, cases, counted=counted, shares=shares, repeats=repeats
        )
        everyone = fold_partition(
            len(inputs.participants), spec.folds, seed=spec.fold_seed
        )
        scores = _discriminants(
            vectors,
            [full, *(d.members for d in draws)],
            folds=everyone[seen],
            excluded=inputs.phenome.excluded(spec.trait)[seen],
            spec=spec,
        )
    if not np.isfinite(scores[:, 0]).any():
        raise InputError(
            "all labels together make no score", "choose another trait or cluster"
        )
    pearson, spearman = correlations(
        scores, ranked=spec.transform == "rank-inverse-normal"
    )
    rows = [
        _row(share, drawn, draws, pearson=pearson[1:], spearman=spearman[1:])
        for share in shares
        for drawn in ("labels", "control")
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


@dataclass(frozen=True)
class _Draw:
    """People a score is made from, ``members`` (n_seen,) bool, and why they are.

    ``unscored`` says why there is no score, where there is none.
    """

    share: float
    drawn: str
    members: Bools
    n_labels: int
    same_cluster: float = np.nan
    unscored: str = _TOO_FEW


def _of_cluster(
    spec: ClusterSpec,
    inputs: Inputs,
    cases: Bools,
    *,
    shares: Sequence[float],
    repeats: int,
) -> tuple[list[_Draw], Bools]:
    labels = inputs.clusters
    if labels is None:
        raise MissingArtifactError(
            "There is no atlas at hand", "run: python -m precompute run STUDY"
        )
    kept_alone = spec.chosen_with == "kept"
    counted = inputs.phenome.eligible(spec.trait)[inputs.seen]
    whole = spec.cluster
    if kept_alone:
        whole = fewshot.choose_cluster(labels, cases, counted=counted)
    asked = labels == whole if kept_alone else in_clusters(spec, inputs)
    full = np.asarray(cases & asked)
    if full.sum() < inputs.threshold:
        raise InputError(
            f"The cluster holds fewer than {inputs.threshold} such cases",
            "choose another cluster; the screen names those with most cases",
        )
    draws = []
    for share in shares:
        for seed in _seeds(spec, repeats):
            kept = fewshot.keep_labels(cases, share=share, seed=seed)
            inside, same, why = asked, True, _TOO_FEW
            if kept_alone:
                try:
                    chosen = fewshot.choose_cluster(labels, kept, counted=counted)
                    inside, same = labels == chosen, chosen == whole
                except InputError as error:  # one unlucky draw is no end of the curve
                    inside, same, why = np.zeros_like(asked), False, error.message
            control = fewshot.control_members(kept & inside, inside, seed=seed)
            told = (int(kept.sum()), float(same), why)
            draws.append(_Draw(share, "labels", kept & inside, *told))
            draws.append(_Draw(share, "control", control, *told))
    return draws, full


def _of_classifier(
    spec: ClassifierSpec,
    cases: Bools,
    *,
    counted: Bools,
    shares: Sequence[float],
    repeats: int,
) -> tuple[list[_Draw], Bools]:
    draws = []
    for share in shares:
        for seed in _seeds(spec, repeats):
            kept = fewshot.keep_labels(cases, share=share, seed=seed)
            control = fewshot.control_members(kept, counted, seed=seed)
            n_labels = int(kept.sum())
            draws.append(_Draw(share, "labels", kept, n_labels))
            draws.append(_Draw(share, "control", control, n_labels))
    return draws, cases


def _seeds(spec: ClassifierSpec | ClusterSpec, repeats: int) -> list[int]:
    return [(spec.labels.seed + repeat) % 2**32 for repeat in range(repeats)]


def _discriminants(
    vectors: np.ndarray,
    members: Sequence[Bools],
    *,
    folds: np.ndarray,
    excluded: Bools,
    spec: ClassifierSpec,
) -> Floats:
    """Scores of all draws together; NaN where a training part has none or only cases.

    All draws of all labels are the same people: they are scored once.
    """
    flags = np.stack(members, axis=1)
    usable = np.ones(flags.shape[1], dtype=bool)
    for people in (flags, ~flags & ~excluded[:, None]):  # cases, then controls
        held = np.stack([people[folds == f].sum(axis=0) for f in np.unique(folds)])
        usable &= (held < people.sum(axis=0)).all(axis=0)
    if not usable[0]:
        raise InputError(
            "all labels together make no score: a fold's training part has no cases "
            "or no controls",
            "choose another trait, or fewer folds",
        )
    packed = [row.tobytes() for row in np.packbits(flags.T, axis=1)]
    first = {key: at for at, key in reversed(list(enumerate(packed)))}
    asked = [at for at in sorted(first.values()) if usable[at]]
    scorer = Scorer.of(
        vectors, folds.astype(np.int64), shrinkage=spec.shrinkage,
        oversampling=spec.oversampling, score=spec.score, seed=spec.fold_seed,
    )  # fmt: skip
    found = scorer.everybody(
        flags[:, asked], excluded=excluded if excluded.any() else None
    )
    place = {at: column for column, at in enumerate(asked)}
    scores = np.full(flags.shape, np.nan)
    for at, key in enumerate(packed):
        if usable[at]:
            scores[:, at] = found[:, place[first[key]]]
    return scores


def _row(
    share: float,
    drawn: str,
    draws: Sequence[_Draw],
    *,
    pearson: Floats,
    spearman: Floats,
) -> dict[str, float | int | str]:
    at = [i for i, d in enumerate(draws) if (d.share, d.drawn) == (share, drawn)]
    scored = [i for i in at if np.isfinite(pearson[i])]
    clustered = not np.isnan(draws[at[0]].same_cluster)
    reasons = [draws[i].unscored for i in at]
    n_members = float(np.mean([draws[i].members.sum() for i in at]))
    row: dict[str, float | int | str] = {
        "share": share,
        "drawn": drawn,
        "n_labels": draws[at[0]].n_labels,
        "n_members": n_members if clustered else np.nan,
        "repeats": len(at),
        "scored": len(scored),
        "same_cluster": float(np.mean([draws[i].same_cluster for i in at])),
        "reason": "" if scored else "; ".join(dict.fromkeys(reasons)),
    }
    for name, values in (("pearson", pearson), ("spearman", spearman)):
        low, high = (
            np.percentile(values[scored], (2.5, 97.5)) if scored else (np.nan, np.nan)
        )
        row |= {
            name: float(np.mean(values[scored])) if scored else np.nan,
            f"{name}_low": float(low),
            f"{name}_high": float(high),
        }
    return row
