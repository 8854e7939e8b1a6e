"""The shared choice: organ, encoder, vocabulary, code and cluster live in the URL.

Their widgets are drawn in the frame, once for all screens; drawn in two screens they
would lose their value on the way from one to the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from app import data, vocabulary
from app.groups import box as group_box
from edp_core.errors import MissingArtifactError


@dataclass(frozen=True)
class Choice:
    """What is looked at."""

    organ: str
    encoder: str
    code: str | None
    cluster: int | None
    vocabulary: str | None = None
    group: str | None = None
    """Name of a group that was drawn and saved."""


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
        tables = _tables(organ, encoder)
        with st.container(key="hidden"):
            # a bound widget writes what it displays into the URL: these are bound, and
            # the boxes, which show names, follow them
            asked = st.text_input("Code in the link", key="code", bind="query-params")
            name = st.text_input(
                "Vocabulary in the link", key="vocabulary", bind="query-params"
            )
        chosen = _vocabulary_box(tables, code=asked, vocabulary_asked=name)
        code = _code_box(tables, chosen or "", asked=asked)
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
    number = int(cluster) if cluster is not None else None
    found = Choice(organ, encoder, code, number, chosen)
    with st.sidebar:
        return replace(found, group=group_box.draw(organ, encoder))


def _vocabulary_box(
    tables: dict[str, list[str]], *, code: str, vocabulary_asked: str
) -> str | None:
    """Select box of vocabularies; a code of another one goes before the one asked for.

    A link to a code opens on it, whatever vocabulary is named beside it.
    """
    now = vocabulary_asked if vocabulary_asked in tables else next(iter(tables), None)
    st.session_state["vocabulary_box"] = vocabulary.holding(code, tables, now) or now
    return st.selectbox(
        "Vocabulary",
        list(tables),
        key="vocabulary_box",
        format_func=vocabulary.name_of,
        on_change=lambda: _pick_vocabulary(tables),
        placeholder="no codes",
        disabled=not tables,
        help="Which codes are listed, plotted and counted. Full ICD-10 codes are the "
        "finest of each branch that may be shown; phecodes gather ICD-10 codes into "
        "diseases; other tables of the study are called by their names.",
    )


def _pick_vocabulary(tables: dict[str, list[str]]) -> None:
    """Look at another vocabulary; a code it holds too stays the choice."""
    name = st.session_state["vocabulary_box"]
    _keep_vocabulary(name, tables)
    if st.session_state["code_box"] in tables[name]:
        st.session_state["code"] = st.session_state["code_box"]
    else:
        st.session_state["code"] = ""  # the best of that vocabulary


def _keep_vocabulary(name: str, tables: dict[str, list[str]]) -> None:
    """Put a vocabulary into the link; the one a study opens on is left out."""
    st.session_state["vocabulary"] = "" if name == next(iter(tables), "") else name


def _code_box(tables: dict[str, list[str]], chosen: str, *, asked: str) -> str | None:
    """Select box of codes with their names; those of other vocabularies come last."""
    codes = tables.get(chosen, [])
    other = {
        code: name for name, held in tables.items() for code in held if name != chosen
    }
    for code in codes:
        other.pop(code, None)
    known = asked in codes
    st.session_state["code_box"] = asked if known else next(iter(codes), None)
    names = data.trait_names() if codes else {}

    def written(code: str) -> str:
        told = vocabulary.label(code, names)
        where = other.get(code)
        return told if where is None else f"{told} · {vocabulary.name_of(where)}"

    code = st.selectbox(
        "Code",
        [*codes, *other],
        key="code_box",
        format_func=written,
        on_change=lambda: pick_code(st.session_state["code_box"]),
        placeholder="no codes",
        disabled=not codes,
        filter_mode="contains",
        help="Type a part of a code or of its name to search all vocabularies; the key "
        "/ comes here from anywhere. Ordered by how well the embedding separates "
        "cases, those of the chosen vocabulary first.",
    )
    if asked and not known:
        st.caption(
            ":material/link_off: The link names a code that is not shown in this study."
        )
    return code


def label(code: str) -> str:
    """A code with its name, as the sidebar lists it."""
    return vocabulary.label(code, data.trait_names())


def pick_code(code: str) -> None:
    """Make a code the choice (in a callback, before the widgets are drawn)."""
    tables = _tables(choice().organ, choice().encoder)
    st.session_state["code"] = code
    _keep_vocabulary(vocabulary.holding(code, tables, choice().vocabulary), tables)


def is_code(text: str) -> bool:
    """Whether a text is a code that can be the choice here."""
    tables = _tables(choice().organ, choice().encoder)
    return any(text in codes for codes in tables.values())


def pick_cluster(number: str) -> None:
    """Make a cluster the choice (in a callback)."""
    st.session_state["cluster"] = number


def pick_point(chart: str) -> None:
    """Make the code of a clicked point the choice (in the chart's callback)."""
    points = st.session_state[chart].selection.get("pick", [])
    if points:
        pick_code(str(points[0]["code"]))


def _tables(organ: str, encoder: str) -> dict[str, list[str]]:
    """Codes of each vocabulary, best first; none where there is no scan."""
    try:
        tables = data.vocabularies(organ, encoder)
    except MissingArtifactError:
        return {}
    return {name: list(table["code"]) for name, table in tables.items()}


def _clusters(organ: str, encoder: str) -> list[str]:
    try:
        labels = data.atlas_array(organ, encoder, "clusters")
    except MissingArtifactError:
        return []
    return [str(number) for number in range(int(labels.max()) + 1)]
