"""A simulated liver in 3-D: its shape, and what lies in it.

The contour is that of an axial liver, seen from the hilum as a radius for each angle;
foot to head it tapers, the right lobe reaching lower than the left. It shows

- volume: the organ has exactly the voxels that its millilitres make;
- fat: the fat fraction of the tissue;
- fibrosis: the grain grows with the stage, and above stage 1.5 nodules between dark
  septa and a bumpy surface appear;
- lesions: balls, brighter or darker than the tissue in water, without fat.

The course of the contour and of the vessels tells nothing of health.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree
from scipy.special import expit

from edp_core.simulate.factors import VOLUME_MEDIAN_ML
from edp_core.simulate.grid import (
    SPACING_MM,
    VOXEL_ML,
    Box,
    Field,
    band_noise,
    cut,
    fewest,
)

Array = NDArray[np.float64]

CENTRE_MM = (38.0, 14.0, 12.0)
OUTLINE_MM = (
    (-95, 5), (-88, -38), (-58, -66), (-15, -74), (25, -67), (65, -58), (93, -43),
    (80, -27), (47, -17), (20, -3), (4, 18), (-10, 46), (-34, 68), (-62, 71), (-86, 45),
)  # fmt: skip
"""An axial liver as radiologists see it: right lobe on the left, front at the top."""
HILUM_MM = (-20.0, -15.0)
"""Every point of the outline is seen from here, so a radius per angle describes it."""
CAVA_MM = (-6.0, 14.0, 45.0)
VESSELS_MM = (
    (CAVA_MM, (-78, 18, 0)), (CAVA_MM, (-40, -52, 5)), (CAVA_MM, (48, -44, 15)),
    ((-8, 0, -25), (-66, 10, -20)), ((-8, 0, -25), (52, -40, 0)),
)  # fmt: skip
"""Hepatic veins and the branches of the portal vein: from, to."""
N_ANGLES = 360
NODULE_MM, SEPTUM_MM = 20.0, 4.5
LESION_MM = (8.0, 15.0)
"""Least and largest radius of a lesion."""
BRIGHT_SHARE, BRIGHT, DARK = 0.85, 2.1, 0.4
"""Share of lesions that are fluid, and the water of these and of the others."""


class Liver:
    """One liver on the grid.

    Attributes
    ----------
    box
        Where it lies; coordinates from its centre, turned as in `OUTLINE_MM`.
    inside
        Mask in the box.
    """

    def __init__(
        self,
        latent: Mapping[str, float],
        *,
        rng: np.random.Generator,
        taken: NDArray[np.bool_],
    ) -> None:
        self.rng, self.fibrosis = rng, latent["fibrosis"]
        self.fat, self.lesions = latent["fat_percent"] / 100, int(latent["lesions"])
        self.nodular = float(np.clip((self.fibrosis - 1.5) / 1.2, 0, 1))
        self.scale = (latent["liver_ml"] / VOLUME_MEDIAN_ML) ** (1 / 3)
        shift = np.clip(rng.normal(0, 4, 3), -8, 8)
        self.box = cut(
            np.add(CENTRE_MM, shift), np.multiply((118, 96, 100), self.scale)
        )
        depth = self._depth(self.box)
        depth[taken[self.box.at]] = np.inf
        count = round(latent["liver_ml"] / VOXEL_ML)
        self.inside = fewest(depth, count)
        self.depth = depth[self.inside] / depth[self.inside].max()
        mirrored = np.array([-1, -1, 1], np.float32)
        self.at = self.box.points(self.inside) * (mirrored / np.float32(self.scale))

    def _depth(self, box: Box) -> Field:
        """0 at the hilum, 1 at the surface of a liver of the median's shape."""
        turn = np.deg2rad(self.rng.normal(0, 4))
        x, y, z = (axis / np.float32(self.scale) for axis in (-box.x, -box.y, box.z))
        across = x * np.cos(turn) + y * np.sin(turn)
        front = y * np.cos(turn) - x * np.sin(turn)
        # the left lobe is flatter and lies higher than the right one
        side = np.clip((across + 95) / 190, 0, 1)
        middle, half = -6 + 32 * side, 88 - 45 * side**1.5
        taper = np.abs((z - middle) / half) ** 2.5
        across, front = across - HILUM_MM[0], front - HILUM_MM[1]
        angle = np.arctan2(front, across)
        limit = np.interp(angle, ANGLES, self._radii(), period=2 * np.pi)
        depth = ((across**2 + front**2) / limit**2) ** 1.1 + taper
        if self.nodular:
            bumps = band_noise(self.rng, box.shape, mm=(6.0, 14.0))
            depth *= 1 + 0.05 * self.nodular * bumps
        return np.asarray(depth, np.float32)

    def _radii(self) -> Array:
        """Radius at each angle, in mm of a liver of 1.4 L; the area is always one."""
        waves = np.arange(1, 6)
        series = self.rng.normal(0, 0.045 / waves**0.7, (2, 5))
        wobble = series[0] @ np.cos(np.outer(waves, ANGLES))
        wobble += series[1] @ np.sin(np.outer(waves, ANGLES))
        radii = RADII * np.exp(wobble)
        return np.asarray(radii * np.sqrt((RADII**2).sum() / (radii**2).sum()))

    def tissue(self) -> tuple[Field, Field]:
        """Fat and water of each voxel of the mask; plain tissue has a sum of 1."""
        fine, coarse = self._noise(3.0, 8.0), self._noise(14.0, 40.0)
        fat = self.fat * (1 + 0.06 * coarse + 0.02 * self.fibrosis * fine)
        # scars are dark strands: they take signal more than they give
        grain = 0.02 * coarse + 0.015 * fine
        grain += 0.04 * self.fibrosis * np.minimum(fine, 0.6)
        water = (1 - self.fat) * (1 + grain)
        if self.nodular:
            septum, shade = self._nodules()
            water *= (1 - 0.3 * self.nodular * septum) * (1 + self.nodular * shade)
            fat *= 1 - 0.4 * self.nodular * septum
        vessel = self._vessels()
        water *= 1 - 0.5 * vessel
        fat *= 1 - 0.6 * vessel
        for cover, bright in self._lesions():
            water += cover * ((BRIGHT if bright else DARK) - water)
            fat += cover * (0.1 * self.fat - fat)
        return fat.astype(np.float32), water.astype(np.float32)

    def _noise(self, fine_mm: float, coarse_mm: float) -> Field:
        band = band_noise(self.rng, self.box.shape, mm=(fine_mm, coarse_mm))
        values = band[self.inside]
        return np.asarray((values - values.mean()) / values.std(), np.float32)

    def _nodules(self) -> tuple[Array, Array]:
        """Septa between the cells nearest to scattered seeds, and each cell's shade."""
        steps = np.arange(-120, 121, NODULE_MM)
        seeds = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
        seeds = seeds + self.rng.uniform(-0.45, 0.45, seeds.shape) * NODULE_MM
        found = cKDTree(seeds).query(self.at, k=2)
        distance, nearest = np.asarray(found[0]), np.asarray(found[1])
        gap = (distance[:, 1] - distance[:, 0]) / SEPTUM_MM
        return np.exp(-(gap**2)), self.rng.normal(0, 0.07, len(seeds))[nearest[:, 0]]

    def _vessels(self) -> Array:
        """How much of each voxel is vessel: trunks with two branches each."""
        points = []
        for start, target in VESSELS_MM:
            end = np.add(target, self.rng.normal(0, 8, 3))
            trunk = self._branch(np.add(start, self.rng.normal(0, 2, 3)), end, 6.0)
            points.append(trunk)
            for share, side in ((0.35, 1), (0.6, -1)):
                root = trunk[int(share * len(trunk))]
                along = trunk[-1, :3] - trunk[0, :3]
                bend = side * self.rng.uniform(0.5, 0.9)
                away = np.array([-along[1], along[0], 0.4 * along[0]]) * bend
                tip = root[:3] + 0.45 * (along + away)
                points.append(self._branch(root[:3], tip, 0.75 * root[3]))
        drawn = np.concatenate(points) * self.scale
        drawn[:, :2] *= -1
        return np.exp(-(self._widths_from(drawn)[self.inside] ** 4))

    def _widths_from(self, drawn: Array) -> Array:
        """Distance of the voxels in the box from points, in widths of the point."""
        axes = [axis.ravel() for axis in (self.box.x, self.box.y, self.box.z)]
        first, step = np.array([a[0] for a in axes]), np.array(SPACING_MM)
        nearest = np.rint((drawn[:, :3] - first) / step).astype(int)
        # beyond these neighbours a vessel's share is nothing
        window = [np.arange(-reach, reach + 1) for reach in (3, 3, 2)]
        around = np.stack(np.meshgrid(*window, indexing="ij"), axis=-1).reshape(-1, 3)
        at = nearest[:, None] + around
        apart = (first + at * step - drawn[:, None, :3]) / drawn[:, None, 3:]
        ratio = np.sqrt(np.einsum("nkd,nkd->nk", apart, apart))
        field = np.full(self.box.shape, np.inf)
        valid = ((at >= 0) & (at < self.box.shape)).all(axis=2)
        np.minimum.at(field, tuple(at[valid].T), ratio[valid])
        return field

    def _branch(self, start: Array, end: Array, width: float) -> Array:
        """(n, 4) points of a bent, thinning line: x, y, z, half width."""
        along = np.linspace(0, 1, 14)[:, None]
        away = np.array([start[1] - end[1], end[0] - start[0], 0.0])
        thin = width * (1 - 0.55 * along)
        bow = self.rng.normal(0, 0.12) * np.sin(np.pi * along) * away
        return np.hstack([start + along * (end - start) + bow, thin])

    def _lesions(self) -> list[tuple[Array, bool]]:
        """Cover of each lesion and whether it is bright in water; apart if they can."""
        free = self.depth < 0.8
        drawn = []
        for _ in range(self.lesions):
            radius, bright = (
                self.rng.uniform(*LESION_MM),
                self.rng.random() < BRIGHT_SHARE,
            )
            places = np.flatnonzero(free if free.any() else self.depth < 0.8)
            middle = self.at[places[self.rng.integers(len(places))]]
            apart = np.sqrt(((self.at - middle) ** 2).sum(axis=1)) * self.scale
            free = free & (apart > radius + 14)
            drawn.append((np.asarray(expit(radius - apart)), bool(bright)))
        return drawn


def _outline() -> tuple[Array, Array]:
    """Angles (ascending) and radii of `OUTLINE_MM` seen from `HILUM_MM`."""
    corners = np.array([*OUTLINE_MM, OUTLINE_MM[0]], float) - HILUM_MM
    steps = np.hypot(*np.diff(corners, axis=0).T)
    spline = CubicSpline(np.append(0, np.cumsum(steps)), corners, bc_type="periodic")
    x, y = spline(np.linspace(0, steps.sum(), 4 * N_ANGLES, endpoint=False)).T
    angles = np.linspace(-np.pi, np.pi, N_ANGLES, endpoint=False)
    return angles, np.interp(angles, np.arctan2(y, x), np.hypot(x, y), period=2 * np.pi)


ANGLES, RADII = _outline()
