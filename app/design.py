"""The controls of the screen Phenotype and what is said of their result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import data, figures, recipes, state, widgets
from app.basket import Basket
from app.state import Choice
from edp_core.appraisal.control import control_score
from edp_core.disclosure import is_small, near
from edp_core.errors import InputError
from edp_core.exclusions import known_counts
from edp_core.phenotype import Phenotype
from edp_core.recipe import ClassifierSpec, ClusterSpec, CodeSpec, Labels, Spec
from edp_core.stats.regression import pearson

METHODS = {
    "Classifier": "Out-of-fold linear discriminant: who looks like a case?",
    "Cluster": "Cosine likeness to the mean of one cluster's cases: one manifestation.",
    "Code": "Baseline: the code itself, yes or no.",
    "Column": "Baseline: a participants column, e.g. an organ volume.",
}
SHARES = (1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Drawn:
    """A recipe as the controls give it."""

    spec: Spec
    suggested_name: str
    axis: str


def controls(choice: Choice) -> Drawn | None:
    """Draw the controls; `None` where the study has nothing to make a score of."""
    methods = [m for m in METHODS if m == "Column" or choice.code is not None]
    method = (
        st.segmented_control(
            "Method", methods, default=methods[0], key="method", bind="query-params",
            required=True,
        )
        or methods[0]
    )  # fmt: skip
    st.caption(METHODS[method])
    if method == "Column" or choice.code is None:
        return _column()
    code = choice.code
    if method == "Code":
        return Drawn(recipes.code_itself(code), f"{code}_code", code)
    st.markdown(f"**Code** {state.label(code)}")
    if method == "Cluster":
        st.markdown(f"**Cluster** {choice.cluster} (change both in the sidebar)")
        _where_cases_are(choice, code)
    inputs = data.inputs(choice.organ, choice.encoder)
    held = 0 if inputs.pc_components is None else len(inputs.pc_components)
    pcs = st.multiselect(
        "Regress out embedding PCs",
        [f"PC{i + 1}" for i in range(held)],
        key="pcs",
        bind="query-params",
        help="Principal components of the centred embedding. A dominant one often "
        "is a nuisance: see what it goes along with before you remove it.",
    )
    people = inputs.participants
    covariates = st.multiselect(
        "Regress out covariates",
        [name for name in people.columns if name != "eid"],
        key="covariates",
        bind="query-params",
        help="Participants columns, removed from every axis with an intercept before "
        "scoring. regenie adjusts for covariates by itself; give them to it all the "
        "same.",
    )
    share = st.select_slider(
        "Labels used, % of cases",
        SHARES,
        value=100,
        key="labels",
        bind="query-params",
        help="Few-shot: a random share of the cases' labels; the others count as "
        "unlabelled.",
    )
    seed = 0
    if share < 100:
        seed = st.number_input(
            "Seed of the draw", 0, 9999, 0, key="label_seed", bind="query-params"
        )
    make = recipes.cluster if method == "Cluster" else recipes.classifier
    spec = make(
        choice,
        code,
        labels=Labels(share=share / 100, seed=int(seed)),
        remove_pcs=tuple(sorted(int(pc[2:]) for pc in pcs)),
        remove_covariates=tuple(sorted(covariates)),
    )
    kind = f"cluster{choice.cluster}" if method == "Cluster" else "classifier"
    parts = [choice.organ, code, kind]
    parts += [f"no{pc}" for pc in sorted(pcs)] + [f"no_{c}" for c in sorted(covariates)]
    parts += [f"{share}pct"] if share < 100 else []
    axis = {
        "Cluster": "Score: minus the cosine distance to the cluster's cases",
        "Classifier": "Score: within-class SD from the mean of controls",
    }[method]
    return Drawn(spec, "_".join(parts)[:64], axis)


def _where_cases_are(choice: Choice, code: str) -> None:
    """Name the clusters that hold most of the code's cases, those that may be told."""
    table = data.enrichment(choice.organ, choice.encoder)
    known = table[(table["code"] == code) & (table["n_both"] > 0).fillna(False)]
    most = known.nlargest(4, "n_both")
    if len(most):
        told = [
            f"{c} ({n})" for c, n in zip(most["cluster"], most["n_both"], strict=True)
        ]
        st.caption(f"Most cases are in cluster {', '.join(told)}.")


def _column() -> Drawn | None:
    people = data.inputs().participants
    numbers = [n for n in people.columns if pd.api.types.is_numeric_dtype(people[n])]
    if not numbers:
        st.info("The participants table has no column of numbers.")
        return None
    name = st.selectbox("Column", numbers, key="column", bind="query-params")
    return Drawn(recipes.column(name), f"{name}_measured", name)


