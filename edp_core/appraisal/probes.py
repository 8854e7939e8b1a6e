"""Probes: what an embedding knows of age or size, by ridge in nested cross-validation.

Beside each stands what needs no embedding: the mean of the training participants, and
the organ's volume.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.stats.regression import pearson

Floats = NDArray[np.float64]
CONSTANT = "constant"
PENALTIES = tuple(float(10.0**k) for k in np.arange(-4, 3.5, 0.5))
"""Ridges tried, as shares of the mean sum of squares of an axis."""
FEWEST = 50
"""Fewest participants a probe is made on."""
COLUMNS = (
    "target", "predictor", "n", "n_axes", "folds", "penalty", "mae", "rmse", "r2",
    "r", "r_low", "r_high", "reason",
)  # fmt: skip


def ridge_out_of_fold(
    predictors: ArrayLike,
    target: ArrayLike,
    *,
    folds: ArrayLike,
    penalties: Sequence[float] = PENALTIES,
) -> tuple[Floats, Floats]:
    """Predict everybody from ridge regressions that did not see them.

    Parameters
    ----------
    predictors
        (n, m) without missing values, taken as they are, not standardised.
    target
        (n,) without missing values, any unit.
    folds
        (n,) integers, at least two distinct.
    penalties
        α > 0 to choose from: λ = α·tr(S_T)/m of the training participants.

    Returns
    -------
    predicted
        (n,) in the unit of ``target``.
    chosen
        (n_folds,) the α of each fold, in ascending order of folds: the one with the
        smallest squared error in leave-one-out among the training participants.

    Raises
    ------
    InputError
        Where shapes do not meet, a value is missing, there are fewer than two folds or
        a training part has fewer than three participants or predictors without
        variance.

    Notes
    -----
    One eigendecomposition S_T = QΛQᵀ per fold serves every penalty: with scores
    u = zQ, ŷ_i = ȳ + Σ_j u_ij·b_j/(Λ_j + λ), b = QᵀZᵀy, and leaving i out turns its
    residual e_i into e_i/(1 − h_i), h_i = 1/n + Σ_j u_ij²/(Λ_j + λ) (Golub, Heath and
    Wahba 1979, doi 10.1080/00401706.1979.10489751).
    """
    z = np.asarray(predictors, dtype=np.float64)
    y = np.asarray(target, dtype=np.float64)
    fold = np.asarray(folds)
    alphas = np.asarray(penalties, dtype=np.float64)
    if z.ndim != 2 or not len(z) == len(y) == len(fold) or y.ndim != 1:
        raise InputError(
            f"predictors {z.shape}, target {y.shape} and folds {fold.shape} do not "
            "meet",
            "give one row for each participant in all three",
        )
    bad = int(np.count_nonzero(~np.isfinite(z).all(axis=1) | ~np.isfinite(y)))
    if bad:
        raise InputError(
            f"{bad} of {len(z)} rows have missing or infinite values",
            "leave those participants out first",
        )
    if not alphas.size or not np.all(alphas > 0):
        raise InputError("a penalty is not above 0", "give penalties above 0")
    names = np.unique(fold)
    if names.size < 2:
        raise InputError(
            "there are fewer than two folds", "make folds with fold_partition"
        )
    predicted, chosen = np.empty(len(y)), np.empty(names.size)
    for at, name in enumerate(names):
        held = fold == name
        predicted[held], chosen[at] = _fold(z[~held], y[~held], z[held], alphas=alphas)
    return predicted, chosen


def _fold(
    train: Floats, y: Floats, held: Floats, *, alphas: Floats
) -> tuple[Floats, float]:
    n, m = train.shape
    mean, level = train.mean(axis=0), y.mean()
    centred = train - mean
    scatter = centred.T @ centred
    size = float(np.trace(scatter)) / m if m else 0.0
    if n < 3 or size <= 1e-24 * max(float(np.abs(train).max(initial=0)) ** 2, 1e-300):
        raise InputError(
            f"the training part of a fold has {n} participants, or its predictors do "
            "not vary",
            "choose fewer folds, or leave the predictor out",
        )
    values, q = np.linalg.eigh(scatter)
    u = centred @ q
    inverse = 1 / (np.maximum(values, 0)[:, None] + size * alphas)
    weights = (u.T @ (y - level))[:, None] * inverse
    residual = (y - level)[:, None] - u @ weights
    leverage = 1 / n + u**2 @ inverse
    # where a participant is fitted whatever they are, nothing is left to judge by
    error = np.mean((residual / np.maximum(1 - leverage, 1e-12)) ** 2, axis=0)
    best = int(np.argmin(error))
    return level + (held - mean) @ (q @ weights[:, best]), float(alphas[best])


def probe(
    target: ArrayLike,
    predictors: Mapping[str, ArrayLike],
    *,
    name: str,
    folds: ArrayLike,
    penalties: Sequence[float] = PENALTIES,
) -> pd.DataFrame:
    """How well each predictor tells a target, all on the same people and folds.

    Parameters
    ----------
    target
        (n,) numbers, NaN = not known.
    predictors
        Name → (n, m) vectors or (n,) numbers, NaN in a row = not known.
    name
        What the target is called.
    folds
        (n,) fold of each participant (`edp_core.scoring.folds.fold_partition`).
    penalties
        As for `ridge_out_of_fold`.

    Returns
    -------
    DataFrame
        The constant first, then one row for each predictor: ``target``,
        ``predictor``, ``n`` (people with the target and every predictor: all rows
        rest on the same), ``n_axes``, ``folds``, ``penalty`` (median of the folds' α;
        NaN for the constant), ``mae`` and ``rmse`` in the unit of the target, ``r2`` =
        1 − Σ(y − ŷ)²/Σ(y − ȳ)² out of fold, below 0 where the mean of all would do
        better; ``r`` of predicted and true with ``r_low``, ``r_high`` (Fisher's 95 %;
        NaN for the constant, whose only movement is that a fold with high values
        leaves a low mean); ``reason``: empty, or why the figures are NaN.

    Raises
    ------
    InputError
        Where rows do not meet or a value is infinite.
    """
    y = np.asarray(target, dtype=np.float64)
    fold = np.asarray(folds)
    blocks = {k: _block(v, len(y), k) for k, v in predictors.items()}
    if np.isinf(y).any() or fold.shape != y.shape:
        raise InputError(
            f"target {y.shape} and folds {fold.shape} do not meet, or a target is "
            "infinite",
            "give one number, or NaN, and one fold for each participant",
        )
    known = ~np.isnan(y)
    for block in blocks.values():
        known &= ~np.isnan(block).any(axis=1)
    y, fold = y[known], fold[known]
    reason = ""
    if len(y) < FEWEST:
        reason = f"fewer than {FEWEST} people have the target and every predictor"
    elif np.unique(fold).size < 2:
        reason = "they are all in one fold"
    elif np.ptp(y) == 0:
        reason = "the target does not vary"
    rows = []
    for who, block in ({CONSTANT: np.empty((len(known), 0))} | blocks).items():
        row: dict[str, object] = dict.fromkeys(COLUMNS, np.nan) | {
            "target": name,
            "predictor": who,
            "n": len(y),
            "n_axes": block.shape[1],
            "folds": int(np.unique(fold).size),
            "reason": reason,
        }
        x = block[known]
        if not reason and who != CONSTANT and not np.ptp(x, axis=0).any():
            row["reason"] = "the predictor does not vary"
        if not row["reason"]:
            row |= _figures(x, y, fold, penalties=penalties)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def joined(blocks: Mapping[str, ArrayLike]) -> Floats:
    """Several embeddings side by side, each of the same total variance.

    Parameters
    ----------
    blocks
        Name → (n, m_k) vectors, NaN rows where not known.

    Returns
    -------
    (n, Σ m_k) float64: an encoder whose vectors are long does not outweigh the others.
    The scale is one number for each embedding and takes no account of the target.
    """
    parts = []
    for block in blocks.values():
        z = np.asarray(block, dtype=np.float64)
        there = z[~np.isnan(z).any(axis=1)]
        spread = float(there.var(axis=0).sum()) if len(there) else 0.0
        parts.append(z / np.sqrt(spread) if spread > 0 else z)
    return np.concatenate(parts, axis=1)


def _block(values: ArrayLike, n: int, name: str) -> Floats:
    block = np.asarray(values, dtype=np.float64)
    block = block[:, None] if block.ndim == 1 else block
    if block.ndim != 2 or len(block) != n or np.isinf(block).any():
        raise InputError(
            f"predictor {name!r} of shape {block.shape} does not meet {n} "
            "participants, or has infinite values",
            "give one row of finite numbers, or NaN, for each participant",
        )
    return block


def _figures(
    x: Floats, y: Floats, fold: np.ndarray, *, penalties: Sequence[float]
) -> dict[str, float]:
    found: dict[str, float] = {}
    if x.shape[1]:
        predicted, alphas = ridge_out_of_fold(x, y, folds=fold, penalties=penalties)
        r = pearson(predicted, y)
        found = {"r": r.r, "r_low": r.low, "r_high": r.high}
        found["penalty"] = float(np.median(alphas))
    else:
        predicted = np.empty(len(y))
        for name in np.unique(fold):
            predicted[fold == name] = y[fold != name].mean()
    error = y - predicted
    return found | {
        "mae": float(np.mean(np.abs(error))),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "r2": float(1 - np.sum(error**2) / np.sum((y - y.mean()) ** 2)),
    }
