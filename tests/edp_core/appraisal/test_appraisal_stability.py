import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from edp_core.appraisal.stability import (
    among,
    best_jaccard,
    cluster_stability,
    comparison,
)
from edp_core.errors import InputError
from edp_core.scoring.clusters import knn_graph, leiden
from edp_core.vectors.neighbours import cosine_knn


def _blobs(seed=0, apart=4.0, sizes=(120, 100, 80)):
    rng = np.random.default_rng(seed)
    which = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centres = apart * np.eye(8)[: len(sizes)] * 2
    return centres[which] + rng.normal(size=(which.size, 8)), which


@pytest.mark.parametrize("longer", [1, 4])
def test_neighbours_among_some_are_those_found_anew(longer):
    z, _ = _blobs()
    z -= z.mean(axis=0)
    drawn = np.unique(np.random.default_rng(1).integers(0, len(z), len(z)))
    lists = cosine_knn(z, longer * 9, centred=False)
    found = among(z, lists, drawn=drawn, k=9)
    for one, other in zip(found, cosine_knn(z[drawn], 9, centred=False), strict=True):
        np.testing.assert_array_equal(one, other)


def test_best_jaccard_by_hand():
    one = [0, 0, 0, 0, 1, 1, 3]
    other = [0, 0, 0, 1, 1, 1, 1]
    found = best_jaccard(one, other, count=5)
    np.testing.assert_allclose(found, [3 / 4, 2 / 4, np.nan, 1 / 4, np.nan])


def test_clumps_are_stable_and_a_cloud_cut_in_two_is_not():
    z, which = _blobs()
    asked = {"k": 9, "resolution": 0.2, "repeats": 6}
    firm = cluster_stability(z, which, **asked)
    assert firm["jaccard"].min() > 0.9 and (firm["found"] == 1).all()
    assert (firm["n"] == np.bincount(which)).all() and (firm["repeats"] == 6).all()
    loose = cluster_stability(
        z, np.random.default_rng(0).integers(0, 3, len(z)), **asked
    )
    assert loose["jaccard"].max() < 0.4 and (loose["dissolved"] == 1).all()
    for table in (firm, loose):
        assert (table["jaccard_low"] <= table["jaccard"]).all()
        assert (table["jaccard"] <= table["jaccard_high"]).all()


def test_a_seed_decides_the_samples():
    z, _ = _blobs(1, apart=1.0)
    labels = leiden(*cosine_knn(z, 9))
    asked = {"k": 9, "resolution": 1.0, "repeats": 3}
    one = cluster_stability(z, labels, seed=5, **asked)
    assert one.equals(cluster_stability(z, labels, seed=5, **asked))
    assert not one.equals(cluster_stability(z, labels, seed=6, **asked))
    assert one.equals(cluster_stability(3 * z + 10, labels, seed=5, **asked))


def test_no_repeats_give_no_rows_and_labels_must_meet():
    z, which = _blobs()
    table = cluster_stability(z, which, k=9, resolution=1, repeats=0)
    assert len(table) == 0 and "jaccard_low" in table
    with pytest.raises(InputError, match="3 labels do not meet"):
        cluster_stability(z, which[:3], k=9, resolution=1, repeats=1)


def test_a_clustering_is_compared_with_others():
    z, _which = _blobs()
    near = cosine_knn(z, 9)
    labels = leiden(*near, resolution=0.2, seed=3)
    table = comparison(z, labels, near, resolution=0.2, resolutions=(0.2, 5.0), seed=3)
    assert table["method"].tolist() == ["leiden"] * 6 + ["k-means", "ward"]
    assert table["seed"].tolist() == [3, 4, 5, 6, 7, 3, 3, 3]
    first = table.iloc[0]
    assert first["adjusted_rand"] == 1 and first["resolution"] == 0.2
    assert (table["n"] == len(z)).all()
    finer = leiden(*near, resolution=5.0, seed=3)
    row = table.iloc[5]
    assert row["adjusted_rand"] == pytest.approx(adjusted_rand_score(labels, finer))
    assert row["n_clusters"] == finer.max() + 1 > first["n_clusters"]
    graph = knn_graph(*near)
    weights = graph.get_adjacency_sparse("weight")
    degree = np.asarray(weights.sum(axis=1)).ravel()
    same = labels[:, None] == labels
    expected = (weights.toarray() - np.outer(degree, degree) / degree.sum())[same]
    assert first["modularity"] == pytest.approx(expected.sum() / degree.sum())
    assert table["modularity"].max() == pytest.approx(first["modularity"], abs=0.01)
    assert (table["n_clusters"].iloc[6:] == first["n_clusters"]).all()
    assert table["adjusted_rand"].iloc[6:].min() > 0.9
