"""Loci of several runs side by side: shared, gained, lost, and the table of counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edp_core.errors import InputError
from edp_core.gwas.genome import MHC
from edp_core.gwas.loci import GAP, join

_APART = 1 << 32
_NEEDED = ("locus", "chrom", "start", "end", "lead_pos", "log10p")


def overlap(a: pd.DataFrame, b: pd.DataFrame, *, within: int = GAP) -> pd.DataFrame:
    """Pairs of loci of two runs that are at the same place.

    Parameters
    ----------
    a, b
        Loci as of `edp_core.gwas.loci.find_loci`, of the same build.
    within
        Loci are at the same place when their edges are nearer than this, in bp, as
        two of one run would be joined; 0 asks for a position in common. Loci of the
        MHC always are.

    Returns
    -------
    One row a pair, by position: ``chrom``, ``locus_a``, ``locus_b``, ``lead_pos_a``,
    ``lead_pos_b``, ``log10p_a``, ``log10p_b`` and ``apart`` (bp between the leads).

    Raises
    ------
    InputError
        Where a table lacks a column of loci.
    """
    (start_a, end_a), (start_b, end_b) = _spans([a, b])
    # starts are sorted, and so are the furthest ends: pairs lie in a range each
    order = np.argsort(start_b, kind="stable")
    start_b, end_b = start_b[order], end_b[order]
    reach = np.maximum.accumulate(end_b) if len(end_b) else end_b
    gap = max(within, 1)
    first = np.searchsorted(reach, start_a - gap, side="right")
    last = np.searchsorted(start_b, end_a + gap, side="left")
    size = np.maximum(last - first, 0)
    left = np.repeat(np.arange(len(a)), size)
    right = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    right += np.repeat(first, size)
    near = (start_a[left] - end_b[right] < gap) & (start_b[right] - end_a[left] < gap)
    left, right = left[near], order[right[near]]
    one, two = a.iloc[left].reset_index(drop=True), b.iloc[right].reset_index(drop=True)
    pairs = {
        "chrom": one["chrom"],
        "locus_a": one["locus"],
        "locus_b": two["locus"],
        "lead_pos_a": one["lead_pos"],
        "lead_pos_b": two["lead_pos"],
        "log10p_a": one["log10p"],
        "log10p_b": two["log10p"],
        "apart": (one["lead_pos"].astype(np.int64) - two["lead_pos"]).abs(),
    }
    return (
        pd.DataFrame(pairs)
        .sort_values(["chrom", "lead_pos_a", "lead_pos_b"], kind="stable")
        .reset_index(drop=True)
    )


def union(runs: Mapping[str, pd.DataFrame], *, within: int = GAP) -> pd.DataFrame:
    """Loci of any of several runs, and which of them each is found in.

    Parameters
    ----------
    runs
        Name → loci, of the same build: axes of an embedding, sides, encoders.
    within
        As for `overlap`. Loci of one run may become one through those of another that
        lie between them.

    Returns
    -------
    One row a locus of the union, by position: ``locus`` (from 0), ``chrom``,
    ``start``, ``end``, ``run`` (the one with the smallest p), ``lead_pos`` and
    ``log10p`` of that, ``n_runs`` (runs that have it), and a column for each run with
    the −log10 p of its own lead, NaN where it has none there.

    Raises
    ------
    InputError
        Where a table lacks a column of loci, or a run is called like another column.
    """
    own = ["locus", "chrom", "start", "end", "run", "lead_pos", "log10p", "n_runs"]
    if taken := sorted(set(own) & set(runs)):
        raise InputError(
            f"A run cannot be called {', '.join(taken)}: the table has that column",
            "give it another name",
        )
    parts = [
        table.loc[:, list(_NEEDED)].assign(run=name, at=start, to=end)
        for (name, table), (start, end) in zip(
            runs.items(), _spans(list(runs.values())), strict=True
        )
        if len(table)
    ]
    if not parts:
        return pd.DataFrame(columns=[*own, *runs])
    every = pd.concat(parts, ignore_index=True)
    every["locus"] = join(every["at"].to_numpy(), every["to"].to_numpy(), within)
    grouped = every.groupby("locus", sort=True)
    best = every.sort_values(
        ["log10p", "lead_pos"], ascending=[False, True], kind="stable"
    ).drop_duplicates("locus")
    table = (
        best.set_index("locus")
        .sort_index()[["chrom", "run", "lead_pos", "log10p"]]
        .assign(
            start=grouped["start"].min(),
            end=grouped["end"].max(),
            n_runs=grouped["run"].nunique(),
        )
    )
    cells = every.pivot_table(
        index="locus", columns="run", values="log10p", aggfunc="max"
    ).reindex(columns=list(runs))
    return pd.concat([table, cells], axis=1).reset_index()[[*own, *runs]]


def intersection(
    runs: Mapping[str, pd.DataFrame], *, within: int = GAP
) -> pd.DataFrame:
    """Loci that every one of the runs has, such as those of the left and right eye.

    Takes and gives what `union` does, without the loci that any run lacks.
    """
    every = union(runs, within=within)
    return every[every["n_runs"] == len(runs)].reset_index(drop=True)


def gained_lost(
    before: pd.DataFrame, after: pd.DataFrame, *, within: int = GAP
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Loci that only the second run has, and those that only the first had.

    Parameters
    ----------
    before, after
        Loci, of the same build.
    within
        As for `overlap`.

    Returns
    -------
    Rows of ``after`` and rows of ``before``, with all their columns.

    Raises
    ------
    InputError
        Where a table lacks a column of loci.
    """
    pairs = overlap(before, after, within=within)
    gained = after[~after["locus"].isin(pairs["locus_b"])]
    lost = before[~before["locus"].isin(pairs["locus_a"])]
    return gained.reset_index(drop=True), lost.reset_index(drop=True)


