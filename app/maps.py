"""Maps of participants: where each point is drawn, and in which colour.

The points of a map can be counted and looked at one by one, so nothing is drawn that a
table would hide: categories and steps of a colour scale hold enough people, cases are
coloured where their count is shown. A map that is coloured by more than clusters moves
every point a little and has an order of its own, so that nobody is followed from one
colour to the next.
"""

from __future__ import annotations

import secrets

import numpy as np
import pandas as pd
import streamlit as st

from app import data, figures, recipes, widgets
from app.map_colours import by_level, partition, scale
from app.plots import charts
from app.scatter.shown import Category, Colours, Map
from app.state import Choice
from edp_core import disclosure
from edp_core.errors import InputError
from edp_core.store import read_array

__all__ = ["Category", "Colours", "Map", "colours", "lit", "options", "the_map"]

UNITS = {
    "_years": "years", "_cm": "cm", "_kg": "kg", "_ml": "mL", "_mm": "mm",
}  # fmt: skip


def choose(choice: Choice) -> str:
    """Ask what a map is coloured by; it stands in the link."""
    names = options(choice)
    asked = st.selectbox(
        "Colour by",
        list(names),
        format_func=names.__getitem__,
        key="colour",
        bind="query-params",
        help="Clusters; cases of the chosen code, or its out-of-fold score; columns of "
        "the participants table.",
    )
    return str(asked or "cluster")


def options(choice: Choice) -> dict[str, str]:
    """What a map can be coloured by, and what each is called.

    ``cluster``; with a code ``code`` and ``score``, its out-of-fold score; and columns
    of the participants table by name.
    """
    found = {"cluster": "cluster"}
    if choice.code is not None:
        found |= {"code": "code", "score": "score"}
    for column, name in _columns().items():
        # the link holds the name, so each is given once
        found[column] = column if name in (*found, *found.values()) else name
    return found


def named(column: str) -> tuple[str, str]:
    """What a column is called, and its unit where that is known."""
    ends = (end for end in UNITS if column.endswith(end))
    end = next(ends, "")
    unit = "kg/m²" if column == "bmi" else UNITS.get(end, "")
    name = data.caption(column)
    if name == column:  # nobody gave it a name
        return column.removesuffix(end).replace("_", " "), unit
    return name.removesuffix(f" ({unit})"), unit


def _columns() -> dict[str, str]:
    """Columns with a scale, or with levels of enough people, and their names."""
    return _columns_of(_state())


def _state() -> tuple[object, ...]:
    """What all that is drawn here depends on, beside the choice."""
    study = data.study()
    refs = tuple(sorted(data.store().refs().items()))
    return (str(study.store_path), refs, study.population, study.disclosure.threshold)


@st.cache_data(show_spinner=False, max_entries=8)
def _columns_of(state: tuple[object, ...]) -> dict[str, str]:
    people, least = data.inputs().participants, figures.least()
    return {
        name: named(name)[0]
        for name in data.known_columns()
        if name not in ("cluster", "code", "score")  # these words are taken
        and (
            pd.api.types.is_numeric_dtype(people[name])
            or (people[name].value_counts() >= least).sum() > 1
        )
    }


def the_map(choice: Choice, colour: str, *, lighted: str = "") -> Map:
    """Places of everybody with an embedding, as they may be drawn in a colour.

    Parameters
    ----------
    colour
        One of `options`; places are exact for ``cluster`` alone.
    lighted
        What a highlight tells, where there is one that says more than a place does
        (``score of I10``, ``bmi``; not the range of it): such a map is moved as well.
    """
    slot = f"atlas/{choice.organ}/{choice.encoder}"
    # a known seed could be undone: a row's place would tell whose point it is
    order = st.session_state.setdefault("_order", secrets.randbits(64))
    return _map(
        (data.store().ref(slot), slot),
        f"umap-{choice.organ}-{choice.encoder}",
        figures.least(),
        source="+".join(filter(None, [_source(choice, colour), lighted])),
        order=order,
    )


def _source(choice: Choice, colour: str) -> str:
    """What a colour tells beyond a place; nothing for clusters."""
    if colour == "cluster" or (colour in ("code", "score") and choice.code is None):
        return ""
    return f"{colour} {choice.code}" if colour in ("code", "score") else f"of {colour}"


