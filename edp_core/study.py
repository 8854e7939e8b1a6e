"""A study: what `study.toml` says, checked and frozen.

Paths in the file are relative to the folder it stands in. Unknown keys are refused,
so a misspelt setting never silently means its default.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from edp_core.errors import InputError

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"
Name = Annotated[str, Field(pattern=NAME)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Participants(_Model):
    """The participants table: CSV or TSV (plain or .gz) or Parquet, one row each."""

    table: str
    eid: str = "eid"
    columns: dict[str, str] = {}
    """Our name → the file's column, e.g. ``age_years = "21003-2.0"``."""
    categories: tuple[str, ...] = ("sex", "centre", "array")
    """Our names of columns that are categories, whatever their cells look like."""


class Diagnoses(_Model):
    """The long diagnoses table, one row for each participant and ICD-10 code."""

    table: str
    eid: str = "eid"
    code: str = "icd10"
    date: str | None = None


class Organ(_Model):
    """Where the images of one organ lie and how they are prepared at ingest."""

    images: str
    """Path pattern with ``{eid}`` and, where they occur, ``{side}``, ``{instance}``."""
    sides: dict[Name, str] = {}
    """Side name → the text that stands for ``{side}`` in the pattern."""
    channels: Annotated[int, Field(ge=1, le=16)] = 3
    channel_names: tuple[str, ...] = ()
    image_size: Annotated[int, Field(ge=16, le=1024)] = 144
    """Edge of the square image kept in the store, in pixels."""
    crop: Literal["none", "fundus"] = "none"
    """``fundus`` crops to the bright disc of a retinal photograph."""
    mirror: tuple[Name, ...] = ()
    """Sides flipped left–right at ingest so that both eyes lie alike."""
    blank_sd: Annotated[float, Field(ge=0)] = 2.0
    """An image whose grey values (0–255) vary by less is excluded as blank."""

    @model_validator(mode="after")
    def _pattern_and_sides_agree(self) -> Organ:
        if "{eid}" not in self.images:
            raise ValueError("images needs {eid} in its pattern")
        if ("{side}" in self.images) != bool(self.sides):
            raise ValueError("{side} in images and the table of sides go together")
        if len(set(self.sides.values())) < len(self.sides):
            raise ValueError("two sides have the same text")
        if set(self.mirror) - set(self.sides):
            raise ValueError("mirror names a side that is not in sides")
        if self.channel_names and len(self.channel_names) != self.channels:
            raise ValueError("channel_names must name every channel")
        return self


class _Encoder(_Model):
    organs: tuple[Name, ...] = ()
    """Organs this encoder is used for; empty means all of the study's."""
    image_size: Annotated[int, Field(ge=16, le=1024)] | None = None
    """Edge the network sees, in pixels; by default the organ's."""
    pooling: Literal["cls", "mean"] = "cls"
    """``cls`` token, or the mean of the patch tokens."""
    block: int = -2
    """Which block's output is the embedding; −2 is the penultimate."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class MaeEncoder(_Encoder):
    """A masked autoencoder trained on the study's own images (He et al. 2022)."""

    method: Literal["mae"]
    size: Literal["tiny", "small", "base"] = "small"
    """Width and heads: tiny 192/3, small 384/6, base 768/12."""
    patch: Annotated[int, Field(ge=2, le=64)] = 16
    depth: Annotated[int, Field(ge=2, le=48)] = 12
    mask_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.75
    norm_pix: bool = True
    decoder_dim: Annotated[int, Field(ge=32, multiple_of=4)] = 512
    decoder_depth: Annotated[int, Field(ge=1)] = 8
    decoder_heads: Annotated[int, Field(ge=1)] = 16
    epochs: Annotated[int, Field(ge=1)] = 30
    warmup_epochs: Annotated[float, Field(ge=0)] = 4
    batch: Annotated[int, Field(ge=1)] = 64
    base_lr: Annotated[float, Field(gt=0)] = 1.5e-4
    """Learning rate for a batch of 256; scaled by batch / 256."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    augment: Literal["eye", "organ", "none"] = "organ"
    """``eye``: crop, small rotation, colour jitter; ``organ``: crop and intensity."""
    checkpoint_minutes: Annotated[float, Field(gt=0)] = 1.0


class PretrainedEncoder(_Encoder):
    """A timm vision transformer with published weights, used as it is."""

    method: Literal["pretrained"]
    model: str = "vit_base_patch16_224.augreg_in21k_ft_in1k"
    weights: str | None = None
    """A local safetensors file; without it the hub is asked, once, by timm."""


Encoder = Annotated[MaeEncoder | PretrainedEncoder, Field(discriminator="method")]


class Rule(_Model):
    """One condition on a participants column; all rules of a population must hold."""

    column: str
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str | float, ...] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Rule:
        if self.at_least is None and self.at_most is None and self.one_of is None:
            raise ValueError("a rule needs at_least, at_most or one_of")
        return self


class Population(_Model):
    """A named filter of participants, applied before anything is learnt."""

    rules: tuple[Rule, ...] = ()
    withdrawals: str | None = None
    """File of withdrawn eids, one a line."""


class Analysis(_Model):
    """Settings of the analyse step; each is part of the keys it produces."""

    min_cases: Annotated[int, Field(ge=5)] = 20
    folds: Annotated[int, Field(ge=2, le=10)] = 10
    """Cross-validation folds; at most 10, regenie's limit on category levels."""
    shrinkage: Annotated[float, Field(ge=0, lt=10)] = 0.1
    """Ridge of the discriminant, as a share of the mean axis variance."""
    pcs: Annotated[int, Field(ge=2)] = 20
    neighbours: Annotated[int, Field(ge=2)] = 10
    """Neighbours in the kNN graph, the participant itself counted, as in scanpy."""
    resolution: Annotated[float, Field(gt=0)] = 1.0
    umap_min_dist: Annotated[float, Field(ge=0, le=1)] = 0.5
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class Disclosure(_Model):
    """What may leave the server."""

    threshold: Annotated[int, Field(ge=5)] = 5
    """Counts of people from 1 to one less than this are never shown."""
    images: bool = False
    """Whether screens may show images."""
    downloads: bool = False
    """Whether exports may be downloaded, not only written to ``export_dir``."""
    export_dir: str = "exports"


