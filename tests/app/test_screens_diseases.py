"""The screen Diseases: vocabularies, chapters, who counts for a code."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from crawl import broke, choice, crawl, edit, numeric, table_with, told
from sklearn.metrics import auc, roc_curve

from app import chapters, data, figures, recipes, state
from edp_core.store import Store, read_table

STUDY_HAS = ["icd10-3", "icd10", "phecode", "medications"]


@pytest.fixture
def opened(monkeypatch, done_study):
    """The finished study, as the app opens it."""
    monkeypatch.setenv(data.STUDY_VARIABLE, str(done_study))
    return done_study


def shown(at):
    """The table of codes on the screen."""
    return table_with(crawl(at), "code", "auc", "reason").set_index("code")


def look_at(at, vocabulary):
    """Choose a vocabulary in the sidebar."""
    return at.selectbox(key="vocabulary_box").set_value(vocabulary).run()


# ---- vocabularies ----------------------------------------------------------------
def test_the_vocabularies_of_the_study_are_offered(screen, done_study):
    at = screen("diseases", done_study)
    assert at.selectbox(key="vocabulary_box").options == [
        "ICD-10, 3 characters", "ICD-10, full codes", "Phecodes", "medications",
    ]  # fmt: skip
    assert at.selectbox(key="vocabulary_box").value == "icd10-3"
    assert not at.session_state["vocabulary"], "the default stays out of the link"


@pytest.mark.parametrize("name", STUDY_HAS)
def test_table_plot_and_line_are_of_one_vocabulary(screen, done_study, name):
    at = screen("diseases", done_study, vocabulary=name)
    assert not broke(at)
    table = shown(at)
    own = set(table["vocabulary"])
    assert own == {name} or (name == "icd10" and own <= {"icd10", "icd10-3"})
    assert set(table.index) == set(data.vocabularies("liver", "mae")[name]["code"])
    boxes = at.selectbox(key="code_box")
    assert sum(" · " not in option for option in boxes.options) == len(table)
    assert boxes.value in table.index
    tested = (table["reason"] == "").sum()
    if not tested:
        assert "No code has enough cases" in told(at)
        return
    lines = np.concatenate(
        [f["at"].to_numpy() for f in crawl(at).frames if "at" in f.columns]
    )
    assert min(abs(lines + np.log10(0.05 / tested))) < 1e-9
    assert f"p = 0.05 divided by {tested:,}" in told(at)
    drawn = [f for f in crawl(at).frames if {"code", "subject"} <= set(f.columns)]
    assert all(set(frame["code"]) <= set(table.index) for frame in drawn)


@pytest.mark.parametrize("said", ["", "phecode", "icd10-3", "nonsense"])
@pytest.mark.parametrize("screen_name", ["diseases", "clusters"])
def test_a_link_to_a_code_opens_its_vocabulary(screen, done_study, said, screen_name):
    at = screen(screen_name, done_study, code="K760", vocabulary=said)
    assert not broke(at)
    assert at.selectbox(key="vocabulary_box").value == "icd10"
    assert choice(at)[0] == "K760"
    assert len(at.sidebar.caption) == 0, "nothing is wrong with the link"


def test_a_code_both_vocabularies_hold_stays_in_the_one_looked_at(screen, done_study):
    for name in ("icd10", "icd10-3"):
        at = screen("diseases", done_study, code="I10", vocabulary=name)
        assert at.selectbox(key="vocabulary_box").value == name
        assert choice(at)[0] == "I10"


def test_another_vocabulary_keeps_the_code_or_takes_its_best(screen, done_study):
    at = screen("diseases", done_study, code="I10")
    at = look_at(at, "icd10")
    assert choice(at)[0] == "I10"
    assert at.session_state["vocabulary"] == "icd10"
    at = look_at(at, "phecode")
    assert choice(at)[0] == data.vocabularies("liver", "mae")["phecode"]["code"].iat[0]
    assert at.session_state["code"] == "", "the best is the default"
    at = look_at(at, "icd10-3")
    assert at.session_state["vocabulary"] == ""
    assert not broke(at)


def test_a_pick_puts_its_vocabulary_into_the_link(screen, done_study):
    at = screen("diseases", done_study, vocabulary="phecode", code="K760")
    at.selectbox(key="code_box").set_value("I10").run()
    assert at.session_state["vocabulary"] == "icd10"
    assert choice(at)[0] == "I10"
    at.switch_page("../pages/clusters.py").run()
    assert at.selectbox(key="vocabulary_box").value == "icd10"
    assert choice(at)[0] == "I10"


def test_the_link_to_copy_names_the_vocabulary(screen, done_study):
    at = screen("diseases", done_study, code="K760")
    assert any("vocabulary=icd10&code=K760" in block.value for block in at.code)


def test_the_best_comes_first(opened):
    for table in data.vocabularies("liver", "mae").values():
        strength = table["log10p"].where(table["auc"] >= 0.5, -table["log10p"])
        assert strength.dropna().is_monotonic_decreasing
        assert not strength.isna()[: strength.notna().sum()].any()


# ---- chapters --------------------------------------------------------------------
def test_chapters_can_be_looked_at_alone(screen, done_study):
    query = {"vocabulary": "icd10", "chapters": ["digestive"]}
    at = screen("diseases", done_study, **query)
    assert not broke(at)
    table = shown(at)
    assert {chapters.subject(c).name for c in table["chapter"]} == {"digestive"}
    whole = data.vocabularies("liver", "mae")["icd10"]
    tested = (whole["reason"] == "").sum()
    assert "K760" in table.index and len(table) < len(whole)
    assert f"divided by {tested:,}" in told(at), "every test counts, seen or not"
    assert "Larger: chapters of the liver (digestive" in told(at)


def test_a_chapter_there_is_not_filters_nothing(screen, done_study):
    at = screen("diseases", done_study, chapters=["gardening"])
    assert not broke(at)
    assert len(shown(at)) == len(data.vocabularies("liver", "mae")["icd10-3"])


# ---- what is said ----------------------------------------------------------------
def test_baseline_and_oversampling_are_named(screen, done_study, monkeypatch):
    given: dict[str, str] = {}
    draw = st.download_button

    def spy(label, content, file_name, *args, **kwargs):
        given[file_name] = content() if callable(content) else content
        return draw(label, content, file_name, *args, **kwargs)

    monkeypatch.setattr(st, "download_button", spy)
    at = screen("diseases", done_study, code="I10")
    for text in (told(at), given["scan-liver-mae-icd10-3.csv"].split("\n")[0]):
        assert "SMOTE in closed-form expectation" in text
        assert "age + sex + BMI" in text
    first = given["scan-liver-mae-icd10-3.csv"].split("\n")[0]
    assert "ICD-10, 3 characters" in first and "N=" in first and "rows: " in first


def test_a_study_of_the_scan_without_oversampling_says_so(screen, own_study):
    edit(own_study, "[analysis]\n", '[analysis]\noversampling = "none"\n')
    at = screen("diseases", own_study, code="I10")
    assert not broke(at)
    assert "SMOTE" not in told(at)


# ---- who counts ------------------------------------------------------------------
def restricted():
    """Tested codes for which somebody does not count."""
    table = data.scan("liver", "mae")
    return table[table["restricted"] & (table["reason"] == "")]


def test_controls_of_codes_with_exclusions_are_rounded_everywhere(opened):
    raw = read_table(Store(opened / "store").at("scan/liver/mae"), "scan")
    exact = raw.set_index("code")["n_controls"]
    here = state.Choice("liver", "mae", None, 0)
    assert len(restricted()), "the demo has phecodes with exclusions"
    differ = 0
    for row in restricted().itertuples():
        score = data.phenotype(recipes.classifier(here, row.code))
        cases = data.inputs("liver", "mae").phenome.cases(row.code)
        bars, (fpr, tpr) = figures.separation(score, cases)
        sums = bars.groupby(bars["group"].str.split(" ").str[0])["count"].sum()
        assert sums["controls"] == row.n_controls, "bars add up to what the table says"
        assert sums["cases"] == row.n_cases
        steps = fpr * row.n_controls
        assert abs(steps - steps.round()).max() < 1e-6, "nor do steps tell another"
        assert (np.diff(tpr) >= 0).all()
        assert f"controls (N = {row.n_controls:,})" in set(bars["group"])
        assert abs(row.n_controls - exact[row.code]) <= figures.least()
        differ += row.n_controls != exact[row.code]
    assert differ, "none was rounded: the check would see nothing"


def test_the_roc_curve_is_of_those_who_count(opened):
    """It goes through points of the curve of those, but for controls that round N."""
    here = state.Choice("liver", "mae", None, 0)
    phenome = data.inputs("liver", "mae").phenome
    for row in restricted().itertuples():
        score = data.phenotype(recipes.classifier(here, row.code))
        cases = phenome.cases(row.code)
        _, (fpr, tpr) = figures.separation(score, cases)
        counted = np.isfinite(score.values) & phenome.eligible(row.code)
        exact = roc_curve(
            cases[counted], score.values[counted], drop_intermediate=False
        )
        controls = (counted & ~cases).sum()
        # each control that is left out or drawn twice moves a share by one of them
        moved = abs(row.n_controls - controls) / max(row.n_controls, controls) + 1e-9
        for x, y in zip(fpr, tpr, strict=True):
            at = exact[0][np.isclose(exact[1], y)]
            assert at.min() - moved <= x <= at.max() + moved
        assert auc(*exact[:2]) == pytest.approx(row.auc, abs=0.0006)


def test_the_screen_says_who_does_not_count(screen, opened):
    total = data.seen("liver", "mae")
    for row in restricted().itertuples():
        at = screen("diseases", opened, code=row.code)
        assert not broke(at)
        said = next(c.value for c in at.caption if c.value.startswith("Controls: "))
        assert f"{row.n_controls:,} (rounded) of {total:,}" in said
        rest = total - row.n_cases - row.n_controls
        assert ("fewer than 10 do not count" in said) == (rest < 10)
        reason = "exclusion range" if row.vocabulary == "phecode" else "not known"
        assert reason in said
        assert f"{row.n_controls:,}" in {m.value for m in at.metric}
    at = screen("diseases", opened, code="I10")
    assert not any(c.value.startswith("Controls: ") for c in at.caption)


def test_a_code_of_one_sex_says_so(screen, own_study):
    """The scan says which; nothing else of it has to change for the words."""
    store = Store(own_study / "store")
    file = store.at("scan/liver/mae") / "scan.parquet"
    table = pd.read_parquet(file)
    code = table.loc[table["vocabulary"].eq("phecode") & table["reason"].eq("")].iloc[0]
    table.loc[table["code"] == code["code"], "sex"] = "F"
    table.to_parquet(file)
    manifest = file.with_name("manifest.json")
    parts = json.loads(manifest.read_text())
    parts["files"]["scan.parquet"]["bytes"] = file.stat().st_size
    manifest.write_text(json.dumps(parts))
    st.cache_data.clear()
    st.cache_resource.clear()
    at = screen("diseases", own_study, code=code["code"])
    assert not broke(at)
    assert shown(at).loc[code["code"], "sex"] == "women only"
    assert "Counted in women only." in told(at)
    assert "or the other sex" in told(at)
    st.cache_data.clear()
    st.cache_resource.clear()


def test_controls_and_cases_never_leave_a_small_rest(opened):
    total = data.seen("liver", "mae")
    for table in data.vocabularies("liver", "mae").values():
        known = table[table["restricted"]]
        rest = total - numeric(known, "n_cases") - numeric(known, "n_controls")
        # rounded: a rest that looks small is no count of anybody
        assert (rest[~np.isnan(rest)] >= 0).all()
        whole = table[~table["restricted"]]
        rest = total - numeric(whole, "n_cases") - numeric(whole, "n_controls")
        assert (rest[~np.isnan(rest)] == 0).all()
