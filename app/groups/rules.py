"""From what was drawn on a map to the rule of a group, and the rule in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import ValidationError

from app import data, figures, maps, vocabulary
from app.groups.store import Rule
from app.state import Choice
from edp_core.disclosure import hide_partition
from edp_core.errors import InputError
from edp_core.outline import Polygon
from edp_core.vectors import lasso

AGAIN = "draw the group again, with the lasso or the box of the map"


def read(choice: Choice, drawn: object) -> Rule:
    """The rule of what was drawn.

    Parameters
    ----------
    drawn
        A rule, or what `app.groups.panel` keeps; whatever it holds is checked.

    Raises
    ------
    InputError
        Where it is no outline on this map, or hides what a rule cannot leave out.
    """
    if isinstance(drawn, Rule):
        return drawn
    if not isinstance(drawn, Mapping):
        raise InputError("What was drawn cannot be read", AGAIN)
    corners = lasso.checked(drawn.get("polygon"))
    colour, code = str(drawn.get("colour", "cluster")), drawn.get("code", choice.code)
    hidden = drawn.get("hidden", ())
    if not isinstance(hidden, Sequence) or isinstance(hidden, str):
        raise InputError("What was drawn cannot be read", AGAIN)
    by_code = colour in ("code", "score") and code is not None
    if colour not in maps.options(choice):
        raise InputError("The map it was drawn on has no such colour", AGAIN)
    chosen = _shown(choice, [str(name) for name in hidden], colour=colour)
    try:
        outline = Polygon.model_validate(
            {"vertices": corners.tolist(), "coloured_by": colour} | chosen
        )
    except ValidationError as error:
        raise InputError("The outline has fewer than three vertices", AGAIN) from error
    return Rule(
        organ=choice.organ,
        encoder=choice.encoder,
        atlas=data.store().ref(f"atlas/{choice.organ}/{choice.encoder}"),
        outline=outline,
        drawn_on=str(code) if by_code else None,
    )


def _shown(choice: Choice, hidden: Sequence[str], *, colour: str) -> dict[str, object]:
    """What a rule says of the categories that were hidden."""
    if not hidden:
        return {}
    if colour == "cluster":
        labels = data.atlas_array(choice.organ, choice.encoder, "clusters")
        small = hide_partition(np.bincount(labels), figures.least())
        numbers = {str(i): [i] for i in np.flatnonzero(~small).tolist()}
        numbers["small"] = np.flatnonzero(small).tolist()
        if not set(hidden) <= set(numbers):
            raise InputError("The map has no such cluster", AGAIN)
        return {"without": tuple(sorted(i for name in hidden for i in numbers[name]))}
    if colour == "code" and len(set(hidden)) == 1 and hidden[0] in ("control", "case"):
        return {"only": "cases" if hidden[0] == "control" else "controls"}
    raise InputError(
        "A group cannot leave out what was hidden on this map",
        "show all of the legend again, or colour the map by cluster or by code: a "
        "group can leave out clusters, and a code's cases or controls",
    )


def said(rule: Rule) -> str:
    """The rule of a group in a sentence of Markdown."""
    outline = rule.outline
    colour = rule.drawn_on or outline.coloured_by
    if outline.coloured_by == "score":
        colour = f"the score of {colour}"
    words = [
        f"Rule: inside an outline of {len(outline.vertices)} vertices on the UMAP of "
        f"{rule.organ}, {rule.encoder}, coloured by {vocabulary.plain(colour)}"
    ]
    if outline.without:
        words.append(f"without cluster {', '.join(map(str, outline.without))}")
    if outline.only != "everybody":
        words.append(f"{outline.only} alone")
    return ", ".join(words) + ". Places are the true ones, also where points are moved."
