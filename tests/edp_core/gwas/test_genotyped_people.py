"""Genotype ids meet the study's, or the error tells of what form they are."""

import numpy as np
import pandas as pd
import pytest

from edp_core.errors import AlignmentError, InputError
from edp_core.gwas.covariates import design
from edp_core.gwas.people import form_of, match, read_mapping
from edp_core.people.samples import parse_samples

EIDS = np.array([str(1000000 + 7 * i) for i in range(40)])


def samples(iids, fids=None):
    fids = iids if fids is None else fids
    rows = [f"{f} {i} 0 0 0 -9" for f, i in zip(fids, iids, strict=True)]
    return parse_samples("\n".join(rows))


def test_people_are_found_in_the_order_of_the_study():
    listed = [*EIDS[::-1][:30], "9", "8", "-1"]
    found = match(samples(listed), EIDS, threshold=5)
    assert found.eids.tolist() == sorted(listed[:30])
    assert [listed[row] for row in found.rows] == found.eids.tolist()
    assert found.notes == {"genotyped person who is not in the cohort": 3}


def test_the_other_id_is_suggested_and_taken():
    families = samples([f"NA{i}" for i in range(40)], EIDS)
    with pytest.raises(AlignmentError) as caught:
        match(families, EIDS, threshold=5)
    assert 'ids = "fid"' in caught.value.hint
    assert "letters+2 digits (30)" in caught.value.message
    assert "the study's are 7 digits (40)" in caught.value.message
    assert len(match(families, EIDS, ids="fid", threshold=5).rows) == 40


@pytest.mark.parametrize(
    ("make", "form", "hint"),
    [
        (lambda e: f"{e}_{e}", "7 digits_7 digits (40)", "before the first _ or -"),
        (lambda e: f"00{e}", "9 digits (40)", "leading zeros"),
        (lambda e: f"S{int(e) % 999:03}", "letters+3 digits (40)", "bridge"),
    ],
)
def test_ids_that_do_not_meet_are_told_by_form_and_never_shown(make, form, hint):
    listed = [make(eid) for eid in EIDS]
    with pytest.raises(AlignmentError) as caught:
        match(samples(listed), EIDS, threshold=5)
    said = str(caught.value)
    assert "None of 40 genotyped people is one of 40 participants" in said
    assert form in said
    assert hint in said
    assert "mapping" in caught.value.hint
    assert not any(name in said for name in [*listed, *EIDS])


def test_few_ids_of_a_form_are_not_counted():
    listed = [*(f"x{i}" for i in range(10, 47)), "q-1", "q-2", "a.b", "c.d.e"]
    with pytest.raises(AlignmentError) as caught:
        match(samples(listed), EIDS, threshold=5)
    assert "(37), letters-1 digits (<5)" in caught.value.message
    assert "(2)" not in caught.value.message


def test_people_with_several_rows_are_refused():
    listed = [*EIDS, *EIDS[:9]]
    fids = [str(i) for i in range(len(listed))]
    with pytest.raises(AlignmentError, match="9 participants have several rows"):
        match(samples(listed, fids), EIDS, threshold=5)
    with pytest.raises(AlignmentError, match="<5 participants have several rows"):
        match(samples(listed[:42], fids[:42]), EIDS, threshold=5)
    strangers = samples([*EIDS, "5", "5"], fids[:42])
    assert len(match(strangers, EIDS, threshold=5).rows) == 40


def test_a_mapping_is_read_with_or_without_header(tmp_path):
    listed = [f"g{i}" for i in range(42)]
    rows = [f"{g},{e}" for g, e in zip(listed[:38], EIDS, strict=False)]
    for text in (["genotype,eid", *rows], rows, [r.replace(",", "\t") for r in rows]):
        (tmp_path / "m.csv").write_text("\n".join(text))
        mapping = read_mapping(tmp_path / "m.csv", listed)
        found = match(samples(listed), EIDS, mapping=mapping, threshold=5)
        assert found.eids.tolist() == EIDS[:38].tolist()
        assert found.notes == {"genotyped person whom the mapping does not name": 4}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\ng1\n", "Line 2 of the mapping"),
        ("a,b\ng1,1\ng1,2\n", "Line 3 of the mapping m.csv contradicts"),
        ("a,b\ng1,1\ng2,1\n", "one eid to several"),
    ],
)
def test_a_wrong_mapping_is_named(tmp_path, text, said):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_mapping(tmp_path / "m.csv", ["g1", "g2"])


