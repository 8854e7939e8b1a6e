"""Joins slabs of the body, scanned one after another, into one volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from precompute.readers.reasons import Unusable
from precompute.readers.volume import MAX_VOXELS, TOO_LARGE, Volume, spacing_of

_SAME = 1e-3
"""Directions and places (in voxels) that differ by less are the same."""
_REACH = 0.55
"""A voxel speaks for half of its width on either side, and a little more, so that
slabs that only touch leave no gap for rounding."""
_LEAST = 1e-3
"""Weight at the very end of a slab."""


@dataclass(frozen=True)
class _Slab:
    """A station on the common axes: first voxel centre and voxel size, in mm."""

    volume: Volume
    start: np.ndarray
    spacing: np.ndarray

    @property
    def last(self) -> np.ndarray:
        """Centre of the last voxel."""
        return self.start + self.spacing * (np.array(self.volume.shape) - 1)

    @property
    def low(self) -> float:
        """Lower face along z."""
        return float(self.start[2] - self.spacing[2] / 2)

    @property
    def high(self) -> float:
        """Upper face along z."""
        return float(self.last[2] + self.spacing[2] / 2)


def stitch(stations: Sequence[Volume]) -> Volume:
    """Join slabs along z.

    The common grid has the finest spacing of all along each axis and spans them all;
    slabs on another grid are interpolated linearly. Where slabs overlap, each one's
    weight falls linearly to its end, so a volume that was cut into overlapping slabs
    comes back unchanged. Brightness is not matched between slabs.

    Parameters
    ----------
    stations
        In any order, with the same directions and channels.

    Returns
    -------
    Volume
        float32; 0 where no slab reaches, since slabs may differ in width.

    Raises
    ------
    Unusable
        Where they leave a gap, lie at different angles or within one another.
    """
    if len(stations) == 1:
        return stations[0]
    slabs, axes = _common_axes(stations)
    _check_order(slabs)
    spacing = np.min([slab.spacing for slab in slabs], axis=0)
    start = np.min([slab.start for slab in slabs], axis=0)
    last = np.max([slab.last for slab in slabs], axis=0)
    shape = np.rint((last - start) / spacing).astype(int) + 1
    channels = slabs[0].volume.channels
    if int(np.prod(shape, dtype=object)) * channels > MAX_VOXELS:
        raise Unusable(TOO_LARGE)
    # z lies furthest apart, as in the files of slices
    joined = np.zeros((shape[2], shape[1], shape[0], channels), np.float32)
    joined = joined.transpose(2, 1, 0, 3)
    total = np.zeros(joined.shape[2::-1], np.float32).transpose(2, 1, 0)
    heights = start[2] + spacing[2] * np.arange(shape[2])
    for index, slab in enumerate(slabs):
        places = [
            (start[axis] + spacing[axis] * np.arange(shape[axis]) - slab.start[axis])
            / slab.spacing[axis]
            for axis in range(3)
        ]
        region, values = _resample(slab.volume, places)
        weight = _weights(slabs, index, heights[region[2]])
        total[region] += weight
        # written as a step towards the new values: where they agree, nothing changes
        share = (weight / total[region])[..., None]
        joined[region] += (values - joined[region]) * share
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = axes @ start
    x, y, z = spacing.tolist()
    return Volume(joined, (x, y, z), affine)


def _common_axes(stations: Sequence[Volume]) -> tuple[list[_Slab], np.ndarray]:
    """Slabs from foot to head, and the unit vectors (columns) of their axes."""
    slabs = []
    axes = np.eye(3)
    for index, volume in enumerate(stations):
        if volume.affine is None:
            raise Unusable("stations without a position")
        size = np.array(spacing_of(volume.affine))
        if index == 0:
            axes = volume.affine[:3, :3] / size
        elif np.abs(volume.affine[:3, :3] / size - axes).max() > _SAME:
            raise Unusable("stations lie at different angles")
        if volume.channels != stations[0].channels:
            raise Unusable("stations of different channels")
        start = np.linalg.solve(axes, volume.affine[:3, 3])
        slabs.append(_Slab(volume, start, size))
    return sorted(slabs, key=lambda slab: slab.low), axes


def _check_order(slabs: list[_Slab]) -> None:
    for below, above in pairwise(slabs):
        largest = max(below.spacing[2], above.spacing[2])
        if above.low - below.high > (2 * _REACH - 1) * largest:
            raise Unusable("stations leave a gap")
        if above.high <= below.high or above.low <= below.low:
            raise Unusable("stations lie within one another")


def _weights(slabs: list[_Slab], index: int, heights: np.ndarray) -> np.ndarray:
    """Weight of one slab at heights along z: 1, falling to its ends over overlaps."""
    slab = slabs[index]
    weight = np.ones(len(heights))
    if index and (overlap := slabs[index - 1].high - slab.low) > 0:
        weight = np.minimum(weight, (heights - slab.low) / overlap)
    if index + 1 < len(slabs) and (overlap := slab.high - slabs[index + 1].low) > 0:
        weight = np.minimum(weight, (slab.high - heights) / overlap)
    return np.maximum(weight, _LEAST).astype(np.float32)


def _resample(
    volume: Volume, places: list[np.ndarray]
) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Values of a slab on the common grid.

    ``places`` are the common grid's points along each axis, in voxels of the slab.
    Returned are the part of the grid the slab covers and its values there.
    """
    values = volume.crop((slice(None), slice(None), slice(None)))
    region = []
    for axis, place in enumerate(places):
        count = volume.shape[axis]
        inside = (place >= -_REACH) & (place <= count - 1 + _REACH)
        covered = np.flatnonzero(inside)
        region.append(slice(int(covered[0]), int(covered[-1]) + 1))
        place = np.clip(place[covered], 0, count - 1)
        nearest = np.rint(place)
        if np.abs(place - nearest).max() < _SAME:
            values = values.take(nearest.astype(int), axis=axis)
            continue
        lower = np.floor(place).astype(int)
        form = [-1 if at == axis else 1 for at in range(4)]
        part = (place - lower).astype(np.float32).reshape(form)
        below = values.take(lower, axis=axis)
        above = values.take(np.minimum(lower + 1, count - 1), axis=axis)
        values = below + (above - below) * part
    x, y, z = region
    return (x, y, z), values
