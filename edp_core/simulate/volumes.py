"""Volumes of simulated bodies: fat, water and a label map of liver and kidneys.

A volume looks like a coarse abdominal Dixon MRI. The organs show the latent factors
(see `liver` and `kidneys`) and stand in a body of subcutaneous fat, muscle, spine,
spleen and gut fat that grows with the BMI and is in no mask.

The scanner's gain differs from person to person and a little from centre to centre, so
grey values mean something only beside those of the other channel: fat / (fat + water)
is the fat fraction. Where an organ is nearest to the spine its signal piles up, in both
channels alike and the more, the denser the bone, as signal does beside what distorts
the field. Few voxels do so, but a picture is as bright as its brightest ones let it:
the rest is shown the darker. That is a large difference between two pictures and tells
nothing of the organs. Nor do a smooth bias field and noise. Volume i of a seed is the
same whichever other volumes are drawn; a repeat imaging is the same body under a new
gain, bias and noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edp_core.simulate.factors import Factors
from edp_core.simulate.grid import AXES_MM, SHAPE, Field, smooth_noise
from edp_core.simulate.kidneys import Kidney
from edp_core.simulate.liver import Liver

LABELS = {"liver": 1, "kidney_left": 2, "kidney_right": 3}
CHANNELS = ("fat", "water")
SIGNAL = 180.0
"""Grey value of plain tissue, fat and water together, at a gain of 1."""
GAIN = {"Cheadle": 1.0, "Newcastle": 1.08, "Reading": 0.93, "Bristol": 1.04}
"""Imaging centre → gain; others get 1. Each person's differs by 20 % besides."""
NOISE = {"Cheadle": 2.6, "Newcastle": 2.3, "Reading": 3.1, "Bristol": 2.8}
"""Imaging centre → SD of the noise in grey values at a gain of 1; others get 2.6."""
AIR = 0.08
"""Noise outside the body, as a share of that inside: pipelines suppress it."""
FIRST_IMAGING = 2

FAT_TISSUE = (1.15, 0.08)
SPINE_BACK = 0.55
"""How far behind the middle the spine lies, as a share of the body's half depth."""
PILE_SHARE = 0.03
"""Share of an organ's voxels, those nearest to the spine, whose signal piles up."""
REST, REST_PER_SD, REST_RANGE = 0.68, -0.14, (0.4, 0.97)
"""How bright the rest is beside them: at the mean density of bone, for each SD more,
and at the least and the most."""
MUSCLE, SPINE, SPLEEN, LUNG = (0.05, 0.72), (0.42, 0.48), (0.02, 0.95), (0.02, 0.05)
"""Fat and water of what surrounds the organs."""


@dataclass(frozen=True)
class Volume:
    """One imaging of one body, all of the grid's shape.

    Attributes
    ----------
    fat, water
        int16 magnitudes in grey values, at least 0.
    labels
        uint8: 0 or one of `LABELS`.
    """

    fat: NDArray[np.int16]
    water: NDArray[np.int16]
    labels: NDArray[np.uint8]


def render_volume(
    factors: Factors, row: int, *, seed: int, instance: int = FIRST_IMAGING
) -> Volume:
    """Image one simulated participant.

    Parameters
    ----------
    row
        Row number of the participant; with the seed it decides all that is chance in
        the body.
    instance
        UK Biobank's number of the visit, 2 first; it decides the scanner's chance.
    """
    values = factors.latent.drop(columns="eid").iloc[row]
    latent = {str(name): float(value) for name, value in values.items()}
    person = factors.participants.iloc[row]
    rng = np.random.default_rng([seed, row])
    kidneys = {s: Kidney(latent, side=s, rng=rng) for s in ("left", "right")}
    around = np.full(SHAPE, np.inf, np.float32)
    for kidney in kidneys.values():
        seen = around[kidney.box.at]
        np.minimum(seen, kidney.depth, out=seen)
    liver = Liver(latent, rng=rng, taken=around < 1.12)
    labels = np.zeros(SHAPE, np.uint8)
    labels[liver.box.at][liver.inside] = LABELS["liver"]
    for side, kidney in kidneys.items():
        labels[kidney.box.at][kidney.inside] = LABELS[f"kidney_{side}"]
    inside, light = _body(float(person["bmi"]), labels, rng=rng, around=around)
    rest = np.clip(REST + REST_PER_SD * latent["bone_z"], *REST_RANGE)
    piled = np.float32(1 / rest)
    organs: list[Liver | Kidney] = [liver, *kidneys.values()]
    for organ in organs:
        near = _near_the_spine(organ, float(person["bmi"]))
        bright = np.where(near, piled, np.float32(1))
        for channel, tissue in zip(light, organ.tissue(), strict=True):
            channel[organ.box.at][organ.inside] = tissue * bright
    scanner = np.random.default_rng([seed, row, instance])
    fat, water = _expose(light, inside, rng=scanner, centre=str(person["centre"]))
    return Volume(fat, water, labels)


