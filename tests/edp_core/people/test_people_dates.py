"""Dates: exact to the day, and what stands for no date is told from what is none."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edp_core.people.dates import SENTINELS, decimal_year, decimal_years

DAYS = st.dates(dt.date(1910, 1, 1), dt.date(2036, 12, 31))


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("2016-01-01", 2016.0),
        ("01/01/2016", 2016.0),
        ("2016-07-01", 2016 + 182 / 366),
        ("31/12/2015", 2015 + 364 / 365),
        ("2016-07-01T10:15:00", 2016 + 182 / 366),
        ("2016-07-01 10:15", 2016 + 182 / 366),
        ("1/7/2016", 2016 + 182 / 366),
    ],
)
def test_dates_that_are_read(text, year):
    assert decimal_year(text) == year


@pytest.mark.parametrize(
    "text",
    ["", "2016", "2016-13-01", "2016-02-30", "12/31/2016", "1-7-2016", "20160701",
     "july", "0000-01-01", "2016-07-01x", "٢٠١٦-٠٧-٠١"],
)  # fmt: skip
def test_what_is_no_date(text):
    assert np.isnan(decimal_year(text))


@pytest.mark.parametrize("text", [*SENTINELS, "01/01/1900", "07/07/2037"])
def test_special_dates_are_told_from_dates(text):
    assert decimal_year(text) == -np.inf


def test_special_dates_in_words():
    words = "Code has event date matching participant's date of birth"
    assert decimal_year(words) == -np.inf


@given(DAYS, DAYS)
def test_years_are_in_the_order_of_the_days(one, two):
    a, b = decimal_year(one.isoformat()), decimal_year(two.strftime("%d/%m/%Y"))
    if a > 0 and b > 0:  # not one of the special dates
        assert (a < b, a == b) == (one < two, one == two)


@given(st.text())
def test_any_text_is_a_year_or_none(text):
    year = decimal_year(text)
    assert np.isnan(year) or year == -np.inf or 1 <= year < 10000


def test_a_column_is_counted():
    cells = pd.Series(["2016-01-01", None, "1901-01-01", " 2016-01-01 ", "soon"])
    years, sentinels, unreadable = decimal_years(cells.astype("category"))
    np.testing.assert_array_equal(years, [2016, np.nan, np.nan, 2016, np.nan])
    assert (sentinels, unreadable) == (1, 1)
    assert len(decimal_years(pd.Series([], dtype="string"))[0]) == 0
