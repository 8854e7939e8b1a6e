"""Resampling by matrices, against Pillow and by invariances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from precompute.resample import Line, centred, chosen, resample


def whole(n, m):
    """Matrix that stretches n voxels over m."""
    return Line(0, n / m, m).matrix(n, 1)


@pytest.mark.parametrize(("n", "m"), [(40, 16), (17, 17), (9, 31), (100, 7)])
def test_like_pillow_away_from_the_edges(n, m):
    rng = np.random.default_rng(n)
    row = rng.random(n).astype(np.float32)
    ours = whole(n, m) @ row
    image = Image.fromarray(np.tile(row, (3, 1)))
    theirs = np.asarray(image.resize((m, 3), Image.Resampling.BILINEAR))[1]
    edge = int(np.ceil(max(1, m / n))) + 1
    # beyond the volume ours sees nothing, Pillow leaves it out
    assert np.allclose(ours[edge:-edge], theirs[edge:-edge], atol=1e-5)
    assert m - 2 * edge > 0


@given(
    n=st.integers(1, 40),
    m=st.integers(1, 60),
    step=st.floats(0.2, 5),
    to=st.floats(0.2, 9),
)
def test_rows_sum_to_one_within_and_less_beyond(n, m, step, to):
    rows = centred(n * step, step=to, count=m).matrix(n, step).sum(axis=1)
    assert (rows <= 1 + 1e-5).all()
    assert (rows >= -1e-6).all()


def test_the_same_grid_changes_nothing():
    rng = np.random.default_rng(0)
    values = rng.random((5, 6, 7, 2)).astype(np.float32)
    inside = rng.random((5, 6, 7)) < 0.7
    found, kept = resample(values, inside, [whole(n, n) for n in inside.shape])
    assert (kept == inside).all()
    assert np.allclose(found[inside], values[inside], atol=1e-6)
    assert not found[~inside].any()


def test_what_lies_outside_never_bleeds_in():
    inside = np.zeros((20, 20, 20), bool)
    inside[4:15, 3:17, 5:18] = True
    values = np.where(inside[..., None], 0.5, 1e6).astype(np.float32)
    found, kept = resample(values, inside, [whole(20, m) for m in (9, 31, 13)])
    assert kept.any()
    assert np.allclose(found[kept], 0.5, atol=1e-5)


def test_volume_is_kept():
    """The resampled mask holds about the organ's volume, whatever the grid."""
    grid = np.stack(np.meshgrid(*[np.arange(40)] * 3, indexing="ij"), axis=-1) - 19.5
    inside = (grid**2).sum(axis=-1) < 15**2
    values = np.ones((*inside.shape, 1), np.float32)
    # a filter wider than the voxels rounds a ball's rim away a little
    for to, apart in ((0.5, 0.01), (1.0, 1e-6), (1.6, 0.03), (2.3, 0.08)):
        count = int(np.ceil(40 / to)) + 2
        matrix = centred(40, step=to, count=count).matrix(40, 1)
        _, kept = resample(values, inside, [matrix] * 3)
        assert kept.sum() * to**3 == pytest.approx(inside.sum(), rel=apart)


def test_a_linear_field_stays_linear():
    """Positions are right: a ramp in mm is the same ramp on the new grid."""
    ramp = (np.arange(30) + 0.5) * 2.0  # mm at the middles of 2 mm voxels
    values = np.broadcast_to(ramp[:, None, None, None], (30, 4, 4, 1)).astype(
        np.float32
    )
    line = Line(6.0, 3.1, 14)
    same = whole(4, 4)
    found, _ = resample(
        values, np.ones((30, 4, 4), bool), [line.matrix(30, 2.0), same, same]
    )
    at = 6.0 + (np.arange(14) + 0.5) * 3.1
    # a sampled triangle weighs the two sides of a middle a little unevenly
    assert np.abs(found[:, 1, 1, 0] - at).max() < 0.06 * 2.0
    exact = Line(6.0, 2.0, 20).matrix(30, 2.0)  # steps of whole voxels: exact
    found, _ = resample(values, np.ones((30, 4, 4), bool), [exact, same, same])
    assert np.allclose(found[:, 1, 1, 0], 7 + 2.0 * np.arange(20), atol=1e-4)


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(10, None, range(10)), (3, 8, range(3)), (9, 3, [1, 4, 7]), (8, 1, [4])],
)
def test_slices_are_the_middles_of_equal_parts(count, most, expected):
    assert chosen(Line(0, 1, count), most).tolist() == list(expected)
