"""Axes and principal components on the screen Phenotype: one, or many at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from app import data, recipes
from app.basket import Basket
from app.export import undo
from app.state import Choice
from edp_core.recipe import BOTH, AxisSpec

FIRST = 10
"""Components the button offers at first."""
TOLD = 5
"""Components whose share of the variance is listed."""
AVERAGED = "averaged"


@dataclass(frozen=True)
class Which:
    """The axis (``Axis``) or component (``PC``) asked for, counted from 1.

    ``held`` is how many axes the embedding has; ``side`` one of the organ's, or
    ``both`` where they are averaged.
    """

    of: str
    number: int
    held: int
    side: str = BOTH

    @property
    def name(self) -> str:
        """As in names of phenotypes: PC3, axis012, PC1_left."""
        return _name("pc" if self.of == "PC" else "axis", self.number, self.held,
                     side=self.side)  # fmt: skip

    @property
    def title(self) -> str:
        """As under its histogram: a PC is of the centred embedding as it is."""
        side = "" if self.side == BOTH else f", {self.side}"
        number = self.number
        found = f"PC{number}" if self.of == "PC" else f"Axis {number}, less its mean"
        return found + side


def _name(of: str, number: int, held: int, *, side: str) -> str:
    """Axes of an embedding sort by name as by number."""
    own = f"PC{number}" if of == "pc" else f"axis{number:0{len(str(held))}d}"
    return own if side == BOTH else f"{own}_{side}"


def choose(choice: Choice) -> Which:
    """Controls for one component, by default the first, or one axis."""
    of = (
        st.segmented_control(
            "Of the embedding", ["PC", "Axis"], default="PC", key="of",
            bind="query-params", required=True,
            help="PC: a principal component, a direction in which participants differ "
            "most. Axis: one number of the encoder as it comes.",
        )
        or "PC"
    )  # fmt: skip
    held = _held(choice.organ, choice.encoder)
    if of == "Axis":
        number = _number("Axis", held, key="axis")
        return Which("Axis", number, held, _side(choice))
    shares = _shares(choice.organ, choice.encoder)
    number = _number("Principal component", len(shares), key="pc")
    listed = ", ".join(f"PC{i + 1} {s:.1%}" for i, s in enumerate(shares[:TOLD]))
    st.caption(
        f"PC{number} explains {shares[number - 1]:.1%} of the embedding's variance. "
        f"{listed} …; all {len(shares)} together {shares.sum():.1%}."
    )
    return Which("PC", number, held, _side(choice))


def _side(choice: Choice) -> str:
    """One side of a paired organ; asked only where sides were encoded apart."""
    sides = data.inputs(choice.organ, choice.encoder).sides
    if not sides:
        return BOTH
    if st.session_state.get("side") not in (None, AVERAGED, *sides):
        st.session_state["side"] = AVERAGED  # another organ's sides have other names
    chosen = st.segmented_control(
        "Side", [AVERAGED, *sides], default=AVERAGED, key="side", required=True,
        bind="query-params",
        help="The vectors of both sides averaged, or those of one along the same "
        "direction; who has no image of that side has no value.",
    )  # fmt: skip
    return chosen if chosen in sides else BOTH


def offer_family(spec: AxisSpec) -> None:
    """Put all axes, or the first k components, into the basket with one click.

    Parameters
    ----------
    spec
        The one that is drawn; its embedding, side, adjustment and transform are those
        of all.
    """
    with st.container(border=True):
        if spec.of == "pc":
            shares = _shares(spec.organ, spec.encoder)
            k = _number(
                "First components", len(shares), key="first", default=FIRST,
                help="A GWAS of each of the first components is the way to loci "
                "without any label. They are exported in one file, with one script.",
            )  # fmt: skip
            st.caption(f"Together {shares[:k].sum():.1%} of the embedding's variance.")
            what = f"PC1 to PC{k}" if k > 1 else "PC1"
        else:
            held = _held(spec.organ, spec.encoder)
            k = _number(
                "First axes", held, key="first_axes", default=held,
                help="A GWAS of every axis of the encoder, as iGWAS and transferGWAS "
                "test it. They stand in one line of the basket and are exported in one "
                "file, with one script.",
            )  # fmt: skip
            what = f"all {held} axes" if k == held else f"axes 1 to {k}"
        sides = _sides_of_family(spec)
        each = f" of {' and '.join(sides)}" if len(sides) > 1 else ""
        if st.button(
            f"Add {what}{each} to the basket",
            key="add_first",
            icon=":material/playlist_add:",
        ):
            family = [made for side in sides for made in _first(spec, k, side)]
            basket = Basket(data.study().store_path)
            kind, n = "PCs" if spec.of == "pc" else "axes", len(family)
            with undo.adding(basket, f"{n} {kind}"):
                fresh = basket.add_all(family)
            st.toast(
                f"{fresh} {kind} are new in the basket, {n - fresh} were there already."
                if fresh < n
                else f"{n} {kind} are in the basket.",
                icon=":material/check:",
            )


def _sides_of_family(spec: AxisSpec) -> tuple[str, ...]:
    sides = data.inputs(spec.organ, spec.encoder).sides
    if not sides:
        return (BOTH,)
    apart = st.toggle(
        "Each side by itself", key="each_side", bind="query-params",
        help=f"One phenotype for each of {', '.join(sides)}: loci that both find are "
        "less likely to be noise of one image.",
    )  # fmt: skip
    return sides if apart else (spec.side,)


def _first(spec: AxisSpec, k: int, side: str) -> list[AxisSpec]:
    parts = [f"noPC{number}" for number in spec.remove_pcs]
    parts += [f"no_{name}" for name in spec.remove_covariates]
    parts += [] if spec.transform == "none" else ["rint"]
    stem, held = (spec.organ, spec.encoder), _held(spec.organ, spec.encoder)
    return [
        spec.model_copy(
            update={
                "name": recipes.name_of(
                    *stem, _name(spec.of, number, held, side=side), *parts
                ),
                "axis": number,
                "side": side,
                "sign": 1,
            }
        )
        for number in range(1, k + 1)
    ]


def _held(organ: str, encoder: str) -> int:
    """Axes of the embedding."""
    return int(data.atlas_array(organ, encoder, "pc_components").shape[1])


def _shares(organ: str, encoder: str) -> np.ndarray:
    """(n_pcs,) share of the variance of each component the atlas holds."""
    return np.asarray(data.atlas_array(organ, encoder, "pc_explained"))


def _number(
    label: str, most: int, *, key: str, default: int = 1, help: str | None = None
) -> int:
    """Number input from 1 to what there is; another embedding may hold fewer."""
    if st.session_state.get(key, 1) > most:
        st.session_state[key] = most
    return int(
        st.number_input(
            label, 1, most, min(default, most), key=key, help=help, bind="query-params"
        )
    )
