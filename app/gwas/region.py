"""The region of one locus: variants, r² with the lead where given, and genes."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import data, widgets
from app.gwas import data as gwas_data
from app.gwas.data import Rules
from app.plots import genome
from app.plots.region_plot import MOST, pack, region_plot
from edp_core.gwas.genes import genes_in
from edp_core.gwas.results_store import GwasResult, region

FLANK = 500_000
"""Bp to either side of the lead."""


def draw(found: GwasResult, locus: pd.Series, rules: Rules) -> None:
    """Variants within 500 kb of a lead."""
    chrom, pos = int(locus["chrom"]), int(locus["lead_pos"])
    span = (max(1, pos - FLANK), pos + FLANK)
    lead = str(locus["id"])
    held = _variants(found.name, found.key, chrom=chrom, span=span)
    variants = gwas_data.disclosed(with_r2(held, lead, rules.ld))
    place = genome.place_of(chrom, pos)
    title = f"{locus['gene'] or 'Region'} · {place}"
    st.subheader(f"Region of {title}", anchor=False)
    name = f"region-{found.name}-{chrom}-{pos}"
    genes = genes_in(chrom, *span, build=found.build)
    widgets.figure(
        region_plot(
            variants,
            genes,
            lead=lead,
            span=span,
            threshold=rules.threshold,
            title=f"{found.name} · {title}",
        ),
        name,
        alt_text=f"Variants around {place}",
    )
    coloured = (
        "coloured by r² with the lead"
        if rules.ld is not None
        else "r² is not known: give an LD table below to colour by it"
    )
    hidden = len(genes) - len(pack(genes, span))
    more = f", {hidden} without room left out" if hidden else ""
    some = f" Of these {MOST:,} are drawn, all strong ones." * (len(variants) > MOST)
    st.caption(
        f"{len(variants):,} variants within {FLANK // 1000} kb of {lead}, "
        f"{gwas_data.stated(found)}; {coloured}.{some} Genes: protein-coding, "
        f"{found.build}{more}."
    )
    widgets.table_download(
        variants,
        name,
        settings=f"{found.name}, {gwas_data.stated(found)}, {found.build}, lead {lead}",
    )


@st.cache_data(show_spinner="Reading the region …", max_entries=64)
def _variants(
    name: str, key: str, *, chrom: int, span: tuple[int, int]
) -> pd.DataFrame:
    return region(data.store(), name, chrom, start=span[0], end=span[1])


def with_r2(variants: pd.DataFrame, lead: str, ld: pd.DataFrame | None) -> pd.DataFrame:
    """Variants with ``r2``, theirs with a lead; NaN where no such pair is given."""
    if ld is None:
        return variants
    pairs = pd.concat(
        [
            ld.loc[ld["a"] == lead, ["b", "r2"]].set_axis(["id", "r2"], axis=1),
            ld.loc[ld["b"] == lead, ["a", "r2"]].set_axis(["id", "r2"], axis=1),
        ]
    ).drop_duplicates("id")
    r2 = variants["id"].map(pairs.set_index("id")["r2"])
    return variants.assign(r2=r2.mask(variants["id"] == lead, 1.0))
