"""Stability on the screen Clusters: figures, words, and what to do without."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import vl_convert
from crawl import broke, crawl, edit, table_with, told

from app import data
from app.clusters.stability import MARKS, of_cluster, stability_plot, words
from edp_core.errors import MissingArtifactError
from edp_core.store import Store, read_array, read_table

SLOT = "stability/liver/mae"


def stored(study, name="stability"):
    """A table of the slot as the store holds it."""
    return read_table(Store(study / "store").at(SLOT), name)


def forget(study):
    """Take the slot out of the store."""
    file = study / "store/refs.json"
    refs = json.loads(file.read_text())
    del refs[SLOT]
    file.write_text(json.dumps(refs))


def test_words_change_at_hennigs_marks():
    assert [least for least, _ in MARKS] == [0.85, 0.75, 0.6, 0.0]
    for least, text in MARKS:
        assert words(least) == text
    assert words(np.nextafter(0.75, 0)) == "doubtful"
    assert words(1.0) == "highly stable"


def test_the_plot_draws_every_cluster_and_marks_the_chosen_one():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "cluster": range(30),
            "n": 100,
            "repeats": 20,
            "jaccard": rng.uniform(0.2, 1, 30),
            "jaccard_low": 0.1,
            "jaccard_high": 1.0,
            "found": 0.5,
            "dissolved": 0.1,
        }
    )
    text = stability_plot(table, 7).to_json()
    assert vl_convert.vegalite_to_svg(text).startswith("<svg")
    rows = [r for d in json.loads(text)["datasets"].values() for r in d if "label" in r]
    assert len(rows) == 30
    assert [row["cluster"] for row in rows if row["chosen"]] == [7]
    (pick,) = [p for p in json.loads(text)["params"] if p["name"] == "pick"]
    assert pick["select"]["fields"] == ["label"], "a click picks a cluster"
    for row in rows:
        assert row["verdict"] == words(row["jaccard"])
    assert of_cluster(table, 7)["cluster"] == 7
    assert of_cluster(table, 30) is None
    assert of_cluster(None, 0) is None


@pytest.mark.parametrize("cluster", ["0", "2"])
def test_the_card_and_the_section_tell_what_the_store_holds(
    screen, done_study, cluster
):
    at = screen("clusters", done_study, cluster=cluster, stability="true")
    assert not broke(at)
    true = stored(done_study).set_index("cluster").loc[int(cluster)]
    shown = {metric.label: metric for metric in at.metric}
    labels = read_array(Store(done_study / "store").at("atlas/liver/mae"), "clusters")
    size = (labels == int(cluster)).sum()
    assert shown[f"Cluster {cluster}: N"].value == f"{size:,}"
    told_of = shown["Stability (Jaccard)"]
    assert told_of.value == f"{true['jaccard']:.2f}"
    assert words(true["jaccard"]) in told_of.delta
    assert f"{true['jaccard_low']:.2f}–{true['jaccard_high']:.2f}" in told_of.delta
    assert f"{true['repeats']:.0f} samples: " in told_of.delta, "no 95 % of so few"
    others = stored(done_study, "comparison")
    table = table_with(crawl(at), "method", "adjusted_rand", "modularity")
    assert table["adjusted_rand"].to_numpy() == pytest.approx(others["adjusted_rand"])
    seeds = others[
        (others["method"] == "leiden") & (others["seed"] != others["seed"][0])
    ]
    mean = shown[f"ARI over {len(seeds)} other seeds"].value
    assert float(mean) == pytest.approx(seeds["adjusted_rand"].mean(), abs=0.001)


def test_small_clusters_are_left_out(done_study, monkeypatch):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(done_study))
    labels = np.asarray(data.atlas_array("liver", "mae", "clusters"))
    smallest = int(np.bincount(labels).min())
    whole = len(data.stability("liver", "mae")[0])
    found = data.study()
    stricter = found.disclosure.model_copy(update={"threshold": smallest + 1})
    found = found.model_copy(update={"disclosure": stricter})
    monkeypatch.setattr(data, "study", lambda: found)
    table, _ = data.stability("liver", "mae")
    assert len(table) < whole
    assert (table["n"] > smallest).all()


def test_without_the_slot_the_rest_is_there_and_the_command(screen, own_study):
    forget(own_study)
    at = screen("clusters", own_study, stability="true")
    assert not broke(at)
    assert crawl(at).maps
    assert any("stability/liver/mae" in warning.value for warning in at.warning)
    assert any("precompute run" in code.value for code in at.code)
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown["Stability"] == "—"


def test_stability_of_other_clusters_is_not_shown(own_study, monkeypatch):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(own_study))
    store = Store(own_study / "store")
    file = store.at(SLOT) / "stability.parquet"
    table = stored(own_study)
    table["n"] += 1
    table.to_parquet(file)
    manifest = file.parent / "manifest.json"
    told_there = json.loads(manifest.read_text())
    told_there["files"]["stability.parquet"]["bytes"] = file.stat().st_size
    manifest.write_text(json.dumps(told_there))
    with pytest.raises(MissingArtifactError, match="of other clusters"):
        data.stability("liver", "mae")


def test_no_samples_says_which_setting(screen, own_study):
    from precompute.cli import run_study

    edit(own_study, "[analysis]", "[analysis]\nstability_repeats = 0")
    run_study(own_study, quiet=True)
    at = screen("clusters", own_study, stability="true")
    assert not broke(at)
    assert any("stability_repeats" in info.value for info in at.info)
    assert table_with(crawl(at), "method", "adjusted_rand") is not None


def test_enriched_only_lists_what_is_commoner_here(screen, done_study, fullest):
    query = {"cluster": fullest, "vocabulary": "icd10-3"}
    whole = table_with(crawl(screen("clusters", done_study, **query)), "code", "or_low")
    at = screen("clusters", done_study, enriched="true", **query)
    few = table_with(crawl(at), "code", "or_low")
    more = whole[whole["odds_ratio"] > 1]
    assert 0 < len(more) < len(whole)
    assert list(few["code"]) == list(more["code"])
    assert "adjusted_or" in few


def test_the_codes_are_those_of_the_vocabulary(screen, done_study):
    held = {}
    for name in ("icd10-3", "phecode"):
        at = screen("clusters", done_study, vocabulary=name)
        assert not broke(at)
        table = table_with(crawl(at), "code", "or_low")
        held[name] = set(table["code"])
        listed = data.vocabularies("liver", "mae")[name]
        assert held[name] == set(listed["code"])
    assert held["icd10-3"] and held["phecode"]
    assert not held["icd10-3"] & held["phecode"]
    assert "N = " in told(at)
