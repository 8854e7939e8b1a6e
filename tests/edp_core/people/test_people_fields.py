"""UK Biobank's names of columns, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.people.fields import (
    Field,
    find_column,
    our_columns,
    parse_field,
    word_of,
)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("21003-2.0", (21003, 2, 0)),
        ("f.21003.2.0", (21003, 2, 0)),
        ("f_21003_2_0", (21003, 2, 0)),
        ("x21003_2_0", (21003, 2, 0)),
        ("X21003.2.0", (21003, 2, 0)),
        ("n_21003_2_0", (21003, 2, 0)),
        ("p21003_i2", (21003, 2, None)),
        ("p22009_a1", (22009, None, 1)),
        ("p40006_i0_a1", (40006, 0, 1)),
        ("p31", (31, None, None)),
        ("participant.p21003_i2", (21003, 2, None)),
    ],
)
def test_names_of_fields(name, field):
    found = parse_field(name)
    assert (found.number, found.instance, found.array) == field


@pytest.mark.parametrize(
    "name", ["age", "p1", "pc1", "21003", "p21003_i2x", "eid", "", "a21003-2.0", "p"]
)
def test_other_names_are_none(name):
    assert parse_field(name) is None


@given(st.integers(10, 200000), st.integers(0, 3), st.integers(0, 260))
def test_every_way_of_writing_means_the_same(number, instance, array):
    ways = [
        f"{number}-{instance}.{array}",
        f"f.{number}.{instance}.{array}",
        f"x{number}_{instance}_{array}",
        f"p{number}_i{instance}_a{array}",
        f"participant.p{number}_i{instance}_a{array}",
    ]
    assert len({(f.number, f.instance, f.array) for f in map(parse_field, ways)}) == 1
    for asked in [*ways, f"{number}_i{instance}_a{array}"]:
        for there in ways:
            assert find_column(asked, ["eid", there, "age"], instance=2) == there


WIDE = ["eid", "31-0.0", "21003-0.0", "21003-2.0", "21003-3.0", "22009-0.1",
        "22009-0.2", "50-0.0", "50-2.0", "22006-0.0", "30000-2.0"]  # fmt: skip
PLATFORM = ["participant.eid", "participant.p31", "participant.p21003_i0",
            "participant.p21003_i2", "participant.p22009_a1",
            "participant.p22006"]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "names", "found"),
    [
        ("21003", WIDE, "21003-2.0"),
        ("21003_i3", WIDE, "21003-3.0"),
        ("p21003_i0", WIDE, "21003-0.0"),
        ("31", WIDE, "31-0.0"),
        ("p31", WIDE, "31-0.0"),
        ("22009_a2", WIDE, "22009-0.2"),
        ("21003-2.0", PLATFORM, "participant.p21003_i2"),
        ("31-0.0", PLATFORM, "participant.p31"),
        ("22009-0.1", PLATFORM, "participant.p22009_a1"),
        ("p31", PLATFORM, "participant.p31"),
        ("21003-1.0", WIDE, None),
        ("21003-2.1", WIDE, None),
        ("22009", WIDE, None),
        ("age", WIDE, None),
        ("p21003", ["p21003", "p21003_i0"], "p21003"),
        ("21003_i3", ["p21003"], None),
        ("bmi", ["bmi", "participant.bmi"], "bmi"),
    ],
)
def test_a_field_is_found_in_whatever_naming_the_file_has(asked, names, found):
    assert find_column(asked, names, instance=2) == found


def test_our_words_at_the_imaging_visit():
    names = [name for name in WIDE if name != "eid"]
    assert our_columns(names, instance=2) == {
        "sex": "31-0.0",
        "age_years": "21003-2.0",
        "white_british": "22006-0.0",
        "pc1": "22009-0.1",
        "pc2": "22009-0.2",
        "height_cm": "50-2.0",
    }
    assert our_columns(names, instance=3)["age_years"] == "21003-3.0"
    assert "age_years" not in our_columns(names, instance=1), "never another visit's"


def test_height_measured_at_imaging_goes_before():
    names = ["50-2.0", "12144-2.0"]
    assert our_columns(names, instance=2) == {"height_cm": "12144-2.0"}


def test_plain_names_stay_and_lose_the_platforms_prefix():
    names = ["age", "participant.p31", "participant.note"]
    found = our_columns(names, instance=2)
    assert found == {
        "age": "age", "note": "participant.note", "sex": "participant.p31"
    }  # fmt: skip


def test_two_columns_of_one_word_are_refused():
    with pytest.raises(InputError, match=r"sex \('sex' and 'p31'\)") as caught:
        our_columns(["sex", "p31"], instance=2)
    assert "participants.columns" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "word"),
    [("22006", "white_british"), ("p22019", "sex_aneuploidy"), ("22021-0.0", "kinship"),
     ("22009_a3", "pc3"), ("50", "height_cm"), ("30000", None), ("age", None)],
)  # fmt: skip
def test_words_of_fields(name, word):
    assert word_of(name) == word


def test_a_field_prints_as_documented():
    assert parse_field("21003-2.0") == Field(21003, 2, 0, wide=True)
