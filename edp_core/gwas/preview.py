"""The live GWAS: a phenotype against every variant by one matrix–vector product.

The phenotype is projected on what products are kept with (covariates and axes). Of a
score that is linear in the embedding nothing is lost, of others a share that is told;
what the projection says of every variant is then read off the products.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import RLock

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import AlignmentError, InputError
from edp_core.gwas.adjusting import (
    BLOCK,
    Adjustment,
    adjustment,
    check_varies,
    degrees_left,
    in_order,
    without,
)
from edp_core.gwas.association import Association, tested
from edp_core.gwas.basis import Basis
from edp_core.gwas.span import extended, independent, products
from edp_core.threads import on_all_cores

__all__ = ["Association", "Live", "align", "preview"]

Floats = NDArray[np.float64]
_KEPT = 0.9999
"""Where the axes keep this share of a phenotype the unit-normalised are not asked."""
_WORTH = 0.8
"""The unit-normalised take part where they leave less than this share of what as many
directions drawn at random would leave."""
_SUBSETS = 8
"""Subsets of covariates whose sums are remembered: each 9 MB at 1.1 M variants."""


def align(basis: Basis, eids: ArrayLike, values: ArrayLike) -> Floats:
    """Bring a phenotype into the order of a basis' people.

    Parameters
    ----------
    basis
        Products of the variants.
    eids
        (n_participants,) text, each once, in any order.
    values
        (n_participants,) numbers; NaN = missing.

    Returns
    -------
    (n,) float64 in the order of ``basis.eids``; NaN for people without a value.

    Raises
    ------
    InputError
        Where ids and values do not meet in number.
    AlignmentError
        Where an id comes twice, or none is among the basis' people.
    """
    names = np.asarray(eids).astype(str)
    given = np.asarray(values, dtype=np.float64)
    if names.ndim != 1 or names.shape != given.shape:
        raise InputError(
            f"{names.size} ids do not meet {given.size} values",
            "give one value for each participant",
        )
    order = np.argsort(names, kind="stable")
    ranked = names[order]
    twice = int(np.count_nonzero(ranked[1:] == ranked[:-1]))
    if twice:
        raise AlignmentError(
            f"{twice} ids come more than once", "leave one row for each participant"
        )
    people = np.asarray(basis.eids).astype(str)
    place = np.minimum(np.searchsorted(ranked, people), max(len(ranked) - 1, 0))
    there = ranked[place] == people if len(ranked) else np.zeros(len(people), bool)
    if not there.any():
        raise AlignmentError(
            f"none of {names.size} participants has products of genotypes",
            "name the mapping from genotype ids to participants in [genotypes] and "
            "run `precompute gwas-basis` again",
        )
    aligned = np.full(len(people), np.nan)
    aligned[there] = given[order[place[there]]]
    return aligned


class Live:
    """A basis with what is the same for every phenotype, worked out once.

    Safe to share between threads. It keeps factors of the people's columns (made at the
    first phenotype) and the variants' sums for the last eight subsets of covariates.

    Parameters
    ----------
    basis
        Products of the variants, as they lie in the store.
    """

    def __init__(self, basis: Basis) -> None:
        self.basis = basis
        self._lock = RLock()
        self._systems: list[Floats] = []
        self._adjustments: dict[tuple[str, ...], Adjustment] = {}

    def preview(self, values: ArrayLike, *, covariates: Sequence[str]) -> Association:
        """Test a phenotype against every variant; see `preview`."""
        basis = self.basis
        filled, n_filled = _filled(values, len(basis.eids))
        adjusting = self.adjustment(covariates)
        df = degrees_left(len(filled), adjusting.rank)
        centred = without(filled, basis.covariates, adjusting.weights)
        total = float(centred @ centred)
        weights, kept, on_unit = self._projected(centred, total)
        beta, se, log10p = self._read_off(weights, adjusting.squares, total, df=df)
        return Association(
            beta,
            se,
            log10p,
            n=len(filled),
            df=df,
            r2=min(kept / total, 1.0),
            exact=False,
            n_filled=n_filled,
            covariates=adjusting.covariates,
            on_unit=on_unit,
        )

    def adjustment(self, covariates: Sequence[str]) -> Adjustment:
        """The variants' sums after a subset of covariates, remembered."""
        names = in_order(self.basis, covariates)
        with self._lock:
            found = self._adjustments.pop(names, None) or adjustment(self.basis, names)
            self._adjustments[names] = found  # the last used stands last
            while len(self._adjustments) > _SUBSETS:
                del self._adjustments[next(iter(self._adjustments))]
        return found

    def _projected(self, centred: Floats, total: float) -> tuple[Floats, float, bool]:
        """Weights of the columns whose sum is the projection, and its square."""
        basis = self.basis
        by_columns = products([basis.covariates, basis.axes], centred)
        system = self._system(0)
        along = system.T @ by_columns
        kept = float(along @ along)
        if kept > _KEPT * total or not basis.unit.shape[1]:
            return system @ along, kept, False
        new = self._system(1)
        more = new.T @ np.append(by_columns, products([basis.unit], centred))
        gained = float(more @ more)
        free = len(centred) - 1 - system.shape[1]
        by_chance = (total - kept) * max(1 - new.shape[1] / max(free, 1), 0)
        if total - kept - gained >= _WORTH * by_chance:
            return system @ along, kept, False
        weights = new @ more
        weights[: len(system)] += system @ along
        return weights, kept + gained, True

    def _system(self, stage: int) -> Floats:
        """Orthonormal weights: of covariates and axes; what unit axes add to them."""
        basis = self.basis
        with self._lock:
            if not self._systems:
                covariates = independent(basis.covariates)
                parts = [basis.covariates, basis.axes]
                beside = products(parts, basis.axes)
                above, own = np.split(beside, [len(covariates)])
                axes = extended(covariates, above, own)
                padded = np.zeros((len(axes), covariates.shape[1]))
                padded[: len(covariates)] = covariates
                self._systems.append(np.hstack([padded, axes]))
            if stage and len(self._systems) < 2:
                first = self._systems[0]
                beside = products(
                    [basis.covariates, basis.axes, basis.unit], basis.unit
                )
                above, own = np.split(beside, [len(first)])
                self._systems.append(extended(first, above, own))
            return self._systems[stage]

    def _read_off(
        self, weights: Floats, squares: Floats, total: float, *, df: int
    ) -> tuple[Floats, Floats, Floats]:
        """β, SE and −log10 p of every variant, block by block on all cores."""
        basis = self.basis
        c, r = basis.covariates.shape[1], basis.axes.shape[1]
        of_covariates = weights[:c]
        of_axes = weights[c : c + r].astype(np.float32)
        of_unit = weights[c + r :].astype(np.float32)
        beta, se, log10p = (np.empty(len(squares)) for _ in range(3))

        def read(start: int) -> None:
            rows = slice(start, start + BLOCK)
            product = basis.by_covariates[rows] @ of_covariates
            product += basis.by_axes[rows] @ of_axes
            if of_unit.size:
                product += basis.by_unit[rows] @ of_unit
            beta[rows], se[rows], log10p[rows] = tested(
                product, squares[rows], total=total, df=df
            )

        on_all_cores(read, range(0, len(squares), BLOCK))
        return beta, se, log10p


