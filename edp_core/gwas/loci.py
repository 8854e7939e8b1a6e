"""Loci: which significant variants are one finding.

The rule, why it is this one and what it cannot tell stand in `docs/science.md`,
"Reading a GWAS".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.gwas.genome import MHC, check_build
from edp_core.gwas.ld import Linked

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

GENOME_WIDE = -float(np.log10(5e-8))
"""−log10 of the genome-wide threshold, 7.30."""
WINDOW = 500_000
"""A lead takes the significant variants so many bp to either side."""
GAP = 250_000
"""Loci whose edges are nearer than this are one."""
LEAST_R2 = 0.1
"""Variants of at least this r² with a lead are its own, where LD is known."""

COLUMNS = ("locus", "chrom", "start", "end", "lead", "lead_pos", "log10p", "n_variants")
_APART = 1 << 32
"""Added for each chromosome, so that no window reaches from one into the next."""


def find_loci(
    chrom: ArrayLike,
    pos: ArrayLike,
    log10p: ArrayLike,
    *,
    threshold: float = GENOME_WIDE,
    build: str = "GRCh37",
    ld: pd.DataFrame | None = None,
    ids: ArrayLike | None = None,
) -> pd.DataFrame:
    """Gather the significant variants to loci, strongest first.

    Parameters
    ----------
    chrom, pos
        (V,) chromosome number, and position in bp; in any order.
    log10p
        (V,) −log10 p; NaN = not tested.
    threshold
        −log10 of the p below which a variant is significant.
    build
        GRCh37 or GRCh38.
    ld
        Pairs of variants in linkage disequilibrium: columns ``a``, ``b`` (ids) and
        ``r2``, as `read_ld` gives; None = by distance alone.
    ids
        (V,) variant ids, needed with ``ld``.

    Returns
    -------
    One row a locus, by chromosome and position: ``locus`` (from 0), ``chrom``,
    ``start`` and ``end`` (bp, its first and last significant variant), ``lead`` (row
    of its smallest p; of equal ones the first by position), ``lead_pos``, ``log10p``
    of the lead, ``n_variants`` (significant ones).

    Raises
    ------
    InputError
        Where the columns differ in length, for an unknown build, or with ``ld``
        without ``ids``.

    Notes
    -----
    The strongest variant left takes those within 500 kb of it, until none is left;
    then loci whose edges are nearer than 250 kb become one. All of the MHC, chr6:25–34
    Mb, is one locus from the start. With ``ld`` a lead takes of its window only those
    with r² ≥ 0.1 and those the table does not know, and loci are not joined by
    distance, so that leads are independent. Time grows as h·log h with h significant
    variants, beside one look at every p.
    """
    check_build(build)
    chroms, places, values = np.asarray(chrom), np.asarray(pos), np.asarray(log10p)
    if not chroms.shape == places.shape == values.shape or values.ndim != 1:
        raise InputError(
            "Chromosome, position and −log10 p differ in length: "
            f"{chroms.shape}, {places.shape} and {values.shape}",
            "give one of each for every variant",
        )
    hits = np.flatnonzero(values > threshold)
    hits = hits[np.lexsort((places[hits], chroms[hits]))]
    at = chroms[hits].astype(np.int64) * _APART + places[hits].astype(np.int64)
    strength = values[hits].astype(np.float64)
    linked = None if ld is None else Linked(ld, _names(ids, len(values))[hits])
    group = _greedy(at, strength, linked)
    if linked is None:
        group = _joined(at, group)
    return _table(hits, at, strength, group=group)


def _names(ids: ArrayLike | None, count: int) -> NDArray[Any]:
    if ids is None:
        raise InputError(
            "An LD table names variants by id, and no ids are given",
            "give the ids of the variants beside their positions",
        )
    names = np.asarray(ids)
    if names.shape != (count,):
        raise InputError(
            f"{count} variants and ids of shape {names.shape}",
            "give one id for every variant",
        )
    return names


def _greedy(at: Ints, strength: Floats, linked: Linked | None) -> Ints:
    """The lead (its place among the hits) that takes each hit."""
    group = np.full(len(at), -1, np.int64)
    chrom, first, last = MHC
    mhc = slice(
        *np.searchsorted(at, [chrom * _APART + first, chrom * _APART + last + 1])
    )
    if mhc.stop > mhc.start:
        group[mhc] = mhc.start + int(np.argmax(strength[mhc]))
    starts = np.searchsorted(at, at - WINDOW)
    ends = np.searchsorted(at, at + WINDOW, side="right")
    for lead in np.argsort(-strength, kind="stable").tolist():
        if group[lead] >= 0:
            continue
        window = slice(starts[lead], ends[lead])
        free = group[window] < 0
        if linked is not None:
            free &= linked.with_lead(lead, window, least=LEAST_R2)
        group[window][free] = lead
    return group


def _joined(at: Ints, group: Ints) -> Ints:
    """Groups whose edges are nearer than `GAP` made one."""
    leads, which = np.unique(group, return_inverse=True)
    if not len(leads):
        return group
    start, end = _edges(at, which, len(leads))
    return join(start, end, GAP)[which]


def _edges(at: Ints, which: Ints, count: int) -> tuple[Ints, Ints]:
    """First and last position of each group."""
    start = np.full(count, np.iinfo(np.int64).max)
    end = np.zeros(count, np.int64)
    np.minimum.at(start, which, at)
    np.maximum.at(end, which, at)
    return start, end


def join(start: Ints, end: Ints, gap: int) -> Ints:
    """Number of the joined interval each interval belongs to.

    Parameters
    ----------
    start, end
        (k,) edges on one line, in any order.
    gap
        Intervals are joined where the next starts less than this after the end of all
        before it; with 0 or less where they share a position.

    Returns
    -------
    (k,) numbers from 0, rising with the start.
    """
    order = np.argsort(start, kind="stable")
    reach = np.maximum.accumulate(end[order])
    new = start[order][1:] - reach[:-1] >= max(gap, 1)
    number = np.empty(len(start), np.int64)
    number[order] = np.concatenate([[0], np.cumsum(new)])[: len(start)]
    return number


def _table(hits: Ints, at: Ints, strength: Floats, *, group: Ints) -> pd.DataFrame:
    """One row a locus, by position."""
    numbers, which = np.unique(group, return_inverse=True)
    count = len(numbers)
    start, end = _edges(at, which, count)
    # strongest of each group, of equal ones the first: at is sorted
    order = np.lexsort((np.arange(len(at)), -strength, which))
    lead = order[np.searchsorted(which[order], np.arange(count))]
    rank = np.lexsort((at[lead], start))
    start, end, lead = start[rank], end[rank], lead[rank]
    columns = {
        "locus": np.arange(count),
        "chrom": (start // _APART).astype(np.int8),
        "start": start % _APART,
        "end": end % _APART,
        "lead": hits[lead],
        "lead_pos": at[lead] % _APART,
        "log10p": strength[lead],
        "n_variants": np.bincount(which, minlength=count)[rank],
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))
