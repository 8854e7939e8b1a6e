"""How each phenotype was made, in sentences: for its card and for a methods section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edp_core.export.runs import Run
from edp_core.phenotype import ClassifierSpec, ClusterSpec, CodeSpec, ColumnSpec, Spec

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


def sign_statement(spec: Spec) -> str:
    """What a high value means.

    Cards state it, for papers differ: their cluster score is high for the unlike.
    """
    if isinstance(spec, CodeSpec):
        return f"1 = has {spec.trait}, 0 = has not"
    if isinstance(spec, ColumnSpec):
        return f"as in the participants column {spec.column}"
    if spec.sign == 1:
        return "higher = more like the cases"
    return "higher = less like the cases"


def describe(spec: Spec) -> str:
    """How a score is made, as one paragraph without line breaks."""
    if isinstance(spec, CodeSpec):
        return (
            f"The code {spec.trait} as a binary trait: participants with a record of "
            "it, or of a code below it, are cases, all others of the population are "
            "controls."
        )
    if isinstance(spec, ColumnSpec):
        return f"The participants column {spec.column} as it is."
    parts = [
        f"Images of the {spec.organ} were turned into vectors by the encoder "
        f"{spec.encoder} (embedding {spec.embedding})."
    ]
    if spec.remove_covariates:
        parts.append(
            f"Regressed out of every axis: {_list(spec.remove_covariates)}, by "
            "Z ← Z − V(VᵀV)⁺VᵀZ with V = [1, factors], categories as indicators."
        )
    if spec.remove_pcs:
        pcs = _list([f"PC{i}" for i in spec.remove_pcs])
        parts.append(
            f"The principal components {pcs} of the embedding were removed: "
            "Z ← Z − ZUUᵀ for the centred Z."
        )
    if spec.labels.share < 1:
        parts.append(
            f"Of the cases' labels {100 * spec.labels.share:g} % were kept, drawn at "
            f"random (seed {spec.labels.seed})."
        )
    if isinstance(spec, ClassifierSpec):
        parts.append(_classifier(spec))
    elif isinstance(spec, ClusterSpec):
        parts.append(_cluster(spec))
    parts.append(f"Sign: {sign_statement(spec)}.")
    return " ".join(parts)


def _classifier(spec: ClassifierSpec) -> str:
    return (
        f"A regularised linear discriminant between participants with and without "
        f"{spec.trait} was learnt in {spec.folds}-fold cross-validation (one random "
        f"partition for all traits, seed {spec.fold_seed}): w = (S_T + λI)⁻¹(m_cases − "
        f"m_controls) with λ = {spec.shrinkage:g}·tr(S_T)/m, S_T the total scatter of "
        "the training folds over m axes. Each participant's score comes from the model "
        "that did not see them, t = (wᵀz − wᵀm_controls)/σ with the training controls' "
        "mean and the pooled within-class standard deviation σ. Pooled out-of-fold "
        "scores share training data, so the rank-sum z of the AUC is divided by √2, "
        "and fold is a covariate of the association."
    )


def _cluster(spec: ClusterSpec) -> str:
    centred = "centred by the mean of all participants" if spec.centred else "uncentred"
    own = (
        "; a case was left out of the mean it is compared with"
        if spec.self_excluded
        else ""
    )
    made = spec.clustering
    return (
        f"Participants were clustered by the Leiden algorithm (resolution "
        f"{made.resolution:g}, RBConfiguration quality, run until stable, seed "
        f"{made.seed}) on the graph of their {made.neighbours} nearest neighbours, "
        f"themselves counted, by cosine distance of centred vectors with UMAP's edge "
        f"weights (atlas {spec.atlas}), and cluster {spec.cluster} was "
        f"chosen. The score is the cosine, less 1, of a participant's vector, "
        f"{centred}, to the mean vector of the cluster's participants with "
        f"{spec.trait}{own}."
    )


def warnings(spec: Spec, figures: Mapping[str, Any]) -> list[str]:
    """What a reader must know before testing anything with the phenotype."""
    out: list[str] = []
    if isinstance(spec, ClassifierSpec | ClusterSpec):
        out.append(
            f"The score was made from the labels of {spec.trait}: testing it against "
            "that code, or one that implies it, is circular."
        )
    if isinstance(spec, ClusterSpec) and spec.labels.share < 1:
        out.append(
            "The cluster was chosen on a screen that shows all labels, so the few-shot "
            "score has seen more than its share of them."
        )
    return out + [str(text) for text in figures.get("warnings", ())]


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
    made = [e.spec for e in entries if isinstance(e.spec, ClassifierSpec | ClusterSpec)]
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
            "whole-genome regression of quantitative traits, rank-normalised "
            "(--apply-rint) before covariates were regressed out"
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


def _wanted(entries: Sequence[Entry]) -> set[str]:
    keys = {"regenie"}
    for entry in entries:
        if isinstance(entry.spec, ClassifierSpec | ClusterSpec):
            keys |= {"edp", "delong"}
            keys.add("lda" if isinstance(entry.spec, ClassifierSpec) else "leiden")
        keys.add("rint" if entry.kind == "quantitative" else "firth")
    return keys


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
