"""PheWAS of several phenotypes side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import data, errors, explained, linked, state, vocabulary, widgets
from app.compare import (
    phewas_charts as compare_phewas_charts,
)
from app.compare import (
    picks as compare_picks,
)
from app.compare import (
    views as compare_views,
)
from app.compare.picks import Pick
from app.phewas import data as phewas_data
from app.phewas import source as phewas_source
from app.state import Choice
from edp_core.errors import EdpError

TABLE = "compare_phewas_table"
MOST = 6
"""Phenotypes side by side."""
LETTERS = 36
"""A longer name is cut beside the matrix; the table has it whole."""
STRONGEST = 25
"""Outcomes of the matrix."""
_Q = float(-np.log10(0.05))


def draw(chosen: Sequence[Pick], choice: Choice) -> None:
    """Effects of two against each other, the strongest outcomes of all, the table."""
    if not compare_views.need_two(chosen):
        return
    some = list(chosen[:MOST])
    if len(chosen) > MOST:
        st.caption(f":material/info: The first {MOST} of the phenotypes chosen.")
    left, right = st.columns([2, 3])
    with right:
        covariates = phewas_source.covariates(some[0].spec)
    found: dict[str, pd.DataFrame] = {}
    told = []
    for pick in some:
        try:
            found[pick.name] = phewas_data.phewas(pick.spec, covariates)
            n = phewas_data.counted(pick.spec)[0]
        except EdpError as error:
            st.caption(f":material/error: **{pick.name}** is left out.")
            errors.tell(error)
            continue
        told.append(f"{vocabulary.plain(pick.name)} {n:,}")
    with left:
        st.caption(
            f"N = {'; '.join(told)}. Effects are for one SD of each phenotype, so that "
            "they compare; every code and field of the study, covariates beside."
        )
    if not found:
        return
    long = _long(found)
    across, upwards = st.columns([1, 1], gap="large")
    if len(found) > 1:
        with across:
            _against(list(found), long, choice)
    with upwards:
        _matrix(list(found), long, choice)
    wide = _wide(long)
    codes = list(wide["outcome"])
    linked.mark_row(TABLE, codes, choice.code)
    st.dataframe(
        wide,
        hide_index=True,
        key=TABLE,
        on_select=lambda: linked.picked_row(TABLE, codes),
        selection_mode="single-row",
        column_config=_columns(list(found)),
        placeholder=widgets.HIDDEN,
        height=420,
    )
    names = ", ".join(map(data.caption, covariates)) or "none"
    widgets.table_download(
        wide,
        "phewas-compared",
        settings=f"N = {'; '.join(told)}; covariates: {names}; effects per SD; "
        f"{compare_picks.settings(some)}",
    )


def _long(found: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row an outcome and phenotype, those with figures; circular ones marked."""
    held = ["outcome", "name", "group", "beta", "low", "high", "log10p", "log10q",
            "circular", "kind"]  # fmt: skip
    parts = [
        table.loc[table["beta"].notna() & table["log10p"].notna(), held].assign(
            phenotype=name
        )
        for name, table in found.items()
    ]
    long = pd.concat(parts, ignore_index=True)
    return long.assign(
        strong=long["log10q"].to_numpy(float) >= _Q,
        code=long["outcome"].astype(str),
        made=long["circular"].ne(""),
    )


def _wide(long: pd.DataFrame) -> pd.DataFrame:
    """One row an outcome, strongest first: effect and p of every phenotype."""
    table = long.pivot_table(
        index=["outcome", "name", "group"],
        columns="phenotype",
        values=["beta", "log10p", "log10q"],
        sort=False,
    )
    strongest = pd.DataFrame(table["log10p"]).max(axis=1)
    order = strongest.sort_values(ascending=False).index
    table = table.loc[order]
    table.columns = [" · ".join(map(str, pair)) for pair in table.columns]
    names = list(dict.fromkeys(long["phenotype"]))
    wanted = [f"{v} · {n}" for n in names for v in ("beta", "log10p", "log10q")]
    return table[[c for c in wanted if c in table]].reset_index()


def _columns(names: Sequence[str]) -> dict[str, ColumnConfig | str | None]:
    found: dict[str, ColumnConfig | str | None] = {
        "outcome": st.column_config.TextColumn(
            "Outcome", help="Click a row's left edge to pick its code."
        ),
        "name": "Name",
        "group": "Group",
    }
    for name in names:
        found |= {
            f"beta · {name}": widgets.figure_column(
                f"β {name}", "%.3g", explained.help("beta_per_sd")
            ),
            f"log10p · {name}": widgets.figure_column(
                f"−log₁₀ p {name}", "%.2f", explained.help("log10p")
            ),
            f"log10q · {name}": widgets.figure_column(
                f"−log₁₀ q {name}", "%.2f", explained.help("q")
            ),
        }
    return found


