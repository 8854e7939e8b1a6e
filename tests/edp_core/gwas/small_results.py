"""A made-up result, and the same in the columns of each program."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

REGENIE = [
    *("CHROM", "GENPOS", "ID", "ALLELE0", "ALLELE1", "A1FREQ", "INFO", "N", "TEST"),
    *("BETA", "SE", "CHISQ", "LOG10P", "EXTRA"),
]


def made_up(n: int = 400, *, seed: int = 0, chromosomes=range(1, 24)) -> pd.DataFrame:
    """Variants by chromosome and position, in the contract's words, as text shows them.

    Numbers are those that six digits give, so that a reader has them exactly.
    """
    rng = np.random.default_rng(seed)
    chrom = np.sort(rng.choice(list(chromosomes), n))
    pos = rng.choice(np.arange(1_000, 40_000_000), n, replace=False)
    order = np.lexsort((pos, chrom))
    chrom, pos = chrom[order], pos[order]
    pairs = rng.choice(["AC", "AG", "CT", "GT", "AT", "CG", "TC", "GA"], n)
    se = rng.uniform(0.005, 0.05, n)
    beta = rng.standard_normal(n) * se * 1.5
    table = pd.DataFrame(
        {
            "chrom": chrom.astype(np.int8),
            "pos": pos.astype(np.int32),
            "id": [f"rs{k}" for k in rng.choice(10**8, n, replace=False) + 10**8],
            "effect_allele": [p[0] for p in pairs],
            "other_allele": [p[1] for p in pairs],
            "af": six(rng.uniform(0.001, 0.999, n)),
            "n": rng.integers(40_000, 45_000, n).astype(float),
            "beta": six(beta),
            "se": six(se),
        }
    )
    log10p = -(np.log(2) + norm.logsf(np.abs(beta / se))) / np.log(10)
    return table.assign(log10p=six(log10p))


def six(values: np.ndarray) -> np.ndarray:
    """Numbers rounded to six digits."""
    return np.array([float(f"{v:.6g}") for v in values])


def rows_of(table: pd.DataFrame, columns: dict[str, object]) -> list[list[str]]:
    """Cells of a file: a column's name → our word, or a constant in a tuple."""
    cells = []
    for _, row in table.iterrows():
        cells.append(
            [
                f"{v[0]}" if isinstance(v, tuple) else text(row[v])
                for v in columns.values()
            ]
        )
    return cells


def text(value: object) -> str:
    """A cell as programs print it."""
    if isinstance(value, float):
        if np.isnan(value):
            return "NA"
        return f"{value:.0f}" if value == int(value) and value > 100 else f"{value:.6g}"
    return f"{value}"


def write(
    path: Path,
    header: list[str],
    rows: list[list[str]],
    *,
    gap: str = " ",
    before: str = "",
    end: str = "\n",
) -> Path:
    """Write a table of cells, gzip where the name says so."""
    lines = [gap.join(header), *(gap.join(row) for row in rows)]
    content = (before + "".join(line + end for line in lines)).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def columns_of(dialect: str) -> dict[str, object]:
    """A program's columns → our words, or a constant in a tuple."""
    return {
        "regenie": dict(
            zip(
                REGENIE,
                [
                    "chrom", "pos", "id", "other_allele", "effect_allele", "af",
                    (1,), "n", ("ADD",), "beta", "se", (1.5,), "log10p", ("NA",),
                ],
                strict=True,
            )
        ),
        "plink2": {
            "#CHROM": "chrom", "POS": "pos", "ID": "id", "REF": "other_allele",
            "ALT": "effect_allele", "PROVISIONAL_REF?": ("Y",), "A1": "effect_allele",
            "OMITTED": "other_allele", "A1_FREQ": "af", "TEST": ("ADD",),
            "OBS_CT": "n", "BETA": "beta", "SE": "se", "T_STAT": (1,), "P": "p",
            "ERRCODE": (".",),
        },
        "BOLT-LMM": {
            "SNP": "id", "CHR": "chrom", "BP": "pos", "GENPOS": (0.5,),
            "ALLELE1": "effect_allele", "ALLELE0": "other_allele", "A1FREQ": "af",
            "F_MISS": (0.01,), "CHISQ_LINREG": (1,), "P_LINREG": (0.9,),
            "BETA": "beta", "SE": "se", "CHISQ_BOLT_LMM_INF": (1,),
            "P_BOLT_LMM_INF": (0.8,), "CHISQ_BOLT_LMM": (1,), "P_BOLT_LMM": "p",
        },
        "SAIGE": {
            "CHR": "chrom", "POS": "pos", "MarkerID": "id", "Allele1": "other_allele",
            "Allele2": "effect_allele", "AC_Allele2": (100,), "AF_Allele2": "af",
            "MissingRate": (0,), "BETA": "beta", "SE": "se", "Tstat": (1,),
            "var": (1,), "p.value": "p", "N": "n",
        },
        "GWAS-SSF": {
            "chromosome": "chrom", "base_pair_location": "pos",
            "effect_allele": "effect_allele", "other_allele": "other_allele",
            "beta": "beta", "standard_error": "se", "effect_allele_frequency": "af",
            "p_value": "p", "rsid": "id", "n": "n",
        },
        "common names": {
            "chrom": "chrom", "pos": "pos", "ref": "other_allele",
            "alt": "effect_allele", "rsids": "id", "pval": "p", "beta": "beta",
            "sebeta": "se", "af": "af", "n_samples": "n",
        },
    }[dialect]  # fmt: skip


def write_dialect(
    path: Path, dialect: str, table: pd.DataFrame, **changes: object
) -> Path:
    """A result as one program writes it."""
    columns = columns_of(dialect)
    table = table.assign(p=six(10 ** -table["log10p"].to_numpy()))
    gap = " " if dialect in ("regenie",) else "\t"
    rows = rows_of(table, columns)
    return write(path, list(columns), rows, **({"gap": gap} | changes))
