"""Pictures of simulated livers: 2-D phantoms in two channels, fat and water.

A picture looks like an axial Dixon slice of which only the organ is kept: voxels
outside the contour are 0. It shows the four latent factors of `factors`:

- volume: the area of the contour goes with volume to the power 2/3;
- fat: the fat channel is the fat fraction, 0 to 20 % on 0 to 255;
- fibrosis: the grain grows with the stage, and above stage 1.5 nodules between dark
  septa and a bumpy outline appear;
- lesions: discs, brighter or darker than the tissue in water, without fat.

Beside them stands what tells nothing of health: the shape of the contour, position,
rotation, the course of the vessels, a smooth bias field, gain and noise; the imaging
centre shifts gain and noise a little. Picture i of a seed is the same whichever other
pictures are drawn with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from edp_core.errors import InputError
from edp_core.simulate.factors import VOLUME_MEDIAN_ML, Factors

Array = NDArray[np.float64]

CHANNELS = ("fat", "water")
FIELD_MM = 256.0
"""Edge of the square field of view."""
FAT_WHITE_PERCENT = 20.0
"""Fat fraction that is drawn as 255."""
WATER_LEVEL = 150.0
GAIN = {"Cheadle": 1.0, "Newcastle": 1.04, "Reading": 0.97, "Bristol": 1.02}
NOISE_SD = {"Cheadle": 3.5, "Newcastle": 3.0, "Reading": 4.5, "Bristol": 4.0}
"""Imaging centre → gain, and noise in grey values; others get 1 and 4."""

OUTLINE_MM = (
    (-95, 5), (-88, -38), (-58, -66), (-15, -74), (25, -67), (65, -58), (93, -43),
    (80, -27), (47, -17), (20, -3), (4, 18), (-10, 46), (-34, 68), (-62, 71), (-86, 45),
)  # fmt: skip
"""An axial liver, right lobe on the left of the picture, y downwards."""
HILUM_MM = (-20.0, -15.0)
"""Every point of the outline is seen from here, so a radius per angle describes it."""
VEINS_MM = ((-78, 18), (-40, -52), (48, -44))
"""Where the right, middle and left hepatic vein run to, from `CAVA_MM`."""
CAVA_MM = (-6.0, 14.0)
N_ANGLES = 360


def render_livers(
    factors: Factors, *, seed: int, size: int = 96, rows: Sequence[int] | None = None
) -> NDArray[np.uint8]:
    """Draw the livers of simulated participants.

    Parameters
    ----------
    seed
        With the row number it decides everything that is chance in a picture.
    size
        Edge in pixels; the field of view stays 256 mm.
    rows
        Row numbers of the participants to draw; all by default.

    Returns
    -------
    numpy.ndarray
        (n_rows, size, size, 2) uint8, channels fat and water; at least 1 inside the
        organ, 0 outside.

    Raises
    ------
    InputError
        Where ``size`` is below 16.
    """
    if size < 16:
        raise InputError(f"A liver of {size} pixels cannot be drawn", "take 64 or 96")
    wanted = range(len(factors.latent)) if rows is None else rows
    latent = factors.latent[["liver_ml", "fat_percent", "fibrosis", "lesions"]]
    values = latent.to_numpy(float)
    centres = factors.participants["centre"].tolist()
    pictures = np.zeros((len(wanted), size, size, 2), np.uint8)
    for picture, row in zip(pictures, wanted, strict=True):
        volume, fat, fibrosis, lesions = values[row]
        rng = np.random.default_rng([seed, row])
        canvas = _Canvas(volume, fibrosis, rng=rng, size=size)
        tissue = canvas.tissue(int(lesions))
        picture[canvas.inside] = canvas.expose(
            tissue * [255 * fat / FAT_WHITE_PERCENT, WATER_LEVEL], centres[row]
        )
    return pictures


class _Canvas:
    """One liver's contour on the pixel grid, and what is drawn within it."""

    def __init__(
        self,
        volume_ml: float,
        fibrosis: float,
        *,
        rng: np.random.Generator,
        size: int,
    ) -> None:
        self.rng, self.size, self.fibrosis = rng, size, fibrosis
        self.nodular = float(np.clip((fibrosis - 1.5) / 1.2, 0, 1))
        self.scale = (volume_ml / VOLUME_MEDIAN_ML) ** (1 / 3)
        turn = np.deg2rad(rng.normal(0, 4))
        shift = np.clip(rng.normal(0, 4, 2), -8, 8)
        radii = self._radii()
        edge = (np.arange(size) + 0.5) * (FIELD_MM / size) - FIELD_MM / 2
        x, y = np.meshgrid(edge - shift[0], edge - shift[1])
        grid = np.stack(
            [x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)],
            axis=-1,
        )
        grid = grid / self.scale - HILUM_MM
        angle = np.arctan2(grid[..., 1], grid[..., 0])
        limit = np.interp(angle, ANGLES, radii, period=2 * np.pi)
        depth = np.hypot(grid[..., 0], grid[..., 1]) / limit
        self.inside = depth < 1
        self.depth = depth[self.inside]
        self.at = ((grid + HILUM_MM) * self.scale)[self.inside]
        self.frame = np.stack([x, y], axis=-1)[self.inside] / (FIELD_MM / 2)

    def _radii(self) -> Array:
        """Radius at each angle, in mm of a liver of 1.4 L; the area is always one."""
        waves = np.arange(1, 6)
        coefficients = self.rng.normal(0, 0.045 / waves**0.7, (2, 5))
        bumps = self.rng.normal(0, 0.010 * self.nodular, (2, 8))
        waves = np.concatenate([waves, np.arange(11, 19)])
        series = np.hstack([coefficients, bumps])
        wobble = series[0] @ np.cos(np.outer(waves, ANGLES))
        wobble += series[1] @ np.sin(np.outer(waves, ANGLES))
        radii = RADII * np.exp(wobble)
        return np.asarray(radii * np.sqrt((RADII**2).sum() / (radii**2).sum()))

    def tissue(self, lesions: int) -> Array:
        """(n_inside, 2) brightness of fat and water, 1 for plain tissue."""
        fine, coarse = self._noise(2.5, 6.0), self._noise(14.0, 40.0)
        fat = 1 + 0.06 * coarse + 0.02 * self.fibrosis * fine
        water = 1 + 0.02 * coarse + (0.02 + 0.032 * self.fibrosis) * fine
        if self.nodular:
            septum, shade = self._nodules()
            water *= (1 - 0.4 * self.nodular * septum) * (1 + self.nodular * shade)
            fat *= 1 - 0.4 * self.nodular * septum
        vessel = self._vessels()
        water *= 1 - 0.5 * vessel
        fat *= 1 - 0.6 * vessel
        for cover, bright in self._lesions(lesions):
            water += cover * ((1.5 if bright else 0.4) - water)
            fat += cover * (0.1 - fat)
        return np.column_stack([fat, water])

    def _noise(self, fine_mm: float, coarse_mm: float) -> Array:
        """Noise of the wavelengths between two smoothings, SD 1 in the organ."""
        pixel = FIELD_MM / self.size
        white = self.rng.standard_normal((self.size, self.size))
        band = gaussian_filter(white, fine_mm / pixel, truncate=3.0)
        band -= gaussian_filter(white, coarse_mm / pixel, truncate=2.0)
        values = band[self.inside]
        return np.asarray((values - values.mean()) / values.std())

    def _nodules(self) -> tuple[Array, Array]:
        """Septa between the cells nearest to scattered seeds, and each cell's shade."""
        spacing = 15.0
        steps = np.arange(-130, 130, spacing)
        seeds = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        seeds = seeds + self.rng.uniform(-0.45, 0.45, seeds.shape) * spacing
        found = cKDTree(seeds).query(self.at, k=2)
        distance, nearest = np.asarray(found[0]), np.asarray(found[1])
        septum = np.exp(-(((distance[:, 1] - distance[:, 0]) / 4.0) ** 2))
        return septum, self.rng.normal(0, 0.13, len(seeds))[nearest[:, 0]]

    def _vessels(self) -> Array:
        """How much of each pixel is vessel: three veins with two branches each."""
        points = []
        for target in VEINS_MM:
            start = np.array(CAVA_MM) + self.rng.normal(0, 2, 2)
            trunk = self._branch(start, target + self.rng.normal(0, 8, 2), 5.0)
            points.append(trunk)
            for share, side in ((0.35, 1), (0.6, -1)):
                root = trunk[int(share * len(trunk))]
                along = trunk[-1, :2] - trunk[0, :2]
                bend = side * self.rng.uniform(0.5, 0.9)
                across = np.array([-along[1], along[0]]) * bend
                tip = root[:2] + 0.45 * (along + across)
                points.append(self._branch(root[:2], tip, 0.75 * root[2]))
        drawn = np.concatenate(points)
        centre, width = drawn[:, :2] * self.scale, drawn[:, 2]
        apart = (self.at[:, :1] - centre[:, 0]) ** 2
        apart += (self.at[:, 1:] - centre[:, 1]) ** 2
        return np.asarray(np.exp(-((apart / width**2).min(axis=1) ** 2)))

    def _branch(self, start: Array, end: Array, width: float) -> Array:
        """(n, 3) points of a bent, thinning line: x, y, half width."""
        along = np.linspace(0, 1, 22)[:, None]
        normal = np.array([start[1] - end[1], end[0] - start[0]])
        bow = self.rng.normal(0, 0.12) * np.sin(np.pi * along) * normal
        thin = width * (1 - 0.55 * along)
        return np.hstack([start + along * (end - start) + bow, thin])

    def _lesions(self, count: int) -> list[tuple[Array, bool]]:
        """Cover of each lesion and whether it is bright in water; apart if they can."""
        free = self.depth < 0.85
        drawn = []
        for _ in range(count):
            radius, bright = self.rng.uniform(5.5, 10.5), self.rng.random() < 0.5
            places = np.flatnonzero(free if free.any() else self.depth < 0.85)
            middle = self.at[places[self.rng.integers(len(places))]]
            apart = np.hypot(*(self.at - middle).T)
            free = free & (apart > radius + 12)
            drawn.append((1 / (1 + np.exp((apart - radius) / 0.7)), bool(bright)))
        return drawn

    def expose(self, light: Array, centre: str) -> NDArray[np.uint8]:
        """(n_inside, 2) grey values of what the scanner of a centre makes of it."""
        x, y = self.frame.T
        tilt = self.rng.normal(0, 0.06, 3)
        gain = GAIN.get(centre, 1.0) * np.exp(self.rng.normal(0, 0.03))
        bias = gain * np.exp(tilt[0] * x + tilt[1] * y + tilt[2] * x * y)
        noise = NOISE_SD.get(centre, 4.0) * self.rng.standard_normal(light.shape)
        grey = (light * bias[:, None] + noise).round()
        return np.asarray(np.clip(grey, 1, 255), np.uint8)


def _outline() -> tuple[Array, Array]:
    """Angles (ascending) and radii of `OUTLINE_MM` seen from `HILUM_MM`."""
    corners = np.array([*OUTLINE_MM, OUTLINE_MM[0]], float) - HILUM_MM
    steps = np.hypot(*np.diff(corners, axis=0).T)
    spline = CubicSpline(np.append(0, np.cumsum(steps)), corners, bc_type="periodic")
    x, y = spline(np.linspace(0, steps.sum(), 4 * N_ANGLES, endpoint=False)).T
    angles = np.linspace(-np.pi, np.pi, N_ANGLES, endpoint=False)
    return angles, np.interp(angles, np.arctan2(y, x), np.hypot(x, y), period=2 * np.pi)


ANGLES, RADII = _outline()
