"""Rows of a result file made into variants; what is left out is counted by reason.

Rows read = variants kept + rows dropped. A value that is missing or senseless beside a
good p leaves the row in and is counted as noticed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from edp_core.gwas.incoming.builds import SENTINELS, Witness, build_named
from edp_core.gwas.incoming.cells import Cells
from edp_core.gwas.incoming.dialects import Layout
from edp_core.gwas.incoming.values import (
    Rows,
    Tally,
    effects,
    people,
    share,
    single,
    strengths,
)

Bools = NDArray[np.bool_]

ALLELE = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("chrom", pa.int8()),
        ("pos", pa.int32()),
        ("id", pa.string()),
        ("effect_allele", ALLELE),
        ("other_allele", ALLELE),
        ("af", pa.float32()),
        ("n", pa.int32()),
        ("beta", pa.float32()),
        ("se", pa.float32()),
        ("log10p", pa.float64()),
    ]
)
"""Columns of ``variants.parquet``. Missing: null for n, NaN for the others."""
MAF = "maf"
"""Beside them where a file has the minor allele's frequency alone; for the QQ plot."""
EPACTS = r"^[^:]+:[0-9]+_(?P<other>[^/_]+)/(?P<effect>[^/_]+)"
ADD = "ADD"
NAMED = {
    "X": 23,
    "Y": 24,
    "XY": 25,
    "PAR": 25,
    "PAR1": 25,
    "PAR2": 25,
    "MT": 26,
    "M": 26,
}
CLAMPED = "p of 0 without a standard error, set to the smallest p of the files"
FAILED = "p beside which the program noted an error, kept"
REPEATED = "header line repeated between rows"
RAGGED = "line with cells missing or too many"


def variants_of(
    cells: Cells, layout: Layout, witness: Witness, *, tally: Tally
) -> pa.Table:
    """Variants of one block of rows.

    Parameters
    ----------
    cells
        The block.
    layout
        What its columns are.
    witness
        Learns what the rows say about the build.
    tally
        Counts.

    Returns
    -------
    pyarrow.Table
        As `SCHEMA`, in the order of the block, with `MAF` where af is not known.
        ``log10p`` is infinite where p is 0 and nothing else tells it.
    """
    n = len(cells)
    tally.rows += n + cells.ragged
    if cells.ragged:
        tally.dropped[RAGGED] += cells.ragged
    rows = Rows(np.ones(n, bool), tally)
    chrom = _chromosomes(cells, rows)
    if "test" in layout.columns:
        _only_additive(cells, rows)
    rows.drop(chrom == 0, "chromosome that is none of 1–22, X, Y, XY, MT")
    pos = _positions(cells, rows)
    inside = witness.lengths(np.where(rows.keep, chrom, 1), np.where(rows.keep, pos, 1))
    rows.drop(~inside, "position beyond the end of its chromosome")
    effect, other = _alleles(cells, layout)
    rows.drop(_null(effect) | _null(other), "allele missing")
    same = pc.equal(effect.cast(pa.string()), other.cast(pa.string()))
    rows.drop(_true(same), "effect allele and other allele are the same")
    beta, se = effects(cells, rows)
    log10p = strengths(cells, rows, z=beta / se)
    if "error" in layout.columns:
        # plink2 prints a p beside UNFINISHED; what has none is gone by now
        rows.notice(cells.coded("error")[0] >= 0, FAILED)
    kept = {
        "chrom": pa.array(chrom.astype(np.int8)),
        "pos": pa.array(pos.astype(np.int32)),
        "id": _ids(cells, chrom, pos, alleles=(other, effect)),
        "effect_allele": effect,
        "other_allele": other,
        "af": single(share(cells, "af", rows)),
        "n": people(cells, rows),
        "beta": single(beta),
        "se": single(se),
        "log10p": pa.array(log10p),
    }
    table = pa.table(kept, schema=SCHEMA)
    if "af" not in layout.columns and MAF in layout.columns:
        table = table.append_column(MAF, single(share(cells, MAF, rows)))
    if not rows.keep.all():
        table = table.filter(pa.array(rows.keep))
    _testify(table, cells, witness)
    return table


