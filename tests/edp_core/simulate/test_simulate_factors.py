"""The simulated people have the numbers the docstrings promise."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from edp_core.errors import InputError
from edp_core.simulate.diseases import (
    DISEASES,
    LAST_DATE,
    SENTINELS,
    simulate_diagnoses,
    simulate_disease,
)
from edp_core.simulate.factors import BODY, CENTRES, Factors, simulate_factors

N = 8000
NULL_CODES = ["J459", "M545", "M2556"]
FACTORS = [
    "liver_ml", "fat_percent", "fibrosis", "lesions",
    "kidney_left_ml", "scarring", "cysts_left", "cysts_right",
]  # fmt: skip


@pytest.fixture(scope="module")
def people() -> Factors:
    return simulate_factors(N, seed=3)


@pytest.fixture(scope="module")
def truth(people: Factors) -> pd.DataFrame:
    return simulate_disease(people, seed=3)


@pytest.fixture(scope="module")
def coded(people: Factors) -> pd.DataFrame:
    """One bool column for each code, rows as in the participants table."""
    long = simulate_diagnoses(people, seed=3)
    wide = pd.crosstab(long["eid"], long["icd10"]).astype(bool)
    return wide.reindex(people.participants["eid"], fill_value=False)


def test_the_table_looks_like_a_biobank(people):
    table = people.participants
    assert table["eid"].is_unique and table["eid"].str.fullmatch(r"\d{7}").all()
    assert not table["eid"].is_monotonic_increasing
    assert not table.isna().any().any()
    assert set(table["sex"]) == {"F", "M"}
    assert (table["sex"] == "F").mean() == pytest.approx(0.52, abs=0.02)
    assert table["age_years"].between(45, 82).all()
    assert table["age_years"].mean() == pytest.approx(64, abs=0.5)
    assert table["bmi"].median() == pytest.approx(26.3, abs=0.3)
    shares = table["centre"].value_counts(normalize=True)
    assert shares.to_dict() == pytest.approx(CENTRES, abs=0.02)
    assert (table["array"] == "BiLEVE").mean() == pytest.approx(0.10, abs=0.015)


def test_genetic_pcs_are_standard_with_some_people_apart(people):
    pcs = people.participants[[f"pc{i}" for i in range(1, 11)]]
    assert np.allclose(pcs.mean(), 0, atol=0.05)
    assert np.allclose(pcs.std(), 1, atol=0.05)
    assert stats.kurtosis(pcs["pc1"]) > 0.2 > abs(stats.kurtosis(pcs["pc3"]))


def test_latent_factors_are_distributed_as_documented(people):
    latent = people.latent
    assert latent["eid"].equals(people.participants["eid"])
    assert latent["fat_percent"].median() == pytest.approx(3.7, abs=0.15)
    assert 0.20 < (latent["fat_percent"] > 5.5).mean() < 0.25
    logs = np.log(latent["fat_percent"])
    assert stats.kstest(logs, "norm", (logs.mean(), logs.std())).pvalue > 0.01
    assert latent["liver_ml"].median() == pytest.approx(1400, abs=30)
    assert latent["liver_ml"].between(650, 2900).all()
    assert latent["fibrosis"].between(0, 4).all() and latent["fibrosis"].median() < 0.5
    assert 0.05 < (latent["fibrosis"] > 2).mean() < 0.13
    assert 0.05 < (latent["lesions"] >= 4).mean() < 0.10
    assert (latent["lesions"] == 0).mean() > 0.75
    for side in ("left", "right"):
        volume = latent[f"kidney_{side}_ml"]
        assert volume.median() == pytest.approx(145, abs=5)
        assert volume.between(50, 350).all()
    assert latent["scarring"].between(0, 1).all()
    assert latent["scarring"].median() == pytest.approx(0.055, abs=0.01)
    assert 0.05 < (latent["scarring"] > 0.4).mean() < 0.13
    cysts = latent["cysts_left"] + latent["cysts_right"]
    assert 0.7 < (cysts == 0).mean() < 0.85 and 0.1 < (cysts >= 2).mean() < 0.16


def test_body_shapes_the_factors_by_the_stated_effects(people):
    """An independent least-squares fit finds the coefficients of BODY again."""
    latent = people.latent
    for factor, effects in BODY.items():
        causes = latent[[f"{cause}_z" for cause in effects]].to_numpy()
        design = np.column_stack([np.ones(N), causes])
        fit = np.linalg.lstsq(design, latent[f"{factor}_z"], rcond=None)[0]
        assert fit[1:] == pytest.approx(list(effects.values()), abs=0.04)
        assert latent[f"{factor}_z"].std() == pytest.approx(1, abs=0.05)


def test_volume_grows_with_the_body_and_shrinks_with_scars(people):
    volume = people.latent["liver_ml"]
    assert stats.pearsonr(volume, people.participants["weight_kg"])[0] > 0.5
    scarred = people.latent["fibrosis"] > 3
    assert volume[scarred].mean() < 0.9 * volume[~scarred].mean()


def test_kidneys_are_a_pair_and_shrink_with_scars_and_age(people):
    latent = people.latent
    left, right = latent["kidney_left_ml"], latent["kidney_right_ml"]
    assert 0.7 < stats.pearsonr(left, right)[0] < 0.97
    scarred = latent["scarring"] > 0.6
    assert left[scarred].mean() < 0.8 * left[~scarred].mean()
    assert stats.pearsonr(left, people.participants["weight_kg"])[0] > 0.4
    assert stats.pearsonr(left, people.participants["age_years"])[0] < -0.1
    cysts = latent["cysts_left"] + latent["cysts_right"]
    old = people.participants["age_years"] > 70
    assert cysts[old].mean() > 1.5 * cysts[~old].mean()


def test_filters_of_a_biobank_have_their_shares(people):
    table = people.participants
    assert ((table["batch"] < 0) == (table["array"] == "BiLEVE")).all()
    assert table["batch"].abs().between(1, 95).all()
    assert table["caucasian"].mean() == pytest.approx(0.92, abs=0.015)
    assert table["pc1"][~table["caucasian"]].mean() > 1
    assert (table["relatedness"] == 1).mean() == pytest.approx(0.30, abs=0.02)
    assert table["aneuploidy"].mean() < 0.004
    assert table["imaging_date"].between("2015-05-01", "2022-12-31").all()


def test_dates_of_diagnoses_lie_about_the_imaging(people):
    long = simulate_diagnoses(people, seed=3)
    unknown = long["date"].isin(SENTINELS)
    assert unknown.mean() == pytest.approx(0.01, abs=0.005)
    known = long[~unknown].merge(people.participants[["eid", "imaging_date"]])
    assert known["date"].between("1990-01-01", str(LAST_DATE)).all()
    before = (known["date"] < known["imaging_date"]).mean()
    assert before == pytest.approx(0.8, abs=0.02)


def test_the_seed_decides_everything():
    first, again, other = (simulate_factors(200, seed=s) for s in (5, 5, 6))
    pd.testing.assert_frame_equal(first.participants, again.participants)
    pd.testing.assert_frame_equal(first.latent, again.latent)
    assert not first.latent["fat_z"].equals(other.latent["fat_z"])
    pd.testing.assert_frame_equal(
        simulate_diagnoses(first, seed=5), simulate_diagnoses(again, seed=5)
    )


def test_true_prevalences_are_as_stated(truth):
    for disease in DISEASES:
        share = truth[disease.code].mean()
        assert share == pytest.approx(disease.prevalence, abs=0.01), disease.code


def test_under_diagnosis_is_as_stated(truth, coded):
    for disease in DISEASES:
        ill = truth[disease.code].to_numpy()
        flags = coded[disease.code].to_numpy()
        hit = stats.binomtest(int(flags[ill].sum()), int(ill.sum()))
        low, high = hit.proportion_ci(0.999)
        assert low <= disease.sensitivity <= high, disease.code
        assert flags[~ill].mean() == pytest.approx(disease.false_positives, abs=0.004)
    fatty = truth["K760"].to_numpy()
    assert coded["K760"][fatty].mean() < 0.4, "most true cases stand among controls"


@pytest.mark.parametrize(
    ("code", "factor"),
    [
        ("K760", "fat_percent"),
        ("K746", "fibrosis"),
        ("K746", "lesions"),
        ("K740", "fibrosis"),
        ("K768", "lesions"),
        ("C787", "lesions"),
        ("E119", "fat_percent"),
        ("N183", "scarring"),
        ("N189", "scarring"),
        ("N179", "scarring"),
        ("N281", "cysts_left"),
        ("N281", "cysts_right"),
    ],
)
def test_codes_follow_their_factor(people, coded, code, factor):
    flags = coded[code].to_numpy()
    values = people.latent[factor]
    test = stats.mannwhitneyu(values[flags], values[~flags], alternative="greater")
    assert test.pvalue < 1e-12


def test_null_codes_follow_nothing(people, coded):
    pvalues = [
        stats.mannwhitneyu(
            people.latent[factor][coded[code].to_numpy()],
            people.latent[factor][~coded[code].to_numpy()],
        ).pvalue
        for code in NULL_CODES
        for factor in FACTORS
    ]
    assert min(pvalues) > 0.05 / len(pvalues)


def test_cataract_follows_age_and_nothing_beyond_it(people, coded):
    flags = coded["H269"].to_numpy()
    age = people.latent["age_z"]
    assert stats.mannwhitneyu(age[flags], age[~flags]).pvalue < 1e-50
    design = np.column_stack([np.ones(N), age, age**2, age**3])
    for factor in ["fat_z", "fibrosis_z", "lesion_z", "scarring_z", "cyst_z"]:
        rest = [
            y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
            for y in (people.latent[factor].to_numpy(), flags.astype(float))
        ]
        assert stats.pearsonr(*rest).pvalue > 0.01


def test_cirrhosis_has_two_manifestations_of_like_size(people, truth):
    kinds = truth["manifestation"].value_counts()
    assert (truth["manifestation"].ne("") == truth["K746"]).all()
    assert kinds["nodular"] == pytest.approx(kinds["lesions"], rel=0.1)
    assert kinds["both"] < 0.2 * kinds["nodular"]
    means = people.latent.groupby(truth["manifestation"])[["fibrosis", "lesions"]]
    by_kind = means.mean()
    assert by_kind.loc["nodular", "fibrosis"] > 2 > by_kind.loc["lesions", "fibrosis"]
    assert by_kind.loc["lesions", "lesions"] > 4 > by_kind.loc["nodular", "lesions"]


def test_a_demo_of_600_has_common_codes_rare_ones_and_tiny_ones():
    people = simulate_factors(600, seed=0)
    counts = simulate_diagnoses(people, seed=0)["icd10"].value_counts()
    assert (counts >= 20).sum() >= 6
    assert ((counts >= 5) & (counts < 20)).sum() >= 4
    assert (counts < 5).sum() >= 3
    assert counts.index.str.fullmatch(r"[A-Z]\d{2}[0-9A-Z]{0,2}").all()


@pytest.mark.parametrize("n", [0, -1, 1_000_001])
def test_impossible_numbers_are_refused(n):
    with pytest.raises(InputError, match="Cannot simulate"):
        simulate_factors(n, seed=0)
