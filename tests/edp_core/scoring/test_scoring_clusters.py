import random

import numpy as np
import pytest
from scipy import sparse, stats
from scipy.spatial.distance import cdist

from edp_core.errors import InputError
from edp_core.scoring.clusters import cluster_score, knn_graph, leiden
from edp_core.scoring.enrichment import enrichment
from edp_core.stats import fisher
from edp_core.stats.multiplicity import benjamini_hochberg_log10
from edp_core.vectors.neighbours import cosine_knn


def _blobs(seed=0, sizes=(80, 200, 120)):
    rng = np.random.default_rng(seed)
    which = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centres = 4 * rng.normal(size=(len(sizes), 8))
    return centres[which] + rng.normal(size=(which.size, 8)), which


def test_edge_weights_are_umaps():
    umap_ = pytest.importorskip("umap.umap_")
    z, _ = _blobs()
    indices, distances = cosine_knn(z, 9)
    n = len(z)
    peer = umap_.fuzzy_simplicial_set(
        z,
        10,
        np.random.RandomState(0),
        "cosine",
        knn_indices=np.column_stack([np.arange(n), indices]),
        knn_dists=np.column_stack([np.zeros(n, np.float32), distances]),
    )[0]
    found = knn_graph(indices, distances).get_adjacency_sparse("weight")
    assert abs(found - peer).max() < 1e-4


def test_graph_joins_either_way_once():
    graph = knn_graph([[1], [2], [1], [1]], [[0.1], [0.2], [0.2], [0.4]])
    assert graph.get_edgelist() == [(0, 1), (1, 2), (1, 3)]
    assert graph.es["weight"] == pytest.approx([1, 1, 1])
    with pytest.raises(InputError, match="do not meet"):
        knn_graph([[1], [0]], [[0.1, 0.2], [0.1, 0.2]])
    for near, far in (([[1], [2]], 0.1), ([[0], [0]], 0.1), ([[1], [0]], -0.1)):
        with pytest.raises(InputError, match="neighbours of 2 participants hold"):
            knn_graph(near, np.full((2, 1), far))


def test_leiden_finds_the_blobs_largest_first():
    z, which = _blobs()
    labels = leiden(*cosine_knn(z, 15), resolution=0.2)
    assert labels.dtype == np.int32
    expected = np.array([2, 0, 1])[which]
    assert np.mean(labels == expected) > 0.97


def test_leiden_is_decided_by_its_seed_and_leaves_chance_alone():
    z = np.random.default_rng(1).normal(size=(400, 6))
    near = cosine_knn(z, 9)
    random.seed(5)
    before = random.getstate()
    first = leiden(*near, seed=3)
    assert random.getstate() == before
    np.random.default_rng(0)
    random.random()
    np.testing.assert_array_equal(first, leiden(*near, seed=3))
    assert any(np.any(first != leiden(*near, seed=s)) for s in range(4, 9))
    sizes = np.bincount(first)
    assert np.all(np.diff(sizes) <= 0) and first.max() + 1 == sizes.size


def test_higher_resolution_gives_more_clusters():
    near = cosine_knn(np.random.default_rng(2).normal(size=(500, 6)), 9)
    counts = [leiden(*near, resolution=r).max() for r in (0.3, 1.0, 3.0)]
    assert counts[0] < counts[1] < counts[2]
    with pytest.raises(InputError, match="resolution is 0"):
        leiden(*near, resolution=0)


def test_equal_clusters_stand_in_order_of_their_first_participant():
    near = np.array([[1, 2], [0, 2], [0, 1], [4, 5], [3, 5], [3, 4]])
    labels = leiden(near, np.full((6, 2), 0.1))
    np.testing.assert_array_equal(labels, [0, 0, 0, 1, 1, 1])


