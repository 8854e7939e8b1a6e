"""Latent factors of a simulated study of liver and kidneys.

One generator draws for each participant what a clinic would note (sex, age, BMI, …)
and what it would not: organ volumes, the liver's fat, fibrosis and lesions, the
kidneys' scarring and cysts. `diseases` draws diagnoses from those factors and `volumes`
the images.

Every quantity has a random stream of its own (seed and name), so that adding one
leaves the others as they were. The effect sizes are the coefficients of `BODY`,
standard deviations of the outcome per standard deviation of the cause, and those of the
planted variants, per allele. Genes come first: they are causes of the factors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from edp_core.errors import InputError
from edp_core.simulate.ancestry import family_members, genetic_pcs, relatedness_of
from edp_core.simulate.chance import normal, stream
from edp_core.simulate.genotypes import planted_dosages
from edp_core.simulate.planted import PLANTED

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

CENTRES = {"Cheadle": 0.45, "Newcastle": 0.27, "Reading": 0.20, "Bristol": 0.08}
"""Imaging centre → share of the participants."""
BILEVE_SHARE = 0.10
FEMALE_SHARE = 0.52
AGE_MEAN, AGE_SD, AGE_RANGE = 64.0, 7.8, (45.0, 82.0)
FAT_MEDIAN_PERCENT, FAT_LOG_SD = 3.7, 0.52
"""Lognormal: 22 % of people lie above 5.5 %, one in a hundred above 12 %."""
VOLUME_MEDIAN_ML = 1400.0
FIBROSIS_MIDPOINT, FIBROSIS_SLOPE = 1.3, 1.9
"""Stage (0 to 4) = 4 · logistic(slope · (z − midpoint)): most are near 0.3."""
MANY_LESIONS_Z = 1.45
"""Above this lesion burden (7 %) a liver holds 4 + Poisson(4) lesions, else few."""
KIDNEY_MEDIAN_ML = 150.0
SCARRING_MIDPOINT, SCARRING_SLOPE = 1.5, 1.9
"""Share of the nephrons lost = logistic(slope · (z − midpoint)): most are near 0.05."""
MANY_CYSTS_Z = 1.2
"""Above this (12 %) two kidneys hold 2 + Poisson(2.5) simple cysts, else few."""
FIRST_DATE, IMAGING_DAYS = np.datetime64("2015-05-01"), 2800
"""Imaging began here and went on for so many days."""

BODY: Mapping[str, Mapping[str, float]] = {
    "fat": {"bmi": 0.50, "male": 0.12, "age": 0.06},
    "fibrosis": {"fat": 0.20, "age": 0.20, "male": 0.08},
    "lesion": {"age": 0.20},
    "scarring": {"age": 0.35, "bmi": 0.10},
    "cyst": {"age": 0.40, "male": 0.10},
    "kidneys": {},
    "bone": {},
}
"""Factor → cause → effect in SD per SD; the rest of its variance 1 is chance.

