"""Ingest: the tables of a study become cohort and phenome."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from edp_core.artifacts import write_cohort, write_phenome
from edp_core.errors import AlignmentError
from edp_core.people.cohort import Cohort, clean_eids, clean_participants
from edp_core.people.phenome import build_phenome
from edp_core.people.population import apply_population
from edp_core.people.ukb import read_columns, read_eids
from edp_core.store import write_table
from edp_core.study import Study


def ingest_cohort(study: Study, folder: Path) -> None:
    """Read participants, apply the population and write the cohort."""
    table = study.participants
    raw = read_columns(
        study.path(table.table),
        {**table.columns, "eid": table.eid},
        others=not table.columns,
    )
    cohort = clean_participants(raw, categories=table.categories)
    population = study.populations[study.population]
    withdrawn = (
        read_eids(study.path(population.withdrawals)) if population.withdrawals else []
    )
    write_cohort(folder, apply_population(cohort, population, withdrawn=withdrawn))


def ingest_phenome(study: Study, cohort: Cohort, folder: Path) -> None:
    """Read diagnoses and write the phenome; without a table it has no traits."""
    eids = cohort.participants["eid"].to_numpy(str)
    if study.diagnoses is None:
        raw = pd.DataFrame({"eid": [], "icd10": []}, dtype="string")
    else:
        columns = {"eid": study.diagnoses.eid, "icd10": study.diagnoses.code}
        raw = read_columns(study.path(study.diagnoses.table), columns)
    phenome, notes = build_phenome(raw, eids)
    named = clean_eids(raw["eid"])[0].isin(eids.tolist())
    if study.diagnoses is not None and len(raw) and not named.any():
        # rows whose code alone is unusable are counted; here nobody is known at all
        raise AlignmentError(
            f"{study.diagnoses.table}: none of its rows, from line 2 on, is about one "
            "of the participants",
            "the ids there and in the participants table must be equal: check `eid` "
            "under [diagnoses] in study.toml",
        )
    write_phenome(folder, phenome)
    write_table(folder, "notes", notes)
