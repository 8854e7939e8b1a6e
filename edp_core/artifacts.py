"""What each kind of artifact holds, and how it is read and written.

The slots of a study are ``cohort``, ``phenome``, ``images/<organ>``,
``thumbnails/<organ>`` and, for each organ and encoder, ``encoder``, ``embedding``,
``atlas``, ``scan``, ``enrichment``, ``stability``, ``probes`` and, of a masked
autoencoder, ``occlusion`` (``embedding/<organ>/<encoder>``); where the study has
genotypes, ``genotypes`` and ``basis/<organ>/<encoder>``.
Results of a GWAS, ``gwas/<name>``, are given by the user and belong to no step.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edp_core.appraisal.occlusion_files import read_occlusion as read_occlusion
from edp_core.errors import AlignmentError
from edp_core.gwas import basis_files, results_store, sources
from edp_core.gwas.basis_files import read_basis as read_basis
from edp_core.inputs import Inputs
from edp_core.people.cohort import Cohort
from edp_core.people.measures import join_volumes, with_left_out
from edp_core.people.phenome import Phenome
from edp_core.recipe import Clustering
from edp_core.scoring.learnt import read_learnt
from edp_core.settings.encoders import GivenVectors
from edp_core.store import Store, read_array, read_table, write_array, write_table
from edp_core.study import Study
from edp_core.vectors.embedding import Embedding

VERSIONS = {
    "cohort": 4,
    "phenome": 2,
    "images": 4,
    "thumbnails": 4,
    "encoder": 2,
    "embedding": 2,
    "atlas": 1,
    "scan": 3,
    "enrichment": 2,
    "stability": 2,
    "occlusion": 1,
    "probes": 1,
    "genotypes": 1,
    "basis": 1,
    results_store.KIND: results_store.VERSION,
}
"""Raise a version when the step's output changes for the same inputs."""

OF_ANALYSIS = {
    "scan": {"min_cases", "folds", "shrinkage", "oversampling", "seed"},
    "stability": {"resolutions", "stability_repeats", "resolution", "seed"},
    "occlusion": {"occlusion_people", "occlusion_blocks", "seed"},
    "probes": {"folds", "seed"},
}
"""Kinds whose recipe holds settings of ``[analysis]`` alone, and which."""

THUMBNAIL = 64
"""Edge of a thumbnail, in pixels."""


def settings_of(study: Study, slot: str) -> dict[str, Any]:
    """Settings of the study file that go into a slot's recipe."""
    kind, *rest = slot.split("/")
    analysis = study.analysis
    if kind == "cohort":
        return {
            "participants": study.participants.model_dump(
                mode="json", exclude={"table"}
            ),
            "population": study.populations[study.population].model_dump(
                mode="json", exclude={"withdrawals"}
            ),
            "folds": analysis.folds,
            "seed": analysis.seed,
        }
    if kind == "phenome":
        return _of_phenome(study)
    if kind == "images":
        return study.organs[rest[0]].model_dump(
            mode="json",
            exclude={
                # the files themselves are told apart by what they hold
                "preset",
                "images",
                "mask",
                "label_names",
                "patch",
                "channel_names",
            },
        )
    if kind == "thumbnails":
        return {"size": THUMBNAIL}
    if kind in OF_ANALYSIS:
        return analysis.model_dump(mode="json", include=OF_ANALYSIS[kind])
    if kind in ("genotypes", "basis"):
        return basis_files.settings_of(study, kind)
    encoder = study.encoder(*rest)
    if isinstance(encoder, GivenVectors):
        if kind == "embedding":
            return {"method": encoder.method, "eid": encoder.eid}
    elif kind == "encoder":
        ignored = {"organs", "pooling", "block", "checkpoint_minutes", "weights"}
        return encoder.model_dump(mode="json", exclude=ignored)
    elif kind == "embedding":
        return {"pooling": encoder.pooling, "block": encoder.block}
    if kind == "atlas":
        clustering = clustering_of(study).model_dump(mode="json")
        names = {"pcs", "umap_min_dist"}
        return clustering | analysis.model_dump(mode="json", include=names)
    return {"min_cases": study.disclosure.threshold}


def _of_phenome(study: Study) -> dict[str, Any]:
    """Files are told apart by what they hold; here it counts whether there are any."""
    found: dict[str, Any] = {}
    if study.diagnoses is not None:
        files = ("table", "episodes", "names", "phecodes")
        found = study.diagnoses.model_dump(mode="json", exclude={*files})
        for name in ("names", "phecodes"):
            found[name] = getattr(study.diagnoses, name) is not None
    tables = {
        name: table.model_dump(mode="json", exclude={"table"})
        for name, table in study.traits.items()
    }
    return found | ({"traits": tables} if tables else {})


def clustering_of(study: Study) -> Clustering:
    """The clustering a study asks for."""
    analysis = study.analysis
    return Clustering(
        neighbours=analysis.neighbours,
        resolution=analysis.resolution,
        seed=analysis.seed,
    )


def is_stale(study: Study, store: Store, slot: str) -> bool:
    """Whether the study file has changed since a slot was computed."""
    kind = slot.split("/")[0]
    manifest = store.manifest(kind, store.ref(slot))
    # a result that was brought home was made from no setting of the study
    given = kind == results_store.KIND
    return bool(
        (not given and manifest["settings"] != settings_of(study, slot))
        or manifest["step_version"] != VERSIONS[manifest["kind"]]
    )


