import numpy as np
import pandas as pd
import pytest

from edp_core.people.measures import Joined
from edp_core.store import Store, read_table
from edp_core.study import load_study
from edp_core.vectors.embedding import Embedding
from precompute.probes import ALL, combined, make_probes, organs_of

N = 200


def _embedding(eids, signal, seed):
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"eid": eids, "instance": "2", "side": ""})
    z = rng.normal(size=(len(eids), 6)) + signal[:, None]
    return Embedding(rows, z.astype(np.float32))


def test_every_predictor_stands_beside_the_constant(tmp_path):
    rng = np.random.default_rng(0)
    eids = np.array([f"{1000001 + i}" for i in range(N)])
    age = rng.normal(60, 8, N)
    people = pd.DataFrame({"eid": eids, "age_years": age})
    people["liver_ml"] = 1500 + 5 * (age - 60) + rng.normal(0, 50, N)
    people["kidney_ml"] = rng.normal(300, 30, N)
    slots = {"liver_ml": "images/liver", "kidney_ml": "images/kidney"}
    shared = (age - 60) / 8
    embeddings = {
        "liver": _embedding(eids[10:], shared[10:], 1),
        "kidney": _embedding(eids[:-20], shared[:-20], 2),
    }
    make_probes(
        embeddings, Joined(people, slots), folds=np.arange(N) % 5, folder=tmp_path
    )
    table = read_table(tmp_path, "probes")
    assert set(table["target"]) == {"age_years", "liver_ml", "kidney_ml"}
    rows = table[table["target"] == "age_years"].set_index("predictor")
    assert list(rows.index) == [
        "constant", "liver volume", "kidney volume", "all volumes",
        "liver embedding", "kidney embedding", "all embeddings",
    ]  # fmt: skip
    assert (rows["n"] == N - 30).all() and (rows["reason"] == "").all()
    assert rows.loc["all embeddings", "mae"] < rows.loc["liver embedding", "mae"]
    assert rows.loc["liver embedding", "mae"] < rows.loc["constant", "mae"]
    assert rows.loc["kidney volume", "r2"] < 0.02 < rows.loc["liver volume", "r2"]


def test_without_age_and_volumes_there_is_nothing_to_probe(tmp_path):
    eids = np.array([f"{1000001 + i}" for i in range(N)])
    people = Joined(pd.DataFrame({"eid": eids}), {})
    made = {"liver": _embedding(eids, np.zeros(N), 1)}
    make_probes(made, people, folds=np.arange(N) % 5, folder=tmp_path)
    table = read_table(tmp_path, "probes")
    assert table.empty and "mae" in table.columns


@pytest.mark.parametrize("organ", ["liver", ALL])
def test_a_study_probes_each_embedding_and_all_of_an_encoder(done_study, organ):
    study = load_study(done_study)
    assert combined(study) == ["mae"]
    assert organs_of(study, organ, "mae") == (
        ["liver", "kidney"] if organ == ALL else ["liver"]
    )
    table = read_table(Store(study.store_path).at(f"probes/{organ}/mae"), "probes")
    rows = table[table["target"] == "age_years"].set_index("predictor")
    assert {"constant", "liver volume", "liver embedding"} <= set(rows.index)
    assert ("all embeddings" in rows.index) == (organ == ALL)
    assert (rows["n"] > 50).all() and rows["mae"].notna().all()
