"""Settings of what is computed from embeddings, and of what may leave."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edp_core.settings.base import Settings

Oversampling = Literal["none", "expected", "sampled"]
"""SMOTE: not at all, in closed-form expectation, or drawn once with a seed."""


class Analysis(Settings):
    """Settings of the analyse step; each is part of the keys it produces."""

    min_cases: Annotated[int, Field(ge=5)] = 20
    folds: Annotated[int, Field(ge=2, le=10)] = 10
    """Cross-validation folds; at most 10, regenie's limit on category levels."""
    shrinkage: Annotated[float, Field(ge=0, lt=10)] = 0.1
    """Ridge of the discriminant, as a share of the mean axis variance."""
    oversampling: Oversampling = "expected"
    """SMOTE of the rarer class: in closed-form expectation, drawn once, or none."""
    pcs: Annotated[int, Field(ge=2)] = 20
    neighbours: Annotated[int, Field(ge=2)] = 10
    """Neighbours in the kNN graph, the participant itself counted, as in scanpy."""
    resolution: Annotated[float, Field(gt=0)] = 1.0
    resolutions: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] = (
        0.5,
        2.0,
    )
    """Further resolutions the clusters are compared with."""
    stability_repeats: Annotated[int, Field(ge=0, le=1000)] = 10
    """Bootstrap samples clustered anew; 0 = none."""
    occlusion_people: Annotated[int, Field(ge=0, le=10_000)] = 24
    """People whose images are encoded with each part of them left out; 0 = none."""
    occlusion_blocks: Annotated[int, Field(ge=2, le=64)] = 8
    """Most parts along an edge of an image; a part is whole patches."""
    umap_min_dist: Annotated[float, Field(ge=0, le=1)] = 0.5
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class Disclosure(Settings):
    """What may leave the server."""

    threshold: Annotated[int, Field(ge=5)] = 5
    """Counts of people from 1 to one less than this are never shown."""
    images: bool = False
    """Whether screens may show images."""
    downloads: bool = False
    """Whether exports may be downloaded, not only written to ``export_dir``."""
    export_dir: str = "exports"
