"""A whole export: from phenotypes to the bytes of every file.

`render` is pure: equal requests give equal bytes, so the screen and the command line
export the same. No file holds a time, a host or a path.
"""

from __future__ import annotations

import platform
from importlib import metadata

import numpy as np

from edp_core.disclosure import is_small
from edp_core.errors import InputError
from edp_core.export.card import render_card
from edp_core.export.counts import Ledger, Shown
from edp_core.export.delivery import audit, current_user, write_folder, zip_bytes
from edp_core.export.methods import Entry, render_methods
from edp_core.export.regenie import check_traits, table_bytes, validate_table
from edp_core.export.report import render_readme, render_report
from edp_core.export.script import render_script
from edp_core.export.selection import ExportRequest, Selection, select

__all__ = [
    "ExportRequest",
    "audit",
    "current_user",
    "render",
    "software_versions",
    "write_folder",
    "zip_bytes",
]
_PACKAGES = ("edp-studio", "numpy", "scipy", "pandas", "igraph")


def render(request: ExportRequest) -> dict[str, bytes]:
    """Every file of an export.

    Parameters
    ----------
    request
        Phenotypes, participants and settings.

    Returns
    -------
    dict
        File name → content: ``phenotypes_*.tsv``, ``covariates.tsv`` (where there are
        any), ``keep.tsv``, ``discovery.keep`` and ``replication.keep`` (where the
        export is split), ``run_regenie.sh``, ``cards/<name>.json``, ``methods.md``,
        ``report.json`` and ``README.txt``.

    Raises
    ------
    InputError
        For whatever regenie would refuse or misread, naming the phenotype or column.
    AlignmentError
        Where no participant is in the genotype file.
    """
    if request.threshold < 1:
        raise InputError("The disclosure threshold is below 1", "set 5, or higher")
    selection = select(request)
    study = " ".join(request.study.split())
    ledger = Ledger(
        request.threshold,
        coarse=bool(
            is_small(
                np.array([*selection.dropped.values()], int), request.threshold
            ).any()
        ),
    )
    ledger.remember(*request.known)
    if selection.samples is not None:
        ledger.remember(len(selection.samples.fids))
    total = ledger.show(len(selection.iids), exact=not ledger.coarse)
    files = _tables(selection)
    rows = {run.file: files[run.file].count(b"\n") - 1 for run in selection.runs}
    shown_rows = {file: ledger.show(n) for file, n in rows.items()}
    entries = _entries(request, selection, ledger)
    files["run_regenie.sh"] = render_script(
        selection.runs,
        max_levels=selection.covariates.max_levels,
        halved=selection.halves is not None,
    ).encode()
    for entry in entries:
        files[f"cards/{entry.spec.name}.json"] = render_card(
            entry,
            study=study,
            simulated=request.simulated,
            versions=request.versions,
            halving=None if selection.halves is None else selection.halves.halving,
        )
    files["methods.md"] = render_methods(
        entries,
        runs=selection.runs,
        study=study,
        simulated=request.simulated,
        versions=request.versions,
        encoders=request.encoders,
        notes=selection.notes,
        halves=selection.halves,
    ).encode()
    files["report.json"] = render_report(
        request,
        selection,
        entries,
        study=study,
        ledger=ledger,
        rows=shown_rows,
        exact_rows=rows,
        total=total,
    )
    files["README.txt"] = render_readme(study, selection, simulated=request.simulated)
    return dict(sorted(files.items()))


def software_versions() -> dict[str, str]:
    """Versions for `ExportRequest.versions`: Python and what the numbers depend on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _tables(selection: Selection) -> dict[str, bytes]:
    """Tables, each read back by the strict parser before it is given on."""
    files: dict[str, bytes] = {}
    columns = selection.covariates.columns
    for run in selection.runs:
        traits = {name: selection.values[name] for name in run.traits}
        held = ~np.logical_and.reduce([np.isnan(v) for v in traits.values()])
        files[run.file] = table_bytes(
            selection.fids[held].tolist(),
            selection.iids[held].tolist(),
            {name: values[held] for name, values in traits.items()},
        )
        check_traits(files[run.file], role=run.role, taken=tuple(columns))
    fids, iids = selection.fids.tolist(), selection.iids.tolist()
    files["keep.tsv"] = table_bytes(fids, iids, {})
    validate_table(files["keep.tsv"], role="keep")
    halves = {} if selection.halves is None else selection.halves.rows
    for half, of_half in halves.items():
        name = f"{half}.keep"
        ids = (selection.fids[of_half].tolist(), selection.iids[of_half].tolist())
        files[name] = table_bytes(*ids, {})
        validate_table(files[name], role="keep")
    if columns:
        files["covariates.tsv"] = table_bytes(fids, iids, columns)
        validate_table(
            files["covariates.tsv"],
            role="covariates",
            categories=selection.covariates.categories,
        )
    return files


def _entries(
    request: ExportRequest, selection: Selection, ledger: Ledger
) -> list[Entry]:
    counted = []
    for phenotype in request.phenotypes:
        values = selection.values[phenotype.spec.name]
        known = values[~np.isnan(values)]
        counts: dict[str, Shown] = (
            ledger.split(len(known), int(known.sum()))
            if phenotype.kind == "binary"
            else {"participants": ledger.show(len(known))}
        )
        counted.append((phenotype, counts))
    return [
        Entry(p.spec, p.kind, counts, ledger.figures(p.figures))
        for p, counts in counted
    ]
