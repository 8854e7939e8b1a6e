import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from edp_core.errors import InputError
from edp_core.vectors.atlas import pca
from edp_core.vectors.neighbours import cosine_knn


def _vectors(seed=0, n=300, m=20):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, m)) * np.linspace(3, 0.5, m) + 5


def test_components_equal_scikit_learn():
    z = _vectors()
    found, peer = pca(z, 7), PCA(7, svd_solver="full").fit(z)
    turn = np.sign(np.sum(found.components * peer.components_, axis=1))
    np.testing.assert_allclose(
        found.components, turn[:, None] * peer.components_, atol=1e-9
    )
    np.testing.assert_allclose(found.scores, turn * peer.transform(z), atol=1e-9)
    np.testing.assert_allclose(
        found.explained_ratio, peer.explained_variance_ratio_, atol=1e-12
    )
    np.testing.assert_allclose(found.mean, z.mean(0), atol=1e-12)


def test_signs_are_fixed_whatever_the_sign_of_the_input():
    z = _vectors(1)
    found, turned = pca(z, 5), pca(-z, 5)
    largest = np.argmax(np.abs(found.components), axis=1)
    assert np.all(found.components[np.arange(5), largest] > 0)
    np.testing.assert_allclose(turned.components, found.components, atol=1e-10)


def test_all_components_restore_the_vectors():
    z = _vectors(2, n=12, m=30)
    found = pca(z, 11)
    np.testing.assert_allclose(found.scores @ found.components + found.mean, z)
    assert found.explained_ratio.sum() == pytest.approx(1)


def test_pca_refuses():
    with pytest.raises(InputError, match="21 principal components of 300 vectors"):
        pca(_vectors(), 21)
    with pytest.raises(InputError, match="all 4 vectors are the same"):
        pca(np.ones((4, 3)), 1)
    with pytest.raises(InputError, match="1 of 2 vectors have missing"):
        pca([[1.0, 2.0], [np.nan, 3.0]], 1)
    with pytest.raises(InputError, match="vectors have shape"):
        pca(np.ones(3), 1)


@pytest.mark.parametrize("centred", [False, True])
def test_neighbours_equal_scikit_learn(centred):
    z = _vectors(3)
    moved = z - z.mean(0) if centred else z
    peer = NearestNeighbors(n_neighbors=10, metric="cosine", algorithm="brute")
    far, near = peer.fit(moved).kneighbors(moved)
    indices, distances = cosine_knn(z, 9, centred=centred)
    assert indices.dtype == np.int32 and distances.dtype == np.float32
    np.testing.assert_array_equal(indices, near[:, 1:])
    np.testing.assert_allclose(distances, far[:, 1:], atol=1e-6)


def test_block_size_changes_nothing():
    z = _vectors(4).astype(np.float32)
    whole = cosine_knn(z, 5)
    for block in (16, 77, 299):
        for one, other in zip(whole, cosine_knn(z, 5, block=block), strict=True):
            np.testing.assert_array_equal(one, other)


def test_ties_stand_in_order_of_index_and_self_is_out():
    rng = np.random.default_rng(5)
    kinds = rng.normal(size=(3, 6))
    which = np.arange(120) % 3
    indices, distances = cosine_knn(kinds[which], 10, centred=False)
    assert np.all(distances == 0)
    for i in range(120):
        same = [j for j in range(120) if which[j] == which[i] and j != i]
        assert indices[i].tolist() == same[:10]
    every, _ = cosine_knn(_vectors(6, n=8), 7)
    assert all(sorted({*row, i}) == list(range(8)) for i, row in enumerate(every))


def test_neighbours_do_not_depend_on_rotation_or_length():
    z = _vectors(7)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(20, 20)))[0]
    plain, _ = cosine_knn(z, 6)
    np.testing.assert_array_equal(cosine_knn(9 * z @ turn, 6)[0], plain)


def test_neighbours_refuse():
    z = _vectors(8, n=5)
    for k in (0, 5):
        with pytest.raises(InputError, match=f"{k} neighbours of 5 participants"):
            cosine_knn(z, k)
    with pytest.raises(InputError, match="3 of 3 vectors are zero after centring"):
        cosine_knn(np.full((3, 2), 0.1), 1)
    with pytest.raises(InputError, match="1 of 3 vectors are zero"):
        cosine_knn([[0.0, 0], [1, 0], [0, 1]], 1, centred=False)
    z[1, 1] = np.inf
    with pytest.raises(InputError, match="1 of 5 vectors have missing or infinite"):
        cosine_knn(z, 1)


def test_many_copies_are_looked_at_alone():
    """More candidates than are kept: the answer is the same, and memory is bounded."""
    rng = np.random.default_rng(9)
    z = np.concatenate([np.repeat(rng.normal(size=(2, 6)), 1400, axis=0),
                        rng.normal(size=(300, 6))])  # fmt: skip
    z = z[rng.permutation(len(z))]
    indices, distances = cosine_knn(z, 5, centred=False, block=512)
    unit = z / np.linalg.norm(z, axis=1)[:, None]
    for i in rng.choice(len(z), 60, replace=False):
        exact = (0.5 * np.sum((unit - unit[i]) ** 2, axis=1)).astype(np.float32)
        exact[i] = np.inf
        expected = np.lexsort((np.arange(len(z)), exact))[:5]
        np.testing.assert_array_equal(indices[i], expected)
        np.testing.assert_array_equal(distances[i], exact[expected])


@pytest.mark.parametrize("k", [1, 40, 255, 299])
def test_long_lists_of_neighbours(k):
    z = _vectors(10)
    moved = z - z.mean(0)
    peer = NearestNeighbors(n_neighbors=k + 1, metric="cosine", algorithm="brute")
    near = peer.fit(moved).kneighbors(moved, return_distance=False)
    np.testing.assert_array_equal(cosine_knn(z, k)[0], near[:, 1:])
