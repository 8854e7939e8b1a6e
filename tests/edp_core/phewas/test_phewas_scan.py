from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from edp_core.errors import InputError
from edp_core.inputs import Inputs
from edp_core.people.traits import Trait, assembled
from edp_core.phewas.scan import COLUMNS, covariate_choice, phewas

N = 1500
COVARIATES = ("age_years", "sex", "bmi", "centre", "imaging_date")


@pytest.fixture(scope="module")
def inputs():
    """A study of 1,500 people; traits follow the phenotype, others do not."""
    rng = np.random.default_rng(0)
    eids = np.array([f"{i:04d}" for i in range(N)])
    sex = rng.choice(["F", "M"], N)
    people = pd.DataFrame(
        {
            "eid": eids, "sex": sex, "age_years": rng.uniform(45, 80, N),
            "bmi": rng.normal(27, 4, N), "centre": rng.choice(["a", "b", "c"], N),
            "imaging_date": rng.uniform(2014, 2022, N),
            "pc1": rng.normal(size=N), "liver_ml": rng.normal(1500, 300, N),
            "drinks": rng.poisson(3, N).astype(float),
            "smoking": rng.choice(["never", "once", "daily"], N),
        }
    )  # fmt: skip
    people.loc[:19, "bmi"] = np.nan
    people.loc[100:119, "liver_ml"] = np.nan
    z = phenotype(people)
    draw = rng.random((4, N))
    women = np.flatnonzero((sex == "F") & (draw[0] < 0.2))
    ill = np.flatnonzero(draw[1] < 0.1 + 0.1 * (z > 0))
    other = np.flatnonzero((draw[2] < 0.1) & ~np.isin(np.arange(N), ill))
    aside = np.flatnonzero(sex == "M").astype(np.int32)
    traits = [
        Trait("K76", "Liver", "XI Digestive", "icd10-3", ill),
        Trait("571", "Liver", "digestive", "phecode", ill, "", other.astype(np.int32)),
        Trait("626", "Periods", "female", "phecode", women, "F", aside),
        Trait("999", "Rare", "", "phecode", ill[50:59]),
    ]
    return Inputs(
        "all", {}, people, assembled(traits, [np.zeros(0)] * 4, eids),
        categories=("sex", "centre"), measured={"liver_ml": "images/liver"},
    )  # fmt: skip


def phenotype(people):
    rng = np.random.default_rng(1)
    return 5 + 3 * rng.normal(size=len(people))


@pytest.fixture(scope="module")
def table(inputs):
    values = phenotype(inputs.participants)
    values[-10:] = np.nan
    return phewas(values, inputs, covariates=COVARIATES)


def row(table, outcome):
    (found,) = table[table["outcome"] == outcome].to_dict("records")
    return found


def by_hand(inputs, outcome, counted, *, sex=True):
    """statsmodels on the people who count, SD taken over all who enter."""
    people = inputs.participants
    values = phenotype(people)
    values[-10:] = np.nan
    enter = np.isfinite(values) & people["bmi"].notna().to_numpy()
    values = values / values[enter].std()
    use = enter & counted
    x = pd.get_dummies(
        people[[*COVARIATES]], columns=["sex", "centre"], drop_first=True, dtype=float
    )
    x = x.assign(z=values)[use].drop(columns=[] if sex else ["sex_M"])
    return sm.Logit(outcome[use].astype(float), sm.add_constant(x)).fit(
        disp=False, tol=1e-10
    )


def test_a_row_for_every_trait_and_column(table, inputs):
    assert tuple(table.columns) == COLUMNS
    assert set(inputs.phenome.traits["code"]) <= set(table["outcome"])
    assert set(inputs.participants.columns[1:]) <= set(table["outcome"])
    assert not table["outcome"].duplicated().any()
    told = table["reason"] != ""
    assert table.loc[told, "log10p"].isna().all()
    assert table.loc[~told, "log10p"].notna().all()
    assert table.loc[~told, "converged"].all()


def test_who_enters_is_told(table):
    assert table.attrs["n"] == N - 30
    assert table.attrs["n_without_covariates"] == 20
    assert table.attrs["sd"] == pytest.approx(3, rel=0.1)
    assert row(table, "K76")["n"] == N - 30


def test_a_trait_equals_statsmodels(table, inputs):
    cases = inputs.phenome.cases("K76")
    fit, found = by_hand(inputs, cases, np.ones(N, bool)), row(table, "K76")
    assert found["beta"] == pytest.approx(fit.params["z"], rel=1e-6)
    assert found["se"] == pytest.approx(fit.bse["z"], rel=1e-6)
    interval = fit.conf_int().loc["z"]
    assert [found["low"], found["high"]] == pytest.approx(list(interval), rel=1e-5)
    assert found["log10p"] == pytest.approx(-np.log10(fit.pvalues["z"]), rel=1e-5)
    assert found["or_"] == pytest.approx(np.exp(found["beta"]))
    assert found["n_cases"] + found["n_controls"] == found["n"]


