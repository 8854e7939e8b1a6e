"""Columns are found by name, and no cell is shown instead of one."""

from pathlib import Path

import pytest

from edp_core.errors import InputError
from edp_core.people.lookup import find_eid, no_column, shown


@pytest.mark.parametrize(
    "name", ["eid", "f.eid", "n_eid", "participant.eid", "EID", "IID", "iid"]
)
def test_the_column_of_ids_is_found(name):
    assert find_eid("eid", [name, "p31"], path=Path("a.csv")) == name


@pytest.mark.parametrize(
    ("configured", "names"),
    [("eid", ["f.eid", "n_eid"]), ("id", ["eid"]), ("eid", ["userId"]),
     ("eid", ["EID", "IID"])],
)  # fmt: skip
def test_a_column_of_ids_that_could_be_another_is_not_taken(configured, names):
    with pytest.raises(InputError, match=r"a\.csv has no column"):
        find_eid(configured, names, path=Path("a.csv"))


def test_only_names_that_are_no_cells_are_listed():
    names = ["eid", "31-0.0", "p130708", "bmi", "1000001", "20.0", "UKB1000001", "-1"]
    assert shown(names) == ["eid", "31-0.0", "p130708", "bmi"]


def test_a_header_of_ids_alone_is_not_proposed():
    error = no_column("eid", ["S100001", "<5"], path=Path("a.csv"), setting="eid")
    assert "S100001" not in error.hint and "<5" not in error.hint
