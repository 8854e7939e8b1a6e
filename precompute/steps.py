"""The steps of a study in order: what is done, what is not, and doing it.

A slot is skipped where its artifact is in the store already, so a killed run goes on
where it stopped.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from edp_core.errors import EdpError, MissingArtifactError
from edp_core.store import Store
from edp_core.study import Study
from precompute import probes
from precompute.jobs import Job, Jobs, Report

Phase = Literal["ingest", "train", "encode", "analyse"]
PHASES: tuple[Phase, ...] = ("ingest", "train", "encode", "analyse")
State = Literal["done", "to do", "changed", "damaged", "source missing"]


@dataclass(frozen=True)
class Slot:
    """A place for one artifact, the step that fills it and the slots it needs."""

    phase: Phase
    name: str
    needs: tuple[str, ...] = ()


def slots(study: Study) -> list[Slot]:
    """Every slot of a study, in an order in which each comes after what it needs."""
    found = [Slot("ingest", "cohort"), Slot("ingest", "phenome", ("cohort",))]
    for organ, settings in study.organs.items():
        if settings.images is None:
            continue
        images = f"images/{organ}"
        found.append(Slot("ingest", images, ("cohort",)))
        found.append(Slot("ingest", f"thumbnails/{organ}", (images,)))
    if study.genotypes is not None:
        found.append(Slot("ingest", "genotypes", ("cohort",)))
    pairs = [f"{organ}/{encoder}" for organ, encoder in study.pairs()]
    trained = []
    for organ, name in study.pairs():
        if study.is_given(name):
            slot = f"embedding/{organ}/{name}"
            found.append(Slot("ingest", slot, ("cohort",)))
        else:
            trained.append((f"{organ}/{name}", organ))
    for pair, organ in trained:
        found.append(Slot("train", f"encoder/{pair}", (f"images/{organ}",)))
    for pair, organ in trained:
        needs = (f"encoder/{pair}", f"images/{organ}")
        found.append(Slot("encode", f"embedding/{pair}", needs))
    for pair in pairs:
        embedding = f"embedding/{pair}"
        found.append(Slot("analyse", f"atlas/{pair}", (embedding,)))
        found.append(Slot("analyse", f"scan/{pair}", (embedding, "phenome", "cohort")))
        found.append(
            Slot(
                "analyse", f"enrichment/{pair}", (f"atlas/{pair}", "phenome", "cohort")
            )
        )
        found.append(Slot("analyse", f"stability/{pair}", (embedding, f"atlas/{pair}")))
    for organ, name in study.occluded():
        pair = f"{organ}/{name}"
        held = (f"images/{organ}", f"encoder/{pair}", f"embedding/{pair}")
        found.append(Slot("analyse", f"occlusion/{pair}", (*held, f"atlas/{pair}")))
    if study.genotypes is not None:
        for pair in pairs:
            wanted = (f"embedding/{pair}", "cohort", "genotypes")
            found.append(Slot("analyse", f"basis/{pair}", wanted))
    about = [*study.pairs(), *((probes.ALL, name) for name in probes.combined(study))]
    for organ, name in about:
        needed = ["cohort"]
        for of in probes.organs_of(study, organ, name):
            if study.organs[of].images is not None:
                needed.append(f"images/{of}")
            needed.append(f"embedding/{of}/{name}")
        found.append(Slot("analyse", f"probes/{organ}/{name}", tuple(needed)))
    return found


def do(jobs: Jobs, job: Job, *, report: Report, force: bool = False) -> bool:
    """Do a job unless it is done; whether anything was done.

    Raises
    ------
    MissingArtifactError
        Where the artifact is there but damaged: nothing is recomputed silently.
    """
    store = jobs.store
    with store.lock(job.recipe.key):
        done = store.has(job.recipe)
        if done and not force:
            store.open(job.recipe.kind, job.recipe.key)
        else:
            with store.write(job.recipe, versions=versions()) as folder:
                job.build(folder, report)
        # of a done job too: a kill may have come between its artifact and this line
        store.discard_workspace(job.recipe)
        store.set_ref(job.slot, job.recipe.key)
    return force or not done


def states(study: Study, store: Store) -> dict[Slot, State]:
    """State of every slot, without doing anything.

    A slot is ``changed`` where the study file or the data it was made from are no
    longer what they were, or where a slot it needs is not done.
    """
    jobs = Jobs(study, store)
    jobs.fingerprints.needed = False  # a store that is read-only may be looked at
    refs = store.refs()
    found: dict[Slot, State] = {}
    settled: set[str] = set()
    for slot in slots(study):
        found[slot] = "changed" if slot.name in refs else "to do"
        if not settled.issuperset(slot.needs):
            continue
        try:
            recipe = jobs.make(slot.name).recipe
        except EdpError:  # `run` tells which file and what to do
            found[slot] = "source missing"
            continue
        if refs.get(slot.name) != recipe.key or not store.has(recipe):
            continue
        try:
            store.open(recipe.kind, recipe.key)
        except MissingArtifactError:
            found[slot] = "damaged"
            continue
        found[slot] = "done"
        settled.add(slot.name)
    return found


def versions() -> dict[str, str]:
    """Versions of what computes, for manifests."""
    names = ("edp-studio", "numpy", "scipy", "pandas", "pillow", "igraph")
    return {"python": platform.python_version()} | {n: version(n) for n in names}
