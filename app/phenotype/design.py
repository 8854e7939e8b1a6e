"""The controls of the screen Phenotype."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from app import data, linked, recipes, routes, state, vocabulary
from app.basket import Basket
from app.export import undo
from app.groups import kept as groups
from app.groups import rules as group_rules
from app.phenotype import components, options
from app.phenotype.options import Options
from app.state import Choice
from edp_core.errors import InputError
from edp_core.recipe import AxisSpec, ClassifierSpec, ClusterSpec, GuidedSpec, Spec

METHODS = {
    "Classifier": "Out-of-fold linear discriminant: who looks like a case?",
    "Cluster": "Cosine likeness to the mean of one cluster's cases: one manifestation.",
    "Island": "Cosine likeness to the cases closest together with few others between, "
    "found exactly, without clusters.",
    "Group": "Cosine likeness to the mean of a group that was drawn on the map.",
    "Axis or PC": "A principal component, or an axis, of the embedding; no labels.",
    "Code": "Baseline: the code itself, yes or no.",
    "Column": "Baseline: a participants column, e.g. an organ volume.",
}
WITHOUT_CODE = ("Axis or PC", "Group", "Column")
"""Methods that work in a study without diagnoses; the first needs nothing chosen."""
TITLES = {
    "Cluster": "Score: minus the cosine distance to the cluster's cases",
    "Island": "Score: minus the cosine distance to the island's cases",
    "Group": "Score: minus the cosine distance to the group's mean",
    "Classifier": "Score: within-class SD from the mean of controls",
}
NORMAL = "SD, normal by ranks"


@dataclass(frozen=True)
class Drawn:
    """A recipe as the controls give it; ``axis`` is the title of its histogram."""

    spec: Spec
    suggested_name: str
    axis: str


def controls(choice: Choice) -> Drawn | None:
    """Draw the controls; `None` where the study has nothing to make a score of."""
    methods = list(METHODS if choice.code is not None else WITHOUT_CODE)
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
    if method == "Group":
        return _group(choice)
    if method == "Column" or choice.code is None:
        return _column(choice.organ)
    code = choice.code
    if method == "Code":
        return Drawn(recipes.code_itself(code), recipes.name_of(code, "code"), code)
    return _guided(choice, code, method)


def _guided(choice: Choice, code: str, method: str) -> Drawn:
    st.markdown(f"**Code** {vocabulary.plain(state.label(code))}")
    if method == "Cluster":
        st.markdown(f"**Cluster** {choice.cluster} (change both in the sidebar)")
        _where_cases_are(choice, code)
    removed = _removed(choice)
    labels = options.labels()
    make: Callable[..., GuidedSpec]
    if method == "Cluster":
        few = labels.design["labels"].share < 1
        own, make = options.clusters(choice, few=few), recipes.cluster
    elif method == "Island":
        own, make = options.island(), recipes.island
    else:
        own, make = options.classifier(), recipes.classifier
    transform = options.transform()
    chosen = own + removed + labels + transform
    spec = make(choice, code, **chosen.design)
    if isinstance(spec, ClusterSpec) and spec.chosen_with == "kept":
        st.caption(f"The kept labels choose cluster {spec.cluster}.")
    kind = [method.lower()] if method == "Classifier" else []
    axis = TITLES[method]
    if isinstance(spec, ClassifierSpec) and spec.score == "leave-one-out":
        axis = "Score: predicted share of cases"
    axis = NORMAL if transform.parts else axis
    return Drawn(spec, recipes.name_of(choice.organ, code, *kind, *chosen.parts), axis)


def _axis(choice: Choice) -> Drawn:
    which = components.choose(choice)
    # another component is at right angles to this one: taking it out changes nothing
    removed = _removed(choice, pcs=which.of != "PC")
    turned = st.toggle(
        "Turn the sign round", key="turned", bind="query-params",
        help="Which end of an axis is high is chance; turn it to the side you mean.",
    )  # fmt: skip
    transform = options.transform()
    make = recipes.component if which.of == "PC" else recipes.axis
    chosen = removed + transform
    spec = make(
        choice,
        which.number,
        side=which.side,
        sign=-1 if turned else 1,
        **chosen.design,
    )
    named = [choice.organ, choice.encoder, which.name, *chosen.parts]
    named += ["turned"] if turned else []
    axis = NORMAL if transform.parts else which.title
    return Drawn(spec, recipes.name_of(*named), axis)


def _group(choice: Choice) -> Drawn | None:
    group = groups.chosen(choice)
    if group is None:
        st.info(
            "Choose a group in the sidebar. Where there is none, draw one on the map "
            "and save it under a name.",
            icon=":material/info:",
        )
        routes.link("clusters", "Draw a group on the map")
        return None
    st.markdown(f"**Group** {vocabulary.plain(group.name)} (change it in the sidebar)")
    st.caption(group_rules.said(group.rule))
    if group.rule.drawn_on is not None:
        code = vocabulary.plain(group.rule.drawn_on)
        st.caption(
            f":material/warning: Drawn on the labels of {code}: testing the score "
            "against that code is circular."
        )
    removed = _removed(choice)
    transform = options.transform()
    chosen = removed + transform
    spec = recipes.group(choice, group.asked, **chosen.design)
    axis = NORMAL if transform.parts else TITLES["Group"]
    named = recipes.name_of(choice.organ, "group", group.name, *chosen.parts)
    return Drawn(spec, named, axis)


def _removed(choice: Choice, *, pcs: bool = True) -> Options:
    """What is regressed out."""
    numbers = _pcs_to_remove(choice) if pcs else ()
    columns = _covariates_to_remove()
    parts = [f"noPC{number}" for number in numbers] + [f"no_{c}" for c in columns]
    return Options({"remove_pcs": numbers, "remove_covariates": columns}, parts)


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


def _where_cases_are(choice: Choice, code: str) -> None:
    """Name the clusters that hold most of the code's cases, those that may be told."""
    table = data.enrichment(choice.organ, choice.encoder)
    known = table[(table["code"] == code) & (table["n_both"] > 0).fillna(False)]
    most = known.nlargest(4, "n_both")
    if len(most):
        told = [
            (str(c), f"{c} ({n})")
            for c, n in zip(most["cluster"], most["n_both"], strict=True)
        ]
        st.caption("Most cases are in cluster (click one to choose it):")
        linked.code_buttons(told, key="clusters_of_cases", pick=state.pick_cluster)


