"""Every screen on a finished study: the right elements and numbers."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from crawl import broke, choice, crawl, edit, table_with
from streamlit.testing.v1 import AppTest

RADAR = {"look": "Confounder radar"}


def test_overview_says_what_the_study_holds(screen, done_study):
    at = screen("overview", done_study)
    assert not broke(at)
    assert not at.warning
    flow = table_with(crawl(at), "Participants", "Count")
    assert flow["Participants"].iloc[0] == "with usable images"
    assert int(flow["Count"].iloc[0]) == int(at.metric[0].value)
    notes = table_with(crawl(at), "What", "Count")
    assert len(notes) > 0
    assert all(m.value != "—" for m in at.metric)
    assert len(at.get("vega_lite_chart")) == 1  # training loss
    # thumbnails, and the contact sheet of what was left out
    assert len(crawl(at).galleries) == 2
    assert "Left out" in [block.value for block in at.subheader]


def test_overview_shows_images_only_where_the_study_allows_it(screen, own_study):
    edit(own_study, "images = true", "images = false")
    at = screen("overview", own_study)
    assert not crawl(at).galleries
    assert not at.get("imgs")


def test_diseases_shows_the_chosen_code(screen, done_study):
    at = screen("diseases", done_study, code="I10")
    assert not broke(at)
    assert choice(at)[0] == "I10"
    assert len(at.get("vega_lite_chart")) == 3  # AUC–pval, histogram, ROC
    row = at.dataframe[0].value.set_index("code").loc["I10"]
    figures = {metric.value for metric in at.metric}
    counted = {str(row["n_cases"]), str(row["n_controls"])}
    assert counted | {f"{row['auc']:.3f}", f"{row['baseline_auc']:.3f}"} <= figures


def test_the_select_box_lists_code_and_name(screen, done_study):
    at = screen("diseases", done_study)
    options = at.selectbox(key="code_box").options
    assert "I10 Essential (primary) hypertension" in options
    # those of the other vocabularies come after them, and say so
    own = len(at.dataframe[0].value)
    assert not any(" · " in option for option in options[:own])
    assert options[own:]
    assert all(" · " in option for option in options[own:])


def test_a_code_of_another_vocabulary_is_found_in_the_same_box(screen, done_study):
    at = screen("diseases", done_study)
    shown = set(at.dataframe[0].value["code"])
    other = next(o for o in at.selectbox(key="code_box").options if " · Phecodes" in o)
    code = other.split(" ")[0]
    assert code not in shown
    at.selectbox(key="code_box").set_value(code).run()
    assert not broke(at)
    assert choice(at)[0] == code
    assert at.selectbox(key="vocabulary_box").value == "phecode"
    assert code in set(at.dataframe[0].value["code"])


def test_a_code_too_rare_to_be_tested_says_so(screen, done_study):
    at = screen("diseases", done_study)
    scan = at.dataframe[0].value
    rare = scan.loc[scan["reason"] != "", "code"].iloc[0]
    at = screen("diseases", done_study, code=rare)
    assert not broke(at)
    assert at.info
    assert len(at.get("vega_lite_chart")) == 1  # the others would be of no model


def test_choosing_in_the_select_box_changes_the_link(screen, done_study):
    at = screen("diseases", done_study)
    box = at.selectbox(key="code_box")
    other = at.dataframe[0].value["code"].iloc[-1]
    assert box.value != other
    box.set_value(other).run()
    assert choice(at)[0] == other
    assert at.session_state["code"] == other  # what the URL is bound to
    at.switch_page("../pages/clusters.py").run()
    assert choice(at)[0] == other


def test_clusters_colours_by_cluster_and_by_code(screen, done_study):
    at = screen("clusters", done_study)
    assert not broke(at)
    # percentages and the score; stability is asked for
    assert len(at.get("vega_lite_chart")) == 2
    (settings, _), *others = crawl(at).maps
    assert not others
    assert settings["title"] == "Cluster"
    at = screen("clusters", done_study, colour="code")
    settings, _ = crawl(at).maps[0]
    assert [c["name"] for c in settings["categories"]] == ["control", "case"]
    assert [c["layer"] for c in settings["categories"]] == [0, 1]


def test_clusters_follows_the_chosen_cluster(screen, done_study):
    tables = []
    for cluster in ("0", "1"):
        at = screen("clusters", done_study, cluster=cluster)
        assert choice(at)[1] == cluster
        tables.append(at.dataframe[0].value)
    assert not tables[0].equals(tables[1])
    assert tables[0]["n_cluster"].iloc[0] >= tables[1]["n_cluster"].iloc[0]


def test_the_percentage_can_be_of_the_cluster_or_of_the_cases(screen, done_study):
    at = screen("clusters", done_study)
    titles = set()
    for option in at.button_group(key="share_of").options:
        at.button_group(key="share_of").set_value(option).run()
        titles.add(json.dumps(crawl(at).charts[0]["layer"][1]["encoding"]["x"]))
    assert len(titles) == 2


def words(factors: pd.DataFrame) -> pd.DataFrame:
    """The table of factors by the first word of each: age, sex, bmi, unadjusted."""
    first = factors["column"].str.lower().str.extract(r"([a-z]+)")[0]
    return factors.set_index(first)


@pytest.mark.parametrize(
    "name", ["Classifier", "Cluster", "Axis or PC", "Code", "Column"]
)
def test_phenotype_of_every_method(screen, done_study, fullest, name):
    query = {"code": "I10", "method": name, "column": "age_years", "cluster": fullest}
    query |= RADAR
    at = screen("phenotype", done_study, **query)
    assert not broke(at)
    # the live GWAS adjusts for age unless it is told not to
    own = ["the covariates explain the phenotype wholly"] if name == "Column" else []
    assert [error.value for error in at.error] == own
    assert at.metric[0].label == "N"
    seen = crawl(at)
    factors = table_with(seen, "column", "r", "low", "high", "n")
    itself = {"age"} if name == "Column" else set()
    assert {"age", "sex", "bmi"} - itself <= set(words(factors).index)
    assert not itself & set(words(factors).index)
    # Manhattan plot, distribution, radar, correlations
    assert len(seen.charts) == (3 if name in ("Code", "Column") else 4)
    assert at.text_input[0].key.startswith("name-")


def test_adjusting_compares_with_the_unadjusted_score(screen, done_study):
    at = screen("phenotype", done_study, code="I10", **RADAR)
    plain = words(table_with(crawl(at), "column", "r"))
    assert "unadjusted" not in plain.index
    at.multiselect(key="pcs").set_value(["PC1"]).run()
    at.multiselect(key="covariates").set_value(["age_years"]).run()
    adjusted = words(table_with(crawl(at), "column", "r"))
    assert 0 < adjusted.loc["unadjusted", "r"] < 1
    assert "PC1" in at.text_input[0].value
    assert "age_years" in at.text_input[0].value


def test_few_labels_of_a_cluster_are_held_against_a_control(
    screen, done_study, fullest
):
    query = {"code": "I10", "method": "Cluster", "labels": "50", "cluster": fullest}
    at = screen("phenotype", done_study, **query, **RADAR, label_seed="3")
    assert not broke(at)
    assert not at.error
    factors = words(table_with(crawl(at), "column", "r"))
    assert list(factors.index)[:2] == ["kept", "random"]
    assert at.number_input(key="label_seed").value == 3


def test_too_few_labels_are_told_not_crashed(screen, done_study):
    at = screen("phenotype", done_study, labels="1")
    assert not broke(at)
    assert at.error


def test_the_basket_takes_a_score_and_the_export_shows_it(screen, own_study):
    at = screen("phenotype", own_study, code="I10")
    at.text_input[0].set_value("my_score")
    press(at, "keep").run()
    assert not at.error
    press(at, "keep").run()
    assert at.error, "the same name twice"
    at.switch_page("../pages/export.py").run()
    assert not broke(at)
    assert "my_score" in crawl(at).everything
    files = table_with(crawl(at), "file", "what")
    assert {"run_regenie.sh", "methods.md", "report.json"} <= set(files["file"])
    next(b for b in at.button if b.label.startswith("Write to")).click().run()
    assert at.success
    assert any("Written to" in toast.value for toast in at.toast)
    folder = next((own_study / "exports").iterdir())
    assert {f.name for f in folder.iterdir() if f.is_file()} <= set(files["file"])


def test_a_bad_name_is_refused_with_the_rule(screen, own_study):
    at = screen("phenotype", own_study)
    at.text_input[0].set_value("1 bad name; rm -rf /")
    press(at, "keep").run()
    assert at.error
    assert not broke(at)


def test_what_is_removed_from_the_basket_can_be_put_back(screen, own_study):
    at = screen("phenotype", own_study, code="I10")
    press(at, "keep").run()
    name = at.text_input[0].value
    at.switch_page("../pages/export.py").run()
    box = next(s for s in at.selectbox if s.key is None)
    box.set_value(name).run()
    remove = next(b for b in at.button if b.label == "Remove")
    remove.click().run()
    assert at.info, "the empty basket says where to go"
    next(b for b in at.button if name in b.label).click().run()
    assert name in crawl(at).everything


def press(at: AppTest, form: str) -> object:
    """The submit button of a form."""
    return next(b for b in at.button if b.form_id == form).click()
