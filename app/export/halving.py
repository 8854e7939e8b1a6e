"""Discovery and replication halves on the screen Export."""

from __future__ import annotations

import json

import streamlit as st

from app import data, figures
from edp_core.checkout import relatives_of
from edp_core.export.halves import CAUTION, NAMES, Halving
from edp_core.people.relatedness import Relatedness
from edp_core.store import file_digest


def choose() -> Halving | None:
    """Ask whether the export is split, and how; a card that was split asks alike."""
    split = st.toggle(
        "Split into discovery and replication halves",
        key="halves",
        bind="query-params",
        help="GWAS of both halves run apart, in one script: what the first finds the "
        "second may confirm. Whoever is related stays in one half.",
    )
    if not split:
        return None
    left, right = st.columns(2)
    with left:
        seed = st.number_input(
            "Seed of the split",
            0,
            2**32 - 1,
            0,
            key="halves_seed",
            bind="query-params",
            help="The same seed gives everybody the same half in every export.",
        )
    with right:
        share = st.number_input(
            "Share for discovery",
            0.05,
            0.95,
            0.5,
            step=0.05,
            key="halves_share",
            bind="query-params",
            help="Each family goes to discovery with this chance.",
        )
    st.caption(
        "Families are kept together by the study's table of relatives."
        if table() is not None
        else "The study names no table of relatives (`relatedness` under [genotypes] "
        "in study.toml): relatives may stand in both halves."
    )
    chosen = Halving(seed=int(seed), share=float(share))
    of_card: Halving | None = st.session_state.get("_halving_of_card")
    if of_card and of_card.model_copy(update={"relatedness": ""}) == chosen:
        return of_card  # with the relatives it was made with, which must be the same
    return chosen


def take_from_card(halving: Halving | None) -> None:
    """Split as the export of an opened card was; call before the controls are drawn."""
    if halving is not None:
        st.session_state["_halving_of_card"] = halving
        st.session_state["halves"] = True
        st.session_state["halves_seed"] = halving.seed
        st.session_state["halves_share"] = halving.share


def table() -> str | None:
    """Content hash of the study's table of relatives; `None` where it names none."""
    genotypes = data.study().genotypes
    if genotypes is None or genotypes.relatedness is None:
        return None
    path = data.study().path(genotypes.relatedness)
    return file_digest(path) if path.is_file() else "missing"


def relatives() -> Relatedness | None:
    """Pairs of that table, read again when it changes."""
    known = table()
    return None if known is None else _relatives(known, str(data.study().folder))


@st.cache_resource(show_spinner="Reading the relatives …", max_entries=2)
def _relatives(*_keys: str) -> Relatedness | None:
    return relatives_of(data.study())


def told(files: dict[str, bytes]) -> None:
    """How many are in each half, and what two halves do not make independent."""
    content = json.loads(files["report.json"]).get("halves")
    if content is None:
        return
    counts = content["participants"]
    parts = [f"**{name}** N = {_shown(counts[name])}" for name in NAMES]
    families = content.get("families_of_two_or_more")
    if families is not None:
        parts.append(f"families of two or more: {families}")
    st.markdown(" · ".join(parts))
    st.caption(CAUTION)


def _shown(count: int | str) -> int | str:
    return figures.people(count) if isinstance(count, int) else count
