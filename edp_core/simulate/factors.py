"""Latent factors of a simulated liver study, and what follows from them.

One generator draws for each participant what a clinic would note (sex, age, BMI, …)
and what it would not: liver volume, fat, fibrosis, lesions. Diagnoses are drawn from
those factors here; `images` draws pictures of the same factors. The two know nothing
of each other: what images tell of a disease has passed through the factors.

Every quantity has a random stream of its own (seed and name), so that adding one
leaves the others as they were. The effect sizes are the coefficients of `BODY` and
`DISEASES`: standard deviations of the outcome per standard deviation of the cause.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm, rankdata

from edp_core.errors import InputError

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

CENTRES = {"Cheadle": 0.45, "Newcastle": 0.27, "Reading": 0.20, "Bristol": 0.08}
"""Imaging centre → share of the participants."""
BILEVE_SHARE = 0.10
FEMALE_SHARE = 0.52
OTHER_ANCESTRY_SHARE = 0.06
"""Participants whose genetic PCs 1 and 2 lie apart, by 3 and 2 SD."""
AGE_MEAN, AGE_SD, AGE_RANGE = 64.0, 7.8, (45.0, 82.0)
FAT_MEDIAN_PERCENT, FAT_LOG_SD = 3.7, 0.52
"""Lognormal: 22 % of people lie above 5.5 %, one in a hundred above 12 %."""
VOLUME_MEDIAN_ML = 1400.0
FIBROSIS_MIDPOINT, FIBROSIS_SLOPE = 1.3, 1.9
"""Stage (0 to 4) = 4 · logistic(slope · (z − midpoint)): most are near 0.3."""
MANY_LESIONS_Z = 1.45
"""Above this lesion burden (7 %) a liver holds 4 + Poisson(4) lesions, else few."""
STEATOSIS_PERCENT = 5.5
"""A liver with more fat than this is a fatty liver, coded or not."""

BODY: Mapping[str, Mapping[str, float]] = {
    "fat": {"bmi": 0.50, "male": 0.12, "age": 0.06},
    "fibrosis": {"fat": 0.20, "age": 0.20, "male": 0.08},
    "lesion": {"age": 0.20},
}
"""Factor → cause → effect in SD per SD; the rest of its variance 1 is chance."""


@dataclass(frozen=True)
class Disease:
    """How one code comes about.

    Attributes
    ----------
    code
        ICD-10 without a dot.
    prevalence
        Share of the participants who have the disease, coded or not.
    effects
        Cause (a column of z-scores) → effect on the liability, in SD per SD.
    sensitivity
        Share of those who have it that carry the code: 0.35 means that 65 % of the
        true cases stand among the controls.
    false_positives
        Share of those without it that carry the code nevertheless.
    """

    code: str
    prevalence: float
    effects: Mapping[str, float]
    sensitivity: float = 1.0
    false_positives: float = 0.0


CIRRHOSIS = "K746"
MANIFESTATIONS = {"nodular": {"fibrosis": 0.95}, "lesions": {"lesion": 0.95}}
"""The two ways to have the disease K746, each with its own liability."""
MANIFESTATION_PREVALENCE = 0.055

DISEASES = (
    Disease("K760", 0.22, {"fat": 1.0}, 0.35, 0.005),
    Disease(CIRRHOSIS, 0.11, {}, 0.60, 0.002),
    Disease("K740", 0.030, {"fibrosis": 0.80}, 0.50),
    Disease("K769", 0.050, {"fat": 0.45, "fibrosis": 0.45}, 0.50, 0.002),
    Disease("K768", 0.045, {"lesion": 0.70}, 0.50),
    Disease("C787", 0.022, {"lesion": 0.80}, 0.95),
    Disease("C220", 0.008, {"fibrosis": 0.55, "lesion": 0.55}),
    Disease("R161", 0.012, {"fibrosis": 0.70}),
    Disease("I859", 0.007, {"fibrosis": 0.80}),
    Disease("K754", 0.004, {"fibrosis": 0.40}),
    Disease("B182", 0.005, {"fibrosis": 0.40}),
    Disease("E831", 0.002, {}),
    Disease("E119", 0.090, {"fat": 0.35, "bmi": 0.25, "age": 0.20}, 0.90, 0.003),
    Disease("I10", 0.300, {"age": 0.40, "bmi": 0.30, "male": 0.10}, 0.85, 0.010),
    Disease("N183", 0.035, {"age": 0.45, "bmi": 0.10}, 0.60),
    Disease("H269", 0.160, {"age": 0.60}, 0.85),
    Disease("J459", 0.110, {}),
    Disease("M545", 0.080, {}),
    Disease("M2556", 0.050, {}),
)
"""H269 knows only age; E831, J459, M545, M2556 nothing; K760, K746 have own rules."""


@dataclass(frozen=True)
class Factors:
    """Simulated people.

    Attributes
    ----------
    participants
        What a study's table shows: ``eid, sex, age_years, bmi, height_cm, weight_kg,
        centre, array, pc1 … pc10``; nothing is missing.
    latent
        What no table shows, in the same order: ``eid, liver_ml, fat_percent,
        fibrosis`` (stage 0 to 4), ``lesions`` (a count), and the z-scores the
        diseases follow: ``fat_z, fibrosis_z, lesion_z, bmi_z, age_z, male_z``.
    """

    participants: pd.DataFrame
    latent: pd.DataFrame


def stream(seed: int, name: str) -> np.random.Generator:
    """Random numbers of one named quantity, independent of every other name's."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


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
    chance = np.clip(_normal(seed, "bmi", n), -3, 3)
    bmi = np.where(male, 26.8, 25.8) * np.exp(0.15 * chance)
    chance = _normal(seed, "height", n)
    height = np.where(male, 176.5 + 6.7 * chance, 163.0 + 6.2 * chance)
    weight = bmi * (height / 100) ** 2
    z: dict[str, Array] = {
        "age": (age - AGE_MEAN) / AGE_SD,
        "bmi": np.log(bmi / 26.3) / 0.15,
        "male": np.where(male, 1.0, -1.0),
    }
    for factor, effects in BODY.items():
        z[factor] = _liability(z, effects, _normal(seed, factor, n))
    fibrosis = 4 * expit(FIBROSIS_SLOPE * (z["fibrosis"] - FIBROSIS_MIDPOINT))
    volume = VOLUME_MEDIAN_ML * np.exp(
        0.8 * np.log(np.sqrt(height * weight / 3600) / 1.86)
        + 0.02 * z["fat"]
        - 0.02 * z["age"]
        - 0.11 * np.maximum(0, fibrosis - 2)
        + 0.08 * _normal(seed, "volume", n)
    )
    counts = stream(seed, "lesions")
    few, many = counts.poisson(0.1, n), 4 + counts.poisson(4.0, n)
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
            "array": np.where(
                stream(seed, "array").random(n) < BILEVE_SHARE, "BiLEVE", "Axiom"
            ),
            **_genetic_pcs(seed, n),
        }
    )
    latent = pd.DataFrame(
        {
            "eid": eids,
            "liver_ml": volume,
            "fat_percent": FAT_MEDIAN_PERCENT * np.exp(FAT_LOG_SD * z["fat"]),
            "fibrosis": fibrosis,
            "lesions": np.where(z["lesion"] > MANY_LESIONS_Z, many, few),
            **{f"{name}_z": values for name, values in z.items()},
        }
    )
    return Factors(participants, latent)