Variants have effects as well (`planted`). ``bone`` is a nuisance: it shows in pictures
and has nothing to do with any disease.
"""


@dataclass(frozen=True)
class Factors:
    """Simulated people.

    Attributes
    ----------
    participants
        What a study's table shows: ``eid, sex, age_years, bmi, height_cm, weight_kg,
        centre, imaging_date`` (text, ISO 8601), ``array, batch`` (UK Biobank's field
        22000: negative for BiLEVE), ``caucasian`` (bool), ``aneuploidy`` (bool),
        ``relatedness`` (field 22021: 0 none, 1 a relative, 10 ten or more), ``pc1 …
        pc10``; nothing is missing.
    latent
        What no table shows, in the same order: ``eid, liver_ml, fat_percent,
        fibrosis`` (stage 0 to 4), ``lesions`` (a count), ``kidney_left_ml,
        kidney_right_ml, scarring`` (0 to 1), ``cysts_left, cysts_right`` (counts), and
        the z-scores the diseases follow: ``fat_z, fibrosis_z, lesion_z, scarring_z,
        cyst_z, kidneys_z`` (their size for the body), ``bone_z, bmi_z, age_z, male_z``.
    """

    participants: pd.DataFrame
    latent: pd.DataFrame


def simulate_factors(n: int, *, seed: int) -> Factors:
    """Draw participants with their latent factors.

    Height is N(163, 6.2²) cm for women and N(176.5, 6.7²) for men; log BMI is
    N(log 25.8 or log 26.8, 0.15²) within 3 SD. With z of age or of a logarithm,

    - fat % = 3.7 · exp(0.52 · fat_z), fat_z from BMI, sex and age (`BODY`),
    - fibrosis = 4 · logistic(1.9 · (fibrosis_z − 1.3)), from fat, age and sex,
    - lesions = Poisson(0.1), or 4 + Poisson(4) above lesion_z = 1.45,
    - log(volume / 1400 mL) = 0.8 · log(BSA / 1.86 m²) + 0.02 · fat_z − 0.02 · age_z
      − 0.11 · max(0, fibrosis − 2) + 0.08 · chance: a scarred liver shrinks by up to
      a fifth. BSA is Mosteller's √(cm · kg / 3600).
    - scarring = logistic(1.9 · (scarring_z − 1.5)), from age and BMI,
    - cysts = Poisson(0.12), or 2 + Poisson(2.5) above cyst_z = 1.2; each lies left or
      right by even chance,
    - log(kidney / 150 mL) = 0.8 · log(BSA / 1.86 m²) − 0.03 · age_z − 0.45 · scarring
      + 0.10 · kidneys_z + 0.05 · chance of its side (+ 0.02 left, − 0.02 right): a
      kidney without nephrons is a third smaller.

    A planted variant adds its effect for each allele to the z of its factor, whose
    variance stays 1.

    Parameters
    ----------
    n
        How many participants.

    Raises
    ------
    InputError
        Where ``n`` is not positive, or more than seven digits can name.
    """
    if not 0 < n <= 1_000_000:
        raise InputError(f"Cannot simulate {n} participants", "ask for 1 to 1,000,000")
    eid = 1_000_000 + stream(seed, "eid").choice(5_000_000, n, replace=False)
    male = stream(seed, "sex").random(n) >= FEMALE_SHARE
    low, high = (norm.cdf((edge - AGE_MEAN) / AGE_SD) for edge in AGE_RANGE)
    age = AGE_MEAN + AGE_SD * norm.ppf(stream(seed, "age").uniform(low, high, n))
    chance = np.clip(normal(seed, "bmi", n), -3, 3)
    bmi = np.where(male, 26.8, 25.8) * np.exp(0.15 * chance)
    chance = normal(seed, "height", n)
    height = np.where(male, 176.5 + 6.7 * chance, 163.0 + 6.2 * chance)
    weight = bmi * (height / 100) ** 2
    bileve = stream(seed, "array").random(n) < BILEVE_SHARE
    days = stream(seed, "imaging date").integers(0, IMAGING_DAYS, n)
    eids = pd.Series(eid).astype(str)
    participants = pd.DataFrame(
        {
            "eid": eids,
            "sex": np.where(male, "M", "F"),
            "age_years": age.round(1),
            "bmi": bmi.round(1),
            "height_cm": height.round(0),
            "weight_kg": weight.round(1),
            "centre": stream(seed, "centre").choice(
                list(CENTRES), n, p=list(CENTRES.values())
            ),
            "imaging_date": (FIRST_DATE + days.astype("timedelta64[D]")).astype(str),
            "array": np.where(bileve, "BiLEVE", "Axiom"),
            "batch": _batches(bileve, stream(seed, "batch")),
            "caucasian": stream(seed, "caucasian").random(n) > 0.02,
            "aneuploidy": stream(seed, "aneuploidy").random(n) < 0.001,
            "relatedness": relatedness_of(n, seed=seed),
        }
    )
    scores, apart = genetic_pcs(family_members(participants), n, seed=seed)
    participants["caucasian"] &= ~apart
    for axis, values in enumerate(scores.T, 1):
        participants[f"pc{axis}"] = values
    z: dict[str, Array] = {
        "age": (age - AGE_MEAN) / AGE_SD,
        "bmi": np.log(bmi / 26.3) / 0.15,
        "male": np.where(male, 1.0, -1.0),
    }
    genes, per_sd = _genes(participants, seed=seed)
    for factor, effects in BODY.items():
        causes = {**effects, **per_sd[factor]}
        z[factor] = liability(z | genes, causes, normal(seed, factor, n))
    fibrosis = 4 * expit(FIBROSIS_SLOPE * (z["fibrosis"] - FIBROSIS_MIDPOINT))
    volume = VOLUME_MEDIAN_ML * np.exp(
        0.8 * np.log(np.sqrt(height * weight / 3600) / 1.86)
        + 0.02 * z["fat"]
        - 0.02 * z["age"]
        - 0.11 * np.maximum(0, fibrosis - 2)
        + 0.08 * normal(seed, "volume", n)
    )
    counts = stream(seed, "lesions")
    few, many = counts.poisson(0.1, n), 4 + counts.poisson(4.0, n)
    latent = pd.DataFrame(
        {
            "eid": eids,
            "liver_ml": volume,
            "fat_percent": FAT_MEDIAN_PERCENT * np.exp(FAT_LOG_SD * z["fat"]),
            "fibrosis": fibrosis,
            "lesions": np.where(z["lesion"] > MANY_LESIONS_Z, many, few),
            **_kidneys(z, np.sqrt(height * weight / 3600), seed=seed),
            **{f"{name}_z": values for name, values in z.items()},
        }
    )
    return Factors(participants, latent)


def liability(z: Mapping[str, Array], effects: Mapping[str, float], e: Array) -> Array:
    """Effects plus chance ``e`` that fills the variance up to about 1."""
    left = 1 - sum(effect**2 for effect in effects.values())
    total: Array = np.sqrt(max(0.0, left)) * e
    return total + sum(effect * z[cause] for cause, effect in effects.items())


def _genes(
    participants: pd.DataFrame, *, seed: int
) -> tuple[dict[str, Array], dict[str, dict[str, float]]]:
    """Planted variants as standard scores, and each factor's effects of them."""
    scores: dict[str, Array] = {}
    effects: dict[str, dict[str, float]] = {factor: {} for factor in BODY}
    dosages = planted_dosages(participants, seed=seed)
    for one, alleles in zip(PLANTED, dosages, strict=True):
        sd = float(np.sqrt(2 * one.af * (1 - one.af)))
        scores[one.id] = (alleles - 2 * one.af) / sd
        effects[one.factor][one.id] = one.effect * sd
    return scores, effects


