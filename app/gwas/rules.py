"""What a user gives beside the results: an LD table, genes of variants, a threshold."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app import errors
from app.gwas.data import Rules
from edp_core.gwas.genes import GeneTable, read_gene_table
from edp_core.gwas.ld import read_ld


def section() -> None:
    """Ask for tables; what they hold is kept for the session."""
    with st.expander("LD and genes of your own", icon=":material/table:"):
        left, right = st.columns(2, gap="large")
        with left, errors.shown():
            _ld()
        with right, errors.shown():
            _genes()


def rules() -> Rules:
    """How loci are found and named, by what the session was given."""
    held = st.session_state
    return Rules(
        ld=held.get("_gwas_ld"),
        genes=held.get("_gwas_genes"),
        token=str(held.get("_gwas_ld_of", "")),
    )


def _ld() -> None:
    given = st.file_uploader(
        "LD table",
        type=["vcor", "ld", "csv", "tsv", "txt", "gz"],
        key="gwas_ld_file",
        help="r² between variants as plink writes it (--r2), or columns a, b, r2. "
        "Loci are then told apart by r² < 0.1, and a region is coloured by r² with "
        "its lead.",
    )
    table: pd.DataFrame | None = _kept("_gwas_ld", given, read_ld)
    if table is not None:
        st.caption(f"{len(table):,} pairs of variants.")


def _genes() -> None:
    given = st.file_uploader(
        "Variant-to-gene table",
        type=["csv", "tsv", "txt", "gz", "parquet"],
        key="gwas_genes_file",
        help="A column gene, and either id or chrom and pos: for example the best "
        "gene of each variant by Open Targets. Leads it does not name have the "
        "nearest protein-coding gene.",
    )
    table: GeneTable | None = _kept("_gwas_genes", given, read_gene_table)
    if table is not None:
        left = f"; {table.n_empty:,} rows are empty" if table.n_empty else ""
        twice = (
            f"; {table.n_duplicates:,} are there twice" if table.n_duplicates else ""
        )
        st.caption(f"{table.n_rows:,} rows{left}{twice}.")


def _kept(key: str, given: UploadedFile | None, read: Callable[[Path], Any]) -> Any:
    """What an upload holds, read once; nothing where it was taken away."""
    if given is None:
        st.session_state.pop(key, None)
        st.session_state.pop(f"{key}_of", None)
        return None
    if st.session_state.get(f"{key}_of") != given.file_id:
        st.session_state.pop(key, None)
        with tempfile.TemporaryDirectory(prefix="edp-") as folder:
            path = Path(folder) / Path(given.name).name
            path.write_bytes(given.getbuffer())
            st.session_state[key] = read(path)
        st.session_state[f"{key}_of"] = given.file_id
    return st.session_state[key]
