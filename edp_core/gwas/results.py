"""Results of a run come home: result files in, an artifact that screens can draw out.

Files of one run, one for each chromosome or one for all, become one table of variants
by chromosome and position, together with everything a screen draws: it never reads ten
million rows. Nothing is imported by halves: whatever is wrong raises before the
artifact is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from edp_core.errors import InputError
from edp_core.files import file_digest, write_atomic, write_table
from edp_core.gwas.genome import chromosome_name
from edp_core.gwas.incoming.builds import Build, checked_build
from edp_core.gwas.incoming.files import Report
from edp_core.gwas.incoming.run import RunFile, open_run, read_run
from edp_core.gwas.incoming.values import Tally
from edp_core.gwas.result_figures import notes_of, write_figures
from edp_core.gwas.result_table import write_sorted
from edp_core.gwas.results_store import (
    KIND,
    VERSION,
    GwasResult,
    check_name,
    read_gwas,
    slot_of,
)
from edp_core.keys import Recipe
from edp_core.store import Store

AUTOSOMES = range(1, 23)
COMMON_SUFFIX = re.compile(
    r"(\.glm\.\w+(\.\w+)?|\.regenie|\.txt|\.tsv|\.csv|\.assoc|\.gz|\.bgz)+$"
)


def ingest_results(
    files: Sequence[Path],
    *,
    name: str,
    build: str,
    store: Store,
    report: Report = lambda done, of: None,
    trait: str | None = None,
    n: int | None = None,
    traits: Collection[str] = (),
    versions: Mapping[str, str] | None = None,
) -> GwasResult:
    """Read the result files of one GWAS into the store, as slot ``gwas/<name>``.

    Parameters
    ----------
    files
        One for each chromosome, or one for all: regenie, plink2, BOLT-LMM, SAIGE,
        GWAS-SSF, EPACTS or common column names; plain or gzip; told by their header.
    name
        What the result is to be called: letters, digits, ``_ . -``. A result of that
        name is replaced.
    build
        GRCh37 or GRCh38 (hg19, hg38): where the positions are.
    report
        Told bytes done, of all.
    trait
        Which trait of files that hold several (regenie ``--no-split``).
    n
        Number of people, for files that do not say it (BOLT-LMM).
    traits
        Names of phenotypes that were exported: the one that the files are named after
        becomes the result's trait.
    versions
        Of what computes, for the manifest.

    Returns
    -------
    GwasResult

    Raises
    ------
    InputError
        Where a file is absent, damaged, cut short, without a needed column, of another
        build or contradicts another; where nothing usable is in them, or ``name`` is
        no name. The store is as it was then.
    """
    check_name(name)
    declared = checked_build(build)
    opened = open_run(files, trait=trait)
    also = {
        "name": name,
        "trait": _trait(opened, traits),
        "files": [f.head.path.name for f in opened],
    }
    # what stands beside the files counts as well as what is in them
    said = [sorted(f.head.builds) for f in opened]
    recipe = Recipe(
        KIND,
        VERSION,
        also | {"build": declared, "asked": trait, "n": n, "said": said},
        {f"file{i}": file_digest(f.head.path) for i, f in enumerate(opened)},
    )
    with store.lock(recipe.key):
        if not store.has(recipe):
            with store.write(recipe, versions=versions) as folder:
                _build(folder, opened, declared, n=n, report=report, also=also)
        store.open(KIND, recipe.key)
        store.set_ref(slot_of(name), recipe.key)
    return read_gwas(store, name)


def _build(
    folder: Path,
    files: Sequence[RunFile],
    build: Build,
    *,
    n: int | None,
    report: Report,
    also: Mapping[str, Any],
) -> None:
    """Fill an artifact's folder."""
    tally = Tally()
    table = read_run(files, build, tally=tally, n=n, report=report)
    done = write_sorted(folder / "variants.parquet", table, tally=tally)
    del table
    missing = [c for c in AUTOSOMES if c not in done.chromosomes]
    if missing:
        names = ", ".join(map(chromosome_name, missing))
        tally.noticed[f"chromosome of 1–22 without a variant: {names}"] = len(missing)
    write_figures(folder, done, build)
    write_table(folder, "notes", notes_of(tally))
    people = done.table["n"].drop_null()
    summary = {
        **also,
        "dialect": files[0].layout.dialect,
        "build": build,
        "n_rows": tally.rows,
        "n_variants": len(done.table),
        "n_dropped": tally.dropped.total(),
        "n_min": pc.min(people).as_py(),
        "n_max": pc.max(people).as_py(),
        "chromosomes": done.chromosomes,
        "missing_chromosomes": missing,
        "log10p_max": float(done.log10p.max()),
    }
    write_atomic(folder / "summary.json", json.dumps(summary, indent=1).encode())


# ---- which phenotype -------------------------------------------------------------
def _trait(files: Sequence[RunFile], known: Collection[str]) -> str | None:
    """Trait of a run: named in the file, or what the files are named after.

    regenie writes ``<out>_<trait>.regenie``, plink2 ``<out>.<trait>.glm.linear``; where
    the first part ends nothing tells, so the longest known name that a file's name ends
    with is it.

    Raises
    ------
    InputError
        Where files are named after different phenotypes.
    """
    if files[0].layout.trait is not None:
        return files[0].layout.trait
    found = {f.head.path.name: _named_after(f.head.path.name, known) for f in files}
    named = {trait for trait in found.values() if trait is not None}
    if len(named) > 1:
        first, second, *_ = sorted(named)
        raise InputError(
            f"The files are of {len(named)} phenotypes, as {first} and {second}",
            "give the files of one run, each phenotype under a name of its own",
        )
    return named.pop() if named and None not in found.values() else None


def _named_after(file: str, known: Collection[str]) -> str | None:
    stem = COMMON_SUFFIX.sub("", file)
    ends = (n for n in known if re.search(rf"(?:^|[_.]){re.escape(n)}$", stem))
    return max(ends, key=len, default=None)