def test_a_swapped_mapping_is_told():
    mapping = {eid: f"g{i}" for i, eid in enumerate(EIDS)}
    with pytest.raises(AlignmentError) as caught:
        match(samples([f"g{i}" for i in range(40)]), EIDS, mapping=mapping, threshold=5)
    assert "first column of `mapping` must be the genotype id" in caught.value.hint


def test_forms():
    assert form_of("12-x") == "2 digits-letters"
    assert form_of("abc12def") == "letters+2 digits+letters"
    assert form_of("") == "empty"


# ---- covariates ------------------------------------------------------------------
@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "eid": [str(i) for i in range(60)],
            "age_years": rng.uniform(40, 70, 60),
            "sex": pd.array(rng.choice(["F", "M"], 60), "string"),
            "centre": pd.array(rng.choice(["x", "y", "z"], 60, p=[0.2, 0.5, 0.3])),
            "bmi": rng.normal(27, 4, 60),
            "pc1": rng.normal(size=60),
            "liver_ml": rng.normal(1500, 200, 60),
        }
    )


def test_the_preset_becomes_centred_columns(people):
    people.loc[[3, 9], "bmi"] = np.nan
    people.loc[9, "centre"] = pd.NA
    found = design(people, None)
    assert list(found.columns) == ["age", "age2", "sex", "bmi", "centre", "pc1"]
    assert found.matrix.shape == (58, 7)
    assert len(found.rows) == 58
    assert found.lacking[[3, 9]].tolist() == ["bmi", "bmi"]
    np.testing.assert_allclose(found.matrix.mean(axis=0), 0, atol=1e-9)
    age = people["age_years"].to_numpy()[found.rows]
    square = (age - age.mean()) ** 2
    np.testing.assert_allclose(
        found.matrix[:, found.columns["age2"]][:, 0], square - square.mean()
    )
    # the most frequent level has no column
    kept = people.iloc[found.rows]
    dummies = pd.get_dummies(kept["centre"]).drop(columns="y").to_numpy(float)
    np.testing.assert_allclose(
        found.matrix[:, found.columns["centre"]], dummies - dummies.mean(axis=0)
    )
    assert not found.notes


def test_any_column_may_be_named(people):
    found = design(people, ["liver_ml", "sex"])
    assert {n: (s.start, s.stop) for n, s in found.columns.items()} == {
        "liver_ml": (0, 1),
        "sex": (1, 2),
    }


def test_constant_and_collinear_covariates_are_noted(people):
    people["sex"] = "F"
    people["double"] = 2 * people["bmi"] - 3
    found = design(people, ["sex", "bmi", "double"])
    assert list(found.columns) == ["bmi", "double"]
    assert found.notes == {
        "covariate sex: the same for everybody, left out": 1,
        "column of covariates that follows from others": 1,
    }


def test_covariates_that_cannot_be_made_are_refused(people):
    with pytest.raises(InputError, match="no covariate weight") as caught:
        design(people, ["age", "weight"])
    assert "liver_ml" in caught.value.hint
    with pytest.raises(InputError, match="no covariate eid"):
        design(people, ["eid"])
    people["bmi"] = np.nan
    with pytest.raises(InputError, match=r"Nobody .* has the covariate 'bmi'"):
        design(people, ["bmi"])
    assert "covariate bmi: nobody has it, left out" in design(people, None).notes
    people.loc[:30, "pc1"] = people.loc[31:, "age_years"] = np.nan
    with pytest.raises(InputError, match=r"None of 60 people .* has all covariates"):
        design(people, ["pc1", "age"])
    people["ward"] = [f"w{i}" for i in range(60)]
    with pytest.raises(InputError, match="has 60 levels"):
        design(people, ["ward"])


def test_no_covariates_at_all(people):
    found = design(people, [])
    assert found.matrix.shape == (60, 0)
    assert not found.columns
