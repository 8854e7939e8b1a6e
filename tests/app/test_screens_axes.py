"""Axes and principal components on the screens; a study without any diagnoses."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from crawl import broke, choice, crawl, edit, table_with, told

from app.basket import Basket
from edp_core.store import Store, read_array

SCREENS = (
    "overview", "diseases", "clusters", "phenotype", "phewas", "compare", "export",
    "gwas",
)  # fmt: skip
AXES = {"method": "Axis or PC"}


def click(at, label):
    """Press the first button whose label begins so."""
    return next(b for b in at.button if b.label.startswith(label)).click().run()


def chosen_specs(study):
    """Recipes in the basket."""
    return [entry.spec for entry in Basket(study / "store").entries()]


# ---- with diagnoses --------------------------------------------------------------
def test_a_component_is_shown_with_its_share(screen, done_study):
    at = screen("phenotype", done_study, **AXES)
    assert not broke(at)
    assert not at.error
    store = Store(done_study / "store")
    shares = read_array(store.at("atlas/liver/mae"), "pc_explained")
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown["Variance explained"] == f"{shares[0]:.1%}"
    assert "Cases" not in shown and not any("AUC" in label for label in shown)
    assert at.number_input(key="pc").value == 1
    assert at.number_input(key="pc").max == len(shares)
    assert at.text_input[0].value == "liver_mae_PC1"
    groups = table_with(crawl(at), "left", "right", "group")["group"].unique()
    assert len(groups) == 1, "no cases apart"


def test_the_link_opens_the_axis_it_names(screen, done_study):
    query = AXES | {"look": "Confounder radar", "of": "Axis", "axis": "7"}
    at = screen("phenotype", done_study, **query, pcs=["PC1"], turned="true")
    assert not broke(at)
    assert at.number_input(key="axis").value == 7
    width = len(str(int(at.number_input(key="axis").max)))
    assert at.text_input[0].value == f"liver_mae_axis{7:0{width}d}_noPC1_turned"
    factors = table_with(crawl(at), "column", "r")
    assert factors["column"].iloc[0] == "unadjusted score"
    assert 0 < factors["r"].iloc[0] < 1, "both are turned"


@pytest.mark.parametrize(
    "query",
    [{"pc": "9999"}, {"pc": "-1"}, {"of": "Zzz"}, {"of": "Axis", "axis": "1e9"},
     {"first": "0"}],
)  # fmt: skip
def test_a_link_to_an_axis_there_is_not_is_harmless(screen, done_study, query):
    at = screen("phenotype", done_study, **AXES, **query)
    assert not broke(at)
    assert not at.error


def test_the_first_components_go_to_the_basket_and_out_in_one_file(screen, own_study):
    at = screen("phenotype", own_study, **AXES, covariates=["age_years"])
    at.number_input(key="first").set_value(3).run()
    click(at, "Add PC1 to PC3")
    assert not at.error
    names = [f"liver_mae_PC{i}_no_age_years" for i in (1, 2, 3)]
    assert [spec.name for spec in chosen_specs(own_study)] == names
    at.number_input(key="first").set_value(5).run()
    click(at, "Add PC1 to PC5")
    assert not at.error
    assert len(chosen_specs(own_study)) == 5, "three were there"
    at.switch_page("../pages/export.py").run()
    assert not broke(at)
    assert not at.error
    listed = table_with(crawl(at), "name", "method", "of")
    assert listed["of"].tolist() == [f"liver · PC{i}" for i in range(1, 6)]
    files = table_with(crawl(at), "file", "what")["file"].tolist()
    assert [f for f in files if f.startswith("phenotypes")] == ["phenotypes_qt.tsv"]
    click(at, "Write")
    written = next((own_study / "exports").iterdir())
    header = (written / "phenotypes_qt.tsv").read_text().splitlines()[0].split("\t")
    assert header[:3] == ["FID", "IID", names[0]] and len(header) == 7


def test_all_axes_are_one_line_that_goes_and_comes_back_whole(screen, own_study):
    at = screen("phenotype", own_study, **AXES, of="Axis", covariates=["age_years"])
    held = int(at.number_input(key="axis").max)
    click(at, f"Add all {held} axes")
    assert not at.error
    names = [spec.name for spec in chosen_specs(own_study)]
    assert len(names) == held and names == sorted(names), "by name as by number"
    assert names[0] == f"liver_mae_axis{1:0{len(str(held))}d}_no_age_years"
    click(at, f"Add all {held} axes")
    assert len(chosen_specs(own_study)) == held, "all were there"
    at.switch_page("../pages/export.py").run()
    assert not broke(at)
    assert not at.error
    listed = table_with(crawl(at), "name", "method", "of")
    assert listed["of"].tolist() == [f"liver · axes 1–{held}"]
    assert listed["phenotypes"].tolist() == [held]
    files = table_with(crawl(at), "file", "what")["file"].tolist()
    assert f"cards/ ({held} files)" in files and "phenotypes_qt.tsv" in files
    box = next(s for s in at.selectbox if s.label.startswith("Remove"))
    box.set_value(box.options[0]).run()
    click(at, "Remove")
    assert not chosen_specs(own_study)
    click(at, "Undo")
    assert [spec.name for spec in chosen_specs(own_study)] == names
    at.toggle(key="halves").set_value(True).run()
    assert not at.error
    assert "discovery" in told(at) and "relatives" in told(at)
    click(at, "Write")
    written = next((own_study / "exports").iterdir())
    header = (written / "phenotypes_qt.tsv").read_text().splitlines()[0].split("\t")
    assert header[2:] == names
    everyone = (written / "keep.tsv").read_text().splitlines()
    halves = [
        (written / f"{half}.keep").read_text().splitlines()
        for half in ("discovery", "replication")
    ]
    assert sorted(halves[0] + halves[1]) == everyone and all(halves)
    card = json.loads(next((written / "cards").iterdir()).read_text())
    assert card["halves"]["seed"] == 0


def test_sides_are_offered_where_the_organ_has_them(screen, own_study):
    at = screen("phenotype", own_study, **AXES)
    assert not [g for g in at.button_group if g.key == "side"]
    at = screen("phenotype", own_study, **AXES, organ="kidney", side="left")
    assert not broke(at)
    assert not at.error
    assert at.text_input[0].value == "kidney_mae_PC1_left"
    at.toggle(key="each_side").set_value(True).run()
    at.number_input(key="first").set_value(2).run()
    click(at, "Add PC1 to PC2 of left and right")
    assert not at.error
    found = chosen_specs(own_study)
    assert [(spec.axis, spec.side) for spec in found] == [
        (1, "left"), (2, "left"), (1, "right"), (2, "right"),
    ]  # fmt: skip
    assert found[3].name == "kidney_mae_PC2_right"
    at.switch_page("../pages/export.py").run()
    assert not broke(at)
    assert not at.error
    listed = table_with(crawl(at), "name", "method", "of")
    assert listed["of"].tolist()[::2] == ["kidney · PC1 · left", "kidney · PC1 · right"]


def test_a_name_that_is_another_s_is_told(screen, own_study):
    at = screen("phenotype", own_study, **AXES, pc="2")
    at.text_input[0].set_value("liver_mae_PC1")
    next(b for b in at.button if b.form_id == "keep").click().run()
    click(at, "Add PC1 to")
    assert at.error
    assert not broke(at)
    assert len(chosen_specs(own_study)) == 1


# ---- volumes ---------------------------------------------------------------------
@pytest.fixture
def measured(own_study, set_volumes):
    """A study of its own whose livers have volumes."""
    set_volumes(own_study, 1000)
    st.cache_resource.clear()  # the key is the same, which ingest would not leave
    return own_study


def test_a_volume_is_a_baseline_a_factor_and_a_covariate(screen, measured):
    radar = {"look": "Confounder radar"}
    at = screen("phenotype", measured, method="Column", column="liver_ml", **radar)
    assert not broke(at)
    assert not at.error
    assert "liver volume (mL)" in told(at)
    shown = table_with(crawl(at), "column", "r")["column"]
    assert "liver volume (mL)" not in set(shown), "it goes along with itself"
    assert at.selectbox(key="column").value == "liver_ml"
    next(b for b in at.button if b.form_id == "keep").click().run()
    at = screen("phenotype", measured, **AXES, **radar, covariates=["liver_ml"])
    factors = table_with(crawl(at), "column", "r").set_index("column")
    assert abs(factors.loc["liver volume (mL)", "r"]) < 0.01
    next(b for b in at.button if b.form_id == "keep").click().run()
    key = Store(measured / "store").ref("images/liver")
    for spec in chosen_specs(measured):
        assert spec.measured == {"images/liver": key}
    at.switch_page("../pages/export.py").run()
    assert not broke(at)
    assert not at.error
    assert "liver_ml is the liver volume (mL)" in told(at)
    click(at, "Write")
    written = next((measured / "exports").iterdir())
    header = (written / "covariates.tsv").read_text().splitlines()[0]
    assert "liver_ml" not in header, "no covariate of the GWAS unless asked for"


# ---- without diagnoses -----------------------------------------------------------
@pytest.fixture(scope="module", params=["no section", "empty table"])
def no_diagnoses(done_study, tmp_path_factory, request):
    """The finished study as it would be without diagnoses or other traits."""
    from precompute.cli import run_study

    study = tmp_path_factory.mktemp("empty") / "study"
    shutil.copytree(done_study, study)
    file = study / "study.toml"
    text = file.read_text()
    start = text.index("[diagnoses]")
    end = text.index("\n[", start + 1) + 1
    instead = ""
    if request.param == "empty table":
        (study / "none.csv").write_text("eid,icd10\n")
        instead = '[diagnoses]\ntable = "none.csv"\n\n'
    text = text[:start] + instead + text[end:]
    start = text.index("[traits.medications]")
    file.write_text(text[:start] + text[text.index("\n[", start + 1) + 1 :])
    run_study(study, quiet=True)
    return study


@pytest.mark.parametrize("name", SCREENS)
def test_a_study_without_diagnoses_opens(screen, no_diagnoses, name):
    at = screen(name, no_diagnoses)
    assert not broke(at)
    assert not at.error
    # that an axis follows the organ's volume is no fault of the study
    radar = "Much of the score is explained"
    assert not [one for one in at.warning if not one.value.startswith(radar)]
    assert choice(at)[0] is None
    assert at.selectbox(key="code_box").disabled


def test_overview_counts_what_there_is(screen, no_diagnoses):
    at = screen("overview", no_diagnoses)
    labels = [metric.label for metric in at.metric]
    assert "Axes of the embedding" in labels and "Clusters" in labels
    assert not any("Codes" in label for label in labels)
    assert all(metric.value != "—" for metric in at.metric)
    assert "no diagnoses" in told(at)


def test_overview_says_so_although_something_is_out_of_date(
    screen, no_diagnoses, copy_of
):
    study = copy_of(no_diagnoses)
    edit(study, "min_cases = 10", "min_cases = 10\nfolds = 5")
    at = screen("overview", study)
    assert at.warning, "the cohort is of the old settings"
    assert "no diagnoses" in told(at)


def test_diseases_says_so_and_shows_the_ways_on(screen, no_diagnoses):
    at = screen("diseases", no_diagnoses)
    assert "This study has no diagnoses" in at.info[0].value
    assert not at.get("vega_lite_chart")
    assert len(at.get("page_link")) == 2


def test_clusters_are_drawn_with_their_sizes(screen, no_diagnoses):
    at = screen("clusters", no_diagnoses)
    assert len(at.get("vega_lite_chart")) == 1
    sizes = table_with(crawl(at), "cluster", "n", "share")
    store = Store(no_diagnoses / "store")
    labels = read_array(store.at("atlas/liver/mae"), "clusters")
    assert len(sizes) == labels.max() + 1
    shown = sizes.dropna()
    assert (shown["n"] == np.bincount(labels)[shown["cluster"]]).all()
    assert crawl(at).maps[0][0]["title"] == "Cluster"


def test_a_component_is_what_a_study_without_codes_begins_with(screen, no_diagnoses):
    at = screen("phenotype", no_diagnoses, look="Confounder radar")
    assert at.button_group(key="method").options == [
        "Axis or PC", "Group", "Column",
    ]  # fmt: skip
    assert at.metric[0].label == "N"
    assert at.text_input[0].value == "liver_mae_PC1"
    assert table_with(crawl(at), "column", "r")["column"].tolist()[0] == "age"
    at = screen("phenotype", no_diagnoses, method="Column")
    assert at.selectbox(key="column").options
    assert not broke(at)


def test_components_and_columns_of_it_are_exported(screen, no_diagnoses, copy_of):
    study = copy_of(no_diagnoses)
    at = screen("phenotype", study)
    at.number_input(key="first").set_value(2).run()
    click(at, "Add PC1 to PC2")
    at = screen("phenotype", study, method="Column", column="bmi")
    next(b for b in at.button if b.form_id == "keep").click().run()
    at.switch_page("../pages/export.py").run()
    assert not broke(at)
    # BMI is a covariate too: the export says what to do, and the rest goes out
    assert at.error
    basket = Basket(study / "store")
    basket.remove(basket.entries()[-1].id)
    at = screen("export", study)
    assert not at.error
    click(at, "Write")
    assert at.success


def test_a_link_with_a_code_is_harmless_without_codes(screen, no_diagnoses):
    for method in ("Cluster", "Code", "Classifier"):
        at = screen("phenotype", no_diagnoses, code="K760", method=method)
        assert not broke(at)
        assert choice(at)[0] is None


def test_a_study_that_knows_nothing_of_its_people(
    screen, no_diagnoses, copy_of, set_volumes
):
    """Ids and images alone: no sex, no age, no code."""
    from precompute.cli import run_study

    study = copy_of(no_diagnoses)
    table = study / "participants.csv"
    bare = pd.read_csv(table, dtype=str)
    for name in bare.columns.drop("eid"):
        bare[name] = ""
    bare.drop_duplicates("eid").to_csv(table, index=False)
    run_study(study, quiet=True)
    set_volumes(study, None)
    st.cache_resource.clear()
    for name in SCREENS:
        at = screen(name, study)
        assert not broke(at), name
        assert not at.error, name
    at = screen("phenotype", study, look="Confounder radar")
    assert any("Nothing to compare with" in info.value for info in at.info)
    assert at.multiselect(key="covariates").disabled
    at.number_input(key="first").set_value(4).run()
    click(at, "Add PC1 to PC4")
    at.switch_page("../pages/export.py").run()
    assert not broke(at)
    assert not at.error
    click(at, "Write")
    assert at.success
    at = screen("phenotype", study, method="Column")
    assert not broke(at)
    assert any("no column of numbers" in info.value for info in at.info)


def test_codes_that_are_all_too_few_are_not_no_diagnoses(screen, own_study):
    edit(own_study, "threshold = 5", "threshold = 100")
    at = screen("diseases", own_study)
    assert not broke(at)
    assert "too few cases" in at.info[-1].value
