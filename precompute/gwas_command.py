"""The command that makes bases of the live GWAS, of any genotypes of the people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from edp_core.artifacts import read_basis
from edp_core.disclosure import about, near
from edp_core.errors import InputError
from edp_core.prune import sweep
from edp_core.settings.genotypes import Genotypes
from edp_core.store import Store, read_table
from edp_core.study import Study
from precompute.console import Reporter
from precompute.jobs import Jobs
from precompute.opening import StudyPath, open_study
from precompute.steps import do

console = Console()


def command(
    study: StudyPath,
    *,
    bed: Annotated[
        Path | None, typer.Option(help="Genotypes: path without .bed", metavar="PREFIX")
    ] = None,
    pgen: Annotated[
        Path | None,
        typer.Option(help="Genotypes: path without .pgen", metavar="PREFIX"),
    ] = None,
    organ: Annotated[str | None, typer.Option(help="This organ alone")] = None,
    encoder: Annotated[str | None, typer.Option(help="This encoder alone")] = None,
    force: Annotated[bool, typer.Option(help="Do again what is done")] = False,
    quiet: Annotated[bool, typer.Option(help="Plain lines, for logs")] = False,
) -> None:
    """Keep the products of every variant with every axis, for the live GWAS."""
    opened, store = open_study(study)
    opened = with_genotypes(opened, bed=bed, pgen=pgen)
    pairs = [
        (o, e) for o, e in opened.pairs() if organ in (None, o) and encoder in (None, e)
    ]
    if not pairs:
        raise InputError(
            f"The study has no embedding of {organ or 'any organ'} by "
            f"{encoder or 'any encoder'}",
            "there are: " + ", ".join(f"{o}/{e}" for o, e in opened.pairs()),
        )
    with store.use():
        sweep(store)
        jobs = Jobs(opened, store)
        reporter = Reporter(console, quiet=quiet)
        done = 0
        for slot in ("genotypes", *(f"basis/{o}/{e}" for o, e in pairs)):
            job = jobs.make(slot)
            if store.has(job.recipe) and not force:
                do(jobs, job, report=lambda *_: None)
                continue
            with reporter.step(slot) as report:
                done += do(jobs, job, report=report, force=force)
    for organ_, encoder_ in pairs:
        _tell(opened, store, f"{organ_}/{encoder_}")
    if not done:
        console.print("Everything is done already.")


def _tell(study: Study, store: Store, pair: str) -> None:
    """How many people and variants a basis has, and what was left aside."""
    threshold = study.disclosure.threshold
    basis = read_basis(store, *pair.split("/"))
    people = len(basis.eids)
    # beside counts that are shown elsewhere: a small difference must not be told
    others = [
        len(read_table(store.at("cohort"), "participants")),
        read_table(store.at(f"embedding/{pair}"), "rows")["eid"].nunique(),
    ]
    console.print(
        f"{pair}: {near(people, others, threshold)} people × {len(basis.squares)} "
        f"variants; covariates: {', '.join(basis.columns) or 'none'}",
        soft_wrap=True,
        highlight=False,
    )
    table = Table("left aside", "count")
    for slot in ("genotypes", f"basis/{pair}"):
        notes = read_table(store.at(slot), "notes")
        for reason, count in zip(
            notes["reason"], map(int, notes["count"]), strict=True
        ):
            of_people = reason.startswith("genotype")
            table.add_row(reason, about(count, threshold) if of_people else str(count))
    reasons = read_table(store.at(f"basis/{pair}"), "exclusions")["reason"]
    for reason, count in reasons.value_counts().items():
        table.add_row(f"participant: {reason}", about(int(count), threshold))
    if table.row_count:
        console.print(table)


def with_genotypes(study: Study, *, bed: Path | None, pgen: Path | None) -> Study:
    """The study with the genotypes that options name in place of its own.

    Raises
    ------
    InputError
        Where two are given, or neither the study nor an option names any.
    """
    if bed is not None and pgen is not None:
        raise InputError("--bed and --pgen are both given", "give one of them")
    if bed is None and pgen is None:
        if study.genotypes is None:
            raise InputError(
                "The study names no genotypes",
                "give --bed PREFIX or --pgen PREFIX, or write [genotypes] into "
                "study.toml",
            )
        return study
    given = {
        "bed": None if bed is None else str(bed.absolute()),
        "pgen": None if pgen is None else str(pgen.absolute()),
    }
    if study.genotypes is None:
        settings = Genotypes.model_validate(given)
    else:
        settings = study.genotypes.model_copy(update=given)
    return study.model_copy(update={"genotypes": settings})
