"""The tab "Same people elsewhere" of the screen Compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import data, explained, maps, vocabulary, widgets
from app.compare import (
    charts as compare_charts,
)
from app.compare import (
    people as compare_people,
)
from app.compare import (
    picks as compare_picks,
)
from app.compare.people import POOLED, Elsewhere, Who
from app.compare.picks import Pick
from app.groups import kept as groups
from app.scatter import scatter
from app.state import Choice

_COLUMNS: dict[str, ColumnConfig | str | None] = {
    "cluster": "Cluster",
    "n_both": widgets.count_column(
        "Of the group", explained.help("n", "Members of the group in the cluster.")
    ),
    "expected": widgets.figure_column(
        "Expected", "%.1f", explained.help("gathering", "Expected by chance.")
    ),
    "n_cluster": widgets.count_column(
        "Cluster N",
        explained.help("n", "Members of the cluster who could be of the group."),
    ),
    "share_of_cluster": st.column_config.NumberColumn(
        "of the cluster", format="percent", help=explained.help("share")
    ),
    "share_of_group": st.column_config.NumberColumn(
        "of the group", format="percent", help=explained.help("share")
    ),
    "odds_ratio": widgets.figure_column(
        "Odds ratio", "%.2f", explained.help("odds_ratio")
    ),
    "or_low": widgets.figure_column("95 % from", "%.2f", explained.help("interval")),
    "or_high": widgets.figure_column("to", "%.2f", explained.help("interval")),
    "log10p": widgets.figure_column("−log₁₀ p", "%.2f", explained.help("fisher")),
    "log10q": widgets.figure_column("−log₁₀ q", "%.2f", explained.help("q")),
}


def draw(chosen: Sequence[Pick], choice: Choice) -> None:
    """Ask who and where; the map there with them lit, and where they gather."""
    left, right = st.columns(2)
    with left:
        who = _who(chosen, choice)
    if who is None:
        return
    there = compare_people.targets(who.source)
    if not there:
        st.info(
            "The study has no second embedding to look for these people in: a second "
            "organ, or a second encoder of this one, is a table of study.toml.",
            icon=":material/info:",
        )
        return
    with right:
        if st.session_state.get("elsewhere") not in (None, *there):
            st.session_state["elsewhere"] = there[0]
        place = str(
            st.selectbox(
                "in the clusters of", there, key="elsewhere", bind="query-params"
            )
        )
    organ, encoder = place.split("/")
    _shown(who, compare_people.elsewhere(who, (organ, encoder)), (organ, encoder))


def _who(chosen: Sequence[Pick], choice: Choice) -> Who | None:
    """The people looked for."""
    number = choice.cluster or 0
    own = f"cluster {number} of {choice.organ}/{choice.encoder}"
    options = [own]
    drawn = {entry.name: entry for entry in groups.entries(choice)}
    options += [f"group {name}" for name in drawn]
    scored = compare_people.choices(chosen)
    options += [f"{end} tenth of {p.name}" for end in ("top", "bottom") for p in scored]
    at = options.index(f"group {choice.group}") if choice.group in drawn else 0
    if st.session_state.get("these") not in (None, *options):
        st.session_state["these"] = options[at]
        at = 0
    name = str(
        st.selectbox(
            "These people",
            options,
            index=at,
            key="these",
            bind="query-params",
            help="The cluster chosen in the sidebar, a group drawn on a map, or those "
            "at an end of a phenotype chosen above. Cases of a code stand on the "
            "screen Clusters, organ by organ.",
        )
    )
    if name == own:
        found = compare_people.cluster(choice)
        if found is None:
            st.info("That cluster is too small to be shown.", icon=":material/info:")
        return found
    if name.startswith("group "):
        return compare_people.group(drawn[name.removeprefix("group ")])
    end, _, of = name.split(" ", 2)
    pick = next(p for p in scored if p.name == of.removeprefix("of "))
    return compare_people.end_of(pick, top=end == "top")


def _shown(who: Who, found: Elsewhere, pair: tuple[str, str]) -> None:
    organ, encoder = pair
    there = Choice(organ, encoder, None, None)
    total, has = found.n
    left, right = st.columns([6, 5], gap="large")
    with left:
        # a place alone must not be followed from group to group: points are moved
        shown = maps.the_map(there, "cluster", lighted=f"people {who.key}")
        lit = maps.lit(shown, found.shown)
        scatter(
            shown,
            maps.colours(there, "cluster", shown),
            key="elsewhere_map",
            title=f"UMAP of {organ}/{encoder}",
            highlight=lit,
        )
        few = "" if lit is not None else " They are too few to be lit, or too many."
        st.caption(
            f"Map of {organ}/{encoder}. {vocabulary.plain(who.name)}: N = "
            f"{_said(total)}, of whom {_said(has)} have this embedding; those in "
            f"clusters whose count is shown stand out, everybody else is grey.{few} "
            "Points are moved a little, so that nobody can be followed from map to map."
        )
    with right:
        _gathered(who, found, pair)
    _listed(who, found, pair)


def _said(n: int | str) -> str:
    return compare_picks.stated(n)


def _gathered(who: Who, found: Elsewhere, pair: tuple[str, str]) -> None:
    table, together = found.table, found.together
    place = "/".join(pair)
    if np.isnan(together.v):
        st.info(
            f"There are no two clusters of {place} to compare: counts of the others "
            "are hidden.",
            icon=":material/info:",
        )
    else:
        widgets.number(
            "Cramér's V",
            f"{together.v:.2f}",
            under=f"χ² with {together.df} df, −log₁₀ p = {together.log10p:.1f}",
            help=explained.help("cramers_v"),
        )
    if table["odds_ratio"].notna().any():
        widgets.figure(
            compare_charts.forest(table), f"elsewhere-{who.name}-{pair[0]}-{pair[1]}"
        )
        st.caption(
            "Odds of being of the group in each cluster against all others; vermilion: "
            "q ≤ 0.05. These clusters were made from other images than the group. Not "
            "adjusted: age, sex and build show in every organ."
            if who.source is None or who.source[0] != pair[0]
            else "Odds of being of the group in each cluster against all others; "
            "vermilion: q ≤ 0.05. Both are of the same images: they agree by nature. "
            "Not adjusted for age, sex or build."
        )


def _listed(who: Who, found: Elsewhere, pair: tuple[str, str]) -> None:
    table = found.table
    st.dataframe(
        table,
        hide_index=True,
        column_order=list(_COLUMNS),
        column_config=_COLUMNS,
        placeholder=widgets.HIDDEN,
    )
    if (table["cluster"] == POOLED).any():
        st.caption(
            f"“{POOLED}”: clusters in which a count is small, or would tell a small "
            "one. Figures rest on what is shown, so they may differ from exact ones by "
            f"fewer than {data.study().disclosure.threshold} people a cluster."
        )
    widgets.table_download(
        table,
        f"elsewhere-{pair[0]}-{pair[1]}",
        settings=f"{who.name} in the clusters of {'/'.join(pair)}; "
        f"N = {_said(found.n[1])}",
    )
