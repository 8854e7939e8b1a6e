"""A result written as regenie writes it, for tools that read regenie's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from edp_core.gwas.inflation import chi2_of
from edp_core.gwas.results_store import GwasResult
from edp_core.refused import writing

HEADER = [
    *("CHROM", "GENPOS", "ID", "ALLELE0", "ALLELE1", "A1FREQ", "N", "TEST"),
    *("BETA", "SE", "CHISQ", "LOG10P", "EXTRA"),
]


def write_regenie(result: GwasResult, path: Path, *, fewest: int = 0) -> int:
    """Write the variants of a result in regenie's columns.

    Parameters
    ----------
    result
        From the store.
    path
        The file to write; gzip where its name ends in ``.gz``. Missing values are
        ``NA``; ``CHISQ`` is that of the p value with one degree of freedom.
    fewest
        Variants whose rarer allele is known to have fewer copies are left out: their
        frequency times N would tell of few people.

    Returns
    -------
    int
        How many were left out.

    Raises
    ------
    InputError
        Where the disk is full or the folder read-only.
    """
    packed = "gzip" if path.suffix == ".gz" else None
    left_out = 0
    with (
        writing(path),
        pq.ParquetFile(result.folder / "variants.parquet") as variants,
        pa.output_stream(str(path), compression=packed) as file,
    ):
        file.write((" ".join(HEADER) + "\n").encode())
        for group in range(variants.num_row_groups):
            table = variants.read_row_group(group)
            kept = table.filter(pa.array(_copies(table) >= fewest))
            left_out += len(table) - len(kept)
            pacsv.write_csv(
                _rows(kept),
                file,
                pacsv.WriteOptions(
                    include_header=False, delimiter=" ", quoting_style="none"
                ),
            )
    return left_out


def _copies(table: pa.Table) -> np.ndarray:
    """Copies of the rarer allele, infinite where frequency or N is missing."""
    af, n = (table[name].to_numpy().astype(float) for name in ("af", "n"))
    copies = np.round(2 * n * np.minimum(af, 1 - af))
    return np.asarray(np.nan_to_num(copies, nan=np.inf))


def _rows(table: pa.Table) -> pa.Table:
    n = len(table)
    columns = {
        "CHROM": table["chrom"],
        "GENPOS": table["pos"],
        "ID": table["id"],
        "ALLELE0": table["other_allele"],
        "ALLELE1": table["effect_allele"],
        "A1FREQ": _text(table["af"]),
        "N": _text(table["n"]),
        "TEST": pa.array(np.repeat("ADD", n)),
        "BETA": _text(table["beta"]),
        "SE": _text(table["se"]),
        "CHISQ": _text(pa.array(chi2_of(table["log10p"].to_numpy()))),
        "LOG10P": _text(table["log10p"]),
        "EXTRA": pa.array(np.repeat("NA", n)),
    }
    return pa.table({name: columns[name] for name in HEADER})


def _text(numbers: Any) -> Any:
    """Numbers as text, ``NA`` where missing."""
    text = numbers.cast(pa.string())
    if pa.types.is_floating(numbers.type):
        text = pc.if_else(pc.is_nan(numbers), "NA", text)
    return pc.fill_null(text, "NA")
