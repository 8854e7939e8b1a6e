"""Settings of encoders: how a network is trained or taken, and read."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from edp_core.settings.base import PATCH, Name, Settings


class _Encoder(Settings):
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
    patch: Annotated[int, Field(ge=2, le=64)] | None = None
    """Edge of a patch, in pixels; by default the organ's."""
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

    @property
    def patch_pixels(self) -> int:
        """Edge of a patch."""
        return PATCH if self.patch is None else self.patch


class PretrainedEncoder(_Encoder):
    """A timm vision transformer with published weights, used as it is."""

    method: Literal["pretrained"]
    model: str = "vit_base_patch16_224.augreg_in21k_ft_in1k"
    weights: str | None = None
    """A local safetensors file; without it the hub is asked, once, by timm."""


class GivenVectors(Settings):
    """Vectors that were computed elsewhere: they are read, nothing is trained."""

    method: Literal["vectors"]
    organs: tuple[Name, ...] = ()
    """Organs it has vectors of; empty means all of the study's."""
    vectors: str
    """Path of the table of vectors; ``{organ}`` stands for the organ's name."""
    eid: str = "eid"
    """Column of the participants' ids."""

    @field_validator("vectors")
    @classmethod
    def _only_organ(cls, value: str) -> str:
        unknown = set(re.findall(r"\{.*?\}", value)) - {"{organ}"}
        if unknown:
            raise ValueError(f"unknown placeholder {sorted(unknown)}: only {{organ}}")
        return value

    def file(self, organ: str) -> str:
        """Path of one organ's table, as the study file would write it."""
        return self.vectors.replace("{organ}", organ)


Encoder = Annotated[
    MaeEncoder | PretrainedEncoder | GivenVectors, Field(discriminator="method")
]
