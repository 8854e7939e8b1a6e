"""What a scan is given, checked and brought into the order of its folds."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from edp_core.errors import InputError
from edp_core.people.eligibility import Eligibility
from edp_core.scoring.discriminant import TraitRows
from edp_core.scoring.moments import Moments

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Cases = ArrayLike | sparse.sparray | sparse.spmatrix


def trait_rows(
    flags: sparse.csc_array, eligible: Eligibility | None, moments: Moments
) -> list[TraitRows]:
    """Traits as rows in the order of the folds."""
    places = moments.places()
    nobody = np.empty(0, dtype=np.int64)
    sets: dict[int, Ints] = {-1: nobody}
    of = np.full(flags.shape[1], -1)
    if eligible is not None:
        if eligible.excluded.shape[0] != len(places) or len(eligible.of) != len(of):
            raise InputError(
                f"eligibility of {eligible.excluded.shape[0]} participants and "
                f"{len(eligible.of)} traits does not meet {flags.shape}",
                "give one row for each participant and one entry for each trait",
            )
        of = eligible.of
        for at in np.unique(of[of >= 0]):
            start, end = eligible.excluded.indptr[at : at + 2]
            sets[int(at)] = np.sort(places[eligible.excluded.indices[start:end]])
    return [
        TraitRows(np.sort(places[flags.indices[start:end]]), sets[int(at)])
        for (start, end), at in zip(pairwise(flags.indptr), of, strict=True)
    ]


def held_counts(trait: TraitRows, moments: Moments) -> tuple[Ints, Ints]:
    """Cases and controls of each fold that count."""
    starts = moments.starts
    cases = np.diff(np.searchsorted(trait.cases, starts))
    aside = np.diff(np.searchsorted(trait.aside, starts))
    back = np.intersect1d(trait.cases, trait.aside, assume_unique=True)
    aside = aside - np.diff(np.searchsorted(back, starts))
    return cases, np.diff(starts) - cases - aside


def vectors_of(vectors: ArrayLike) -> Floats:
    """(n, n_axes) finite numbers; float32 stays."""
    z = np.asarray(vectors)
    if z.ndim != 2:
        raise InputError(
            f"vectors have shape {z.shape}", "give one row for each participant"
        )
    bad = int(np.count_nonzero(~np.isfinite(z).all(axis=1)))
    if bad:
        raise InputError(
            f"{bad} of {len(z)} vectors have missing or infinite values",
            "leave those participants out first",
        )
    return z


def columns_of(cases: Cases, n: int) -> sparse.csc_array:
    """(n, n_traits) bool by column, of ``cases`` dense or sparse."""
    given: Any = cases if sparse.issparse(cases) else np.asarray(cases, dtype=bool)
    if given.ndim != 2 or given.shape[0] != n:
        raise InputError(
            f"{n} vectors and cases {given.shape} do not meet",
            "give one row for each participant in both, and one column a trait",
        )
    flags = sparse.csc_array(given).astype(bool)
    flags.eliminate_zeros()
    return flags


def folds_of(folds: ArrayLike, n: int) -> Ints:
    """(n,) whole numbers, at least two different."""
    fold = np.asarray(folds)
    if fold.shape != (n,):
        raise InputError(
            f"{n} vectors and folds {fold.shape} do not meet",
            "give one row for each participant in both",
        )
    if np.unique(fold).size < 2:
        raise InputError(
            "there are fewer than two folds", "make folds with fold_partition"
        )
    return fold.astype(np.int64)


def standardised(baseline: ArrayLike, n: int) -> Floats:
    """Covariates in standard deviations, NaN at their mean; those that vary."""
    x = np.asarray(baseline, dtype=np.float64)
    if x.ndim != 2 or len(x) != n or np.any(np.isinf(x)):
        raise InputError(
            f"baseline of shape {x.shape} does not meet {n} participants, "
            "or has infinite values",
            "give one row of finite numbers, or NaN, for each participant",
        )
    there = ~np.isnan(x)
    mean = np.where(there, x, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    x = np.where(there, x - mean, 0)
    sd = np.sqrt(np.mean(x**2, axis=0))
    varies = sd > 1e-12 * np.abs(mean)
    if not varies.any():
        raise InputError("no baseline covariate varies", "leave the baseline out")
    return np.asarray(x[:, varies] / sd[varies], dtype=np.float64)
