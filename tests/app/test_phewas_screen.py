"""The screen PheWAS: what it is of, what is picked, what its link and files hold."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from crawl import broke, counts, crawl, edit, numeric, small, table_with, told

from app import data, recipes, state
from app.basket import Basket
from app.live import choice as live_choice
from app.live.runs import Asked
from app.phewas import data as phewas_data
from app.phewas import source as phewas_source
from edp_core.recipe import SPEC

CODE = "I10"


@pytest.fixture
def few_people(monkeypatch):
    """The shared study is too small for PHESANT's 500 people: a smaller minimum."""
    rules = phewas_data.Rules(min_cases=10, min_people=50)
    monkeypatch.setattr(phewas_data, "RULES", rules)
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def opened(monkeypatch, done_study):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(done_study))
    return done_study


def here(code: str = CODE) -> state.Choice:
    return state.Choice("liver", "mae", code, 0)


def shown(at) -> pd.DataFrame:
    """The table on the screen."""
    return table_with(crawl(at), "outcome", "log10q", "reason").set_index("outcome")


def said(at) -> str:
    """All text of the screen, as it is read."""
    return told(at).replace("\\", "")


def drawn(at) -> list[set[str]]:
    """Outcomes of each plot's points."""
    frames = crawl(at).frames
    return [set(f["code"]) for f in frames if {"code", "direction"} <= set(f.columns)]


def csv_of(monkeypatch, show) -> tuple[str, pd.DataFrame]:
    """Header line and rows of the table's download."""
    given: dict[str, str] = {}
    draw = st.download_button

    def spy(label, content, file_name, *args, **kwargs):
        if str(file_name).endswith(".csv"):
            given[file_name] = content() if callable(content) else content
        return draw(label, content, file_name, *args, **kwargs)

    monkeypatch.setattr(st, "download_button", spy)
    show()
    text = next(text for name, text in given.items() if name.startswith("phewas"))
    first, rest = text.split("\n", 1)
    return first, pd.read_csv(io.StringIO(rest))


# ---- what it is of ---------------------------------------------------------------
def test_it_opens_on_the_classifier_of_the_code(screen, done_study, few_people):
    at = screen("phewas", done_study, code=CODE)
    assert not broke(at) and not at.error
    table = shown(at)
    assert {CODE, "bmi", "liver_ml"} - {"bmi"} <= set(table.index)
    assert at.multiselect(key="phewas_covariates").value == USUAL_KEYS
    assert "classifier of I10" in said(at)
    assert table["log10p"].dropna().is_monotonic_decreasing
    assert table.loc["age_years", "reason"] == "it is a covariate"
    for outcomes in drawn(at):
        assert outcomes and outcomes <= set(table.index)
    own = table[table["vocabulary"] != ""]
    scanned = data.scan("liver", "mae").set_index("code")["n_cases"]
    assert set(own.index) <= set(scanned.index), "no code that is shown nowhere else"
    exact = own[~own["coarse"].astype(bool)]
    assert len(exact)
    assert (numeric(exact, "n_cases") == scanned[exact.index].to_numpy(float)).all()


USUAL_KEYS = ["age_years", "sex", "bmi", "centre", "imaging_date"]


def test_a_design_of_the_screen_phenotype_is_taken_along(screen, own_study, few_people):
    at = screen("phenotype", own_study, code=CODE, method="Column", column="bmi")
    at.switch_page("../pages/phewas.py").run()
    assert not broke(at) and not at.error
    assert at.selectbox(key="phewas_of").value == phewas_source.OF_DESIGN
    assert "design on Phenotype: column, bmi" in said(at)
    assert shown(at).loc["bmi", "circular"] == "the phenotype itself"
    token = at.session_state["recipe"]
    spec, _ = live_choice.unpacked(token)
    assert spec.column == "bmi"
    again = screen("phewas", own_study, recipe=token)
    assert "recipe in the link: column, bmi" in said(again)
    pd.testing.assert_frame_equal(shown(at), shown(again))


def test_what_was_designed_last_goes_before_what_the_session_had(
    screen, own_study, few_people
):
    at = screen("phenotype", own_study, code=CODE, method="Column", column="bmi")
    at.switch_page("../pages/phewas.py").run()
    at.switch_page("../pages/phenotype.py").run()
    at.selectbox(key="column").set_value("age_years").run()
    at.switch_page("../pages/phewas.py").run()
    assert "column, age_years" in said(at)


