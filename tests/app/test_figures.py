"""Tables behind the figures: what they hold is right, and tells no small count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from app import data, figures, recipes
from app.state import Choice

CHOICE = Choice("liver", "mae", "K760", 0)


@pytest.fixture(autouse=True)
def opened(monkeypatch, done_study):
    """The finished study, as the app opens it."""
    monkeypatch.setenv(data.STUDY_VARIABLE, str(done_study))
    return done_study


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_every_bar_counts_enough_people(rng):
    table = figures.histogram({"a": rng.normal(size=70), "b": rng.normal(2, 1, 13)})
    assert table["count"].min() >= 5
    sums = table.groupby("group")["count"].sum()
    assert sums.to_dict() == {"a": 70, "b": 13}


def test_bars_of_a_group_have_the_area_one(rng):
    table = figures.histogram({"a": rng.normal(size=400), "b": rng.normal(size=30)})
    area = (table["density"] * (table["right"] - table["left"])).groupby(table["group"])
    assert area.sum().to_numpy() == pytest.approx(1)


def test_a_group_too_small_has_no_bars(rng):
    table = figures.histogram({"a": rng.normal(size=90), "b": rng.normal(size=4)})
    assert set(table["group"]) == {"a"}


@pytest.mark.parametrize(
    "values",
    [np.full(30, np.nan), np.full(30, 2.5), np.array([])],
    ids=["all missing", "all the same", "none"],
)
def test_values_that_make_no_histogram_make_no_error(values):
    table = figures.histogram({"a": values})
    assert list(table.columns) == ["left", "right", "count", "density", "group"]


def test_one_far_value_does_not_squeeze_the_bars(rng):
    values = np.append(rng.normal(size=5000), 1e6)
    table = figures.histogram({"a": values})
    assert table["right"].max() < 10
    assert table["count"].sum() == 5001


def test_separation_is_of_the_people_with_a_score():
    score = data.phenotype(recipes.classifier(CHOICE, "I10"))
    cases = data.inputs("liver", "mae").phenome.cases("I10")
    bars, (fpr, tpr) = figures.separation(score, cases)
    known = np.isfinite(score.values)
    drawn = bars.groupby("group")["count"].sum()
    assert sorted(drawn) == sorted([(known & cases).sum(), (known & ~cases).sum()])
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert (np.diff(fpr) >= 0).all()
    assert (np.diff(tpr) >= 0).all()
    # each step holds no case or at least five, and no control or at least five
    for rate, group in ((tpr, known & cases), (fpr, known & ~cases)):
        steps = np.rint(np.diff(rate) * group.sum())
        assert ((steps == 0) | (steps >= 5)).all()
    ranks = np.argsort(np.argsort(score.values[known])) + 1
    n = cases[known].sum()
    auc = (ranks[cases[known]].sum() - n * (n + 1) / 2) / n / (known.sum() - n)
    assert np.trapezoid(tpr, fpr) == pytest.approx(auc, abs=0.05)


def test_the_size_of_a_cluster():
    labels = data.atlas_array("liver", "mae", "clusters")
    for number in range(labels.max() + 1):
        shown = figures.cluster_size(Choice("liver", "mae", None, number))
        assert shown in (int((labels == number).sum()), "hidden")


def test_factors_begin_with_the_unadjusted_score():
    plain = data.phenotype(recipes.classifier(CHOICE, "I10"))
    adjusted = data.phenotype(recipes.classifier(CHOICE, "I10", remove_pcs=(1,)))
    table = figures.factors(adjusted, unadjusted=plain)
    known = np.isfinite(plain.values)
    r = np.corrcoef(plain.values[known], adjusted.values[known])[0, 1]
    assert table["r"].iloc[0] == pytest.approx(r, abs=5e-4)
    assert ((table["low"] <= table["r"]) & (table["r"] <= table["high"])).all()
    assert len(figures.factors(plain, unadjusted=None)) == len(table) - 1


def test_a_small_rest_of_a_factor_is_hidden(monkeypatch):
    score = data.phenotype(recipes.column("bmi"))
    inputs = data.inputs()
    people = inputs.participants.copy()
    known = np.flatnonzero(np.isfinite(score.values) & people["age_years"].notna())
    people.loc[known[:3], "age_years"] = np.nan  # three people without an age

    fewer = replace(inputs, participants=people)
    monkeypatch.setattr(data, "inputs", lambda *_: fewer)
    table = figures.factors(score, unadjusted=None)
    age = table[table["column"].str.lower().str.startswith("age")].iloc[0]
    assert pd.isna(age["n"])


def test_a_volume_is_a_factor_with_its_unit(monkeypatch):
    score = data.phenotype(recipes.component(CHOICE, 1))
    inputs = data.inputs()
    volumes = np.nan_to_num(score.values) * 50 + 1500
    people = inputs.participants.assign(liver_ml=volumes, bmi=np.nan)
    other = replace(inputs, participants=people, measured={"liver_ml": "images/liver"})
    monkeypatch.setattr(data, "inputs", lambda *_: other)
    table = figures.factors(score, unadjusted=None).set_index("column")
    assert table.loc["liver volume (mL)", "r"] == pytest.approx(1)
    assert "BMI" not in table.index, "nobody has one"


def test_sizes_of_clusters_hide_the_small_ones(monkeypatch):
    labels = np.repeat([0, 1, 2, 3], [60, 30, 3, 7])
    monkeypatch.setattr(data, "atlas_array", lambda *_: labels)
    table = figures.cluster_sizes(CHOICE).set_index("cluster")
    assert table["n"].isna().sum() >= 2, "one alone follows from the others"
    assert pd.isna(table.loc[2, "n"])
    assert table["share"].isna().tolist() == table["n"].isna().tolist()
    shown = table.dropna()
    assert shown.loc[0].tolist() == [60, 0.6]


def test_the_flow_of_participants_writes_small_counts_as_such():
    table = figures.flow({"with usable images": 598, "no image": 9, "blank": 2})
    shown = dict(zip(table["Participants"], table["Count"], strict=True))
    assert shown["with usable images"] == "598"
    assert not {"2", "11"} & set(shown.values())


def test_a_correlation_does_not_tell_the_sexes_of_few_cases():
    """With 600 people r has one solution in whole numbers: 7 cases as 6 and 1."""
    people = data.inputs().participants
    for code in data.scan("liver", "mae")["code"]:
        score = data.phenotype(recipes.code_itself(code))
        shown = set(figures.factors(score, unadjusted=None)["column"])
        cells = pd.crosstab(score.values, people["sex"].to_numpy())
        small = ((cells > 0) & (cells < 5)).to_numpy().any()
        assert ("sex" in shown) == (not small), code
        assert "age" in shown
