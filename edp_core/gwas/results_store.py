"""Results in the store: their names, what screens draw, regions, single variants."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError, MissingArtifactError
from edp_core.files import read_table
from edp_core.prune import delete
from edp_core.store import Store

KIND = "gwas"
VERSION = 1
"""Raise it when ingest makes something else of the same files."""
STRONG = 5.0
"""−log10 p from which variants are kept in a small table, for loci at any threshold."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
COMMAND = "precompute gwas-results STUDY NAME FILE…"


@dataclass(frozen=True)
class GwasResult:
    """One result that came home; its tables are read when they are asked for.

    Attributes
    ----------
    name
        As the user called it.
    key
        Its content key.
    folder
        Where it lies.
    summary
        ``name``, ``trait`` (None = not known), ``files``, ``dialect``, ``build``,
        ``n_rows`` = ``n_variants`` + ``n_dropped``, ``n_min`` and ``n_max`` (people;
        None = not known), ``chromosomes``, ``missing_chromosomes`` (of 1–22),
        ``log10p_max``.
    """

    name: str
    key: str
    folder: Path
    summary: Mapping[str, Any]

    @property
    def build(self) -> str:
        """GRCh37 or GRCh38."""
        return str(self.summary["build"])

    @property
    def n_variants(self) -> int:
        """Variants kept."""
        return int(self.summary["n_variants"])

    @cached_property
    def points(self) -> pd.DataFrame:
        """Points of the Manhattan plot, as `thinning.thin` makes them.

        Beside ``chrom``, ``pos``, ``log10p`` and ``row`` (−1 = a bin): ``id``,
        ``effect_allele``, ``other_allele``, ``af``, ``n``, ``beta``, ``se`` of the
        variant.
        """
        return read_table(self.folder, "points")

    @cached_property
    def extents(self) -> pd.DataFrame:
        """Strokes of the Manhattan plot: ``chrom``, ``pos``, ``low``, ``high``."""
        return read_table(self.folder, "extents")

    @cached_property
    def qq(self) -> pd.DataFrame:
        """The QQ plot by allele frequency, as `inflation.qq` makes it."""
        return read_table(self.folder, "qq")

    @cached_property
    def lambdas(self) -> dict[float, float]:
        """Quantile → genomic inflation; NaN where variants are too few."""
        found = json.loads((self.folder / "lambdas.json").read_text())
        return {float(k): np.nan if v is None else float(v) for k, v in found.items()}

    @cached_property
    def loci(self) -> pd.DataFrame:
        """Loci at p < 5e-8, as `loci.find_loci` makes them.

        Beside them id, alleles, ``af``, ``n``, ``beta``, ``se`` and the nearest
        ``gene`` of the lead, and its ``row`` of ``variants.parquet``.
        """
        return read_table(self.folder, "loci")

    @cached_property
    def strong(self) -> pd.DataFrame:
        """Variants with −log10 p ≥ `STRONG`, for loci at another threshold."""
        return read_table(self.folder, "strong")

    @cached_property
    def notes(self) -> pd.DataFrame:
        """``reason``, ``count``, ``dropped`` (else only noticed)."""
        return read_table(self.folder, "notes")


