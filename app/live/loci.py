"""What is on the screen of a live GWAS, and its loci beside those of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import explained, figures, widgets
from app.live.choice import LOCI, Against
from app.live.runs import Asked, Panel
from app.plots import genome
from edp_core.disclosure import disclose
from edp_core.gwas.compare import gained_lost

COLUMNS: dict[str, ColumnConfig | str | None] = {
    "state": st.column_config.TextColumn(
        "Locus", help="Whether what is compared with has it too (within 250 kb)."
    ),
    "place": st.column_config.TextColumn("Lead variant at"),
    "gene": st.column_config.TextColumn(
        "Nearest gene", help="Protein-coding, GENCODE; two names: inside both."
    ),
    "log10p": widgets.figure_column("−log₁₀ p", "%.2f", explained.help("gwas_log10p")),
    "beta": widgets.figure_column("β", "%.4f", explained.help("gwas_beta")),
    "se": widgets.figure_column("SE", "%.4f", explained.help("se")),
    "effect_allele": "Effect allele",
    "other_allele": "Other",
    "af": widgets.figure_column("Frequency", "%.3f", explained.help("af")),
    "id": "Variant",
    "start": widgets.count_column("Locus from", explained.help("position")),
    "end": widgets.count_column("to", explained.help("position")),
    "variants": widgets.count_column("Variants", explained.help("n_variants")),
    "of": st.column_config.TextColumn("p, β of", help="Exact, or the preview's R²."),
}


@dataclass(frozen=True)
class Shown:
    """What the section drew, for the tab that lists it."""

    ask: Asked
    now: Panel
    against: Against | None = None
    before: Panel | None = None


def kind_of(panel: Panel) -> str:
    """Whether a GWAS is exact, or how much of it is not seen."""
    return "exact" if panel.exact else f"preview, R² {share(panel.r2)}"


def share(r2: float) -> str:
    """R² with the digits that matter near 1; never rounded up to 1."""
    if r2 > 0.99995:
        return "1.0000"
    return f"{min(r2, 0.9999):.4f}" if r2 > 0.99 else f"{r2:.3f}"


def inflation(panel: Panel) -> str:
    """λ with three decimals; a dash where no variant was tested."""
    return f"{panel.inflation:.3f}" if np.isfinite(panel.inflation) else "—"


def listed(shown: Shown) -> pd.DataFrame:
    """Loci of the score, then those it does not have of what it is compared with."""
    tables = [shown.now.loci.assign(of=kind_of(shown.now))]
    if shown.against is not None and comparable(shown):
        assert shown.before is not None
        gained, lost = gained_lost(shown.before.loci, shown.now.loci)
        more, less = LOCI[shown.against.kind]
        is_new = tables[0]["locus"].isin(gained["locus"])
        tables[0]["state"] = np.where(is_new, more, "in both")
        of = kind_of(shown.before)
        tables.append(lost.assign(state=less, of=of))
    found = pd.concat(tables, ignore_index=True)
    found["place"] = [
        genome.place_of(chrom, pos)
        for chrom, pos in zip(found["chrom"], found["lead_pos"], strict=True)
    ]
    found = found.rename(columns={"n_variants": "variants"})
    kept = [name for name in COLUMNS if name in found]
    table = found[kept].round({"log10p": 2, "beta": 4, "se": 4, "af": 3})
    return disclose(table, threshold=figures.least(), counts=[])


def comparable(shown: Shown) -> bool:
    """Whether what the score is compared with is known well enough to list loci of."""
    before, against = shown.before, shown.against
    if before is None or against is None:
        return False
    return not (against.measured and before.waits)


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
