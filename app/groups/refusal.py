"""Whether the size of a drawn group would tell a small count, and how that is said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.groups.store import Asked
from edp_core import differencing
from edp_core.errors import InputError


class TooNear(InputError):
    """Few people tell a group from one whose numbers are known: ``known``, if drawn."""

    known: Asked | None = None


def refuse(
    found: np.ndarray,
    sets: np.ndarray,
    origin: np.ndarray,
    *,
    earlier: Sequence[Asked],
    least: int,
) -> None:
    """Raise where the size of a group would tell a small count.

    Parameters
    ----------
    found
        (n_seen,) bool, its members.
    sets, origin
        What it is held against, as `differencing.counted_sets` gives it.
    earlier
        The groups that ``origin`` counts.

    Raises
    ------
    TooNear
        Where few people tell it from one of the sets.
    InputError
        Where a small count follows from several of them together.
    """
    near = differencing.too_near(found, sets, least)
    if near.size:
        place = int(max(origin[near]))  # a group goes before clusters
        what, hint, known = "a group drawn before", "look at that one", None
        if place >= 0:
            known = earlier[place]
        elif place <= -4:
            what, hint = f"cluster {-4 - place}", f"look at cluster {-4 - place}"
        else:
            what = "whole clusters together"
            hint = "hide the other clusters in the legend and draw around all the rest"
        error = TooNear(
            f"Fewer than {least} people tell this group from {what}",
            f"{hint}, or draw a group that differs by more people: held against each "
            "other the two would tell of them",
        )
        error.known = known
        raise error
    if differencing.tells_few(found, sets, least):
        raise InputError(
            f"With the groups drawn before and the clusters this group would tell a "
            f"number below {least}",
            "draw a larger group, or one with other borders",
        )
