"""The controls of the screen Phenotype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from app import components, data, recipes, state
from app.basket import Basket
from app.state import Choice
from edp_core.errors import InputError
from edp_core.recipe import AxisSpec, Labels, Spec

METHODS = {
    "Classifier": "Out-of-fold linear discriminant: who looks like a case?",
    "Cluster": "Cosine likeness to the mean of one cluster's cases: one manifestation.",
    "Axis or PC": "A principal component, or an axis, of the embedding; no labels.",
    "Code": "Baseline: the code itself, yes or no.",
    "Column": "Baseline: a participants column, e.g. an organ volume.",
}
WITHOUT_CODE = ("Axis or PC", "Column")
"""Methods that work in a study without diagnoses."""
SHARES = (1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Drawn:
    """A recipe as the controls give it; ``axis`` is the title of its histogram."""

    spec: Spec
    suggested_name: str
    axis: str


def controls(choice: Choice) -> Drawn | None:
    """Draw the controls; `None` where the study has nothing to make a score of."""
    methods = [m for m in METHODS if choice.code is not None or m in WITHOUT_CODE]
    method = (
        st.segmented_control(
            "Method", methods, default=methods[0], key="method", bind="query-params",
            required=True, wrap=True,
        )
        or methods[0]
    )  # fmt: skip
    st.caption(METHODS[method])
    if choice.code is None:
        st.caption(
            ":material/info: No diagnosis code can be shown in this study, so the "
            "methods that are guided by one are not offered."
        )
    if method == "Axis or PC":
        return _axis(choice)
    if method == "Column" or choice.code is None:
        return _column()
    code = choice.code
    if method == "Code":
        return Drawn(recipes.code_itself(code), recipes.name_of(code, "code"), code)
    return _guided(choice, code, method)


def _guided(choice: Choice, code: str, method: str) -> Drawn:
    st.markdown(f"**Code** {state.label(code)}")
    if method == "Cluster":
        st.markdown(f"**Cluster** {choice.cluster} (change both in the sidebar)")
        _where_cases_are(choice, code)
    pcs = _pcs_to_remove(choice)
    covariates = _covariates_to_remove()
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
        remove_pcs=pcs,
        remove_covariates=covariates,
    )
    kind = f"cluster{choice.cluster}" if method == "Cluster" else "classifier"
    parts = [choice.organ, code, kind, *_without(pcs, covariates)]
    parts += [f"{share}pct"] if share < 100 else []
    axis = {
        "Cluster": "Score: minus the cosine distance to the cluster's cases",
        "Classifier": "Score: within-class SD from the mean of controls",
    }[method]
    return Drawn(spec, recipes.name_of(*parts), axis)


def _axis(choice: Choice) -> Drawn:
    which = components.choose(choice)
    # another component is at right angles to this one: taking it out changes nothing
    pcs = () if which.of == "PC" else _pcs_to_remove(choice)
    covariates = _covariates_to_remove()
    turned = st.toggle(
        "Turn the sign round", key="turned", bind="query-params",
        help="Which end of an axis is high is chance; turn it to the side you mean.",
    )  # fmt: skip
    parts = _without(pcs, covariates)
    make = recipes.component if which.of == "PC" else recipes.axis
    design: dict[str, Any] = {"remove_pcs": pcs, "remove_covariates": covariates}
    spec = make(choice, which.number, sign=-1 if turned else 1, **design)
    named = [choice.organ, choice.encoder, which.name, *parts]
    named += ["turned"] if turned else []
    return Drawn(spec, recipes.name_of(*named), which.title)


def _pcs_to_remove(choice: Choice) -> tuple[int, ...]:
    held = data.atlas_array(choice.organ, choice.encoder, "pc_components")
    pcs = st.multiselect(
        "Regress out embedding PCs",
        [f"PC{i + 1}" for i in range(len(held))],
        key="pcs",
        bind="query-params",
        help="Principal components of the centred embedding. A dominant one often "
        "is a nuisance: see what it goes along with before you remove it.",
    )
    return tuple(sorted(int(pc[2:]) for pc in pcs))


def _covariates_to_remove() -> tuple[str, ...]:
    columns = data.known_columns()
    covariates = st.multiselect(
        "Regress out covariates",
        columns,
        key="covariates",
        bind="query-params",
        disabled=not columns,
        help="Participants columns and organ volumes, removed from every axis with an "
        "intercept before scoring. regenie adjusts for covariates by itself; give them "
        "to it all the same.",
    )
    _say_units(covariates)
    return tuple(sorted(covariates))


def _say_units(columns: list[str]) -> None:
    """Name organ volumes and their unit, and the columns that hide one."""
    inputs = data.inputs()
    told = [f"{c}: {data.caption(c)}" for c in columns if c in inputs.measured]
    for text in [*told, *inputs.notes]:
        st.caption(text)


def _without(pcs: tuple[int, ...], covariates: tuple[str, ...]) -> list[str]:
    return [f"noPC{number}" for number in pcs] + [f"no_{c}" for c in covariates]


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
    numbers = data.known_columns(numbers=True)
    if not numbers:
        st.info(
            "The participants table has no column of numbers. A principal component "
            "of the embedding needs none: choose Axis or PC.",
            icon=":material/info:",
        )
        return None
    name = st.selectbox("Column", numbers, key="column", bind="query-params")
    _say_units([name])
    return Drawn(
        recipes.column(name), recipes.name_of(name, "measured"), data.caption(name)
    )


def keep(drawn: Drawn) -> None:
    """Name and button that put the recipe into the basket; with a PC, those before."""
    with st.form("keep", border=True):
        name = st.text_input(
            "Name",
            drawn.suggested_name,
            key=f"name-{drawn.suggested_name}",
            max_chars=64,
            help="Column name in the export: letters, digits, _ . and -",
        )
        if st.form_submit_button(
            "Add to basket", type="primary", icon=":material/add_shopping_cart:"
        ):
            basket = Basket(data.study().store_path)
            basket.add(_named(drawn.spec, name or ""))
            st.toast(f"{name} is in the basket.", icon=":material/check:")
    if isinstance(drawn.spec, AxisSpec) and drawn.spec.of == "pc":
        components.offer_first(drawn.spec)


def _named(spec: Spec, name: str) -> Spec:
    try:
        return type(spec).model_validate(spec.model_dump() | {"name": name})
    except ValueError as error:
        raise InputError(
            f"{name!r} cannot be the name of a phenotype",
            "start with a letter; use letters, digits, _ . and - (64 at most)",
        ) from error
