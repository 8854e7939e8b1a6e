"""Screens where something lacks, is damaged, stale or nonsense: never a traceback."""

from __future__ import annotations

import json

import pytest
import streamlit as st
from crawl import broke, choice, crawl, edit, told

SCREENS = (
    "overview", "diseases", "clusters", "phenotype", "phewas", "compare", "export",
    "gwas",
)  # fmt: skip
PAIR = "liver/mae"


# ---- empty ----------------------------------------------------------------------
def test_an_empty_basket_says_where_to_go(screen, own_study):
    at = screen("export", own_study)
    assert at.info
    assert not at.get("arrow_data_frame")


# ---- missing, stale, damaged -----------------------------------------------------
COMMAND = ".venv/bin/python -m precompute run "


@pytest.mark.parametrize("name", SCREENS)
def test_before_any_step_the_command_is_shown(screen, raw_study, name):
    at = screen(name, raw_study)
    assert not broke(at)
    assert not at.error
    if name not in ("export", "gwas"):  # which need nothing
        assert COMMAND + str(raw_study) in [c.value for c in at.code]


@pytest.mark.parametrize("kind", ["scan", "atlas", "enrichment"])
@pytest.mark.parametrize("name", SCREENS)
def test_a_slot_that_is_not_computed(screen, own_study, name, kind):
    refs = own_study / "store/refs.json"
    held = json.loads(refs.read_text())
    del held[f"{kind}/{PAIR}"]
    refs.write_text(json.dumps(held))
    at = screen(name, own_study)
    assert not broke(at)
    if name == "overview":
        assert COMMAND + str(own_study) in [c.value for c in at.code]
        assert f"{kind}/{PAIR}" in crawl(at).everything


@pytest.mark.parametrize("kind", ["scan", "embedding", "phenome"])
@pytest.mark.parametrize("name", SCREENS)
def test_a_damaged_artifact_is_told_with_the_command(screen, own_study, name, kind):
    st.cache_data.clear()  # as in a server that starts now: nothing remembered
    st.cache_resource.clear()
    for file in (own_study / "store" / kind).glob("*/*"):
        if file.suffix in (".npy", ".parquet"):
            file.write_bytes(file.read_bytes()[:-7])
    at = screen(name, own_study)
    assert not broke(at)
    needs = {
        "overview": {"scan", "embedding", "phenome"},
        "diseases": {"scan", "embedding", "phenome"},
        "clusters": {"scan", "embedding", "phenome"},
        "phenotype": {"embedding", "phenome"},
        "phewas": {"scan", "embedding", "phenome"},
        "compare": {"embedding", "phenome"},
        "export": set(),
        "gwas": set(),
    }
    if kind in needs[name]:
        assert COMMAND + str(own_study) in [c.value for c in at.code]
        assert "damaged" in crawl(at).everything
        # the command alone recomputes nothing that is there: the hint says what to do
        assert "delete" in crawl(at).everything


def test_a_refs_file_that_is_no_json_is_told(screen, own_study):
    (own_study / "store/refs.json").write_text("{")
    for name in SCREENS:
        at = screen(name, own_study)
        assert not broke(at)
        if name != "export":
            assert "damaged" in crawl(at).everything


@pytest.mark.parametrize("name", SCREENS)
def test_no_study_is_told_with_the_way_to_make_one(screen, tmp_path, name):
    at = screen(name, tmp_path / "nothing")
    assert not broke(at)
    assert at.error
    assert "precompute demo" in told(at)


@pytest.mark.parametrize(
    ("old", "new"),
    [('name = "Demo', "name = Demo"), ("threshold = 5", "treshold = 5")],
    ids=["no TOML", "misspelt key"],
)
def test_a_study_file_with_a_fault_is_told(screen, own_study, old, new):
    edit(own_study, old, new)
    at = screen("overview", own_study)
    assert not broke(at)
    assert at.error
    assert "study.toml" in told(at)


def test_a_changed_study_file_is_noticed_while_the_app_runs(screen, own_study):
    before = screen("diseases", own_study)
    assert not before.info
    edit(own_study, "min_cases = 10", "min_cases = 12")
    at = screen("diseases", own_study)
    assert not broke(at)
    assert at.info, "the numbers shown are of the old settings"
    assert COMMAND + str(own_study) in told(at)
    at = screen("overview", own_study)
    assert at.warning
    assert f"scan/{PAIR}" in crawl(at).everything


def test_a_new_artifact_is_shown_at_once(screen, own_study):
    from precompute.cli import run_study

    before = screen("diseases", own_study).dataframe[0].value
    edit(own_study, "min_cases = 10", "min_cases = 13")
    run_study(own_study, quiet=True)
    after = screen("diseases", own_study)
    assert not after.info
    now = after.dataframe[0].value
    assert (now["reason"] != "").sum() > (before["reason"] != "").sum()


def test_a_higher_threshold_hides_more_at_once(screen, own_study):
    before = screen("diseases", own_study).dataframe[0].value
    edit(own_study, "threshold = 5", "threshold = 10")
    after = screen("diseases", own_study).dataframe[0].value
    assert len(after) < len(before)
    assert after["n_cases"].min() >= 10


# ---- links -----------------------------------------------------------------------
@pytest.mark.parametrize("name", ["clusters", "phenotype"])
@pytest.mark.parametrize(
    "query",
    [
        {"code": "<script>alert(1)</script>"},
        {"code": "![x](http://example.org/x.png)"},
        {"code": "K760 Fatty (change of) liver", "cluster": "0"},
        {"cluster": "999", "code": "I10"},
        {"cluster": "-1"},
        {"organ": "brain", "encoder": "../../etc"},
        {"pcs": ["PC1", "PC2"], "labels": "3", "method": "Cluster"},
        {"pcs": ["PC99", "PC0"], "covariates": ["eid", "nothing"], "method": "Zzz"},
        {"labels": "100000", "label_seed": "-5", "column": "eid", "method": "Column"},
    ],
    ids=str,
)
def test_a_link_that_asks_for_nonsense_is_harmless(screen, done_study, query, name):
    at = screen(name, done_study, **query)
    assert not broke(at)
    texts = [e.value for kind in (at.markdown, at.caption, at.info) for e in kind]
    assert not any("<script" in t or "example.org" in t for t in texts)
    code, cluster = choice(at)
    assert code in {o.split(" ")[0] for o in at.selectbox(key="code_box").options}
    assert cluster == query.get("cluster", "0") or cluster == "0"


def test_a_link_with_an_unknown_code_says_so(screen, done_study):
    at = screen("diseases", done_study, code="Z999")
    known = screen("diseases", done_study)
    assert len(at.sidebar.caption) == len(known.sidebar.caption) + 1
