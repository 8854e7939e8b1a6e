"""The demo's tables, with the names and the layouts of UK Biobank.

Participants have the column names of its research platform (``p21003_i2``) and meanings
in place of codes; diagnoses are wide (``41270-0.0`` …) with their dates beside them
(``41280-0.0`` …), paired by index.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd

from edp_core.simulate.chance import stream
from edp_core.simulate.diseases import simulate_diagnoses, simulate_disease
from edp_core.simulate.factors import Factors
from edp_core.simulate.nulls import null_diagnoses

ROW_REPEATED = "row repeated"
NO_CODE = "diagnosis that is no code"
WITHDRAWN = "withdrawn participant"
FAULTS = {ROW_REPEATED: 2, NO_CODE: 1, WITHDRAWN: 3}
"""What is odd in the tables → how many participants it befalls."""
STRANGE_DIAGNOSES = 4
"""Rows of the diagnoses table that are about people who are not listed."""

COLUMNS = {
    "sex": "p31",
    "age_years": "p21003_i2",
    "bmi": "p21001_i2",
    "height_cm": "p12144_i2",
    "weight_kg": "p21002_i2",
    "centre": "p54_i2",
    "imaging_date": "p53_i2",
    "array": "p22000",
    **{f"pc{axis}": f"p22009_a{axis}" for axis in range(1, 11)},
}
"""Our name → the column of the file, for what the study reads."""
VOLUMES = {"liver_ml": "liver_volume_ml", "kidneys_ml": "kidneys_volume_ml"}
"""The same for organ volumes, where no image is there to measure them on."""
UNREAD = {"white_british": "p22006", "sex_aneuploidy": "p22019", "kinship": "p22021"}
"""The same for columns that are there and that the study's settings do not name."""
KINSHIP = {
    0: "No kinship found",
    1: "At least one relative identified",
    10: "Ten or more third-degree relatives identified",
}

PHECODES = (
    ("B18", "070", "Chronic viral hepatitis", "070-079.99"),
    ("C22", "155", "Cancer of the liver", "150-159.99"),
    ("C78.7", "198", "Metastasis", "195-199.99"),
    ("E11", "250.2", "Type 2 diabetes", "249-250.99"),
    ("H26", "366", "Cataract", "366-366.99"),
    ("I10", "401.1", "Hypertension", "401-405.99"),
    ("J45", "495", "Asthma", "490-498.99"),
    ("K74.0", "571.51", "Fibrosis and cirrhosis of the liver", "570-573.99"),
    ("K74.6", "571.51", "Fibrosis and cirrhosis of the liver", "570-573.99"),
    ("K75.4", "571.6", "Autoimmune hepatitis", "570-573.99"),
    ("K76.0", "571.5", "Fatty liver", "570-573.99"),
    ("K76.8", "573", "Other disorders of the liver", "570-573.99"),
    ("K76.9", "573", "Other disorders of the liver", "570-573.99"),
    ("N17", "585.1", "Acute renal failure", "580-590.99"),
    ("N18", "585.3", "Chronic renal failure", "580-590.99"),
    ("N20", "594", "Stones of the urinary tract", "590-599.99"),
    ("N28.1", "586", "Other disorders of the kidney", "580-590.99"),
)
"""Code, phecode, name, range: a small map in the catalog's format, made for the demo.

The catalog's own map says nothing of a licence, so that it is not handed on here.
"""
MEDICATIONS = {
    "metformin": ({"E119": 0.7}, 0.01),
    "antihypertensive": ({"I10": 0.75, "N189": 0.4}, 0.06),
    "inhaler": ({"J459": 0.6}, 0.02),
    "vitamin_d": ({}, 0.15),
}
"""What is taken → share of those who have a disease that take it, and of the others."""
UNANSWERED = 0.04
"""Participants whose medications nobody asked for."""


