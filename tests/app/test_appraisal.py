"""Tables and charts below the screen Phenotype: right, and without small counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import vl_convert

from app import data, recipes
from app.phenotype import appraisal_charts, curve, power, probes, radar
from app.state import Choice
from edp_core.appraisal.fewshot_curve import fewshot_curve
from edp_core.appraisal.power import GENOME_WIDE, power_for_effect
from edp_core.appraisal.radar import confounder_radar, radar_factors
from edp_core.recipe import Labels

CHOICE = Choice("liver", "mae", "I10", 0)


@pytest.fixture(autouse=True)
def opened(monkeypatch, done_study):
    """The finished study, as the app opens it."""
    monkeypatch.setenv(data.STUDY_VARIABLE, str(done_study))
    return done_study


def drawn(chart) -> str:
    """The chart as a drawing: it is valid Vega-Lite."""
    svg = vl_convert.vegalite_to_svg(chart.to_json())
    assert svg.startswith("<svg")
    return svg


# ---- radar -----------------------------------------------------------------------
def test_the_radar_is_of_the_score_before_and_after():
    spec = recipes.classifier(CHOICE, "I10", remove_covariates=("bmi",))
    bare = radar.before_of(spec)
    assert bare == recipes.classifier(CHOICE, "I10")
    found = radar.table(spec, bare)
    inputs = data.inputs()
    told = confounder_radar(
        data.phenotype(spec).values,
        inputs.participants,
        radar_factors(inputs.participants, volumes=inputs.measured),
        before=data.phenotype(bare).values,
    )
    assert found["factor"].tolist() == told["factor"].tolist()
    assert set(found["score"]) == {"before", "after"}
    assert found["partial_r2"].to_numpy() == pytest.approx(
        told["partial_r2"].to_numpy(), abs=6e-5, nan_ok=True
    )
    shares = found.pivot(index="factor", columns="score", values="partial_r2")
    # of a hundred people chance alone leaves one in a hundred
    assert shares.loc["BMI", "after"] < 0.05


def test_the_labels_are_the_same_before_and_after():
    spec = recipes.classifier(
        CHOICE, "I10", labels=Labels(share=0.5, seed=3), remove_pcs=(1,)
    )
    bare = radar.before_of(spec)
    assert (bare.labels, bare.remove_pcs) == (spec.labels, ())
    assert radar.before_of(bare) is None
    assert radar.before_of(recipes.column("bmi")) is None


def test_a_column_is_no_factor_of_itself():
    found = radar.table(recipes.column("bmi"), None)
    assert "BMI" not in set(found["factor"])
    assert "age" in set(found["factor"])


@pytest.mark.parametrize("code", ["I10", "K760", "E119"])
def test_the_radar_of_a_code_holds_no_factor_whose_cells_are_small(code):
    found = radar.table(recipes.code_itself(code), None)
    people = data.inputs().participants
    cases = data.inputs().phenome.cases(code)
    for factor in found["factor"]:
        if factor in ("sex", "centre"):
            cells = pd.crosstab(cases, people[factor].fillna("missing")).to_numpy()
            assert not ((cells >= 1) & (cells < 5)).any()


def test_how_many_are_known_is_hidden_where_the_rest_are_few():
    found = radar.table(recipes.classifier(CHOICE, "I10"), None)
    score = np.isfinite(data.phenotype(recipes.classifier(CHOICE, "I10")).values)
    people = data.inputs().participants
    n = int(score.sum())
    for factor, column in (("age", "age_years"), ("BMI", "bmi"), ("sex", "sex")):
        known = int(people.loc[score, column].notna().sum())
        shown = found.set_index("factor").loc[factor, "n_known"]
        if 1 <= n - known < 5:
            assert pd.isna(shown)
        else:
            assert pd.isna(shown) or shown == known


@pytest.mark.parametrize("covariates", [(), ("bmi",)])
def test_the_radar_is_drawn(covariates):
    spec = recipes.classifier(CHOICE, "I10", remove_covariates=covariates)
    found = radar.table(spec, radar.before_of(spec))
    svg = drawn(appraisal_charts.radar(found, much=radar.MUCH))
    assert "Partial R²" in svg and "age" in svg
    assert ("before" in svg) == bool(covariates)
    points = appraisal_charts.radar(found, much=radar.MUCH).to_dict()["layer"][2]
    assert points["encoding"]["x"]["field"] == "partial_adjusted_r2"
    assert {"partial_adjusted_r2", "partial_r2"} <= set(radar.COLUMNS)


def test_a_radar_without_a_single_figure_is_drawn():
    spec = recipes.classifier(CHOICE, "I10")
    found = radar.table(spec, None)
    empty = found.assign(partial_r2=np.nan, partial_low=np.nan, partial_high=np.nan)
    drawn(appraisal_charts.radar(empty, much=radar.MUCH))


# ---- few-shot curve --------------------------------------------------------------
def test_the_curve_is_that_of_the_science_and_hides_few_labels(fullest):
    choice = Choice("liver", "mae", "I10", int(fullest))
    spec = recipes.cluster(choice, "I10")
    found, _ = curve.table(spec)
    told = fewshot_curve(spec, data.inputs("liver", "mae"), repeats=curve.REPEATS)
    told = told[told["drawn"] == "labels"]
    kept = found[found["drawn"] == curve.KEPT]
    assert kept["pearson"].to_numpy() == pytest.approx(
        told["pearson"].to_numpy(), abs=6e-4, nan_ok=True
    )
    few = told["n_labels"].between(1, 4).to_numpy()
    assert few.any() and not few.all()
    assert kept["n_labels"].isna().to_numpy().tolist() == few.tolist()
    assert curve.CONTROL["cluster"] in set(found["drawn"])
    for name in ("n_labels", "n_members"):
        shown = found[name].dropna()
        assert not shown.between(1, 4).any()


def test_the_line_of_clusters_chosen_anew_is_there_or_its_lack_is_told(fullest):
    choice = Choice("liver", "mae", "I10", int(fullest))
    found, untold = curve.table(recipes.cluster(choice, "I10"))
    chosen = found[found["drawn"] == curve.CHOSEN]
    assert len(chosen) + len(untold) == len(curve.SHARES)
    full = chosen[chosen["share"] == 1.0]
    assert full["pearson"].tolist() == [1.0]


def test_the_share_of_the_screen_computes_no_curve_anew(monkeypatch):
    spec = recipes.classifier(CHOICE, "I10")
    first, _ = curve.table(spec)
    monkeypatch.setattr(curve, "fewshot_curve", None)
    few = recipes.classifier(CHOICE, "I10", labels=Labels(share=0.1))
    pd.testing.assert_frame_equal(curve.table(few)[0], first)


def test_the_curve_is_drawn_with_the_share_of_now():
    found, _ = curve.table(recipes.classifier(CHOICE, "I10"))
    svg = drawn(appraisal_charts.curve(found, share=0.2))
    assert "Labels used, % of cases" in svg
    assert curve.CONTROL["classifier"] in svg


# ---- power -----------------------------------------------------------------------
def test_an_effect_of_the_table_is_found_with_the_power_promised():
    found = power.table(power.Sizes(40_000, 800, 39_000, r=0.25))
    known = found.dropna(subset=["beta"])
    assert len(known) == len(found)
    reached = power_for_effect(
        known["beta"], known["frequency"], n=40_000, alpha=GENOME_WIDE
    )
    assert reached == pytest.approx(power.POWER, abs=0.02)
    assert found["beta_through_code"].to_numpy() == pytest.approx(
        4 * found["beta"].to_numpy(), abs=2.1e-3
    )
    alleles = 2 * found["frequency"] * 800
    told = found["odds_ratio"].notna()
    assert told.any() and (alleles[told] >= power.FEWEST).all()
    assert found["odds_ratio"].max() <= 2
    assert (found["note"] == "").tolist() == told.tolist()
    assert found["note"].str.contains("above 2").any(), "it is said why"
    assert (found["n_effective"] == round(4 / (1 / 800 + 1 / 39_000))).all()


def test_a_hidden_number_makes_no_power():
    assert power.table(power.Sizes(None)).empty
    assert "odds_ratio" not in power.table(power.Sizes(5000, None, None))
    assert "odds_ratio" not in power.table(power.Sizes(5000, 7, 4000))
    assert power.table(power.Sizes(20)).empty, "no allele is frequent enough"


def test_the_sizes_are_those_the_screens_tell():
    spec = recipes.classifier(CHOICE, "I10")
    sizes = power.sizes_of(data.phenotype(spec), spec)
    row = data.scan("liver", "mae").set_index("code").loc["I10"]
    assert (sizes.n_cases, sizes.n_controls) == (row["n_cases"], row["n_controls"])
    optimistic = recipes.classifier(CHOICE, "I10", score="best-of-fold")
    assert power.sizes_of(data.phenotype(optimistic), optimistic).r is None
    column = recipes.column("bmi")
    assert power.sizes_of(data.phenotype(column), column).n_cases is None
    code = recipes.code_itself("I10")
    assert power.sizes_of(data.phenotype(code), code).n is None


def test_coarse_numbers_stay_coarse_in_words_table_and_download(monkeypatch):
    spec = recipes.code_itself("I10")
    score = data.phenotype(spec)
    monkeypatch.setattr(power, "near", lambda count, known, least: "about 1,200")
    monkeypatch.setattr(power.verdict, "people", lambda score: "about 52,000")
    sizes = power.sizes_of(score, spec)
    assert sizes.said("n_cases") == "about 1,200"
    assert sizes.said("n_controls") == "about 50,800"
    table = power.written(power.table(sizes), sizes)
    assert set(table["n_cases"]) == {"about 1,200"}
    assert table["n_effective"].str.startswith("about ").all()
    exact = power.Sizes(40_000, 800, 39_000)
    assert exact.said("n_cases") == "800"
    assert power.written(power.table(exact), exact)["n_cases"].eq(800).all()


def test_controls_the_scan_rounds_are_about_as_many(monkeypatch):
    spec = recipes.classifier(CHOICE, "I10")
    scan = data.scan("liver", "mae")
    for restricted in (True, False):
        held = scan.assign(restricted=restricted)
        monkeypatch.setattr(data, "scan", lambda *_, held=held: held)
        sizes = power.sizes_of(data.phenotype(spec), spec)
        assert sizes.said("n_controls").startswith("about ") == restricted


def test_power_is_drawn():
    found = power.table(power.Sizes(40_000, 800, 39_000, r=0.25))
    assert power.THROUGH in drawn(appraisal_charts.effects(power._lines(found)))
    assert "Odds ratio" in drawn(appraisal_charts.odds(found))


def test_power_axes_have_ticks_and_begin_at_what_is_drawn():
    found = power.table(power.Sizes(40_000, 800, 39_000))
    for chart, column, held in (
        (appraisal_charts.effects(power._lines(found)), "beta", {0.1, 0.2, 0.5}),
        (appraisal_charts.odds(found), "odds_ratio", {1.5, 2}),
    ):
        rows = found.dropna(subset=[column])
        encoding = chart.to_dict()["encoding"]
        x, y = encoding["x"], encoding["y"]
        first = rows["frequency"].min()
        assert 0.8 * first < x["scale"]["domain"][0] < first
        assert min(x["axis"]["values"]) == first
        low, high = y["scale"]["domain"]
        assert low < rows[column].min() and rows[column].max() <= high
        assert {low, high} | held <= set(y["axis"]["values"])


# ---- probes ----------------------------------------------------------------------
@pytest.mark.parametrize("slot", ["probes/liver/mae", "probes/+/mae"])
def test_probes_are_told_beside_the_constant(slot):
    found = probes.table(slot)
    assert {"constant"} < set(found["predictor"])
    assert "age (years)" in set(found["target_name"])
    shown = found["n"].dropna()
    assert not shown.between(1, 4).any()
    for _, rows in found.dropna(subset=["mae"]).groupby("target"):
        assert "Mean error" in drawn(appraisal_charts.probe(rows))