def _body(
    bmi: float,
    labels: NDArray[np.uint8],
    *,
    rng: np.random.Generator,
    around: Field,
) -> tuple[NDArray[np.bool_], list[Field]]:
    """Mask of the body, and its fat and water without the organs.

    ``around`` is the depth of the nearer kidney: beyond 1 lies the fat it beds in.
    """
    x, y, z = AXES_MM[0][:, None, None], AXES_MM[1][:, None], AXES_MM[2]
    width, thick = 148 * (bmi / 26) ** 0.45, _half_depth_mm(bmi)
    skin = np.float32(np.clip(1.1 * (bmi - 14) + rng.normal(0, 2), 5, 45))
    radius = np.sqrt((x / width) ** 2 + (y / thick) ** 2) * np.ones_like(z)
    wall = 9.0
    # the organs fit: a body too narrow for them is widened
    fit = float(radius[labels > 0].max()) / (1 - (skin + wall) / thick)
    radius /= max(1.0, fit)
    inside = np.asarray(radius < 1)
    edge = (1 - radius) * thick * max(1.0, fit)
    gut = smooth_noise(rng, (14, 11, 8))
    share = 1 / (1 + np.exp(-(2.2 * gut + 0.15 * (bmi - 27))))
    share = np.where(around < 1.5, 0.95, share)
    fat, water = 1.05 * share, 0.10 + 0.65 * (1 - share)

    def fill(where: NDArray[np.bool_], tissue: tuple[float, float]) -> None:
        fat[where], water[where] = tissue

    dome = 96 - ((x - 30) ** 2 + y**2) / 260
    fill((z > dome) & inside, LUNG)
    fill((x / 24) ** 2 + ((y + SPINE_BACK * thick) / 20) ** 2 + 0 * z < 1, SPINE)
    spleen = ((x + 100) / 22) ** 2 + ((y + 25) / 38) ** 2 + ((z - 30) / 48) ** 2
    fill((spleen < 1) & (around > 1.12), SPLEEN)
    fill(edge < skin + wall, MUSCLE)
    fill(edge < skin, FAT_TISSUE)
    fill(~inside, (0.0, 0.0))
    return inside, [fat.astype(np.float32), water.astype(np.float32)]


def _half_depth_mm(bmi: float) -> float:
    return float(106 * (bmi / 26) ** 0.65)


def _near_the_spine(organ: Liver | Kidney, bmi: float) -> NDArray[np.bool_]:
    """(n_inside,) which voxels of an organ's mask are nearest to the spine."""
    x, y = AXES_MM[0][:, None, None], AXES_MM[1][:, None]
    away = x**2 + (y + SPINE_BACK * _half_depth_mm(bmi)) ** 2
    own = np.broadcast_to(away, SHAPE)[organ.box.at][organ.inside]
    return np.asarray(own <= np.quantile(own, PILE_SHARE))


def _expose(
    light: list[Field],
    inside: NDArray[np.bool_],
    *,
    rng: np.random.Generator,
    centre: str,
) -> list[NDArray[np.int16]]:
    """Grey values of what the scanner of a centre makes of it."""
    gain = GAIN.get(centre, 1.0) * np.exp(rng.normal(0, 0.2))
    tilt = rng.normal(0, 0.05, 3)
    places = (axis / np.float32(180) for axis in AXES_MM)
    x, y, z = (np.exp(t * place) for t, place in zip(tilt, places, strict=True))
    bias = np.float32(gain) * x[:, None, None] * y[:, None] * z
    sd = NOISE.get(centre, 2.6) * gain * np.where(inside, 1.0, AIR).astype(np.float32)
    shown = []
    for channel in light:
        noise = rng.standard_normal(SHAPE, dtype=np.float32)
        noise *= sd
        grey = np.abs(channel * bias * np.float32(SIGNAL) + noise)
        shown.append(np.rint(grey).astype(np.int16))
    return shown
