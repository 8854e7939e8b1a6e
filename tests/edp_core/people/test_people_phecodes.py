"""Phecodes: the map, roll-up, exclusion ranges and sex, against python's sets."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.people.assemble import NO_SEX, build_phenome
from edp_core.people.phecodes import (
    MAP,
    chapter_of,
    map_path,
    parse_range,
    read_phecodes,
    rolled_up,
)

REAL = (
    Path(__file__).resolve().parents[3]
    / "../shared/data/reference/phecode_map_v1_2_icd10_beta.csv"
)
HEADER = "ICD10,PheCode,Phenotype,Excl. Phecodes,sex,category_string\n"
ROWS = """\
K74,571,Chronic liver disease,570-573.99,Both,digestive
K74.6,571.51,Cirrhosis,570-573.99,Both,digestive
K76.0,571.5,Other liver disease,570-573.99,Both,digestive
K75,573,Hepatitis,570-573.99,,digestive
K75,070,Viral hepatitis,070-079.99,,
C61,185,Prostate cancer,"185-187.99, 600-602.99",Male,neoplasms
N40,600,Hyperplasia of prostate,600-602.99,Male,genitourinary
C56,184.11,Ovarian cancer,,Female,neoplasms
I10,401,Hypertension,,Both,circulatory system
E14,,,,,
"""


def written(tmp_path, text=HEADER + ROWS):
    path = tmp_path / "map.csv"
    path.write_text(text)
    return path


def diagnoses(*rows):
    return pd.DataFrame(list(rows), columns=["eid", "icd10"]).astype("string")


def notes(table):
    return dict(zip(table["reason"], table["count"], strict=True))


# ---- the map ---------------------------------------------------------------------
def test_a_code_takes_the_longest_listed_prefix_and_rolls_up(tmp_path):
    known = read_phecodes(written(tmp_path))
    assert known.of("K746") == ("571", "571.5", "571.51")
    assert known.of("K7469") == ("571", "571.5", "571.51")
    assert known.of("K743") == ("571",), "K74 is the longest listed one"
    assert known.of("K751") == ("070", "573"), "one code may be two phecodes"
    assert known.of("E149") == () == known.of("E14"), "listed without a phecode"
    assert known.of("Z00") == ()
    assert rolled_up("571.51") == ["571.51", "571.5", "571"]


def test_what_only_roll_up_brings_is_described_by_those_below(tmp_path):
    known = read_phecodes(written(tmp_path))
    above = known.phecodes["184.1"]
    assert above.sex == "F" and above.chapter == "neoplasms"
    assert above.name == "Ovarian cancer (184.1)"
    assert known.phecodes["070"].chapter == "infectious diseases", "by its number"
    assert [chapter_of(c) for c in ("008", "571.5", "999.1", "1010")] == [
        "infectious diseases", "digestive", "injuries & poisonings", "other",
    ]  # fmt: skip


def test_other_names_of_columns_and_lost_zeros(tmp_path):
    text = "icd10,phewas_code,phewas_string,exclude_range,sex,category_string\n"
    path = written(tmp_path, text + "A00.1,8.50,Cholera,001-009.99,,\n")
    known = read_phecodes(path)
    assert known.of("A001") == ("008", "008.5")
    assert known.phecodes["008.5"].excluded == ((1, 9.99),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ICD10,PheCode\nK74,571\n", "no column 'phenotype'"),
        (HEADER + "K74,571a,x,,,\n", "1 rows whose phecode, exclusion range or sex"),
        (HEADER + "K74,571,x,9-1,,\nK75,572,y,,boy,\n", "2 rows whose phecode"),
        (
            HEADER + "K74,571,x,,Both,d\nK75,571,y,,Both,d\n",
            "1 rows that say otherwise",
        ),
        (HEADER + "E14,,,,,\n", "0 phecodes"),
        (HEADER, "0 phecodes in 0 rows"),
        (HEADER + ",571,x,,,\n", "1 rows without an ICD-10 code"),
    ],
)
def test_a_file_that_is_no_map(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        read_phecodes(written(tmp_path, text))


def test_ranges():
    assert parse_range("185-187.99, 796-796.99") == ((185, 187.99), (796, 796.99))
    assert parse_range("250.70-250.79,360-365.99")[0] == (250.7, 250.79)
    assert parse_range("") == ()


def test_the_map_of_an_installed_package_is_taken_without_importing_it(
    tmp_path, monkeypatch
):
    with pytest.raises(InputError, match="not installed") as caught:
        map_path("pyPheWAS", tmp_path)
    assert "pip install" in caught.value.hint
    info = tmp_path / "pyPheWAS-4.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pyPheWAS\n")
    file = tmp_path / MAP
    file.parent.mkdir(parents=True)
    file.write_text(HEADER + ROWS)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert read_phecodes(map_path("pyPheWAS", tmp_path)).of("K760") == ("571", "571.5")
    assert "pyPheWAS" not in sys.modules
    assert map_path("a.csv", tmp_path) == (tmp_path / "a.csv").resolve()


# ---- who has one, who is left out of the controls -------------------------------
def test_sex_and_exclusion_by_hand(tmp_path):
    known = read_phecodes(written(tmp_path))
    eids = np.array(list("12345678"))
    sex = np.array(["M", "M", "F", "M", "F", pd.NA, "M", "F"], object)
    phenome, left = build_phenome(
        diagnoses(
            ("1", "C61"), ("2", "N40"), ("3", "C61"), ("4", "I10"), ("5", "C56"),
            ("6", "C61"), ("7", "E14"), ("9", "C61"),
        ),
        eids, phecodes=known, sex=sex,
    )  # fmt: skip
    at = phenome.traits.set_index("code")
    assert at.loc["185", ["vocabulary", "sex"]].tolist() == ["phecode", "M"]
    assert at.loc["C61", "vocabulary"] == "icd10-3" and at.loc["C61", "exclusion"] == -1
    assert phenome.cases("185").nonzero()[0].tolist() == [0]
    assert phenome.cases("C61").nonzero()[0].tolist() == [0, 2, 5], "the code stays"
    # 2 has 600; 3, 5, 8 are women; 6 is of unknown sex
    assert phenome.eligible("185").nonzero()[0].tolist() == [0, 3, 6]
    assert phenome.eligible("600").nonzero()[0].tolist() == [0, 1, 3, 6]
    assert phenome.eligible("401").all() and phenome.eligible("C61").all()
    assert phenome.eligible("184.11").nonzero()[0].tolist() == [2, 4, 7]
    assert notes(left)[NO_SEX] == 2
    assert notes(left)["codes without a phecode"] == 1


def test_without_any_sex_a_phecode_of_one_sex_is_refused(tmp_path):
    known = read_phecodes(written(tmp_path))
    eids = np.array(["1", "2"])
    with pytest.raises(InputError, match="1 of the phecodes are of one sex only"):
        build_phenome(diagnoses(("1", "C61")), eids, phecodes=known)
    phenome, _ = build_phenome(diagnoses(("1", "I10")), eids, phecodes=known)
    assert phenome.traits["code"].tolist() == ["401", "I10"]


CODES = ["K74", "K746", "K7461", "K760", "K75", "C61", "N40", "C56", "I10", "E14", "Z9"]
PLAIN = {
    "K74": {"571"}, "K746": {"571.51"}, "K7461": {"571.51"}, "K760": {"571.5"},
    "K75": {"573", "070"}, "C61": {"185"}, "N40": {"600"}, "C56": {"184.11"},
    "I10": {"401"},
}  # fmt: skip
RANGES = {
    "571": [(570, 573.99)], "571.5": [(570, 573.99)], "571.51": [(570, 573.99)],
    "573": [(570, 573.99)], "070": [(70, 79.99)], "600": [(600, 602.99)],
    "185": [(185, 187.99), (600, 602.99)],
}  # fmt: skip
SEX = {"185": "M", "600": "M", "184": "F", "184.1": "F", "184.11": "F"}


def up(code):
    whole, _, digits = code.partition(".")
    return {whole, *(f"{whole}.{digits[:n]}" for n in range(1, len(digits) + 1))}


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sets(st.sampled_from(CODES), max_size=4), st.sampled_from(["F", "M", ""])
        ),
        min_size=1,
        max_size=14,
    )
)
def test_a_phenome_equals_the_plain_definition(tmp_path_factory, people):
    path = tmp_path_factory.mktemp("map")
    known = read_phecodes(written(path))
    eids = np.array([f"{i:03d}" for i in range(len(people))])
    sex = np.array([letter for _, letter in people] + ["F", "M"], object)
    eids = np.append(eids, ["900", "901"])  # somebody's sex is known
    rows = [(e, c) for e, (held, _) in zip(eids, people, strict=False) for c in held]
    phenome, _ = build_phenome(diagnoses(*rows), eids, phecodes=known, sex=sex)
    has = [
        set().union(*(up(p) for c in held for p in PLAIN.get(c, ())))
        for held, _ in people
    ] + [set(), set()]
    expected = {}
    for one in set().union(*has):
        wanted = SEX.get(one, "")
        right = {i for i in range(len(eids)) if not wanted or sex[i] == wanted}
        cases = {i for i in right if one in has[i]}
        out = {
            i
            for i, held in enumerate(has)
            if any(a <= float(p) <= b for p in held for a, b in RANGES.get(one, ()))
        }
        if cases:
            expected[one] = cases, (right - out) | cases
    traits = phenome.traits
    found = traits.loc[traits["vocabulary"] == "phecode", "code"].tolist()
    assert found == sorted(expected)
    for one, (cases, counts) in expected.items():
        assert set(phenome.cases(one).nonzero()[0]) == cases
        assert set(phenome.eligible(one).nonzero()[0]) == counts
    # the same through the shared sets, for any choice of traits in any order
    codes = traits["code"].tolist()[::-1]
    eligibility = phenome.eligibility(codes)
    cases = phenome.matrix(codes).toarray()
    assert np.array_equal(cases, phenome.dense(codes))
    for k, code in enumerate(codes):
        assert np.array_equal(cases[:, k], phenome.cases(code))
        mask = eligibility.mask(k, cases[:, k])
        assert np.array_equal(mask, phenome.eligible(code))
    used = eligibility.of[eligibility.of >= 0]
    assert eligibility.excluded.shape == (len(eids), len(set(used)))
    # what is part of what holds in the data, but for cases of the wrong sex
    for part, whole in phenome.within:
        if not SEX.get(traits["code"].iat[whole]):
            inside = phenome.cases(traits["code"].iat[part])
            assert not (inside & ~phenome.cases(traits["code"].iat[whole])).any()


def test_what_is_part_of_what(tmp_path):
    known = read_phecodes(written(tmp_path))
    phenome, _ = build_phenome(
        diagnoses(("1", "K760"), ("2", "K746"), ("3", "I10")),
        np.array(["1", "2", "3"]),
        phecodes=known,
    )
    codes = phenome.traits["code"]
    pairs = {(codes[a], codes[b]) for a, b in phenome.within}
    assert pairs == {
        ("K760", "K76"), ("K746", "K74"), ("I10", "401"), ("571.51", "571.5"),
        ("571.5", "571"), ("571.51", "571"), ("K746", "571.51"), ("K74", "571.51"),
        ("K746", "571.5"), ("K74", "571.5"), ("K746", "571"), ("K74", "571"),
        ("K760", "571.5"), ("K76", "571.5"), ("K760", "571"), ("K76", "571"),
    }  # fmt: skip


# ---- the real map ----------------------------------------------------------------
@pytest.mark.data
@pytest.mark.skipif(not REAL.is_file(), reason="no data folder beside the project")
def test_the_real_map():
    table = pd.read_csv(REAL, dtype=str)
    known = read_phecodes(REAL)
    listed = table.dropna(subset=["PheCode"])
    assert len(table) == 9505
    # 1,570 phecodes and, for 139 rows, none: the 1,571 values of the column
    assert table["PheCode"].nunique(dropna=False) == 1571
    assert set(listed["PheCode"]) <= set(known.phecodes)
    above = {up_ for code in listed["PheCode"] for up_ in up(code)}
    assert set(known.phecodes) == above
    for code, rows in table.groupby(table["ICD10"].str.replace(".", "")):
        expected = set().union(*(up(p) for p in rows["PheCode"].dropna()), set())
        assert set(known.of(code)) == expected
    assert known.of("K760") == ("571", "571.5")
    assert known.phecodes["571.5"].name == "Other chronic nonalcoholic liver disease"
    assert known.phecodes["585.3"].excluded == ((580, 590.99),)
    assert known.phecodes["185"].sex == "M"
    # every phecode lies in its own range, so its cases are in its exclusion set
    for code, about in known.phecodes.items():
        inside = [a <= float(code) <= b for a, b in about.excluded]
        assert any(inside) or not inside or code not in set(listed["PheCode"])
