"""Organ volumes measured on the images, as columns beside those of the participants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

SUFFIX = "_ml"
"""Of the columns: millilitres."""


@dataclass(frozen=True)
class Joined:
    """Participants with what was measured on their images.

    Attributes
    ----------
    participants
        The table given, in its order, with one float64 column ``<organ>_ml`` (NaN =
        not known) for each organ of ``measured``.
    measured
        Column → slot ``images/<organ>`` whose artifact it comes from.
    notes
        What was left aside, in words.
    """

    participants: pd.DataFrame
    measured: Mapping[str, str]
    notes: tuple[str, ...] = ()


def organ_volumes(measures: pd.DataFrame) -> pd.Series:
    """One volume for each participant.

    Parameters
    ----------
    measures
        ``eid`` (text), ``instance``, ``side`` (text) and ``volume_ml`` (NaN = not
        known), one row for each image.

    Returns
    -------
    pandas.Series
        Of float64 in mL, by ``eid``. The first instance counts, that is the lowest
        number, as for the embedding; its sides are added up. NaN where one of the
        sides the participant has is not known: half a pair is no organ.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "eid": ["a", "a", "a", "b"], "instance": ["2", "2", "3", "2"],
    ...     "side": ["left", "right", "left", ""],
    ...     "volume_ml": [150.0, 160.0, 999.0, np.nan],
    ... })
    >>> organ_volumes(table).to_dict()
    {'a': 310.0, 'b': nan}
    """
    # an instance that is no number comes after those that are
    number = pd.to_numeric(measures["instance"], errors="coerce").fillna(np.inf)
    first = measures[number == number.groupby(measures["eid"]).transform("min")]
    volumes = first.set_index("eid")["volume_ml"].astype(np.float64)
    return volumes.groupby(level="eid").agg(lambda sides: sides.sum(skipna=False))


def with_left_out(measures: pd.DataFrame, left_out: pd.DataFrame) -> pd.DataFrame:
    """Volumes with a row, not known, for each side that is missing beside a kept one.

    Parameters
    ----------
    measures
        ``eid, instance, side, volume_ml`` of the images kept.
    left_out
        ``eid, instance, side`` of those that could not be used.

    Returns
    -------
    pandas.DataFrame
        ``measures`` and below it the images left out of a visit of which another is
        kept: the sum of the others would pass for the whole. A visit of which nothing
        is kept adds no row, so that the next visit counts, as for the embedding.
    """
    visits = pd.MultiIndex.from_frame(measures[["eid", "instance"]])
    lost = pd.MultiIndex.from_frame(left_out[["eid", "instance"]])
    beside = left_out.loc[lost.isin(visits), ["eid", "instance", "side"]]
    if beside.empty:
        return measures
    return pd.concat([measures, beside.assign(volume_ml=np.nan)], ignore_index=True)


def join_volumes(
    participants: pd.DataFrame, measures: Mapping[str, pd.DataFrame]
) -> Joined:
    """Put organ volumes beside the participants' columns.

    Parameters
    ----------
    participants
        ``eid`` (text, unique) and what is known of them.
    measures
        Organ → its table, as `organ_volumes` takes it.

    Returns
    -------
    Joined
        A column nobody has a value in is not added; where the participants table has
        a column of the name already, the table's own stays and a note says so.
    """
    columns: dict[str, pd.Series] = {}
    slots: dict[str, str] = {}
    notes: list[str] = []
    for organ, table in measures.items():
        name = f"{organ}{SUFFIX}"
        if name in participants.columns:
            notes.append(
                f"{name}: the participants table's own column is used, not the volume "
                f"of the {organ} measured on the images"
            )
            continue
        volumes = participants["eid"].map(organ_volumes(table)).astype(np.float64)
        if volumes.notna().any():
            columns[name] = volumes
            slots[name] = f"images/{organ}"
    return Joined(participants.assign(**columns), slots, tuple(notes))


def volume_caption(slot: str) -> str:
    """How a volume is called where people read it.

    >>> volume_caption("images/liver")
    'liver volume (mL)'
    """
    return f"{slot.removeprefix('images/')} volume (mL)"