def test_enrichment_counts_and_tests():
    rng = np.random.default_rng(3)
    labels = rng.integers(-1, 3, 500)
    cases = rng.random((500, 5)) < [0.1, 0.3, 0.5, 0.02, 0]
    cases[labels == 1, 0] = rng.random(np.sum(labels == 1)) < 0.4
    table = enrichment(labels, cases)
    assert len(table) == 15
    inside = labels >= 0
    for row in table.itertuples():
        here, has = labels[inside] == row.cluster, cases[inside, row.trait]
        assert (row.n_cluster, row.n_cases) == (here.sum(), has.sum())
        assert row.n_both == np.sum(here & has)
        assert row.share_of_cluster == row.n_both / row.n_cluster
        if not has.any():
            assert np.isnan([row.share_of_cases, row.odds_ratio, row.log10p]).all()
            continue
        assert row.share_of_cases == row.n_both / row.n_cases
        cross = [[np.sum(a & b) for b in (has, ~has)] for a in (here, ~here)]
        expected = -np.log10(stats.fisher_exact(cross).pvalue)
        assert row.log10p == pytest.approx(expected, abs=1e-9)
        ratio = fisher.odds_ratio(row.n_both, here.sum(), has.sum(), inside.sum())
        given = (row.odds_ratio, row.or_low, row.or_high)
        np.testing.assert_allclose(given, ratio)
    np.testing.assert_array_equal(
        table["log10q"], benjamini_hochberg_log10(table["log10p"])
    )
    best = table.loc[table["log10q"].idxmax()]
    assert (best["cluster"], best["trait"]) == (1, 0) and best["or_low"] > 1


def test_enrichment_takes_sparse_cases_and_any_order():
    rng = np.random.default_rng(4)
    labels, cases = rng.integers(0, 4, 300), rng.random((300, 20)) < 0.1
    plain = enrichment(labels, cases)
    for kind in (sparse.csr_array, sparse.csc_matrix):
        assert plain.equals(enrichment(labels, kind(cases)))
    order = rng.permutation(300)
    assert plain.equals(enrichment(labels[order], cases[order]))


def test_enrichment_under_the_null_is_conservative():
    rng = np.random.default_rng(5)
    table = enrichment(rng.integers(0, 5, 800), rng.random((800, 300)) < 0.05)
    share = np.mean(table["log10p"] > -np.log10(0.05))
    assert share <= stats.binom.ppf(0.9999, 1500, 0.05) / 1500
    assert (table["log10q"] < 2).all()


def test_enrichment_refuses():
    with pytest.raises(InputError, match="do not meet"):
        enrichment(np.zeros(3), np.ones((4, 1), bool))
    with pytest.raises(InputError, match="no participant lies in a cluster"):
        enrichment(np.full(3, -1), np.ones((3, 1), bool))


@pytest.mark.parametrize("centred", [False, True])
def test_score_is_minus_the_cosine_distance_without_oneself(centred):
    z, which = _blobs(6)
    members = (which == 1) & (np.arange(400) % 3 == 0)
    found = cluster_score(z, members, centred=centred)
    own = cluster_score(z, members, centred=centred, self_excluded=False)
    moved = z - z.mean(0) if centred else z
    expected = -cdist(moved, moved[members].mean(0)[None], "cosine")[:, 0]
    np.testing.assert_allclose(own, expected, atol=1e-12)
    for i in np.flatnonzero(members):
        others = members.copy()
        others[i] = False
        expected[i] = -cdist(moved[[i]], moved[others].mean(0)[None], "cosine")[0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.all(own[members] > found[members])
    assert found.min() >= -2 and found.max() <= 0
    assert found[which == 1].mean() > found[which != 1].mean()


def test_score_does_not_depend_on_rotation_scale_or_a_shared_mean():
    z, which = _blobs(7)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    plain = cluster_score(z, which == 0)
    np.testing.assert_allclose(
        cluster_score(3 * z @ turn + 50, which == 0), plain, atol=1e-10
    )
    shifted = cluster_score(z + 500, which == 0, centred=False)
    assert np.ptp(shifted) < 1e-2 * np.ptp(plain)


def test_score_of_a_vector_without_direction_is_missing():
    z = np.array([[1.0, 0], [2, 0], [0, 0], [0, 1]])
    found = cluster_score(z, np.array([True, True, False, False]), centred=False)
    np.testing.assert_allclose(found, [0, 0, np.nan, -1])


def test_score_refuses():
    z = np.ones((4, 2))
    with pytest.raises(InputError, match="too few cases"):
        cluster_score(z, np.arange(4) == 1)
    with pytest.raises(InputError, match="too few cases"):
        cluster_score(z, np.zeros(4, bool))
    with pytest.raises(InputError, match="do not meet"):
        cluster_score(z, np.ones(3, bool))
    z[2, 0] = np.nan
    with pytest.raises(InputError, match="1 vectors have missing"):
        cluster_score(z, np.ones(4, bool))
