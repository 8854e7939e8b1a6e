"""A subset of covariates projected out of variants and phenotypes, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edp_core.errors import InputError
from edp_core.gwas.basis import Basis
from edp_core.gwas.span import independent
from edp_core.threads import on_all_cores

Floats = NDArray[np.float64]
COLLINEAR = 1e-6
"""A variant of whose variance the covariates leave less than this is not tested."""
BLOCK = 16_384
"""Variants at a time: what is worked out of them stays in the cache."""


@dataclass(frozen=True)
class Adjustment:
    """What adjusting for a subset of a basis' covariates means.

    Attributes
    ----------
    covariates
        Their names, in the basis' order.
    weights
        (c, rank): ``basis.covariates @ weights`` is orthonormal and spans them.
    squares
        (V,) x̃ᵀx̃ of the variants after them; NaN where they explain the variant.
    """

    covariates: tuple[str, ...]
    weights: Floats
    squares: Floats

    @property
    def rank(self) -> int:
        """Degrees of freedom that [1, covariates] take."""
        return 1 + int(self.weights.shape[1])


def in_order(basis: Basis, covariates: Sequence[str]) -> tuple[str, ...]:
    """The covariates named, once each and as the basis orders them.

    Raises
    ------
    InputError
        Where one is not among the basis' covariates.
    """
    unknown = [name for name in covariates if name not in basis.columns]
    if unknown:
        known = ", ".join(basis.columns) or "none"
        raise InputError(
            f"no products with {', '.join(unknown)} are kept; there are: {known}",
            "choose among these, or name it in [genotypes] of study.toml and run "
            "`precompute gwas-basis` again",
        )
    return tuple(name for name in basis.columns if name in covariates)


def adjustment(basis: Basis, covariates: Sequence[str]) -> Adjustment:
    """Project covariates out of every variant of a basis.

    Parameters
    ----------
    basis
        Products of the variants.
    covariates
        Names of any of its covariates; collinear ones count once.

    Returns
    -------
    Adjustment

    Raises
    ------
    InputError
        Where a covariate is not among the basis'.
    """
    names = in_order(basis, covariates)
    chosen = [i for name in names for i in _places(basis.columns[name])]
    weights = np.zeros((basis.covariates.shape[1], 0))
    if chosen:
        part = independent(basis.covariates[:, chosen])
        weights = np.zeros((basis.covariates.shape[1], part.shape[1]))
        weights[chosen] = part

    def left(start: int) -> Floats:
        rows = slice(start, start + BLOCK)
        shared = basis.by_covariates[rows] @ weights
        squares = np.asarray(basis.squares[rows], dtype=np.float64)
        rest = squares - np.einsum("ij,ij->i", shared, shared)
        return np.where(rest > COLLINEAR * squares, rest, np.nan)

    blocks = on_all_cores(left, range(0, len(basis.squares), BLOCK))
    squares = np.concatenate(blocks) if blocks else np.zeros(0)
    return Adjustment(names, weights, squares)


def covariate_columns(basis: Basis, covariates: Sequence[str]) -> dict[str, Floats]:
    """Columns of some covariates of a basis: name → (n, columns), centred.

    Raises
    ------
    InputError
        Where a covariate is not among the basis'.
    """
    names = in_order(basis, covariates)
    return {name: basis.covariates[:, basis.columns[name]] for name in names}


def without(values: Floats, columns: Floats, weights: Floats) -> Floats:
    """A phenotype's residuals on covariates; of mean 0.

    Parameters
    ----------
    values
        (n,), none missing.
    columns
        (n, c) covariates, centred.
    weights
        (c, rank): ``columns @ weights`` is orthonormal.

    Raises
    ------
    InputError
        Where the covariates explain the phenotype wholly.
    """
    centred: Floats = values - values.mean()
    before = float(centred @ centred)
    # twice is enough: the second pass takes out the rounding of the first
    for _ in range(2):
        along = weights.T @ (columns.T @ centred)
        centred = centred - columns @ (weights @ along)
        centred -= centred.mean()
    if float(centred @ centred) <= 1e-12 * before:
        raise InputError(
            "the covariates explain the phenotype wholly",
            "leave out the covariate that it is made of",
        )
    return centred


def check_varies(known: Floats) -> None:
    """Refuse a phenotype whose known values are infinite or all the same.

    Raises
    ------
    InputError
        Where that is so, or none is known.
    """
    if np.any(np.isinf(known)):
        raise InputError("a value is infinite", "mark it as missing or mend it")
    # what differs by rounding only does not vary
    if not known.size or np.ptp(known) <= 1e-12 * np.abs(known).max():
        raise InputError(
            "the phenotype has fewer than two distinct values among the people with "
            "genotypes",
            "choose one that varies",
        )


def degrees_left(people: int, rank: int) -> int:
    """Degrees of freedom of a variant's t-test beside [1, covariates] of a rank.

    Raises
    ------
    InputError
        Where there are none.
    """
    if people - rank - 1 < 1:
        raise InputError(
            f"there are too few people with a value for {rank - 1} columns of "
            "covariates",
            "adjust for fewer",
        )
    return people - rank - 1


def _places(columns: slice) -> range:
    return range(columns.start, columns.stop)
