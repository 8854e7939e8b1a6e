"""Exact passes over all genotypes, for phenotypes the axes do not hold.

Everyone with a value and all covariates takes part, a missing genotype takes the
variant's mean among them, and everything is summed in double precision. Reading is what
costs, so several phenotypes share a pass.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.gwas.adjusting import COLLINEAR, check_varies, degrees_left, without
from edp_core.gwas.association import Association, tested
from edp_core.gwas.span import independent
from edp_core.threads import on_all_cores

Floats = NDArray[np.float64]
Report = Callable[[int, int], object]
_CELLS = 8_000_000
"""Genotypes a thread reads at a time: 32 MB."""
_TILE = 1_000_000
"""Genotypes in double precision at a time: they stay in the cache."""


class Dosages(Protocol):
    """Genotypes that can be read by blocks, from several threads at once."""

    def read(self, variants: np.ndarray, rows: np.ndarray, /) -> NDArray[np.float32]:
        """(n_variants, n_people) copies of the effect allele; NaN = missing."""
        ...


@dataclass(frozen=True)
class _Group:
    """Phenotypes of the same people.

    ``people`` (n,) places among all, or `None` for everyone; ``columns`` (n, rank − 1 +
    T): orthonormal covariates, then the T phenotypes without them; ``totals`` (T,)
    their sums of squares; ``which`` (T,) their places among the phenotypes.
    """

    people: np.ndarray | None
    columns: Floats
    totals: Floats
    which: list[int]
    rank: int
    df: int


def exact_pass(
    genotypes: Dosages,
    variant_rows: np.ndarray,
    people_rows: np.ndarray,
    *,
    values: ArrayLike,
    covariates: Mapping[str, np.ndarray],
    report: Report | None = None,
) -> Association:
    """Test one phenotype against every variant by its genotypes.

    Parameters
    ----------
    genotypes, variant_rows, people_rows, covariates, report
        As in `exact_passes`.
    values
        (n,) phenotype; NaN = missing, left out.

    Returns
    -------
    Association
        With ``exact`` true, ``r2`` 1 and nobody filled.
    """
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1:
        raise InputError(
            f"values of shape {column.shape} are not one phenotype",
            "give one value for each participant",
        )
    return exact_passes(
        genotypes,
        variant_rows,
        people_rows,
        values=column[:, None],
        covariates=covariates,
        report=report,
    )[0]


def exact_passes(
    genotypes: Dosages,
    variant_rows: np.ndarray,
    people_rows: np.ndarray,
    *,
    values: ArrayLike,
    covariates: Mapping[str, np.ndarray],
    fewest: float = 0,
    report: Report | None = None,
) -> list[Association]:
    """Test several phenotypes against every variant in one reading of the genotypes.

    Parameters
    ----------
    genotypes
        What reads them; any thread may.
    variant_rows
        (V,) which variants, in the order wanted.
    people_rows
        (n,) rows of the people in the genotypes.
    values
        (n, T) phenotypes of those people; NaN = missing: that person is left out of
        that phenotype.
    covariates
        Name → (n,) or (n, columns), projected out. Who has one missing is left out.
    fewest
        Copies of the rarer allele that a phenotype's people must hold together: a
        variant common enough in all may have one carrier among those with a value,
        whose value it would be.
    report
        Told the variants done and their number after each block, from one thread at a
        time; what it raises ends the pass.

    Returns
    -------
    list of Association
        One for each phenotype: the ordinary linear regression with mean-imputed
        genotypes; NaN for variants that do not vary among its people, of which they
        hold too few copies, or that the covariates explain.

    Raises
    ------
    InputError
        Where shapes do not meet, or a phenotype is constant, infinite, wholly
        explained by the covariates, or known of too few people.
    """
    given = np.asarray(values, dtype=np.float64)
    n, size = len(people_rows), len(variant_rows)
    parts = [
        np.asarray(part, float).reshape(len(part), -1) for part in covariates.values()
    ]
    if given.ndim != 2 or any(len(part) != n for part in (given, *parts)):
        raise InputError(
            f"values of shape {given.shape} and covariates do not meet {n} people",
            "give one row for each of them",
        )
    groups = _groups(given, np.hstack([np.zeros((n, 0)), *parts]))
    found = np.empty((3, given.shape[1], size))
    progress = _Progress(report, size)

    def work(start: int) -> None:
        if progress.stopped:
            return
        block = genotypes.read(variant_rows[start : start + step], people_rows)
        for first in range(0, len(block), few):
            tile = block[first : first + few].astype(np.float64)
            rows = slice(start + first, start + first + len(tile))
            for group in groups:
                found[:, group.which, rows] = _tile(tile, group, fewest)
        progress.add(len(block))

    step, few = (max(cells // max(n, 1), 1) for cells in (_CELLS, _TILE))
    on_all_cores(work, range(0, size, step))
    of = {place: group for group in groups for place in group.which}
    return [
        Association(
            beta=found[0, place],
            se=found[1, place],
            log10p=found[2, place],
            n=len(of[place].columns),
            df=of[place].df,
            r2=1.0,
            exact=True,
            n_filled=0,
            covariates=tuple(covariates),
        )
        for place in range(given.shape[1])
    ]


class _Progress:
    """Counts what is done, from any thread, and stops once the report raises."""

    def __init__(self, report: Report | None, total: int) -> None:
        self._report, self._total, self._done = report, total, 0
        self._lock = threading.Lock()
        self.stopped = False

    def add(self, variants: int) -> None:
        with self._lock:
            self._done += variants
            if self._report is None or self.stopped:
                return
            try:
                self._report(self._done, self._total)
            except BaseException:
                self.stopped = True
                raise


def _groups(values: Floats, covariates: Floats) -> list[_Group]:
    """Phenotypes by who has them."""
    complete: NDArray[np.bool_] = np.logical_not(np.isnan(covariates).any(axis=1))
    by_people: dict[bytes, list[int]] = {}
    masks = ~np.isnan(values) & complete[:, None]
    for place, mask in enumerate(masks.T):
        by_people.setdefault(np.packbits(mask).tobytes(), []).append(place)
    return [
        _group(values, covariates, which=which, mask=masks[:, which[0]])
        for which in by_people.values()
    ]


def _group(
    values: Floats, covariates: Floats, *, which: list[int], mask: np.ndarray
) -> _Group:
    centred = _centred(covariates[mask])
    for place in which:
        check_varies(values[mask, place])
    weights = independent(centred)
    rank = 1 + weights.shape[1]
    df = degrees_left(int(mask.sum()), rank)
    left = [without(values[mask, place], centred, weights) for place in which]
    phenotypes = np.column_stack(left)
    totals = np.einsum("ij,ij->j", phenotypes, phenotypes)
    people = None if mask.all() else np.flatnonzero(mask)
    columns = np.hstack([centred @ weights, phenotypes])
    return _Group(people, columns, totals, which, rank, df)


def _centred(columns: Floats) -> Floats:
    """Columns of mean 0, without those that are constant but for rounding."""
    if not len(columns):
        return columns
    spread = columns.max(axis=0) - columns.min(axis=0)
    varying = columns[:, spread > 1e-12 * np.abs(columns).max(axis=0)]
    centred: Floats = varying - varying.mean(axis=0)
    return centred


def _tile(tile: Floats, group: _Group, fewest: float) -> Floats:
    """(3, T, variants) β, SE and −log10 p of a few variants."""
    counts = tile.copy() if group.people is None else tile[:, group.people]
    sums = counts.sum(axis=1)
    copies, of = sums.copy(), np.full(len(sums), 2 * counts.shape[1])
    for row in np.flatnonzero(np.isnan(sums)):
        missing = np.isnan(counts[row])
        known = counts[row, ~missing]
        copies[row], of[row] = known.sum(), 2 * known.size
        counts[row, missing] = known.mean() if known.size else 0.0
        sums[row] = counts[row].sum()
    counts -= sums[:, None] / counts.shape[1]
    squares = np.einsum("ij,ij->i", counts, counts)
    products = counts @ group.columns
    shared = products[:, : group.rank - 1]
    rest = squares - np.einsum("ij,ij->i", shared, shared)
    # below a millionth of a copy squared a variant is constant but for rounding
    tests = (rest > COLLINEAR * squares) & (squares > 1e-6)
    tests &= np.minimum(copies, of - copies) >= fewest - 1e-6
    rest = np.where(tests, rest, np.nan)
    phenotypes = products[:, group.rank - 1 :]
    figures = tested(phenotypes, rest[:, None], total=group.totals, df=group.df)
    return np.stack([figure.T for figure in figures])
