"""Axes and components as scores: against scikit-learn, and by their invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from edp_core.errors import InputError
from edp_core.scoring import axes
from edp_core.scoring.adjust import remove
from edp_core.vectors.atlas import pca

N, M = 300, 12


@pytest.fixture
def vectors():
    rng = np.random.default_rng(4)
    mixed = rng.normal(size=(N, M)) @ rng.normal(size=(M, M))
    return (mixed + rng.normal(3, 5, M)).astype(np.float32)


def test_components_are_those_of_scikit_learn_but_for_sign(vectors):
    theirs = PCA(5, svd_solver="full").fit(vectors.astype(float))
    scores = theirs.transform(vectors.astype(float))
    held = pca(vectors, 5).components
    for number in range(1, 6):
        direction = axes.component_direction(held, number)
        mine = axes.directed_score(vectors, direction)
        sign = np.sign(mine @ scores[:, number - 1])
        np.testing.assert_allclose(mine, sign * scores[:, number - 1], atol=1e-6)
        share = axes.variance_explained(vectors, direction)
        assert share == pytest.approx(theirs.explained_variance_ratio_[number - 1])


def test_an_axis_is_a_column_less_its_mean(vectors):
    for number in (1, 7, M):
        mine = axes.directed_score(vectors, axes.axis_direction(number, M))
        column = vectors[:, number - 1].astype(float)
        np.testing.assert_allclose(mine, column - column.mean(), atol=1e-9)


def test_the_shares_of_all_components_and_of_all_axes_add_up_to_one(vectors):
    held = pca(vectors, M).components
    for directions in (
        [axes.component_direction(held, i + 1) for i in range(M)],
        [axes.axis_direction(i + 1, M) for i in range(M)],
    ):
        total = sum(axes.variance_explained(vectors, d) for d in directions)
        assert total == pytest.approx(1)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_sign_does_not_depend_on_who_computed_the_component(seed):
    rng = np.random.default_rng(seed)
    held = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    turned = held * rng.choice([-1, 1], 5)[:, None]
    for number in range(1, 6):
        one = axes.component_direction(held, number)
        np.testing.assert_array_equal(one, axes.component_direction(turned, number))
        assert one[np.argmax(np.abs(one))] > 0


def test_of_two_loadings_of_one_size_the_first_decides():
    direction = axes.component_direction([[-0.5, 0.5, -0.5, 0.5]], 1)
    np.testing.assert_array_equal(direction, [0.5, -0.5, 0.5, -0.5])


def test_a_component_stays_itself_when_others_are_removed(vectors):
    held = pca(vectors, 4).components
    direction = axes.component_direction(held, 2)
    rest = remove(vectors, pcs=held[[0, 2]])
    np.testing.assert_allclose(
        axes.directed_score(rest, direction),
        axes.directed_score(vectors, direction),
        atol=1e-6,
    )


def test_what_is_removed_is_uncorrelated_with_the_score(vectors):
    age = np.random.default_rng(1).normal(60, 8, N) + vectors[:, 0]
    held = pca(vectors, 4).components
    rest = remove(vectors, design=age[:, None])
    score = axes.directed_score(rest, axes.component_direction(held, 1))
    assert abs(np.corrcoef(score, age)[0, 1]) < 1e-9


def test_an_axis_of_which_nothing_is_left_is_refused(vectors):
    everything = pca(vectors, M).components
    with pytest.raises(InputError, match="Nothing is left of the embedding"):
        remove(vectors, pcs=everything)
    constant = vectors.copy()
    constant[:, 3] = 7
    with pytest.raises(InputError, match="Nothing is left of this axis"):
        axes.directed_score(constant, axes.axis_direction(4, M))


@pytest.mark.parametrize("number", [0, M + 1])
def test_numbers_are_counted_from_one(vectors, number):
    with pytest.raises(InputError, match=rf"Axis {number} .* the embedding has 12"):
        axes.axis_direction(number, M)
    held = pca(vectors, M).components
    with pytest.raises(InputError, match=rf"PC {number} .* the atlas holds 12"):
        axes.component_direction(held, number)


@pytest.mark.parametrize("of", [axes.directed_score, axes.variance_explained])
def test_what_is_no_embedding_is_refused(vectors, of):
    holes = vectors.copy()
    holes[2, 3] = np.nan
    with pytest.raises(InputError, match="1 vectors have missing"):
        of(holes, axes.axis_direction(1, M))
    with pytest.raises(InputError, match="do not meet"):
        of(vectors, axes.axis_direction(1, M + 1))
    with pytest.raises(InputError, match="do not meet"):
        of(vectors[:0], axes.axis_direction(1, M))


def test_vectors_that_are_all_the_same_explain_nothing():
    with pytest.raises(InputError, match="all 5 vectors are the same"):
        axes.variance_explained(np.ones((5, 3)), axes.axis_direction(1, 3))