def test_exclusion_ranges_and_sex_hold(table, inputs):
    for code, sex in (("571", True), ("626", False)):
        counted = inputs.phenome.eligible(code)
        fit = by_hand(inputs, inputs.phenome.cases(code), counted, sex=sex)
        found = row(table, code)
        assert found["beta"] == pytest.approx(fit.params["z"], rel=1e-6)
        assert found["n"] == fit.nobs < N - 30
        assert found["n_cases"] == fit.model.endog.sum()


def test_few_cases_are_no_test_and_say_so(table, inputs):
    found = row(table, "999")
    assert found["reason"] == "fewer than 10 cases"
    assert (found["group"], found["tested"]) == ("phecode", False)
    values = phenotype(inputs.participants)
    few = phewas(values, inputs, covariates=COVARIATES, min_cases=5, fields=False)
    assert row(few, "999")["reason"] == ""


def test_fields_have_their_models(table):
    kinds = table.set_index("outcome")["kind"]
    assert kinds["pc1"] == kinds["liver_ml"] == "linear"
    assert kinds["drinks"] == "ordered"
    assert kinds["smoking"] == "multinomial"
    groups = table.set_index("outcome")["group"]
    assert (groups["pc1"], groups["liver_ml"]) == ("genetics", "imaging")
    assert row(table, "liver_ml")["name"] == "liver volume (mL)"
    assert row(table, "liver_ml")["n"] == N - 50
    assert row(table, "bmi")["reason"] == "it is a covariate"


def test_levels_are_parts_of_one_test(table):
    parts = table[table["outcome"].str.startswith("smoking#")]
    assert len(parts) == 2
    assert not parts["tested"].any()
    whole = row(table, "smoking")
    assert whole["tested"]
    assert np.isnan(whole["beta"])
    assert whole["n"] == parts["n_cases"].sum() + parts["n_controls"].iloc[0]


def test_units_of_the_phenotype_and_order_change_nothing(table, inputs):
    values = phenotype(inputs.participants)
    values[-10:] = np.nan
    order = np.random.default_rng(3).permutation(N)
    figures = ["beta", "se", "log10p"]
    scaled = phewas(100 - 7 * values, inputs, covariates=COVARIATES)
    np.testing.assert_allclose(
        scaled[figures] * [-1, 1, 1], table[figures], rtol=1e-5, atol=1e-9
    )
    fields = table[table["vocabulary"] == ""].reset_index(drop=True)
    people = inputs.participants.iloc[order].reset_index(drop=True)
    moved = replace(inputs, participants=people)
    other = phewas(values[order], moved, covariates=COVARIATES, traits=[])
    np.testing.assert_allclose(other[figures], fields[figures], rtol=1e-5, atol=1e-9)


def test_relabelled_levels_change_nothing(table, inputs):
    values = phenotype(inputs.participants)
    values[-10:] = np.nan
    people = inputs.participants.assign(
        centre=inputs.participants["centre"].map({"a": "z", "b": "k", "c": "a"})
    )
    other = phewas(values, replace(inputs, participants=people), covariates=COVARIATES)
    figures = ["beta", "se", "log10p"]
    np.testing.assert_allclose(other[figures], table[figures], rtol=1e-5, atol=1e-9)


def test_vocabularies_are_chosen(inputs):
    values = phenotype(inputs.participants)
    some = phewas(values, inputs, covariates=(), traits=["icd10-3"], fields=False)
    assert some["outcome"].tolist() == ["K76"]
    assert covariate_choice(inputs) == COVARIATES
    with pytest.raises(InputError, match="no traits of 'drugs'"):
        phewas(values, inputs, covariates=(), traits=["drugs"])


def test_a_study_without_traits_has_its_fields(inputs):
    nobody = assembled([], [], inputs.participants["eid"].to_numpy(str))
    values = phenotype(inputs.participants)
    found = phewas(values, replace(inputs, phenome=nobody), covariates=("sex",))
    assert (found["vocabulary"] == "").all()
    empty = phewas(
        values, replace(inputs, phenome=nobody), covariates=("sex",), fields=False
    )
    assert empty.empty
    assert tuple(empty.columns) == COLUMNS


def test_the_trait_itself_as_phenotype_has_firths_estimate(inputs):
    values = inputs.phenome.cases("K76").astype(float)
    found = row(phewas(values, inputs, covariates=COVARIATES, fields=False), "K76")
    assert found["method"] == "firth"
    assert found["converged"]
    assert found["log10p"] > 50


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"covariates": ("sex", "sex")}, "named twice"),
        ({"covariates": ("income",)}, "'income'"),
        ({"covariates": ("eid",)}, "'eid'"),
        ({"values": np.ones(N)}, "does not vary"),
        ({"values": np.full(N, np.nan)}, "0 participants"),
        ({"values": np.full(N, np.inf)}, "infinite"),
        ({"values": np.zeros(3)}, "do not meet"),
        ({"min_cases": 0}, "at least one case"),
    ],
)
def test_what_cannot_be_tested_is_refused(inputs, change, said):
    given = {"values": phenotype(inputs.participants), "covariates": ()} | change
    with pytest.raises(InputError, match=said):
        phewas(given.pop("values"), inputs, **given)


def test_a_phenotype_that_covariates_tell_is_refused(inputs):
    with pytest.raises(InputError, match="tell the phenotype"):
        phewas(inputs.participants["bmi"] * 2 + 1, inputs, covariates=("bmi",))
