"""Steps of the live GWAS: which genotypes the study has, and products of each variant.

Products are made in blocks of variants, each kept in the store's workspace when it is
done, so that a kill costs one block; the next is read while one is multiplied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from edp_core import artifacts
from edp_core.errors import AlignmentError
from edp_core.gwas import basis_files, sources
from edp_core.gwas.covariates import design
from edp_core.gwas.genotypes import list_files, open_genotypes
from edp_core.gwas.people import match, read_mapping
from edp_core.gwas.products import Columns, directions, multiply, unit_vectors
from edp_core.gwas.reader import Form, Reader
from edp_core.gwas.variant_tables import usable
from edp_core.settings.genotypes import Genotypes
from edp_core.store import Recipe, Store, digest, read_array, read_table, write_table
from edp_core.study import Study
from precompute.jobs import Job, Jobs, Report

Step = tuple[dict[str, str], Callable[[Path, Recipe, Report], None]]
"""Keys of the inputs, and what fills the folder."""

BLOCK = 2048
"""Variants multiplied at once: with 45,714 people they take 375 MB."""
DONE = "people-done"
NO_GENOTYPE = "no genotypes"
NO_VECTOR = "no embedding"


def job(jobs: Jobs, pair: str) -> Job:
    """Job of the slot ``genotypes``, or with a pair of ``basis/organ/encoder``."""
    slot = f"basis/{pair}" if pair else "genotypes"
    if pair:
        inputs, build = basis_step(jobs.study, jobs.store, pair)
    else:
        inputs, build = genotypes_step(jobs.study, jobs.store, jobs.fingerprints.of)
        jobs.fingerprints.save()
    recipe = jobs.recipe(slot, inputs)
    return Job(slot, recipe, lambda folder, report: build(folder, recipe, report))


def genotypes_step(
    study: Study, store: Store, fingerprint: Callable[[Path], str]
) -> Step:
    """Variants that can be tested and participants who are genotyped."""
    settings = _settings(study)
    prefix, form = _prefix(study, settings)
    eids = artifacts.read_cohort(store).participants["eid"].to_numpy(str)
    files = list_files(prefix, form)
    inputs = {
        "eids": digest(eids.tolist()),
        "files": digest({name: fingerprint(path) for name, path in files.items()}),
    }
    mapping = None if settings.mapping is None else study.path(settings.mapping)
    if mapping is not None:
        inputs["mapping"] = fingerprint(mapping)

    def build(folder: Path, _recipe: Recipe, _report: Report) -> None:
        found = open_genotypes(prefix, form)
        rows, notes = usable(found.variants, build=settings.build, name=prefix.name)
        known = [row[settings.ids == "iid"] for row in found.samples.rows]
        people = match(
            found.samples,
            eids,
            ids=settings.ids,
            mapping=None if mapping is None else read_mapping(mapping, known),
            threshold=study.disclosure.threshold,
        )
        variants = found.variants.iloc[rows].reset_index(drop=True)
        write_table(folder, "variants", variants.assign(row=rows))
        write_table(
            folder, "people", pd.DataFrame({"eid": people.eids, "row": people.rows})
        )
        without = eids[~np.isin(eids, people.eids)]
        _write_exclusions(folder, dict.fromkeys(without.tolist(), NO_GENOTYPE))
        basis_files.write_notes(folder, notes + Counter(people.notes))
        sources.write_sources(folder, found.reader, study=study.folder)

    return inputs, build


def basis_step(study: Study, store: Store, pair: str) -> Step:
    """Products of every variant with the axes of ``organ/encoder``."""
    slots = {"embedding": f"embedding/{pair}", "cohort": "cohort"}
    slots["genotypes"] = "genotypes"

    def build(folder: Path, recipe: Recipe, report: Report) -> None:
        settings = _settings(study)
        workspace = store.workspace(recipe)
        source = store.at("genotypes")
        if not (workspace / DONE).is_file():
            _prepare(study, store, pair, workspace=workspace)
            (workspace / DONE).touch()
        columns = basis_files.read_columns(workspace)
        opened = sources.reopen_genotypes(store, study=study.folder)
        variants = read_table(source, "variants")
        parts = make_parts(
            opened.genotypes,
            variants["row"].to_numpy(np.int64),
            opened.people_rows(np.array(read_array(workspace, "eids"))),
            columns=columns,
            mac=settings.fewest_copies(study.disclosure.threshold),
            missing=settings.missing,
            workspace=workspace,
            report=report,
        )
        basis_files.copy_people(workspace, folder)
        basis_files.join_parts(folder, parts, variants=variants, block=BLOCK)

    return {name: store.ref(slot) for name, slot in slots.items()}, build


def make_parts(
    reader: Reader,
    variants: np.ndarray,
    people: np.ndarray,
    *,
    columns: Columns,
    mac: int,
    missing: float,
    workspace: Path,
    report: Report,
) -> list[Path]:
    """Multiply every block of variants that is not done yet.

    Parameters
    ----------
    variants
        (n_variants,) rows of the genotypes' table of variants, in order.
    people
        (n,) rows of its table of people, as ``columns`` has them.
    mac, missing
        Fewest copies of the rarer allele, largest share of missing genotypes.
    workspace
        Receives ``part-N.npz`` of each block.

    Returns
    -------
    list of Path
        The parts in order.
    """
    blocks = [variants[s : s + BLOCK] for s in range(0, len(variants), BLOCK)]
    parts = [workspace / f"part-{number:06}.npz" for number in range(len(blocks))]
    waiting = [n for n, part in enumerate(parts) if not part.is_file()]
    done = len(variants) - sum(len(blocks[n]) for n in waiting)
    with ThreadPoolExecutor(1) as ahead:

        def start(numbers: list[int]) -> list[Future[np.ndarray]]:
            return [ahead.submit(reader.read, blocks[n], people) for n in numbers]

        reading = start(waiting[:1])
        for place, number in enumerate(waiting):
            dosages = reading.pop().result()
            reading = start(waiting[place + 1 : place + 2])
            products = multiply(dosages, columns, mac=mac, missing=missing)
            basis_files.write_part(parts[number], products)
            done += len(blocks[number])
            report(done, len(variants))
    return parts


def _prepare(study: Study, store: Store, pair: str, *, workspace: Path) -> None:
    """Who is in the basis, their covariates and the directions of their vectors."""
    cohort = artifacts.read_cohort(store).participants
    everyone = cohort["eid"].to_numpy(str)
    eids, vectors = artifacts.read_embedding(store, *pair.split("/")).by_participant()
    genotyped = read_table(store.at("genotypes"), "people")["eid"].to_numpy(str)
    both = np.isin(eids, genotyped)
    if not both.any():
        raise AlignmentError(
            f"None of {len(eids)} participants with an embedding of {pair} is among "
            f"{len(genotyped)} who are genotyped",
            "give the genotypes of the people who were imaged",
        )
    people = cohort.set_index("eid").loc[eids[both]].reset_index()
    made = design(
        people,
        _settings(study).covariates,
        categories=study.participants.categories,
    )
    used = eids[both][made.rows]
    # a score's cosine is taken from the mean of everybody embedded, genotyped or not
    centre = vectors.mean(axis=0, dtype=np.float64)
    chosen = vectors[both][made.rows]
    axes, loadings = directions(chosen)
    unit, _ = directions(unit_vectors(chosen, centre))
    columns = Columns(made.matrix, np.hstack([axes, unit]), axes.shape[1])
    basis_files.write_people(workspace, used, made, columns=columns, loadings=loadings)
    reasons = dict.fromkeys(everyone[~np.isin(everyone, eids)].tolist(), NO_VECTOR)
    reasons |= dict.fromkeys(eids[~both].tolist(), NO_GENOTYPE)
    lacking = made.lacking.tolist()
    reasons |= {
        eid: f"covariate missing: {name}"
        for eid, name in zip(eids[both].tolist(), lacking, strict=True)
        if name
    }
    _write_exclusions(workspace, reasons)
    basis_files.write_notes(workspace, made.notes)


def _write_exclusions(folder: Path, reasons: Mapping[str, str]) -> None:
    table = pd.DataFrame({"eid": [*reasons], "reason": [*reasons.values()]}, dtype=str)
    write_table(folder, "exclusions", table.sort_values("eid", ignore_index=True))


def _settings(study: Study) -> Genotypes:
    assert study.genotypes is not None  # there is no such slot without them
    return study.genotypes


def _prefix(study: Study, settings: Genotypes) -> tuple[Path, Form]:
    if settings.bed is not None:
        return study.path(settings.bed), "bed"
    assert settings.pgen is not None
    return study.path(settings.pgen), "pgen"
