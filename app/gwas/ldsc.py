"""A result for other tools, to download: as LDSC reads it, and as regenie writes it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from app import data, figures
from app.export import handover
from edp_core.export import delivery
from edp_core.gwas.ldsc import write_ldsc
from edp_core.gwas.regenie_results import write_regenie
from edp_core.gwas.results_store import GwasResult
from edp_core.settings.genotypes import copies_of


def offer(found: GwasResult) -> None:
    """Offer ``.sumstats.gz`` and ``.regenie.gz`` where the study allows downloads.

    A file is written when it is asked for, with a line in the audit log before the
    first byte leaves.
    """
    with st.expander("For other tools", icon=":material/output:"):
        st.markdown(
            "**LD score regression**: `SNP A1 A2 N Z`, gzip: variants of two bases on "
            "autosomes, not strand-ambiguous, commoner than 1 %, of about as many "
            "people as most, as LDSC's `munge_sumstats.py` makes it (but for INFO, "
            "which is not known here); it goes straight into `ldsc.py --h2` and "
            "`--rg`."
        )
        fewest = copies_of(figures.least())
        st.markdown(
            "**As regenie writes it**: every variant with β, SE and −log₁₀ p, sorted "
            "and each once, whichever program it is from; alleles of fewer than "
            f"{fewest} copies left out."
        )
        if not data.study().disclosure.downloads:
            st.caption(":material/lock: This study does not allow downloads.")
            return
        with st.container(horizontal=True):
            _button(
                "Download for LDSC",
                f"{found.name}.sumstats.gz",
                lambda path: write_ldsc(found, path),
            )
            _button(
                "Download as regenie's",
                f"{found.name}.regenie.gz",
                lambda path: write_regenie(found, path, fewest=fewest),
            )


def _button(label: str, name: str, write: Callable[[Path], object]) -> None:
    log = data.study().store_path / "audit.log"

    def content() -> bytes:
        with tempfile.TemporaryDirectory(prefix="edp-") as folder:
            path = Path(folder) / name
            write(path)
            written = path.read_bytes()
        delivery.audit(log, handover.USER, "download", files={name: written})
        return written

    st.download_button(
        label,
        content,
        name,
        "application/gzip",
        key=f"taken-{name}",
        on_click="ignore",
        icon=":material/download:",
    )
