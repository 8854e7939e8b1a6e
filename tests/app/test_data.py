"""Cached reads: disclosed tables, and never those of another artifact."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from crawl import edit

from app import data, recipes
from app.images import gate as images
from app.state import Choice
from edp_core.errors import InputError, MissingArtifactError
from edp_core.store import read_table

DERIVED = [
    "share_of_cluster",
    "share_of_cases",
    "odds_ratio",
    "or_low",
    "or_high",
    "log10p",
    "log10q",
]


@pytest.fixture
def opened(monkeypatch, done_study):
    """The finished study, as the app opens it."""
    monkeypatch.setenv(data.STUDY_VARIABLE, str(done_study))
    return done_study


def raw(slot: str) -> pd.DataFrame:
    """A table as the store holds it."""
    return read_table(data.store().at(slot), slot.split("/")[0])


def test_the_scan_leaves_out_what_would_tell_small_counts(opened):
    whole, shown = raw("scan/liver/mae"), data.scan("liver", "mae")
    small = whole.loc[whole["n_cases"] < 5, "code"]
    assert len(small) > 0, "the demo holds rare codes"
    assert not set(shown["code"]) & set(small)
    assert shown["n_cases"].notna().all()
    # a code and its prefix never differ by one to four people
    cases = dict(zip(shown["code"], shown["n_cases"], strict=True))
    for code, count in cases.items():
        for other, more in cases.items():
            if code != other and code.startswith(other):
                assert not 1 <= more - count <= 4


def test_small_cells_of_the_enrichment_are_missing_with_all_that_follows(opened):
    whole, shown = raw("enrichment/liver/mae"), data.enrichment("liver", "mae")
    keys = ["cluster", "code"]
    both = shown.merge(whole[[*keys, "n_both"]], on=keys, suffixes=("", "_true"))
    small = both["n_both_true"].between(1, 4)
    assert small.any(), "the demo holds small cells"
    assert both.loc[small, "n_both"].isna().all()
    hidden = shown["n_both"].isna()
    assert shown.loc[hidden, DERIVED].isna().all().all()
    seen = both[both["n_both"].notna()]
    assert (seen["n_both"] == seen["n_both_true"]).all()


def test_a_hidden_cell_cannot_be_taken_from_the_row_of_its_code(opened):
    whole, shown = raw("enrichment/liver/mae"), data.enrichment("liver", "mae")
    cases = raw("scan/liver/mae").set_index("code")["n_cases"]
    assert set(shown["code"]) <= set(whole["code"])
    for code, rows in shown.groupby("code"):
        hidden = rows["n_both"].isna().sum()
        rest = cases[code] - rows["n_both"].fillna(0).sum()
        assert hidden != 1 or rest == 0
        assert hidden == 0 or rest == 0 or rest >= 5


def test_what_is_missing_is_named_with_the_reason(opened, monkeypatch, raw_study):
    slots = data.slots_of("liver", "mae")
    assert data.missing(slots) == []
    monkeypatch.setenv(data.STUDY_VARIABLE, str(raw_study))
    found = data.missing(slots)
    assert [slot for slot, _ in found] == slots
    assert all(why for _, why in found)


def test_the_command_is_for_this_study(opened):
    assert data.command().endswith(str(opened))


def test_no_study_names_the_way_to_make_one(monkeypatch, tmp_path):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match="no study") as caught:
        data.study()
    assert "precompute demo" in caught.value.hint


def test_the_study_file_can_be_given_itself(opened, monkeypatch):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(opened / "study.toml"))
    assert data.study().folder == opened.resolve()


def test_another_artifact_in_the_slot_is_read_at_once(own_study, monkeypatch):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(own_study))
    before = data.scan("liver", "mae")
    slot = "scan/liver/mae"
    key = data.store().ref(slot)
    folder = own_study / "store/scan"
    other = folder / ("f" * 16)
    (folder / key).rename(other)
    table = pd.read_parquet(other / "scan.parquet")
    table["n_cases"] += 100
    table.to_parquet(other / "scan.parquet")
    manifest = json.loads((other / "manifest.json").read_text())
    size = (other / "scan.parquet").stat().st_size
    manifest["files"]["scan.parquet"]["bytes"] = size
    (other / "manifest.json").write_text(json.dumps(manifest))
    data.store().set_ref(slot, "f" * 16)
    after = data.scan("liver", "mae").set_index("code")["n_cases"]
    same = before.set_index("code")["n_cases"]
    # which codes are hidden depends on the counts too
    both = same.index.intersection(after.index)
    assert len(both) > 5
    assert (after[both] - same[both] == 100).all()


def test_a_slot_without_an_artifact_raises_with_the_command(own_study, monkeypatch):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(own_study))
    refs = own_study / "store/refs.json"
    refs.write_text("{}")
    for read in (data.scan, data.enrichment, data.seen):
        with pytest.raises(MissingArtifactError) as caught:
            read("liver", "mae")
        assert str(own_study) in caught.value.hint


def test_inputs_meet_row_by_row(opened):
    inputs = data.inputs("liver", "mae")
    eids = inputs.participants["eid"].to_numpy(str)
    assert np.array_equal(eids, inputs.phenome.eids)
    assert len(inputs.seen) == len(inputs.vectors) == len(inputs.clusters)
    assert len(inputs.clusters) == data.seen("liver", "mae")


def test_thumbnails_come_without_ids(opened):
    pictures = images.sample("liver", 6)
    assert pictures.shape[0] == 6
    assert pictures.dtype == np.uint8


def test_a_higher_threshold_is_obeyed_without_a_new_start(
    monkeypatch, own_study, fullest
):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(own_study))
    spec = recipes.cluster(Choice("liver", "mae", "I10", int(fullest)), "I10")
    data.phenotype(spec)
    edit(own_study, "threshold = 5", "threshold = 60")
    assert data.inputs("liver", "mae").threshold == 60
    with pytest.raises(InputError, match="fewer than 60"):
        data.phenotype(spec)
