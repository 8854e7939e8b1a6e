"""People along a phenotype and over clusters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.appraisal.exemplars import PERCENTILES, at_percentiles, spread
from edp_core.errors import InputError


def test_they_are_the_nearest_in_rank():
    rng = np.random.default_rng(1)
    values = rng.normal(size=1000)
    values[rng.random(1000) < 0.2] = np.nan
    n = int(np.isfinite(values).sum())
    among = rng.random(1000) < 0.3
    found = at_percentiles(values, count=5, among=among)
    assert [e.asked for e in found] == list(PERCENTILES)
    standing = np.array(
        [100 * ((values < v).sum() + 0.5) / n if v == v else np.nan for v in values]
    )
    for exemplars in found:
        away = np.where(among, np.abs(standing - exemplars.asked), np.inf)
        nearest = set(np.argsort(np.nan_to_num(away, nan=np.inf))[:5])
        assert set(exemplars.rows) == nearest
        assert (exemplars.values == values[exemplars.rows]).all()
        assert (np.diff(exemplars.values) > 0).all()
        np.testing.assert_allclose(exemplars.percentiles, standing[exemplars.rows])
        assert exemplars.n == n


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 99))
def test_as_many_as_there_are_and_nobody_twice(n, count, seed):
    values = np.random.default_rng(seed).integers(0, 4, n).astype(float)
    for exemplars in at_percentiles(values, count=count, seed=seed):
        assert len(set(exemplars.rows)) == len(exemplars.rows) == min(n, count)
        assert (np.diff(exemplars.values) >= 0).all()
        assert ((exemplars.percentiles > 0) & (exemplars.percentiles < 100)).all()


def test_equal_values_stand_in_one_place_and_come_by_chance():
    values = np.repeat([0.0, 1.0], 50)
    (low,) = at_percentiles(values, (10,), count=3, seed=1)
    assert (low.percentiles == 25.0).all()
    (other,) = at_percentiles(values, (10,), count=3, seed=2)
    assert set(low.rows) != set(other.rows)


@pytest.mark.parametrize(
    ("values", "asked", "said"),
    [
        ([np.nan, np.nan], {}, "Of 0 people"),
        ([1.0, 2.0], {"among": [False, False]}, "nobody can be shown"),
        ([1.0, np.inf], {}, "infinite"),
        ([1.0, 2.0], {"among": [True]}, "do not meet"),
        ([1.0, 2.0], {"at": (101,)}, "101"),
        ([1.0, 2.0], {"count": 0}, "0 people"),
    ],
)
def test_what_cannot_be_found_is_refused(values, asked, said):
    with pytest.raises(InputError, match=said):
        at_percentiles(np.array(values), **asked)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=9), st.integers(1, 80))
def test_every_group_has_its_share(sizes, count):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    rows = spread(np.append(groups, -1), count)
    assert len(set(rows)) == len(rows) == min(count, sum(sizes))
    assert (np.diff(rows) > 0).all()
    seats = np.bincount(groups[rows], minlength=len(sizes))
    if count >= len(sizes):
        assert (seats >= 1).all()
        # no seat would serve another group better (beyond the first of each)
        worth = np.array(sizes) / (seats + 1) * (seats < sizes)
        least = np.array(sizes)[seats > 1] / seats[seats > 1]
        assert not least.size or worth.max() <= least.min() + 1e-9
    else:
        assert seats.max() == 1
        assert min(np.array(sizes)[seats == 1]) >= max(np.array(sizes)[seats == 0])


def test_the_draw_depends_on_the_seed_alone():
    groups = np.repeat([0, 1], 100)
    assert (spread(groups, 20, seed=3) == spread(groups, 20, seed=3)).all()
    assert (spread(groups, 20, seed=3) != spread(groups, 20, seed=4)).any()
    with pytest.raises(InputError):
        spread([-1, -1], 3)
