"""Products of genotypes with covariates and axes: the sums a live GWAS rests on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edp_core.errors import InputError
from edp_core.threads import on_all_cores

Floats = NDArray[np.float64]
LEAST_VARIANCE = 1e-10
"""Directions with a smaller share of the largest one's variance are rounding."""
CHUNK = 256
"""Variants of one matrix product. It never depends on the machine, so that a basis
has the same bytes on any number of cores."""
PEOPLE = 2048
"""People at a time, where columns are multiplied with columns."""
TILE = 16
"""Variants in double precision at a time: they stay in the cache."""
CONSTANT = 1e-8
"""A centred genotype of a smaller sum of squares is the same for everybody."""

MISSING = "variant missing in too many people"
MONOMORPHIC = "variant that is the same for everybody"
RARE = "variant whose rarer allele has too few copies"


@dataclass(frozen=True)
class Columns:
    """What every variant is multiplied with.

    Attributes
    ----------
    covariates
        (n, c) float64, centred.
    both
        (n, r + u) float32: directions of the axes, then of the unit-normalised ones.
    split
        r.
    """

    covariates: Floats
    both: NDArray[np.float32]
    split: int


@dataclass(frozen=True)
class Products:
    """Sums of a block of variants; see `edp_core.gwas.basis.Basis`.

    Attributes
    ----------
    kept
        (n_kept,) int64, places of the variants kept among those of the block.
    af, n_missing, squares, by_covariates, by_axes, by_unit
        As in a basis, of those kept.
    dropped
        Reason → variants left out.
    """

    kept: NDArray[np.int64]
    af: NDArray[np.float32]
    n_missing: NDArray[np.int32]
    squares: Floats
    by_covariates: Floats
    by_axes: NDArray[np.float32]
    by_unit: NDArray[np.float32]
    dropped: Counter[str]


def directions(vectors: np.ndarray) -> tuple[NDArray[np.float32], Floats]:
    """Orthonormal columns that span vectors, and their weights in them.

    Parameters
    ----------
    vectors
        (n, m), any precision, finite; they are centred here.

    Returns
    -------
    columns
        (n, r) float32, orthonormal up to rounding: principal components scaled to unit
        length, the one of most variance first. Directions below 1e-10 of its variance
        are left out: they would be amplified rounding.
    loadings
        (r, m) float64: ``columns.T`` times the centred vectors.

    Raises
    ------
    InputError
        Where the vectors are the same for everybody.

    Notes
    -----
    Eigenvectors of the products of the columns square the condition, so what they give
    is made orthonormal again by Cholesky's factor (CholeskyQR2, Yamamoto et al. 2015,
    ETNA 44, 306–326).
    """
    centred = np.asarray(vectors, np.float64)
    centred = centred - centred.mean(axis=0)
    variances, weights = np.linalg.eigh(_gram(centred))
    largest = float(variances[-1]) if len(variances) else 0.0
    if not largest > 0:
        raise InputError(
            f"All {len(vectors)} people have the same vector",
            "choose another encoder, or train it longer",
        )
    keep = np.flatnonzero(variances > LEAST_VARIANCE * largest)[::-1]
    # the sign of an eigenvector is anybody's: its largest weight is positive here
    chosen = weights[:, keep]
    chosen *= np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(len(keep))])
    columns = _times(centred, chosen / np.sqrt(variances[keep]))
    for _ in range(2):
        factor = np.linalg.cholesky(_gram(columns))
        columns = _times(columns, np.linalg.inv(factor).T)
    rounded = columns.astype(np.float32)
    return rounded, _gram(rounded, centred)


def _gram(left: np.ndarray, right: np.ndarray | None = None) -> Floats:
    """Products of columns with columns, over blocks of people."""
    other = left if right is None else right

    def part(start: int) -> Floats:
        rows = slice(start, start + PEOPLE)
        wide = left[rows].astype(np.float64)
        return np.asarray(wide.T @ other[rows].astype(np.float64))

    parts = on_all_cores(part, range(0, len(left), PEOPLE))
    return np.asarray(sum(parts[1:], start=parts[0]))


