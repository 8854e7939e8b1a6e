"""Variants by chromosome and position, each once, in groups that find regions.

Work goes chromosome by chromosome, so that sorting needs no second copy of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from edp_core.gwas.incoming.rows import MAF, SCHEMA
from edp_core.gwas.incoming.values import Tally
from edp_core.refused import writing

GROUP = 100_000
"""Rows of a row group: a region reads one or two."""
REPEATED = "variant repeated word for word"
SWAPPED = "variant repeated with its alleles swapped"
CONTRADICTED = "variant repeated with other numbers, the first was kept"


@dataclass(frozen=True)
class Sorted:
    """Variants as they were written.

    Attributes
    ----------
    table
        As ``variants.parquet``.
    chrom, pos, log10p
        (V,) arrays of it.
    frequency
        (V,) frequency of either allele, NaN = not known; None where none is.
    chromosomes
        Numbers of those that have a variant.
    """

    table: pa.Table
    chrom: NDArray[np.int8]
    pos: NDArray[np.int32]
    log10p: NDArray[np.float64]
    frequency: NDArray[np.float32] | None
    chromosomes: list[int]


def write_sorted(path: Path, table: pa.Table, *, tally: Tally) -> Sorted:
    """Sort variants, drop those given twice, and write them.

    Parameters
    ----------
    path
        ``variants.parquet``.
    table
        Columns of `SCHEMA`, and `MAF` where there is one, in any order of rows.
    tally
        Learns how many rows were dropped.
    """
    chrom = table["chrom"].to_numpy()
    chromosomes = [int(c) for c in np.flatnonzero(np.bincount(chrom, minlength=27))]
    whole = bool((np.diff(chrom) >= 0).all())
    parts = []
    with (
        writing(path),
        pq.ParquetWriter(
            path,
            SCHEMA,
            compression="zstd",
            compression_level=1,
            use_dictionary=["chrom", "effect_allele", "other_allele", "n"],
            write_statistics=["chrom", "pos"],
        ) as file,
    ):
        for number in chromosomes:
            if whole:
                start, end = np.searchsorted(chrom, [number, number + 1])
                part = table.slice(start, end - start)
            else:
                part = table.take(pa.array(np.flatnonzero(chrom == number)))
            part = _once(_ordered(part), tally)
            file.write_table(part.select(SCHEMA.names), row_group_size=GROUP)
            parts.append(part)
    path.chmod(0o600)
    joined = pa.concat_tables(parts)
    column = MAF if MAF in joined.column_names else "af"
    frequency = joined[column].to_numpy()
    return Sorted(
        joined.select(SCHEMA.names),
        joined["chrom"].to_numpy(),
        joined["pos"].to_numpy(),
        joined["log10p"].to_numpy(),
        None if np.isnan(frequency).all() else frequency,
        chromosomes,
    )


def _ordered(part: pa.Table) -> pa.Table:
    pos = part["pos"].to_numpy()
    if (np.diff(pos) >= 0).all():
        return part
    return part.take(pa.array(np.argsort(pos, kind="stable")))


def _once(part: pa.Table, tally: Tally) -> pa.Table:
    """Each variant of a chromosome once; which of two is right nothing tells.

    Only positions that several rows share are looked at.
    """
    pos = part["pos"].to_numpy()
    same = pos[1:] == pos[:-1]
    if not same.any():
        return part
    shared = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
    held = part.take(pa.array(shared))
    rows = pd.DataFrame(
        {
            "pos": held["pos"].to_numpy(),
            "effect": held["effect_allele"].cast(pa.string()).to_pandas(),
            "other": held["other_allele"].cast(pa.string()).to_pandas(),
            "beta": held["beta"].to_numpy(),
            "log10p": held["log10p"].to_numpy(),
        }
    )
    turned = rows["effect"] > rows["other"]
    keys = pd.DataFrame(
        {
            "pos": rows["pos"],
            "low": rows["effect"].where(~turned, rows["other"]),
            "high": rows["other"].where(~turned, rows["effect"]),
        }
    )
    again = keys.duplicated()
    if not again.any():
        return part
    first = rows.groupby([keys["pos"], keys["low"], keys["high"]]).transform("first")
    swapped = again & (rows["effect"] != first["effect"])
    equal = rows[["beta", "log10p"]].fillna(-1).eq(first[["beta", "log10p"]].fillna(-1))
    repeated = again & ~swapped & equal.all(axis=1)
    for reason, which in (
        (REPEATED, repeated),
        (SWAPPED, swapped),
        (CONTRADICTED, again & ~swapped & ~repeated),
    ):
        if which.any():
            tally.dropped[reason] += int(which.sum())
    keep = np.ones(len(part), bool)
    keep[shared[again.to_numpy()]] = False
    return part.filter(pa.array(keep))
