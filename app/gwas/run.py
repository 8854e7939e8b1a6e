"""One result: Manhattan and QQ plots, its loci, one of them from near."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import data, explained, linked, state, toasts, widgets
from app.gwas import (
    data as gwas_data,
)
from app.gwas import (
    effective as gwas_effective,
)
from app.gwas import (
    ldsc as gwas_ldsc,
)
from app.gwas import (
    region as gwas_region,
)
from app.gwas import (
    rules as gwas_rules,
)
from app.gwas.data import Rules
from app.plots import genome
from app.plots.manhattan import manhattan
from app.plots.qq_plot import qq_plot
from edp_core.gwas.inflation import band, smallest_stratum
from edp_core.gwas.results_store import GwasResult, remove_gwas

COLUMNS: dict[str, ColumnConfig | str | None] = {
    "place": st.column_config.TextColumn("Position", help="Of the lead variant."),
    "gene": st.column_config.TextColumn(
        "Gene", help="Nearest protein-coding gene of the lead, or of your table."
    ),
    "log10p": widgets.figure_column("−log₁₀ p", "%.2f", explained.help("gwas_log10p")),
    "id": "Lead variant",
    "effect_allele": st.column_config.TextColumn(
        "Effect", help="Allele that β and the frequency are of."
    ),
    "other_allele": "Other",
    "af": widgets.figure_column("Frequency", "%.3f", explained.help("af")),
    "beta": widgets.figure_column("β", "%.4f", explained.help("gwas_beta")),
    "se": widgets.figure_column("SE", "%.4f", explained.help("se")),
    "width_kb": widgets.figure_column("Width, kb", "%.0f", explained.help("width_kb")),
    "n_variants": widgets.count_column("Variants", explained.help("n_variants")),
    "n": widgets.count_column(
        "N", explained.help("n", "Of the lead, to the nearest ten.")
    ),
}
DROPPED = {
    "reason": st.column_config.TextColumn("Why", width="large"),
    "count": widgets.count_column("Rows", "Lines of the file."),
    "dropped": st.column_config.CheckboxColumn(
        "Left out", help="Ticked: the rows are not in the result. Else only noticed."
    ),
}


def draw(names: list[str]) -> None:
    """All of one result, chosen among those there are."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    name = left.selectbox("Result", names, key="run", bind="query-params")
    with right:
        _remove(name)
    found = gwas_data.result(name)
    rules = gwas_rules.rules()
    loci = gwas_data.loci(found, rules)
    figures(found, loci)
    chosen = _choose(name, loci)
    widgets.figure(
        manhattan(
            gwas_data.thinned(found),
            gwas_data.disclosed(loci),
            title=name,
            threshold=rules.threshold,
            study_wide=_study_wide(),
        ),
        f"manhattan-{name}",
        key="manhattan",
        on_select=lambda: _picked("manhattan", loci),
        alt_text=f"Manhattan plot of {name}",
    )
    st.caption(_caption(found, loci, rules))
    plot, table = st.columns([2, 3], gap="large")
    with plot:
        _qq(found)
    with table:
        loci_table(found, loci, rules)
    if chosen is not None:
        gwas_region.draw(found, chosen, rules)
    gwas_rules.section()
    _dropped(found)
    gwas_ldsc.offer(found)


def figures(found: GwasResult, loci: pd.DataFrame) -> None:
    """The result in a few numbers, and what it is of."""
    about = gwas_data.about(found, gwas_data.specs())
    parts = [about[part] for part in ("organ", "encoder", "method", "of")]
    of = " · ".join(part for part in parts if part != gwas_data.UNKNOWN)
    st.markdown(
        f"**{about['phenotype']}**"
        + (f": {of}" if of else " — its recipe is neither in the basket nor exported")
    )
    if state.is_code(about["of"]):
        told = f"Choose {state.label(about['of'])}"
        linked.code_buttons([(about["of"], told)], key="of_result")
    summary = found.summary
    fewer = summary["n_min"] is not None and summary["n_min"] < summary["n_max"]
    cells = st.columns(4)
    with cells[0]:
        strongest = f"strongest −log₁₀ p {summary['log10p_max']:.1f}"
        widgets.number("Loci", len(loci), under=strongest, help=explained.help("loci"))
    with cells[1]:
        widgets.number(
            "λ at the median",
            found.lambdas.get(0.5, float("nan")),
            under=_tail(found),
            help=explained.help(
                "lambda", "Under the QQ plot's title at other quantiles."
            ),
        )
    with cells[2]:
        widgets.number(
            "N",
            gwas_data.people(found),
            under="fewer for some variants" if fewer else None,
            help="People tested, as the result says; with ≈ to the nearest ten, where "
            "the difference to another number would tell of few.",
        )
    with cells[3]:
        widgets.number(
            "Variants",
            found.n_variants,
            under=found.build,
            help=explained.help("n_variants"),
        )


def _tail(found: GwasResult) -> str | None:
    value = found.lambdas.get(0.01, float("nan"))
    return None if value != value else f"at p = 0.01: {value:.3f}"


def _study_wide() -> float | None:
    """The study-wide threshold, where it was asked for beside all results."""
    if not gwas_effective.asked():
        return None
    return gwas_effective.of(gwas_data.names()).threshold


