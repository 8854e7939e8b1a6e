"""Analyse, on studies that have little to analyse."""

import numpy as np
import pandas as pd
import pytest

from edp_core.artifacts import read_cohort
from edp_core.errors import InputError
from edp_core.people.assemble import build_phenome
from edp_core.settings.analysis import Analysis
from edp_core.store import Store, read_array, read_table
from edp_core.study import load_study
from edp_core.vectors.embedding import Embedding
from precompute.analyse import make_atlas, make_enrichment, make_scan

EIDS = np.array([f"{100 + i}" for i in range(60)])


@pytest.fixture
def embedding():
    rows = pd.DataFrame({"eid": EIDS, "instance": "0", "side": ""})
    vectors = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    return Embedding(rows, vectors)


def phenome_of(**cases):
    rows = [(eid, code) for code, n in cases.items() for eid in EIDS[:n]]
    table = pd.DataFrame(rows, columns=["eid", "icd10"]).astype("string")
    return build_phenome(table, EIDS)[0]


def scan(embedding, phenome, folder, **columns):
    people = pd.DataFrame({"eid": EIDS, **columns})
    make_scan(embedding, phenome, people, analysis=Analysis(), folder=folder)
    return read_table(folder, "scan")


def test_no_diagnoses_at_all_give_empty_tables(embedding, tmp_path):
    phenome = phenome_of()
    table = scan(embedding, phenome, tmp_path)
    assert len(table) == 0 and {"code", "auc", "reason"} <= set(table)
    labels = np.arange(60) % 3
    made = {"folder": tmp_path, "least": 5}
    make_enrichment((EIDS, labels), phenome, pd.DataFrame({"eid": EIDS}), **made)
    table = read_table(tmp_path, "enrichment")
    assert len(table) == 0 and {"code", "n_both", "odds_ratio"} <= set(table)


def test_codes_with_too_few_cases_are_listed_with_the_reason(embedding, tmp_path):
    phenome = phenome_of(I10=25, K76=3, E11=58)
    table = scan(embedding, phenome, tmp_path).set_index("code")
    assert table.loc["I10", "reason"] == "" and np.isfinite(table.loc["I10", "auc"])
    assert table.loc["K76", "reason"] == "fewer than 20 cases"
    assert table.loc["E11", "reason"] == "fewer than 20 controls"
    assert table.loc[["K76", "E11"], ["auc", "log10p"]].isna().all(axis=None)
    assert table["baseline_auc"].isna().all(), "there is neither age nor sex"
    made, labels = {"folder": tmp_path, "least": 5}, np.arange(60) % 3
    make_enrichment((EIDS, labels), phenome, pd.DataFrame({"eid": EIDS}), **made)
    assert set(read_table(tmp_path, "enrichment")["code"]) == {"I10", "E11"}


def test_an_age_and_sex_nobody_has_are_no_baseline(embedding, tmp_path):
    nothing = {"age_years": np.nan, "sex": pd.array([None] * 60, "string")}
    table = scan(embedding, phenome_of(I10=25), tmp_path, **nothing)
    assert np.isfinite(table["auc"]).all() and table["baseline_auc"].isna().all()
    assert len(scan(embedding, phenome_of(), tmp_path, **nothing)) == 0


def test_age_and_sex_stand_beside_the_embedding(embedding, tmp_path):
    phenome = phenome_of(I10=25)
    table = scan(
        embedding, phenome, tmp_path, age_years=np.where(np.arange(60) < 25, 70.0, 50)
    )
    assert table["baseline_auc"].iat[0] > 0.99
    increment = table["auc"] - table["baseline_auc"]
    np.testing.assert_allclose(table["increment"], increment)


def test_fewer_people_than_neighbours(embedding, tmp_path):
    few = Embedding(embedding.rows[:10], embedding.vectors[:10])
    with pytest.raises(InputError, match="10 participants have an embedding; 10") as e:
        make_atlas(few, Analysis(), tmp_path)
    assert "analysis.neighbours" in e.value.hint


def test_an_atlas_has_one_row_for_each_participant(done_study):
    study = load_study(done_study)
    store = Store(study.store_path)
    folder = store.at("atlas/liver/mae")
    eids = read_array(folder, "eids")
    n, k = len(eids), study.analysis.neighbours
    assert np.isin(eids, read_cohort(store).participants["eid"]).all()
    shapes = {
        name: read_array(folder, name).shape
        for name in ("umap", "clusters", "knn_indices", "knn_distances", "pc_scores")
    }
    assert shapes == {
        "umap": (n, 2), "clusters": (n,), "knn_indices": (n, k - 1),
        "knn_distances": (n, k - 1), "pc_scores": (n, study.analysis.pcs),
    }  # fmt: skip
    assert np.isfinite(read_array(folder, "umap")).all()
    assert sorted(set(read_array(folder, "clusters"))) == list(
        range(read_array(folder, "clusters").max() + 1)
    )
