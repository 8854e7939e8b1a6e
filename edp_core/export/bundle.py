"""A whole export: from phenotypes to the bytes of every file.

`render` is pure: equal requests give equal bytes, so the screen and the command line
export the same. No file holds a time, a host or a path.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import numpy as np

from edp_core.disclosure import hide_partition, is_small, mask_count
from edp_core.errors import InputError
from edp_core.export.card import render_card
from edp_core.export.counts import HIDDEN, Ledger, Shown
from edp_core.export.delivery import audit, current_user, write_folder, zip_bytes
from edp_core.export.methods import Entry, render_methods
from edp_core.export.regenie import check_traits, table_bytes, validate_table
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
        any), ``keep.tsv``, ``run_regenie.sh``, ``cards/<name>.json``, ``methods.md``,
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
        selection.runs, max_levels=selection.covariates.max_levels
    ).encode()
    for entry in entries:
        files[f"cards/{entry.spec.name}.json"] = render_card(
            entry,
            study=study,
            simulated=request.simulated,
            versions=request.versions,
        )
    files["methods.md"] = render_methods(
        entries,
        runs=selection.runs,
        study=study,
        simulated=request.simulated,
        versions=request.versions,
        encoders=request.encoders,
        notes=selection.notes,
    ).encode()
    report = {
        "study": study,
        "simulated": request.simulated,
        "disclosure_threshold": request.threshold,
        "participants": total,
        "dropped": _dropped(selection.dropped, request.threshold),
        "phenotypes": {e.spec.name: {"kind": e.kind, **e.counts} for e in entries},
        "files": {
            run.file: {
                "traits": list(run.traits),
                "participants": shown_rows[run.file],
                "without_any_value": _rest(
                    shown_rows[run.file],
                    len(selection.iids) - rows[run.file],
                    threshold=request.threshold,
                ),
                "covariates": [*run.quantities, *run.categories],
            }
            for run in selection.runs
        },
        "covariates": {
            "columns": list(selection.covariates.columns),
            "categories": list(selection.covariates.categories),
            "most_levels": selection.covariates.max_levels,
            "level_codes": selection.covariates.codes,
        },
        "genotypes": _genotypes(selection, ledger),
        "notes": list(selection.notes),
    }
    text = json.dumps(report, sort_keys=True, indent=2, ensure_ascii=False)
    files["report.json"] = (text + "\n").encode()
    files["README.txt"] = _readme(study, selection, simulated=request.simulated)
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


def _dropped(dropped: Mapping[str, int], threshold: int) -> dict[str, Shown]:
    counts = np.array([*dropped.values()], np.int64)
    hidden = hide_partition(counts, threshold)
    out: dict[str, Shown] = {}
    for (reason, n), hide in zip(dropped.items(), hidden, strict=True):
        out[reason] = HIDDEN if hide and n >= threshold else mask_count(n, threshold)
    return out


def _rest(shown: Shown, rest: int, *, threshold: int) -> Shown:
    """What a total leaves: never more exact than the part that is shown."""
    masked = mask_count(rest, threshold)
    return masked if isinstance(shown, int) or isinstance(masked, str) else HIDDEN


def _genotypes(selection: Selection, ledger: Ledger) -> dict[str, Any] | None:
    samples = selection.samples
    if samples is None:
        return None
    return {"format": samples.form, "listed": ledger.show(len(samples.fids))}


def _readme(study: str, selection: Selection, *, simulated: bool) -> bytes:
    lines = [f"Phenotypes of the study {study}, made with EDP Studio", ""]
    if simulated:
        lines += ["SIMULATED DATA: no result of this study is about people.", ""]
    for run in selection.runs:
        kind = "quantitative" if run.role == "qt" else "binary"
        lines.append(f"{run.file:<22} {kind}: {', '.join(run.traits)}")
    if selection.covariates.columns:
        lines.append(f"{'covariates.tsv':<22} what the association adjusts for")
    lines += [
        f"{'keep.tsv':<22} participants exported, for --keep",
        f"{'run_regenie.sh':<22} both steps of regenie; set the paths at its top",
        f"{'cards/':<22} one recipe each; the screen Export opens it again",
        f"{'methods.md':<22} methods section with references",
        f"{'report.json':<22} who was left out, and why",
        "",
        "Scores are raw: regenie ranks and adjusts them (see run_regenie.sh).",
    ]
    ranked = [name for run in selection.runs if run.ranked for name in run.traits]
    if ranked:
        lines.append(
            f"But for {', '.join(ranked)}: normal by their ranks, not ranked again."
        )
    return ("\n".join(lines) + "\n").encode()
