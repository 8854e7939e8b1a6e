"""Participants of UK Biobank: whatever the columns are called, one cohort."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.people.cohort import RANGES, clean_participants
from edp_core.people.ukb import read_participants
from edp_core.people.values import SPELLINGS
from edp_core.settings.people import Participants

FEW = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def cohort_of(path, *, also=(), **said):
    asked = Participants(table=path.name, **said)
    raw, unread = read_participants(path, asked, also=also)
    return clean_participants(
        raw, categories=asked.categories, ranges=asked.ranges, unread=unread
    )


def notes_of(cohort):
    return dict(zip(cohort.notes["reason"], cohort.notes["count"], strict=True))


def write(path, text):
    path.write_text(text)
    return path


FIELDS = {
    "eid": None, "sex": (31, 0, 0), "age_years": (21003, 2, 0), "bmi": (21001, 2, 0),
    "imaging_date": (53, 2, 0), "centre": (54, 2, 0), "array": (22000, 0, 0),
    "pc1": (22009, 0, 1), "white_british": (22006, 0, 0),
    "sex_aneuploidy": (22019, 0, 0), "kinship": (22021, 0, 0),
}  # fmt: skip
ROWS = [
    ["1", "0", "55", "24.5", "2016-07-01", "11025", "-11", "1.5", "1", "", "0"],
    ["2", "1", "-3", "9", "1900-01-01", "11028", "2000", "-2", "", "1", "10"],
    ["3", "1", "91", "31", "", "11010", "", "", "1", "", "-1"],
]
EVERY_VISIT = {31, 22000, 22009, 22006, 22019, 22021}


def wide(template, eid):
    return [eid if f is None else template.format(*f) for f in FIELDS.values()]


def platform(prefix):
    names = [f"{prefix}eid"]
    for number, instance, array in list(FIELDS.values())[1:]:
        name = f"{prefix}p{number}"
        name += "" if number in EVERY_VISIT else f"_i{instance}"
        names.append(name + (f"_a{array}" if array else ""))
    return names


NAMINGS = [
    wide("{}-{}.{}", "eid"),
    wide("f.{}.{}.{}", "f.eid"),
    wide("x{}_{}_{}", "eid"),
    wide("n_{}_{}_{}", "n_eid"),
    platform(""),
    platform("participant."),
    list(FIELDS),
]


@pytest.mark.parametrize("names", NAMINGS, ids=lambda names: names[2])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_every_naming_gives_the_same_cohort(tmp_path, names, delimiter):
    lines = [delimiter.join(row) for row in [names, *ROWS]]
    cohort = cohort_of(write(tmp_path / "a.csv", "\n".join(lines) + "\n"))
    people = cohort.participants
    assert sorted(people.columns) == sorted(FIELDS)
    assert people["sex"].tolist() == ["F", "M", "M"]
    np.testing.assert_array_equal(people["age_years"], [55, np.nan, np.nan])
    np.testing.assert_array_equal(people["bmi"], [24.5, np.nan, 31])
    np.testing.assert_array_equal(
        people["imaging_date"], [2016 + 182 / 366, np.nan, np.nan]
    )
    assert people["centre"].tolist() == ["Cheadle", "Bristol", "11010"]
    assert people["array"].tolist()[:2] == ["BiLEVE", "Axiom"]
    np.testing.assert_array_equal(people["pc1"], [1.5, -2, np.nan])
    np.testing.assert_array_equal(people["white_british"], [1, np.nan, 1])
    np.testing.assert_array_equal(people["kinship"], [0, 10, -1])
    assert notes_of(cohort) == {
        "age_years: outside 37 to 90, set missing": 2,
        "bmi: outside 10 to 80, set missing": 1,
        "imaging_date: a date that stands for none, set missing": 1,
    }
    assert cohort.listed == 3


def test_codes_and_their_meanings_read_alike(tmp_path):
    names = ["eid", "p31", "p54_i2", "p22000", "p22006", "p22019", "p22021", "p22001"]
    coded = ["1,0,11026,-3,1,1,10,1", "2,1,11027,12,,,-1,0"]
    meant = [
        "1,Female,Reading (imaging),UKBiLEVEAX_b3,Caucasian,Yes,"
        "Ten or more third-degree relatives identified,Male",
        "2,Male,Newcastle (imaging),Batch_b012,,,"
        "Participant excluded from kinship inference process,Female",
    ]
    one, two = (
        cohort_of(write(tmp_path / "a.csv", "\n".join([",".join(names), *rows]) + "\n"))
        for rows in (coded, meant)
    )
    pd.testing.assert_frame_equal(one.participants, two.participants)
    assert one.participants["genetic_sex"].tolist() == ["M", "F"]
    assert not len(one.notes) and not len(two.notes)


@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        (["1", "2", "1"], ["1", "2", "1"]),
        (["Axiom", "BiLEVE", None], ["Axiom", "BiLEVE", None]),
        (["-1", "1.0", "2"], ["BiLEVE", "Axiom", "Axiom"]),
        ([str(i) for i in range(12)], ["Axiom"] * 12),
    ],
)
def test_batches_become_arrays_and_other_categories_stay(cells, kept):
    found = SPELLINGS["array"][0](pd.Series(cells, dtype="string"))
    assert [None if pd.isna(v) else v for v in found] == kept


def test_what_is_not_read_is_counted(tmp_path):
    path = write(
        tmp_path / "a.csv",
        "eid,31-0.0,21003-0.0,21003-2.0,21003-3.0,30000-0.0,30000-1.0,note,\n"
        "1,0,50,58,61,1,2,x,\n",
    )
    cohort = cohort_of(path)
    assert sorted(cohort.participants) == ["age_years", "eid", "note", "sex"]
    assert cohort.participants["age_years"].tolist() == [58]
    assert notes_of(cohort) == {
        "column of a field without a word of ours, not read": 2,
        "column of another visit, not read": 2,
        "column without a name, not read": 1,
    }
    repeat = cohort_of(path, instance=3)
    assert repeat.participants["age_years"].tolist() == [61]


def test_age_at_another_visit_is_never_taken_for_that_at_imaging(tmp_path):
    path = write(tmp_path / "a.csv", "eid,31-0.0,21003-0.0\n1,0,50\n")
    assert sorted(cohort_of(path).participants) == ["eid", "sex"]


def test_columns_may_name_a_field_in_any_way(tmp_path):
    path = write(
        tmp_path / "a.csv", "f.eid,f.31.0.0,f.21003.2.0,f.30000.0.0\n1,0,58,7\n"
    )
    cohort = cohort_of(
        path, columns={"sex": "31", "age_years": "p21003_i2", "white": "30000_i0"}
    )
    assert cohort.participants.iloc[0].tolist() == ["1", "F", 58, 7]
    with pytest.raises(InputError, match=r"no column '30000' \(for white"):
        cohort_of(path, columns={"white": "30000"})


def test_a_rules_field_is_read_although_it_has_no_word(tmp_path):
    path = write(tmp_path / "a.csv", "eid,22027-0.0,22006-0.0\n1,,1\n2,1,\n")
    cohort = cohort_of(path, columns={"x": "22006"}, also=["22027", "22006", "none"])
    assert sorted(cohort.participants) == ["22027", "eid", "white_british", "x"]


def test_ranges_are_laid_over_those_of_uk_biobank(tmp_path):
    path = write(tmp_path / "a.csv", "eid,age_years,bmi,score\n1,15,9,3\n2,60,20,8\n")
    cohort = cohort_of(path, ranges={"age_years": (0, 120), "score": (0, 5)})
    people = cohort.participants
    assert people["age_years"].tolist() == [15, 60]
    assert notes_of(cohort) == {
        "bmi: outside 10 to 80, set missing": 1,
        "score: outside 0 to 5, set missing": 1,
    }
    with pytest.raises(ValueError, match="the lowest value comes first"):
        Participants(table="a", ranges={"bmi": (80, 10)})


@pytest.mark.parametrize("name", RANGES)
def test_the_bounds_themselves_are_kept(name):
    low, high = RANGES[name]
    cells = [f"{v:g}" for v in (low, high, low - 0.5, high + 0.5)]
    raw = pd.DataFrame({"eid": list("1234"), name: cells}, dtype="string")
    cohort = clean_participants(raw)
    assert cohort.participants[name].isna().tolist() == [False, False, True, True]


CELL = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    st.sampled_from(["1", "2", "3.0", "4e6", "-1", "NA", "2016-07-01", "Female"]),
)


@FEW
@given(st.lists(st.tuples(*[CELL] * 6), min_size=1, max_size=8), st.randoms())
def test_any_text_is_somebody_or_counted(tmp_path, rows, random):
    header = "eid,31-0.0,21003-2.0,53-2.0,54-2.0,22000-0.0"
    lines = [
        ",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows
    ]

    def read(lines):
        path = tmp_path / "a.csv"
        path.write_text("\n".join([header, *lines]) + "\n", newline="")
        try:
            return cohort_of(path)
        except InputError as error:
            assert "usable eid" in error.message
            return None

    one = read(lines)
    two = read(random.sample(lines, len(lines)))
    if one is None or two is None:
        assert one is two is None
        return
    pd.testing.assert_frame_equal(one.participants, two.participants)
    assert sorted(one.exclusions["reason"]) == sorted(two.exclusions["reason"])
    assert notes_of(one) == notes_of(two)
    folded = notes_of(one).get("row repeated word for word, kept once", 0)
    contradicting = one.exclusions["reason"].str.startswith("duplicate").sum()
    # rows of one id that contradict each other are one participant left out
    assert one.listed + folded <= len(rows)
    if not contradicting:
        assert one.listed + folded == len(rows)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas_are_read_as_points_and_counted(tmp_path, delimiter):
    lines = ["eid;bmi;lists", "1;27,5;1,2,3", "2;30;4,5,6"]
    text = "\n".join(lines).replace(";", delimiter)
    cohort = cohort_of(write(tmp_path / "a.csv", text))
    assert cohort.participants["bmi"].tolist() == [27.5, 30]
    assert cohort.participants["lists"].tolist() == ["1,2,3", "4,5,6"]
    assert notes_of(cohort) == {"bmi: decimal comma, read as a point": 1}


@pytest.mark.parametrize("name", ["bmi", "pc3", "head_motion", "dose"])
def test_a_measured_column_never_becomes_text(tmp_path, name):
    path = write(tmp_path / "a.csv", f'eid,{name}\n1,"27,5"\n2,"28,5"\n3,30\n')
    cohort = cohort_of(path, ranges={name: (0, 99)})
    assert cohort.participants[name].isna().tolist() == [True, True, False]
    assert notes_of(cohort) == {f"{name}: not a number, set missing": 2}
    named = cohort_of(path, categories=(name,))
    assert named.participants[name].tolist() == ["27,5", "28,5", "30"]
