"""What is said of one cluster: its card, the table of its codes, captions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import data, explained, figures, linked, maps, vocabulary, widgets
from app.clusters import stability
from app.clusters.enriched import ADJUSTED
from app.scatter import Map, scatter
from app.state import Choice
from edp_core.errors import MissingArtifactError

TOP = 5
ORDER = (
    "code", "name", "odds_ratio", "adjusted_or", "log10p", "log10q", "n_both",
    "share_of_cluster", "share_of_cases", "note", "or_low", "or_high", "adjusted_low",
    "adjusted_high", "adjusted_log10p", "n_cases", "n_cluster", "chapter",
)  # fmt: skip


def codes(choice: Choice, *, enriched_only: bool = False) -> pd.DataFrame:
    """Disclosed codes of the chosen vocabulary in the chosen cluster, best first."""
    table = data.enrichment(choice.organ, choice.encoder)
    here = table[table["cluster"] == (choice.cluster or 0)]
    if choice.vocabulary is not None:
        held = data.vocabularies(choice.organ, choice.encoder)[choice.vocabulary]
        here = here[here["code"].isin(held["code"])]
    if enriched_only:
        here = here[here["odds_ratio"] > 1]
    return here.sort_values("log10p", ascending=False, na_position="last")


def card(choice: Choice, here: pd.DataFrame) -> None:
    """N, share, stability and first codes of the chosen cluster.

    Parameters
    ----------
    here
        Its codes, enriched and depleted.
    """
    number = choice.cluster or 0
    sizes = figures.cluster_sizes(choice)
    size = sizes["n"].iat[number]
    share = float(sizes["share"].to_numpy(float, na_value=np.nan)[number])
    first, second, third = st.columns([1, 1, 2])
    with first:
        under = None if np.isnan(share) else f"{share:.1%} of participants"
        widgets.number(
            f"Cluster {number}: N", size, under=under, help=explained.help("n")
        )
    with second:
        _stability(choice, number)
    with third, st.container(border=True, height="stretch"):
        q = -np.log10(0.05)
        top = here[(here["odds_ratio"] > 1) & (here["log10q"] >= q)].head(TOP)
        st.caption(
            "Enriched at q ≤ 0.05, strongest first; click one to choose it",
            help=explained.help("q"),
        )
        lines = [(str(row["code"]), line(row)) for _, row in top.iterrows()]
        if lines:
            linked.code_buttons(lines, key="enriched", across=False)
        else:
            st.markdown("None of the codes that may be shown.")


def line(row: pd.Series) -> str:
    """A code as the card lists it: name, odds ratios and N."""
    name = vocabulary.label(str(row["code"]), {str(row["code"]): str(row["name"])})
    adjusted = row.get("adjusted_or")
    beside = "" if pd.isna(adjusted) else f", adjusted {adjusted:.2f}"
    return f"{name} · OR {row['odds_ratio']:.2f}{beside} (N = {row['n_both']:,})"


def _stability(choice: Choice, number: int) -> None:
    try:
        table, _ = data.stability(choice.organ, choice.encoder)
    except MissingArtifactError:
        why = explained.help("jaccard", "Not computed yet; see below.")
        widgets.number("Stability", None, help=why)
        return
    row = stability.of_cluster(table, number)
    if row is None:
        why = explained.help("jaccard", "Not computed, or hidden: see below.")
        widgets.number("Stability", None, help=why)
        return
    low, high = row["jaccard_low"], row["jaccard_high"]
    widgets.number(
        "Stability (Jaccard)",
        f"{row['jaccard']:.2f}",
        under=f"{stability.words(row['jaccard'])} · {int(row['repeats'])} samples: "
        f"{low:.2f}–{high:.2f}",
        help=stability.JACCARD,
    )


def umap(
    choice: Choice,
    colour: str,
    *,
    group: Callable[[Map], np.ndarray | None] = lambda _: None,
    **more: Any,
) -> None:
    """Map of the participants in one of `maps.options`; ``more`` goes to `scatter`.

    Parameters
    ----------
    group
        Whom of a map to light up, where no range of the score is.
    """
    shown = maps.the_map(choice, colour, lighted=linked.lighted(choice))
    coloured = maps.colours(choice, colour, shown)
    lit = linked.highlight(choice, shown, coloured)
    if lit is None and linked.asked() is None:
        lit = group(shown)
    chosen = str(choice.cluster) if colour == "cluster" else None
    scatter(shown, coloured, highlight=lit, chosen=chosen, **more)
    st.caption(
        f"N = {len(shown):,} participants, one point each, in random order. Distances "
        "between far groups mean little in a UMAP; clusters come from the neighbour "
        "graph, not from this picture. " + coloured.note
    )


def caption(choice: Choice, here: pd.DataFrame, q_line: float | None) -> str:
    """What the plot shows, of how many, and how to read it."""
    shown = here.dropna(subset=["log10p"])
    size = figures.cluster_size(choice)
    written = size if isinstance(size, str) else f"{size:,}"
    dashed = (
        "dashed: q = 0.05 (Benjamini–Hochberg over all clusters and codes, hidden ones "
        "as p = 1)"
        if q_line is not None
        else "no code shown reaches q = 0.05"
    )
    return (
        f"{len(shown):,} codes of cluster {choice.cluster or 0}, N = {written}; "
        "click a point to pick its code. Fisher's exact test, two-sided; filled: more "
        f"common here than elsewhere, hollow: rarer. Dotted: p = 0.05; {dashed}. "
        "The clusters never saw the codes."
    )


def listed(here: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read: why there is no adjusted odds ratio, or how it is."""
    table = here.drop(columns=["cluster"], errors="ignore")
    if "adjusted_reason" not in table:
        return table
    firth = table["adjusted_method"] == "firth"
    reason = table["adjusted_reason"].fillna("hidden").astype(str)
    reason = reason.where(reason == "", "not adjusted: " + reason)
    return table.assign(
        note=reason.mask(firth, "adjusted by Firth's method: separated by a covariate")
    )