def write_tables(
    folder: Path,
    listed: Factors,
    *,
    faults: np.ndarray,
    strangers: pd.Series,
    seed: int,
    null_codes: int = 0,
    volumes: bool = False,
) -> None:
    """Write participants, diagnoses and withdrawals, and the truth behind them.

    Parameters
    ----------
    faults
        (n_listed,) what is wrong with each one's data, empty for most.
    strangers
        Ids of people who are not listed.
    null_codes
        How many further codes have nothing to do with anything.
    volumes
        Whether the participants table has the columns `VOLUMES`.
    """
    people = listed.participants
    table = _participants(people, faults)
    if volumes:
        measured = {"eid": listed.latent["eid"]} | _volumes(listed)
        table = table.merge(pd.DataFrame(measured), on="eid", how="left")
    table.to_csv(folder / "participants.csv", index=False)
    withdrawn = people["eid"][faults == WITHDRAWN]
    (folder / "withdrawn.txt").write_text("\n".join(withdrawn) + "\n", encoding="utf-8")
    diagnoses = simulate_diagnoses(listed, seed=seed)
    odd = [
        pd.DataFrame({"eid": people["eid"][faults == NO_CODE], "icd10": "UNKNOWN"}),
        pd.DataFrame({"eid": strangers[:STRANGE_DIAGNOSES], "icd10": "I10"}),
    ]
    if null_codes:
        odd.append(null_diagnoses(listed, count=null_codes, seed=seed))
    everything = pd.concat([diagnoses, *odd]).fillna("")
    text = _wide(everything, people["eid"]).to_csv(index=False)
    (folder / "hospital.csv.gz").write_bytes(
        gzip.compress(text.encode(), compresslevel=6, mtime=0)
    )
    disease = simulate_disease(listed, seed=seed)
    _medications(disease, seed).to_csv(folder / "medications.csv", index=False)
    names = ["ICD10", "PheCode", "Phenotype", "Excl. Phecodes"]
    pd.DataFrame(PHECODES, columns=names).to_csv(folder / "phecodes.csv", index=False)
    truth = listed.latent.merge(disease, on="eid")
    truth.assign(blemish=faults).to_parquet(folder / "truth" / "truth.parquet")


def _volumes(listed: Factors) -> dict[str, pd.Series]:
    latent = listed.latent
    kidneys = latent["kidney_left_ml"] + latent["kidney_right_ml"]
    return {
        VOLUMES["liver_ml"]: latent["liver_ml"].round(0),
        VOLUMES["kidneys_ml"]: kidneys.round(0),
    }


def _participants(people: pd.DataFrame, faults: np.ndarray) -> pd.DataFrame:
    batch = people["batch"].abs().astype(str)
    table = people.assign(
        sex=people["sex"].map({"F": "Female", "M": "Male"}),
        centre=people["centre"] + " (imaging)",
        array=np.where(
            people["batch"] < 0, "UKBiLEVEAX_b" + batch, "Batch_b" + batch.str.zfill(3)
        ),
        white_british=people["caucasian"].map({True: "Caucasian", False: ""}),
        sex_aneuploidy=people["aneuploidy"].map({True: "Yes", False: ""}),
        kinship=people["relatedness"].map(KINSHIP),
    )
    table = pd.concat([table, table[faults == ROW_REPEATED]])
    columns = {"eid": "eid", **COLUMNS, **UNREAD}
    return table[list(columns)].rename(columns=columns)


def _medications(disease: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Wide table of who takes what, by the diseases they have, coded or not."""
    table = {"eid": disease["eid"]}
    asked = stream(seed, "medications asked").random(len(disease)) >= UNANSWERED
    for name, (causes, share) in MEDICATIONS.items():
        chance = np.full(len(disease), share)
        for code, higher in causes.items():
            chance = np.maximum(chance, np.where(disease[code], higher, 0))
        takes = stream(seed, f"takes {name}").random(len(disease)) < chance
        table[name] = pd.Series(np.where(takes, "Yes", "No")).where(asked)
    return pd.DataFrame(table)


def _wide(diagnoses: pd.DataFrame, eids: pd.Series) -> pd.DataFrame:
    """One row a participant, also of those without a diagnosis; codes in order."""
    rows = diagnoses.sort_values(["eid", "icd10"])
    rows = rows.assign(index=rows.groupby("eid").cumcount())
    wide = rows.pivot(index="eid", columns="index", values=["icd10", "date"])
    fields = {"icd10": "41270", "date": "41280"}
    pairs = wide.columns.to_frame().to_numpy().tolist()
    names = [f"{fields[name]}-0.{index}" for name, index in pairs]
    wide = wide.set_axis(names, axis=1)
    others = wide.index.difference(eids.tolist(), sort=True)
    return wide.reindex([*eids, *others]).rename_axis("eid").reset_index()