def preview(
    basis: Basis, values: ArrayLike, *, covariates: Sequence[str]
) -> Association:
    """Test a phenotype against every variant, from stored products.

    Parameters
    ----------
    basis
        Products of the variants.
    values
        (n,) phenotype in the order of ``basis.eids`` (see `align`); NaN = missing,
        filled by the mean and counted.
    covariates
        Names of any of the basis' covariates, projected out exactly.

    Returns
    -------
    Association
        ``r2`` says what share of the phenotype the projection keeps: at 1 this is
        ordinary least squares, below it χ² come out smaller, under no effect by that
        factor.

    Raises
    ------
    InputError
        For a phenotype that is constant, infinite, wholly missing or wholly explained
        by the covariates, an unknown covariate, or too few people for them.

    Notes
    -----
    t̂ is the projection of t̃, the phenotype without the covariates asked for, on the
    span of all stored covariates and axes (and the unit-normalised ones where these
    leave less than four fifths of what as many random directions would).
    β = x̃ᵀt̂/x̃ᵀx̃ and the residual variance is (t̃ᵀt̃ − β²x̃ᵀx̃)/(n − c − 1), c counting
    the intercept. For one phenotype after the other hold a `Live`, which works out
    once what does not depend on them.
    """
    return Live(basis).preview(values, covariates=covariates)


def _filled(values: ArrayLike, n: int) -> tuple[Floats, int]:
    """The phenotype with missing values at the mean, and how many were."""
    given = np.asarray(values, dtype=np.float64)
    if given.shape != (n,):
        raise InputError(
            f"values of shape {given.shape} do not meet {n} people",
            "bring them into the basis' order with align",
        )
    there = ~np.isnan(given)
    known = given[there]
    check_varies(known)
    return np.where(there, given, known.mean()), int(n - known.size)