# ---- names -----------------------------------------------------------------------
def check_name(name: str) -> None:
    """Refuse what is no name of a result.

    Raises
    ------
    InputError
        Where it has other than letters, digits, ``_ . -``.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a result",
            "use up to 100 letters, digits, _ . -, not beginning with . or -",
        )


def slot_of(name: str) -> str:
    """Slot of a result."""
    return f"{KIND}/{name}"


def list_gwas(store: Store) -> list[str]:
    """Names of the results in a store, sorted."""
    prefix = f"{KIND}/"
    return sorted(s.removeprefix(prefix) for s in store.refs() if s.startswith(prefix))


def read_gwas(store: Store, name: str) -> GwasResult:
    """Open a result.

    Raises
    ------
    MissingArtifactError
        Where there is none of that name, or it is damaged.
    """
    key = _key(store, name)
    folder = store.open(KIND, key)
    summary = json.loads((folder / "summary.json").read_text())
    return GwasResult(name, key, folder, summary)


def remove_gwas(store: Store, name: str) -> None:
    """Delete a result from the store; the files it was read from stay.

    Raises
    ------
    MissingArtifactError
        Where there is none of that name.
    """
    key = _key(store, name)
    with store.lock(key):
        store.clear_refs([(KIND, key)])
        if store.folder(KIND, key).is_dir():
            delete(store.folder(KIND, key))


def _key(store: Store, name: str) -> str:
    key = store.refs().get(slot_of(name))
    if key is None:
        names = list_gwas(store)
        there = ", ".join(names[:10]) or "none"
        raise MissingArtifactError(
            f"There is no GWAS result named {name!r}; there is {there}",
            f"run: {COMMAND}",
        )
    return key


# ---- variants --------------------------------------------------------------------
def region(
    store: Store, name: str, chrom: int, *, start: int, end: int
) -> pd.DataFrame:
    """Variants of a region.

    Parameters
    ----------
    store, name
        The result.
    chrom
        Number, 23 = X.
    start, end
        Bp from 1, both within.

    Returns
    -------
    pandas.DataFrame
        By position: ``chrom`` (int8), ``pos`` (int32), ``id``, ``effect_allele``,
        ``other_allele``, ``af``, ``beta``, ``se`` (float32), ``n``, ``log10p``
        (float64); NaN = missing. Empty where nothing lies there.
    """
    with pq.ParquetFile(_variants(store, name)) as file:
        chroms, starts, ends = (np.array([value]) for value in (chrom, start, end))
        groups = _groups(file, chroms, starts, ends=ends)
        table = file.read_row_groups(groups)
    inside = pc.and_(
        pc.equal(table["chrom"], chrom),
        pc.and_(
            pc.greater_equal(table["pos"], start), pc.less_equal(table["pos"], end)
        ),
    )
    return as_frame(table.filter(inside))


def values_at(
    store: Store, name: str, chrom: ArrayLike, *, pos: ArrayLike
) -> pd.DataFrame:
    """Variants of a result at some positions, for replication.

    Parameters
    ----------
    store, name
        The result.
    chrom, pos
        (k,) each; in any order, repeats allowed.

    Returns
    -------
    pandas.DataFrame
        As `region`: every variant that lies at one of the positions, once, by
        chromosome and position; with several alleles there are several at one, and a
        position where the result has none is absent. Alleles are the file's.
    """
    chroms, places = np.asarray(chrom, np.int64), np.asarray(pos, np.int64)
    wanted = np.unique(chroms << 32 | places)
    with pq.ParquetFile(_variants(store, name)) as file:
        groups = _groups(file, chroms, places, ends=places)
        parts = []
        for group in groups:  # one at a time: loci lie all over the genome
            table = file.read_row_group(group)
            at = table["chrom"].to_numpy().astype(np.int64) << 32
            at |= table["pos"].to_numpy()
            parts.append(table.filter(pa.array(np.isin(at, wanted))))
        empty = file.schema_arrow.empty_table()
    return as_frame(pa.concat_tables([empty, *parts]))


def _variants(store: Store, name: str) -> Path:
    return store.open(KIND, _key(store, name)) / "variants.parquet"


def _groups(
    file: pq.ParquetFile,
    chroms: NDArray[np.int64],
    starts: NDArray[np.int64],
    *,
    ends: NDArray[np.int64],
) -> list[int]:
    """Row groups that may hold one of some stretches."""
    names = file.schema_arrow.names
    places = names.index("chrom"), names.index("pos")
    found = []
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        chrom, pos = (group.column(place).statistics for place in places)
        here = (chroms >= chrom.min) & (chroms <= chrom.max)
        if (here & (starts <= pos.max) & (ends >= pos.min)).any():
            found.append(number)
    return found


def as_frame(table: pa.Table) -> pd.DataFrame:
    """Variants as a pandas table: alleles text, ``n`` float64, missing NaN."""
    frame: pd.DataFrame = table.to_pandas()
    for name in ("effect_allele", "other_allele"):
        frame[name] = frame[name].astype(frame["id"].dtype)
    return frame.astype({"n": np.float64})
