"""The command that makes bases of the live GWAS, of any genotypes of the people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edp_core.errors import InputError
from edp_core.prune import sweep
from edp_core.settings.genotypes import Genotypes
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
    if not done:
        console.print("Everything is done already.")


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
        settings = Genotypes.model_validate(
            given | {"mac": max(20, study.disclosure.threshold)}
        )
    else:
        settings = study.genotypes.model_copy(update=given)
    return study.model_copy(update={"genotypes": settings})
