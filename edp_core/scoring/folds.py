"""Folds, and why a trait cannot be scored in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edp_core.errors import InputError

Ints = NDArray[np.int64]


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


def why_not(held: tuple[Ints, Ints], *, min_cases: int, trains: Ints) -> str:
    """Why a trait cannot be scored; empty where it can.

    Parameters
    ----------
    held
        (n_folds,) cases of each fold, and controls that count.
    min_cases
        Fewest of either.
    trains
        Folds whose hold-out leaves a model that is used.
    """
    for name, counts in (("cases", held[0]), ("controls", held[1])):
        total = int(counts.sum())
        if total < min_cases:
            return f"fewer than {min_cases} {name}"
        # a fold that holds all of them out leaves none to train on
        lacking = trains[counts[trains] == total]
        if lacking.size:
            return f"no {name} in training of fold {lacking[0]}"
    return ""