def _caption(found: GwasResult, loci: pd.DataFrame, rules: Rules) -> str:
    summary = found.summary
    click = " Click a diamond to see its region." if len(loci) else ""
    dotted = "; dotted: study-wide" if gwas_effective.asked() else ""
    missing = summary["missing_chromosomes"]
    gone = (
        f" **No variant on chromosome {', '.join(map(str, missing))}.**"
        if missing
        else ""
    )
    return (
        f"{found.n_variants:,} variants of {summary['dialect']}, {found.build}, "
        f"{gwas_data.stated(found)}. Dashed: p = 5 × 10⁻⁸{dotted}. Crowded points are "
        "drawn as lines; above 20 the axis is folded where a peak exceeds 40. "
        f"{len(loci)} loci: {rules.said}.{click}{gone}"
    )


# ---- loci ------------------------------------------------------------------------
def called(locus: pd.Series) -> str:
    """How a locus is called: its gene and place."""
    place = genome.place_of(locus["chrom"], locus["lead_pos"])
    return f"{locus['gene']} {place}".strip()


def _choose(name: str, loci: pd.DataFrame) -> pd.Series | None:
    """The locus that is looked at; the link remembers it."""
    names = [called(row) for _, row in loci.iterrows()]
    if not names:
        return None
    asked = st.session_state.get("locus")
    if asked is not None and asked not in names:
        st.session_state["locus"] = None
    text = st.selectbox(
        "Locus",
        names,
        index=None,
        key="locus",
        bind="query-params",
        placeholder="Pick one here, in the plot or in the table to see its region",
    )
    return None if text is None else loci.iloc[names.index(text)]


def _picked(chart: str, loci: pd.DataFrame) -> None:
    """Make the locus of a clicked peak the one looked at."""
    points = st.session_state[chart].selection.get("pick", [])
    rows = loci[loci["locus"] == points[0]["locus"]] if points else loci.iloc[:0]
    if len(rows):
        st.session_state["locus"] = called(rows.iloc[0])


def loci_table(found: GwasResult, loci: pd.DataFrame, rules: Rules) -> None:
    """Loci, strongest first; a click on a row's left edge shows its region."""
    st.markdown("**Loci**")
    if loci.empty:
        st.info(
            "No variant is below the threshold. The strongest variants:",
            icon=":material/info:",
        )
        points = found.points[found.points["row"] >= 0].head(10)
        shown = described(points.rename(columns={"pos": "lead_pos"}))
    else:
        shown = described(loci.sort_values("log10p", ascending=False))

    def row_picked() -> None:
        rows = st.session_state["loci_table"].selection.rows
        if rows and len(loci):
            ordered = loci.sort_values("log10p", ascending=False)
            st.session_state["locus"] = called(ordered.iloc[rows[0]])

    st.dataframe(
        shown,
        hide_index=True,
        key="loci_table",
        on_select=row_picked,
        selection_mode="single-row",
        column_config=COLUMNS,
        placeholder=widgets.HIDDEN,
        height=min(420, 38 + 35 * max(len(shown), 1)),
    )
    head = ", ".join(f"{k} {v}" for k, v in gwas_data.facts(found).items())
    widgets.table_download(
        shown,
        f"loci-{found.name}",
        settings=f"{head}, {gwas_data.stated(found)}; {rules.said}",
    )


def described(table: pd.DataFrame) -> pd.DataFrame:
    """Leads as a table people read: disclosed, places written out."""
    shown = gwas_data.disclosed(table)
    shown["place"] = [
        genome.place_of(chrom, pos)
        for chrom, pos in zip(shown["chrom"], shown["lead_pos"], strict=True)
    ]
    if "start" in shown:
        shown["width_kb"] = (shown["end"] - shown["start"]) / 1000
    return shown[[name for name in COLUMNS if name in shown]]


# ---- the rest --------------------------------------------------------------------
def _qq(found: GwasResult) -> None:
    table = found.qq
    least = smallest_stratum(table)
    widgets.figure(
        qq_plot(table, band(least), found.lambdas),
        f"qq-{found.name}",
        alt_text=f"QQ plot of {found.name}",
    )
    st.caption(
        "Grey: the middle 95 % where nothing is associated and variants are "
        f"independent, for {least:,} variants. Linkage disequilibrium makes curves "
        "leave it oftener than that."
    )


def _dropped(found: GwasResult) -> None:
    notes, summary = found.notes, found.summary
    lost = int(summary["n_dropped"])
    title = f"What was read: {lost:,} of {summary['n_rows']:,} rows left out"
    with st.expander(title, icon=":material/rule:"):
        st.caption(f"Files: {', '.join(summary['files'])}")
        if notes.empty:
            st.caption("Nothing was left out, and nothing noticed.")
            return
        st.dataframe(notes, hide_index=True, column_config=DROPPED)
        widgets.table_download(
            notes,
            f"notes-{found.name}",
            settings=f"{gwas_data.stated(found)}; rows read: {summary['n_rows']}",
        )


def _remove(name: str) -> None:
    with st.popover("Remove", icon=":material/delete:", width="stretch"):
        st.markdown(
            f"Removes **{name}** from the store. The files it was read from stay where "
            "they are, and can be read again."
        )
        if st.button("Remove it", type="primary", key=f"remove_{name}"):
            remove_gwas(data.store(), name)
            toasts.after(f"{name} is removed.", ":material/delete:")
            for key in ("run", "locus"):
                st.session_state.pop(key, None)
            st.rerun()