def _kidneys(
    z: Mapping[str, Array], bsa_m2: Array, *, seed: int
) -> dict[str, NDArray[Any]]:
    n = len(bsa_m2)
    scarring = expit(SCARRING_SLOPE * (z["scarring"] - SCARRING_MIDPOINT))
    size = (
        0.8 * np.log(bsa_m2 / 1.86)
        - 0.03 * z["age"]
        - 0.45 * scarring
        + 0.10 * z["kidneys"]
    )
    volume = {
        side: KIDNEY_MEDIAN_ML
        * np.exp(size + shift + 0.05 * normal(seed, f"kidney {side}", n))
        for side, shift in (("left", 0.02), ("right", -0.02))
    }
    counts = stream(seed, "cysts")
    few, many = counts.poisson(0.12, n), 2 + counts.poisson(2.5, n)
    cysts = np.where(z["cyst"] > MANY_CYSTS_Z, many, few)
    left = counts.binomial(cysts, 0.5)
    return {
        "kidney_left_ml": volume["left"],
        "kidney_right_ml": volume["right"],
        "scarring": scarring,
        "cysts_left": left,
        "cysts_right": cysts - left,
    }


def _batches(bileve: Flags, rng: np.random.Generator) -> NDArray[np.int64]:
    """Genotyping batches as field 22000 numbers them: −11 to −1 BiLEVE, 1 to 95."""
    n = len(bileve)
    return np.where(bileve, -rng.integers(1, 12, n), rng.integers(1, 96, n))