def _column(organ: str) -> Drawn | None:
    numbers = data.numbers_of(organ)
    if not numbers:
        st.info(
            "The participants table has no column of numbers. A principal component "
            "of the embedding needs none: choose Axis or PC.",
            icon=":material/info:",
        )
        return None
    name = st.selectbox("Column", numbers, key="column", bind="query-params")
    _say_units([name])
    chosen = options.transform()
    return Drawn(
        recipes.column(name, **chosen.design),
        recipes.name_of(name, "measured", *chosen.parts),
        NORMAL if chosen.parts else data.caption(name),
    )


def keep(drawn: Drawn) -> None:
    """Name and button that put the recipe into the basket; of axes, all at once."""
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
            added = basket.add(_named(drawn.spec, name or ""))
            undo.did("added", [added], name)
            st.toast(f"{name} is in the basket.", icon=":material/check:")
    undo.button(Basket(data.study().store_path), key="undo_here")
    if isinstance(drawn.spec, AxisSpec):
        components.offer_family(drawn.spec)


def _named(spec: Spec, name: str) -> Spec:
    try:
        return type(spec).model_validate(spec.model_dump() | {"name": name})
    except ValueError as error:
        raise InputError(
            f"{name!r} cannot be the name of a phenotype",
            "start with a letter; use letters, digits, _ . and - (64 at most)",
        ) from error
