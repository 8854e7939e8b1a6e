"""The command that brings results of a GWAS home, lists them and takes them away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from edp_core.errors import EdpError, InputError
from edp_core.gwas.results import ingest_results
from edp_core.gwas.results_store import (
    GwasResult,
    list_gwas,
    read_gwas,
    remove_gwas,
)
from edp_core.prune import sweep
from edp_core.store import Store
from edp_core.study import Study
from precompute.console import Reporter
from precompute.opening import StudyPath, open_study
from precompute.steps import versions

console = Console()


def command(
    study: StudyPath,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="What to call the result")
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE…", help="Result files of one run"),
    ] = None,
    *,
    build: Annotated[
        str | None,
        typer.Option(help="GRCh37 or GRCh38; without it that of the genotypes"),
    ] = None,
    trait: Annotated[
        str | None, typer.Option(help="Which trait of a file that holds several")
    ] = None,
    people: Annotated[
        int | None, typer.Option(help="Number of people, where no column says it")
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List the results in the store")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Delete the result NAME from the store")
    ] = False,
    quiet: Annotated[bool, typer.Option(help="Plain lines, for logs")] = False,
) -> None:
    """Read the results of a GWAS into the store: regenie, plink2, BOLT-LMM, SAIGE …"""
    opened, store = open_study(study)
    if list_ or name is None:
        if name or files or remove:
            raise InputError("--list takes no NAME", "leave NAME and FILE away")
        _list(store)
        return
    if remove:
        if files:
            raise InputError("--remove takes no FILE", "leave FILE away")
        with store.use():
            remove_gwas(store, name)
        _say(f"{name} is removed; the files it was read from are as they were.")
        return
    if not files:
        raise InputError(f"No file is given for {name!r}", "give its result files")
    with store.use():
        sweep(store)
        with Reporter(console, quiet=quiet).step(f"gwas {name}") as report:
            result = ingest_results(
                files,
                name=name,
                build=build or _build_of(opened),
                store=store,
                report=report,
                trait=trait,
                n=people,
                traits=exported_traits(opened),
                versions=versions(),
            )
    _tell(result)


def _build_of(study: Study) -> str:
    """Build of the study's genotypes."""
    if study.genotypes is None:
        raise InputError(
            "Nothing says on which build of the genome the result is",
            "give --build GRCh37 or --build GRCh38",
        )
    return str(study.genotypes.build)


def exported_traits(study: Study) -> frozenset[str]:
    """Names of the phenotypes in the study's folder of exports."""
    folder = study.path(study.disclosure.export_dir)
    return frozenset(p.stem for p in folder.glob("*/cards/*.json"))


def _list(store: Store) -> None:
    names = list_gwas(store)
    if not names:
        _say("There is no GWAS result in the store.")
        return
    table = Table("result", "trait", "program", "build", "variants", "loci")
    for name in names:
        try:
            held = read_gwas(store, name)
        except EdpError as error:
            table.add_row(name, f"damaged: {error.message}")
            continue
        summary = held.summary
        table.add_row(
            name,
            summary["trait"] or "",
            summary["dialect"],
            held.build,
            f"{held.n_variants:,}",
            str(len(held.loci)),
        )
    console.print(table)


def _tell(result: GwasResult) -> None:
    """What was read, what was dropped and why, and what stands out."""
    summary = result.summary
    _say(
        f"{result.name}: {summary['n_rows']:,} rows of {summary['dialect']}, "
        f"{result.n_variants:,} variants kept, {summary['n_dropped']:,} rows dropped"
    )
    notes = result.notes
    if len(notes):
        table = Table("noticed", "number", "")
        for row in notes.itertuples():
            word = "dropped" if row.dropped else "kept"
            table.add_row(str(row.reason), f"{row.count:,}", word)
        console.print(table)
    gc = result.lambdas[0.5]
    known = f"λ {gc:.3f}, " if gc == gc else ""
    _say(f"{known}{len(result.loci)} loci at p < 5e-8")


def _say(text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)
