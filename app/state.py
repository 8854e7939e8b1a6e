"""The shared choice: organ, encoder, code and cluster live in the URL.

Their widgets are drawn in the frame, once for all screens; drawn in two screens they
would lose their value on the way from one to the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app import data
from edp_core.errors import MissingArtifactError


@dataclass(frozen=True)
class Choice:
    """What is looked at."""

    organ: str
    encoder: str
    code: str | None
    cluster: int | None


def frame() -> None:
    """Draw the shared widgets in the sidebar and keep what is chosen for the page."""
    st.session_state["_choice"] = _widgets()


def choice() -> Choice:
    """What is chosen in the sidebar."""
    found: Choice = st.session_state["_choice"]
    return found


def _widgets() -> Choice:
    study = data.study()
    with st.sidebar:
        organ = st.selectbox(
            "Organ",
            list(study.organs),
            key="organ",
            bind="query-params",
            help="Region the images are taken of.",
        )
        encoders = [name for at, name in study.pairs() if at == organ]
        encoder = st.selectbox(
            "Encoder",
            encoders,
            key="encoder",
            bind="query-params",
            help="Network whose embedding is shown.",
        )
        codes = _codes(organ, encoder)
        code = _code_box(codes)
        clusters = _clusters(organ, encoder)
        cluster = st.selectbox(
            "Cluster",
            clusters,
            index=0 if clusters else None,
            key="cluster",
            bind="query-params",
            placeholder="no clusters",
            disabled=not clusters,
            help="Leiden cluster of the embedding; 0 is the largest.",
        )
    return Choice(organ, encoder, code, int(cluster) if cluster is not None else None)


def _code_box(codes: list[str]) -> str | None:
    """Select box of codes with their names; the URL holds the code alone.

    A bound widget writes what it displays into the URL, so a hidden input is bound and
    the select box, which shows the names too, follows it.
    """
    with st.container(key="hidden"):
        asked = st.text_input("Code in the link", key="code", bind="query-params")
    known = asked in codes
    st.session_state["code_box"] = asked if known else next(iter(codes), None)
    names = data.trait_names() if codes else {}
    code = st.selectbox(
        "Code",
        codes,
        key="code_box",
        format_func=lambda code: _named(code, names),
        on_change=lambda: pick_code(st.session_state["code_box"]),
        placeholder="no codes",
        disabled=not codes,
        help="ICD-10 code; type a part of the code or of its name to search. "
        "Ordered by how well the embedding separates cases.",
    )
    if asked and not known:
        st.caption(
            ":material/link_off: The link names a code that is not shown in this study."
        )
    return code


def label(code: str) -> str:
    """A code with its name, as the sidebar lists it."""
    return _named(code, data.trait_names())


def _named(code: str, names: dict[str, str]) -> str:
    return f"{code} {names.get(code, '')}".strip()


def pick_code(code: str) -> None:
    """Make a code the choice (in a callback, before the widgets are drawn)."""
    st.session_state["code"] = code


def pick_point(chart: str) -> None:
    """Make the code of a clicked point the choice (in the chart's callback)."""
    points = st.session_state[chart].selection.get("pick", [])
    if points:
        pick_code(str(points[0]["code"]))


def _codes(organ: str, encoder: str) -> list[str]:
    try:
        table = data.scan(organ, encoder)
    except MissingArtifactError:
        return []
    ordered = data.ranked(table)
    return list(ordered["code"])


def _clusters(organ: str, encoder: str) -> list[str]:
    try:
        labels = data.atlas_array(organ, encoder, "clusters")
    except MissingArtifactError:
        return []
    return [str(number) for number in range(int(labels.max()) + 1)]
