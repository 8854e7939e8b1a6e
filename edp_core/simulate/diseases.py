"""Diseases of simulated people: who has them, and whose record says so.

They are drawn from the latent factors of `factors`, as the pictures of `volumes` are;
the two know nothing of each other: what images tell of a disease has passed through
the factors. The effect sizes are the coefficients of `DISEASES`: standard deviations
of the liability per standard deviation of the cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from edp_core.simulate.chance import normal, stream
from edp_core.simulate.factors import Factors, liability

Flags = NDArray[np.bool_]

STEATOSIS_PERCENT = 5.5
"""A liver with more fat than this is a fatty liver, coded or not."""


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
    Disease("N183", 0.080, {"scarring": 0.80, "age": 0.10}, 0.60, 0.002),
    Disease("N189", 0.045, {"scarring": 0.70, "age": 0.15}, 0.50, 0.002),
    Disease("N179", 0.040, {"scarring": 0.30, "age": 0.20}, 0.60),
    Disease("N281", 0.080, {"cyst": 0.85}, 0.60, 0.002),
    Disease("N200", 0.030, {"bmi": 0.15, "male": 0.15}, 0.70),
    Disease("H269", 0.160, {"age": 0.60}, 0.85),
    Disease("J459", 0.110, {}),
    Disease("M545", 0.080, {}),
    Disease("M2556", 0.050, {}),
)
"""H269 knows only age; E831, J459, M545, M2556 nothing; K760, K746 have own rules."""

BEFORE_SHARE = 0.8
"""Codes that were in the record when the image was taken; the rest came later."""
SENTINEL_SHARE = 0.01
SENTINELS = ("1900-01-01", "1901-01-01", "1902-02-02", "1903-03-03", "2037-07-07")
"""Dates by which UK Biobank means "a case, date unknown"."""
LAST_DATE = np.datetime64("2023-10-31")
"""The record ends here."""


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
        risk = liability(z, effects, normal(seed, name, len(latent)))
        ranks = rankdata(-risk, method="ordinal")
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
    disease's sensitivity, everyone else with its share of false positives. Four codes
    in five stand in the record before the imaging, exponentially distributed back in
    time with a mean of six years; the others came up to five years later.

    Returns
    -------
    pandas.DataFrame
        ``eid, icd10, date`` (text, ISO 8601; one in a hundred is a sentinel), one row
        each, sorted by the first two.
    """
    truth = simulate_disease(factors, seed=seed)
    imaged = factors.participants["imaging_date"].to_numpy("datetime64[D]")
    rows = []
    for disease in DISEASES:
        ill = truth[disease.code].to_numpy(bool)
        drawn = stream(seed, f"{disease.code} coded").random(len(ill))
        coded = drawn < np.where(ill, disease.sensitivity, disease.false_positives)
        dates = dates_of(imaged, stream(seed, f"{disease.code} date"))
        found = {
            "eid": truth["eid"][coded],
            "icd10": disease.code,
            "date": dates[coded],
        }
        rows.append(pd.DataFrame(found, dtype=str))
    return pd.concat(rows).sort_values(["eid", "icd10"], ignore_index=True)


def dates_of(
    imaged: NDArray[np.datetime64], rng: np.random.Generator
) -> NDArray[np.str_]:
    """Dates (ISO 8601) of codes about the imaging dates of who carries them."""
    before = rng.random(len(imaged)) < BEFORE_SHARE
    years = np.where(
        before,
        -np.minimum(rng.exponential(6.0, len(imaged)), 25.0),
        rng.uniform(0.0, 5.0, len(imaged)),
    )
    days = (365.25 * years).round().astype("timedelta64[D]")
    dates = np.minimum(imaged + days, LAST_DATE).astype(str)
    unknown = rng.random(len(imaged)) < SENTINEL_SHARE
    sentinels = np.array(SENTINELS)[rng.integers(len(SENTINELS), size=len(imaged))]
    return np.where(unknown, sentinels, dates)