@st.cache_resource(show_spinner=False, max_entries=16)
def _map(
    at: tuple[str, str], name: str, threshold: int, *, source: str, order: int
) -> Map:
    umap = np.asarray(read_array(data.store().at(at[1]), "umap"), np.float64)
    if source:
        # of a source everybody sees the same: the mean of many would undo it
        rng = np.random.default_rng([figures.secret(), *f"{at[1]} {source}".encode()])
        reach = _reach(*at, threshold)
        umap = disclosure.blur(umap, threshold, rng=rng, reach=reach)
    # an order of each source: equal ones would tell whose moved point is whose
    shuffled = np.random.default_rng([order, *source.encode()]).permutation(len(umap))
    places = umap[shuffled].astype(np.float32)
    found = Map(name, places[:, 0].copy(), places[:, 1].copy(), shuffled)
    for part in (found.x, found.y, found.rows):
        part.flags.writeable = False
    return found


@st.cache_resource(show_spinner=False, max_entries=8)
def _reach(key: str, slot: str, threshold: int) -> np.ndarray:
    """How far points are moved: the same for every code."""
    umap = read_array(data.store().at(slot), "umap")
    return disclosure.reach_of(np.asarray(umap, np.float64), threshold)


def lit(shown: Map, members: np.ndarray) -> np.ndarray | None:
    """Members, (n_seen,) bool, in the order of a map; none where they are too few.

    Highlighted points can be counted: neither they nor the others may be few.
    """
    chosen = np.asarray(members, bool)
    count, least = int(chosen.sum()), figures.least()
    if min(count, len(chosen) - count) < least:
        return None
    return chosen[shown.rows]


def colours(choice: Choice, colour: str, shown: Map) -> Colours:
    """Colour of every point of a map.

    Parameters
    ----------
    colour
        One of `options`; for ``code`` and ``score`` without a code it is ``cluster``.
    shown
        The map, as `the_map` gives it for this colour.

    Raises
    ------
    InputError
        Where the score of the code cannot be made, or there is no such column.
    """
    state = (*_state(), st.session_state.get("_order"))
    asked = (choice.organ, choice.encoder, choice.code, colour)
    return _colours(state, asked, shown)


@st.cache_resource(
    show_spinner=False,
    max_entries=16,
    hash_funcs={Map: lambda shown: (shown.name, shown.x[:9].tobytes(), len(shown))},
)
def _colours(
    state: tuple[object, ...], asked: tuple[str, str, str | None, str], shown: Map
) -> Colours:
    organ, encoder, code, colour = asked
    choice = Choice(organ, encoder, code, None)
    if not _source(choice, colour):
        return _by_cluster(choice, shown)
    if colour == "code":
        return _by_code(choice, str(choice.code), shown)
    if colour == "score":
        score = data.phenotype(recipes.classifier(choice, str(choice.code))).values
        title = f"Score of {choice.code}"
        return scale(_seen(choice, score)[shown.rows], title=title)
    if colour not in _columns():
        raise InputError(
            f"A map cannot be coloured by {colour!r}",
            f"pick one of: {', '.join(options(choice).values())}",
        )
    people = data.inputs(choice.organ, choice.encoder).participants
    if pd.api.types.is_numeric_dtype(people[colour]):
        values = _seen(choice, people[colour].to_numpy(float))[shown.rows]
        title, unit = named(colour)
        return scale(values, title=title, unit=unit)
    levels = _seen(choice, people[colour].astype(object).to_numpy())
    return by_level(levels[shown.rows], title=named(colour)[0])


def _seen(choice: Choice, values: np.ndarray) -> np.ndarray:
    found = data.inputs(choice.organ, choice.encoder).seen
    return np.asarray(values[np.asarray(found)])


def _by_cluster(choice: Choice, shown: Map) -> Colours:
    labels = np.asarray(data.atlas_array(choice.organ, choice.encoder, "clusters"))
    names = np.array([str(number) for number in range(int(labels.max()) + 1)], object)
    found = partition(labels[shown.rows], names)
    return Colours("categories", "Cluster", *found, apart=True)


def _by_code(choice: Choice, code: str, shown: Map) -> Colours:
    """Cases where a table of the clusters shows their count, everybody else below."""
    inputs = data.inputs(choice.organ, choice.encoder)
    labels = np.asarray(data.atlas_array(choice.organ, choice.encoder, "clusters"))
    counts = data.enrichment(choice.organ, choice.encoder)
    counts = counts[(counts["code"] == code) & counts["n_both"].notna()]
    cases = _seen(choice, inputs.phenome.cases(code)) & np.isin(
        labels, counts["cluster"]
    )
    n = int(cases.sum())
    found = (
        Category("control", charts.CONTROL, f"{len(shown) - n:,}"),
        Category("case", charts.CASE, f"{n:,}", above=True),
    )
    codes = cases[shown.rows].astype(np.uint8)
    return Colours("categories", code, codes, found, note=widgets.CODE_COLOURS)
