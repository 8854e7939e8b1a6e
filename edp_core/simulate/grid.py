"""The voxel grid of simulated volumes, boxes cut from it, and smooth noise on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

Field = NDArray[np.float32]

SHAPE = (80, 62, 30)
SPACING_MM = (4.5, 4.5, 8.0)
"""Left–right, back–front, foot–head; coarser than real, to be quick and small."""
VOXEL_ML = SPACING_MM[0] * SPACING_MM[1] * SPACING_MM[2] / 1000
AXES_MM = tuple(
    ((np.arange(n) + 0.5 - n / 2) * step).astype(np.float32)
    for n, step in zip(SHAPE, SPACING_MM, strict=True)
)
"""Places of the voxels' centres: x grows to the right, y to the front, z headwards."""


def affine() -> NDArray[np.float64]:
    """(4, 4) voxel indices → mm, RAS+."""
    matrix = np.diag([*SPACING_MM, 1.0])
    matrix[:3, 3] = [float(axis[0]) for axis in AXES_MM]
    return matrix


@dataclass(frozen=True)
class Box:
    """A cuboid of the grid about a point.

    Attributes
    ----------
    at
        Slices that cut it from an array of the grid's shape.
    x, y, z
        mm from that point; they broadcast to the box's shape.
    """

    at: tuple[slice, slice, slice]
    x: Field
    y: Field
    z: Field

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis."""
        return (self.x.size, self.y.size, self.z.size)

    def points(self, inside: NDArray[np.bool_]) -> Field:
        """(n_inside, 3) mm of the voxels of a mask of the box's shape."""
        i, j, k = np.nonzero(inside)
        return np.column_stack([self.x[i, 0, 0], self.y[0, j, 0], self.z[0, 0, k]])


def cut(centre_mm: ArrayLike, half_mm: ArrayLike) -> Box:
    """The box of voxels within ``half_mm`` of ``centre_mm``, clipped to the grid."""
    slices, offsets = [], []
    for axis, middle, half in zip(
        AXES_MM, np.asarray(centre_mm), np.asarray(half_mm), strict=True
    ):
        start, stop = np.searchsorted(axis, [middle - half, middle + half])
        slices.append(slice(int(start), int(stop)))
        offsets.append((axis[start:stop] - np.float32(middle)).astype(np.float32))
    x, y, z = offsets
    at = (slices[0], slices[1], slices[2])
    return Box(at, x[:, None, None], y[None, :, None], z[None, None, :])


def band_noise(
    rng: np.random.Generator, shape: tuple[int, int, int], *, mm: tuple[float, float]
) -> Field:
    """Noise of the wavelengths between two smoothings (SD in mm), SD about 1."""
    white = rng.standard_normal(shape, dtype=np.float32)
    fine, coarse = (np.array([s / step for step in SPACING_MM]) for s in mm)
    band = gaussian_filter(white, fine, truncate=2.5)
    band -= gaussian_filter(white, coarse, truncate=2.0)
    return np.asarray(band / (band.std() + 1e-6), np.float32)


def smooth_noise(rng: np.random.Generator, knots: tuple[int, int, int]) -> Field:
    """Noise of the whole grid, interpolated between standard normal knots."""
    field = rng.standard_normal(knots, dtype=np.float32)
    for count, n in zip(knots, SHAPE, strict=True):
        place = np.linspace(0, count - 1, n, dtype=np.float32)
        low = np.minimum(place.astype(int), count - 2)
        share = place - low
        weights = np.zeros((n, count), np.float32)
        weights[np.arange(n), low] = 1 - share
        weights[np.arange(n), low + 1] = share
        # each turn contracts the first axis and puts the new one last
        field = np.tensordot(field, weights, axes=(0, 1)).astype(np.float32)
    return field


def fewest(depth: Field, count: int) -> NDArray[np.bool_]:
    """Mask of the ``count`` voxels of least depth: an organ of exactly that volume."""
    flat = depth.ravel()
    inside = np.zeros(flat.size, bool)
    inside[np.argpartition(flat, count - 1)[:count]] = True
    return inside.reshape(depth.shape)
