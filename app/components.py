"""Axes and principal components on the screen Phenotype: which one, or the first k."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from app import data, recipes
from app.basket import Basket
from app.state import Choice
from edp_core.recipe import AxisSpec

FIRST = 10
"""Components the button offers at first."""
TOLD = 5
"""Components whose share of the variance is listed."""


@dataclass(frozen=True)
class Which:
    """The axis (``Axis``) or component (``PC``) asked for, counted from 1."""

    of: str
    number: int

    @property
    def name(self) -> str:
        """As in names of phenotypes: PC3, axis12."""
        return f"PC{self.number}" if self.of == "PC" else f"axis{self.number}"

    @property
    def title(self) -> str:
        """As under its histogram: a PC is of the centred embedding as it is."""
        return self.name if self.of == "PC" else f"Axis {self.number}, less its mean"


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
    shares = _shares(choice.organ, choice.encoder)
    if of == "Axis":
        held = data.atlas_array(choice.organ, choice.encoder, "pc_components").shape[1]
        return Which("Axis", _number("Axis", held, key="axis"))
    number = _number("Principal component", len(shares), key="pc")
    listed = ", ".join(f"PC{i + 1} {s:.1%}" for i, s in enumerate(shares[:TOLD]))
    st.caption(
        f"PC{number} explains {shares[number - 1]:.1%} of the embedding's variance. "
        f"{listed} …; all {len(shares)} together {shares.sum():.1%}."
    )
    return Which("PC", number)


def offer_first(spec: AxisSpec) -> None:
    """Put the first k components into the basket with one click, adjusted alike.

    Parameters
    ----------
    spec
        The component that is drawn; its embedding and covariates are those of all k.
    """
    shares = _shares(spec.organ, spec.encoder)
    with st.container(border=True):
        k = _number(
            "First components", len(shares), key="first", default=FIRST,
            help="A GWAS of each of the first components is the way to loci without "
            "any label. They are exported in one file, with one script.",
        )  # fmt: skip
        st.caption(f"Together {shares[:k].sum():.1%} of the embedding's variance.")
        label = f"Add PC1 to PC{k} to the basket" if k > 1 else "Add PC1 to the basket"
        if st.button(label, key="add_first", icon=":material/playlist_add:"):
            fresh = Basket(data.study().store_path).add_all(_first(spec, k))
            st.toast(
                f"{fresh} PCs are new in the basket, {k - fresh} were there already."
                if fresh < k
                else f"{k} PCs are in the basket.",
                icon=":material/check:",
            )


def _first(spec: AxisSpec, k: int) -> list[AxisSpec]:
    without = [f"no_{name}" for name in spec.remove_covariates]
    stem = (spec.organ, spec.encoder)
    return [
        spec.model_copy(
            update={
                "name": recipes.name_of(*stem, f"PC{number}", *without),
                "axis": number,
                "sign": 1,
            }
        )
        for number in range(1, k + 1)
    ]


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
