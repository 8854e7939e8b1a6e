from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.scoring.islands import islands


def _distances(z, centred=True):
    z = z - z.mean(axis=0) if centred else z
    unit = z / np.linalg.norm(z, axis=1)[:, None]
    return 1 - unit @ unit.T


def _brute(d, cases, *, gamma, reach):
    """The minimum over every case and every set of others that is a nearest set."""
    n, best = len(d), 0.0
    for i in np.flatnonzero(cases):
        others = [j for j in range(n) if j != i]
        for size in range(1, n):
            for chosen in combinations(others, size):
                left = [j for j in others if j not in chosen]
                if left and max(d[i, list(chosen)]) > min(d[i, left]) + 1e-12:
                    continue  # not the nearest so many
                w = np.where(cases[list(chosen)], 1.0, gamma)
                best = min(best, np.sum(w * d[i, list(chosen)] - reach))
    return best


@given(
    st.integers(0, 10**6), st.integers(3, 8),
    st.floats(0.1, 3), st.floats(0.05, 1.9),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_equals_the_best_of_all_subsets(seed, n, gamma, reach):
    rng = np.random.default_rng(seed)
    z, cases = rng.normal(size=(n, 3)), rng.random(n) < 0.6
    expected = _brute(_distances(z), cases, gamma=gamma, reach=reach)
    found = islands(z, cases, gamma=gamma, reach=reach)
    if not found:
        assert expected == pytest.approx(0, abs=1e-9)
        return
    assert found[0].value == pytest.approx(expected, abs=1e-9)
    one = found[0]
    d = _distances(z)[one.centre]
    others = one.members & (np.arange(n) != one.centre)
    w = np.where(cases[others], 1.0, gamma)
    assert np.sum(w * d[others] - reach) == pytest.approx(expected, abs=1e-9)
    assert cases[one.centre] and one.members[one.centre]
    assert d[others].max() <= d[~one.members].min(initial=9) + 1e-12


def _blobs(seed=0):
    rng = np.random.default_rng(seed)
    centres = np.array([[6.0, 0, 0], [0, 6, 0], [-4, -4, 3]])
    which = np.repeat([0, 1, 2], [40, 60, 200])
    z = centres[which] + rng.normal(size=(300, 3)) * np.where(which < 2, 1, 4)[:, None]
    cases = np.where(which < 2, rng.random(300) < 0.8, rng.random(300) < 0.03)
    return z, which, cases


def test_each_manifestation_is_an_island_of_its_own():
    z, which, cases = _blobs()
    first, second = islands(z, cases, gamma=10, reach=0.3, count=2)
    assert {which[first.centre], which[second.centre]} == {0, 1}
    assert first.value < second.value < 0
    assert not np.any(first.members & second.members)
    for one in (first, second):
        assert np.mean(cases[one.members]) > 0.7
        assert np.mean(which[one.members] == which[one.centre]) > 0.95


def test_rotation_scale_order_and_a_shared_mean_change_nothing():
    z, _, cases = _blobs(1)
    rng = np.random.default_rng(0)
    turn, order = np.linalg.qr(rng.normal(size=(3, 3)))[0], rng.permutation(300)
    plain = islands(z, cases)[0]
    for other in (3 * z @ turn + 20, z + 5):
        found = islands(other, cases)[0]
        np.testing.assert_array_equal(found.members, plain.members)
        assert found.value == pytest.approx(plain.value)
    found = islands(z[order], cases[order])[0]
    np.testing.assert_array_equal(found.members, plain.members[order])


def test_gamma_keeps_others_out_and_reach_lets_more_in():
    z, _, cases = _blobs(2)
    shares = [
        np.mean(cases[islands(z, cases, gamma=g)[0].members]) for g in (0.5, 4, 20)
    ]
    assert shares[0] < shares[1] <= shares[2]
    values = [islands(z, cases, reach=r)[0].value for r in (0.05, 0.3, 1)]
    assert values[0] > values[1] > values[2]


def test_without_another_case_near_there_is_none():
    z = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    assert islands(z, [True, False, True, False], reach=0.5) == []
    assert islands(z, np.zeros(4, bool)) == []
    assert len(islands(z, np.ones(4, bool), reach=1.5, count=9)) < 4


def test_what_makes_no_sense_is_refused():
    z = np.eye(3)
    with pytest.raises(InputError, match="do not meet"):
        islands(z, [True])
    for wrong in ({"gamma": 0}, {"reach": np.nan}):
        with pytest.raises(InputError, match="gamma is"):
            islands(z, np.ones(3, bool), **wrong)
    with pytest.raises(InputError, match="vectors are zero"):
        islands(np.ones((3, 2)), np.ones(3, bool))
