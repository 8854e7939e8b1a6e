"""Diagnoses become participants × codes; what is no code is counted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.partition import same_people_as_longer
from edp_core.people.assemble import build_phenome
from edp_core.people.vocabularies import CODE, UNKNOWN, name_of, read_names

EIDS = np.array(["1", "2", "3", "4"])


def diagnoses(*rows):
    return pd.DataFrame(list(rows), columns=["eid", "icd10"]).astype("string")


def notes(table):
    return dict(zip(table["reason"], table["count"], strict=True))


def test_codes_count_for_their_prefixes():
    phenome, left = build_phenome(
        diagnoses(("1", "M2556"), ("2", "M25.5"), ("2", "m255"), ("4", " K76.0 ")), EIDS
    )
    assert phenome.traits["code"].tolist() == ["K76", "K760", "M25", "M255", "M2556"]
    assert phenome.traits["n_cases"].tolist() == [1, 1, 2, 2, 1]
    assert phenome.cases("M25").tolist() == [True, True, False, False]
    assert phenome.cases("M2556").tolist() == [True, False, False, False]
    dense = phenome.dense(["K76", "M255"])
    assert dense.shape == (4, 2) and dense.sum(axis=0).tolist() == [1, 2]
    assert phenome.dense([]).shape == (4, 0)
    assert not len(left)


def test_rows_left_out_are_counted_by_reason():
    phenome, left = build_phenome(
        diagnoses(
            ("1.0", "K760"), ("2", "UNKNOWN"), ("2", None), ("9", "K760"),
            ("", "K760"), (None, "K760"), ("3", "K7"), ("3", "Z998X"), ("4", "K999"),
        ),
        EIDS,
    )  # fmt: skip
    assert notes(left) == {
        "diagnosis row: eid written as a decimal number": 1,
        "diagnosis row: no ICD-10 code": 3,
        "diagnosis row: participant is not in the cohort": 3,
        "codes that ICD-10 does not list, kept without a name": 1,
    }
    assert phenome.cases("K760").tolist() == [True, False, False, False]
    assert "K999" in phenome.traits["code"].tolist()


@pytest.mark.parametrize("rows", [(), (("9", "K760"),), (("1", "nothing"),)])
def test_no_diagnoses_at_all(rows):
    phenome, _ = build_phenome(diagnoses(*rows), EIDS)
    assert len(phenome.traits) == 0 and phenome.starts.tolist() == [0]
    with pytest.raises(InputError, match="Nobody in this study has the code 'K760'"):
        phenome.cases("K760")


@pytest.mark.parametrize("code", ["", "A00", "K7", "K761", "Z99"])
def test_a_code_nobody_has(code):
    phenome, _ = build_phenome(diagnoses(("1", "K760")), EIDS)
    with pytest.raises(InputError, match="Nobody in this study has the code") as caught:
        phenome.cases(code)
    assert "Diseases" in caught.value.hint


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "4", "9"]),
        st.sampled_from(["K76", "K760", "K7601", "M2556", "I10", "bad"]),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_a_phenome_equals_the_plain_definition(rows, random):
    phenome, _ = build_phenome(diagnoses(*rows), EIDS)
    codes = {code for eid, code in rows if eid != "9" and code != "bad"}
    expected = sorted({c[:n] for c in codes for n in range(3, len(c) + 1)})
    assert phenome.traits["code"].tolist() == expected
    for i, code in enumerate(expected):
        who = {eid for eid, full in rows if full.startswith(code)} & set(EIDS)
        assert set(EIDS[phenome.cases(code)]) == who
        assert phenome.traits["n_cases"].iat[i] == len(who)
    shuffled = random.sample(rows, len(rows))
    again, _ = build_phenome(diagnoses(*shuffled), EIDS)
    pd.testing.assert_frame_equal(phenome.traits, again.traits)
    np.testing.assert_array_equal(phenome.rows, again.rows)


def test_names_of_codes():
    assert name_of("K760")[0].startswith("Fatty (change of) liver")
    assert name_of("K760")[1].startswith("XI ")
    assert name_of("M2556")[0].endswith(" …")
    assert name_of("I10X")[0] == name_of("I10")[0] + " …"
    assert name_of("K999") == (UNKNOWN, "Not listed")


def test_a_wider_code_of_the_same_people_is_found():
    codes = ["M25", "M2556", "K76", "K760"]
    found = same_people_as_longer(codes, np.array([30, 30, 40, 38]))
    assert found.tolist() == [True, False, False, False]


# ---- coding 19 -------------------------------------------------------------------
CODING = (
    "coding\tmeaning\tnode_id\tparent_id\tselectable\n"
    "Chapter XIII\tChapter XIII Of bones\t13\t0\tN\n"
    "Block M00\tM00-M25 Joints\t20\t13\tN\n"
    "M25\tM25 Joints otherwise\t21\t20\tN\n"
    "M2556\tM25.56 Pain in joint (Lower leg)\t22\t21\tY\n"
    "U999\tOf UK Biobank alone\t30\t31\tY\n"
)


def test_names_of_the_study_go_before_those_of_the_book(tmp_path):
    path = tmp_path / "coding19.tsv"
    path.write_text(CODING)
    names = read_names(path)
    assert name_of("M2556", names) == ("Pain in joint (Lower leg)", "XIII Of bones")
    assert name_of("M25", names) == ("Joints otherwise", "XIII Of bones")
    assert name_of("M255", names)[0] == name_of("M255")[0], "the longest listed"
    assert name_of("U9991", names)[0] == "Of UK Biobank alone …"
    assert name_of("K760", names) == name_of("K760")
    assert name_of("K999", names) == (UNKNOWN, "Not listed")
    path.write_text("coding\tmeaning\nU999\tOf UK Biobank alone\nK760\tK76.0 Fat\n")
    names = read_names(path)
    assert name_of("U999", names) == ("Of UK Biobank alone", "Not listed")
    assert name_of("K760", names) == ("Fat", name_of("K760")[1]), "without a tree"


def test_a_list_of_names_with_a_circle_ends(tmp_path):
    path = tmp_path / "coding19.tsv"
    path.write_text(
        "coding\tmeaning\tnode_id\tparent_id\nA00\tA00 x\t1\t2\nA01\ty\t2\t1\n"
    )
    assert set(read_names(path)) == {"A00", "A01"}


REAL = Path(__file__).resolve().parents[3] / "../shared/data/reference"


@pytest.mark.data
@pytest.mark.skipif(not REAL.is_dir(), reason="no data folder beside the project")
def test_the_real_coding_19_names_every_code_it_lists():
    names = read_names(REAL / "ukb_coding19_icd10.tsv")
    table = pd.read_csv(REAL / "ukb_coding19_icd10.tsv", sep="\t", dtype=str)
    codes = table["coding"][table["coding"].str.fullmatch(CODE)]
    assert set(codes) == set(names) and len(codes) > 10_000
    chapters = set(
        table["meaning"][table["parent_id"] == "0"].str.removeprefix("Chapter ")
    )
    assert {chapter for _, chapter in names.values()} == chapters
    assert name_of("M2556", names)[0] == "Pain in joint (Lower leg)"
    alone = [code for code in codes if name_of(code)[0] in (UNKNOWN,)]
    assert all(name_of(code, names)[0] != UNKNOWN for code in alone)
    # the two lists call chapters alike
    assert name_of("K760", names)[1] == name_of("K760")[1]
