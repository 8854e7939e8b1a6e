"""Settings of organs: where their images lie and how they are prepared at ingest."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from edp_core.settings.base import PATCH, Name, Settings

VOLUMES = (".nii", ".nii.gz", ".hdr", ".img", ".img.gz", ".zip")
PLACEHOLDERS = ("{eid}", "{instance}", "{array}", "{side}", "{channel}")
Millimetres = Annotated[float, Field(gt=0, le=50)]


class Quality(Settings):
    """When an image is left out. Every limit can be loosened until it never bites."""

    blank_sd: Annotated[float, Field(ge=0)] = 2.0
    """Picture: least SD of grey values (0–255). Volume: 0 takes organs of one value."""
    overexposed_max: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Largest share of the organ (or the disc of the eye) at the brightest value."""
    border_max: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Largest share of the organ's voxels that lie on a face of the volume."""
    mask_min_voxels: Annotated[int, Field(ge=1)] = 100
    """A mask of fewer voxels is no organ."""
    disc_min: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Least share of a circle's area a fundus photograph's bright region fills."""


class Organ(Settings):
    """Where the images of one organ lie and how they are prepared at ingest."""

    preset: Name | None = None
    """Settings of `edp_core/presets/<name>.toml`; what is given here goes before it."""
    images: str | None = None
    """Path pattern with ``{eid}`` and, where they occur, the other placeholders.

    Without it the organ's vectors must come ready made, from every encoder it has.
    """
    mask: str | None = None
    """Path pattern of the organ's mask: one binary file, or a label map."""
    labels: tuple[str | int, ...] = ()
    """Labels of the organ in the map, by number or by name; empty: all but 0."""
    label_names: str | None = None
    """JSON file that names a label map's numbers."""
    sides: dict[Name, str] = {}
    """Side name → the text that stands for ``{side}`` in the patterns."""
    channels: Annotated[int, Field(ge=1, le=16)] = 3
    channel_names: tuple[str, ...] = ()
    """A name for each; the text that stands for ``{channel}`` in the pattern."""
    series: tuple[str, ...] = ()
    """DICOM archive: the series description of each channel, with ``*``."""
    frame: Annotated[int, Field(ge=0)] = 0
    """Which time point of a moving image is read."""
    image_size: Annotated[int, Field(ge=16, le=1024)] = 144
    """Edge of the square image kept in the store, in pixels."""
    patch: Annotated[int, Field(ge=2, le=64)] = PATCH
    """Edge of a patch for encoders that do not set their own, in pixels."""
    crop: Literal["none", "fundus"] = "none"
    """``fundus`` crops to the bright disc of a retinal photograph."""
    mirror: tuple[Name, ...] = ()
    """Sides flipped left–right at ingest so that both lie alike."""
    axis: Literal["sagittal", "coronal", "axial"] = "axial"
    """Volume: the direction across which it is cut into slices."""
    spacing_mm: Millimetres | tuple[Millimetres, Millimetres, Millimetres] | None = None
    """Volume: voxel size it is resampled to (right–left, back–front, foot–head)."""
    slices: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Volume: at most so many slices, evenly spread over the organ."""
    fit: Literal["organ", "field"] = "organ"
    """Volume: the organ's cuboid fills the square, or it keeps its size in mm."""
    intensity: Literal["joint", "channel", "window"] = "joint"
    """Volume: how values are scaled to 0–1."""
    window: tuple[float, float] | None = None
    """Values that become 0 and 1 where intensity is ``window``."""
    quality: Quality = Quality()

    @property
    def image_pattern(self) -> str:
        """``images`` of an organ that has any; others are never listed."""
        assert self.images is not None
        return self.images

    @property
    def volumetric(self) -> bool:
        """Whether the images are volumes, by the ending of the pattern."""
        return self.images is not None and self.images.lower().endswith(VOLUMES)

    @model_validator(mode="after")
    def _patterns_agree(self) -> Organ:
        patterns = [self.images or "", self.mask or "", *map(str, self.labels)]
        for setting, text in (("images", self.images), ("mask", self.mask)):
            if text is not None and "{eid}" not in text:
                raise ValueError(f"{setting} needs {{eid}} in its pattern")
        found = {name for text in patterns for name in re.findall(r"\{.*?\}", text)}
        if found - set(PLACEHOLDERS):
            raise ValueError(f"unknown placeholder {sorted(found - set(PLACEHOLDERS))}")
        if ("{side}" in found) != bool(self.sides):
            raise ValueError("{side} in a pattern and the table of sides go together")
        if len(set(self.sides.values())) < len(self.sides):
            raise ValueError("two sides have the same text")
        if set(self.mirror) - set(self.sides):
            raise ValueError("mirror names a side that is not in sides")
        return self

    @model_validator(mode="after")
    def _channels_agree(self) -> Organ:
        if self.channel_names and len(self.channel_names) != self.channels:
            raise ValueError("channel_names must name every channel")
        if "{channel}" in (self.images or "") and not self.channel_names:
            raise ValueError("{channel} in images needs channel_names")
        if self.series and len(self.series) != self.channels:
            raise ValueError("series needs one entry for every channel")
        return self

    @model_validator(mode="after")
    def _nothing_of_images_without(self) -> Organ:
        if self.images is None:
            idle = [name for name in ("mask", "series", "sides") if getattr(self, name)]
            if idle:
                raise ValueError(f"{idle[0]} is for images, and there are none")
        return self

    @model_validator(mode="after")
    def _volume_settings_agree(self) -> Organ:
        if not self.volumetric and self.mask:
            raise ValueError("mask is for volumes (.nii, .nii.gz, .hdr, .img, .zip)")
        if self.labels and not self.mask:
            raise ValueError("labels needs a mask")
        if any(isinstance(label, str) for label in self.labels) != bool(
            self.label_names
        ):
            raise ValueError("labels by name and label_names go together")
        if self.fit == "field" and self.spacing_mm is None:
            raise ValueError('fit = "field" needs spacing_mm')
        if (self.intensity == "window") != (self.window is not None):
            raise ValueError('intensity = "window" and window go together')
        if self.window and not self.window[0] < self.window[1]:
            raise ValueError("window must rise")
        return self
