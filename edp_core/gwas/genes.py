"""The gene of a variant: the nearest that makes a protein, or the user's own table.

Genes are those of GENCODE 32 as the package GeneLocator bundles them for both builds:
protein-coding, with the segments of immunoglobulins and T-cell receptors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from edp_core.errors import InputError
from edp_core.gwas.genome import check_build, chromosome_name
from edp_core.people.tables import open_table

_ON_X = 25
"""The pseudoautosomal regions stand in X's positions."""
_ID = ("id", "variant", "variant_id", "rsid", "snp")
_CHROM = ("chrom", "chr", "chromosome", "#chrom")
_POS = ("pos", "position", "bp", "base_pair_location")
_GENE = ("gene", "gene_name", "symbol", "nearest_gene", "gene_symbol")
_NUMBERS = {"X": 23, "Y": 24, "XY": 25, "MT": 26, "M": 26}


@dataclass(frozen=True)
class GeneTable:
    """Genes a user gives to variants.

    Attributes
    ----------
    by_id, by_place
        Variant id → gene, and (chromosome, position) → gene; one of them is empty.
    n_rows, n_duplicates, n_empty
        Rows of the file; those that give a variant again, of which the first counts;
        and those without a gene or a variant, left out.
    """

    by_id: dict[str, str]
    by_place: dict[tuple[int, int], str]
    n_rows: int
    n_duplicates: int
    n_empty: int


def read_gene_table(path: Path) -> GeneTable:
    """Read which gene each variant belongs to.

    Parameters
    ----------
    path
        ``.csv``, ``.tsv``, ``.txt``, the same with ``.gz``, or ``.parquet``: a column
        ``gene``, and either ``id`` (as the GWAS names variants) or ``chrom`` and
        ``pos``. With both the id counts. Capitals do not matter.

    Raises
    ------
    InputError
        Where the file cannot be read, a column is missing (it says which are there),
        a chromosome or position is none, or one variant has two genes.
    """
    table = open_table(path)
    names = {name.lower(): name for name in table.names}

    def column(wanted: Sequence[str]) -> str | None:
        return next((names[name] for name in wanted if name in names), None)

    gene, key = column(_GENE), column(_ID)
    place = [column(_CHROM), column(_POS)]
    if gene is None or (key is None and None in place):
        lacking = "gene" if gene is None else "id, or chrom and pos"
        raise InputError(
            f"{path.name} has no column {lacking}; it has {', '.join(table.names)}",
            "give a column gene, and either id or chrom and pos",
        )
    keys = [key] if key is not None else [name for name in place if name]
    rows = pd.concat(
        [batch.to_pandas() for batch in table.batches([*keys, gene])]
        or [pd.DataFrame(columns=[*keys, gene])],
        ignore_index=True,
    )
    full = rows.dropna()
    if key is None:
        full = _placed(full, keys, gene, path=path)
        keys = ["chrom", "pos"]
    once = full.drop_duplicates([*keys, gene])
    twice = int(once.duplicated(keys).sum())
    if twice:
        raise InputError(
            f"{path.name} gives {twice} variants more than one gene",
            "keep one row for each variant",
        )
    genes = once[gene].to_list()
    if key is not None:
        by_id, by_place = dict(zip(once[key], genes, strict=True)), {}
    else:
        places = zip(once["chrom"].tolist(), once["pos"].tolist(), strict=True)
        by_id, by_place = {}, dict(zip(places, genes, strict=True))
    return GeneTable(
        by_id, by_place, len(rows), len(full) - len(once), len(rows) - len(full)
    )


def _placed(
    rows: pd.DataFrame, keys: Sequence[str], gene: str, *, path: Path
) -> pd.DataFrame:
    """Chromosome and position as numbers."""
    text = rows[keys[0]].str.upper().str.removeprefix("CHR")
    chrom = pd.to_numeric(text.replace({k: str(v) for k, v in _NUMBERS.items()}),
                          errors="coerce")  # fmt: skip
    pos = pd.to_numeric(rows[keys[1]], errors="coerce")
    wrong = int((~(chrom.between(1, 26) & (pos >= 1))).sum())
    if wrong:
        raise InputError(
            f"{path.name} has {wrong} rows whose chromosome or position is none",
            "chromosomes are 1 to 22, X, Y, XY or MT; positions are numbers from 1",
        )
    return pd.DataFrame(
        {
            "chrom": chrom.astype(np.int64),
            "pos": pos.astype(np.int64),
            gene: rows[gene],
        }
    )