def reopen_genotypes(study: Study, store: Store) -> sources.Reopened:
    """The raw genotypes the slot ``genotypes`` was made from; raises as it does."""
    return sources.reopen_genotypes(store, study=study.folder)


def write_cohort(folder: Path, cohort: Cohort) -> None:
    """Write participants, exclusions and notes."""
    write_table(folder, "participants", cohort.participants)
    write_table(folder, "exclusions", cohort.exclusions)
    write_table(folder, "notes", cohort.notes)


def read_cohort(store: Store) -> Cohort:
    """Read the study's cohort."""
    folder = store.at("cohort")
    names = ("participants", "exclusions", "notes")
    return Cohort(*(read_table(folder, name) for name in names))


PHENOME = ("starts", "rows", "excluded_starts", "excluded_rows", "within")
"""Arrays of a phenome beside its ids; they are read memory-mapped."""


def write_phenome(folder: Path, phenome: Phenome) -> None:
    """Write a phenome."""
    write_array(folder, "eids", phenome.eids)
    write_table(folder, "traits", phenome.traits)
    for name in PHENOME:
        write_array(folder, name, getattr(phenome, name))


def read_phenome(store: Store) -> Phenome:
    """Read the study's phenome."""
    return phenome_at(store.at("phenome"))


def phenome_at(folder: Path) -> Phenome:
    """Read the phenome that `write_phenome` wrote to a folder."""
    return Phenome(
        np.array(read_array(folder, "eids")),
        read_table(folder, "traits"),
        **{name: read_array(folder, name) for name in PHENOME},
    )


def write_embedding(folder: Path, embedding: Embedding) -> None:
    """Write an embedding."""
    write_table(folder, "rows", embedding.rows)
    write_array(folder, "vectors", embedding.vectors)


def read_embedding(store: Store, organ: str, encoder: str) -> Embedding:
    """Read an embedding, its vectors memory-mapped."""
    folder = store.at(f"embedding/{organ}/{encoder}")
    return Embedding(read_table(folder, "rows"), read_array(folder, "vectors"))


def read_inputs(
    study: Study,
    store: Store,
    *,
    organ: str | None = None,
    encoder: str | None = None,
) -> Inputs:
    """Gather what `evaluate` needs for one organ and encoder.

    Without an organ only the baselines (code, column) can be evaluated. Participants
    carry the volumes of every organ that has any, not of the asked one alone: a volume
    of another organ is a covariate as good as an age.
    """
    keys = {"cohort": store.ref("cohort"), "phenome": store.ref("phenome")}
    cohort = read_cohort(store)
    phenome = read_phenome(store)
    joined = join_volumes(cohort.participants, read_measures(study, store))
    keys |= {slot: store.ref(slot) for slot in joined.measured.values()}
    shared: dict[str, Any] = {
        "population": study.population,
        "participants": joined.participants,
        "measured": joined.measured,
        "notes": joined.notes,
        "phenome": phenome,
        "categories": study.participants.categories,
        "threshold": study.disclosure.threshold,
    }
    everyone = cohort.participants["eid"].to_numpy(str)
    if not np.array_equal(everyone, phenome.eids):
        raise AlignmentError(
            "Cohort and phenome are of different participants", f"run: {store.remedy}"
        )
    if organ is None or encoder is None:
        return Inputs(keys=keys, **shared)
    embedding = read_embedding(store, organ, encoder)

    def of_side(side: str | None) -> tuple[np.ndarray, np.ndarray]:
        eids, vectors = embedding.by_participant(side=side)
        at = np.minimum(np.searchsorted(everyone, eids), len(everyone) - 1)
        if not np.array_equal(everyone[at], eids):
            raise AlignmentError(
                f"The embedding {organ}/{encoder} holds participants the cohort does "
                "not",
                f"run: {store.remedy}",
            )
        return at, vectors

    at, vectors = of_side(None)
    keys["embedding"] = store.ref(f"embedding/{organ}/{encoder}")
    keys["atlas"] = store.ref(f"atlas/{organ}/{encoder}")
    atlas = store.at(f"atlas/{organ}/{encoder}")
    return Inputs(
        keys=keys,
        seen=at,
        vectors=vectors,
        clusters=np.array(read_array(atlas, "clusters")),
        clustering=_clustering_in(store.manifest("atlas", keys["atlas"])["settings"]),
        umap=read_array(atlas, "umap"),
        pc_components=np.array(read_array(atlas, "pc_components")),
        sides=tuple(sorted(set(embedding.rows["side"].dropna().astype(str)) - {""})),
        of_side=of_side,
        learnt=read_learnt(store, f"scan/{organ}/{encoder}", keys),
        **shared,
    )


def read_measures(study: Study, store: Store) -> dict[str, pd.DataFrame]:
    """Organ → volumes measured in the ingest of its images, for those that have any."""
    tables = {}
    for organ in study.organs:
        slot = f"images/{organ}"
        if slot not in store.refs():
            continue
        # asked of the manifest: a table that is named there but gone must raise
        if "measures.parquet" in store.manifest("images", store.ref(slot))["files"]:
            folder = store.at(slot)
            tables[organ] = with_left_out(
                read_table(folder, "measures"), read_table(folder, "files")
            )
    return tables


def _clustering_in(settings: Mapping[str, Any]) -> Clustering:
    known = Clustering.model_fields
    return Clustering(**{name: settings[name] for name in known if name in settings})
