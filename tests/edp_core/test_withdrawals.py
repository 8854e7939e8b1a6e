"""Who withdrew: every list of the study, read when asked."""

import pandas as pd
import pytest

from edp_core.errors import InputError
from edp_core.people.cohort import Cohort
from edp_core.study import load_study
from edp_core.withdrawals import (
    naming,
    withdrawal_lists,
    withdrawal_notes,
    withdrawn_eids,
    without_ids,
)

STUDY = """\
name = "x"
[participants]
table = "people.csv"
[organs.liver]
images = "{eid}.npy"
[encoders.mae]
method = "mae"
"""


def write_study(folder, *lists):
    text = STUDY
    for number, name in enumerate(lists):
        text += f'[populations.p{number}]\nwithdrawals = "{name}"\n'
    if lists:
        text = f'population = "p0"\n{text}'
    (folder / "study.toml").write_text(text)
    return load_study(folder)


def test_the_lists_of_all_populations_count_and_are_read_when_asked(tmp_path):
    study = write_study(tmp_path, "a.txt", "b.csv", "a.txt")
    assert [p.name for p in withdrawal_lists(study)] == ["a.txt", "b.csv"]
    (tmp_path / "a.txt").write_text("\ufeff1000001\r\n\r\n1000002.0\r\n")
    (tmp_path / "b.csv").write_text("1000002\n1000003\n")
    assert withdrawn_eids(study) == {"1000001", "1000002", "1000003"}
    (tmp_path / "b.csv").write_text("")
    assert withdrawn_eids(study) == {"1000001", "1000002"}


def test_nobody_withdrew(tmp_path):
    assert withdrawn_eids(write_study(tmp_path)) == frozenset()


def test_a_list_that_is_missing_or_wrong_is_not_passed_over(tmp_path):
    study = write_study(tmp_path, "a.txt", "b.csv")
    (tmp_path / "a.txt").write_text("1000001")
    with pytest.raises(InputError, match=r"no file at .*b\.csv"):
        withdrawn_eids(study)
    (tmp_path / "b.csv").write_text("1000001\n1.0e6\n")
    with pytest.raises(InputError, match=r"b\.csv: 1 lines are no eid"):
        withdrawn_eids(study)


def test_who_withdrew_is_counted_and_not_named():
    left_out = pd.DataFrame({"eid": ["1", "2", ""], "reason": ["a", "b", "c"]})
    cohort = Cohort(pd.DataFrame({"eid": ["3"]}), left_out, pd.DataFrame())
    found = without_ids(cohort, {"2", "9"})
    assert list(found.exclusions["eid"]) == ["1", "", ""]
    assert list(found.exclusions["reason"]) == ["a", "b", "c"]
    assert found.participants is cohort.participants
    assert list(left_out["eid"]) == ["1", "2", ""], "the one given is as it was"


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("images/1000012_20201_2_0/fat.nii.gz", True),
        ("a/sub-01_T1.nii", True),
        ("a/sub-012_T1.nii", False),
        ("x1000012", False),
        ("10000123", False),
        ("", False),
    ],
)
def test_an_id_is_found_where_it_stands_by_itself(text, there):
    assert bool(naming(["1000012", "sub-01"]).search(text)) == there
    assert not naming([]).search(text)


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("1000001\n", []),
        ("eid\n1000001\n9999999\n", ["participants table"]),
        ("f.eid\n9999999\n", ["participants table: the lists match nobody"]),
        ("participant_id\n01000001\n", ["leading zeros, not taken out"]),
        ("", ["list of withdrawals that is empty"]),
    ],
)
def test_what_is_odd_about_a_list_is_counted(tmp_path, text, noted):
    study = write_study(tmp_path, "a.txt")
    (tmp_path / "a.txt").write_text(text)
    people = pd.DataFrame({"eid": ["1000001", "1000002"]})
    nothing = pd.DataFrame({"eid": [], "reason": []})
    found = withdrawal_notes(study, Cohort(people, nothing, nothing))
    told = [reason for reason, count in found.items() if count == 1]
    assert len(told) == len(noted)
    assert all(reason.endswith(end) for reason, end in zip(told, noted, strict=True))