def _times(columns: Floats, weights: Floats) -> Floats:
    """Columns times weights, in blocks of people."""
    starts = range(0, len(columns), PEOPLE)
    return np.concatenate(
        on_all_cores(lambda s: columns[s : s + PEOPLE] @ weights, starts)
    )


def unit_vectors(vectors: np.ndarray, centre: np.ndarray) -> Floats:
    """Vectors centred and scaled to length 1; one that is the centre stays 0.

    ``vectors`` (n, m), ``centre`` (m,); returns (n, m) float64.
    """
    centred = np.asarray(vectors, np.float64) - centre
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.where(length > 0, length, 1.0))


def multiply(
    dosages: NDArray[np.float32], columns: Columns, *, mac: float, missing: float
) -> Products:
    """Multiply a block of variants with the people's columns.

    Parameters
    ----------
    dosages
        (n_block, n) copies of the effect allele, 0 to 2, NaN = missing; changed here.
    mac
        Fewest copies of the rarer allele.
    missing
        Largest share of people with a missing genotype.

    Returns
    -------
    Products
        A missing genotype has had the variant's mean. Frequencies, sums of squares
        and products with covariates are taken in double precision.
    """
    starts = range(0, len(dosages), CHUNK)
    parts = on_all_cores(lambda s: _chunk(dosages[s : s + CHUNK], columns), starts)
    people = dosages.shape[1]

    def whole(name: str) -> np.ndarray:
        return np.concatenate([part[name] for part in parts])

    n_missing, copies, squares = (whole(n) for n in ("n_missing", "copies", "squares"))
    seen = people - n_missing
    dropped: Counter[str] = Counter()
    left = np.ones(len(dosages), bool)
    for bad, reason in (
        ((n_missing > missing * people) | (seen == 0), MISSING),
        (squares < CONSTANT, MONOMORPHIC),
        (np.minimum(copies, 2 * seen - copies) < mac - 1e-6, RARE),
    ):
        if (bad & left).any():
            dropped[reason] = int((bad & left).sum())
            left &= ~bad
    kept = np.flatnonzero(left)
    products = whole("products")[kept]
    return Products(
        kept,
        (copies[kept] / (2 * seen[kept])).astype(np.float32),
        n_missing[kept].astype(np.int32),
        squares[kept],
        whole("by_covariates")[kept],
        products[:, : columns.split],
        products[:, columns.split :],
        dropped,
    )


def _chunk(dosages: NDArray[np.float32], columns: Columns) -> dict[str, np.ndarray]:
    size, people = dosages.shape
    n_missing = np.zeros(size, np.int64)
    copies, squares = np.zeros(size), np.zeros(size)
    by_covariates = np.zeros((size, columns.covariates.shape[1]))
    for start in range(0, size, TILE):
        rows = slice(start, start + TILE)
        wide = dosages[rows].astype(np.float64)
        copies[rows] = wide.sum(axis=1)
        for at in np.flatnonzero(np.isnan(copies[rows])):  # some have a missing one
            gone = np.isnan(wide[at])
            n_missing[start + at] = gone.sum()
            copies[start + at] = total = wide[at][~gone].sum()
            wide[at][gone] = total / max(people - int(gone.sum()), 1)
        seen = np.maximum(people - n_missing[rows], 1)
        wide -= (copies[rows] / seen)[:, None]
        squares[rows] = np.einsum("ij,ij->i", wide, wide)
        by_covariates[rows] = wide @ columns.covariates
        dosages[rows] = wide
    return {
        "n_missing": n_missing,
        "copies": copies,
        "squares": squares,
        "by_covariates": by_covariates,
        "products": dosages @ columns.both,
    }
