"""First occurrences: the field of a code is its place in UK Biobank's own ICD-10."""

import csv
import re

import pytest

from edp_core.people.first_occurrences import FIRST, code_of, codes, is_date

# Fields as analysis code that others have published names them ("131638: Date K58
# first reported"), from a dozen repositories and every chapter that has first
# occurrences but P and Q. One file differs by one place at I63 and two agree with us.
PUBLISHED = {
    130000: "A00", 130002: "A01", 130004: "A02", 130158: "A92", 130276: "B60",
    130700: "E05", 130706: "E10", 130708: "E11", 130710: "E12", 130792: "E66",
    130828: "E87", 130894: "F32", 131022: "G20", 131036: "G30", 131164: "H25",
    131166: "H26", 131286: "I10", 131288: "I11", 131296: "I20", 131298: "I21",
    131306: "I25", 131310: "I27", 131350: "I48", 131354: "I50", 131362: "I61",
    131366: "I63", 131368: "I64", 131380: "I70", 131492: "J44", 131494: "J45",
    131638: "K58", 131670: "K76", 131742: "L40", 131848: "M05", 131894: "M32",
    131900: "M35", 132032: "N18", 132092: "N50", 132122: "N80", 132132: "N85",
    132180: "O10", 132186: "O13", 132188: "O14", 130622: "D50", 130624: "D51",
    132036: "N20",
}  # fmt: skip


@pytest.mark.parametrize("field", PUBLISHED)
def test_fields_that_others_have_published(field):
    assert code_of(field) == PUBLISHED[field] == code_of(field + 1)
    assert is_date(field) and not is_date(field + 1)


def test_the_list_is_whole():
    found = codes()
    assert len(found) == 1303
    assert (found[0], found[-1]) == ("A00", "Q99")
    assert list(found) == sorted(set(found))
    assert all(re.fullmatch(r"[A-Q][0-9]{2}", code) for code in found)
    # those that a general ICD-10 lacks: without one, all after it would be shifted
    assert {"A90", "A91", "B59", "C42", "I84"} <= set(found)


@pytest.mark.parametrize("field", [0, 31, 41270, FIRST - 1, 132606, 140000])
def test_other_fields_are_none(field):
    assert code_of(field) is None


@pytest.mark.data
def test_the_list_is_that_of_coding_19(data_dir):
    path = data_dir / "reference" / "ukb_coding19_icd10.tsv"
    with path.open(newline="", encoding="utf-8") as file:
        listed = {row["coding"] for row in csv.DictReader(file, delimiter="\t")}
    three = {code for code in listed if re.fullmatch(r"[A-Q][0-9]{2}", code)}
    assert sorted(three) == list(codes())
