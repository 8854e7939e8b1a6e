import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score

from edp_core.errors import InputError
from edp_core.scoring import clusterings
from edp_core.scoring.clusterings import adjusted_rand, k_means, numbered, ward


def _blobs(seed=0, sizes=(80, 200, 120), m=8):
    rng = np.random.default_rng(seed)
    which = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return 4 * rng.normal(size=(len(sizes), m))[which] + rng.normal(
        size=(which.size, m)
    ), which


def _unit(z):
    z = z - z.mean(axis=0)
    return z / np.linalg.norm(z, axis=1)[:, None]


def _inertia(unit, labels):
    return sum(
        np.sum((unit[labels == q] - unit[labels == q].mean(axis=0)) ** 2)
        for q in np.unique(labels)
    )


partition = st.lists(st.integers(0, 4), min_size=1, max_size=40)


@given(partition, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_adjusted_rand_equals_scikit_learn(one, random):
    other = [random.randint(0, 3) for _ in one]
    expected = adjusted_rand_score(one, other)
    assert adjusted_rand(one, other) == pytest.approx(expected, abs=1e-12)
    assert adjusted_rand(other, one) == pytest.approx(expected, abs=1e-12)
    assert adjusted_rand(one, [7 - label for label in one]) == 1


def test_adjusted_rand_is_zero_by_chance_and_refuses():
    rng = np.random.default_rng(0)
    found = [adjusted_rand(*rng.integers(0, 5, (2, 400))) for _ in range(50)]
    assert abs(np.mean(found)) < 0.003
    with pytest.raises(InputError, match="do not meet"):
        adjusted_rand([0, 1], [0])


@pytest.mark.parametrize("method", [k_means, ward])
def test_blobs_are_found_largest_first(method):
    z, which = _blobs()
    labels = method(z, 3)
    assert labels.dtype == np.int32 and np.all(np.diff(np.bincount(labels)) <= 0)
    assert adjusted_rand(labels, which) > 0.95
    np.testing.assert_array_equal(labels, method(7 * z + 3, 3))


def test_k_means_is_as_good_as_scikit_learns():
    z, _ = _blobs(1, sizes=(60,) * 8)
    unit = _unit(z)
    ours = [_inertia(unit, k_means(z, 8, seed=s)) for s in range(5)]
    peer = KMeans(8, n_init=20, random_state=0).fit(unit).inertia_
    assert min(ours) == pytest.approx(peer, rel=0.02)
    np.testing.assert_array_equal(k_means(z, 8, seed=3), k_means(z, 8, seed=3))
    distance = np.linalg.norm(
        unit[:, None] - [unit[k_means(z, 8) == q].mean(axis=0) for q in range(8)],
        axis=2,
    )
    np.testing.assert_array_equal(distance.argmin(axis=1), k_means(z, 8))


def test_k_means_finds_as_good_an_optimum_as_scikit_learn_with_one_start():
    ratios = []
    for seed in range(30):
        count, axes = 5 + seed % 20, 6 + seed % 24
        z, _ = _blobs(seed, sizes=(40,) * count, m=axes)
        peer = KMeans(count, n_init=1, random_state=seed).fit(_unit(z)).inertia_
        ratios.append(_inertia(_unit(z), k_means(z, count, seed=seed)) / peer)
    assert np.mean(np.array(ratios) < 1.03) >= 0.9
    assert np.mean(ratios) < 1.01


def test_more_centres_than_are_drawn_greedily(monkeypatch):
    z, which = _blobs(5, sizes=(30,) * 40, m=12)
    greedy = _inertia(_unit(z), k_means(z, 40))
    monkeypatch.setattr(clusterings, "_GREEDY", 39)
    assert greedy <= _inertia(_unit(z), k_means(z, 40))
    assert adjusted_rand(k_means(z, 40), which) > 0.7


@pytest.mark.parametrize("count", [1, 2, 5, 17])
def test_ward_equals_scikit_learn(count):
    z, _ = _blobs(2, sizes=(40, 50, 60))
    z += np.random.default_rng(0).normal(size=z.shape) * 2
    peer = AgglomerativeClustering(count, linkage="ward").fit_predict(_unit(z))
    assert adjusted_rand(ward(z, count), peer) == 1


def test_ward_on_micro_clusters_is_near_to_ward_of_all():
    z, which = _blobs(3)
    found = ward(z, 3, micro=60)
    assert adjusted_rand(found, ward(z, 3)) > 0.95
    assert adjusted_rand(found, which) > 0.95
    np.testing.assert_array_equal(found, ward(z, 3, micro=60))


def test_margins():
    z = np.random.default_rng(4).normal(size=(6, 9))  # more axes than participants
    for method in (k_means, ward):
        assert sorted(method(z, 6)) == list(range(6))
        assert set(method(z, 1)) == {0}
        for wrong in (0, 7):
            with pytest.raises(InputError, match=f"{wrong} clusters of 6"):
                method(z, wrong)
    twice = np.repeat(z, 5, axis=0)
    for method in (k_means, ward):
        labels = method(twice, 6).reshape(6, 5)
        assert np.all(labels == labels[:, :1])
    assert numbered([5, 2, 2, 5, 9]).tolist() == [0, 1, 1, 0, 2]