def test_a_phenotype_of_the_basket_and_a_link_after_it_is_gone(
    screen, own_study, few_people
):
    basket = Basket(own_study / "store")
    screen("phewas", own_study, code=CODE)  # so that recipes find the study
    added = basket.add(recipes.column("bmi", name="mass"))
    at = screen("phewas", own_study, code=CODE, phewas_of="Basket: mass")
    assert at.selectbox(key="phewas_of").value == "Basket: mass"
    assert "**mass**" in said(at)
    token = at.session_state["recipe"]
    basket.remove(added)
    at = screen("phewas", own_study, code=CODE, phewas_of="Basket: mass", recipe=token)
    assert not broke(at)
    assert "recipe in the link: column, bmi" in said(at)


@pytest.mark.parametrize("token", ["nonsense", "%%%", "eJwDAAAAAAE", "A" * 3000])
def test_a_recipe_that_cannot_be_read_is_said_and_left_alone(screen, done_study, token):
    at = screen("phewas", done_study, code=CODE, recipe=token)
    assert not broke(at)
    assert "The recipe in the link cannot be read" in said(at)
    assert "classifier of I10" in said(at)


@pytest.mark.parametrize(
    "change",
    [{"organ": "spleen"}, {"encoder": "../x"}, {"embedding": "0" * 16},
     {"trait": "Z999"}, {"population": "others"}, {"remove_covariates": ["eid2"]}],
)  # fmt: skip
def test_a_recipe_of_something_else_is_told_not_computed(
    screen, done_study, opened, change
):
    spec = recipes.classifier(here(), CODE)
    forged = SPEC.validate_python(spec.model_dump() | change)
    asked = Asked(SPEC.dump_json(forged).decode(), "", "", ())
    at = screen("phewas", done_study, code=CODE, recipe=live_choice.packed(asked))
    assert not broke(at)
    assert at.error or at.warning
    assert not [f for f in crawl(at).frames if "log10q" in f.columns]


# ---- covariates ------------------------------------------------------------------
@pytest.fixture
def blanks(copy_of: object, done_study: Path, tmp_path: Path, monkeypatch) -> Path:
    """The inputs of a study some of whose people have no BMI; two of them have I10."""
    monkeypatch.setenv(data.STUDY_VARIABLE, str(done_study))
    st.cache_resource.clear()
    inputs = data.inputs("liver", "mae")
    cases = np.flatnonzero(inputs.phenome.cases(CODE))
    seen = set(np.asarray(inputs.seen).tolist())
    lost = [row for row in cases if row in seen][:2]
    lost += [row for row in sorted(seen) if row not in set(cases)][:9]
    column = inputs.participants.columns.get_loc("bmi")
    inputs.participants.iloc[lost, column] = np.nan
    st.cache_data.clear()
    yield done_study
    st.cache_resource.clear()
    st.cache_data.clear()


def test_who_counts_does_not_follow_the_covariates(blanks):
    spec = recipes.classifier(here(), CODE)
    offer = phewas_data.offered(spec)
    assert offer.usual == tuple(USUAL_KEYS)
    tables = [
        phewas_data.phewas(spec, chosen).set_index("outcome")
        for chosen in ((), ("age_years",), ("bmi",), offer.every)
    ]
    codes = tables[0].index[tables[0]["vocabulary"] != ""]
    for table in tables[1:]:
        for name in ("n", "n_cases", "n_controls"):
            pd.testing.assert_series_equal(
                tables[0].loc[codes, name], table.loc[codes, name]
            )
    scanned = data.scan("liver", "mae").set_index("code")["n_cases"]
    row = tables[0].loc[CODE]
    assert row["n_cases"] == scanned[CODE] - 5, "two lack their BMI: not to be counted"
    assert row["coarse"]
    assert phewas_data.counted(spec)[1] == "about 10"
    gaps = (scanned[codes].astype(int) - tables[0].loc[codes, "n_cases"]).dropna()
    assert not gaps.between(1, 4).any()


def test_a_link_names_no_covariate_that_is_not_offered(screen, done_study, few_people):
    at = screen("phewas", done_study, code=CODE, phewas_covariates=["age", "eid", "x"])
    assert not broke(at)
    assert set(at.multiselect(key="phewas_covariates").value) <= {"age_years"}


# ---- filters, picks, files -------------------------------------------------------
def test_filters_leave_the_lines_where_they_are(screen, done_study, few_people):
    whole = screen("phewas", done_study, code=CODE)
    some = screen(
        "phewas", done_study, code=CODE, phewas_outcomes=["other fields"],
        phewas_plain="true",
    )  # fmt: skip
    assert (shown(some)["vocabulary"] == "").all()
    tests = int(shown(whole)["tested"].sum()) if "tested" in shown(whole) else None
    lines = [
        {round(float(v), 6) for f in crawl(at).frames if "at" in f.columns
         and len(f.columns) == 1 for v in f["at"]}
        for at in (whole, some)
    ]  # fmt: skip
    assert lines[0] == lines[1] != set()
    assert tests is None or min(lines[0], key=lambda v: abs(v + np.log10(0.05 / tests)))


