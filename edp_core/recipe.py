"""Recipes of phenotypes: a frozen tagged union, the content of a phenotype card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    field_validator,
    model_serializer,
    model_validator,
)

from edp_core.outline import Polygon
from edp_core.settings.analysis import Oversampling

Seed = Annotated[int, Field(ge=0, lt=2**32)]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
    """Column name in the export."""
    population: str
    cohort: str
    """Content key of the cohort."""
    measured: dict[str, str] = {}
    """Slot ``images/<organ>`` → content key, for each organ whose measured volume
    (`edp_core.people.measures`) the recipe uses; empty where it uses none."""

    LATER: ClassVar[tuple[str, ...]] = (
        "measured", "transform", "oversampling", "score", "chosen_with",
        "also", "side",
    )  # fmt: skip
    """Fields that came after the first cards, left out where they say nothing new:
    older cards keep their bytes."""

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = write(self)
        fields = type(self).model_fields
        for name in self.LATER:
            if name in fields and getattr(self, name) == fields[name].default:
                content.pop(name, None)
        return content


BOTH = "both"
"""Sides of a paired organ averaged: what an embedding has unless one is asked for."""
Transform = Literal["none", "rank-inverse-normal"]
"""What is done to the finished score; the second makes it normal by its ranks."""
Scoring = Literal["out-of-fold", "held-out", "leave-one-out", "best-of-fold"]
"""Who scores whom. Only the last is circular: the paper's, kept for comparison."""


class Labels(BaseModel):
    """Few-shot: which share of the cases' labels is used, drawn with this seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: Seed = 0


class Clustering(BaseModel):
    """How the clusters of an atlas were made, whole: Leiden on exact neighbours."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    algorithm: Literal["leiden"] = "leiden"
    vectors: Literal["centred"] = "centred"
    metric: Literal["cosine"] = "cosine"
    neighbours: Annotated[int, Field(ge=2)]
    """The participant itself counted, as in scanpy."""
    edge_weights: Literal["umap"] = "umap"
    """Fuzzy memberships of UMAP, as scanpy weighs its graph."""
    quality: Literal["RBConfiguration"] = "RBConfiguration"
    """Weighted modularity with a resolution."""
    resolution: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    iterations: Literal["until stable"] = "until stable"
    seed: Seed


