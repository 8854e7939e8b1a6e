"""The command line: run, status, export, demo, prune, withdraw and the gwas-… ones."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edp_core.checkout import render_study
from edp_core.disclosure import breakdown
from edp_core.errors import EdpError
from edp_core.exclusions import exclusions_of, notes_said
from edp_core.export import card, delivery
from edp_core.people.relatedness import read_relatedness
from edp_core.prune import prune as prune_store
from edp_core.prune import sweep
from edp_core.refused import writing
from edp_core.store import Store
from edp_core.study import Study
from edp_core.withdrawals import withdrawn_eids
from precompute import demo as demo_study
from precompute import gwas_command, gwas_results
from precompute.console import Reporter
from precompute.exported import delete_export, exports_with
from precompute.exporting import cards_in, halving_of, read_samples
from precompute.jobs import Jobs
from precompute.opening import StudyPath, open_study
from precompute.steps import PHASES, do, slots, states
from precompute.telling import Telling, tell_withdrawn
from precompute.withdraw import survey, withdraw

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Train encoders on a study's images and cache what the screens show.",
)
console = Console()
app.command("gwas-basis")(gwas_command.command)
app.command("gwas-results")(gwas_results.command)


@app.command()
def run(
    study: StudyPath,
    *,
    only: Annotated[
        str | None, typer.Option(help=f"Do only one step: {', '.join(PHASES)}")
    ] = None,
    force: Annotated[bool, typer.Option(help="Do again what is done")] = False,
    quiet: Annotated[bool, typer.Option(help="Plain lines, for logs")] = False,
) -> None:
    """Do every step that is not done yet."""
    if only is not None and only not in PHASES:
        raise typer.BadParameter(f"--only takes one of {', '.join(PHASES)}")
    run_study(study, only=only, force=force, quiet=quiet)


def run_study(
    path: Path, *, only: str | None = None, force: bool = False, quiet: bool = False
) -> None:
    """Run a study's steps with progress on the console."""
    study, store = open_study(path)
    with store.use():
        sweep(store)
        _run_slots(study, store, only=only, force=force, quiet=quiet)


def _run_slots(
    study: Study, store: Store, *, only: str | None, force: bool, quiet: bool
) -> None:
    jobs = Jobs(study, store)
    reporter = Reporter(console, quiet=quiet)
    done = 0
    for slot in slots(study):
        if only is not None and slot.phase != only:
            continue
        job = jobs.make(slot.name)
        fresh = not store.has(job.recipe)
        if fresh or force:
            with reporter.step(f"{slot.phase} {slot.name}") as report:
                done += do(jobs, job, report=report, force=force)
        else:
            do(jobs, job, report=lambda *_: None)
    jobs.fingerprints.save()
    if not done:
        console.print("Everything is done already.")


@app.command()
def status(
    study: StudyPath,
    *,
    verify: Annotated[
        bool, typer.Option(help="Reread every byte of the store; slow")
    ] = False,
) -> None:
    """Show which steps are done, their size and time, and who was left out and why."""
    opened, store = open_study(study)
    if verify:
        for name, key in store.refs().items():
            store.verify(name.split("/")[0], key)
        console.print(
            f"Every byte is as it was written. Content: {store.content_hash()}"
        )
    table = Table("step", "artifact", "state", "size", "seconds", title=opened.name)
    found = states(opened, store)
    for slot, state in found.items():
        size = seconds = ""
        if state == "done":
            kind, key = slot.name.split("/")[0], store.ref(slot.name)
            manifest = store.manifest(kind, key)
            size = human(sum(f["bytes"] for f in manifest["files"].values()))
            seconds = f"{manifest['seconds']:.1f}"
        table.add_row(slot.phase, slot.name, state, size, seconds)
    console.print(table)
    threshold = opened.disclosure.threshold
    flows = {}
    for organ, encoder in opened.pairs():
        # an encoder whose vectors came ready made has a listing of its own
        own = encoder if opened.is_given(encoder) else None
        flows[f"{organ} · {own}" if own else organ] = exclusions_of(store, organ, own)
    for title, counts in flows.items():
        if counts is None:
            continue
        people = Table("participants", "count", title=f"Participants · {title}")
        for reason, shown in breakdown(counts, threshold).items():
            people.add_row(reason, str(shown))
        console.print(people)
    notes = notes_said(store, list(opened.organs), threshold)
    if notes:
        rows = Table("noticed in the data", "count")
        for reason, count in notes.items():
            rows.add_row(reason, count)
        console.print(rows)
    tell_withdrawn(console, opened, store)
    left = Counter(state for state in found.values() if state != "done")
    if left:
        words = ", ".join(f"{n} {state}" for state, n in left.items())
        console.print(f"{words} → {store.remedy}", soft_wrap=True)
    else:
        console.print("Everything is done.")


