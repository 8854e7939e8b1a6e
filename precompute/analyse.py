"""Analyse: embeddings become an atlas, a phenome scan and an enrichment table."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from edp_core.appraisal import stability
from edp_core.errors import InputError
from edp_core.people.phenome import Phenome
from edp_core.scoring import adjust, classifier, clusters
from edp_core.scoring.directions import Direction
from edp_core.scoring.folds import fold_partition
from edp_core.scoring.learnt import write_directions
from edp_core.scoring.trait_table import trait_table
from edp_core.settings.analysis import Analysis
from edp_core.store import write_array, write_table
from edp_core.vectors import atlas
from edp_core.vectors.embedding import Embedding
from edp_core.vectors.neighbours import cosine_knn

BASELINE = {"age_years": "age", "sex": "sex", "bmi": "BMI"}
"""What the embedding's AUC is measured against: column and how it is called."""


def make_atlas(embedding: Embedding, analysis: Analysis, folder: Path) -> None:
    """PCA, exact cosine neighbours, Leiden clusters and UMAP, one row a participant."""
    eids, vectors = embedding.by_participant()
    if len(eids) <= analysis.neighbours:
        raise InputError(
            f"{len(eids)} participants have an embedding; {analysis.neighbours} "
            "neighbours were asked for",
            "lower analysis.neighbours in study.toml, or add images",
        )
    pca = atlas.pca(vectors, min(analysis.pcs, vectors.shape[1], len(eids) - 1))
    # the participant itself counts as one of the neighbours, as in scanpy
    indices, distances = cosine_knn(vectors, analysis.neighbours - 1)
    labels = clusters.leiden(
        indices, distances, resolution=analysis.resolution, seed=analysis.seed
    )
    write_array(folder, "eids", eids)
    write_array(folder, "pc_scores", pca.scores.astype(np.float32))
    write_array(folder, "pc_components", pca.components)
    write_array(folder, "pc_explained", pca.explained_ratio)
    write_array(folder, "knn_indices", indices)
    write_array(folder, "knn_distances", distances)
    write_array(folder, "clusters", labels)
    write_array(folder, "umap", _umap(vectors, (indices, distances), analysis))


def make_scan(
    embedding: Embedding,
    phenome: Phenome,
    participants: pd.DataFrame,
    *,
    analysis: Analysis,
    folder: Path,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Out-of-fold AUC and p for every trait with enough cases, demographics beside."""
    eids, vectors = embedding.by_participant()
    seen = np.searchsorted(phenome.eids, eids)
    folds = fold_partition(len(phenome.eids), analysis.folds, seed=analysis.seed)[seen]
    codes = list(phenome.traits["code"])
    known = [name for name in BASELINE if name in participants.columns]
    baseline = adjust.design_matrix(participants.iloc[seen], known)
    directions: list[list[Direction]] = []
    table = classifier.scan_phenome(
        vectors,
        phenome.matrix(codes).tocsr()[seen],
        folds=folds,
        oversampling=analysis.oversampling,
        shrinkage=analysis.shrinkage,
        min_cases=analysis.min_cases,
        eligible=phenome.eligibility(codes).among(seen),
        # nobody's age or sex may be known: then there is nothing to compare with
        baseline=baseline if baseline.shape[1] else None,
        report=report,
        keep=directions.extend,
    )
    # without oversampling all traits share one solution, which costs next to nothing;
    # of a draw another seed makes another direction
    if directions and analysis.oversampling == "expected":
        write_directions(folder, directions)
    columns = ["code", "name", "chapter", "vocabulary", "sex"]
    names = phenome.traits[columns].reset_index(drop=True)
    names["baseline"] = " + ".join(BASELINE[name] for name in known)
    write_table(
        folder, "scan", pd.concat([names, table.reset_index(drop=True)], axis=1)
    )


def make_enrichment(
    atlas: tuple[np.ndarray, np.ndarray],
    phenome: Phenome,
    participants: pd.DataFrame,
    *,
    folder: Path,
    least: int,
) -> None:
    """Every cluster and every code with at least ``least`` cases, adjusted too.

    ``atlas`` is ids and clusters; odds ratios are adjusted for age and sex.
    """
    eids, labels = atlas
    seen = np.searchsorted(phenome.eids, eids)
    table = trait_table(labels, phenome, participants, seen=seen, least=least)
    write_table(folder, "enrichment", table)


def make_stability(
    embedding: Embedding,
    labels: np.ndarray,
    near: tuple[np.ndarray, ...],
    *,
    analysis: Analysis,
    folder: Path,
) -> None:
    """Clusters over bootstrap samples, and beside other seeds and methods.

    ``labels`` and ``near`` (indices, distances) are the atlas's.
    """
    _, vectors = embedding.by_participant()
    table = stability.cluster_stability(
        vectors,
        labels,
        k=near[0].shape[1],
        repeats=analysis.stability_repeats,
        resolution=analysis.resolution,
        seed=analysis.seed,
    )
    write_table(folder, "stability", table)
    table = stability.comparison(
        vectors,
        labels,
        (near[0], near[1]),
        resolutions=analysis.resolutions,
        resolution=analysis.resolution,
        seed=analysis.seed,
    )
    write_table(folder, "comparison", table)


def _umap(
    vectors: np.ndarray, knn: tuple[np.ndarray, np.ndarray], analysis: Analysis
) -> np.ndarray:
    import umap  # compiles for seconds at import: only this step pays for it

    indices, distances = knn
    own = np.arange(len(vectors), dtype=indices.dtype)[:, None]
    neighbours = np.concatenate([own, indices], axis=1)
    lengths = np.concatenate([np.zeros_like(distances[:, :1]), distances], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that a seed costs it parallelism
        fitted = umap.UMAP(
            n_neighbors=analysis.neighbours,
            min_dist=analysis.umap_min_dist,
            metric="cosine",
            random_state=analysis.seed,
            precomputed_knn=(neighbours, lengths, None),
        ).fit_transform(vectors - vectors.mean(axis=0))
    return np.asarray(fitted, np.float32)
