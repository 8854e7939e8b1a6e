"""Results as LD score regression reads them: ``SNP A1 A2 N Z``.

What LDSC cannot use is left out here as its own ``munge_sumstats.py`` would (Bulik-
Sullivan et al. 2015): other than autosomal variants of two bases, strand-ambiguous ones
(A/T, C/G), those rarer than 1 %, rs numbers that stand twice (it keeps the first), and
those tested in far fewer people than most. It also filters by INFO, which is not kept.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from scipy.special import ndtri_exp

from edp_core.errors import InputError
from edp_core.gwas.results_store import GwasResult
from edp_core.refused import writing

RAREST = 0.01
"""Frequency below which LDSC leaves a variant out."""
LEAST_N = 1 / 1.5
"""Share of the 90th percentile of N below which LDSC leaves a variant out."""
BASES = ("A", "C", "G", "T")
AMBIGUOUS = ("AT", "TA", "CG", "GC")
COLUMNS = ["id", "chrom", "effect_allele", "other_allele", "af", "n", "beta", "log10p"]
FEW = "N below two thirds of its 90th percentile"
NO_INFO = "INFO is not known here: filter by it before, or merge with HapMap 3 in LDSC"


def write_ldsc(result: GwasResult, path: Path) -> pd.DataFrame:
    """Write a result as ``.sumstats.gz``.

    Parameters
    ----------
    result
        From the store.
    path
        The file to write, gzip. ``A1`` is the effect allele; Z is the normal deviate
        of p with the sign of the effect, to 3 decimals, as LDSC makes it.

    Returns
    -------
    pandas.DataFrame
        ``reason`` and ``count`` of the variants left out; the last row, with a count
        of 0, says what was not looked at.

    Raises
    ------
    InputError
        Where no variant is left, or the disk is full.
    """
    left: Counter[str] = Counter()
    table = _usable(result, left)
    named = pc.starts_with(table["id"], "rs")
    if pc.any(named).as_py():
        table = _keep(table, named, left, reason="no rs number")
    table = _keep(
        table, _single(table["id"]), left, reason="rs number that stands twice"
    )
    if len(table):
        people = table["n"].to_numpy()
        enough = people >= LEAST_N * np.quantile(people, 0.9)
        table = _keep(table, pa.array(enough), left, reason=FEW)
    if not len(table):
        why = "; ".join(f"{k}: {v:,}" for k, v in left.most_common())
        raise InputError(
            f"No variant of {result.name} can be used by LDSC. {why}",
            "bring the result home with ids, alleles, effects and numbers of people",
        )
    with (
        writing(path),
        pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "gzip") as file,
    ):
        columns = _columns(table)
        # pyarrow would put the names between quotation marks
        file.write(("\t".join(columns.column_names) + "\n").encode())
        pacsv.write_csv(
            columns,
            file,
            pacsv.WriteOptions(
                include_header=False, delimiter="\t", quoting_style="none"
            ),
        )
    rows = [*left.most_common(), (NO_INFO, 0)]
    return pd.DataFrame(rows, columns=["reason", "count"])


def _usable(result: GwasResult, left: Counter[str]) -> pa.Table:
    """Variants that LDSC can use, row group by row group."""
    parts = []
    with pq.ParquetFile(result.folder / "variants.parquet") as file:
        for group in range(file.num_row_groups):
            part = file.read_row_group(group, columns=COLUMNS)
            for reason, good in _rules():
                part = _keep(part, good(part), left, reason=reason)
            parts.append(part)
    return pa.concat_tables(parts).unify_dictionaries()


def _rules() -> list[tuple[str, Any]]:
    """What each variant must be, in the order in which it is counted."""
    return [
        ("not on an autosome", lambda t: pc.less_equal(t["chrom"], 22)),
        (
            "not of two bases (insertion, deletion, other)",
            lambda t: pc.and_(_base(t["effect_allele"]), _base(t["other_allele"])),
        ),
        ("strand-ambiguous (A/T or C/G)", lambda t: pc.invert(_ambiguous(t))),
        ("no effect", lambda t: pc.invert(pc.is_nan(t["beta"]))),
        ("number of people not known", lambda t: pc.is_valid(t["n"])),
        (
            f"rarer than {RAREST:.0%}",
            lambda t: pc.or_(pc.is_nan(t["af"]), _common(t["af"])),
        ),
    ]


def _base(alleles: Any) -> Any:
    return pc.is_in(alleles.cast(pa.string()), pa.array(BASES))


def _ambiguous(table: pa.Table) -> Any:
    both = (table[n].cast(pa.string()) for n in ("effect_allele", "other_allele"))
    return pc.is_in(pc.binary_join_element_wise(*both, ""), pa.array(AMBIGUOUS))


def _common(af: Any) -> Any:
    above = pc.greater_equal(af, pa.scalar(RAREST, pa.float32()))
    return pc.and_(above, pc.less_equal(af, pa.scalar(1 - RAREST, pa.float32())))


def _single(ids: Any) -> Any:
    counts = pc.value_counts(ids)
    twice = counts.filter(pc.greater(pc.struct_field(counts, "counts"), 1))
    return pc.invert(pc.is_in(ids, pc.struct_field(twice, "values")))


def _keep(table: pa.Table, good: Any, left: Counter[str], *, reason: str) -> pa.Table:
    kept = table.filter(good)
    if len(kept) < len(table):
        left[reason] += len(table) - len(kept)
    return kept


def _columns(table: pa.Table) -> pa.Table:
    # the deviate of log p, so that no p underflows
    log_half_p = -table["log10p"].to_numpy() * np.log(10) - np.log(2)
    z = -ndtri_exp(log_half_p) * np.sign(table["beta"].to_numpy())
    return pa.table(
        {
            "SNP": table["id"],
            "A1": table["effect_allele"].cast(pa.string()),
            "A2": table["other_allele"].cast(pa.string()),
            "N": table["n"],
            "Z": np.round(z, 3) + 0.0,
        }
    )