def counts(
    runs: Mapping[str, pd.DataFrame],
    *,
    baseline: str | None = None,
    within: int = GAP,
) -> pd.DataFrame:
    """How many loci each run has, and how many of them nobody else or a baseline has.

    Parameters
    ----------
    runs
        Name → loci, of the same build: methods, organs, encoders, phenotypes.
    baseline
        The run to compare with, such as the code as a binary trait or the volume.
    within
        As for `overlap`.

    Returns
    -------
    One row a run, in the order given: ``run``, ``loci``, ``variants`` (significant
    ones), ``unique`` (loci that no other run has), and with a baseline ``shared``
    (loci that the baseline has too), ``new`` (those it has not) and ``missed``
    (loci of the baseline that this run has not). ``loci`` = ``shared`` + ``new``.

    Raises
    ------
    InputError
        Where a table lacks a column of loci, or there is no run of the baseline's name.

    Notes
    -----
    These are the counts of the EDP paper's Tables 1, 2 and 6. It counts one variant or
    gene a finding there and pools phenotypes; here loci are counted, each phenotype by
    itself.
    """
    if baseline is not None and baseline not in runs:
        raise InputError(
            f"There is no run {baseline!r} to compare with",
            f"choose one of {', '.join(runs)}",
        )
    rows = []
    for name, table in runs.items():
        alone = table
        for other, theirs in runs.items():
            if other != name:
                alone, _ = gained_lost(theirs, alone, within=within)
        row = {
            "run": name,
            "loci": len(table),
            "variants": int(table["n_variants"].sum()),
            "unique": len(alone),
        }
        if baseline is not None:
            new, missed = gained_lost(runs[baseline], table, within=within)
            row |= {
                "shared": len(table) - len(new),
                "new": len(new),
                "missed": len(missed),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def _spans(
    tables: Sequence[pd.DataFrame],
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """First and last position on one line, of every table.

    Loci of the MHC, which are one within a run, all span what they span together.
    """
    spans = []
    for table in tables:
        missing = [name for name in _NEEDED if name not in table.columns]
        if missing:
            raise InputError(
                f"A table of loci has no column {', '.join(missing)}",
                "give a table as find_loci makes it",
            )
        line = table["chrom"].to_numpy(np.int64) * _APART
        spans.append(
            (line + table["start"].to_numpy(np.int64),
             line + table["end"].to_numpy(np.int64))
        )  # fmt: skip
    first, last = MHC[0] * _APART + MHC[1], MHC[0] * _APART + MHC[2]
    within = [(start <= last) & (end >= first) for start, end in spans]
    low = [start[mhc].min() for (start, _), mhc in zip(spans, within, strict=True)
           if mhc.any()]  # fmt: skip
    high = [end[mhc].max() for (_, end), mhc in zip(spans, within, strict=True)
            if mhc.any()]  # fmt: skip
    for (start, end), mhc in zip(spans, within, strict=True):
        if mhc.any():
            start[mhc], end[mhc] = min(low), max(high)
    return spans
