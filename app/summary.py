"""What the screen Overview says: what is missing, numbers, participants, encoder."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import data, explained, figures, linked, routes, state, widgets
from app.plots import charts
from app.state import Choice
from edp_core.checkout import describe_encoder, told_of_adoption
from edp_core.disclosure import mask_count
from edp_core.errors import MissingArtifactError
from edp_core.exclusions import exclusions_of, notes_said, used_of
from edp_core.store import read_table

STRONGEST = 5
"""Codes that are named."""


def lacking(choice: Choice) -> set[str]:
    """Warn of what is not computed, with the command; the slots that are ready."""
    slots = data.slots_of(choice.organ, choice.encoder)
    missing = data.missing(slots)
    if missing:
        st.warning(
            f"{len(missing)} parts are not computed or out of date. Run:",
            icon=":material/hourglass_empty:",
        )
        st.code(data.command(), language="bash")
        st.table(pd.DataFrame(missing, columns=["part", "why"]).set_index("part"))
    return set(slots) - {slot for slot, _ in missing}


def numbers(choice: Choice, ready: set[str]) -> None:
    """How many participants, codes and clusters; without diagnoses, what there is."""
    study, pair = data.study(), f"{choice.organ}/{choice.encoder}"
    people = exclusions_of(data.store(), *_pair(choice))
    used = mask_count(used_of(people), study.disclosure.threshold) if people else None
    what = "vectors" if study.is_given(choice.encoder) else "images"
    atlas = f"atlas/{pair}" in ready
    least = study.analysis.min_cases
    under = {
        "Codes shown": "in all vocabularies",
        "Codes tested": f"at least {least} cases",
    }
    shown: list[tuple[str, object, str]] = [
        (f"With {choice.organ} {what}", used, "n"),
    ]
    bare = _without_diagnoses()
    if bare:
        held = data.atlas_array(*_pair(choice), "pc_components").shape if atlas else ()
        shown.append(("Axes of the embedding", held[1] if held else None, "n_axes"))
        shown.append(("Principal components", held[0] if held else None, "n_axes"))
    else:
        scan = data.scan(*_pair(choice)) if f"scan/{pair}" in ready else None
        tested = None if scan is None else int((scan["reason"] == "").sum())
        shown.append(("Codes shown", None if scan is None else len(scan), "n_codes"))
        shown.append(("Codes tested", tested, "n_codes"))
    clusters = figures.n_clusters(choice) if atlas else None
    shown.append(("Clusters", clusters, "n_clusters"))
    for column, (name, value, key) in zip(st.columns(len(shown)), shown, strict=True):
        with column:
            widgets.number(name, value, under=under.get(name), help=explained.help(key))
    if f"scan/{pair}" in ready and not bare:
        _strongest(choice)
    if bare:
        st.info(
            "This study has no diagnoses. Clusters, principal components and axes of "
            "the embedding work without; each can become a phenotype for a GWAS.",
            icon=":material/info:",
        )
        routes.link("phenotype", "Make a phenotype of a principal component")


def _strongest(choice: Choice) -> None:
    """Codes the embedding separates best; a click chooses one."""
    tables = data.vocabularies(*_pair(choice))
    table = next(iter(tables.values()), pd.DataFrame({"reason": [], "code": []}))
    best = table[table["reason"] == ""].head(STRONGEST)
    if best.empty:
        return
    st.caption(
        "Separated best by the embedding; click a code to choose it.",
        help=explained.help("auc"),
    )
    told = [
        (str(row["code"]), f"{state.label(str(row['code']))} · AUC {row['auc']:.2f}")
        for _, row in best.iterrows()
    ]
    linked.code_buttons(told, key="strongest")


def _without_diagnoses() -> bool:
    """Whether the phenome, out of date or not, holds no code at all."""
    try:
        return data.inputs().phenome.traits.empty
    except MissingArtifactError:  # told above, with the command
        return False


def _pair(choice: Choice) -> tuple[str, str]:
    return choice.organ, choice.encoder


def participants(choice: Choice, ready: set[str]) -> None:
    """Who is in, who was left out and why, and what was noticed in the data."""
    study, store = data.study(), data.store()
    threshold = study.disclosure.threshold
    people = exclusions_of(store, *_pair(choice))
    st.subheader("Participants", anchor=False)
    if not people:
        st.caption("Known after the ingest step.")
        return
    flow = figures.flow(people)
    st.dataframe(flow, hide_index=True, width="stretch")
    st.caption(f"Population “{study.population}”. Counts below {threshold} are hidden.")
    called = f"{choice.organ}-{choice.encoder}"
    used = mask_count(used_of(people), threshold)
    settings = f"N = {used} with a vector; population {study.population}"
    widgets.table_download(flow, f"participants-{called}", settings=settings)
    notes = list(notes_said(store, [choice.organ], threshold).items())
    if {"phenome", "cohort"} <= ready:
        notes += [(text, "") for text in data.inputs().notes]
    if notes:
        st.subheader("Noticed in the data", anchor=False)
        table = pd.DataFrame(notes, columns=["What", "Count"])
        st.dataframe(table, hide_index=True, width="stretch")
        widgets.table_download(table, f"noticed-{called}", settings=settings)


def encoder(choice: Choice, ready: set[str]) -> None:
    """How the encoder was made, and its loss while it was trained."""
    st.subheader("Encoder", anchor=False)
    how = describe_encoder(data.study(), choice.organ, choice.encoder)
    how += told_of_adoption(data.store(), choice.organ, choice.encoder)
    st.markdown(f"**{choice.encoder}**: {how}.")
    slot = f"encoder/{choice.organ}/{choice.encoder}"
    if slot in ready and (data.store().at(slot) / "loss.parquet").is_file():
        loss = read_table(data.store().at(slot), "loss")
        widgets.figure(charts.loss_plot(loss), "training-loss")
