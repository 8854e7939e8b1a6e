"""Who and what is exported: alignment, exclusions and the checks before writing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from edp_core.disclosure import DEFAULT_THRESHOLD, mask_count
from edp_core.errors import AlignmentError, InputError
from edp_core.export.alignment import align, check_eids
from edp_core.export.covariates import CATEGORIES, FOLD, Covariates, finish
from edp_core.export.halves import Halves, Halving, halve
from edp_core.export.rules import ID, check_names, check_trait
from edp_core.export.runs import Run, plan_runs
from edp_core.people.covariates import SOURCES, available, gather, missing_cells
from edp_core.people.relatedness import Relatedness
from edp_core.people.samples import Samples, parse_samples
from edp_core.phenotype import ColumnSpec, Phenotype


@dataclass(frozen=True)
class ExportRequest:
    """What is to be exported, and all the rendering may depend on.

    Attributes
    ----------
    phenotypes
        In the order of the columns.
    participants
        ``eid`` and any of sex, age_years, bmi, centre, array, pc1 … pc10.
    study, simulated
        Name of the study, and whether its data are made up.
    threshold
        Counts of people from 1 to one less are masked.
    genotypes
        Text of the genotypes' .fam, .psam or .sample file.
    withdrawn
        Eids to be left out whatever the population was.
    covariates
        Names among those of `covariates.SOURCES`; `None` takes all there are.
    known
        Counts the reader has seen elsewhere: none here may differ from one of them by
        a small count.
    versions, encoders
        Software → version; encoder → a sentence on its training.
    halving
        How participants are split into discovery and replication, if they are.
    relatives
        Pairs of relatives who must not be parted by that, where a table was given.
    """

    phenotypes: Sequence[Phenotype]
    participants: pd.DataFrame
    study: str
    simulated: bool = False
    threshold: int = DEFAULT_THRESHOLD
    genotypes: str | None = None
    withdrawn: frozenset[str] = frozenset()
    covariates: tuple[str, ...] | None = None
    known: tuple[int, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    encoders: Mapping[str, str] = field(default_factory=dict)
    halving: Halving | None = None
    relatives: Relatedness | None = None


@dataclass(frozen=True)
class Selection:
    """Participants exported, sorted by eid, with their values and covariates.

    Attributes
    ----------
    fids, iids
        Ids of the participants.
    values
        Phenotype name → (n_participants,) float64, NaN = missing.
    covariates
        Columns for the same participants.
    runs
        Files to be written, each with traits and covariates.
    dropped
        Reason → participants left out for it.
    samples
        Of the genotype file, where one was given.
    notes
        What the user should know.
    halves
        Who is for discovery, where the export is split.
    """

    fids: np.ndarray
    iids: np.ndarray
    values: Mapping[str, np.ndarray]
    covariates: Covariates
    runs: tuple[Run, ...]
    dropped: Mapping[str, int]
    samples: Samples | None
    notes: tuple[str, ...]
    halves: Halves | None = None


def select(request: ExportRequest) -> Selection:
    """Align the phenotypes, leave out whom regenie would drop, and check the rest.

    Raises
    ------
    InputError
        For anything regenie would refuse or misread.
    AlignmentError
        Where no participant is in the genotype file.
    """
    phenotypes = list(request.phenotypes)
    if not phenotypes:
        raise InputError("No phenotype was chosen", "choose at least one")
    check_names([p.spec.name for p in phenotypes], taken=_covariate_names(request))
    table = request.participants
    check_eids("The participants table", list(table["eid"]) if "eid" in table else [])
    aligned = align(phenotypes)
    eids, values, folds = aligned.eids, aligned.values, aligned.folds
    reasons = np.full(len(eids), "", object)
    _drop(reasons, np.isin(eids, list(request.withdrawn)), "withdrawn")
    samples = None if request.genotypes is None else parse_samples(request.genotypes)
    if samples is not None:
        genotyped = np.array([eid in samples.fids for eid in eids])
        _check_overlap(genotyped, samples, threshold=request.threshold)
        _drop(reasons, ~genotyped, "not genotyped")
    empty = np.logical_and.reduce([np.isnan(v) for v in values.values()])
    _drop(reasons, empty, "no value in any phenotype")
    raw, notes = _complete(request, eids, reasons)

    kept = reasons == ""
    dropped = {r: int((reasons == r).sum()) for r in dict.fromkeys(reasons) if r}
    if not kept.any():
        most = max(dropped, key=dropped.__getitem__)
        raise InputError(
            f"No participant is left to export; most were left out as: {most}",
            "check that phenotypes, participants table and genotypes are of the "
            "same people, or choose fewer covariates",
        )
    eids = eids[kept]
    values = {name: column[kept] for name, column in values.items()}
    raw = {name: column[kept] for name, column in raw.items()}
    covariates = finish(raw, folds=None if folds is None else folds[kept])
    _check_all(phenotypes, values, covariates=covariates)
    halves = None
    if request.halving is not None:
        halves = halve(
            eids,
            request.halving,
            relatives=request.relatives,
            threshold=request.threshold,
        )
        for half, rows in halves.rows.items():
            within = {name: column[rows] for name, column in values.items()}
            _check_all(phenotypes, within, covariates=covariates, half=half)
    fids = [samples.fids[eid] for eid in eids] if samples else list(eids)
    if samples and any(eid in samples.repeated for eid in eids):
        raise InputError(
            "The genotype file lists some participants of the export twice",
            "give each participant one row in it",
        )
    if not all(ID.fullmatch(fid) for fid in fids):
        raise InputError(
            "The genotype file has family ids with characters that are not ASCII",
            "write it again with plain ids",
        )
    return Selection(
        np.array(fids),
        eids,
        values,
        covariates,
        plan_runs(phenotypes, values, covariates=covariates),
        dict(sorted(dropped.items())),
        samples,
        (
            *notes,
            *covariates.notes,
            *(samples.notes if samples else ()),
            *(halves.notes if halves else ()),
        ),
        halves,
    )


def _covariate_names(request: ExportRequest) -> list[str]:
    chosen = request.covariates
    names = available(request.participants) if chosen is None else chosen
    folded = any(p.folds is not None for p in request.phenotypes)
    return [*names, *([FOLD] if folded else [])]


def _drop(reasons: np.ndarray, rows: np.ndarray, reason: str) -> None:
    reasons[rows & (reasons == "")] = reason


def _check_overlap(genotyped: np.ndarray, samples: Samples, *, threshold: int) -> None:
    if not genotyped.any():
        raise AlignmentError(
            f"None of {mask_count(len(genotyped), threshold)} participants is in the "
            f".{samples.form} file, which lists "
            f"{mask_count(len(samples.fids), threshold)}",
            "check that both are of the same application: ids differ between "
            "applications of a biobank",
        )


def _complete(
    request: ExportRequest, eids: np.ndarray, reasons: np.ndarray
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Covariates for all eids; marks those who miss one."""
    people = request.participants.set_index("eid").reindex(pd.Index(eids, dtype="str"))
    raw = gather(people, chosen=request.covariates)
    notes: list[str] = []
    if raw:
        known = np.isin(eids, request.participants["eid"].to_numpy(str))
        _drop(reasons, ~known, "not in the participants table")
    for name in list(raw):
        if missing_cells(raw[name])[reasons == ""].all():
            notes.append(f"{name}: left out, nobody exported has a value")
            del raw[name]
    for name, column in raw.items():
        _drop(reasons, missing_cells(column), f"missing covariate: {name}")
    return raw, notes