class Study(_Model):
    """Everything `study.toml` says; `folder` is where it stands."""

    name: str
    description: str = ""
    simulated: bool = False
    folder: Path = Path()
    store: str = "store"
    participants: Participants
    diagnoses: Diagnoses | None = None
    organs: dict[Name, Organ]
    encoders: dict[Name, Encoder]
    populations: dict[Name, Population] = {"everyone": Population()}
    population: Name = "everyone"
    """The population this study learns from and shows."""
    analysis: Analysis = Analysis()
    disclosure: Disclosure = Disclosure()

    @field_validator("organs", "encoders")
    @classmethod
    def _not_empty(cls, value: dict[str, object]) -> dict[str, object]:
        if not value:
            raise ValueError("at least one is needed")
        return value

    @model_validator(mode="after")
    def _names_meet(self) -> Study:
        if self.population not in self.populations:
            raise ValueError(f"population {self.population!r} is not in populations")
        for name, encoder in self.encoders.items():
            unknown = set(encoder.organs) - set(self.organs)
            if unknown:
                raise ValueError(f"encoders.{name}.organs: no organ {sorted(unknown)}")
        return self

    def path(self, relative: str) -> Path:
        """Path of the file system for a path written in the study file."""
        return (self.folder / relative).resolve()

    @property
    def store_path(self) -> Path:
        """Folder of the store."""
        return self.path(self.store)

    def pairs(self) -> list[tuple[str, str]]:
        """Every (organ, encoder) the study asks for, in the order of the file."""
        return [
            (organ, name)
            for organ in self.organs
            for name, encoder in self.encoders.items()
            if not encoder.organs or organ in encoder.organs
        ]


def load_study(path: Path | str) -> Study:
    """Read a study from its folder or its `study.toml`.

    Raises
    ------
    InputError
        Where the file is missing, is not TOML, or has a key or value that is not
        allowed; the message names the file and the key.
    """
    given = Path(path)
    file = given / "study.toml" if given.is_dir() else given
    if not file.is_file():
        raise InputError(
            f"There is no study at {given}",
            "give the folder that holds study.toml, or make one: "
            "python -m precompute demo DIR",
        )
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"{file} cannot be read: {error.strerror}", "mend its permissions"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not TOML: {error}", "mend that line") from error
    if "folder" in content:
        raise InputError(f"{file}: unknown key 'folder'", "remove it")
    try:
        return Study.model_validate({**content, "folder": file.parent.resolve()})
    except ValidationError as error:
        problems = [
            f"{_key(item['loc']) or 'study'}: "
            + ("unknown key" if item["type"] == "extra_forbidden" else item["msg"])
            for item in error.errors()
        ]
        raise InputError(
            f"{file}: " + "; ".join(problems),
            "mend the keys named; docs/study.md lists every setting",
        ) from error


def _key(place: tuple[int | str, ...]) -> str:
    """Key as the file writes it, without the tag pydantic puts after an encoder."""
    parts = [str(part) for part in place]
    if parts[:1] == ["encoders"] and len(parts) > 2:
        del parts[2]
    return ".".join(parts)