# ---- place -----------------------------------------------------------------------
def number_of(name: str) -> int:
    """Number of a chromosome, 0 where it is none.

    >>> [number_of(name) for name in ("chr7", "07", "X", "chrMT", "HLA-A", "27")]
    [7, 7, 23, 26, 0, 0]
    """
    word = name.strip().upper().removeprefix("CHR").removesuffix(".0")
    if word.isdecimal() and len(word) < 4:
        return int(word) if 1 <= int(word) <= 26 else 0
    return NAMED.get(word, 0)


def _chromosomes(cells: Cells, rows: Rows) -> NDArray[np.int64]:
    codes, names = cells.coded("chrom")
    header = {cells.header("chrom").lower(), "#" + cells.header("chrom").lower()}
    repeated = [name.strip().strip('"').lower() in header for name in names]
    rows.drop(np.array([*repeated, False])[codes], REPEATED)
    # a missing cell has code −1: the last
    return np.array([*map(number_of, names), 0], np.int64)[codes]


def _only_additive(cells: Cells, rows: Rows) -> None:
    codes, names = cells.coded("test")
    other = np.array([*(name.strip().upper() != ADD for name in names), True])[codes]
    met = np.unique(codes[rows.keep & other])
    rows.tally.tests |= {names[code] for code in met if code >= 0}
    rows.drop(other, "row of another test than ADD")


def _positions(cells: Cells, rows: Rows) -> NDArray[np.int64]:
    values, _ = cells.floats("pos")
    with np.errstate(invalid="ignore"):
        good = (values >= 1) & (values == np.floor(values)) & (values < 2**31)
    rows.drop(~good, "position that is no whole number above 0")
    return np.where(good, values, 1).astype(np.int64)


# ---- what it is ------------------------------------------------------------------
def _alleles(cells: Cells, layout: Layout) -> tuple[Any, Any]:
    if layout.dialect == "EPACTS":
        parts = pc.extract_regex(cells.text("id"), EPACTS)
        both = [pc.struct_field(parts, word) for word in ("effect", "other")]
        return _encoded(both[0]), _encoded(both[1])
    effect = _upper(cells.dictionary("effect"))
    other = _upper(cells.dictionary("other"))
    if "ref" in layout.columns and layout.columns["other"] == layout.columns["ref"]:
        # plink2 tests A1, whichever of the two it is
        alt = _upper(cells.dictionary("alt")).cast(pa.string())
        plain, ref = effect.cast(pa.string()), other.cast(pa.string())
        other = _encoded(pc.if_else(pc.equal(plain, ref), alt, ref))
    return effect, other


def _encoded(text: Any) -> Any:
    return text.dictionary_encode().cast(ALLELE)


def _upper(coded: Any) -> Any:
    values = pc.utf8_upper(pc.utf8_trim_whitespace(coded.dictionary))
    if pc.count_distinct(values).as_py() == len(values):
        return pa.DictionaryArray.from_arrays(coded.indices, values)
    plain = pa.DictionaryArray.from_arrays(coded.indices, values).cast(pa.string())
    return _encoded(plain)


def _null(array: Any) -> Bools:
    return _true(pc.is_null(array))


def _true(array: Any) -> Bools:
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), bool)


def _ids(
    cells: Cells, chrom: NDArray[np.int64], pos: NDArray[np.int64], *, alleles: Any
) -> Any:
    """Ids of the file; ``chrom:pos:other:effect`` where it gives none."""
    found = cells.text("id") if "id" in cells.words else None
    if found is not None and not found.null_count:
        return found
    made = pc.binary_join_element_wise(
        pa.array(chrom).cast(pa.string()),
        pa.array(pos).cast(pa.string()),
        *(allele.cast(pa.string()) for allele in alleles),
        ":",
    )
    return made if found is None else pc.coalesce(found, made)


def _testify(table: pa.Table, cells: Cells, witness: Witness) -> None:
    """Tell what names and cells say about the build."""
    known = pc.is_in(table["id"], pa.array(list(SENTINELS)))
    if pc.any(known).as_py():
        for row in table.select(["id", "chrom", "pos"]).filter(known).to_pylist():
            witness.sentinel(row["id"], row["chrom"], row["pos"])
    if "build" in cells.words:
        named = {build_named(name) for name in cells.coded("build")[1]}
        witness.said |= {build for build in named if build is not None}
