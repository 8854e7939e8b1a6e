"""The methods section of an export: phenotypes, encoders, association, references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edp_core.export.halves import CAUTION, Halves, told
from edp_core.export.runs import MOST_LISTED, Run, listed
from edp_core.export.wording import describe, warnings
from edp_core.phenotype import (
    AxisSpec,
    ClassifierSpec,
    ClusterSpec,
    GuidedSpec,
    Spec,
    VectorSpec,
)
from edp_core.recipe import families, span_of

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
    halves: Halves | None = None,
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
    halves
        Discovery and replication, where the export is split.
    """
    lines = [f"# Methods: {study}", ""]
    if simulated:
        lines += ["**Simulated data: no result of this study is about people.**", ""]
    for family in families([entry.spec for entry in entries]):
        members = [entries[at] for at in family]
        for part in [members] if len(members) > MOST_LISTED else [[m] for m in members]:
            lines += _told(part)
    made = [e.spec for e in entries if isinstance(e.spec, VectorSpec)]
    used = sorted({f"{spec.organ}/{spec.encoder}" for spec in made})
    known = [f"{name}: {encoders[name]}" for name in used if name in encoders]
    if known:
        lines += ["## Encoders", "", *[f"- {text}" for text in known], ""]
    lines += ["## Association", "", *_association(runs), ""]
    if halves is not None:
        lines += ["## Discovery and replication", "", told(halves), "", CAUTION, ""]
    lines += [f"- {note}" for note in notes] + ([""] if notes else [])
    if versions:
        used = [f"{name} {versions[name]}" for name in sorted(versions)]
        lines += ["## Software", "", ", ".join(used) + ".", ""]
    lines += ["## References", ""]
    wanted = _wanted(entries)
    lines += [f"- {REFERENCES[key]}" for key in REFERENCES if key in wanted]
    return "\n".join(lines) + "\n"


def _told(family: Sequence[Entry]) -> list[str]:
    """The paragraphs of one phenotype, or of a family of axes made alike."""
    entry = family[0]
    counts = ", ".join(f"{name} {n}" for name, n in entry.counts.items())
    many, same, figures = "", True, dict(entry.figures)
    if len(family) > 1 and isinstance(entry.spec, AxisSpec):
        numbers = [m.spec.axis for m in family if isinstance(m.spec, AxisSpec)]
        what = "components" if entry.spec.of == "pc" else "axes"
        many = (
            f"{len(family)} phenotypes were made alike, one for each of the {what} "
            f"{span_of(numbers)}. Of the first: "
        )
        same, figures = all(m.counts == entry.counts for m in family), {}
    lines = [
        f"## {listed([member.spec.name for member in family])}",
        "",
        f"{many}{describe(entry.spec)} Population: {entry.spec.population}. "
        f"Exported as {'a' if not many else 'each a'} {entry.kind} trait: {counts}"
        f"{'' if same else ' (the others: see report.json)'}.",
        "",
    ]
    told = [
        f"{name} = {value}"
        for name, value in figures.items()
        if isinstance(value, int | float | str) and not isinstance(value, bool)
    ]
    if told:
        lines += [f"Figures of the score before export: {'; '.join(told)}.", ""]
    return lines + [f"Note: {text}\n" for text in warnings(entry.spec, entry.figures)]


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
        out.append(f"- {run.file} ({listed(run.traits)}): {how}; {covariates}.")
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