def facts(score: Phenotype, drawn: Drawn) -> None:
    """Counts and figures of a score."""
    seen = score.figures
    least = figures.least()
    shown: list[tuple[str, object, str | None]] = [
        ("N", figures.people(seen["n"]), None)
    ]
    if "n_cases" in seen:
        shown.append(("Cases", _cases(drawn.spec, seen["n_cases"]), None))
    spec = drawn.spec
    if isinstance(spec, ClusterSpec | ClassifierSpec) and spec.labels.share < 1:
        shown.append(("Labels used", _mask(seen["n_labelled"], least), None))
    if isinstance(spec, ClusterSpec):
        shown.append(("In the cluster", _members(spec, seen), None))
    if isinstance(spec, ClassifierSpec):
        ends = f"{seen['auc_low']:.3f}–{seen['auc_high']:.3f}"
        shown += [
            ("AUC (95 %)", float(seen["auc"]), ends),
            ("−log₁₀ p", f"{seen['log10p']:.2f}", "√2-corrected"),
        ]
    for column, (name, value, under) in zip(st.columns(len(shown)), shown, strict=True):
        with column:
            widgets.number(name, value, under=under)


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
    row = table[(table["code"] == spec.trait) & (table["cluster"] == spec.cluster)]
    hidden = row.empty or row["n_both"].isna().all()
    if hidden or is_small(seen["n_members"], figures.least()):
        return None
    return int(seen["n_members"])


def warnings(drawn: Drawn) -> list[str]:
    """What a careful reader should know of this recipe."""
    spec = drawn.spec
    found = ["Higher = more like the cases."] if not isinstance(spec, CodeSpec) else []
    if isinstance(spec, ClusterSpec):
        found = [
            "Higher = more like the cases of this cluster. The score is made of these "
            "cases, so no AUC or p is given against them: it would be circular."
        ]
        if spec.labels.share < 1:
            found.append(
                "The cluster was chosen on the screen with all labels. The mean of a "
                "few members resembles the cluster's mean whoever they are: compare "
                "with the control below."
            )
    if (
        isinstance(spec, ClassifierSpec | ClusterSpec)
        and "bmi" in spec.remove_covariates
    ):
        found.append("Adjusting for BMI can induce collider bias: look at both.")
    if drawn.axis == getattr(spec, "column", None):
        found = ["The column as it stands in the participants table."]
    return found


def distribution(score: Phenotype, drawn: Drawn) -> pd.DataFrame:
    """Bars of the score; cases apart from controls where there are cases."""
    spec = drawn.spec
    if not isinstance(spec, ClassifierSpec | ClusterSpec):
        name = f"everybody (N = {figures.people(score.figures['n'])})"
        return figures.histogram({name: score.values})
    cases = data.inputs(spec.organ, spec.encoder).phenome.cases(spec.trait)
    return figures.separation(score, cases)[0]


def unadjusted(drawn: Drawn) -> Phenotype | None:
    """The same recipe with all labels and nothing removed, where that differs."""
    spec = drawn.spec
    if not isinstance(spec, ClassifierSpec | ClusterSpec):
        return None
    plain = spec.model_copy(
        update={"remove_pcs": (), "remove_covariates": (), "labels": Labels()}
    )
    return data.phenotype(plain) if plain != spec else None


def with_control(table: pd.DataFrame, drawn: Drawn, score: Phenotype) -> pd.DataFrame:
    """Put the comparison every few-label cluster score needs above the factors.

    The score of the kept labels and that of as many random members of the cluster,
    each with the full-label score, under the same adjustment.
    """
    spec = drawn.spec
    if not isinstance(spec, ClusterSpec) or spec.labels.share == 1:
        return table
    full = data.phenotype(spec.model_copy(update={"labels": Labels()})).values
    random = control_score(spec, data.inputs(spec.organ, spec.encoder))
    rows = []
    for name, values in (("kept labels", score.values), ("random members", random)):
        r, low, high, _, n = pearson(values, full)
        row = {"column": f"{name} vs all labels", "r": r, "low": low, "high": high}
        rows.append(row | {"r2": r * r, "n": n, "log10p": np.nan})
    return pd.concat([pd.DataFrame(rows).round(4), table], ignore_index=True)


def keep(spec: Spec, suggested: str) -> None:
    """Name and button that put the recipe into the basket."""
    with st.form("keep", border=True):
        name = st.text_input(
            "Name",
            suggested,
            key=f"name-{suggested}",
            max_chars=64,
            help="Column name in the export: letters, digits, _ . and -",
        )
        if st.form_submit_button(
            "Add to basket", type="primary", icon=":material/add_shopping_cart:"
        ):
            basket = Basket(data.study().store_path)
            basket.add(_named(spec, name or ""))
            st.toast(f"{name} is in the basket.", icon=":material/check:")


def _named(spec: Spec, name: str) -> Spec:
    try:
        return type(spec).model_validate(spec.model_dump() | {"name": name})
    except ValueError as error:
        raise InputError(
            f"{name!r} cannot be the name of a phenotype",
            "start with a letter; use letters, digits, _ . and - (64 at most)",
        ) from error
