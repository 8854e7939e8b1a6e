"""What is said of a designed score: figures, warnings, distribution, comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import data, explained, figures, widgets
from app.plots import charts
from edp_core.appraisal.control import control_score
from edp_core.disclosure import about, is_small, near
from edp_core.exclusions import known_counts
from edp_core.export import wording
from edp_core.phenotype import Phenotype
from edp_core.recipe import (
    AxisSpec,
    ClassifierSpec,
    ClusterSpec,
    CodeSpec,
    ColumnSpec,
    GroupSpec,
    GuidedSpec,
    IslandSpec,
    Labels,
    Spec,
    VectorSpec,
)
from edp_core.stats.regression import pearson

_TESTED = {
    "out-of-fold": "√2-corrected",
    "leave-one-out": "√2-corrected",
    "held-out": "exact",
    "best-of-fold": "circular: of no use",
}
_AUC = {"best-of-fold": "AUC, optimistic (95 %)"}


def draw(score: Phenotype, spec: Spec, *, axis: str, name: str) -> None:
    """Figures of a score, what is to be said of it, and its distribution.

    Parameters
    ----------
    axis
        Title of the histogram.
    """
    facts(score, spec)
    for caution in [*cautions(spec), *doubts(score, spec)]:
        st.warning(caution, icon=":material/warning:")
    for warning in warnings(spec):
        st.info(warning, icon=":material/info:")
    st.subheader("Distribution", anchor=False)
    if score.kind == "binary":
        st.caption("A binary trait: cases are 1, controls 0.")
    else:
        bars = charts.bars(distribution(score, spec), x_title=axis)
        widgets.figure(bars, f"distribution-{name}")


def facts(score: Phenotype, spec: Spec) -> None:
    """Counts and figures of a score."""
    seen = score.figures
    least = figures.least()
    shown: list[tuple[str, object, str | None, str]] = [("N", people(score), None, "n")]
    if "n_cases" in seen:
        shown.append(("Cases", _cases(spec, seen["n_cases"]), None, "n_cases"))
    if isinstance(spec, GuidedSpec) and spec.labels.share < 1:
        kept = _mask(seen["n_labelled"], least)
        shown.append(("Labels used", kept, None, "n_labels"))
    if isinstance(spec, ClusterSpec):
        shown.append(("In the cluster", _members(spec, seen), None, "n_members"))
    if isinstance(spec, AxisSpec):
        share, whole = f"{seen['variance_explained']:.1%}", "of the whole embedding"
        shown.append(("Variance explained", share, whole, "variance_explained"))
    if isinstance(spec, IslandSpec):
        around = about(seen["n_members"], least)
        shown.append(("In the island", around, "of the labels used", "n_members"))
    if isinstance(spec, ClassifierSpec):
        ends = f"{seen['auc_low']:.3f}–{seen['auc_high']:.3f}"
        log10p = f"{seen['log10p']:.2f}"
        shown += [
            (_AUC.get(spec.score, "AUC (95 %)"), float(seen["auc"]), ends, "auc"),
            ("−log₁₀ p", log10p, _TESTED[spec.score], "wilcoxon"),
        ]
    # two beside each other: four would be too narrow for their numbers
    for start in range(0, len(shown), 2):
        pair = shown[start : start + 2]
        for column, (name, value, under, key) in zip(st.columns(2), pair, strict=False):
            with column:
                widgets.number(name, value, under=under, help=explained.help(key))


def people(score: Phenotype) -> int | str:
    """N of a score, coarse where exact it would count who does not count for a code."""
    n = int(score.figures["n"])
    return about(n, figures.least()) if leaves_out(score) else figures.people(n)


def stated(score: Phenotype) -> str:
    """N of a score as a caption states it."""
    n = people(score)
    return f"{n:,}" if isinstance(n, int) else n


def leaves_out(score: Phenotype) -> bool:
    """Whether somebody is neither a case nor a control of a code as it is."""
    spec = score.spec
    if not isinstance(spec, CodeSpec):
        return False
    return not data.inputs().phenome.eligible(spec.trait).all()


def _cases(spec: Spec, count: int) -> int | str | None:
    """Cases; coarse where they would tell how many few of them have no image."""
    if not isinstance(spec, CodeSpec):
        return _mask(count, figures.least())
    known = known_counts(data.store(), data.inputs().phenome, [spec.trait])
    return near(count, known, figures.least())


def _mask(count: int, least: int) -> int | None:
    return None if is_small(count, least) else count


def _members(spec: ClusterSpec, seen: Mapping[str, Any]) -> int | None:
    table = data.enrichment(spec.organ, spec.encoder)
    among = table["cluster"].isin((spec.cluster, *spec.also))
    rows = table[(table["code"] == spec.trait) & among]
    hidden = len(rows) <= len(spec.also) or rows["n_both"].isna().any()
    # the labels elsewhere are told by the difference
    counts = (seen["n_members"], seen["n_labelled"] - seen["n_members"])
    if hidden or any(is_small(count, figures.least()) for count in counts):
        return None
    return int(seen["n_members"])


def cautions(spec: Spec) -> list[str]:
    """What makes figures of this recipe better than they are."""
    if isinstance(spec, ClassifierSpec) and spec.score == "best-of-fold":
        return [
            "Optimistic: most participants are scored by a model that was trained on "
            "them, the one of the folds that looked best. AUC and p are too good, and "
            "cases stand apart by having been learnt. Kept for comparison with the "
            "paper; take out-of-fold for a GWAS."
        ]
    return []


def doubts(score: Phenotype, spec: Spec) -> list[str]:
    """What its own figures say against a score."""
    if not isinstance(spec, ClassifierSpec):
        return []
    seen, found = score.figures, []
    least = data.study().analysis.min_cases
    if seen["n_cases"] < least:
        found.append(
            f"Fewer than {least} cases: the screen Diseases does not test such a code, "
            "and neither AUC nor score can be relied on."
        )
    if seen["auc"] < 0.5:
        found.append(
            "AUC below 0.5: the score does not tell cases from controls. Below one "
            "half is chance, whatever its p."
        )
    return found


def warnings(spec: Spec) -> list[str]:
    """What a careful reader should know of this recipe."""
    if isinstance(spec, CodeSpec):
        return _of_code(spec)
    if isinstance(spec, ColumnSpec):
        return [_of_column(spec)]
    found = ["Higher = more like the cases."]
    if isinstance(spec, AxisSpec):
        found = ["No label takes part: nothing is circular, and nothing is aimed at."]
        if spec.of == "pc":
            found[0] += (
                " A principal component has no direction of its own; its loading of "
                "largest size is made positive."
            )
    if isinstance(spec, ClusterSpec | IslandSpec):
        found = [_of_likeness(spec)]
    if isinstance(spec, GroupSpec):
        found = ["Higher = more like the group.", *wording.warnings(spec, {})]
    if isinstance(spec, ClusterSpec) and spec.labels.share < 1:
        found.append(_CHOSEN[spec.chosen_with] + _CONTROL)
    if isinstance(spec, ClassifierSpec) and spec.score == "held-out":
        found.append("Half of the participants, those learnt from, have no score.")
    if "bmi" in getattr(spec, "remove_covariates", ()):
        found.append("Adjusting for BMI can induce collider bias: look at both.")
    return found


_CHOSEN = {
    "all": "The cluster was chosen on the screen with all labels. ",
    "kept": "The cluster was chosen with the kept labels alone. ",
}
_CONTROL = (
    "The mean of a few members resembles the cluster's mean whoever they are: compare "
    "with the control below."
)


def _of_likeness(spec: ClusterSpec | IslandSpec) -> str:
    whole = "this island" if isinstance(spec, IslandSpec) else "this cluster"
    if isinstance(spec, ClusterSpec) and spec.also:
        whole = f"these {1 + len(spec.also)} clusters together"
    return (
        f"Higher = more like the cases of {whole}. The score is made of these "
        "cases, so no AUC or p is given against them: it would be circular."
    )


def _of_code(spec: CodeSpec) -> list[str]:
    counted = data.inputs().phenome.eligible(spec.trait)
    if counted.all():
        return []
    # no exact count: codes beside each other would tell whom it adds up of
    out = about(int((~counted).sum()), figures.least())
    return [
        f"{out} participants are neither cases nor controls (a related code, or a sex "
        "the code is not for): their value is missing, and regenie leaves them out."
    ]


def _of_column(spec: ColumnSpec) -> str:
    if not spec.measured:
        return "The column as it stands in the participants table."
    return (
        f"The {data.caption(spec.column)} as measured on the images of the first "
        "visit, the sides of a pair added up."
    )


def distribution(score: Phenotype, spec: Spec) -> pd.DataFrame:
    """Bars of the score; cases apart from controls where there are cases."""
    if not isinstance(spec, GuidedSpec):
        name = f"everybody (N = {figures.people(score.figures['n'])})"
        return figures.histogram({name: score.values})
    cases = data.inputs(spec.organ, spec.encoder).phenome.cases(spec.trait)
    return figures.separation(score, cases)[0]


def unadjusted(spec: Spec) -> Phenotype | None:
    """The same recipe with all labels and nothing removed, where that differs."""
    if not isinstance(spec, VectorSpec):
        return None
    bare: dict[str, Any] = {"remove_pcs": (), "remove_covariates": (), "measured": {}}
    if isinstance(spec, GuidedSpec):
        bare["labels"] = Labels()
    if isinstance(spec, ClusterSpec):
        bare["chosen_with"] = "all"  # it may be another that all labels choose
    plain = spec.model_copy(update=bare)
    return data.phenotype(plain) if plain != spec else None


def with_control(table: pd.DataFrame, spec: Spec, score: Phenotype) -> pd.DataFrame:
    """Put the comparison every few-label cluster score needs above the factors.

    The score of the kept labels and that of as many random members of the cluster,
    each with the full-label score, under the same adjustment.
    """
    if not isinstance(spec, ClusterSpec) or spec.labels.share == 1:
        return table
    whole = {"labels": Labels(), "chosen_with": "all"}
    full = data.phenotype(spec.model_copy(update=whole)).values
    random = control_score(spec, data.inputs(spec.organ, spec.encoder))
    rows = []
    for name, values in (("kept labels", score.values), ("random members", random)):
        r, low, high, _, n = pearson(values, full)
        row = {"column": f"{name} vs all labels", "r": r, "low": low, "high": high}
        rows.append(row | {"r2": r * r, "n": n, "log10p": np.nan})
    return pd.concat([pd.DataFrame(rows).round(4), table], ignore_index=True)
