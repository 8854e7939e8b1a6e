"""All results in one table: loci by phenotype, method, organ and encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import explained, linked, state, widgets
from app.gwas import (
    data as gwas_data,
)
from app.gwas import (
    effective as gwas_effective,
)
from app.gwas import (
    rules as gwas_rules,
)
from app.gwas import (
    sets as gwas_sets,
)
from app.gwas.data import UNKNOWN, Rules
from app.plots import genome

COLUMNS: dict[str, ColumnConfig | str | None] = {
    "set": st.column_config.TextColumn(
        "Result", help="One result, or a family: * stands for the number of the axis."
    ),
    "of": st.column_config.TextColumn(
        "Of",
        help="Code, component or column. Click a row's left edge to choose its code.",
    ),
    "organ": "Organ",
    "encoder": "Encoder",
    "method": "Method",
    "runs": widgets.count_column("Results", "How many results the row is of."),
    "n": st.column_config.TextColumn("N", help="Most people of any of them."),
    "lambda": widgets.figure_column(
        "λ", "%.3f", explained.help("lambda", "Of a family: the median of theirs.")
    ),
    "loci": widgets.count_column(
        "Loci", explained.help("loci", "Of a family: of any of them, each once.")
    ),
    "unique": widgets.count_column("Unique", "Loci no other row has."),
    "shared": widgets.count_column("Shared", "Loci the baseline has too."),
    "new": widgets.count_column("New", "Loci the baseline has not."),
    "missed": widgets.count_column("Missed", "Loci of the baseline not found here."),
}
CROSSED = {
    "Diseases by method": ("of", "method"),
    "Encoders by organ": ("encoder", "organ"),
    "Methods by organ": ("method", "organ"),
}
NONE = "none"
Loci = Mapping[str, pd.DataFrame]


def draw(names: list[str]) -> None:
    """The table that fills itself, and what is made of it."""
    names = _of_one_build(names)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        families = st.toggle(
            "Families as one row",
            value=True,
            key="families",
            bind="query-params",
            help="Results named alike but for the number of an axis, such as "
            "liver-mae-PC1, liver-mae-PC2, …: their loci are counted once each.",
        )
        st.toggle(
            "Study-wide threshold",
            key=gwas_effective.KEY,
            bind="query-params",
            help="5 × 10⁻⁸ divided by the effective number of phenotypes, from the "
            "correlation of those whose recipes are in the basket or exported.",
        )
    rules = gwas_rules.rules()
    if gwas_effective.asked():
        effective = gwas_effective.of(names)
        rules = replace(rules, threshold=effective.threshold)
        st.caption(effective.said)
    results = {name: gwas_data.result(name) for name in names}
    loci = {name: gwas_data.loci(result, rules) for name, result in results.items()}
    about = pd.DataFrame(_about(names))
    phenotypes = dict(zip(names, about["phenotype"], strict=True))
    sets = gwas_sets.gathered(phenotypes, families=families)
    baseline = st.selectbox(
        "Baseline",
        [NONE, *sets],
        key="baseline",
        bind="query-params",
        help="What each row is compared with: the organ's volume, the code itself, or "
        "the whole cohort.",
    )
    _table(sets, loci, about=about, rules=rules, baseline=baseline)
    held = [] if baseline == NONE else sets[baseline]
    _crossed(about, loci, rules=rules, baseline=held)
    _two_sets(sets, loci, rules)


def _of_one_build(names: list[str]) -> list[str]:
    """Results that compare: those of the build most of them have."""
    builds = pd.Series({name: gwas_data.result(name).build for name in names})
    most = str(builds.mode().iloc[0])
    others = [name for name in names if builds[name] != most]
    if others:
        st.warning(
            f"Positions of two builds do not compare: the table is of {most}; "
            f"{', '.join(others)} left out.",
            icon=":material/warning:",
        )
    return [name for name in names if builds[name] == most]


def _about(names: list[str]) -> list[dict[str, str]]:
    known = gwas_data.specs()
    return [
        {"run": name, **gwas_data.about(gwas_data.result(name), known)}
        for name in names
    ]


def _table(
    sets: gwas_sets.Sets,
    loci: Loci,
    *,
    about: pd.DataFrame,
    rules: Rules,
    baseline: str,
) -> None:
    chosen = None if baseline == NONE else baseline
    keys = tuple((name, gwas_data.result(name).key) for name in loci)
    of = (keys, rules.threshold, rules.token, tuple(sets), chosen)
    counts = _counts(of, sets, loci)
    by_run = about.set_index("run")
    for name in ("of", "organ", "encoder", "method"):
        counts[name] = [_same(by_run.loc[list(runs), name]) for runs in sets.values()]
    counts["n"] = [_people(runs) for runs in sets.values()]
    counts["lambda"] = [
        float(np.median([gwas_data.result(run).lambdas[0.5] for run in runs]))
        for runs in sets.values()
    ]
    table = counts[[name for name in COLUMNS if name in counts]]
    codes = list(map(str, table["of"]))
    linked.mark_row("gwas_sets", codes, state.choice().code)
    st.dataframe(
        table,
        hide_index=True,
        key="gwas_sets",
        on_select=lambda: linked.picked_row("gwas_sets", codes),
        selection_mode="single-row",
        column_config=COLUMNS,
    )
    st.caption(
        f"{len(loci)} results, {rules.said}; two loci are the same where their edges "
        "are nearer than 250 kb. What is counted is loci, not variants or genes."
    )
    widgets.table_download(
        table,
        "gwas-loci",
        settings=f"N in column n; results: {len(loci)}; {rules.said}; baseline "
        f"{baseline}",
    )


@st.cache_data(show_spinner="Comparing the loci …", max_entries=16)
def _counts(of: tuple[object, ...], _sets: gwas_sets.Sets, _loci: Loci) -> pd.DataFrame:
    """`gwas_sets.counted`; ``of`` names all it is made of, the baseline last."""
    baseline = None if of[-1] is None else str(of[-1])
    return gwas_sets.counted(_sets, _loci, baseline=baseline)


def _same(values: pd.Series) -> str:
    """What all of a set have in common; ``…`` where they differ."""
    found = set(values)
    return str(found.pop()) if len(found) == 1 else "…"


def _people(runs: Sequence[str]) -> str:
    most = max(runs, key=lambda run: gwas_data.result(run).summary["n_max"] or 0)
    return gwas_data.people(gwas_data.result(most))


def _crossed(
    about: pd.DataFrame, loci: Loci, *, rules: Rules, baseline: Sequence[str]
) -> None:
    """Loci by two properties: the paper's Tables 1, 2 and 6."""
    known = about[about["method"] != UNKNOWN]
    st.subheader("Loci by phenotype, method, organ and encoder", anchor=False)
    if known.empty:
        st.caption(
            "No result is of a phenotype whose recipe is in the basket or was exported "
            "from here, so method, organ and encoder are not known. A result is "
            "matched by the name of its phenotype."
        )
        return
    kind = st.segmented_control(
        "Table",
        list(CROSSED),
        default="Diseases by method",
        key="crossed",
        bind="query-params",
        label_visibility="collapsed",
    )
    rows, columns = CROSSED[kind or "Diseases by method"]
    # a volume and a code have no encoder: they are rows of their own, as in the paper
    encoder = known["encoder"].where(known["encoder"] != UNKNOWN, known["method"])
    table = gwas_sets.crossed(
        known.assign(encoder=encoder),
        loci,
        rows=rows,
        columns=columns,
        baseline=baseline,
    ).reset_index()
    codes = list(map(str, table[rows]))
    linked.mark_row("gwas_crossed", codes, state.choice().code)
    st.dataframe(
        table,
        hide_index=True,
        key="gwas_crossed",
        on_select=lambda: linked.picked_row("gwas_crossed", codes),
        selection_mode="single-row",
        placeholder=widgets.HIDDEN,
        column_config={rows: rows.capitalize() if rows != "of" else "Phenotype of"},
    )
    st.caption(
        f"Loci of all {len(known)} results with a recipe, each once in a cell; "
        f"{rules.said}. {widgets.HIDDEN}: no such result."
    )
    widgets.table_download(
        table,
        f"gwas-{rows}-by-{columns}",
        settings=f"at most N = {_people(list(known['run']))}; loci by {columns}; "
        f"{rules.said}",
    )


