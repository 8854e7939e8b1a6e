"""The few-shot curve of the screen Phenotype: how few labels make the same score."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import data, explained, figures, widgets
from app.phenotype import appraisal_charts, verdict
from edp_core import disclosure
from edp_core.appraisal.fewshot_curve import SHARES, fewshot_curve
from edp_core.errors import InputError
from edp_core.recipe import SPEC, ClassifierSpec, ClusterSpec, Labels, Spec

REPEATS = 10
KEPT = "kept labels"
CHOSEN = "kept labels, which also choose the cluster"
CONTROL = {
    "cluster": "control: random members of the cluster",
    "classifier": "control: random participants",
}
_METHOD = (
    "Correlation of the score from a share of the labels with that from all labels. "
    f"Up to {REPEATS} draws of each share, of which those count that could be scored "
    "(column Draws scored); the band is the 2.5th to 97.5th percentile over "
    "them. The control is made of as many people drawn without regard to the code: "
    "where it is as high, the labels add nothing."
)
COLUMNS: dict[str, ColumnConfig | str | None] = {
    "share": widgets.figure_column(
        "Labels", "percent", explained.help("share_of_labels")
    ),
    "drawn": "Score of",
    "n_labels": widgets.count_column("N labels", explained.help("n_labels")),
    "n_members": widgets.count_column("N in the cluster", explained.help("n_members")),
    "pearson": widgets.figure_column("r", "%.3f", explained.help("pearson", _METHOD)),
    "pearson_low": widgets.figure_column(
        "2.5 %", "%.3f", explained.help("percentile_band")
    ),
    "pearson_high": widgets.figure_column(
        "97.5 %", "%.3f", explained.help("percentile_band")
    ),
    "spearman": widgets.figure_column(
        "Spearman", "%.3f", explained.help("spearman", _METHOD)
    ),
    "same_cluster": widgets.figure_column(
        "Same cluster",
        "percent",
        "Share of the draws that choose the cluster all labels choose.",
    ),
    "scored": widgets.count_column("Draws scored", explained.help("n_draws")),
    "reason": st.column_config.TextColumn("Note", width="medium"),
}


def draw(spec: Spec, name: str) -> None:
    """Toggle, progress, figure, table and downloads."""
    if not isinstance(spec, ClassifierSpec | ClusterSpec):
        st.info(
            "The curve is of the methods Classifier and Cluster, which are guided by "
            "labels that can be left out.",
            icon=":material/info:",
        )
        return
    wanted = st.toggle(
        "Compute the curve",
        key="curve",
        bind="query-params",
        help=f"{len(SHARES)} shares × {REPEATS} draws, and as many controls. Seconds "
        "in a small study, up to a minute in a large one; then it is remembered.",
    )
    if not wanted:
        st.caption(
            "How few labels make the same score? Each share of the labels is drawn "
            f"{REPEATS} times and its score compared with that of all labels, beside "
            "a control."
        )
        return
    found, untold = table(spec)
    share = spec.labels.share
    widgets.figure(
        appraisal_charts.curve(found, share=share),
        f"few-shot-{name}",
        alt_text="few-shot curve: correlation with the full-label score",
    )
    people = verdict.stated(data.phenotype(spec))
    against = (
        "the same clusters with all labels"
        if isinstance(spec, ClusterSpec)
        else "all labels"
    )
    also = (
        " The cluster the kept labels choose is compared with that which all labels "
        "choose, whatever the sidebar says."
        if CHOSEN in set(found["drawn"])
        else ""
    )
    st.caption(
        f"Correlation with the score of {against}, N = {people} participants. Bands: "
        f"2.5th to 97.5th percentile of up to {REPEATS} draws (column Draws "
        f"scored). Upright line: the share used now, {share:.0%}.{also}",
        help=_METHOD,
    )
    for note in untold:
        st.caption(f":material/info: {note}")
    shown = found.dropna(axis="columns", how="all")
    st.dataframe(
        shown,
        hide_index=True,
        column_order=[c for c in COLUMNS if c in shown.columns],
        column_config=COLUMNS,
        placeholder=widgets.HIDDEN,
    )
    widgets.hidden_note(shown, "n_labels")
    settings = spec.model_dump_json(exclude={"name"})
    widgets.table_download(
        shown, f"few-shot-{name}", settings=f"N = {people}; {settings}"
    )


def table(spec: ClassifierSpec | ClusterSpec) -> tuple[pd.DataFrame, list[str]]:
    """Disclosed curve, and why a line of it is missing; says how far it has come."""
    # its own share is of no matter, so moving the slider computes nothing anew
    update = {"name": "score", "labels": Labels(seed=spec.labels.seed)}
    plain = spec.model_copy(update=update)
    lines: dict[str, ClassifierSpec | ClusterSpec] = {"": plain}
    if isinstance(plain, ClusterSpec):
        lines[""] = plain.model_copy(update={"chosen_with": "all"})
        kept = {"chosen_with": "kept", "also": (), "cluster": 0}
        lines[CHOSEN] = plain.model_copy(update=kept)
    parts, untold = [], []
    bar = st.progress(0.0, "Drawing labels and scoring …")
    steps = [(line, share) for line in lines for share in SHARES[::-1]]
    for done, (line, share) in enumerate(steps):
        bar.progress(done / len(steps), f"Scores of {share:.0%} of the labels …")
        try:
            part = _part(SPEC.dump_json(lines[line]).decode(), share, _state())
        except InputError as error:
            if not line:
                bar.empty()
                raise
            untold.append(
                f"No line of clusters chosen anew at {share:.0%} of the labels: "
                f"{error.message}."
            )
            continue
        parts.append(
            part[part["drawn"] == "labels"].assign(drawn=line)
            if line
            else part.replace(
                {"drawn": {"labels": KEPT, "control": CONTROL[spec.method]}}
            )
        )
    bar.empty()
    found = pd.concat(parts, ignore_index=True)
    found["drawn"] = pd.Categorical(
        found["drawn"], [KEPT, CHOSEN, CONTROL[spec.method]]
    )
    found = found.sort_values(["drawn", "share"], ignore_index=True)
    found["drawn"] = found["drawn"].astype(str)
    return _disclosed(found, spec), untold


def _state() -> tuple[object, ...]:
    study, refs = data.study(), data.store().refs()
    least = study.disclosure.threshold
    return str(study.store_path), least, tuple(sorted(refs.items()))


@st.cache_data(show_spinner=False, max_entries=512)
def _part(recipe: str, share: float, state: tuple[object, ...]) -> pd.DataFrame:
    """Rows of one share; so that the next can be waited for, and none is lost."""
    spec = SPEC.validate_json(recipe)
    assert isinstance(spec, ClassifierSpec | ClusterSpec)
    inputs = data.inputs(spec.organ, spec.encoder)
    return fewshot_curve(spec, inputs, shares=(share,), repeats=REPEATS)


def _disclosed(found: pd.DataFrame, spec: ClassifierSpec | ClusterSpec) -> pd.DataFrame:
    for name in map(str, found.columns):
        if name.startswith(("pearson", "spearman", "same")):
            found[name] = found[name].round(3)
    if not _may_be_told(spec):
        found["n_members"] = np.nan
    found["n_members"] = found["n_members"].round()
    return disclosure.disclose(
        found.drop(columns="repeats"),
        threshold=figures.least(),
        counts=["n_labels", "n_members"],
    )


def _may_be_told(spec: ClassifierSpec | ClusterSpec) -> bool:
    """Whether the cases in every cluster are shown: means of draws would tell them."""
    if not isinstance(spec, ClusterSpec):
        return False
    cells = data.enrichment(spec.organ, spec.encoder)
    cells = cells[cells["code"] == spec.trait]
    return bool(len(cells) and cells["n_both"].notna().all())