def codes_table(
    choice: Choice, here: pd.DataFrame, *, on_select: Callable[[], None]
) -> None:
    """Every code of the cluster with both odds ratios; a row picks its code."""
    hidden: dict[str, ColumnConfig | str | None] = {}
    if not adjusted_for():  # neither age nor sex is known
        hidden = dict.fromkeys((*ADJUSTED, "note"))
    linked.mark_row("enrichment_table", list(here["code"]), choice.code)
    st.dataframe(
        listed(here),
        hide_index=True,
        key="enrichment_table",
        on_select=on_select,
        selection_mode="single-row",
        column_order=ORDER,
        column_config=widgets.ENRICHMENT_COLUMNS | hidden,
        placeholder=widgets.HIDDEN,
    )
    widgets.hidden_note(here, "n_both")
    widgets.table_download(
        data.enrichment(choice.organ, choice.encoder),
        f"enrichment-{choice.organ}-{choice.encoder}",
        settings=settings(choice),
    )


def adjusted_for() -> str:
    """What the adjusted odds ratio is adjusted for: “age, sex”; empty for nothing."""
    people = data.inputs().participants
    known = [c for c in ("age_years", "sex") if c in people and people[c].notna().any()]
    return ", ".join(data.caption(name) for name in known)


def settings(choice: Choice) -> str:
    """First line of the table's download."""
    words = [
        "Fisher, all clusters and vocabularies",
        f"adjusted for {adjusted_for()} by logistic regression",
        f"N={data.seen(choice.organ, choice.encoder)}",
    ]
    table = data.enrichment(choice.organ, choice.encoder)
    if table["restricted"].any():
        words.append("n_cluster of codes with exclusions is rounded, figures are of it")
    return "; ".join([*words, str(data.study().analysis)])