def simulate_disease(factors: Factors, *, seed: int) -> pd.DataFrame:
    """Who truly has each disease, coded or not.

    A disease takes the participants of highest liability Σ effect · z + chance, as
    many as its prevalence says. Fatty liver is fat above 5.5 %, without chance. K746
    has two manifestations with a liability each, and either is enough.

    Returns
    -------
    pandas.DataFrame
        ``eid``, one bool column for each code, and ``manifestation`` of K746:
        ``nodular``, ``lesions``, ``both`` or empty.
    """
    latent = factors.latent
    z = {
        name.removesuffix("_z"): latent[name].to_numpy(float)
        for name in latent.columns
        if name.endswith("_z")
    }

    def highest(name: str, effects: Mapping[str, float], share: float) -> Flags:
        liability = _liability(z, effects, _normal(seed, name, len(latent)))
        ranks = rankdata(-liability, method="ordinal")
        return np.asarray(ranks <= round(share * len(latent)))

    kind = {
        name: highest(f"{CIRRHOSIS} {name}", effects, MANIFESTATION_PREVALENCE)
        for name, effects in MANIFESTATIONS.items()
    }
    truth = {
        one.code: highest(f"{one.code} liability", one.effects, one.prevalence)
        for one in DISEASES
    }
    truth["K760"] = latent["fat_percent"].to_numpy(float) > STEATOSIS_PERCENT
    truth[CIRRHOSIS] = kind["nodular"] | kind["lesions"]
    which = np.where(kind["nodular"], "nodular", "")
    which = np.where(kind["lesions"], "lesions", which)
    which[kind["nodular"] & kind["lesions"]] = "both"
    return pd.DataFrame({"eid": latent["eid"], **truth, "manifestation": which})


def simulate_diagnoses(factors: Factors, *, seed: int) -> pd.DataFrame:
    """Draw the codes of the health record: most diseases are under-diagnosed.

    Each true case (`simulate_disease` with the same seed) carries its code with the
    disease's sensitivity, everyone else with its share of false positives.

    Returns
    -------
    pandas.DataFrame
        ``eid, icd10``, one row each, sorted by both.
    """
    truth = simulate_disease(factors, seed=seed)
    rows = []
    for disease in DISEASES:
        ill = truth[disease.code].to_numpy(bool)
        drawn = stream(seed, f"{disease.code} coded").random(len(ill))
        coded = drawn < np.where(ill, disease.sensitivity, disease.false_positives)
        rows.append(
            pd.DataFrame({"eid": truth["eid"][coded], "icd10": disease.code}, dtype=str)
        )
    return pd.concat(rows).sort_values(["eid", "icd10"], ignore_index=True)


def _normal(seed: int, name: str, n: int) -> Array:
    return stream(seed, name).standard_normal(n)


def _liability(z: Mapping[str, Array], effects: Mapping[str, float], e: Array) -> Array:
    """Effects plus chance that fills the variance up to about 1."""
    left = 1 - sum(effect**2 for effect in effects.values())
    total: Array = np.sqrt(max(0.0, left)) * e
    return total + sum(effect * z[cause] for cause, effect in effects.items())


def _genetic_pcs(seed: int, n: int) -> dict[str, Array]:
    """Ten scores of mean 0 and SD about 1; 6 % of people stand apart on two."""
    rng = stream(seed, "genetic pcs")
    apart = (rng.random(n) < OTHER_ANCESTRY_SHARE) - OTHER_ANCESTRY_SHARE
    scores = rng.standard_normal((n, 10))
    spread = OTHER_ANCESTRY_SHARE * (1 - OTHER_ANCESTRY_SHARE)
    scores[:, 0] = (scores[:, 0] + 3 * apart) / np.sqrt(1 + 9 * spread)
    scores[:, 1] = (scores[:, 1] - 2 * apart) / np.sqrt(1 + 4 * spread)
    return {f"pc{axis + 1}": scores[:, axis].round(4) for axis in range(10)}
