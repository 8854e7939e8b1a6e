"""Thinning: nothing vanishes, nothing is made up, and the bins are PheWeb's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.gwas import thinning
from edp_core.gwas.thinning import BIN, UNBINNED, thin


def variants(seed, count, scale=3.0, digits=3):
    rng = np.random.default_rng(seed)
    chrom = np.sort(rng.choice([1, 2, 23], count)).astype(np.int8)
    pos = rng.integers(1, 30_000_000, count).astype(np.int32)
    log10p = np.round(rng.exponential(scale, count) ** 1.5, digits)
    log10p[rng.random(count) < 0.02] = np.nan
    return chrom, pos, log10p


def height(value):
    return 0.05 if value < 20 else 0.1 if value < 40 else 0.2


def plain(chrom, pos, log10p, alone):
    """Occupied bins in loops: (chromosome, column) → {bottom of a bin: its top}."""
    bins = {}
    for i in range(len(pos)):
        if np.isnan(log10p[i]) or i in alone:
            continue
        start, size = next(
            (s, 1 / n) for s, n in reversed(thinning.STEPS) if log10p[i] >= s
        )
        number = int((log10p[i] - start) / size + 1e-12)
        bottom = round(start + number * size, 6)
        column = bins.setdefault((int(chrom[i]), int(pos[i]) // BIN), {})
        column[bottom] = round(bottom + size, 6)
    return bins


def strokes(bins):
    """Points and extents of the occupied bins, by their middles."""
    points, extents = set(), set()
    for (chrom, column), steps in bins.items():
        at = column * BIN + BIN // 2
        run = []
        for bottom, top in sorted(steps.items()):
            if run and abs(run[-1][1] - bottom) > 1e-9:
                _close(run, chrom, at, points, extents)
                run = []
            run.append((bottom, top))
        _close(run, chrom, at, points, extents)
    return points, extents


def _close(run, chrom, at, points, extents):
    low, high = sum(run[0]) / 2, sum(run[-1]) / 2
    if len(run) == 1:
        points.add((chrom, at, round(low, 4)))
    else:
        extents.add((chrom, at, round(low, 4), round(high, 4)))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(0, 1500), st.sampled_from([1.0, 3.0, 9.0])
)
def test_the_marks_are_those_of_loops(seed, count, scale):
    # digits away from the bins' edges, where loops and arrays may round apart
    chrom, pos, log10p = variants(seed, count, scale)
    log10p = np.floor(log10p * 20) / 20 + 0.013
    found = thin(chrom, pos, log10p)
    own = found.points[found.points["row"] >= 0]
    strongest = np.argsort(-np.nan_to_num(log10p, nan=-1), kind="stable")[:UNBINNED]
    strongest = strongest[~np.isnan(log10p[strongest])]
    assert set(own["row"]) == set(strongest.tolist())
    points, extents = strokes(plain(chrom, pos, log10p, set(strongest.tolist())))
    lone = found.points[found.points["row"] < 0]
    assert {
        (row.chrom, row.pos, round(row.log10p, 4)) for row in lone.itertuples()
    } == points
    assert {
        (row.chrom, row.pos, round(row.low, 4), round(row.high, 4))
        for row in found.extents.itertuples()
    } == extents


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4000), st.booleans())
def test_every_variant_is_near_a_mark_and_every_mark_has_a_variant(seed, count, single):
    chrom, pos, log10p = variants(seed, count)
    if single:
        log10p = log10p.astype(np.float32)
    found = thin(chrom, pos, log10p)
    tested = ~np.isnan(log10p)
    assert (found.n, found.n_missing) == (tested.sum(), (~tested).sum())
    own = found.points[found.points["row"] >= 0]
    assert np.array_equal(own["log10p"], log10p[own["row"]].astype(float))
    assert np.array_equal(own["pos"], pos[own["row"]])
    marks = [
        (row.chrom, row.pos, row.log10p, row.log10p)
        for row in found.points[found.points["row"] < 0].itertuples()
    ] + [(row.chrom, row.pos, row.low, row.high) for row in found.extents.itertuples()]
    binned = tested.copy()
    binned[own["row"]] = False
    covered = np.zeros(len(pos), bool)
    for at, place, low, high in marks:
        inside = (
            binned
            & (chrom == at)
            & (np.abs(pos - place) <= BIN / 2)
            & (log10p >= low - height(low) / 2 - 1e-5)
            & (log10p <= high + height(high) / 2 + 1e-5)
        )
        assert inside.any()
        # nothing is drawn above the strongest variant or below the weakest
        assert log10p[inside].max() >= high - height(high) / 2 - 1e-5
        assert log10p[inside].min() <= low + height(low) / 2 + 1e-5
        covered |= inside
    assert covered[binned].all()


def test_blocks_do_not_show(monkeypatch):
    chrom, pos, log10p = variants(4, 3000)
    whole = thin(chrom, pos, log10p)
    monkeypatch.setattr(thinning, "_BLOCK", 97)
    parts = thin(chrom, pos, log10p)
    assert whole.points.equals(parts.points)
    assert whole.extents.equals(parts.extents)


def test_rows_to_keep_are_drawn_as_they_are():
    chrom, pos, log10p = variants(5, 3000)
    weak = int(np.nanargmin(log10p))
    missing = int(np.flatnonzero(np.isnan(log10p))[0])
    found = thin(chrom, pos, log10p, keep=[weak, missing, weak])
    rows = found.points["row"].tolist()
    assert rows.count(weak) == 1 and missing not in rows
    assert len([row for row in rows if row >= 0]) == UNBINNED + 1


def test_of_equal_p_the_first_are_drawn():
    count = 2 * UNBINNED
    found = thin(np.ones(count), np.arange(1, count + 1), np.full(count, 0.31))
    assert found.points["row"].tolist() == [*range(UNBINNED), -1]
    assert found.points["log10p"].iloc[-1] == pytest.approx(0.325)


def test_no_variant_is_no_mark():
    found = thin([], [], [])
    assert len(found.points) == len(found.extents) == found.n == 0


@pytest.mark.parametrize(
    ("chrom", "pos", "log10p", "said"),
    [
        ([1, 1], [1, 2], [1.0], "differ in length"),
        ([1, 1], [1, 2], [1.0, np.inf], "infinite for 1 variants"),
        ([1, 1], [1, 2], [-0.1, -1.0], "below 0 or infinite for 2 variants"),
        ([1, 27], [1, 2], [1.0, 1.0], "1 variants lie on no chromosome"),
        ([1, 1], [0, 400_000_000], [1.0, 1.0], "2 variants lie on no"),
    ],
)
def test_what_cannot_be_is_named(chrom, pos, log10p, said):
    with pytest.raises(InputError, match=said):
        thin(chrom, pos, log10p)
