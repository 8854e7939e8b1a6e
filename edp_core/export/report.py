"""What an export says of itself: counts and notes as JSON, and a README."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edp_core.disclosure import about, hide_partition, is_small, mask_count
from edp_core.export.counts import HIDDEN, Ledger, Shown
from edp_core.export.halves import CAUTION, NAMES, Halves
from edp_core.export.methods import Entry
from edp_core.export.runs import Run, listed
from edp_core.export.selection import ExportRequest, Selection


def render_report(
    request: ExportRequest,
    selection: Selection,
    entries: Sequence[Entry],
    *,
    study: str,
    ledger: Ledger,
    rows: Mapping[str, Shown],
    exact_rows: Mapping[str, int],
    total: Shown,
) -> bytes:
    """``report.json``: who is in the files, who was left out and why.

    Parameters
    ----------
    entries
        Phenotypes with masked counts.
    ledger
        Which counts were shown already.
    rows, exact_rows
        File → participants in it, as shown and as they are.
    total
        Everybody exported, as shown.
    """
    n = len(selection.iids)
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
                "participants": rows[run.file],
                "without_any_value": _rest(
                    rows[run.file],
                    n - exact_rows[run.file],
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
    if selection.halves is not None:
        report["halves"] = _halves(
            selection, selection.halves, entries, ledger=ledger, total=total
        )
    text = json.dumps(report, sort_keys=True, indent=2, ensure_ascii=False)
    return (text + "\n").encode()


def _halves(
    selection: Selection,
    halves: Halves,
    entries: Sequence[Entry],
    *,
    ledger: Ledger,
    total: Shown,
) -> dict[str, Any]:
    """Counts of each half, none of which gives another away."""
    found: dict[str, Any] = halves.halving.model_dump(mode="json")
    families = halves.n_families
    if families is not None:
        found["families_of_two_or_more"] = about(families, ledger.threshold)
    found["participants"] = _parts(
        [int(rows.sum()) for rows in halves.rows.values()], total, ledger=ledger
    )
    found["phenotypes"] = {}
    for entry in entries:
        values = selection.values[entry.spec.name]
        told: dict[str, Any] = {}
        known = {half: values[rows & ~np.isnan(values)] for half, rows in
                 halves.rows.items()}  # fmt: skip
        sizes = [len(column) for column in known.values()]
        told["participants"] = _parts(
            sizes, entry.counts["participants"], ledger=ledger
        )
        if entry.kind == "binary":
            cases = [int(column.sum()) for column in known.values()]
            controls = [n - k for n, k in zip(sizes, cases, strict=True)]
            few = is_small(np.array([*cases, *controls]), ledger.threshold).any()
            told["cases"] = (
                dict.fromkeys(NAMES, HIDDEN)
                if few
                else _parts(cases, entry.counts["cases"], ledger=ledger)
            )
        found["phenotypes"][entry.spec.name] = told
    return found


def _parts(parts: Sequence[int], whole: Shown, *, ledger: Ledger) -> dict[str, Shown]:
    """Two counts that add up to a third: exact both, or neither."""
    if is_small(np.array(parts), ledger.threshold).any():
        return dict.fromkeys(NAMES, HIDDEN)
    first, second = parts
    exact = (
        isinstance(whole, int)
        and not ledger.coarse
        and ledger.clear(first)
        and ledger.clear(second)
        and not is_small(abs(first - second), ledger.threshold)
    )
    shown = [ledger.show(count, exact=exact) for count in parts]
    return dict(zip(NAMES, shown, strict=True))


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


def render_readme(study: str, selection: Selection, *, simulated: bool) -> bytes:
    """``README.txt``: what each file is."""
    lines = [f"Phenotypes of the study {study}, made with EDP Studio", ""]
    if simulated:
        lines += ["SIMULATED DATA: no result of this study is about people.", ""]
    for run in selection.runs:
        kind = "quantitative" if run.role == "qt" else "binary"
        lines.append(f"{run.file:<22} {kind}: {listed(run.traits)}")
    if selection.covariates.columns:
        lines.append(f"{'covariates.tsv':<22} what the association adjusts for")
    lines.append(f"{'keep.tsv':<22} participants exported, for --keep")
    if selection.halves is not None:
        lines += [
            f"{'discovery.keep':<22} those of them for discovery",
            f"{'replication.keep':<22} all others, for replication",
        ]
    lines += [
        f"{'run_regenie.sh':<22} both steps of regenie; set the paths at its top",
        f"{'cards/':<22} one recipe each; the screen Export opens it again",
        f"{'methods.md':<22} methods section with references",
        f"{'report.json':<22} who was left out, and why",
        "",
        "Scores are raw: regenie ranks and adjusts them (see run_regenie.sh).",
    ]
    ranked = _ranked(selection.runs)
    if ranked:
        lines.append(
            f"But for {listed(ranked)}: normal by their ranks, not ranked again."
        )
    if selection.halves is not None:
        how = selection.halves.halving
        families = (
            "; no table of relatives was given"
            if selection.halves.n_families is None
            else f"; families are kept together (relatives {how.relatedness})"
        )
        lines += [
            "",
            f"Halves: seed {how.seed}, share for discovery {how.share:g}{families}.",
            CAUTION,
        ]
    return ("\n".join(lines) + "\n").encode()


def _ranked(runs: Sequence[Run]) -> list[str]:
    return [name for run in runs if run.ranked for name in run.traits]
