"""Embeddings of simulated organs without any picture: factors through a fixed map.

What an encoder would make of a picture is drawn directly. It sees the organ's factors
only roughly (`SEEN`), folds them nonlinearly into all axes, and sees what is no biology
as well: the scanner of each centre and how the participant lay. Most of all it sees a
nuisance, along one direction: the first principal component is the density of bone,
which means no disease. The rest is noise whose variance decays from direction to
direction and whose directions lie across the axes, so that every axis correlates with
every other, as in embeddings of trained encoders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edp_core.simulate.chance import normal, stream
from edp_core.simulate.factors import CENTRES, Factors

AXES = 384
SEEN: Mapping[str, Mapping[str, float]] = {
    "liver": {
        "fat_z": 0.92,
        "fibrosis_z": 0.70,
        "lesion_z": 0.75,
        "liver_ml": 0.95,
        "bmi_z": 0.60,
        "age_z": 0.45,
        "male_z": 0.70,
    },
    "kidney": {
        "scarring_z": 0.80,
        "cyst_z": 0.85,
        "kidney_ml": 0.95,
        "bmi_z": 0.45,
        "age_z": 0.50,
        "male_z": 0.65,
    },
}
"""Organ → factor → correlation of what the vectors hold of it with the factor."""
SIDES: Mapping[str, tuple[str, ...]] = {"liver": ("",), "kidney": ("left", "right")}
HIDDEN = 48
"""Units of the nonlinear map."""
NUISANCE, NUISANCE_SEEN = "bone_z", 0.97
"""What moves every vector most, and its correlation with what they hold of it."""
SIGNAL, SCANNER, POSITION, NOISE, BONE = 1.0, 0.15, 0.3, 0.8, 0.7
"""Root mean square of each part of a vector's entry."""
DECAY = 0.8
"""The variance of the noise in direction k is k^−0.8, scaled to `NOISE`."""
ISLAND_Z, ISLAND = 1.4, 1.2
"""Above this z a factor with an all-or-nothing look shifts the picture as a whole."""
ISLANDS = ("lesion_z", "cyst_z", "fibrosis_z", "scarring_z")
BLOCK = 8192

Array = NDArray[np.float64]


def simulate_vectors(
    factors: Factors, organ: str, *, seed: int
) -> Iterator[tuple[pd.DataFrame, NDArray[np.float32]]]:
    """Vectors of one organ, in blocks of participants.

    With f the factors as they are seen, c the centre, p two numbers of the position, u
    the nuisance as it is seen and ε noise, a vector is
    W₂ tanh(W₁ f + b) + shifts + S c + P p + d u + R ε; the matrices and d are
    drawn once from the seed and are the same for everybody. R is a rotation times the
    square roots of the spectrum.

    Parameters
    ----------
    organ
        ``liver``, or ``kidney``, which has a left and a right one: what is seen of the
        factors is the same on both sides but for their noise and their volume.

    Yields
    ------
    rows, vectors
        ``eid, instance, side`` (text) and (n_rows, 384) float32.
    """
    maps = _Maps(organ, seed=seed)
    names = list(CENTRES)
    centres = factors.participants["centre"].map(names.index).to_numpy(int)
    n = len(factors.latent)
    nuisance = _dimmed(
        factors.latent[NUISANCE].to_numpy(float),
        r=NUISANCE_SEEN,
        chance=normal(seed, f"{organ} sees {NUISANCE}", n),
    )
    direction = _scaled(normal(seed, f"{organ} nuisance", AXES)[None], BONE)[0]
    eids = factors.latent["eid"].to_numpy(str)
    for side in SIDES[organ]:
        seen = _seen(factors, organ, side=side, seed=seed)
        rng = stream(seed, f"{organ} {side} vectors")
        for start in range(0, n, BLOCK):
            rows = slice(start, min(start + BLOCK, n))
            vectors = maps.apply(seen[rows], centres[rows], rng=rng)
            vectors += np.outer(nuisance[rows], direction)
            keys = {"eid": eids[rows], "instance": "2", "side": side}
            yield pd.DataFrame(keys, dtype=str), vectors.astype(np.float32)


def _seen(factors: Factors, organ: str, *, side: str, seed: int) -> Array:
    """(n, n_factors) standard scores of the factors as the vectors hold them."""
    latent = factors.latent
    columns = []
    for name, r in SEEN[organ].items():
        source = f"kidney_{side}_ml" if name == "kidney_ml" else name
        values = latent[source].to_numpy(float)
        if name.endswith("_ml"):
            values = np.log(values)
        chance = normal(seed, f"{organ} sees {name}", len(latent))
        columns.append(_dimmed(values, r=r, chance=chance))
    return np.column_stack(columns)


def _dimmed(values: Array, *, r: float, chance: Array) -> Array:
    """Standard scores that correlate by ``r`` with some values."""
    spread = values.std()
    z = (values - values.mean()) / (spread if spread > 0 else 1.0)
    dimmed: Array = r * z + np.sqrt(1 - r**2) * chance
    return dimmed


class _Maps:
    """The fixed matrices of one organ."""

    def __init__(self, organ: str, *, seed: int) -> None:
        rng = stream(seed, f"{organ} encoder")
        names = list(SEEN[organ])
        self.islands = [i for i, name in enumerate(names) if name in ISLANDS]
        self.first = rng.normal(size=(len(names), HIDDEN)) * 0.6
        self.bias = rng.normal(size=HIDDEN) * 0.5
        self.second = _scaled(rng.normal(size=(HIDDEN, AXES)), SIGNAL / HIDDEN**0.5)
        self.shifts = _scaled(rng.normal(size=(len(self.islands), AXES)), ISLAND)
        self.scanner = _scaled(rng.normal(size=(len(CENTRES), AXES)), SCANNER)
        self.position = _scaled(rng.normal(size=(2, AXES)), POSITION / 2**0.5)
        spectrum = np.arange(1, AXES + 1) ** -DECAY
        spectrum *= NOISE**2 * AXES / spectrum.sum()
        rotation, _ = np.linalg.qr(rng.normal(size=(AXES, AXES)))
        self.noise = np.sqrt(spectrum)[:, None] * rotation
        self.mean = rng.normal(size=AXES)

    def apply(
        self, seen: Array, centres: NDArray[np.intp], *, rng: np.random.Generator
    ) -> Array:
        """(n, 384) vectors of some participants."""
        n = len(seen)
        out: Array = self.mean + np.tanh(seen @ self.first + self.bias) @ self.second
        out += (seen[:, self.islands] > ISLAND_Z) @ self.shifts
        out += self.scanner[centres]
        out += rng.standard_normal((n, 2)) @ self.position
        out += rng.standard_normal((n, AXES)) @ self.noise
        return out


def _scaled(matrix: Array, rms: float) -> Array:
    """Every row with the same root mean square."""
    scaled: Array = matrix * (rms / np.sqrt((matrix**2).mean(axis=1, keepdims=True)))
    return scaled