def test_circular_rows_are_marked_and_can_be_left_out(screen, done_study, few_people):
    at = screen("phewas", done_study, code="K760")
    circular = shown(at)["circular"]
    assert circular["K760"] == "made the phenotype"
    relatives = circular[circular != ""].index
    within = data.inputs("liver", "mae").phenome
    codes = within.traits["code"].to_numpy(object)[np.asarray(within.within)]
    kin = {str(c) for pair in codes for c in pair if "K760" in pair}
    assert set(relatives) == (kin | {"K760"}) & set(circular.index)
    at = screen("phewas", done_study, code="K760", phewas_plain="true")
    assert not set(relatives) & set(shown(at).index)


def test_rows_that_are_ticked_stand_in_the_forest_and_a_code_is_chosen(
    screen, done_study, few_people
):
    at = screen("phewas", done_study, code=CODE)
    table = shown(at)
    place = next(i for i, row in enumerate(table.itertuples()) if row.vocabulary)
    other = next(
        i for i, row in enumerate(table.itertuples())
        if row.vocabulary and row.Index != CODE and i != place
    )  # fmt: skip
    at.session_state["phewas_table"] = {
        "selection": {"rows": [other], "columns": [], "cells": []}
    }
    at.session_state["forest"] = table.index[other]
    at.run()
    assert not broke(at)
    assert at.multiselect(key="forest_box").value == [table.index[other]]
    names = [
        set(f["outcome"]) for f in crawl(at).frames
        if {"outcome", "text", "low"} <= set(f.columns)
    ]  # fmt: skip
    assert names == [{table["name"].iloc[other]}]


def test_the_forest_of_a_link_is_restored_and_what_is_not_there_passed_over(
    screen, done_study, few_people
):
    at = screen("phewas", done_study, code=CODE, forest="I10|liver_ml|nonsense||<b>")
    assert not broke(at)
    assert at.multiselect(key="forest_box").value == ["I10", "liver_ml"]


def test_the_file_holds_every_row_with_n_and_settings(
    screen, done_study, few_people, monkeypatch
):
    first, table = csv_of(
        monkeypatch,
        lambda: screen(
            "phewas", done_study, code=CODE, phewas_covariates=["age", "sex"],
            phewas_outcomes=["other fields"],
        ),
    )  # fmt: skip
    for part in ("PheWAS of classifier of I10", "covariates: age_years, sex", "N=",
                 "rows: ", "Bonferroni", "per SD"):  # fmt: skip
        assert part in first
    assert (table["vocabulary"].fillna("") != "").any(), "the whole table, all of it"
    assert {
        "or_",
        "or_low",
        "beta",
        "se",
        "low",
        "high",
        "log10p",
        "log10q",
        "n_cases",
        "n_controls",
        "converged",
        "method",
        "reason",
        "circular",
    } <= set(table)


# ---- privacy ---------------------------------------------------------------------
@pytest.mark.parametrize(
    "query",
    [{"code": "I10"}, {"code": "K760"}, {"code": "H269"},
     {"code": "E119", "phewas_covariates": []}],
    ids=str,
)  # fmt: skip
def test_no_small_count_on_the_screen(screen, done_study, few_people, query):
    at = screen("phewas", done_study, **query)
    seen = crawl(at)
    assert not broke(at)
    assert len(list(counts(seen))) > 30, "a crawl that looks at something"
    assert not small(counts(seen))


def test_a_code_as_phenotype_shows_no_cell_of_few_people(screen, own_study, few_people):
    at = screen("phenotype", own_study, code=CODE, method="Code")
    at.switch_page("../pages/phewas.py").run()
    assert not broke(at) and not at.error
    phenome = data.inputs().phenome
    has = phenome.cases(CODE)
    table = shown(at)
    codes = table.index[table["vocabulary"] != ""]
    assert len(codes)
    for code in codes:
        own = phenome.cases(code)
        both = int((own & has).sum())
        assert both == 0 or both >= 5, code
        assert (own & ~has).sum() == 0 or (own & ~has).sum() >= 5, code


def test_a_raised_threshold_is_obeyed(screen, own_study, few_people):
    at = screen("phewas", own_study, code=CODE)
    before = numeric(shown(at), "n_cases")
    edit(own_study, "threshold = 5", "threshold = 20")
    at = screen("phewas", own_study, code=CODE)
    after = numeric(shown(at), "n_cases")
    assert np.nanmin(before) < 20 <= np.nanmin(after)
