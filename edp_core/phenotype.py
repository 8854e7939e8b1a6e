"""The hub: from a recipe to one number for each participant.

`evaluate` is the only way from a `PhenotypeSpec` to values. The screens, the command
line and the tests call it, so what is seen is what is exported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

SCHEMA = 1


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
    """Column name in the export."""
    population: str
    cohort: str
    """Content key of the cohort."""


class Labels(BaseModel):
    """Few-shot: which share of the cases' labels is used, drawn with this seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: int = 0


class _ImageSpec(_Spec):
    organ: str
    encoder: str
    embedding: str
    """Content key of the embedding."""
    phenome: str
    """Content key of the phenome."""
    trait: str
    """ICD-10 code, without a dot."""
    labels: Labels = Labels()
    remove_pcs: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Principal components of the embedding regressed out, counted from 1."""
    remove_covariates: tuple[str, ...] = ()
    """Participants columns regressed out of every axis, with an intercept."""
    sign: Literal[1, -1] = 1
    """1: higher = more like the cases; −1: the opposite."""


class ClassifierSpec(_ImageSpec):
    """Classifier-guided: out-of-fold linear discriminant, standardised in fold."""

    method: Literal["classifier"] = "classifier"
    folds: Annotated[int, Field(ge=2, le=10)] = 10
    fold_seed: int = 0
    shrinkage: Annotated[float, Field(ge=0)] = 0.1


class ClusterSpec(_ImageSpec):
    """Cluster-guided: cosine likeness to the mean of one cluster's cases."""

    method: Literal["cluster"] = "cluster"
    atlas: str
    """Content key of the atlas whose Leiden labels are meant."""
    cluster: Annotated[int, Field(ge=0)]
    centred: bool = True
    self_excluded: bool = True


class CodeSpec(_Spec):
    """Baseline: the code itself as a binary trait."""

    method: Literal["code"] = "code"
    phenome: str
    trait: str


class ColumnSpec(_Spec):
    """Baseline: a participants column as a quantitative trait."""

    method: Literal["column"] = "column"
    column: str


PhenotypeSpec = Annotated[
    ClassifierSpec | ClusterSpec | CodeSpec | ColumnSpec, Field(discriminator="method")
]
SPEC: TypeAdapter[ClassifierSpec | ClusterSpec | CodeSpec | ColumnSpec] = TypeAdapter(
    PhenotypeSpec
)


@dataclass(frozen=True)
class Phenotype:
    """A score with its recipe.

    Attributes
    ----------
    eids
        (n_participants,) strings, sorted; everyone of the cohort's population.
    values
        (n_participants,) float64; NaN = missing. Binary traits are 0 and 1.
    kind
        ``quantitative`` or ``binary``.
    folds
        (n_participants,) fold of each participant, −1 where none; `None` for scores
        made without folds.
    figures
        Numbers for the card and the screen (n_cases, auc, log10p, …).
    """

    spec: ClassifierSpec | ClusterSpec | CodeSpec | ColumnSpec
    eids: np.ndarray
    values: np.ndarray
    kind: Literal["quantitative", "binary"]
    folds: np.ndarray | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Inputs:
    """What `evaluate` works on; all rows follow ``participants``."""

    participants: pd.DataFrame
