"""Ingest: the tables of a study become cohort and phenome."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from edp_core.artifacts import write_cohort, write_phenome
from edp_core.errors import AlignmentError
from edp_core.people.assemble import build_phenome
from edp_core.people.cohort import Cohort, clean_participants, locate
from edp_core.people.diagnoses import Found, prevalent, read_diagnoses
from edp_core.people.items import read_items
from edp_core.people.phecodes import map_path, read_phecodes
from edp_core.people.population import apply_population, with_notes
from edp_core.people.ukb import read_participants
from edp_core.people.vocabularies import read_names
from edp_core.store import digest, write_table
from edp_core.study import Study
from edp_core.withdrawals import withdrawal_notes, withdrawn_eids, without_ids


def ingest_cohort(study: Study, folder: Path) -> None:
    """Read participants, apply the population and write the cohort."""
    settings = study.participants
    population = study.populations[study.population]
    raw, unread = read_participants(
        study.path(settings.table),
        settings,
        also=[rule.column for rule in population.rules],
    )
    cohort = clean_participants(
        raw, categories=settings.categories, ranges=settings.ranges, unread=unread
    )
    cohort = with_notes(cohort, withdrawal_notes(study, cohort))
    withdrawn = withdrawn_eids(study)
    chosen = apply_population(cohort, population, withdrawn=withdrawn)
    write_cohort(folder, without_ids(chosen, withdrawn))


def ingest_phenome(study: Study, cohort: Cohort, folder: Path) -> None:
    """Read diagnoses and other tables and write the phenome; without any, no traits."""
    eids = cohort.participants["eid"].to_numpy(str)
    found = _diagnoses(study, cohort)
    settings = study.diagnoses
    names = phecodes = None
    if settings is not None and settings.names is not None:
        names = read_names(study.path(settings.names))
    if settings is not None and settings.phecodes is not None:
        phecodes = read_phecodes(map_path(settings.phecodes, study.folder))
    sex = cohort.participants.get("sex")
    phenome, notes = build_phenome(
        found.rows,
        eids,
        names=names,
        phecodes=phecodes,
        sex=None if sex is None else sex.to_numpy(object),
        tables=[
            read_items(study.path(table.table), table, table=name, eids=eids)
            for name, table in study.traits.items()
        ],
    )
    others = pd.DataFrame(
        {"reason": list(found.notes), "count": list(found.notes.values())}
    )
    both = pd.concat([notes, others])
    counted = both.groupby("reason", sort=False)["count"].sum()
    write_phenome(folder, phenome)
    write_table(folder, "notes", counted.astype("int64").reset_index())


def phenome_inputs(
    study: Study, cohort: Cohort, digest_of: Callable[[Path], str]
) -> dict[str, str]:
    """What the phenome is made of beside the participants' ids, by content."""
    files = {
        f"traits/{name}": study.path(table.table)
        for name, table in study.traits.items()
    }
    used = []
    settings = study.diagnoses
    if settings is not None:
        files["table"] = study.path(settings.table)
        if settings.names is not None:
            files["names"] = study.path(settings.names)
        if settings.phecodes is not None:
            files["phecodes"] = map_path(settings.phecodes, study.folder)
            used.append(("sex", "sex"))
        if settings.prevalent_only:
            used.append(("imaging_dates", "imaging_date"))
            if settings.episodes is not None:
                files["episodes"] = study.path(settings.episodes)
    found = {name: digest_of(path) for name, path in files.items()}
    for name, column in used:
        cells = cohort.participants.get(column)
        found[name] = digest([] if cells is None else [*map(str, cells)])
    return found


def _diagnoses(study: Study, cohort: Cohort) -> Found:
    """Diagnoses that count for the phenome.

    Raises
    ------
    AlignmentError
        Where there are some, and none is about a participant.
    """
    settings = study.diagnoses
    if settings is None:
        return Found(pd.DataFrame({"eid": [], "icd10": []}, dtype="string"), {})
    episodes = settings.episodes and study.path(settings.episodes)
    found = read_diagnoses(
        study.path(settings.table), settings, episodes=episodes or None
    )
    eids = cohort.participants["eid"].to_numpy(str)
    if len(found.rows) and (locate(found.rows["eid"], eids)[0] < 0).all():
        # rows whose code alone is unusable are counted; here nobody is known at all
        raise AlignmentError(
            f"{settings.table}: none of its rows, from line 2 on, is about one of the "
            "participants",
            "the ids there and in the participants table must be equal: check `eid` "
            "under [diagnoses] in study.toml",
        )
    return prevalent(found, cohort.participants) if settings.prevalent_only else found
