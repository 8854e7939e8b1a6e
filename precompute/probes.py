"""Analyse: what each embedding, and all of an encoder's together, know of age and size.

The slot ``probes/+/<encoder>`` joins the organs; no organ can be called ``+``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from edp_core import artifacts
from edp_core.appraisal.probes import COLUMNS, joined, probe
from edp_core.people.measures import Joined, join_volumes
from edp_core.scoring.folds import fold_partition
from edp_core.store import Store, write_table
from edp_core.study import Study
from edp_core.vectors.embedding import Embedding
from precompute.atlas_steps import Report, Step

ALL = "+"
"""In place of an organ: all that have the encoder."""


def organs_of(study: Study, organ: str, encoder: str) -> list[str]:
    """Organs a slot is about."""
    if organ != ALL:
        return [organ]
    return [o for o, name in study.pairs() if name == encoder]


def combined(study: Study) -> list[str]:
    """Encoders that several organs have, in the order of the study."""
    names = [encoder for _, encoder in study.pairs()]
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def inputs_of(study: Study, store: Store, pair: tuple[str, str]) -> dict[str, str]:
    """Keys of what a slot is made from: embeddings, cohort, volumes by content."""
    found = {"cohort": store.ref("cohort")}
    for organ in organs_of(study, *pair):
        slot = f"embedding/{organ}/{pair[1]}"
        found[slot] = store.ref(slot)
        images = f"images/{organ}"
        if images in store.refs():
            files = store.manifest("images", store.ref(images))["files"]
            for name in ("measures.parquet", "files.parquet"):
                if "measures.parquet" in files:
                    found[f"{images}/{name}"] = files[name]["sha256"]
    return found


def probes_step(study: Study, store: Store, pair: str) -> Step:
    """Probes of ``organ/encoder``, or of all organs of an encoder (``+/encoder``)."""
    organ_asked, encoder = pair.split("/")
    organs = organs_of(study, organ_asked, encoder)

    def build(folder: Path, _: Report) -> None:
        people = artifacts.read_cohort(store).participants
        measures = artifacts.read_measures(study, store)
        make_probes(
            {o: artifacts.read_embedding(store, o, encoder) for o in organs},
            join_volumes(people, {k: v for k, v in measures.items() if k in organs}),
            folds=fold_partition(
                len(people), study.analysis.folds, seed=study.analysis.seed
            ),
            folder=folder,
        )

    return inputs_of(study, store, (organ_asked, encoder)), build


def make_probes(
    embeddings: dict[str, Embedding],
    people: Joined,
    *,
    folds: np.ndarray,
    folder: Path,
) -> None:
    """Probe age, and each organ's volume, from embeddings and from volumes.

    Parameters
    ----------
    embeddings
        Organ → embedding; several are joined, and stand beside each alone.
    people
        The cohort with the organs' volumes.
    folds
        (n_participants,) fold of each participant.
    folder
        Takes ``probes.parquet``, the columns of `edp_core.appraisal.probes.probe`. A
        predictor is ``constant``, ``<organ> embedding``, ``<organ> volume``, or
        ``all embeddings`` and ``all volumes``; a target ``age_years`` or
        ``<organ>_ml``. No row where the study has neither.
    """
    table = people.participants
    eids = table["eid"].to_numpy(str)
    vectors: dict[str, np.ndarray] = {}
    for organ, embedding in embeddings.items():
        found, seen = embedding.by_participant()
        placed = np.full((len(eids), seen.shape[1]), np.nan)
        placed[np.searchsorted(eids, found)] = seen
        vectors[f"{organ} embedding"] = placed
    columns = {
        f"{slot.removeprefix('images/')} volume": column
        for column, slot in people.measured.items()
    }
    volumes = {name: table[column].to_numpy(float) for name, column in columns.items()}
    several = len(vectors) > 1
    together = {"all embeddings": joined(vectors)} if several else {}
    parts = [pd.DataFrame(columns=list(COLUMNS))]
    if "age_years" in table.columns:
        sizes: dict[str, np.ndarray] = dict(volumes)
        if several and len(volumes) > 1:
            sizes["all volumes"] = joined({k: v[:, None] for k, v in volumes.items()})
        age = table["age_years"].to_numpy(float)
        parts.append(
            probe(age, sizes | vectors | together, name="age_years", folds=folds)
        )
    for name, column in columns.items():
        parts.append(probe(volumes[name], vectors | together, name=column, folds=folds))
    rows = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    write_table(folder, "probes", rows)
