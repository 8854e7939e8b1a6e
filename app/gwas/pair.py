"""Two results against each other: mirrored plots, shared loci, replication."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import data, explained, widgets
from app.gwas import data as gwas_data
from app.gwas import rules as gwas_rules
from app.gwas.data import Rules
from app.plots import genome
from app.plots.manhattan import miami
from edp_core.gwas.compare import gained_lost, union
from edp_core.gwas.replication import replicate
from edp_core.gwas.results_store import GwasResult, values_at

REPLICATION: dict[str, ColumnConfig | str | None] = {
    "place": "Position",
    "gene": "Gene",
    "id": "Lead variant",
    "effect_allele": "Effect",
    "log10p": widgets.figure_column(
        "−log₁₀ p", "%.2f", explained.help("gwas_log10p", "In the first result.")
    ),
    "beta": widgets.figure_column(
        "β", "%.4f", explained.help("gwas_beta", "In the first result.")
    ),
    "beta2": widgets.figure_column(
        "β there", "%.4f", explained.help("gwas_beta", "Of the same effect allele.")
    ),
    "se2": widgets.figure_column("SE there", "%.4f", explained.help("se")),
    "log10p2": widgets.figure_column(
        "−log₁₀ p there", "%.2f", explained.help("gwas_log10p")
    ),
    "same_sign": st.column_config.CheckboxColumn("Same sign"),
    "replicated": st.column_config.CheckboxColumn(
        "Replicated", help=explained.help("replicated")
    ),
    "reason": st.column_config.TextColumn("Why not looked up", width="medium"),
}
SHARED: dict[str, ColumnConfig | str | None] = {
    "place": st.column_config.TextColumn("Position", help="Of the stronger lead."),
    "gene": "Gene",
    "where": "Found in",
}


def draw(names: list[str]) -> None:
    """Two results, chosen among those there are."""
    left, middle, right = st.columns([5, 1, 5], vertical_alignment="bottom")
    with left:
        first = st.selectbox("Above", names, key="run", bind="query-params")
    build = gwas_data.result(first).build
    others = [n for n in names if n != first and gwas_data.result(n).build == build]
    with right:
        second = st.selectbox(
            "Below",
            others,
            key="second",
            bind="query-params",
            placeholder="no other result",
            help=f"Results on {build}, as the one above: positions of two builds do "
            "not compare.",
        )
    if second is None:
        st.info(
            f"There is no second result on {build} to compare with. Read another one "
            "above.",
            icon=":material/info:",
        )
        return
    with middle:
        st.button(
            "",
            icon=":material/swap_horiz:",
            key="swap",
            help="Exchange the two",
            on_click=lambda: st.session_state.update(run=second, second=first),
            width="stretch",
        )
    pair = gwas_data.result(first), gwas_data.result(second)
    rules = gwas_rules.rules()
    loci = gwas_data.loci(pair[0], rules), gwas_data.loci(pair[1], rules)
    _miami(pair, loci, rules)
    _shared(pair, loci, rules)
    _replication(pair, loci[0], rules)


def _miami(
    pair: tuple[GwasResult, GwasResult],
    loci: tuple[pd.DataFrame, pd.DataFrame],
    rules: Rules,
) -> None:
    top, bottom = pair
    drawn = miami(
        gwas_data.thinned(top),
        gwas_data.thinned(bottom),
        loci=(gwas_data.disclosed(loci[0]), gwas_data.disclosed(loci[1])),
        titles=(top.name, bottom.name),
        threshold=rules.threshold,
    )
    name = f"miami-{top.name}-{bottom.name}"
    widgets.figure(drawn, name, alt_text=f"Miami plot of {top.name} and {bottom.name}")
    said = [f"{one.name}: {gwas_data.stated(one)}" for one in pair]
    st.caption(
        f"{said[0]}, {top.n_variants:,} variants; {said[1]}, {bottom.n_variants:,} "
        f"variants; {top.build}. Dashed: {rules.said.split(';')[0]}."
    )


def _shared(
    pair: tuple[GwasResult, GwasResult],
    loci: tuple[pd.DataFrame, pd.DataFrame],
    rules: Rules,
) -> None:
    names = [one.name for one in pair]
    only_below, only_above = gained_lost(*loci)
    table = union({"above": loci[0], "below": loci[1]})
    cells = st.columns(4)
    counts = {
        f"Loci of {names[0]}": len(loci[0]),
        f"Loci of {names[1]}": len(loci[1]),
        "Found in both": int((table["n_runs"] == 2).sum()),
        "Found in either": len(table),
    }
    under = [f"{len(only_above)} only here", f"{len(only_below)} only here", None, None]
    for cell, (title, count), below in zip(cells, counts.items(), under, strict=True):
        with cell:
            widgets.number(title, count, under=below, help=explained.help("loci"))
    if table.empty:
        return
    shown = pd.DataFrame(
        {
            "place": _places(table),
            "gene": gwas_data.genes_of(table, loci),
            "where": np.select(
                [table["n_runs"] == 2, table["above"].notna()],
                ["both", f"only {names[0]}"],
                f"only {names[1]}",
            ),
            f"−log₁₀ p {names[0]}": table["above"].astype(float).round(2),
            f"−log₁₀ p {names[1]}": table["below"].astype(float).round(2),
        }
    )
    st.markdown("**Loci side by side**")
    st.dataframe(
        shown, hide_index=True, column_config=SHARED, placeholder=widgets.HIDDEN
    )
    widgets.table_download(
        shown,
        f"overlap-{names[0]}-{names[1]}",
        settings=f"{_head(pair)}; {rules.said}; one where edges are nearer than 250 kb",
    )


def _places(table: pd.DataFrame) -> list[str]:
    return [
        genome.place_of(chrom, pos)
        for chrom, pos in zip(table["chrom"], table["lead_pos"], strict=True)
    ]


def _head(pair: tuple[GwasResult, GwasResult]) -> str:
    said = [f"{one.name} {gwas_data.stated(one)}" for one in pair]
    return f"{' and '.join(said)}, {pair[0].build}"


def _replication(
    pair: tuple[GwasResult, GwasResult], loci: pd.DataFrame, rules: Rules
) -> None:
    first, second = pair
    st.markdown(f"**Leads of {first.name} looked up in {second.name}**")
    st.caption(
        "This is a replication only if nobody, nor a close relative, is in both: two "
        "results of the same people agree by themselves. Halves are made at export."
    )
    if loci.empty:
        st.caption(f"{first.name} has no locus to look up.")
        return
    places = tuple(
        zip(loci["chrom"].astype(int), loci["lead_pos"].astype(int), strict=True)
    )
    found = replicate(loci, _values(second.name, second.key, places))
    if found.n_tested:
        st.markdown(
            f"{found.n_same_sign} of {found.n_tested} have the same sign (−log₁₀ p "
            f"{found.sign_log10p:.2f} by chance), **{found.n_replicated} replicate**: "
            f"same sign and −log₁₀ p above {found.threshold:.2f}, that is 0.05 / "
            f"{found.n_tested}."
        )
    for reason, count in found.reasons.items():
        st.caption(f"{count} not looked up: {reason}.")
    shown = gwas_data.disclosed(pd.concat([loci, found.table], axis=1))
    shown["place"] = _places(shown)
    hidden = shown["beta"].isna()
    shown[["beta2", "se2"]] = shown[["beta2", "se2"]].mask(hidden)
    table = shown[list(REPLICATION)].sort_values("log10p", ascending=False)
    st.dataframe(
        table, hide_index=True, column_config=REPLICATION, placeholder=widgets.HIDDEN
    )
    widgets.table_download(
        table,
        f"replication-{first.name}-{second.name}",
        settings=f"{_head(pair)}; leads of the first in the second; {rules.said}",
    )


@st.cache_data(show_spinner="Looking the leads up …", max_entries=64)
def _values(name: str, key: str, places: tuple[tuple[int, int], ...]) -> pd.DataFrame:
    chrom, pos = np.array(places, np.int64).reshape(-1, 2).T
    return values_at(data.store(), name, chrom, pos=pos)
