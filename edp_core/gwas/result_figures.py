"""Everything a screen draws of a result, made once at ingest from all its variants."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from edp_core.files import write_atomic, write_table
from edp_core.gwas.genes import nearest_genes
from edp_core.gwas.incoming.values import Tally
from edp_core.gwas.inflation import lambdas, qq
from edp_core.gwas.loci import GENOME_WIDE, find_loci
from edp_core.gwas.result_table import Sorted
from edp_core.gwas.results_store import STRONG, as_frame
from edp_core.gwas.thinning import thin


def write_figures(folder: Path, done: Sorted, build: str) -> None:
    """Tables of the plots, from the variants as they were written."""
    chrom, pos, log10p = done.chrom, done.pos, done.log10p
    strong = np.flatnonzero(log10p >= STRONG)
    loci = find_loci(
        chrom[strong],
        pos[strong],
        log10p[strong],
        threshold=GENOME_WIDE,
        build=build,
    )
    leads = strong[loci["lead"].to_numpy(np.int64)]
    loci = pd.concat(
        [loci.drop(columns=["lead"]).assign(row=leads), _rows(done.table, leads)],
        axis=1,
    )
    loci["gene"] = nearest_genes(loci["chrom"], loci["lead_pos"], build=build)
    thinned = thin(chrom, pos, log10p, keep=leads)
    at = thinned.points["row"].to_numpy(np.int64)
    points = pd.concat([thinned.points, _rows(done.table, at)], axis=1)
    write_table(folder, "loci", loci)
    write_table(folder, "points", points)
    write_table(folder, "extents", thinned.extents)
    write_table(folder, "qq", qq(log10p, done.frequency))
    found = {str(k): None if np.isnan(v) else v for k, v in lambdas(log10p).items()}
    write_atomic(folder / "lambdas.json", json.dumps(found, indent=1).encode())
    every = as_frame(done.table.take(pa.array(strong)))
    write_table(folder, "strong", every.assign(row=strong))


def _rows(table: pa.Table, rows: np.ndarray) -> pd.DataFrame:
    """Id, alleles and numbers of some variants; missing where a row is −1."""
    names = ["id", "effect_allele", "other_allele", "af", "n", "beta", "se"]
    return as_frame(table.select(names).take(pa.array(rows, mask=rows < 0)))


def notes_of(tally: Tally) -> pd.DataFrame:
    """Rows by reason: those dropped first, then what was noticed."""

    def part(counts: Counter[str], dropped: bool) -> pd.DataFrame:
        found = pd.DataFrame(counts.most_common(), columns=["reason", "count"])
        return found.astype({"reason": str, "count": np.int64}).assign(dropped=dropped)

    return pd.concat(
        [part(tally.dropped, True), part(tally.noticed, False)], ignore_index=True
    )
