"""Dates as the tables write them, and the special ones that stand for no date."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

SENTINELS: Mapping[str, str] = {
    "1900-01-01": "no date of the event",
    "1901-01-01": "before the date of birth",
    "1902-02-02": "the date of birth",
    "1903-03-03": "in the year of birth",
    "1909-09-09": "a date in the future",
    "2037-07-07": "a date in the future",
}
"""UK Biobank's dates that mean: it happened, the date is not known."""
ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ].*)?")
BRITISH = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?: .*)?")
"""hesin tables write the day first; never the month."""
IN_WORDS = ("Code has event date", "Code has no event date")
"""How the research platform writes `SENTINELS` when it decodes them."""


def decimal_year(text: str) -> float:
    """Year and its part gone by, exact to the day: ``2016-01-01`` is 2016.0.

    Parameters
    ----------
    text
        ``2016-12-31`` (a time of day after it is left aside) or ``31/12/2016``.

    Returns
    -------
    float
        Years; NaN where the text is no date, −inf where it is one of `SENTINELS`.
        Two equal days give equal numbers and a later day a greater one.
    """
    if found := ISO.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := BRITISH.fullmatch(text):
        day, month, year = map(int, found.groups())
    else:
        return -np.inf if text.startswith(IN_WORDS) else np.nan
    try:
        date = dt.date(year, month, day)
    except ValueError:
        return np.nan
    if date.isoformat() in SENTINELS:
        return -np.inf
    first = dt.date(year, 1, 1).toordinal()
    days = dt.date(year, 12, 31).toordinal() - first + 1
    return year + (date.toordinal() - first) / days


def decimal_years(cells: pd.Series) -> tuple[np.ndarray, int, int]:
    """Decimal years of a column of text; every spelling is read once.

    Returns
    -------
    years
        (n_rows,) float64, NaN where there is no date or it is not known.
    sentinels
        How many cells hold a date that means: not known.
    unreadable
        How many cells hold something that is no date.
    """
    codes, spellings = pd.factorize(cells)
    years = np.array([decimal_year(str(text).strip()) for text in spellings] + [np.nan])
    found = years[codes]  # −1, a missing cell, takes the last
    sentinels = np.isneginf(found)
    unreadable = np.isnan(found) & (codes >= 0)
    found[sentinels] = np.nan
    return found, int(sentinels.sum()), int(unreadable.sum())
