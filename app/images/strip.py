"""Images along a phenotype: people at its 1st, 10th, 50th, 90th and 99th percentile."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import data, errors, figures
from app.gallery import Figure, Group, gallery
from app.images import gate as images
from app.images import tiles as image_tiles
from app.state import Choice
from edp_core.appraisal.exemplars import Exemplars, at_percentiles
from edp_core.phenotype import ColumnSpec, Phenotype

EACH = 4
FEW_VALUES = 12
"""A phenotype of at most so many values says who has one of them."""
ENDINGS = {1: "st", 2: "nd", 3: "rd"}


@st.fragment
def draw(choice: Choice, score: Phenotype, *, name: str) -> None:
    """Draw the strip; a phenotype of 0 and 1 has no percentiles and says so."""
    if score.kind == "binary":
        st.caption(
            "A phenotype of cases and controls has no percentiles; below, the mean "
            "image of the cases stands beside that of matched controls."
        )
        return
    if not tells_nobody(score):
        st.caption(
            f"A phenotype of at most {FEW_VALUES} values has no percentiles: an image "
            "would say who has which."
        )
        return
    with errors.shown():
        _strip(choice, score, name)


def tells_nobody(score: Phenotype) -> bool:
    """Whether single images may stand along a phenotype.

    Not of cases and controls, nor of a column of a few values: an image at one of its
    percentiles would say who has which.
    """
    known = score.values[np.isfinite(score.values)]
    return score.kind != "binary" and len(np.unique(known)) > FEW_VALUES


def _strip(choice: Choice, score: Phenotype, name: str) -> None:
    seen = np.asarray(data.inputs(choice.organ, choice.encoder).seen)
    values = score.values[seen]
    found = at_percentiles(values, count=EACH, among=images.pixels(choice).has)
    rows = np.concatenate([exemplar.rows for exemplar in found])
    images.looked("along a phenotype", organ=choice.organ, count=len(rows), view=name)
    gallery(
        Figure(
            f"along-{name}",
            f"Images along {name}",
            said(choice.organ, found[0].n),
            [_group(choice, exemplar, score) for exemplar in found],
            across=2,
            size=70,
            even=True,
        ),
        key="strip",
        details=image_tiles.slices_of(choice, rows),
    )


def said(organ: str, n: int) -> str:
    """What the strip shows, of how many."""
    colours = image_tiles.colour_words(organ)
    shown = figures.people(n)
    written = shown if isinstance(shown, str) else f"{shown:,}"
    return (
        f"The people nearest in rank to each percentile, N = {written} with a value "
        "and an image"
        + (f"; {colours}." if colours else ".")
        + " Enlarge one to see all its slices."
    )


def _group(choice: Choice, exemplar: Exemplars, score: Phenotype) -> Group:
    place = ordinal(exemplar.asked)
    alt = f"Image of the {choice.organ} at the {place} percentile of the score"
    of = len(exemplar.rows)
    alts = [f"{alt}, {number} of {of}" for number in range(1, of + 1)]
    return Group(
        image_tiles.of_people(choice, exemplar.rows, alts=alts),
        title=f"{place} percentile",
        note=about(score, float(np.median(exemplar.values))),
    )


def about(score: Phenotype, value: float) -> str:
    """A score beside an image of one who has it.

    A column was measured of that person and is not told: who knows a height or a weight
    knows whose image it is.
    """
    if isinstance(score.spec, ColumnSpec):
        return ""
    return f"value about {number(value)}"


def ordinal(percentile: float) -> str:
    """A percentile in words.

    >>> ordinal(1.0), ordinal(11.0), ordinal(99.0), ordinal(50.0)
    ('1st', '11th', '99th', '50th')
    """
    number = round(percentile)
    teens = 10 < number % 100 < 20
    return f"{number}{'th' if teens else ENDINGS.get(number % 10, 'th')}"


def number(value: float) -> str:
    """A value to two digits, with a minus sign that is one.

    >>> number(-1.72), number(12345.0)
    ('−1.7', '12,000')
    """
    rounded = float(f"{value:.2g}")
    digits = 1 - int(np.floor(np.log10(abs(rounded)))) if rounded else 0
    return f"{rounded:,.{max(digits, 0)}f}".replace("-", "−")
