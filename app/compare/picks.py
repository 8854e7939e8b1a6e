"""Which phenotypes are compared: those of the basket, and a few to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app import data, errors, figures, recipes, routes
from app.basket import Basket
from app.phenotype import verdict
from app.state import Choice
from edp_core.disclosure import about, near
from edp_core.errors import EdpError
from edp_core.phenotype import Phenotype
from edp_core.recipe import SPEC, Spec, VectorSpec

MOST = 20
"""Phenotypes compared at once."""


@dataclass(frozen=True)
class Pick:
    """A phenotype to compare.

    Attributes
    ----------
    name
        As the screen calls it: its name in the basket, or what it is.
    spec
        Its recipe.
    score
        Its values.
    """

    name: str
    spec: Spec
    score: Phenotype

    @property
    def recipe(self) -> str:
        """The recipe as one text, whatever it is called."""
        return recipe_of(self.spec)


def recipe_of(spec: Spec) -> str:
    """A recipe as one text that does not depend on its name."""
    return SPEC.dump_json(spec.model_copy(update={"name": "score"})).decode()


def rules() -> tuple[object, ...]:
    """What all that is remembered here depends on beside the recipes."""
    keys = tuple(sorted(data.store().refs().items()))
    return (figures.least(), str(data.study().store_path), keys)


def picks(choice: Choice) -> list[Pick]:
    """Ask which phenotypes are compared; those that can be made, in that order."""
    kept = {e.spec.name: e.spec for e in Basket(data.study().store_path).entries()}
    offered = _offered(choice, list(kept.values()))
    every = kept | offered
    held = st.session_state.get("picked")
    first: list[str] | None = [*list(kept)[:4], *offered][: max(2, min(4, len(kept)))]
    if held is not None and not set(held) <= set(every):
        # another code or organ is looked at, or something left the basket
        st.session_state["picked"] = [name for name in held if name in every]
        first = None
    names = st.multiselect(
        "Phenotypes",
        list(every),
        default=first,
        key="picked",
        bind="query-params",
        max_selections=MOST,
        placeholder="Choose two or more",
        help="Of the basket. Names with a space are offered to compare with and are "
        "not in the basket.",
    )
    if not kept:
        st.caption(
            ":material/info: The basket is empty, so that what is offered of the "
            "chosen organ and code is compared. Add phenotypes of your own to it:"
        )
        routes.link("phenotype", "Design a phenotype")
    found = []
    for name in names:
        try:
            found.append(Pick(name, every[name], data.phenotype(every[name])))
        except EdpError as error:
            st.caption(f":material/error: **{name}** is left out.")
            errors.tell(error)
    return found


def _offered(choice: Choice, kept: Sequence[Spec]) -> dict[str, Spec]:
    """What can be compared without a basket: the code's classifier, volume, PCs."""
    found: dict[str, Spec] = {}
    if choice.code is not None:
        found[f"classifier of {choice.code}"] = recipes.classifier(choice, choice.code)
    columns = data.numbers_of(choice.organ)
    measured = [c for c in columns if c in data.inputs().measured]
    for column in measured[:1] or columns[:1]:
        found[data.caption(column)] = recipes.column(column)
    for number in (1, 2):
        name = f"PC {number} of {choice.organ}/{choice.encoder}"
        found[name] = recipes.component(choice, number)
    there = {recipe_of(spec) for spec in kept}
    return {
        name if " " in name else f"column {name}": spec
        for name, spec in found.items()
        if recipe_of(spec) not in there
    }


def pair_of(spec: Spec) -> tuple[str, str] | None:
    """Organ and encoder of a recipe; `None` where it is of no embedding."""
    return (spec.organ, spec.encoder) if isinstance(spec, VectorSpec) else None


def shared(scores: Sequence[Phenotype], count: int) -> int | str:
    """N of those who have several scores, as it may stand beside the N of each."""
    if any(verdict.leaves_out(score) for score in scores):
        return about(count, figures.least())
    told = figures.people(count)
    if isinstance(told, str):
        return told
    others = [int(score.figures["n"]) for score in scores]
    return near(count, [n for n in others if n != count], figures.least())


def stated(n: int | str) -> str:
    """A count as a caption states it."""
    return f"{n:,}" if isinstance(n, int) else n


def settings(chosen: Sequence[Pick]) -> str:
    """N and recipes of phenotypes, for the first line of a table's download."""
    return "; ".join(
        f"{pick.name} (N = {verdict.stated(pick.score)}) = "
        f"{pick.spec.model_dump_json(exclude={'name'})}"
        for pick in chosen
    )
