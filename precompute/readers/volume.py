"""Volumes and label maps in one orientation, kept as the file's own numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

from precompute.readers.reasons import Unusable

MAX_VOXELS = 200_000_000
"""Volumes of more voxels (times channels) are refused before they are read.

UK Biobank's largest, the whole body with four channels, has 67 million. Without a mask
nothing can be cut away before values are scaled, which takes some 33 bytes a voxel
beside the file's own numbers: 7 GB at the limit, of one image at a time (see `turns`).
"""
TOO_LARGE = f"volume larger than {MAX_VOXELS // 10**6} million voxels"
SINGULAR = "voxel geometry is singular or not finite"
Spacing = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume in RAS+ order: x to the right, y to the front, z to the head.

    The axes are the closest to these: a volume is flipped and its axes are exchanged,
    never interpolated. Where the file does not say how the body lies in it, the order
    is the file's.
    """

    stored: np.ndarray = field(repr=False)
    """(x, y, z, channels): the file's own numbers before slope and intercept."""
    spacing_mm: Spacing | None
    """Distance of voxel centres along x, y, z; None: the file has no voxel size."""
    affine: np.ndarray | None = field(repr=False)
    """(4, 4) float64, voxel index to mm in RAS; None where the file has none."""
    slope: float = 1.0
    """Values are ``slope * stored + intercept``."""
    intercept: float = 0.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y, z."""
        x, y, z, _ = self.stored.shape
        return x, y, z

    @property
    def channels(self) -> int:
        """Values of each voxel."""
        return self.stored.shape[3]

    def crop(self, box: tuple[slice, slice, slice]) -> np.ndarray:
        """Values of a box; nothing outside it is converted.

        Returns
        -------
        numpy.ndarray
            (x, y, z, channels) float32 in the file's unit, contiguous or not. NaN and
            infinities are the file's; what float32 cannot hold becomes infinite.
        """
        part = self.stored[box]
        with np.errstate(over="ignore", invalid="ignore"):
            if (self.slope, self.intercept) == (1.0, 0.0):
                return part.astype(np.float32)
            out = np.empty_like(part, dtype=np.float32)
            # float64 between, a plane at a time along what lies furthest apart
            axis = int(np.argmax(np.abs(part.strides)))
            for to, plane in zip(
                np.moveaxis(out, axis, 0), np.moveaxis(part, axis, 0), strict=True
            ):
                to[...] = plane * np.float64(self.slope) + self.intercept
        return out


@dataclass(frozen=True, eq=False)
class Labels:
    """A mask or label map in RAS+ order, see `Volume`."""

    values: np.ndarray = field(repr=False)
    """(x, y, z) integers, 0 or more."""
    spacing_mm: Spacing | None
    """Distance of voxel centres along x, y, z; None: the file has no voxel size."""
    affine: np.ndarray | None = field(repr=False)
    """(4, 4) float64, voxel index to mm in RAS; None where the file has none."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y, z."""
        x, y, z = self.values.shape
        return x, y, z


def closest_canonical(
    stored: np.ndarray, affine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Flip and exchange the first three axes so that they lie closest to RAS+.

    Parameters
    ----------
    stored
        (x, y, z, …) of anything.
    affine
        (4, 4), voxel index to mm in RAS.

    Returns
    -------
    stored
        A view of it.
    affine
        (4, 4) float64 of the view.

    Raises
    ------
    Unusable
        Where the affine is singular or not finite.
    """
    affine = np.asarray(affine, np.float64)
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not lengths.all():
        raise Unusable(SINGULAR)
    # the volume of the unit cell with edges of length 1: 0 where they lie in a plane
    if not abs(np.linalg.det(affine[:3, :3] / lengths)) > 1e-3:
        raise Unusable(SINGULAR)
    way = io_orientation(affine)  # type: ignore[no-untyped-call]
    back = inv_ornt_aff(way, stored.shape[:3])  # type: ignore[no-untyped-call]
    turned = apply_orientation(stored, way)  # type: ignore[no-untyped-call]
    return turned, affine @ back


def spacing_of(affine: np.ndarray) -> Spacing:
    """Distance of neighbouring voxel centres along each axis of an affine, in mm."""
    x, y, z = np.linalg.norm(affine[:3, :3], axis=0).tolist()
    return x, y, z
