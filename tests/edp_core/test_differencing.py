"""Counts of groups drawn at will: what follows from them, by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from edp_core.differencing import (
    MOST,
    counted_sets,
    hide_told,
    new_parts,
    tells_few,
    too_near,
)

LEAST = 5


def of(n, *rows):
    """A set of people by their numbers."""
    found = np.zeros(n, bool)
    found[list(rows)] = True
    return found


def follows(part, sets):
    """Whether the count of a part is a sum of multiples of the sets' counts."""
    rows, wanted = sets.astype(float), part.astype(float)
    found = np.linalg.lstsq(rows.T, wanted, rcond=None)[0]
    return np.allclose(found @ rows, wanted, atol=1e-7)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_part_is_told_where_its_count_follows_with_the_group_and_not_without(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(8, 40))
    sets = rng.random((int(rng.integers(1, 7)), n)) < rng.uniform(0.1, 0.9)
    members = rng.random(n) < 0.5
    both = np.vstack([sets, members])
    cells = {tuple(column) for column in both.T.tolist()}
    parts = [(np.array(cell) == both.T).all(axis=1) for cell in cells]
    expected = {
        tuple(part.tolist())
        for part in parts
        if follows(part, both) and not follows(part, sets)
    }
    assert {tuple(part.tolist()) for part in new_parts(members, sets)} == expected


def test_a_group_that_a_few_people_tell_from_another_is_near_it():
    n = 100
    first = of(n, *range(50))
    for rest, near in ((50, False), (49, True), (46, True), (45, False), (0, False)):
        sets = of(n, *range(rest))[None]
        assert bool(too_near(first, sets, LEAST).size) == near
        assert bool(too_near(sets[0], first[None], LEAST).size) == near
    # four of its own on either side: whoever knows one of them knows the rest
    swapped = of(n, *range(46), *range(60, 64))
    assert too_near(first, swapped[None], LEAST).tolist() == [0]
    assert not too_near(first, of(n, *range(46), *range(60, 65))[None], LEAST).size


def test_three_people_between_a_group_and_two_clusters_are_told():
    """No pair of counts is near, the three of them together tell."""
    n = 90
    labels = np.repeat([0, 1, 2], 30)
    members = of(n, *range(30), *range(40, 60), *range(60, 63))
    members[30:40] = True  # clusters 0 and 1 whole, and three of cluster 2
    sets, origin = counted_sets(members, labels, np.zeros((0, n), bool))
    assert tells_few(members, sets, LEAST)
    assert set(origin.tolist()) >= {-1, -4, -5, -6}
    assert -2 in origin
    whole = of(n, *range(60))
    assert not tells_few(whole, counted_sets(whole, labels, sets[:0])[0], LEAST)
    assert not too_near(whole, counted_sets(whole, labels, sets[:0])[0], LEAST).size


def test_a_trait_is_hidden_where_the_difference_of_two_groups_tells_its_cases():
    n = 200
    big, small = of(n, *range(100)), of(n, *range(60))
    cases = np.zeros((n, 4), bool)
    cases[:30, 0] = True  # all of them in both: nothing follows
    cases[:30, 1] = cases[60:63, 1] = True  # three between the two
    cases[:30, 2] = cases[60:65, 2] = True  # five between the two
    cases[:97, 3] = cases[98:100, 3] = True  # all but one of the forty between
    told = hide_told(small, big[None], sparse.csr_array(cases), threshold=LEAST)
    assert told.tolist() == [False, True, False, True]
    # by itself only what is few in it or beside it
    alone = hide_told(
        small, np.zeros((0, n), bool), sparse.csr_array(cases), threshold=LEAST
    )
    assert not alone.any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_small_count_of_cases_is_the_difference_of_two_that_are_shown(seed):
    """Two nested groups, every trait: whatever is shown of both differs by enough."""
    rng = np.random.default_rng(seed)
    n = 300
    outer = rng.random(n) < 0.6
    inner = outer & (rng.random(n) < rng.uniform(0.5, 0.98))
    cases = rng.random((n, 40)) < rng.uniform(0.005, 0.5, 40)
    told = hide_told(inner, outer[None], sparse.csr_array(cases), threshold=LEAST)
    between = (outer & ~inner).sum()
    for at in np.flatnonzero(~told):
        gap = (outer & cases[:, at]).sum() - (inner & cases[:, at]).sum()
        assert gap == 0 or gap >= LEAST
        assert between - gap == 0 or between - gap >= LEAST


def test_of_very_many_groups_those_most_alike_are_held_against_it():
    rng = np.random.default_rng(0)
    n = 400
    members = of(n, *range(100))
    earlier = rng.random((3 * MOST, n)) < 0.3
    earlier[-1] = of(n, *range(97))
    sets, origin = counted_sets(members, np.zeros(n, int), earlier)
    assert len(earlier) - 1 in origin
    assert (origin >= 0).sum() == MOST
    assert len(earlier) - 1 in origin[too_near(members, sets, LEAST)]
    apart = counted_sets(members, np.zeros(n, int), ~members[None] & earlier[:5])
    assert (apart[1] < 0).all(), "those that share nobody bear on nothing"


@pytest.mark.parametrize("n", [3, 50])
def test_everybody_is_among_what_is_counted(n):
    sets, origin = counted_sets(of(n, 0, 1), np.zeros(n, int), np.zeros((0, n), bool))
    assert origin[0] == -1
    assert sets[0].all()
