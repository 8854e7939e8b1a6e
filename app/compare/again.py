"""Encoder and seed agreement: the same recipe made again in another way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import data, errors, explained, figures, widgets
from app.compare import (
    charts as compare_charts,
)
from app.compare import (
    picks as compare_picks,
)
from app.compare import (
    remade,
)
from app.compare import (
    views as compare_views,
)
from app.compare.picks import Pick
from app.state import Choice
from edp_core.appraisal.agreement import correlation, repeats_agreement
from edp_core.appraisal.embeddings import embedding_agreement
from edp_core.disclosure import is_small
from edp_core.errors import EdpError
from edp_core.phenotype import Phenotype
from edp_core.recipe import Spec, VectorSpec

QUICK = 10_000
"""Participants up to whom other seeds are tried without being asked for."""
_COLUMNS: dict[str, ColumnConfig | str | None] = {
    "made": "Made",
    "r": widgets.figure_column("r", "%.3f", explained.help("pearson")),
    "low": widgets.figure_column("95 % from", "%.3f", explained.help("interval")),
    "high": widgets.figure_column("to", "%.3f", explained.help("interval")),
    "rho": widgets.figure_column("ρ", "%.3f", explained.help("spearman")),
    "auc": widgets.figure_column("AUC", "%.3f", explained.help("auc")),
    "auc_low": widgets.figure_column("AUC from", "%.3f", explained.help("interval")),
    "auc_high": widgets.figure_column("AUC to", "%.3f", explained.help("interval")),
    "n": widgets.count_column("N", explained.help("n", "Who have both.")),
    "note": "Note",
}
_EMBEDDINGS: dict[str, ColumnConfig | str | None] = {
    "first": "One",
    "second": "Other",
    "measure": st.column_config.TextColumn("Measure", help=explained.help("cka")),
    "value": widgets.figure_column("Value", "%.3f", explained.help("cca")),
    "low": widgets.figure_column("95 % from", "%.3f", explained.help("interval")),
    "high": widgets.figure_column("to", "%.3f", explained.help("interval")),
    "n": widgets.count_column("N", explained.help("n", "Who have both embeddings.")),
    "note": "Note",
}


def draw(chosen: Sequence[Pick], choice: Choice) -> None:
    """One phenotype on other encoders and seeds; then the embeddings themselves."""
    made = [pick for pick in chosen if isinstance(pick.spec, VectorSpec)]
    if made:
        names = [pick.name for pick in made]
        if st.session_state.get("again") not in (None, *names):
            st.session_state["again"] = names[0]
        name = st.selectbox("Phenotype made again", names, key="again",
                            bind="query-params")  # fmt: skip
        pick = made[names.index(str(name))]
        left, right = st.columns(2, gap="large")
        with left:
            st.subheader("On other encoders", anchor=False)
            _encoders(pick)
        with right:
            st.subheader("With other seeds", anchor=False)
            _seeds(pick)
    else:
        st.info(
            "None of the phenotypes chosen is made of an embedding: a code or a column "
            "is the same on every encoder.",
            icon=":material/info:",
        )
    st.subheader("The embeddings themselves", anchor=False)
    _embeddings(choice.organ)


def _encoders(pick: Pick) -> None:
    spec = pick.spec
    assert isinstance(spec, VectorSpec)
    others = remade.encoders(spec)
    if not others:
        st.caption("There is no other encoder; what to do stands below.")
        return
    rows = []
    for encoder in others:
        try:
            found = remade.on(spec, encoder)
        except EdpError as error:
            st.caption(f":material/error: On **{encoder}**:")
            errors.tell(error)
            continue
        rows.append(_row(encoder, pick.score, found.score) | {"note": found.note})
    if not rows:
        return
    table = pd.DataFrame([_itself(spec.encoder, pick.score), *rows])
    chart = table.iloc[1:].rename(columns={"made": "label", "r": "value"})
    widgets.figure(
        compare_charts.agreement(chart, title=f"r with {pick.name} on {spec.encoder}"),
        f"encoders-{pick.name}",
    )
    _listed(table, pick, f"encoders-{pick.name}")
    st.caption(
        "The whole recipe made anew on each encoder: labels, folds and covariates are "
        "the same. r over the people both have; AUC is of the recipe's own code."
    )


def _only_one(organ: str) -> None:
    st.info(
        f"The {organ} has one encoder only, so there is none to compare with. A "
        "second one is a table `[encoders.NAME]` in study.toml: other settings of "
        "`mae`, `pretrained`, or `vectors` that were computed elsewhere; then run "
        f"`{data.command()}`",
        icon=":material/info:",
    )


def _seeds(pick: Pick) -> None:
    other = remade.seeds(pick.spec)
    if not other:
        st.info(
            "This recipe draws nothing at random, or scores another half of the people "
            "with each seed: there is no seed to change. Classifiers scored out of "
            "fold, and recipes of a part of the labels, have one.",
            icon=":material/info:",
        )
        return
    quick = int(np.isfinite(pick.score.values).sum()) <= QUICK
    asked = st.toggle(
        f"Try {remade.SEEDS} other seeds",
        value=quick,
        key="seeds_tried",
        bind="query-params",
        help="Each is fitted anew; for a large study that takes a while.",
    )
    if not asked:
        return
    for what, specs in other.items():
        _repeated(pick, what, specs)


def _repeated(pick: Pick, what: str, specs: Sequence[Spec]) -> None:
    scores = [data.phenotype(spec) for spec in specs]
    found = repeats_agreement([pick.score.values, *(s.values for s in scores)])
    ends = compare_views.interval(found.low, found.high)
    pairs = f"{found.pairs} pairs of {found.repeats} seeds"
    widgets.number(
        f"Mean r over seeds of the {what}",
        None if np.isnan(found.r) else round(found.r, 3),
        under=f"{ends} · {pairs}, N = {compare_picks.stated(figures.people(found.n))}",
        help=explained.help("fold_repeats"),
    )
    rows = [
        _row(f"seed {_seed(spec, what)}", pick.score, score)
        for spec, score in zip(specs, scores, strict=True)
    ]
    first = _itself(f"seed {_seed(pick.spec, what)}", pick.score)
    _listed(pd.DataFrame([first, *rows]), pick, f"seeds-{what}-{pick.name}")


def _seed(spec: Spec, what: str) -> int:
    return spec.labels.seed if what == "labels kept" else spec.fold_seed  # type: ignore[union-attr]


def _row(made: str, one: Phenotype, two: Phenotype) -> dict[str, object]:
    plain = correlation(one.values, two.values)
    rho = correlation(one.values, two.values, ranked=True).r
    return {
        "made": made, "r": plain.r, "low": plain.low, "high": plain.high, "rho": rho,
        **_auc(two), "n": _n([one, two], plain.n), "note": "",
    }  # fmt: skip


def _itself(made: str, score: Phenotype) -> dict[str, object]:
    n = int(score.figures["n"])
    return {
        "made": made, "r": 1.0, "low": np.nan, "high": np.nan, "rho": 1.0,
        **_auc(score), "n": _n([score], n), "note": "as it is",
    }  # fmt: skip


def _n(scores: Sequence[Phenotype], count: int) -> object:
    told = compare_picks.shared(scores, count)
    return told if isinstance(told, int) else pd.NA


def _auc(score: Phenotype) -> dict[str, float]:
    names = ("auc", "auc_low", "auc_high")
    seen = score.figures
    few = is_small(int(seen.get("n_cases", 0)), figures.least())
    return {
        name: np.nan if few or name not in seen else float(seen[name]) for name in names
    }


def _listed(table: pd.DataFrame, pick: Pick, name: str) -> None:
    shown = table.dropna(axis="columns", how="all").assign(n=table["n"].astype("Int64"))
    if not shown["note"].any():
        shown = shown.drop(columns="note")
    shown = shown.round(4)
    st.dataframe(
        shown, hide_index=True, column_config=_COLUMNS, placeholder=widgets.HIDDEN
    )
    widgets.table_download(shown, name, settings=compare_picks.settings([pick]))


# ---- the embeddings themselves -------------------------------------------------------
def _embeddings(organ: str) -> None:
    names = [e for at, e in data.study().pairs() if at == organ]
    there = [e for e in names if not data.missing([f"atlas/{organ}/{e}"])]
    if len(there) < 2:
        _only_one(organ)
        return
    tables = [
        _pair(organ, (one, two), compare_picks.rules())
        for at, one in enumerate(there)
        for two in there[at + 1 :]
    ]
    table = pd.concat(tables, ignore_index=True)
    several = len(tables) > 1
    chart = table.assign(
        label=[
            f"{m} · {a} and {b}" if several else m
            for m, a, b in zip(
                table["measure"], table["first"], table["second"], strict=True
            )
        ]
    )
    widgets.figure(
        compare_charts.agreement(chart, title="Agreement, 95 % interval"),
        f"embeddings-{organ}",
    )
    st.caption(
        f"Encoders of the {organ}, over the people both have. CKA: likeness of the "
        "geometry, whatever rotation and scale; canonical: directions both have, in "
        "people they were not fitted on; ARI: agreement of the clusters beyond chance."
    )
    st.dataframe(
        table, hide_index=True, column_config=_EMBEDDINGS, placeholder=widgets.HIDDEN
    )
    widgets.table_download(
        table,
        f"embeddings-{organ}",
        settings=f"embeddings of {organ}; N of each pair in its column; "
        f"{data.study().analysis}",
    )


@st.cache_data(show_spinner="Comparing the embeddings …", max_entries=16)
def _pair(
    organ: str, encoders: tuple[str, str], rules: tuple[object, ...]
) -> pd.DataFrame:
    one, two = (data.inputs(organ, encoder) for encoder in encoders)
    here, there = remade.common(one, two)
    table = embedding_agreement(
        np.asarray(one.vectors)[here],
        np.asarray(two.vectors)[there],
        labels=(np.asarray(one.clusters)[here], np.asarray(two.clusters)[there]),
    )
    told = figures.people(len(here))
    table["n"] = pd.array([told if isinstance(told, int) else pd.NA] * len(table),
                          dtype="Int64")  # fmt: skip
    table.insert(0, "first", encoders[0])
    table.insert(1, "second", encoders[1])
    return table.round({"value": 3, "low": 3, "high": 3})
