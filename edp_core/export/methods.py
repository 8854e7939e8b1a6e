"""The methods section of an export: phenotypes, encoders, association, references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edp_core.export.runs import Run
from edp_core.export.wording import describe, warnings
from edp_core.phenotype import (
    AxisSpec,
    ClassifierSpec,
    ClusterSpec,
    GuidedSpec,
    Spec,
    VectorSpec,
)

REFERENCES = {
    "edp": "Sankarapandian S, Srinivasan R, Sooknah M, Sorokin E, Xu J. Representation "
    "Learning based Target Discovery from UKBB MRI data.",
    "regenie": "Mbatchou J et al. Computationally efficient whole-genome regression "
    "for quantitative and binary traits. Nat Genet 53, 1097–1103 (2021). "
    "doi:10.1038/s41588-021-00870-7",
    "rint": "McCaw ZR et al. Operating characteristics of the rank-based inverse "
    "normal transformation for quantitative trait analysis in genome-wide association "
    "studies. Biometrics 76, 1262–1272 (2020). doi:10.1111/biom.13214",
    "lda": "Friedman JH. Regularized discriminant analysis. J Am Stat Assoc 84, "
    "165–175 (1989). doi:10.1080/01621459.1989.10478752",
    "delong": "DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two "
    "or more correlated receiver operating characteristic curves. Biometrics 44, "
    "837–845 (1988). doi:10.2307/2531595",
    "leiden": "Traag VA, Waltman L, van Eck NJ. From Louvain to Leiden: guaranteeing "
    "well-connected communities. Sci Rep 9, 5233 (2019). "
    "doi:10.1038/s41598-019-41695-z",
    "igwas": "Xie Z et al. iGWAS: Image-based genome-wide association of "
    "self-supervised deep phenotyping of retina fundus images. PLoS Genet 20, e1011273 "
    "(2024). doi:10.1371/journal.pgen.1011273",
    "firth": "Firth D. Bias reduction of maximum likelihood estimates. Biometrika 80, "
    "27–38 (1993). doi:10.1093/biomet/80.1.27",
}


@dataclass(frozen=True)
class Entry:
    """One phenotype as it may be told of: recipe, kind, counts and figures masked."""

    spec: Spec
    kind: str
    counts: Mapping[str, int | str]
    figures: Mapping[str, Any] = field(default_factory=dict)


def render_methods(
    entries: Sequence[Entry],
    *,
    runs: Sequence[Run],
    study: str,
    simulated: bool,
    versions: Mapping[str, str],
    encoders: Mapping[str, str],
    notes: Sequence[str] = (),
) -> str:
    """The methods section as Markdown.

    Parameters
    ----------
    entries
        Phenotypes with masked counts.
    runs
        Files and covariates of the association.
    encoders
        ``organ/encoder`` → a sentence on how it was trained.
    notes
        What happened to the covariates.
    """
    lines = [f"# Methods: {study}", ""]
    if simulated:
        lines += ["**Simulated data: no result of this study is about people.**", ""]
    for entry in entries:
        counts = ", ".join(f"{name} {n}" for name, n in entry.counts.items())
        lines += [
            f"## {entry.spec.name}",
            "",
            f"{describe(entry.spec)} Population: {entry.spec.population}. "
            f"Exported as a {entry.kind} trait: {counts}.",
            "",
        ]
        figures = [
            f"{name} = {value}"
            for name, value in entry.figures.items()
            if isinstance(value, int | float | str) and not isinstance(value, bool)
        ]
        if figures:
            lines += [f"Figures of the score before export: {'; '.join(figures)}.", ""]
        lines += [f"Note: {text}\n" for text in warnings(entry.spec, entry.figures)]
    made = [e.spec for e in entries if isinstance(e.spec, VectorSpec)]
    used = sorted({f"{spec.organ}/{spec.encoder}" for spec in made})
    told = [f"{name}: {encoders[name]}" for name in used if name in encoders]
    if told:
        lines += ["## Encoders", "", *[f"- {text}" for text in told], ""]
    lines += ["## Association", "", *_association(runs), ""]
    lines += [f"- {note}" for note in notes] + ([""] if notes else [])
    if versions:
        told = [f"{name} {versions[name]}" for name in sorted(versions)]
        lines += ["## Software", "", ", ".join(told) + ".", ""]
    lines += ["## References", ""]
    wanted = _wanted(entries)
    lines += [f"- {REFERENCES[key]}" for key in REFERENCES if key in wanted]
    return "\n".join(lines) + "\n"


def _association(runs: Sequence[Run]) -> list[str]:
    out = []
    for run in runs:
        used = (*run.quantities, *run.categories)
        how = (
            f"whole-genome regression of quantitative traits, {_ranking(run)}"
            if run.role == "qt"
            else "whole-genome logistic regression with the approximate Firth test "
            "where p < 0.01"
        )
        covariates = (
            f"covariates: {_list(used)} (categories: {_list(run.categories) or 'none'})"
            if used
            else "no covariates"
        )
        out.append(f"- {run.file} ({_list(run.traits)}): {how}; {covariates}.")
    out += [
        "",
        "regenie was run in two steps: a ridge regression on genotyped variants "
        "(blocks of 1,000) gives leave-one-chromosome-out predictions, and imputed "
        "variants (blocks of 400) are tested beside them. age2 is the square of age "
        "minus the exported participants' mean age. Participants missing any covariate "
        "were left out.",
    ]
    return out


def _ranking(run: Run) -> str:
    if run.ranked:
        return (
            "rank-inverse-normal as exported and not ranked again (no --apply-rint), "
            "covariates regressed out"
        )
    return "rank-normalised (--apply-rint) before covariates were regressed out"


def _wanted(entries: Sequence[Entry]) -> set[str]:
    keys = {"regenie"}
    for entry in entries:
        if isinstance(entry.spec, AxisSpec):
            keys.add("igwas")
        if isinstance(entry.spec, GuidedSpec):
            keys |= {"edp", "delong"}
        if isinstance(entry.spec, ClassifierSpec):
            keys.add("lda")
        if isinstance(entry.spec, ClusterSpec):
            keys.add("leiden")
        keys.add("rint" if entry.kind == "quantitative" else "firth")
    return keys


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
