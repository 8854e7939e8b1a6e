"""Who lies inside an outline: the definition, its invariances, what is refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.vectors import lasso


def by_winding(outline, point):
    """Even–odd by the turns of the outline around a point: an odd number is inside."""
    to = np.asarray(outline, float) - point
    angle = np.arctan2(to[:, 1], to[:, 0])
    turn = np.diff(np.r_[angle, angle[0]])
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    return round(turn.sum() / (2 * np.pi)) % 2 == 1


def by_ray(outline, point):
    """The same by a ray to the right, in fractions: no rounding at all."""
    x, y = map(Fraction, point)
    odd = False
    for (x1, y1), (x2, y2) in zip(outline, [*outline[1:], outline[0]], strict=True):
        x1, y1, x2, y2 = map(Fraction, (x1, y1, x2, y2))
        if (y1 <= y) != (y2 <= y):
            odd ^= x < x1 + (y - y1) * (x2 - x1) / (y2 - y1)
    return odd


@pytest.mark.parametrize("vertices", [3, 4, 17, 120])
def test_it_is_the_turns_of_the_outline_around_a_point(vertices):
    rng = np.random.default_rng(vertices)
    points = rng.normal(size=(400, 2)) * 2
    outline = rng.normal(size=(vertices, 2)) * 2  # crosses itself everywhere
    expected = [by_winding(outline, point) for point in points]
    assert any(expected)
    np.testing.assert_array_equal(lasso.inside(outline, points), expected)


corner = st.tuples(st.integers(-6, 6), st.integers(-6, 6))


@settings(max_examples=150, deadline=None)
@given(st.lists(corner, min_size=3, max_size=9, unique=True), st.lists(corner))
def test_on_a_grid_it_is_the_ray_in_fractions_on_edges_and_corners_too(outline, points):
    expected = [by_ray(outline, point) for point in points]
    found = lasso.inside(outline, np.array(points, float).reshape(-1, 2))
    assert found.tolist() == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_neither_direction_nor_begin_nor_place_matters(seed):
    rng = np.random.default_rng(seed)
    outline = rng.normal(size=(rng.integers(3, 40), 2))
    points = rng.normal(size=(200, 2))
    found = lasso.inside(outline, points)
    np.testing.assert_array_equal(lasso.inside(outline[::-1], points), found)
    shifted = np.roll(outline, rng.integers(len(outline)), axis=0)
    np.testing.assert_array_equal(lasso.inside(shifted, points), found)
    order = rng.permutation(len(points))
    np.testing.assert_array_equal(lasso.inside(outline, points[order]), found[order])
    # powers of two and whole numbers move no digit
    np.testing.assert_array_equal(lasso.inside(outline * 4, points * 4), found)
    closed = np.vstack([outline, outline[:1]])
    np.testing.assert_array_equal(lasso.inside(closed, points), found)


def test_two_halves_of_a_box_hold_everybody_once():
    points = np.random.default_rng(1).integers(-5, 6, size=(500, 2)).astype(float)
    left = lasso.inside([(-6, -6), (0, -6), (0, 6), (-6, 6)], points)
    right = lasso.inside([(0, -6), (6, -6), (6, 6), (0, 6)], points)
    assert not (left & right).any()
    assert (left | right).all()


def test_what_is_nowhere_is_in_nothing():
    square = [(0, 0), (1, 0), (1, 1), (0, 1)]
    assert lasso.inside(square, [(np.nan, 0.5), (0.5, 0.5), (9, 9)]).tolist() == [
        False, True, False,
    ]  # fmt: skip
    assert lasso.inside(square, np.zeros((0, 2))).shape == (0,)


def test_what_is_enclosed_twice_is_outside_and_said_to_cross():
    star = [(np.sin(4 * np.pi * k / 5), np.cos(4 * np.pi * k / 5)) for k in range(5)]
    assert lasso.crosses_itself(star)
    assert not lasso.inside(star, [(0, 0)])[0]
    assert lasso.inside(star, [(0, 0.8)])[0]


@pytest.mark.parametrize("vertices", [3, 5, 300])
def test_an_outline_around_a_middle_does_not_cross_itself(vertices):
    rng = np.random.default_rng(vertices)
    angle = np.sort(rng.uniform(0, 2 * np.pi, vertices))
    round_it = np.column_stack([np.cos(angle), np.sin(angle)])
    assert not lasso.crosses_itself(round_it * rng.uniform(1, 2, (vertices, 1)))


@pytest.mark.parametrize(
    ("outline", "said"),
    [
        ([(0, 0)] * 10_000, "10,000 vertices; 2,000"),
        ([(0, 0), (1, np.nan), (1, 1)], "1 of 3 vertices"),
        ([(0, 0), (1, np.inf), (1e9, 1)], "2 of 3 vertices"),
        ([(0, 0), (1, 0)], "fewer than three"),
        ([(0, 0), (1, 0), (0, 0), (1, 0)], "fewer than three"),
        ([(0, 0, 0)] * 3, "not a list of x and y"),
        ([("a", "b")] * 3, "not a list of x and y"),
        ([(0, 0), (1,), (1, 1)], "not a list of x and y"),
        ("polygon", "not a list of x and y"),
        (None, "not a list of x and y"),
        ([], "not a list of x and y"),
        ({"x": 1}, "not a list of x and y"),
    ],
)
def test_what_is_no_outline_is_named(outline, said):
    with pytest.raises(InputError, match=said) as caught:
        lasso.checked(outline)
    assert caught.value.hint
