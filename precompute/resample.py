"""Resampling of a masked volume, along each axis by one small matrix.

A linear (triangle) filter, widened where the voxels grow so that nothing aliases, as
Pillow's and torch's antialiased bilinear. Values and mask are resampled together and
divided: voxels outside the organ never bleed into its edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Line:
    """Where the new voxels lie along one axis.

    Attributes
    ----------
    start
        Edge of the first new voxel, from the edge of the first old one, in units of
        length.
    step
        Size of a new voxel in units of length.
    count
        How many there are.
    """

    start: float
    step: float
    count: int

    def matrix(self, n: int, step: float) -> np.ndarray:
        """Weights, shape (count, n), from ``n`` old voxels of size ``step``.

        A row sums to 1 where its filter lies within the old voxels, to less where it
        reaches beyond them: what lies there is outside the organ.
        """
        centres = (self.start + (np.arange(self.count) + 0.5) * self.step) / step - 0.5
        width = max(1.0, self.step / step)
        reach = int(np.ceil(width)) + 1
        # the whole filter first, so that the part beyond the volume counts as empty
        around = np.floor(centres)[:, None] + np.arange(-reach, reach + 1)
        weights = np.maximum(0, 1 - np.abs(around - centres[:, None]) / width)
        weights /= weights.sum(axis=1, keepdims=True)
        out = np.zeros((self.count, n), np.float32)
        inside = (around >= 0) & (around < n)
        rows = np.broadcast_to(np.arange(self.count)[:, None], around.shape)
        out[rows[inside], around[inside].astype(int)] = weights[inside]
        return out


def centred(extent: float, *, step: float, count: int) -> Line:
    """New voxels whose middle is the middle of ``extent``."""
    return Line((extent - step * count) / 2, step, count)


def chosen(line: Line, most: int | None) -> np.ndarray:
    """Numbers of at most ``most`` voxels of a line, the middles of equal parts."""
    if most is None or line.count <= most:
        return np.arange(line.count)
    middles = (np.arange(most) + 0.5) * line.count / most - 0.5
    return np.unique(np.round(middles).astype(int))


def resample(
    values: np.ndarray, inside: np.ndarray, matrices: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Values of the organ on a new grid.

    Parameters
    ----------
    values
        (x, y, z, C) float32; what lies outside the organ is ignored.
    inside
        (x, y, z) bool, the organ.
    matrices
        One for each axis, shape (new, old).

    Returns
    -------
    values, inside
        (x', y', z', C) float32, 0 outside; and (x', y', z') bool: voxels of which at
        least half lies in the organ.
    """
    both = np.zeros((*inside.shape, values.shape[3] + 1), np.float32)
    np.copyto(both[..., :-1], values, where=inside[..., None])
    both[..., -1] = inside
    # the axis that shrinks most goes first: less is left for the others
    shrinks = [matrix.shape[0] / matrix.shape[1] for matrix in matrices]
    for axis in np.argsort(shrinks):
        moved = np.tensordot(matrices[axis], both, axes=(1, axis))
        both = np.moveaxis(moved, 0, axis)
    weight = both[..., -1:]
    kept = weight >= 0.5
    return (
        np.divide(
            both[..., :-1], weight, out=np.zeros_like(both[..., :-1]), where=kept
        ),
        kept[..., 0],
    )