class _VectorSpec(_Spec):
    """What is made of an embedding."""

    organ: str
    encoder: str
    embedding: str
    """Content key of the embedding."""
    remove_pcs: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Principal components of the embedding regressed out, counted from 1."""
    remove_covariates: tuple[str, ...] = ()
    """Participants columns regressed out of every axis, with an intercept."""
    sign: Literal[1, -1] = 1
    """1: as the method gives it (guided: higher = more like the cases); −1: turned."""
    transform: Transform = "none"

    @field_validator("remove_pcs", "remove_covariates")
    @classmethod
    def _once_each(cls, value: tuple[object, ...]) -> tuple[object, ...]:
        if len(set(value)) < len(value) or "eid" in value:
            raise ValueError("name each factor once, and none of them eid")
        return value


class _GuidedSpec(_VectorSpec):
    """What is made of an embedding under the guidance of a trait."""

    phenome: str
    """Content key of the phenome."""
    trait: str
    """ICD-10 code, without a dot."""
    labels: Labels = Labels()


class ClassifierSpec(_GuidedSpec):
    """Classifier-guided: out-of-fold linear discriminant, standardised in fold."""

    method: Literal["classifier"] = "classifier"
    folds: Annotated[int, Field(ge=2, le=10)] = 10
    fold_seed: Seed = 0
    shrinkage: Annotated[float, Field(ge=0, lt=10, allow_inf_nan=False)] = 0.1
    oversampling: Oversampling = "none"
    score: Scoring = "out-of-fold"


class ClusterSpec(_GuidedSpec):
    """Cluster-guided: cosine likeness to the mean of one cluster's cases."""

    method: Literal["cluster"] = "cluster"
    atlas: str
    """Content key of the atlas whose Leiden labels are meant."""
    clustering: Clustering
    cluster: Annotated[int, Field(ge=0)]
    also: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Further clusters taken together with the first, ascending."""
    chosen_with: Literal["all", "kept"] = "all"
    """Few-shot: whether the cluster was chosen with all labels, which is circular, or
    as the one most enriched in the kept ones alone."""
    centred: bool = True
    self_excluded: bool = True

    @model_validator(mode="after")
    def _each_once(self) -> ClusterSpec:
        if list(self.also) != sorted(set(self.also) - {self.cluster}):
            raise ValueError("name further clusters once each, in ascending order")
        if self.chosen_with == "kept" and self.also:
            raise ValueError("one cluster is chosen with the kept labels, not several")
        return self


class IslandSpec(_GuidedSpec):
    """Island: likeness to the mean of the cases closest together among few others."""

    method: Literal["island"] = "island"
    gamma: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 4.0
    """Weight of the distance to one who is no case: whoever is nearer than
    reach/gamma is taken, case or not."""
    reach: Annotated[float, Field(gt=0, lt=2)] = 0.3
    """λ of the paper: cosine distance up to which another case is worth having."""
    island: Annotated[int, Field(ge=1, le=20)] = 1
    """Which one, counted from 1: each further one among those not in one before."""
    centred: bool = True
    self_excluded: bool = True


class GroupSpec(_VectorSpec):
    """Likeness to the mean of a group of people, drawn on the map for instance."""

    method: Literal["group"] = "group"
    group: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    """Content hash of its members (`edp_core.inputs.group_key`); never their ids."""
    phenome: str | None = None
    """Content key of the phenome, where a trait is named."""
    trait: str | None = None
    """Only the members who have this code make the mean."""
    drawn_on: str | None = None
    """Code whose labels coloured the map while the group was drawn, if any."""
    atlas: str | None = None
    """Content key of the atlas on whose map the group was drawn."""
    rule: Polygon | None = None
    """How its members are found again; ``group`` then only checks them."""
    centred: bool = True
    self_excluded: bool = True

    LATER: ClassVar[tuple[str, ...]] = (*_Spec.LATER, "atlas", "rule")

    @model_validator(mode="after")
    def _names_what_it_needs(self) -> GroupSpec:
        if (self.trait or self.drawn_on) and self.phenome is None:
            raise ValueError("a group with a trait names its phenome")
        if (self.rule is None) != (self.atlas is None):
            raise ValueError("a group that was drawn on a map names its atlas")
        if self.rule and self.rule.only != "everybody" and self.drawn_on is None:
            raise ValueError("a group of cases or controls names the code of the map")
        return self


class AxisSpec(_VectorSpec):
    """One axis of the embedding, or one of its principal components; no labels."""

    method: Literal["axis"] = "axis"
    of: Literal["pc", "axis"] = "pc"
    axis: Annotated[int, Field(ge=1)]
    """Which one, counted from 1: PC 1 has the largest variance; axis 1 is the first
    column of the embedding."""
    atlas: str | None = None
    """Content key of the atlas whose components are meant; none for an axis."""
    side: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")] = BOTH
    """``both`` averages the sides; else one of the organ's, as ``sides`` in study.toml
    names them: its vectors along the same direction."""

    @model_validator(mode="after")
    def _makes_sense(self) -> AxisSpec:
        if (self.of == "pc") != (self.atlas is not None):
            raise ValueError(
                "a PC names its atlas, an axis of the embedding names none"
            )
        if self.of == "pc" and self.axis in self.remove_pcs:
            raise ValueError(f"PC{self.axis} cannot be removed from itself")
        return self


class CodeSpec(_Spec):
    """Baseline: the code itself as a binary trait."""

    method: Literal["code"] = "code"
    phenome: str
    trait: str


class ColumnSpec(_Spec):
    """Baseline: a participants column as a quantitative trait."""

    method: Literal["column"] = "column"
    column: str
    transform: Transform = "none"


GuidedSpec = ClassifierSpec | ClusterSpec | IslandSpec
"""Made of an embedding and a trait: testing them against that trait is circular."""
LikenessSpec = ClusterSpec | IslandSpec | GroupSpec
"""Likeness to the mean of some people."""
VectorSpec = GuidedSpec | GroupSpec | AxisSpec
"""Made of an embedding."""
Spec = VectorSpec | CodeSpec | ColumnSpec
PhenotypeSpec = Annotated[Spec, Field(discriminator="method")]
SPEC: TypeAdapter[Spec] = TypeAdapter(PhenotypeSpec)
"""Reads and writes any recipe: ``SPEC.validate_json``, ``SPEC.dump_json``."""


def families(specs: Sequence[Spec]) -> list[list[int]]:
    """Recipes that differ in nothing but name and axis, together.

    Returns
    -------
    list of list of int
        Places in ``specs``, each once; families in the order of their first member.
        What is no axis or component stands alone.
    """
    found: dict[object, list[int]] = {}
    for at, spec in enumerate(specs):
        alike: object = at
        if isinstance(spec, AxisSpec):
            alike = spec.model_dump_json(exclude={"name", "axis"})
        found.setdefault(alike, []).append(at)
    return list(found.values())


def span_of(numbers: Sequence[int]) -> str:
    """Numbers of axes as people write them.

    >>> span_of([3, 1, 2, 7])
    '1–3, 7'
    """
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ", ".join("–".join(map(str, part)) for part in parts)
