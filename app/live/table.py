"""The tab *GWAS* of *Phenotype*: loci, what was gained and lost, QQ, whole results."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import streamlit as st

from app import explained, widgets
from app.live import bases
from app.live import gwas as live_gwas
from app.live import loci as live_loci
from app.live import runs as live_runs
from app.live.loci import Shown, kind_of
from app.plots import qq_plot
from edp_core.gwas.association import Association
from edp_core.phenotype import Phenotype

_METHOD = (
    "Greedy: 500 kb to both sides of the smallest p, loci nearer than 250 kb joined, "
    "the MHC (chromosome 6, 25 to 34 Mb) as one. Linear regression on the dosage, "
    "covariates as chosen, nobody's relatedness modelled."
)


def draw(shown: Shown | None, score: Phenotype | None, name: str) -> None:
    """Table of loci beside the QQ plot, and the downloads."""
    if score is None:
        st.caption("There is no score to test: see the message above.")
        return
    if shown is None:
        missing()
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        _loci(shown, score, name)
    with right:
        _quantiles(shown, score, name)


def missing() -> None:
    """How the genotypes come in."""
    st.info(
        "The Manhattan plot that follows the controls needs products of the genotypes "
        "with the axes of the embedding. They are made once, from PLINK files (bed or "
        "pgen), and take about as long as one GWAS:",
        icon=":material/timeline:",
    )
    st.code(bases.command(), language="bash")


def _loci(shown: Shown, score: Phenotype, name: str) -> None:
    st.markdown("**Loci**")
    table = live_loci.listed(shown)
    n = live_gwas.stated(shown.now, score)
    if table.empty:
        st.info(
            f"No variant reaches p < 5 × 10⁻⁸ among N = {n}.", icon=":material/info:"
        )
    else:
        st.dataframe(
            table, hide_index=True, column_config=live_loci.COLUMNS, placeholder=""
        )
    st.caption(
        f"p < 5 × 10⁻⁸, N = {n}, {shown.now.n_variants:,} variants, "
        f"{kind_of(shown.now)}. β in SD of the phenotype per effect allele.",
        help=_METHOD,
    )
    settings = f"N = {n}; {kind_of(shown.now)}; {described(shown)}"
    widgets.table_download(table, f"loci-{name}", settings=settings)


def described(shown: Shown) -> str:
    """Recipe and covariates, for the first line of a file."""
    names = ",".join(shown.ask.covariates) or "none"
    build = bases.build()
    return f"covariates: {names}; {build}; {shown.ask.recipe}"


def _quantiles(shown: Shown, score: Phenotype, name: str) -> None:
    found = live_runs.quantiles(shown.ask)
    title = "QQ by allele frequency, " + kind_of(shown.now)
    widgets.figure(
        qq_plot.qq_plot(found.table, found.band, found.lambdas, title=title),
        f"qq-{name}",
        alt_text="QQ plot by allele frequency",
    )
    st.caption(
        f"N = {live_gwas.stated(shown.now, score)}. λ at the median of p "
        f"{live_loci.inflation(shown.now)}; grey: 95 % of what chance gives the "
        "smallest stratum.",
        help=explained.help("lambda"),
    )
    _whole(shown, score, name)


def _whole(shown: Shown, score: Phenotype, name: str) -> None:
    """β, SE and p of every variant as a file."""
    found, ask = live_runs.association(shown.ask), shown.ask
    variants = bases.basis(ask.organ, ask.encoder).variants
    n = int("".join(c for c in live_gwas.stated(shown.now, score) if c.isdigit()))
    note = kind_of(shown.now)
    kind = "exact" if found.exact else "preview"
    st.download_button(
        f"All {shown.now.n_variants:,} variants ({note})",
        lambda: written(variants, found, n=n),
        f"{kind}-{name}.regenie.gz",
        "application/gzip",
        key=f"whole-{name}",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        help="Columns as regenie writes them, β in units of the phenotype; ALLELE1 is "
        "the effect allele. EXTRA says whether it is a preview. A linear model without "
        "relatedness: for a look, not for a paper.",
    )


def written(variants: pd.DataFrame, found: Association, *, n: int) -> bytes:
    """Summary statistics as regenie writes them, gz; variants without a p left out."""
    told = np.flatnonzero(np.isfinite(found.log10p))
    rows, beta, se = variants.iloc[told], found.beta[told], found.se[told]
    extra = "EXACT" if found.exact else f"PREVIEW_R2={found.r2:.4f}"
    columns = {
        "CHROM": rows["chrom"].to_numpy(),
        "GENPOS": rows["pos"].to_numpy(),
        "ID": rows["id"].to_numpy(),
        "ALLELE0": rows["other_allele"].to_numpy(),
        "ALLELE1": rows["effect_allele"].to_numpy(),
        "A1FREQ": rows["af"].to_numpy(float).round(5),
        "N": np.full(len(told), n),
        "TEST": np.full(len(told), "ADD"),
        "BETA": _digits(beta),
        "SE": _digits(se),
        "CHISQ": np.round((beta / se) ** 2, 4),
        "LOG10P": found.log10p[told].round(5),
        "EXTRA": np.full(len(told), extra),
    }
    out = io.BytesIO()
    rows_alone = pa_csv.WriteOptions(
        include_header=False, delimiter=" ", quoting_style="none"
    )
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as file:
        # pyarrow would put the names between quotation marks
        file.write((" ".join(columns) + "\n").encode())
        pa_csv.write_csv(pa.table(columns), file, rows_alone)
    return out.getvalue()


def _digits(values: np.ndarray) -> np.ndarray:
    """Six significant digits."""
    size = 10.0 ** (5 - np.floor(np.log10(np.maximum(np.abs(values), 1e-300))))
    return np.round(values * size) / size
