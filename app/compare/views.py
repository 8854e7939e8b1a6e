"""Views of the screen Compare: two against each other, all pairs, confounders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import explained, routes, widgets
from app.compare import (
    charts as compare_charts,
)
from app.compare import (
    data as compare_data,
)
from app.compare import (
    picks as compare_picks,
)
from app.compare.picks import Pick
from app.phenotype import radar, verdict
from app.vocabulary import plain
from edp_core.recipe import CodeSpec

FEW = 8
"""Phenotypes up to which matrix and table stand beside each other."""
_N = "Participants who have both. Hidden where it would tell a small count."
_PAIRS: dict[str, ColumnConfig | str | None] = {
    "first": "One",
    "second": "Other",
    "low": widgets.figure_column("95 % from", "%.3f", explained.help("interval")),
    "high": widgets.figure_column("to", "%.3f", explained.help("interval")),
    "log10p": widgets.figure_column("−log₁₀ p", "%.1f", explained.help("log10p")),
    "n": widgets.count_column("N", explained.help("n", _N)),
}


def need_two(chosen: Sequence[Pick]) -> bool:
    """Whether there are two to compare; else says what to do."""
    if len(chosen) > 1:
        return True
    st.info(
        "Choose a second phenotype above: two are needed to compare. Names with a "
        "space are offered without a basket; what you design on Phenotype and add to "
        "the basket stands here too.",
        icon=":material/add_circle:",
    )
    routes.link("phenotype", "Design a phenotype")
    return False


# ---- two against each other --------------------------------------------------------
def two(chosen: Sequence[Pick]) -> None:
    """Two phenotypes of those chosen: where people lie in both."""
    if not need_two(chosen):
        return
    names = [pick.name for pick in chosen]
    left, right = st.columns(2)
    with left:
        x = chosen[which("Across (x)", names, key="across", first=0)]
    with right:
        y = chosen[which("Upwards (y)", names, key="upwards", first=1)]
    if x.name == y.name:
        st.info("Choose two different ones.", icon=":material/info:")
        return
    coded = [p for p in (x, y) if p.score.kind == "binary"]
    if len(coded) == 2:
        st.info(
            "Both are codes, yes or no: four counts and no picture. How far they go "
            "along stands under Correlations.",
            icon=":material/info:",
        )
    elif coded:
        _by_code(y if coded[0] is x else x, coded[0])
    else:
        _plane(x, y)


def which(label: str, names: list[str], *, key: str, first: int) -> int:
    """Ask for one of some phenotypes, which stands in the link; its place."""
    if st.session_state.get(key) not in (None, *names):
        st.session_state[key] = names[first]
        chosen = st.selectbox(label, names, key=key, bind="query-params")
    else:
        chosen = st.selectbox(
            label, names, index=first, key=key, bind="query-params"
        )  # fmt: skip
    return names.index(str(chosen))


def _plane(x: Pick, y: Pick) -> None:
    found = compare_data.plane(x, y)
    if found.cells.empty:
        st.info(
            "Too few participants have both for anything to be shown.",
            icon=":material/info:",
        )
        return
    drawn, said = st.columns([3, 1], gap="large")
    with drawn:
        widgets.figure(
            compare_charts.plane(
                found.cells, found.means, x_title=x.name, y_title=y.name
            ),
            f"compare-{x.name}-{y.name}",
            alt_text=f"density of participants over {x.name} and {y.name}",
        )
        st.caption(
            f"N = {compare_picks.stated(found.n)} who have both. Every rectangle holds "
            "enough people to be shown: where they are few it is large. Line: mean of "
            f"{plain(y.name)} with its 95 % interval in up to {compare_data.MEANS} "
            f"groups of equal size along {plain(x.name)}. The outer cells hold whoever "
            "lies beyond the 0.25th and 99.75th percentile."
        )
    with said:
        for name, label, key, also in _FIGURES:
            value, low, high = found.figures[name]
            if name == "partial":
                also = f"Given {', '.join(compare_data.factor_names())}."
            widgets.number(
                label,
                None if np.isnan(value) else float(value),
                under=interval(low, high),
                help=explained.help(key, also),
            )


_FIGURES = (
    ("pearson", "Pearson's r", "pearson", ""),
    ("spearman", "Spearman's ρ", "spearman", ""),
    ("partial", "Partial r", "partial_r", ""),
    ("top", "Top tenth shared", "top_shared", ""),
)


def interval(low: float, high: float) -> str | None:
    """A 95 % interval whose ends may be negative, in words."""
    if np.isnan(low):
        return None
    return f"95 % {low:.3f} to {high:.3f}".replace("-", "−")


def _by_code(score: Pick, code: Pick) -> None:
    assert isinstance(code.spec, CodeSpec)
    bars = compare_data.by_code(score, code)
    if bars.empty:
        st.info("Too few cases for anything to be shown.", icon=":material/info:")
        return
    widgets.figure(
        compare_charts.split(bars, x_title=score.name),
        f"compare-{score.name}-{code.name}",
    )
    st.caption(
        f"{plain(score.name)} (N = {verdict.stated(score.score)}) of the cases and "
        f"controls of {plain(code.spec.trait)}, as far as they have one. Where the "
        "score was made with the labels of this code the two lie apart by having been "
        "aimed at; an out-of-fold classifier says how far it holds."
    )


# ---- all pairs ---------------------------------------------------------------------
def pairs(chosen: Sequence[Pick]) -> None:
    """Correlation of every two, alike ones beside each other."""
    if not need_two(chosen):
        return
    fixed = compare_data.factor_names()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Correlation",
            ["Pearson", "Spearman"],
            default="Pearson",
            key="correlation",
            bind="query-params",
            help=explained.help("spearman"),
        )
        given = fixed and st.toggle(
            f"Given {', '.join(fixed)}",
            key="partial",
            bind="query-params",
            help=explained.help("partial_r"),
        )
    ranked = kind == "Spearman"
    table, order = compare_data.correlations(
        chosen, ranked=ranked, held_fixed=bool(given)
    )
    symbol = "ρ" if ranked else "r"
    title = f"partial {symbol}" if given else symbol
    drawn, listed = (
        st.columns(2, gap="large")
        if len(order) <= FEW
        else (st.container(), st.container())
    )
    with drawn:
        widgets.figure(
            compare_charts.matrix(table, order, title=title),
            f"correlations-{'spearman' if ranked else 'pearson'}",
            alt_text="correlation of every two phenotypes",
        )
        st.caption(
            f"{_pairs(int(table['r'].notna().sum()))} of {len(order)} phenotypes, over "
            "those who have both. Order: average linkage at distance 1 − |r|, so that "
            "what is alike stands together, whatever its sign. –: hidden or not "
            "defined."
        )
    with listed:
        key = "spearman" if ranked else "pearson"
        st.dataframe(
            table,
            hide_index=True,
            column_config=_PAIRS
            | {"r": widgets.figure_column(title, "%.3f", explained.help(key))},
            placeholder=widgets.HIDDEN,
        )
        if table["n"].isna().any():
            st.caption(
                f"{widgets.HIDDEN} : N that lies near another one, or a correlation "
                "that would tell a small number of cases or controls."
            )
        held = f"given {', '.join(fixed)}" if given else "nothing held fixed"
        widgets.table_download(
            table,
            "correlations",
            settings=f"{kind}, {held}; {compare_picks.settings(chosen)}",
        )


def _pairs(number: int) -> str:
    return "1 pair" if number == 1 else f"{number} pairs"


# ---- confounders -------------------------------------------------------------------
def confounders(chosen: Sequence[Pick]) -> None:
    """The radar of every phenotype over the same factors."""
    if not chosen:
        need_two(chosen)
        return
    table = compare_data.radars(chosen)
    if table.empty or table["partial_r2"].isna().all():
        st.info(
            "Nothing to compare with: the study has no age, sex, BMI, centre, imaging "
            "date, genetic components or organ volume that may be shown for these.",
            icon=":material/info:",
        )
        return
    widgets.figure(
        compare_charts.radars(table, much=radar.MUCH),
        "radars",
        alt_text="confounder radars: partial R² of each phenotype with each factor",
    )
    told = "; ".join(f"{plain(p.name)} {verdict.stated(p.score)}" for p in chosen)
    st.caption(
        f"N = {told}. Share of a phenotype that each factor alone explains once all "
        f"the others are known; dotted: {radar.MUCH:.0%}, from which a GWAS is warned "
        "of. A phenotype that is itself one of the factors is not explained by it."
    )
    shown = table[["phenotype", *(c for c in radar.COLUMNS if c in table)]]
    shown = shown.drop(columns="score", errors="ignore")
    st.dataframe(
        shown,
        hide_index=True,
        column_config={**_radar_columns(), "phenotype": "Phenotype"},
        placeholder=widgets.HIDDEN,
    )
    widgets.hidden_note(pd.DataFrame(shown), "n_known")
    widgets.table_download(
        shown, "radars", settings=compare_picks.settings(chosen)
    )  # fmt: skip


def _radar_columns() -> dict[str, ColumnConfig | str | None]:
    return dict(radar.COLUMNS)
