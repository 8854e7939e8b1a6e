"""Participants: every row is kept, or excluded with a reason that is counted."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.people.cohort import clean_eids, clean_participants


def table(**columns):
    return pd.DataFrame(columns).astype("string")


def notes_of(cohort):
    return dict(zip(cohort.notes["reason"], cohort.notes["count"], strict=True))


@pytest.mark.parametrize(
    ("cell", "eid", "reason"),
    [
        ("1000001", "1000001", ""),
        (" 1000001 ", "1000001", ""),
        ("1000001.0", "1000001", ""),
        ("1000001.000", "1000001", ""),
        ("0012", "0012", ""),
        ("A-1_b", "A-1_b", ""),
        (None, None, "empty eid"),
        ("", None, "eid is not letters, digits, _ and -"),
        ("1e6", None, "eid in scientific notation: digits are lost"),
        ("1.000001E+06", None, "eid in scientific notation: digits are lost"),
        ("1000001.5", None, "eid is not letters, digits, _ and -"),
        ("-1000001", None, "eid is not letters, digits, _ and -"),
        ("10 01", None, "eid is not letters, digits, _ and -"),
        ("../etc", None, "eid is not letters, digits, _ and -"),
        ("1" * 41, None, "eid is not letters, digits, _ and -"),
    ],
)
def test_cells_of_an_id_column(cell, eid, reason):
    eids, reasons, decimals = clean_eids(pd.Series([cell], dtype="string"))
    assert reasons.iat[0] == reason
    assert (eids.iat[0] == eid) if eid else pd.isna(eids.iat[0])
    assert decimals == (str(cell).startswith("1000001.0"))


def test_a_cohort_is_sorted_and_typed():
    cohort = clean_participants(
        table(
            eid=["3", "1", "2"],
            age_years=["50", None, "61.5"],
            sex=["Female", "1", "0.0"],
            centre=["11025", "11026", None],
            visit=["first", "2", "third"],
        )
    )
    people = cohort.participants
    assert people["eid"].tolist() == ["1", "2", "3"]
    assert people["age_years"].dtype == np.float64
    np.testing.assert_array_equal(people["age_years"], [np.nan, 61.5, 50])
    assert people["sex"].tolist() == ["M", "F", "F"]
    assert people["centre"].tolist()[::2] == ["Reading", "Cheadle"]
    assert not pd.api.types.is_numeric_dtype(people["visit"])
    assert not len(cohort.exclusions) and not len(cohort.notes)
    assert cohort.listed == 3


def test_sex_as_pandas_writes_it_beside_a_gap():
    cohort = clean_participants(table(eid=["1", "2", "3"], sex=["1.0", "0.0", None]))
    assert cohort.participants["sex"].tolist()[:2] == ["M", "F"]
    assert notes_of(cohort) == {}


def test_duplicates_and_broken_ids_are_excluded_and_the_others_go_on():
    cohort = clean_participants(
        table(
            eid=["1", "1", "2", "2.0", "3", "3", None, "4e6", "5"],
            age_years=["50", "50", "60", "60", "70", "71", "40", "40", "40"],
        )
    )
    assert cohort.participants["eid"].tolist() == ["1", "2", "5"]
    reasons = cohort.exclusions.groupby("reason").size().to_dict()
    assert reasons == {
        "empty eid": 1,
        "eid in scientific notation: digits are lost": 1,
        "duplicate eid: rows contradict each other": 1,
    }
    assert notes_of(cohort) == {
        "eid written as a decimal number, read as whole": 1,
        "row repeated word for word, kept once": 2,
    }
    assert cohort.listed == 6
    bad = cohort.exclusions["reason"] != "duplicate eid: rows contradict each other"
    assert set(cohort.exclusions.loc[bad, "eid"]) == {""}


def test_cells_that_cannot_be_are_set_missing_and_counted():
    cohort = clean_participants(
        table(
            eid=list("12345"),
            age_years=["50", "-1", "140", "x", "60"],
            bmi=["25", "3", "inf", "24", "23"],
            sex=["F", "M", "unknown", "F", "M"],
        )
    )
    people = cohort.participants
    np.testing.assert_array_equal(people["age_years"], [50, *[np.nan] * 3, 60])
    assert people["bmi"].isna().tolist() == [False, True, True, False, False]
    assert notes_of(cohort) == {
        "age_years: outside 37 to 90, set missing": 2,
        "age_years: not a number, set missing": 1,
        "bmi: outside 10 to 80, set missing": 1,
        "bmi: not a number, set missing": 1,
        "sex not understood, set missing": 1,
    }


@pytest.mark.parametrize("eids", [[], [None], ["", "1e6"]])
def test_nobody_with_an_id(eids):
    with pytest.raises(InputError, match=r"usable eid \(\d rows\)") as caught:
        clean_participants(table(eid=eids))
    assert "participants.eid" in caught.value.hint


CELLS = st.sampled_from(["1", "2", "2.0", "03", "1e6", "", None, "x y", "4", "5"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(CELLS, st.sampled_from(["50", "60", None])), min_size=1))
def test_every_row_is_accounted_for(rows):
    raw = table(eid=[r[0] for r in rows], age_years=[r[1] for r in rows])
    found, reasons, _ = clean_eids(raw["eid"])
    if found.isna().all():
        with pytest.raises(InputError, match="usable eid"):
            clean_participants(raw)
        return
    cohort = clean_participants(raw)
    # rows without an id count each, rows with one count as people
    assert cohort.listed == int((reasons != "").sum()) + found.nunique()
    assert cohort.participants["eid"].is_unique
    assert cohort.participants["eid"].is_monotonic_increasing
    named = set(cohort.exclusions["eid"]) - {""}
    assert not named & set(cohort.participants["eid"])


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(8)))
def test_the_order_of_the_rows_changes_nothing(order):
    raw = table(
        eid=["8", "2", "2", "3", "3", "4e5", "5", "6"],
        age_years=["50", "60", "60", "70", "71", "9", "x", None],
    )
    one, two = clean_participants(raw), clean_participants(raw.iloc[list(order)])
    pd.testing.assert_frame_equal(one.participants, two.participants)
    assert sorted(one.exclusions["reason"]) == sorted(two.exclusions["reason"])
    assert notes_of(one) == notes_of(two)
