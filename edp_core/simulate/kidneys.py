"""A simulated kidney in 3-D: a bean with cortex, medulla and a sinus full of fat.

It shows

- volume: the organ has exactly the voxels that its millilitres make;
- scarring: the cortex grows thin and loses its contrast to the medulla, the tissue
  becomes grainy, the surface uneven, and fat fills the sinus;
- cysts: balls, bright in water and dark in fat.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from edp_core.simulate.factors import KIDNEY_MEDIAN_ML
from edp_core.simulate.grid import VOXEL_ML, Field, band_noise, cut, fewest

CENTRE_MM = {"left": (-62.0, -46.0, -36.0), "right": (62.0, -48.0, -50.0)}
SEMI_AXES_MM = (28.0, 25.0, 56.0)
"""Medial to lateral, back to front, along; 110 mm is a kidney's length."""
CORTEX_DEPTH = 0.72
"""Where cortex begins, as a share of the way out."""
CYST_MM = (6.0, 13.0)
"""Least and largest radius of a cyst."""


class Kidney:
    """One kidney on the grid.

    Attributes
    ----------
    box
        Where it lies.
    inside
        Mask in the box.
    depth
        In the box: 0 in the middle, 1 at the surface, more outside.
    """

    def __init__(
        self, latent: Mapping[str, float], *, side: str, rng: np.random.Generator
    ) -> None:
        self.rng = rng
        self.scarring = latent["scarring"]
        self.cysts = int(latent[f"cysts_{side}"])
        volume_ml = latent[f"kidney_{side}_ml"]
        self.scale = (volume_ml / KIDNEY_MEDIAN_ML) ** (1 / 3)
        shift = np.clip(rng.normal(0, 4, 3), -8, 8)
        self.box = cut(
            np.add(CENTRE_MM[side], shift), np.multiply((52, 46, 74), self.scale)
        )
        self._turn(1.0 if side == "right" else -1.0)
        depth = self._depth()
        self.inside = fewest(depth, round(volume_ml / VOXEL_ML))
        self.depth = np.asarray(depth / depth[self.inside].max(), np.float32)

    def _turn(self, lateral: float) -> None:
        """Own axes in mm of a kidney of 150 mL: out from the spine, front, along."""
        tilt = np.deg2rad(14 + self.rng.normal(0, 4))
        face = np.deg2rad(25 + self.rng.normal(0, 6))
        x, y, z = lateral * self.box.x, self.box.y, self.box.z
        # the upper pole lies nearer to the spine, and the hilum looks to the front
        out, along = x * np.cos(tilt) + z * np.sin(tilt), z * np.cos(tilt)
        along = along - x * np.sin(tilt)
        front = y * np.cos(face) + out * np.sin(face)
        out = out * np.cos(face) - y * np.sin(face)
        self.out, self.front, self.along = np.broadcast_arrays(
            *((axis / self.scale).astype(np.float32) for axis in (out, front, along))
        )

    def _depth(self) -> Field:
        width, thickness, length = SEMI_AXES_MM
        # a bean bends about its hilum
        out = self.out - 9 * (1 - (self.along / length) ** 2) + 5
        radius = (out / width) ** 2 + (self.front / thickness) ** 2
        depth = np.sqrt(radius + (self.along / length) ** 2)
        hilum = ((self.out + 26) / 13) ** 2 + (self.front / 12) ** 2
        depth += 0.5 * np.exp(-hilum - (self.along / 17) ** 2)
        uneven = band_noise(self.rng, self.box.shape, mm=(7.0, 20.0))
        depth *= 1 + (0.02 + 0.06 * self.scarring) * uneven
        return np.asarray(depth, np.float32)

    def tissue(self) -> tuple[Field, Field]:
        """Fat and water of each voxel of the mask; plain tissue has a sum of 1."""
        own = (a[self.inside] for a in (self.out, self.front, self.along, self.depth))
        out, front, along, depth = own
        lost = self.scarring
        cortex = expit((depth - CORTEX_DEPTH - 0.12 * lost) / 0.06)
        # columns of cortex reach in between the pyramids of the medulla
        column = np.cos(8 * np.arctan2(along / 2, front)) > 0.75
        cortex = np.maximum(cortex, 0.6 * column * (depth > 0.5))
        grain = band_noise(self.rng, self.box.shape, mm=(3.0, 8.0))[self.inside]
        water = 0.78 + (0.45 - 0.30 * lost) * cortex
        water *= 1 + (0.02 + 0.13 * lost) * grain
        fat = np.full_like(water, 0.03)
        size = 1 + 0.3 * lost
        core = ((out + 9) / 13) ** 2 + (front / 10) ** 2 + (along / 26) ** 2
        sinus = expit((size - np.sqrt(core)) / 0.12)
        water += sinus * (0.25 - water)
        fat += sinus * (0.75 - fat)
        for cover in self._cysts(np.column_stack([out, front, along]), depth):
            water += cover * (1.75 - water)
            fat += cover * (0.01 - fat)
        return fat.astype(np.float32), water.astype(np.float32)

    def _cysts(self, at: Field, depth: Field) -> list[NDArray[np.float64]]:
        """Cover of each cyst; most sit in the cortex, apart if they can."""
        home = (depth > 0.55) & (depth < 0.9)
        free, drawn = home, []
        for _ in range(self.cysts):
            radius = self.rng.uniform(*CYST_MM)
            places = np.flatnonzero(free if free.any() else home)
            middle = at[places[self.rng.integers(len(places))]]
            apart = np.sqrt(((at - middle) ** 2).sum(axis=1)) * self.scale
            free = free & (apart > radius + 10)
            drawn.append(np.asarray(expit(radius - apart)))
        return drawn
