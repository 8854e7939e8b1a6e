"""From stored grey values to what a network sees, with chance changes on the way.

Everything works on a batch at once. Each image's changes are drawn from a CPU
generator, so a seed means the same on every device. Grey value 0 is background (outside
the disc of the eye, outside the organ's mask) and stays 0: contrast is changed by a
power, not about a mean, and corners that turn into view are 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from precompute.shards import Stack, in_chunks

Kind = Literal["eye", "organ", "none"]


@dataclass(frozen=True)
class Ranges:
    """How far a change may go.

    ``area`` is the least share of the image a crop keeps; ``stretch`` its largest ratio
    of edges; ``gain``, ``channel_gain`` and ``power`` are half-widths of log-uniform
    factors, all channels alike except for ``channel_gain``.
    """

    area: float
    stretch: float
    degrees: float
    flip: bool
    gain: float
    channel_gain: float
    power: float


RANGES: dict[str, Ranges] = {
    "eye": Ranges(
        area=0.6,
        stretch=1.1,
        degrees=15,
        flip=True,
        gain=0.2,
        channel_gain=0.1,
        power=0.2,
    ),
    # A liver is not its mirror image, and MRI channels are quantities, not colours.
    "organ": Ranges(
        area=0.7,
        stretch=1.1,
        degrees=10,
        flip=False,
        gain=0.1,
        channel_gain=0.0,
        power=0.1,
    ),
}


def to_unit(images: np.ndarray, *, size: int, device: torch.device) -> Tensor:
    """Stored images as a float batch of the size the network sees.

    Parameters
    ----------
    images
        Shape (n, H, W, C): uint8, or float16 in 0–1.
    size
        Edge wanted, in pixels; other sizes are resampled with antialiasing.

    Returns
    -------
    Tensor
        float32 in 0–1, shape (n, C, size, size).
    """
    batch = torch.from_numpy(np.array(images)).to(device)
    batch = batch.permute(0, 3, 1, 2).float()
    if images.dtype == np.uint8:
        batch = batch.div_(255)
    if batch.shape[-2:] != (size, size):
        batch = functional.interpolate(
            batch, size=(size, size), mode="bilinear", antialias=True
        )
    return batch.contiguous()


def normalise(batch: Tensor, mean: list[float], sd: list[float]) -> Tensor:
    """Centre and scale channels of a 0–1 batch; ``mean``, ``sd`` in grey values."""
    centre, scale = _per_channel(mean, batch), _per_channel(sd, batch)
    return (batch - centre) / scale


def denormalise(batch: Tensor, mean: list[float], sd: list[float]) -> Tensor:
    """Undo `normalise`, with values cut to 0–1."""
    centre, scale = _per_channel(mean, batch), _per_channel(sd, batch)
    return (batch * scale + centre).clamp(0, 1)


def _per_channel(grey: list[float], batch: Tensor) -> Tensor:
    return torch.tensor(grey, device=batch.device).reshape(1, -1, 1, 1) / 255


def channel_moments(
    images: Stack, *, chunk: int = 256
) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel in grey values (0–255).

    Counts the values chunk by chunk (256 of a byte, 65,536 of a half), so the result is
    exact and the images need not fit in memory. A channel of one value gets standard
    deviation 1.
    """
    if images.dtype == np.uint8:
        grey = np.arange(256.0)
    else:
        halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
        grey = 255 * np.nan_to_num(halves.astype(float), posinf=0, neginf=0)
    counts = np.zeros((images.shape[-1], len(grey)), dtype=np.int64)
    for part in in_chunks(images, chunk):
        values = part if part.dtype == np.uint8 else part.view(np.uint16)
        for channel, row in enumerate(counts):
            row += np.bincount(values[..., channel].ravel(), minlength=len(grey))
    share = counts / counts.sum(axis=1, keepdims=True)
    mean = share @ grey
    sd = np.sqrt((share * (grey - mean[:, None]) ** 2).sum(axis=1))
    sd[sd == 0] = 1.0
    return mean.tolist(), sd.tolist()


def augment(batch: Tensor, kind: Kind, *, generator: torch.Generator) -> Tensor:
    """Crop, turn and recolour each image by its own draw.

    Parameters
    ----------
    batch
        Values 0–1, shape (n, C, S, S).
    kind
        ``eye``: crop, flip, small rotation, brightness, contrast, colour gain;
        ``organ``: crop, smaller rotation, brightness, contrast; ``none``: unchanged.
    generator
        On the CPU.

    Returns
    -------
    Tensor
        Shape and range of ``batch``.
    """
    if kind == "none":
        return batch
    ranges = RANGES[kind]
    n, channels = batch.shape[:2]

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    def factor(width: float, *shape: int) -> Tensor:
        return (width * (2 * draw(*shape) - 1)).exp()

    edge = (ranges.area + (1 - ranges.area) * draw(n)).sqrt()
    stretch = factor(math.log(ranges.stretch), n).sqrt()
    width = (edge * stretch).clamp(max=1)
    height = (edge / stretch).clamp(max=1)
    shift_x = (2 * draw(n) - 1) * (1 - width)
    shift_y = (2 * draw(n) - 1) * (1 - height)
    angle = math.radians(ranges.degrees) * (2 * draw(n) - 1)
    mirror = torch.where(draw(n) < 0.5, -1.0, 1.0) if ranges.flip else torch.ones(n)
    cos, sin = angle.cos(), angle.sin()
    # Output position → input position, both in −1 … 1: turn, scale to the crop, shift.
    theta = torch.stack(
        [
            torch.stack([width * cos * mirror, -width * sin, shift_x], dim=1),
            torch.stack([height * sin * mirror, height * cos, shift_y], dim=1),
        ],
        dim=1,
    ).to(batch.device)  # (n, 2, 3)
    grid = functional.affine_grid(theta, list(batch.shape), align_corners=False)
    moved = functional.grid_sample(
        batch, grid, padding_mode="zeros", align_corners=False
    )

    gain = factor(ranges.gain, n, 1, 1, 1)
    gain = gain * factor(ranges.channel_gain, n, channels, 1, 1)
    power = factor(ranges.power, n, 1, 1, 1)
    lit = moved.clamp(0, 1).pow(power.to(batch.device))
    return (lit * gain.to(batch.device)).clamp(0, 1)
