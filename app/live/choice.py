"""What the live GWAS is asked: covariates, and what it is compared with."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import dataclass

import streamlit as st

from app import data, recipes, state, toasts
from app.live import bases
from app.live import runs as live_runs
from app.live.runs import Asked
from app.phenotype import verdict
from app.state import Choice
from edp_core.recipe import SPEC, Spec, VectorSpec

COMPARED = {
    "before": "The same recipe with nothing regressed out and all labels.",
    "pinned": "The state you pinned, with the covariates it had.",
    "code": "The code itself, yes or no, in a linear model on 0 and 1: not regenie's "
    "logistic one, but its p are close unless cases are few.",
    "column": "A participants column as it was measured, e.g. the organ volume.",
    "all axes": "Every axis of the embedding at once: F-test of a variant against all "
    "of them. No direction, no label.",
    "nothing": "One Manhattan plot by itself.",
}
"""As it is written in box and link → what it means."""
LOCI = {
    "before": ("gained", "lost"),
    "pinned": ("gained", "lost"),
    "code": ("only the score", "only the code"),
    "column": ("only the score", "only the column"),
    "all axes": ("only the score", "only all axes"),
}
"""What loci are called that only the upper, and only the lower plot has."""
WHAT = {
    "before": "the score before",
    "pinned": "the pinned state",
    "code": "the code",
    "column": "the column",
}
"""What an exact pass is of."""


@dataclass(frozen=True)
class Against:
    """What the score is compared with.

    Attributes
    ----------
    kind
        One of `COMPARED`.
    title
        Over its plot.
    measured
        Whether it is nothing the embedding holds, so that its projection on the axes
        would say nothing of it: only an exact pass is shown.
    """

    kind: str
    ask: Asked
    title: str
    measured: bool = False


def controls(spec: Spec, choice: Choice) -> tuple[Asked, Against | None]:
    """Draw the choices; the GWAS they ask for, and the one below it."""
    pair = (choice.organ, choice.encoder)
    with st.container(key="hidden-pin"):
        token = st.text_input("Pinned state in the link", key="pin",
                              bind="query-params")  # fmt: skip
    kinds = _kinds(spec, choice, token)
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    with row:
        kind = st.selectbox(
            "Compare with",
            kinds,
            key="compare",
            bind="query-params",
            width=200,
            help="  \n".join(f"**{name}**: {COMPARED[name]}" for name in kinds),
        )
        chosen = _covariates(spec, pair)
        ask = live_runs.asked(spec, pair, chosen)
        st.button(
            "Pin this",
            key="pin_it",
            icon=":material/keep:",
            on_click=_pin,
            args=(ask,),
            help="Keeps the recipe on the screen as what later ones are compared with; "
            "the link holds it.",
        )
    return ask, _against(kind or "nothing", ask, pair=pair, code=choice.code)


def _covariates(spec: Spec, pair: tuple[str, str]) -> tuple[str, ...]:
    known = list(bases.basis(*live_runs.pair_of(spec, pair)).columns)
    held = st.session_state.get("gwas_covariates")
    if held is not None and not set(held) <= set(known):
        # another organ's basis, which was made with others
        held = st.session_state["gwas_covariates"] = [n for n in held if n in known]
    count = len(known if held is None else held)
    with st.popover(f"{count} covariates", icon=":material/tune:", width="stretch"):
        chosen = st.multiselect(
            "Covariates of the GWAS",
            known,
            default=known,
            key="gwas_covariates",
            bind="query-params",
            help="Regressed out of variant and score, exactly, whichever you choose; "
            "age2 is age squared, pc1 … are genetic components. These were fitted when "
            "the products of the genotypes were made.",
        )
        if "bmi" in known:
            st.caption(
                "Adjusting for BMI can induce collider bias: look at both, with it "
                "and without."
            )
    return tuple(name for name in known if name in chosen)


def _kinds(spec: Spec, choice: Choice, token: str) -> list[str]:
    """What this study and recipe can be compared with."""
    possible = {
        "before": isinstance(spec, VectorSpec),
        "pinned": bool(token),
        "code": choice.code is not None,
        "column": bool(data.known_columns(numbers=True)),
    }
    return [kind for kind in COMPARED if possible.get(kind, True)]


def _against(
    kind: str, ask: Asked, *, pair: tuple[str, str], code: str | None
) -> Against | None:
    spec = ask.spec
    assert spec is not None
    if kind == "before":
        plain = verdict.unadjusted(spec)
        if plain is None:
            st.caption(
                "Nothing is regressed out and all labels are used: this is what later "
                "choices are compared with."
            )
            return None
        title = "before: nothing regressed out, all labels"
        return Against(kind, live_runs.asked(plain.spec, pair, ask.covariates), title)
    if kind == "pinned":
        return _pinned(pair)
    if kind == "code" and code is not None:
        lower: Spec | None = recipes.code_itself(code)
        title = f"{state.label(code)}, linear model on 0 and 1"
    elif kind == "column":
        name = _column(pair[0])
        lower, title = recipes.column(name), data.caption(name)
    elif kind == "all axes":
        lower, title = None, "all axes together, F-test"
    else:
        return None
    found = live_runs.asked(lower, pair, ask.covariates)
    if found == ask:
        st.caption("This is the score itself: there is nothing to compare.")
        return None
    return Against(kind, found, title, measured=lower is not None)


def _column(organ: str) -> str:
    """The column to compare with, the organ's volume first."""
    return str(
        st.selectbox(
            "Column to compare with",
            data.numbers_of(organ),
            key="compare_column",
            bind="query-params",
            format_func=data.caption,
        )
    )


# ---- the pinned state ------------------------------------------------------------
def _pin(ask: Asked) -> None:
    """Keep a state in the link (in a callback, before the widgets are drawn)."""
    st.session_state["pin"] = packed(ask)
    st.session_state["compare"] = "pinned"
    toasts.after("Pinned: later ones are compared with this.", ":material/keep:")


def packed(ask: Asked) -> str:
    """A recipe and its covariates as a short text; it names nobody."""
    content = json.dumps([json.loads(ask.recipe), ask.covariates], ensure_ascii=True)
    squeezed = zlib.compress(content.encode(), 9)
    return base64.urlsafe_b64encode(squeezed).decode().rstrip("=")


def unpacked(token: str) -> tuple[Spec, tuple[str, ...]]:
    """Recipe and covariates of a pinned state.

    Raises
    ------
    ValueError
        Where the text is none that `packed` makes.
    """
    try:
        squeezed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        # what a link says is not to be trusted: no more than a recipe may hold
        content = zlib.decompressobj().decompress(squeezed, 65_536)
        recipe, covariates = json.loads(content)
        return SPEC.validate_python(recipe), tuple(map(str, covariates))
    except (binascii.Error, zlib.error, TypeError, RecursionError) as error:
        raise ValueError("no pinned state") from error


def _pinned(pair: tuple[str, str]) -> Against | None:
    try:
        spec, covariates = unpacked(st.session_state.get("pin", ""))
    except ValueError:
        st.caption(":material/link_off: The pinned state in the link cannot be read.")
        return None
    st.button(
        "Unpin", key="unpin", icon=":material/keep_off:", type="tertiary",
        on_click=_unpin,
    )  # fmt: skip
    return Against("pinned", live_runs.asked(spec, pair, covariates), "pinned")


def _unpin() -> None:
    st.session_state["pin"] = ""
    st.session_state["compare"] = "before"