def _against(names: list[str], long: pd.DataFrame, choice: Choice) -> None:
    x, y = st.columns(2)
    with x:
        one = compare_views.which("Across (x)", names, key="across", first=0)
    with y:
        two = compare_views.which("Upwards (y)", names, key="upwards", first=1)
    if one == two:
        st.info("Choose two different ones.", icon=":material/info:")
        return
    pair = (names[one], names[two])
    table = _pairs(long, pair)
    if table.empty:
        st.info("No outcome has figures of both.", icon=":material/info:")
        return
    widgets.figure(
        compare_phewas_charts.against(table, choice.code, pair),
        f"phewas-{pair[0]}-{pair[1]}",
        key="phewas_pair",
        on_select=lambda: _picked("phewas_pair"),
        alt_text=f"effects on every outcome of {pair[0]} against {pair[1]}",
    )
    r = np.corrcoef(table["beta_x"], table["beta_y"])[0, 1] if len(table) > 2 else 0.0
    told = f"{r:.2f}".replace("-", "−")
    st.caption(
        f"{len(table):,} outcomes; effects of the two go along with r = {told} over "
        "them. Coloured: q ≤ 0.05 in either; hollow: made one of the phenotypes. The "
        "people are largely the same, so that noise is shared too. Click a point to "
        "pick its code."
    )


def _pairs(long: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    one, two = (
        long[long["phenotype"] == name].set_index("code") for name in pair
    )  # fmt: skip
    both = one.index.intersection(two.index)
    one, two = one.loc[both], two.loc[both]
    seen = np.select(
        [one["strong"] & two["strong"], one["strong"], two["strong"]],
        compare_phewas_charts.SEEN_IN[:3],
        compare_phewas_charts.SEEN_IN[3],
    )
    return pd.DataFrame(
        {
            "code": both,
            "name": one["name"].to_numpy(),
            "group": one["group"].to_numpy(),
            "beta_x": one["beta"].to_numpy(float).round(4),
            "beta_y": two["beta"].to_numpy(float).round(4),
            "p_x": [compare_phewas_charts.written(p) for p in one["log10p"]],
            "p_y": [compare_phewas_charts.written(p) for p in two["log10p"]],
            "seen": seen,
            "made": (one["circular"].ne("") | two["circular"].ne("")).to_numpy(),
        }
    )


def _matrix(names: list[str], long: pd.DataFrame, choice: Choice) -> None:
    """The strongest outcomes of any phenotype, in all of them."""
    plain = long[long["circular"] == ""]
    # of one disease in several vocabularies the strongest alone
    best = plain.sort_values("log10p", ascending=False).drop_duplicates("code")
    codes = best.drop_duplicates("name")["code"].head(STRONGEST)
    if codes.empty:
        st.info("No outcome has figures.", icon=":material/info:")
        return
    order = list(codes)
    label = {
        code: _label(str(code), str(name))
        for code, name in zip(plain["code"], plain["name"], strict=True)
    }
    shown = long[long["code"].isin(order)].assign(
        label=lambda t: t["code"].map(label),
        size=lambda t: t["log10p"].clip(upper=20),
        p=lambda t: [compare_phewas_charts.written(p) for p in t["log10p"]],
    )
    widgets.figure(
        compare_phewas_charts.bubbles(shown, names, [label[code] for code in order]),
        "phewas-strongest",
        key="phewas_matrix",
        on_select=lambda: _picked("phewas_matrix"),
        alt_text="strongest outcomes of each phenotype's PheWAS",
    )
    st.caption(
        f"The {len(order)} strongest outcomes of any of them. Colour: effect per SD "
        "(log odds ratio; of measurements SD), vermilion higher, blue lower; size: "
        "−log₁₀ p, up to 20; ringed: q ≤ 0.05 in that phenotype's own scan; pale: "
        "what made the phenotype, or was regressed out of it."
    )


def _label(code: str, name: str) -> str:
    """An outcome beside the matrix; a column is called once."""
    short = vocabulary.short(code)
    whole = (
        name if short in name or code not in data.trait_names() else f"{short} {name}"
    )
    return whole if len(whole) <= LETTERS else whole[: LETTERS - 1] + "…"


def _picked(chart: str) -> None:
    """A click on a code makes it the choice; a column is none."""
    points = st.session_state[chart].selection.get("pick", [])
    if points and str(points[0]["code"]) in data.trait_names():
        state.pick_code(str(points[0]["code"]))