@app.command()
def export(
    study: StudyPath,
    *,
    phenotype: Annotated[
        list[Path],
        typer.Option(help="Recipe or card (JSON), or a folder of cards; may repeat"),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write")],
    genotypes: Annotated[
        Path | None, typer.Option(help="A .fam, .psam or .sample file to check against")
    ] = None,
    halves: Annotated[
        bool | None,
        typer.Option(help="Split into discovery and replication, or as cards say"),
    ] = None,
    halves_seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Of the split")
    ] = None,
    halves_share: Annotated[
        float | None, typer.Option(min=0.05, max=0.95, help="For discovery")
    ] = None,
    relatedness: Annotated[
        Path | None, typer.Option(help="Table of relatives: ID1 ID2 … Kinship")
    ] = None,
) -> None:
    """Write regenie's files for one or more phenotypes."""
    opened, store = open_study(study)
    cards = cards_in(phenotype)
    files = render_study(
        opened,
        store,
        [card.read(path) for path in cards],
        genotypes=read_samples(genotypes) if genotypes is not None else None,
        halving=halving_of(cards, asked=halves, seed=halves_seed, share=halves_share),
        relatives=read_relatedness(relatedness) if relatedness is not None else None,
    )
    delivery.audit(  # first: without a line in the log nothing is handed over
        store.root / "audit.log", delivery.current_user(), "folder", files=files
    )
    delivery.write_folder(files, out)
    console.print(f"{len(files)} files for {len(cards)} phenotypes in {out}")


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    *,
    participants: Annotated[int, typer.Option(min=60)] = 600,
    vectors_only: Annotated[
        bool,
        typer.Option(
            "--vectors-only", help="Embeddings in place of images: any number is quick"
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option(help="Plain lines, for logs")] = False,
) -> None:
    """Make the simulated demo study, if it is not there, and run its steps."""
    reporter = Reporter(console, quiet=quiet)
    with writing(folder), reporter.step("simulate demo study") as report:
        demo_study.write_demo(
            folder,
            participants=participants,
            vectors_only=vectors_only,
            progress=report,
        )
    run_study(folder, quiet=quiet)


@app.command()
def prune(study: StudyPath) -> None:
    """Delete artifacts that the study no longer uses."""
    _, store = open_study(study)
    console.print(f"{human(prune_store(store))} freed")


@app.command("withdraw")
def withdraw_command(
    study: StudyPath,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be removed")
    ] = False,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Delete the weights trained with them")
    ] = False,
    exports: Annotated[
        bool, typer.Option("--exports", help="Delete the exports that hold them")
    ] = False,
    quiet: Annotated[bool, typer.Option(help="Plain lines, for logs")] = False,
) -> None:
    """Remove the participants of the study's `withdrawals` lists from its store."""
    opened, store = open_study(study)
    eids = withdrawn_eids(opened)
    held = exports_with(opened.path(opened.disclosure.export_dir), eids)
    telling = Telling(console, opened, store, dry_run=dry_run, retrain=retrain)
    if dry_run or not store.root.is_dir():
        telling.tell(survey(opened, store, eids))
    else:
        with store.use(alone=True):
            outcome = withdraw(
                opened,
                store,
                eids,
                ingest=partial(
                    _run_slots, opened, store, only="ingest", force=False, quiet=quiet
                ),
                retrain=retrain,
            )
        telling.tell(outcome)
        for export in held if exports else []:
            delete_export(export)
    telling.tell_exports(held, deleted=exports and not dry_run)


def human(size: float) -> str:
    """A number of bytes in words."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def main() -> None:
    """Entry: errors a user can mend are shown as message and hint, exit code 2."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        app()
    except EdpError as error:
        problem = Console(stderr=True)
        # escaped: a hint that names [encoders.*] is no markup
        message, hint = escape(error.message), escape(error.hint)
        problem.print(f"[bold red]Error[/bold red] {message}", soft_wrap=True)
        problem.print(f"[bold]→[/bold] {hint}", soft_wrap=True)
        raise SystemExit(2) from None