def _check_all(
    phenotypes: Sequence[Phenotype],
    values: Mapping[str, np.ndarray],
    *,
    covariates: Covariates,
    half: str | None = None,
) -> None:
    """Raise `InputError` for what regenie would refuse, in one half perhaps."""
    parameters = 1 + sum(
        len(set(column)) - 1 if name in CATEGORIES else 1
        for name, column in covariates.columns.items()
    )
    for phenotype in phenotypes:
        try:
            _check_phenotype(
                phenotype,
                values[phenotype.spec.name],
                covariates=covariates,
                parameters=parameters,
            )
        except InputError as error:
            if half is None:
                raise
            raise InputError(
                f"In the half for {half}: {error.message}",
                "choose a share nearer to one half, leave that phenotype out, or "
                "export without halves",
            ) from error


def _check_phenotype(
    phenotype: Phenotype,
    values: np.ndarray,
    *,
    covariates: Covariates,
    parameters: int,
) -> None:
    spec = phenotype.spec
    check_trait(spec.name, values, phenotype.kind)
    if isinstance(spec, ColumnSpec):
        same = [c for c in covariates.columns if SOURCES.get(c) == spec.column]
        if same:
            raise InputError(
                f"Phenotype {spec.name!r} is the column {spec.column!r}, which is also "
                f"the covariate {', '.join(same)}: nothing of it would be left",
                "leave it out of this export (untick it in the basket): every GWAS "
                "here is adjusted for that covariate",
            )
    if (~np.isnan(values)).sum() <= parameters:
        raise InputError(
            f"Phenotype {spec.name!r} has no more participants than the covariates "
            f"take degrees of freedom ({parameters})",
            "choose fewer covariates or a larger population",
        )
