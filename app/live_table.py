"""The tab *GWAS* of *Phenotype*: loci, what was gained and lost, QQ, whole results."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import bases, figures, genome, live_gwas, live_runs, qq_plot, widgets
from app.live_choice import LOCI
from app.live_gwas import Shown
from edp_core.disclosure import disclose
from edp_core.gwas.association import Association
from edp_core.gwas.compare import gained_lost
from edp_core.phenotype import Phenotype

COLUMNS: dict[str, ColumnConfig | str | None] = {
    "state": st.column_config.TextColumn(
        "Locus", help="Whether what is compared with has it too (within 250 kb)."
    ),
    "place": st.column_config.TextColumn("Lead variant at"),
    "gene": st.column_config.TextColumn(
        "Nearest gene", help="Protein-coding, GENCODE; two names: inside both."
    ),
    "log10p": st.column_config.NumberColumn("−log₁₀ p", format="%.2f"),
    "beta": st.column_config.NumberColumn(
        "β", format="%.4f", help="SD of the phenotype per effect allele."
    ),
    "se": st.column_config.NumberColumn("SE", format="%.4f"),
    "effect_allele": "Effect allele",
    "other_allele": "Other",
    "af": st.column_config.NumberColumn(
        "Frequency", format="%.3f", help="Of the effect allele, among these people."
    ),
    "id": "Variant",
    "start": st.column_config.NumberColumn("Locus from", format="localized"),
    "end": st.column_config.NumberColumn("to", format="localized"),
    "n_variants": st.column_config.NumberColumn(
        "Variants", format="localized", help="Below p = 5·10⁻⁸ in the locus."
    ),
    "of": st.column_config.TextColumn("p, β of", help="Exact, or the preview's R²."),
}
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


def listed(shown: Shown) -> pd.DataFrame:
    """Loci of the score, then those it does not have of what it is compared with."""
    tables = [shown.now.loci.assign(of=live_gwas.kind_of(shown.now))]
    if shown.against is not None and comparable(shown):
        assert shown.before is not None
        gained, lost = gained_lost(shown.before.loci, shown.now.loci)
        more, less = LOCI[shown.against.kind]
        is_new = tables[0]["locus"].isin(gained["locus"])
        tables[0]["state"] = np.where(is_new, more, "in both")
        of = live_gwas.kind_of(shown.before)
        tables.append(lost.assign(state=less, of=of))
    found = pd.concat(tables, ignore_index=True)
    found["place"] = [
        genome.place_of(chrom, pos)
        for chrom, pos in zip(found["chrom"], found["lead_pos"], strict=True)
    ]
    kept = [name for name in COLUMNS if name in found]
    table = found[kept].round({"log10p": 2, "beta": 4, "se": 4, "af": 3})
    return disclose(table, threshold=figures.least(), counts=[])


def comparable(shown: Shown) -> bool:
    """Whether what the score is compared with is known well enough to list loci of."""
    before, against = shown.before, shown.against
    if before is None or against is None:
        return False
    return before.exact or not against.measured


def in_words(shown: Shown) -> str:
    """Loci gained and lost, by their genes."""
    table = listed(shown)
    if "state" not in table or shown.against is None:
        return ""
    told = []
    for word in LOCI[shown.against.kind]:
        genes = [gene or "?" for gene in table.loc[table["state"] == word, "gene"]]
        more = f" and {len(genes) - 8} more" if len(genes) > 8 else ""
        names = f": *{', '.join(genes[:8])}*{more}" if genes else ""
        told.append(f"**{len(genes)} {word}**{names}")
    both = int((table["state"] == "in both").sum())
    return " · ".join([*told, f"{both} in both"])


def _loci(shown: Shown, score: Phenotype, name: str) -> None:
    st.markdown("**Loci**")
    table = listed(shown)
    n = live_gwas.stated(shown.now, score)
    if table.empty:
        st.info(f"No variant reaches p < 5·10⁻⁸ among N = {n}.", icon=":material/info:")
    else:
        st.dataframe(
            table, hide_index=True, column_config=COLUMNS, placeholder="", height=420
        )
    st.caption(
        f"p < 5·10⁻⁸, N = {n}, {shown.now.n_variants:,} variants, "
        f"{live_gwas.kind_of(shown.now)}. β in SD of the phenotype per effect allele.",
        help=_METHOD,
    )
    settings = f"N = {n}; {live_gwas.kind_of(shown.now)}; {described(shown)}"
    widgets.table_download(table, f"loci-{name}", settings=settings)


def described(shown: Shown) -> str:
    """Recipe and covariates, for the first line of a file."""
    names = ",".join(shown.ask.covariates) or "none"
    build = bases.build()
    return f"covariates: {names}; {build}; {shown.ask.recipe}"


def _quantiles(shown: Shown, score: Phenotype, name: str) -> None:
    found = live_runs.quantiles(shown.ask)
    title = "QQ by allele frequency, " + live_gwas.kind_of(shown.now)
    widgets.figure(
        qq_plot.qq_plot(found.table, found.band, found.lambdas, title=title),
        f"qq-{name}",
        alt_text="QQ plot by allele frequency",
    )
    st.caption(
        f"N = {live_gwas.stated(shown.now, score)}. λ at the median of p "
        f"{shown.now.inflation:.3f}; grey: 95 % of what chance gives.",
        help="A score many variants act on has λ above 1 without any confounding. The "
        "preview's λ is too low by about its R².",
    )
    _whole(shown, score, name)


def _whole(shown: Shown, score: Phenotype, name: str) -> None:
    """β, SE and p of every variant as a file."""
    found, ask = live_runs.association(shown.ask), shown.ask
    variants = bases.basis(ask.organ, ask.encoder).variants
    n = int("".join(c for c in live_gwas.stated(shown.now, score) if c.isdigit()))
    note = live_gwas.kind_of(shown.now)
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
    head = pa_csv.WriteOptions(delimiter=" ", quoting_style="none")
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as file:
        pa_csv.write_csv(pa.table(columns), file, head)
    return out.getvalue()


def _digits(values: np.ndarray) -> np.ndarray:
    """Six significant digits."""
    size = 10.0 ** (5 - np.floor(np.log10(np.maximum(np.abs(values), 1e-300))))
    return np.round(values * size) / size
