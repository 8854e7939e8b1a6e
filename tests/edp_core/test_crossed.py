"""Planes and crossed tables: no small count, none that follows from a row or column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.crossed import hide_crossed, mosaic
from edp_core.errors import InputError
from edp_core.partition import is_safe


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 400),
    least=st.integers(2, 12),
    kind=st.sampled_from(["normal", "heavy", "ties", "constant"]),
    seed=st.integers(0, 2**16),
)
def test_every_rectangle_of_a_plane_holds_enough(n, least, kind, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, n))
    if kind == "heavy":
        x, y = x**5, np.exp(4 * y)
    elif kind == "ties":
        x, y = np.round(x), np.round(3 * y)
    elif kind == "constant":
        y = np.full(n, 7.0)
    x[rng.random(n) < 0.1] = np.nan
    both = np.isfinite(x) & np.isfinite(y)
    table = mosaic(x, y, least=least)
    if both.sum() < least:
        assert table.empty
        return
    assert (table["count"] >= least).all()
    assert table["count"].sum() == both.sum()
    area = (table["right"] - table["left"]) * (table["top"] - table["bottom"])
    assert np.sum(table["density"] * area) == pytest.approx(1)
    # they do not overlap: halves of halves
    for one in table.itertuples():
        apart = (
            (table["left"] >= one.right)
            | (table["right"] <= one.left)
            | (table["bottom"] >= one.top)
            | (table["top"] <= one.bottom)
        )
        assert (~apart).sum() == 1


def test_rectangles_count_who_lies_in_them():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(size=(2, 5000))
    table = mosaic(x, y, least=5)
    low, high = np.percentile(x, [0.25, 99.75])
    base, top = np.percentile(y, [0.25, 99.75])
    inner = table[
        (table["left"] > low)
        & (table["right"] < high - 1e-9)
        & (table["bottom"] > base)
        & (table["top"] < top - 1e-9)
    ]
    assert len(inner) > 50
    for one in inner.itertuples():
        inside = (x >= one.left) & (x < one.right) & (y >= one.bottom) & (y < one.top)
        assert inside.sum() == one.count


def test_edges_are_fractions_of_the_range_and_nobodys_value():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 2000))
    table = mosaic(x, y, least=5)
    low, high = np.percentile(x, [0.25, 99.75])
    steps = (table[["left", "right"]].to_numpy() - low) / (high - low) * 64
    assert np.allclose(steps, np.round(steps), atol=1e-6)
    base, top = np.percentile(y, [0.25, 99.75])
    tall = (table["top"] - table["bottom"]) / (top - base)
    wide = (table["right"] - table["left"]) / (high - low)
    assert ((tall / wide).between(0.24, 4.01)).all()
    # the outermost people do not move an edge
    x[np.argmax(x)] = 1e6
    again = mosaic(x, y, least=5)
    assert again.equals(table)


def test_a_plane_is_finer_where_there_are_more_people():
    rng = np.random.default_rng(3)
    sizes = [len(mosaic(*rng.normal(size=(2, n)), least=5)) for n in (100, 1000, 10000)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_columns_that_do_not_meet_are_refused():
    with pytest.raises(InputError, match="does not meet"):
        mosaic(np.zeros(3), np.zeros(4), least=5)


@settings(max_examples=80, deadline=None)
@given(
    shape=st.tuples(st.integers(2, 6), st.integers(2, 6)),
    mean=st.sampled_from([1.0, 4.0, 12.0]),
    threshold=st.integers(3, 10),
    seed=st.integers(0, 2**16),
)
def test_no_row_or_column_of_a_crossed_table_tells_a_small_count(
    shape, mean, threshold, seed
):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(mean * rng.gamma(1, 1, size=shape))
    hidden = hide_crossed(counts, threshold)
    assert hidden[(counts > 0) & (counts < threshold)].all()
    for lines, masks in ((counts, hidden), (counts.T, hidden.T)):
        for line, mask in zip(lines, masks, strict=True):
            assert not mask.any() or mask.all() or is_safe(line, mask, threshold)


def test_a_table_without_small_counts_is_shown_whole():
    assert not hide_crossed(np.array([[10, 0, 7], [5, 30, 0]]), 5).any()


def test_a_small_cell_takes_one_of_its_row_and_one_of_its_column_along():
    counts = np.full((4, 4), 20)
    counts[1, 2] = 2
    hidden = hide_crossed(counts, 5)
    assert hidden[1, 2]
    assert hidden[1].sum() >= 2
    assert hidden[:, 2].sum() >= 2
    assert not hidden.all()
