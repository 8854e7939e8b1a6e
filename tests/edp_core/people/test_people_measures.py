"""Volumes of images become one column of the participants."""

import numpy as np
import pandas as pd
import pytest

from edp_core.people.measures import (
    join_volumes,
    organ_volumes,
    volume_caption,
    with_left_out,
)


def measures(*rows):
    """Rows of eid, instance, side, volume; the reason where there is none."""
    table = pd.DataFrame(rows, columns=["eid", "instance", "side", "volume_ml"])
    table["volume_ml"] = table["volume_ml"].astype(float)
    return table.assign(reason=np.where(table["volume_ml"].isna(), "no mask", ""))


@pytest.fixture
def people():
    table = pd.DataFrame({"eid": ["1", "2", "3", "4"]})
    return table.assign(age_years=[50.0, 60.0, np.nan, 70.0])


def test_the_first_instance_counts_by_number_not_by_text():
    found = organ_volumes(
        measures(("1", "10", "", 1.0), ("1", "2", "", 2.0), ("1", "x", "", 9.0))
    )
    assert found.to_dict() == {"1": 2.0}


def test_sides_are_added_and_half_a_pair_is_not_known():
    found = organ_volumes(
        measures(
            ("1", "0", "left", 150.0), ("1", "0", "right", 160.0),
            ("2", "0", "left", 150.0), ("2", "0", "right", np.nan),
            ("3", "0", "left", 140.0),
            ("4", "0", "left", np.nan), ("4", "1", "left", 130.0),
        )
    )  # fmt: skip
    assert found["1"] == 310.0
    assert np.isnan(found["2"])
    assert found["3"] == 140.0, "this participant has one side"
    assert np.isnan(found["4"]), "the first instance, not the first that is known"


def test_a_side_that_could_not_be_used_leaves_the_sum_unknown():
    kept = measures(
        ("1", "2", "left", 150.0), ("2", "3", "left", 140.0), ("2", "3", "right", 130.0)
    )  # fmt: skip
    lost = pd.DataFrame(
        [("1", "2", "right"), ("2", "2", "left"), ("3", "2", "left")],
        columns=["eid", "instance", "side"],
    ).assign(reason="unreadable")
    found = organ_volumes(with_left_out(kept, lost))
    assert np.isnan(found["1"]), "half a pair"
    assert found["2"] == 270.0, "the visit that could be used counts, as it is encoded"
    assert "3" not in found
    assert with_left_out(kept, lost.iloc[:0]) is kept


def test_an_instance_that_is_no_number_is_still_an_instance():
    found = organ_volumes(measures(("1", "", "left", 1.0), ("1", "", "right", 2.0)))
    assert found.to_dict() == {"1": 3.0}


def test_columns_join_by_eid_in_the_order_of_the_participants(people):
    joined = join_volumes(
        people,
        {
            "liver": measures(("4", "2", "", 1500.0), ("2", "2", "", 1400.0)),
            "spleen": measures(("9", "2", "", 200.0)),  # nobody of the cohort
            "kidney": measures(("1", "2", "left", np.nan)),
        },
    )
    assert list(joined.participants.columns) == ["eid", "age_years", "liver_ml"]
    assert joined.participants["liver_ml"].dtype == np.float64
    np.testing.assert_array_equal(
        joined.participants["liver_ml"], [np.nan, 1400.0, np.nan, 1500.0]
    )
    assert joined.measured == {"liver_ml": "images/liver"}
    assert joined.notes == ()
    assert "liver_ml" not in people.columns, "the table given stays as it was"


def test_a_column_of_the_table_wins_and_a_note_says_so(people):
    own = people.assign(liver_ml=1.0)
    joined = join_volumes(own, {"liver": measures(("1", "2", "", 1500.0))})
    pd.testing.assert_frame_equal(joined.participants, own)
    assert joined.measured == {}
    assert joined.notes[0].startswith("liver_ml: the participants table's own column")


def test_no_table_and_an_empty_table_change_nothing(people):
    for tables in ({}, {"liver": measures()}):
        joined = join_volumes(people, tables)
        pd.testing.assert_frame_equal(joined.participants, people)


def test_a_volume_is_called_by_its_organ_and_unit():
    assert volume_caption("images/left-kidney") == "left-kidney volume (mL)"
