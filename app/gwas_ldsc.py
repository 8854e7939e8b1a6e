"""A result as LDSC reads it, to download."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from app import data, handover
from edp_core.export import delivery
from edp_core.gwas.ldsc import write_ldsc
from edp_core.gwas.results_store import GwasResult


def offer(found: GwasResult) -> None:
    """Offer ``.sumstats.gz`` where the study allows downloads.

    It is written when it is asked for, with a line in the audit log before the first
    byte leaves.
    """
    with st.expander("For LD score regression", icon=":material/output:"):
        st.markdown(
            "`SNP A1 A2 N Z`, gzip: variants of two bases on autosomes, not strand-"
            "ambiguous, commoner than 1 %, of about as many people as most, as LDSC's "
            "`munge_sumstats.py` makes it (but for INFO, which is not known here); it "
            "goes straight into `ldsc.py --h2` and `--rg`."
        )
        if not data.study().disclosure.downloads:
            st.caption(":material/lock: This study does not allow downloads.")
            return
        name = f"{found.name}.sumstats.gz"
        log = data.study().store_path / "audit.log"

        def content() -> bytes:
            with tempfile.TemporaryDirectory(prefix="edp-") as folder:
                path = Path(folder) / name
                write_ldsc(found, path)
                written = path.read_bytes()
            delivery.audit(log, handover.USER, "download", files={name: written})
            return written

        st.download_button(
            "Download",
            content,
            name,
            "application/gzip",
            key=f"ldsc-{found.name}",
            on_click="ignore",
            icon=":material/download:",
        )
