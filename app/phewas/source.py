"""Which phenotype the PheWAS is of, and its covariates; both live in the link."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app import data, errors, recipes, state
from app.basket import Basket
from app.live import choice as live_choice
from app.live.runs import Asked
from app.phewas import data as phewas_data
from app.state import Choice
from edp_core.errors import InputError
from edp_core.recipe import SPEC, Spec

DESIGN = "_design"
"""Key of the recipe designed last on *Phenotype*, in the session."""
SEEN = "_design_seen"
FOREST = "forest"
"""Key of the outcomes of the forest plot, in the link."""
OF_CODE, OF_DESIGN = "Classifier of the code", "Design on Phenotype"
BASKET = "Basket: "
"""As box and link have it: a link holds what a box shows."""


@dataclass(frozen=True)
class Source:
    """A recipe, and how it is called: in the caption and in names of files."""

    spec: Spec
    title: str
    name: str


def remembered() -> None:
    """Draw what the link remembers beside the boxes; before the link is shown.

    A link holds what bound boxes held when it is made: drawn after it, a row that was
    just ticked would be missing.
    """
    try:
        held = _basket()
    except InputError:  # told by `choose`, below the title
        held = {}
    designed = st.session_state.get(DESIGN)
    if designed is not None and _packed(designed) != st.session_state.get(SEEN):
        # something else was designed since: this is what one comes here for
        st.session_state[SEEN] = _packed(designed)
        st.session_state["phewas_of"] = OF_DESIGN
    asked = st.session_state.get("phewas_of", st.query_params.get("phewas_of"))
    if asked == OF_DESIGN and designed is not None:
        st.session_state["recipe"] = _packed(designed)
    elif asked in held:
        st.session_state["recipe"] = _packed(held[asked])
    with st.container(key="hidden-phewas"):
        # a bound box writes what it holds into the link: a recipe, which names nobody
        st.text_input("Recipe in the link", key="recipe", bind="query-params")
        st.text_input("Outcomes in the link", key=FOREST, bind="query-params")


def choose(choice: Choice) -> Source | None:
    """Draw the box of phenotypes; `None` where there is none to choose."""
    try:
        held = _basket()
    except InputError as error:  # a design, and the code, need no basket
        held = {}
        errors.tell(error)
    designed = st.session_state.get(DESIGN)
    token = str(st.session_state.get("recipe", ""))
    options = [OF_DESIGN] if token else []
    options += [OF_CODE] if choice.code is not None else []
    options += list(held)
    if choice.code is None:
        # where codes cannot be read, it is that which is to be told
        data.vocabularies(choice.organ, choice.encoder)
    if not options:
        return None
    picked = st.selectbox(
        "Phenotype",
        options,
        key="phewas_of",
        bind="query-params",
        help="The design you looked at last on *Phenotype*, the out-of-fold classifier "
        "of the code in the sidebar, or a phenotype of the basket.",
    )
    if picked in held:
        return Source(held[picked], picked.removeprefix(BASKET), held[picked].name)
    spec = _of_link(token) if picked == OF_DESIGN else None
    if spec is not None:
        where = "design on Phenotype" if designed is not None else "recipe in the link"
        return Source(spec, f"{where}: {_said(spec)}", "design")
    if choice.code is None:
        return None
    spec = recipes.classifier(choice, choice.code)
    title = f"classifier of {state.label(choice.code)}"
    return Source(spec, title, recipes.name_of(choice.organ, choice.code))


def _basket() -> dict[str, Spec]:
    """Phenotypes of the basket, as the box calls them."""
    entries = Basket(data.study().store_path).entries()
    return {f"{BASKET}{entry.spec.name}": entry.spec for entry in entries}


def _packed(spec: Spec) -> str:
    unnamed = spec.model_copy(update={"name": "score"})
    recipe = SPEC.dump_json(unnamed).decode()
    return live_choice.packed(Asked(recipe, "", "", ()))


def _of_link(token: str) -> Spec | None:
    try:
        return live_choice.unpacked(token)[0]
    except ValueError:
        st.caption(":material/link_off: The recipe in the link cannot be read.")
        return None


def _said(spec: Spec) -> str:
    """A recipe in a few words."""
    parts = [str(spec.method)]
    for name in ("organ", "encoder", "trait", "column"):
        found = getattr(spec, name, None)
        parts += [str(found)] if found else []
    return ", ".join(parts)


def covariates(spec: Spec) -> tuple[str, ...]:
    """Draw the box of covariates; those chosen."""
    offer = phewas_data.offered(spec)
    known = list(offer.every)
    held = st.session_state.get("phewas_covariates")
    if held is not None and not set(held) <= set(known):
        # another phenotype, of people of whom something else is known
        fitting = [name for name in held if name in known]
        st.session_state["phewas_covariates"] = fitting
    chosen = st.multiselect(
        "Covariates",
        known,
        default=list(offer.usual),
        key="phewas_covariates",
        bind="query-params",
        format_func=data.caption,
        placeholder="none",
        help="In every model beside the phenotype. The people are the same whichever "
        "you choose: those of whom age, sex, BMI, centre and date are known, as far as "
        "the study has them; so estimates with and without one compare.",
    )
    if offer.lacking:
        names = ", ".join(map(data.caption, offer.lacking))
        st.caption(
            f":material/info: Not offered, since more than "
            f"{1 - phewas_data.KNOWN:.0%} of the people lack it: {names}."
        )
    return tuple(name for name in known if name in chosen)