def nearest_genes(
    chrom: ArrayLike,
    pos: ArrayLike,
    *,
    build: str,
    table: GeneTable | None = None,
    ids: Sequence[str] | None = None,
) -> list[str]:
    """Name of the gene of each variant; see `name_genes`, which tells whence it is."""
    named = name_genes(chrom, pos, build=build, table=table, ids=ids)
    return [str(name) for name in named["gene"]]


def name_genes(
    chrom: ArrayLike,
    pos: ArrayLike,
    *,
    build: str,
    table: GeneTable | None = None,
    ids: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The gene of each variant, and how it was found.

    Parameters
    ----------
    chrom, pos
        (k,) chromosome number and position in bp: the leads of loci, not a whole GWAS.
    build
        GRCh37 or GRCh38.
    table
        Genes of the user's own; a variant it does not know has the nearest gene.
    ids
        (k,) variant ids, needed where the table names variants by id.

    Returns
    -------
    ``gene`` (several where genes overlap, by their starts, with commas; empty where
    the chromosome has no gene), ``source`` (``table``, ``within`` the gene, ``nearest``
    or empty) and ``distance`` (bp to the nearest end, 0 within, −1 of a table's).

    Raises
    ------
    InputError
        For an unknown build, a chromosome not from 1 to 26, or a table by id without
        ids.
    """
    check_build(build)
    chroms = np.atleast_1d(np.asarray(chrom)).tolist()
    places = np.atleast_1d(np.asarray(pos)).tolist()
    if table is not None and table.by_id and ids is None:
        raise InputError(
            "The table of genes names variants by id, and no ids are given",
            "give the ids of the variants beside their positions",
        )
    names = [""] * len(chroms) if ids is None else [str(name) for name in ids]
    rows = []
    for number, place, name in zip(chroms, places, names, strict=True):
        own = None
        if table is not None:
            own = table.by_id.get(name) or table.by_place.get((number, place))
        rows.append((own, "table", -1) if own else _nearest(number, place, build))
    return pd.DataFrame(rows, columns=["gene", "source", "distance"])


def genes_in(chrom: int, start: int, end: int, *, build: str) -> pd.DataFrame:
    """Genes that touch a region.

    Parameters
    ----------
    chrom, start, end
        Chromosome number, first and last bp, counted from 1, both within.
    build
        GRCh37 or GRCh38.

    Returns
    -------
    ``gene``, ``start`` and ``end`` (bp) by start; no row where there is none.

    Raises
    ------
    InputError
        For an unknown build or a chromosome not from 1 to 26.
    """
    check_build(build)
    genes = _genes(build).get(_called(chrom))
    if genes is None:
        return pd.DataFrame({"gene": [], "start": [], "end": []}).astype(
            {"gene": str, "start": np.int64, "end": np.int64}
        )
    touches = (genes["start"] <= end) & (genes["end"] >= start)
    return genes[touches].reset_index(drop=True)


def _nearest(chrom: int, pos: int, build: str) -> tuple[str, str, int]:
    """Names, whether within, and how far, of the gene or genes GeneLocator finds."""
    from genelocator.exception import BaseGeneLocatorException

    try:
        found = _locator(build).at(_called(chrom), int(pos))
    except BaseGeneLocatorException:
        return "", "", -1
    far = min(max(gene["start"] - pos, pos - gene["end"], 0) for gene in found)
    names = dict.fromkeys(str(gene["symbol"]) for gene in found)
    return ", ".join(names), "nearest" if far else "within", int(far)


def _called(chrom: int) -> str:
    """What the locator calls a chromosome."""
    if not 1 <= chrom <= 26:
        raise InputError(
            f"There is no chromosome {chrom}",
            "chromosomes are 1 to 22, 23 = X, 24 = Y, 25 = XY, 26 = MT",
        )
    name = "X" if chrom == _ON_X else chromosome_name(chrom)
    return "M" if name == "MT" else name


@lru_cache(maxsize=2)
def _locator(build: str) -> Any:
    """GeneLocator's lookup, which takes a good part of a second to load."""
    from genelocator import get_genelocator

    return get_genelocator(build, coding_only=True)


@lru_cache(maxsize=2)
def _genes(build: str) -> dict[str, pd.DataFrame]:
    """Chromosome → its genes by start."""
    # the locator tells what is at a position only; its own list has all there are
    rows = pd.DataFrame(
        list(_locator(build)._gene_info.values()),
        columns=["chrom", "start", "end", "gene"],
    )
    rows = rows.sort_values(["start", "end"])[["chrom", "gene", "start", "end"]]
    return {
        str(name): part.drop(columns="chrom").reset_index(drop=True)
        for name, part in rows.groupby("chrom")
    }