def _two_sets(sets: gwas_sets.Sets, loci: Loci, rules: Rules) -> None:
    """What two rows share, such as the left and the right eye."""
    # families first: what is compared are sides and encoders
    names = sorted(sets, key=lambda name: len(sets[name]) == 1)
    if len(names) < 2:
        return
    st.subheader("Two rows against each other", anchor=False)
    left, right = st.columns(2)
    one = left.selectbox("One", names, key="one", bind="query-params")
    others = [name for name in names if name != one]
    two = right.selectbox("Other", others, key="two", bind="query-params")
    counts, both = gwas_sets.paired(sets[one], sets[two], loci)
    cells = st.columns(4)
    shown = {
        one: (counts["first"], f"{counts['only first']} only here"),
        two: (counts["second"], f"{counts['only second']} only here"),
        "Found in both": (counts["both"], None),
        "Found in either": (counts["either"], None),
    }
    for cell, (title, (count, under)) in zip(cells, shown.items(), strict=True):
        with cell:
            widgets.number(title, count, under=under, help=explained.help("loci"))
    if both.empty:
        return
    table = pd.DataFrame(
        {
            "Position": [
                genome.place_of(chrom, pos)
                for chrom, pos in zip(both["chrom"], both["lead_pos"], strict=True)
            ],
            "Gene": gwas_data.genes_of(both, loci.values()),
            f"−log₁₀ p {one}": both["first"].astype(float).round(2),
            f"−log₁₀ p {two}": both["second"].astype(float).round(2),
        }
    )
    st.dataframe(table, hide_index=True)
    widgets.table_download(
        table,
        f"both-{one}-{two}".replace("*", ""),
        settings=f"N = {_people(sets[one])} and {_people(sets[two])}; loci of both; "
        f"{rules.said}",
    )
