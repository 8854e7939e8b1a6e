"""Cached reads of the genotypes' products, which only the live GWAS needs.

As in `app.data`: by content keys, so that a new basis is seen at once.
"""

from __future__ import annotations

import os

import streamlit as st

from app import data
from edp_core.artifacts import read_basis
from edp_core.gwas.basis import Basis
from edp_core.gwas.preview import Live

OPEN = 3
"""Bases held open; what is worked out of one takes up to 100 MB."""


def there(organ: str, encoder: str) -> bool:
    """Whether products were ever made for an embedding, stale or not."""
    return f"basis/{organ}/{encoder}" in data.store().refs()


def basis(organ: str, encoder: str) -> Basis:
    """Products of every variant with an embedding's axes, memory-mapped.

    Raises
    ------
    MissingArtifactError
        Where there are none, or of another cohort, embedding or genotypes.
    """
    return live(organ, encoder).basis


def live(organ: str, encoder: str) -> Live:
    """The basis with what is the same for every phenotype."""
    pair = f"{organ}/{encoder}"
    refs = data.store().refs()
    needed = ("cohort", "genotypes", f"embedding/{pair}", f"basis/{pair}")
    keys = tuple(refs.get(slot, "") for slot in needed)
    return _live(organ, encoder, (str(data.study().store_path), *keys))


@st.cache_resource(show_spinner="Opening the genotypes’ products …", max_entries=OPEN)
def _live(organ: str, encoder: str, keys: tuple[str, ...]) -> Live:
    return Live(read_basis(data.store(), organ, encoder))


def build() -> str:
    """Genome build of the genotypes the products were made of."""
    store = data.store()
    return str(store.manifest("genotypes", store.ref("genotypes"))["settings"]["build"])


def command() -> str:
    """The command that makes the genotypes' products."""
    given = "" if data.study().genotypes else " --bed PREFIX"
    place = os.environ.get(data.STUDY_VARIABLE, "demo")
    return f".venv/bin/python -m precompute gwas-basis {place}{given}"
