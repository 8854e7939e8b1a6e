"""Linked views: a range of the score lights people up on the map, and back.

The histogram of the score stands beside the map. Brushing it, or moving the slider
under it, lights up who has such a score; the chosen cluster, or a drawn group, has its
own bars in it. A range can be moved at will, and lit points can be counted, so nobody
is lit alone: who is in one cluster and drawn in one colour is cut along the score into
cells of enough people (`app.lit`), and a cell is lit whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from app import data, figures, lit, recipes, routes, state, vocabulary, widgets
from app.plots import charts
from app.scatter import Colours, Map
from app.state import Choice
from edp_core.errors import InputError
from edp_core.phenotype import Phenotype

LIT = "lit"
"""Key of the slider, and its name in the link."""
CHART = "score_histogram"
WHOLE = (0, 100)
ALONE = "everybody else"


# ---- the score -------------------------------------------------------------------
def score(choice: Choice) -> tuple[Phenotype, str]:
    """The score that is looked at, and what it is of: a code, else the first PC.

    Raises
    ------
    InputError
        Where the code's score cannot be made.
    """
    if choice.code is None:
        return data.phenotype(recipes.component(choice, 1)), "PC1"
    return data.phenotype(recipes.classifier(choice, choice.code)), choice.code


def _seen_values(choice: Choice) -> np.ndarray:
    """(n_seen,) score of everybody with an embedding, NaN where there is none."""
    seen = np.asarray(data.inputs(choice.organ, choice.encoder).seen)
    return np.asarray(score(choice)[0].values[seen], float)


def asked() -> tuple[int, int] | None:
    """Percentiles that are lit; `None` where all, or none, are."""
    low, high = st.session_state.get(LIT) or _in_link()
    return None if (low, high) == WHOLE else (int(low), int(high))


def _in_link() -> tuple[int, int]:
    """Ends that a link gives: a map above the slider is drawn before it reads them."""
    given = st.query_params.get_all(LIT)
    if len(given) != 2 or not all(end.isdecimal() and len(end) < 4 for end in given):
        return WHOLE
    low, high = map(int, given)
    return (low, high) if 0 <= low <= high <= 100 else WHOLE


def lighted(choice: Choice) -> str:
    """What a highlight tells (`maps.the_map`); empty where nothing is lit."""
    return "" if asked() is None else f"score of {choice.code or 'PC1'}"


def highlight(choice: Choice, shown: Map, coloured: Colours) -> np.ndarray | None:
    """(n,) bool, who is lit, in the order of a map; `None` where nobody is."""
    wanted = asked()
    if wanted is None:
        return None
    try:
        ordered = _seen_values(choice)[shown.rows]
    except InputError:  # told beside the map, where the histogram would be
        return None
    labels = np.asarray(data.atlas_array(choice.organ, choice.encoder, "clusters"))
    strata = coloured.codes.astype(np.int64)
    if coloured.kind == "categories":  # steps of a scale are drawn where people moved
        strata = strata * (int(labels.max()) + 1) + labels[shown.rows]
    found = lit.lit_cells(ordered, strata, wanted, threshold=figures.least())
    return found if found.any() else None


# ---- the histogram ---------------------------------------------------------------
def histogram(choice: Choice, selected: np.ndarray | None, called: str) -> None:
    """Draw the score's histogram: a brush lights people up, the selected stand apart.

    Parameters
    ----------
    selected
        (n_seen,) bool, who is selected on the map: a cluster, or a group that may be
        shown; `None` for nobody.
    called
        What they are called.
    """
    phenotype, of = score(choice)
    values = _seen_values(choice)
    groups = {f"everybody (N = {np.isfinite(values).sum():,})": values}
    if selected is not None:
        groups = _apart(values, np.asarray(selected, bool), called) or groups
    bars = figures.histogram(groups)
    if len(groups) > 1:  # groups can be drawn at will: bars of two must tell nobody
        bars = bars.drop(columns="count").assign(
            density=[float(f"{density:.2g}") for density in bars["density"]]
        )
    widgets.figure(
        _chart(bars, of, values),
        f"score-{recipes.name_of(of)}-{choice.organ}-{choice.encoder}",
        key=CHART,
        on_select=lambda: brushed(CHART, values),
        selects="brush",
        alt_text=f"histogram of the score of {of}",
    )
    low, high = st.slider(
        "Light up scores between two percentiles",
        *WHOLE,
        WHOLE,
        key=LIT,
        bind="query-params",
        help="Or draw over the histogram. On the map everybody else turns grey. Whole "
        f"handfuls of at least {figures.least()} people are lit together.",
    )
    told = "" if (low, high) == WHOLE else f" Lit: percentiles {low} to {high}."
    what = vocabulary.plain(_what(phenotype, of))
    st.caption(
        f"{what}, N = {np.isfinite(values).sum():,}. Draw over it to "
        f"see these people on the map.{told}"
    )


def _what(phenotype: Phenotype, of: str) -> str:
    return of if phenotype.folds is None else f"Out-of-fold score of {of}"


def _apart(
    values: np.ndarray, selected: np.ndarray, called: str
) -> dict[str, np.ndarray]:
    """Selected and others; empty where either are too few."""
    known = np.isfinite(values)
    count, rest = int((selected & known).sum()), int((~selected & known).sum())
    if min(count, rest) < figures.least():
        return {}
    return {
        f"{ALONE} (N = {rest:,})": values[~selected],
        f"{called} (N = {count:,})": values[selected],
    }


def _chart(bars: pd.DataFrame, of: str, values: np.ndarray) -> charts.AltairChart:
    """Bars with a brush along the score, and the ends of what is lit."""
    drawn = with_brush(charts.bars(bars, x_title=f"Score of {of}"))
    inside = [end for end in asked() or () if end not in WHOLE]
    ends = np.percentile(values[np.isfinite(values)], inside)
    # a percentile is somebody's own score: three digits
    table = pd.DataFrame({"at": [float(f"{end:.3g}") for end in ends]}, dtype=float)
    rules = (
        alt.Chart(table)
        .mark_rule(color=charts.CASE, strokeWidth=2)
        .encode(x=alt.X("at:Q"))
    )
    return alt.layer(drawn, rules)


def with_brush(bars: charts.AltairChart) -> charts.AltairChart:
    """A histogram that a range can be drawn over, along its x."""
    return bars.add_params(alt.selection_interval(name="brush", encodings=["x"]))


def brushed(chart: str, values: np.ndarray) -> None:
    """Light up what was drawn over a histogram of scores (in its callback)."""
    drawn = st.session_state[chart].selection.get("brush", {})
    ends = next(iter(drawn.values()), None)
    known = np.sort(values[np.isfinite(values)])
    if ends is None or not len(known):
        st.session_state[LIT] = WHOLE
        return
    low, high = np.searchsorted(known, sorted(map(float, ends))) / len(known) * 100
    low, high = int(np.floor(low)), int(np.ceil(high))
    st.session_state[LIT] = (low, max(high, low + 1)) if low < 100 else (99, 100)


def of_cluster(choice: Choice) -> tuple[np.ndarray | None, str]:
    """Members of the chosen cluster, where its size may be told, and what it is called.

    (n_seen,) bool.
    """
    number = choice.cluster or 0
    labels = np.asarray(data.atlas_array(choice.organ, choice.encoder, "clusters"))
    told = isinstance(figures.cluster_size(choice), int)
    return (labels == number) if told else None, f"cluster {number}"


# ---- codes that are clicked ------------------------------------------------------
def picked_row(table: str, codes: Sequence[str]) -> None:
    """Make the code of a clicked row the choice (in the table's callback).

    A row whose entry in ``codes`` is no code that can be chosen changes nothing.
    """
    rows = st.session_state[table].selection.rows
    if rows and rows[0] < len(codes) and state.is_code(str(codes[rows[0]])):
        state.pick_code(str(codes[rows[0]]))


def mark_row(table: str, codes: Sequence[str], code: str | None) -> None:
    """Select the row of a code in a table; call before the table is drawn."""
    at = [row for row, own in enumerate(codes) if own == code][:1]
    st.session_state[table] = {"selection": {"rows": at, "columns": [], "cells": []}}


def code_buttons(
    codes: Sequence[tuple[str, str]],
    *,
    key: str,
    across: bool = True,
    pick: Callable[[str], None] | None = None,
) -> None:
    """Codes as words that can be clicked: the one clicked becomes the choice.

    Parameters
    ----------
    codes
        Code and what is written, in order.
    key
        Of the row of them; two on a screen need two.
    across
        Whether they stand beside each other, not below.
    pick
        What a click does, where it is not a code that is chosen.
    """
    # such buttons have no frame: beside each other they need room to be told apart
    gap: Literal["small", "xxsmall"] = "small" if across else "xxsmall"
    with st.container(horizontal=across, gap=gap, key=f"codes-{key}"):
        for code, text in codes:
            st.button(
                vocabulary.plain(text),
                key=f"code-{key}-{code}",
                type="tertiary",
                on_click=pick or state.pick_code,
                args=(code,),
            )


def to_map() -> None:
    """How what is lit is seen on the map: a link, once there is anything."""
    if asked() is None:
        st.caption("Draw over the histogram to see these people on the map.")
        return
    low, high = asked() or WHOLE
    routes.link("clusters", f"See percentiles {low} to {high} on the map")
