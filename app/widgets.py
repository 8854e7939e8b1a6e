"""Small pieces every screen uses: figures with downloads, tables with downloads."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st
import vl_convert
from streamlit.elements.lib.column_types import ColumnConfig
from streamlit.elements.lib.skeleton_placeholder import SkeletonPlaceholder

from app import data, explained, state, vocabulary
from app.plots.charts import AltairChart
from app.plots.vega import spec_of
from app.state import Choice

HIDDEN = "—"
"""How a hidden count is written."""
CODE_COLOURS = (
    "Cases in clusters whose count is hidden are drawn as controls; points are moved a "
    "little, so that nobody can be followed from code to code."
)


def title(text: str, choice: Choice | None = None) -> None:
    """Heading of a screen, what is looked at, and its link."""
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    left.title(vocabulary.plain(text), anchor=False)
    with right.popover("Link", icon=":material/link:", width="stretch"):
        st.caption("Opens this view in any browser that reaches this server.")
        st.code(_address(state.choice()), language=None)
    if choice is not None:
        parts = [f"**{choice.organ}**", f"encoder **{choice.encoder}**"]
        st.caption(" · ".join(parts))
    if data.study().simulated:
        st.caption(":material/science: Simulated participants: nothing here is real.")


def _address(choice: Choice) -> str:
    """Address of this view; the defaults stand in it too, since they may change."""
    given = st.query_params
    shared = {
        "organ": choice.organ,
        "encoder": choice.encoder,
        "vocabulary": choice.vocabulary,
        "code": choice.code,
        "cluster": choice.cluster,
    }
    pairs = [(name, value) for name, value in shared.items() if value is not None]
    pairs += [(k, v) for k in given if k not in shared for v in given.get_all(k)]
    return f"{(st.context.url or '').split('?')[0]}?{urlencode(pairs)}"


def count_column(name: str, help: str | None = None) -> ColumnConfig:
    """A column of counts."""
    return st.column_config.NumberColumn(name, format="localized", help=help)


def figure_column(name: str, form: str, help: str | None = None) -> ColumnConfig:
    """A column of figures, written as ``form`` says."""
    return st.column_config.NumberColumn(name, format=form, help=help)


LOG10P = explained.help("log10p")
ENRICHMENT_COLUMNS: dict[str, ColumnConfig | str | None] = {
    "code": st.column_config.TextColumn(
        "Code", help="Click a row's left edge to pick its code."
    ),
    "name": st.column_config.TextColumn("Name", width="medium"),
    "n_cluster": count_column("Cluster N", explained.help("n_cluster")),
    "n_cases": count_column("Cases", explained.help("n_cases")),
    "n_both": count_column("Cases in cluster", explained.help("n_both")),
    "share_of_cluster": figure_column(
        "Prevalence in cluster", "percent", explained.help("share_of_cluster")
    ),
    "share_of_cases": figure_column(
        "Share of cases", "percent", explained.help("share_of_cases")
    ),
    "odds_ratio": figure_column("Odds ratio", "%.2f", explained.help("odds_ratio")),
    "or_low": figure_column("OR 95 % from", "%.2f", explained.help("odds_ratio")),
    "or_high": figure_column("to", "%.2f", explained.help("odds_ratio")),
    "adjusted_or": figure_column("Adjusted OR", "%.2f", explained.help("adjusted_or")),
    "adjusted_low": figure_column(
        "adjusted 95 % from", "%.2f", explained.help("adjusted_or")
    ),
    "adjusted_high": figure_column("to ", "%.2f", explained.help("adjusted_or")),
    "log10p": figure_column("−log₁₀ p", "%.2f", explained.help("fisher")),
    "log10q": figure_column(
        "−log₁₀ q",
        "%.2f",
        explained.help("q", "Over all clusters and codes of all vocabularies."),
    ),
    "adjusted_log10p": figure_column(
        "adjusted −log₁₀ p", "%.2f", explained.help("wald")
    ),
    "note": st.column_config.TextColumn(
        "Note", help="Why there is no adjusted odds ratio, or how it was fitted."
    ),
    "chapter": st.column_config.TextColumn(
        "Chapter", help="Chapter, category or table of the code."
    ),
}
FACTOR_COLUMNS: dict[str, ColumnConfig | str | None] = {
    "column": "",
    "r": figure_column("r", "%.3f", explained.help("pearson")),
    "low": figure_column("95 % from", "%.3f", explained.help("pearson")),
    "high": figure_column("to", "%.3f", explained.help("pearson")),
    "r2": figure_column("Explained (r²)", "percent", explained.help("r2")),
    "n": count_column("N", explained.help("n")),
    "log10p": figure_column("−log₁₀ p", "%.2f", explained.help("log10p")),
}


def number(
    text: str, value: object, *, under: str | None = None, help: str | None = None
) -> None:
    """One figure with its name and a line under it; a hidden one is a dash."""
    known = value is not None and value is not pd.NA and value == value
    if not known:
        shown, under = HIDDEN, None
    elif isinstance(value, int | np.integer):
        shown = f"{int(value):,}"
    elif isinstance(value, float):
        shown = f"{value:.3f}".replace("-", "−")
    else:
        shown = str(value)
    st.metric(
        text,
        shown,
        under,
        delta_color="off",
        delta_arrow="off",
        help=help,
        border=True,
        height="stretch",
    )


def interval(low: float, high: float) -> str | None:
    """A 95 % interval in words."""
    return None if low != low else f"95 % {low:.3f}–{high:.3f}"


def figure(
    chart: AltairChart,
    name: str,
    *,
    key: str | None = None,
    on_select: Callable[[], None] | None = None,
    selects: str = "pick",
    alt_text: str | None = None,
) -> None:
    """Draw a chart with its downloads as SVG and PNG.

    ``selects`` is the selection of the chart that ``on_select`` is called for.
    """
    alt_text = alt_text or name.replace("-", " ")
    spec = spec_of(chart)
    if on_select is None:
        st.vega_lite_chart(spec=spec, key=key, alt=alt_text)
    else:
        # a click on a legend stays in the browser
        st.vega_lite_chart(
            spec=spec,
            key=key,
            on_select=on_select,
            selection_mode=selects,
            alt=alt_text,
        )
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        st.download_button(
            "SVG",
            lambda: vl_convert.vegalite_to_svg(chart.to_json()),
            f"{name}.svg",
            "image/svg+xml",
            key=f"{name}-svg",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
        )
        st.download_button(
            "PNG",
            lambda: vl_convert.vegalite_to_png(chart.to_json(), scale=3),
            f"{name}.png",
            "image/png",
            key=f"{name}-png",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
        )


def loading(height: int) -> SkeletonPlaceholder:
    """A grey place of some height while what is drawn in the block is computed.

    It is seen only where that takes a while, and what is drawn stays after it.
    """
    return st.skeleton(height=height)


def csv(table: pd.DataFrame, settings: str) -> str:
    """A table as CSV under a line with what it is of, its settings and its rows."""
    line = " ".join(settings.split())  # a second line would be taken for the header
    return f"# {line}; rows: {len(table)}\n" + table.to_csv(index=False)


def table_download(table: pd.DataFrame, name: str, *, settings: str) -> None:
    """Offer a table as CSV; ``settings``, its first line, say its N too."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.download_button(
            "CSV",
            lambda: csv(table, settings),
            f"{name}.csv",
            "text/csv",
            key=f"{name}-csv",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
        )


def hidden_note(table: pd.DataFrame, column: str) -> None:
    """Say that some counts are hidden, where any is."""
    if table[column].isna().any():
        least = data.study().disclosure.threshold
        st.caption(
            f"{HIDDEN} : hidden, because the count is below {least} or would give such "
            "a count away."
        )


def cluster_sizes(table: pd.DataFrame, choice: Choice) -> None:
    """Clusters with their sizes: what there is to see of them without any code."""
    st.subheader("Cluster sizes", anchor=False)
    largest = float(table["share"].max()) if table["share"].notna().any() else 1.0
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "cluster": "Cluster",
            "n": count_column("N", explained.help("n")),
            "share": st.column_config.ProgressColumn(
                "Share of participants",
                format="percent",
                max_value=largest,
                help=explained.help("share"),
            ),
        },
        placeholder=HIDDEN,
    )
    hidden_note(table, "n")
    st.caption(
        "No code can be shown in this study, so nothing is tested in the clusters. "
        "Leiden clusters are found in the neighbour graph; 0 is the largest."
    )
    table_download(
        table,
        f"clusters-{choice.organ}-{choice.encoder}",
        settings=f"N = {data.seen(choice.organ, choice.encoder)}; Leiden; "
        f"{data.study().analysis}",
    )
