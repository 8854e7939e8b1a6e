"""The PheWAS as it is told: filters, captions, columns of its table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from app import chapters, data, state, vocabulary, widgets
from app.clusters.enriched import q_line
from app.phewas import data as phewas_data
from app.phewas.columns import ORDER, columns
from app.phewas.forest import forest, odds_of
from app.phewas.marks import Lines
from app.phewas.plots import grouped, volcano
from app.phewas.source import FOREST, Source
from app.state import Choice

FIELDS = "fields"
"""What is no code: the other columns of the participants table."""
TABLE, BOX = "phewas_table", "forest_box"
"""Keys of the table, and of the box of what is picked."""
BETWEEN = "|"
"""Between outcomes in the link; no level's name holds it."""
STRONGEST = 12
"""Outcomes of the forest plot where none is picked."""
MOST_LINES = 40
KINDS = {
    "binary": "yes/no", "linear": "number", "ordered": "ordered",
    "multinomial": "categories",
}  # fmt: skip


@dataclass(frozen=True)
class View:
    """What is drawn: the whole table, and the part that is looked at, best first."""

    table: pd.DataFrame
    listed: pd.DataFrame
    lines: Lines


def look(table: pd.DataFrame) -> View:
    """Draw the filters; the part of a PheWAS they leave. Lines count every test."""
    tests = table[table["tested"]]
    lines = Lines(
        -np.log10(0.05 / max(len(tests), 1)),
        q_line(tests) if len(tests) else None,
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kept = table[_wanted(table)]
        circular = st.toggle(
            "Leave out circular ones",
            key="phewas_plain",
            bind="query-params",
            help="The code that made the phenotype, those it is part of or that are "
            "part of it, and columns that were regressed out.",
        )
        strong = st.toggle(
            "Beyond a line only", key="phewas_strong", bind="query-params",
            help="Outcomes beyond Bonferroni's line, or with q of at most 0.05.",
        )  # fmt: skip
    if circular:
        kept = kept[kept["circular"] == ""]
    if strong:
        least = min(lines.bonferroni, lines.fdr or lines.bonferroni)
        kept = kept[kept["log10p"] >= least]
    order = kept["log10p"].sort_values(ascending=False, na_position="last").index
    return View(table, kept.loc[order].reset_index(drop=True), lines)


def _wanted(table: pd.DataFrame) -> np.ndarray:
    """Rows of the vocabularies and groups that are looked at."""
    of = table["vocabulary"].where(table["vocabulary"] != "", FIELDS)
    names = table["group"].map(lambda group: chapters.subject(str(group)).name)
    there = [name for name in dict.fromkeys(of) if name]
    chosen = st.multiselect(
        "Outcomes", there, key="phewas_outcomes", bind="query-params",
        placeholder="all codes and fields", width=280,
        format_func=lambda name: "other fields" if name == FIELDS
        else vocabulary.name_of(name),
        help="Plot and list these alone. The lines go on counting every test.",
    )  # fmt: skip
    groups = st.multiselect(
        "Groups", sorted(set(names)), key="phewas_groups", bind="query-params",
        placeholder="all chapters and groups", width=280,
    )  # fmt: skip
    kept = np.ones(len(table), bool)
    if chosen:
        kept &= of.isin(chosen).to_numpy(bool)
    if groups:
        kept &= names.isin(groups).to_numpy(bool)
    return kept


# ---- plots -----------------------------------------------------------------------
def plots(view: View, choice: Choice, name: str) -> None:
    """Volcano and plot by group, side by side."""
    if not view.listed["log10p"].notna().any():
        st.info("No outcome that is looked at has a figure.", icon=":material/info:")
        return
    left, right = st.columns([5, 7], gap="medium")
    with left:
        widgets.figure(
            volcano(view.listed, choice.code, lines=view.lines),
            f"phewas-volcano-{name}",
            key="phewas_volcano",
            on_select=lambda: _point("phewas_volcano"),
            alt_text="Volcano plot of the PheWAS: effect against −log₁₀ p",
        )
    with right:
        widgets.figure(
            grouped(view.listed, choice.code, lines=view.lines),
            f"phewas-groups-{name}",
            key="phewas_grouped",
            on_select=lambda: _point("phewas_grouped"),
            alt_text="PheWAS by group: −log₁₀ p of every outcome",
        )
    st.caption(caption(view))


def caption(view: View) -> str:
    """How the plots are read, and what was counted."""
    tested = view.table[view.table["tested"]]
    tests = len(tested)
    beyond = tested["log10p"] >= view.lines.bonferroni
    # q is of those that are not circular, so the two numbers need not go together
    made = int((beyond & tested["circular"].ne("")).sum())
    circular = f", {made:,} of them circular" if made else ""
    found = int((tested["log10q"] >= -np.log10(0.05)).sum())
    fdr = (
        f"dashed: q = 0.05 ({_outcomes(found)}{' not circular' if made else ''})"
        if view.lines.fdr is not None
        else "no outcome reaches q = 0.05"
    )
    return (
        f"{tests:,} tests. ▲ higher, ▼ lower with the phenotype; hollow: circular. "
        f"Dotted: p = 0.05 divided by {tests:,} "
        f"({_outcomes(int(beyond.sum()))}{circular}); {fdr}. Click a code to make it "
        "the choice; it is ringed."
    )


def _outcomes(number: int) -> str:
    return "1 outcome" if number == 1 else f"{number:,} outcomes"


def _point(chart: str) -> None:
    """A click on a point: a code becomes the choice, a field joins the forest."""
    points = st.session_state[chart].selection.get("pick", [])
    if points:
        _pick(str(points[0]["code"]))


def _choose(chart: str) -> None:
    """A click in the forest: a code becomes the choice, which lines stand there stays.

    A field is no choice, and stands there already.
    """
    points = st.session_state[chart].selection.get("pick", [])
    if points and str(points[0]["code"]) in data.trait_names():
        state.pick_code(str(points[0]["code"]))


def _pick(outcome: str) -> None:
    if outcome in data.trait_names():
        state.pick_code(outcome)
        return
    held = _picked()
    if outcome not in held:
        _keep([*held, outcome])


def _picked() -> list[str]:
    """Outcomes of the forest plot, as the link names them."""
    return [one for one in str(st.session_state.get(FOREST, "")).split(BETWEEN) if one]


def _keep(outcomes: list[str]) -> None:
    st.session_state[FOREST] = BETWEEN.join(outcomes[:MOST_LINES])


# ---- table -----------------------------------------------------------------------
def table(view: View, source: Source, chosen: tuple[str, ...]) -> None:
    """Every outcome that is looked at; rows that are ticked stand in the forest."""
    listed, picked = view.listed, _picked()
    rows = np.flatnonzero(listed["outcome"].isin(picked)).tolist()
    st.session_state[TABLE] = {"selection": {"rows": rows, "columns": [], "cells": []}}

    def ticked() -> None:
        at = st.session_state[TABLE].selection.rows
        outcomes = [str(listed["outcome"].iat[row]) for row in at]
        away = [name for name in picked if name not in set(listed["outcome"])]
        _keep([*away, *outcomes])
        fresh = [name for name in outcomes if name not in picked]
        if len(fresh) == 1 and fresh[0] in data.trait_names():
            state.pick_code(fresh[0])

    st.dataframe(
        listed.assign(kind=listed["kind"].map(KINDS).fillna("")),
        hide_index=True,
        key=TABLE,
        on_select=ticked,
        selection_mode="multi-row",
        column_order=ORDER,
        column_config=columns(),
        placeholder=widgets.HIDDEN,
        height=460,
    )
    least = data.study().disclosure.threshold
    said = f"{widgets.HIDDEN} : there is none, or it is hidden, and then it is said so."
    if listed["coarse"].any():
        said += (
            f" Where fewer than {least} of an outcome's people lack a covariate, or do "
            "not count, its numbers are told a little lower than they are; SE, "
            "interval and p are of those, so they err on the cautious side."
        )
    st.caption(said)
    widgets.table_download(
        view.table.drop(columns=["tested"]),
        f"phewas-{source.name}",
        settings=settings(source, chosen, view),
    )


def settings(source: Source, chosen: tuple[str, ...], view: View) -> str:
    """First line of the table's download."""
    people, lost = phewas_data.counted(source.spec)
    tests = int(view.table["tested"].sum())
    rules = phewas_data.RULES
    return "; ".join(
        [
            f"PheWAS of {source.title}",
            f"covariates: {', '.join(chosen) or 'none'}",
            f"N={people}; left out for want of a covariate: {lost}",
            "effects per SD of the phenotype",
            f"at least {rules.min_cases} cases and controls, {rules.min_people} people",
            f"tests: {tests}; Bonferroni −log10 p {view.lines.bonferroni:.3f}",
            "q: Benjamini–Hochberg over the tests that may be shown",
            "coarse: counts told lower than they are, figures of those counts",
        ]
    )


def _called(outcome: str, names: dict[str, str]) -> str:
    """A code with its name; of a field the name, which holds the column."""
    known = outcome in data.trait_names()
    return vocabulary.label(outcome, names) if known else names[outcome]


# ---- forest ----------------------------------------------------------------------
def forests(view: View, choice: Choice, name: str) -> None:
    """Intervals of the picked outcomes, or of the strongest where none is picked."""
    known = view.table[view.table["log10p"].notna() & view.table["beta"].notna()]
    names = dict(zip(known["outcome"], known["name"], strict=True))
    st.session_state[BOX] = [one for one in _picked() if one in names]
    picked = st.multiselect(
        "Outcomes of the forest plot",
        list(names),
        key=BOX,
        on_change=lambda: _keep(st.session_state[BOX]),
        format_func=lambda one: _called(str(one), names),
        placeholder="the strongest; or tick rows, or search here",
        max_selections=MOST_LINES,
        label_visibility="collapsed",
    )
    shown = known[known["outcome"].isin(picked)] if picked else (
        view.listed[view.listed["outcome"].isin(names)].head(STRONGEST)
    )  # fmt: skip
    shown = shown.sort_values("beta", ascending=False)
    if shown.empty:
        st.caption("No outcome that is looked at has a figure.")
        return
    scales = [(True, "odds"), (False, "sd")]
    held = [(odds, said) for odds, said in scales if (odds_of(shown) == odds).any()]
    for place, (odds, said) in zip(st.columns(len(held)), held, strict=True):
        part = shown[odds_of(shown) == odds]
        with place:
            widgets.figure(
                forest(part, choice.code, odds=odds),
                f"phewas-forest-{said}-{name}",
                key=f"phewas_forest_{said}",
                on_select=partial(_choose, f"phewas_forest_{said}"),
                alt_text="Forest plot: effect per SD with 95 % interval",
            )
    which = "picked" if picked else f"{len(shown)} strongest of those looked at"
    st.caption(
        f"The {which}, by effect. 95 % intervals; hollow: circular. Click an estimate "
        "to make its code the choice."
    )
