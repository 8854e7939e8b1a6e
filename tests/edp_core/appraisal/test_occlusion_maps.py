"""Maps of what moves a score, against plain loops and by what must not change them."""

import numpy as np
import pytest
from statsmodels.api import OLS, add_constant

from edp_core.appraisal.occlusion import (
    Occlusion,
    averaged,
    carried,
    moved,
    weights_of,
)
from edp_core.errors import InputError
from edp_core.stats.ridge import Predictors

AXES, GRID = 7, 3


@pytest.fixture
def seen():
    """Vectors of 80 people, and of nine of them images with parts left out."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(80, AXES)).astype(np.float32)
    rows = np.array([2, 5, 5, 11, 20, 20, 31, 40, 77])
    shares = 1 / np.bincount(rows)[rows]
    plain = vectors[rows].copy()
    apart = rng.normal(size=AXES).astype(np.float32)
    for one, other in ((1, 2), (4, 5)):  # sides differ, their mean is the person's
        plain[one] += apart
        plain[other] -= apart
    changes = (0.1 * rng.normal(size=(len(rows), GRID**2, AXES))).astype(np.float16)
    sides = np.array(["left", "left", "right", "left", "left", "right", *["left"] * 3])
    edges = np.linspace(0, 1, GRID + 1)
    return vectors, Occlusion(rows, sides, shares, edges, plain, changes)


def scored(vectors, seed=1):
    return np.asarray(vectors, float) @ np.random.default_rng(seed).normal(size=AXES)


def test_a_linear_score_is_moved_by_what_its_weights_say(seen):
    vectors, occlusion = seen
    w = np.random.default_rng(1).normal(size=AXES)
    score = scored(vectors)
    score[[3, 9]] = np.nan
    found = weights_of(score, vectors)
    assert found.n == 78
    assert found.r2 == pytest.approx(1, abs=1e-9)
    assert found.r2_left_out == pytest.approx(1, abs=1e-9)
    assert found.sd == pytest.approx(np.nanstd(score, ddof=1))
    np.testing.assert_allclose(found.weights, w, rtol=1e-6)
    maps = moved(found, occlusion)
    assert maps.shape == (9, *occlusion.grid)
    for image in range(9):
        share = 0.5 if occlusion.rows[image] in (5, 20) else 1.0
        for part in range(GRID**2):
            without = occlusion.plain[image] + occlusion.changes[image, part].astype(
                float
            )
            by_hand = share * ((without @ w) - occlusion.plain[image] @ w) / found.sd
            assert maps[image].ravel()[part] == pytest.approx(by_hand, abs=1e-5)


def test_a_function_is_asked_as_it_is(seen):
    vectors, occlusion = seen
    found = weights_of(scored(vectors), vectors)
    linear = moved(lambda v: v @ found.weights, occlusion, sd=found.sd)
    np.testing.assert_allclose(linear, moved(found, occlusion), atol=1e-10)
    mean, toward = (
        vectors.mean(axis=0),
        vectors[:20].mean(axis=0) - vectors.mean(axis=0),
    )

    def cosine(v):
        z = v - mean
        return z @ toward / np.linalg.norm(z, axis=1) / np.linalg.norm(toward)

    sd = float(np.std(cosine(vectors), ddof=1))
    maps = moved(cosine, occlusion, sd=sd)
    person = vectors[5].astype(float)  # of two sides: one is left without a part
    without = person + 0.5 * occlusion.changes[2, 4].astype(float)
    by_hand = (cosine(without[None]) - cosine(person[None]))[0] / sd
    assert maps[2].ravel()[4] == pytest.approx(by_hand, abs=1e-5)


def test_units_and_turns_change_no_map(seen):
    vectors, occlusion = seen
    noisy = scored(vectors) + np.random.default_rng(3).normal(size=80)
    maps = moved(weights_of(noisy, vectors), occlusion)
    other = moved(weights_of(100 - 7 * noisy, vectors), occlusion)
    np.testing.assert_allclose(other, -maps, atol=1e-9)
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(AXES, AXES)))[0]
    turned = Occlusion(
        occlusion.rows, occlusion.sides, occlusion.shares, occlusion.edges,
        occlusion.plain @ turn, occlusion.changes.astype(float) @ turn,
    )  # fmt: skip
    again = moved(weights_of(noisy, vectors @ turn), turned)
    np.testing.assert_allclose(again, maps, atol=1e-5)


def test_what_was_removed_has_no_weight(seen):
    vectors, _ = seen
    gone = np.linalg.qr(np.random.default_rng(5).normal(size=(AXES, 2)))[0]
    left = vectors - vectors @ gone @ gone.T
    found = weights_of(scored(left), left)
    np.testing.assert_allclose(found.weights @ gone, 0, atol=1e-5)


def test_axes_may_be_taken_apart_once(seen):
    vectors, _ = seen
    axes = Predictors(vectors)
    for seed in range(3):
        noisy = scored(vectors, seed) + np.random.default_rng(seed).normal(size=80)
        with_gap = np.where(np.arange(80) == seed, np.nan, noisy)
        for values in (noisy, with_gap):
            one = weights_of(values, vectors, axes=axes)
            other = weights_of(values, vectors)
            assert (one.weights == other.weights).all() and one.n == other.n


def test_noise_is_told_by_those_left_out():
    rng = np.random.default_rng(6)
    vectors = rng.normal(size=(120, 60))
    found = [weights_of(rng.normal(size=120), vectors) for _ in range(20)]
    assert np.mean([f.r2_left_out for f in found]) < 0.03


def test_the_mean_counts_people_and_all_their_sides(seen):
    vectors, occlusion = seen
    maps = moved(weights_of(scored(vectors), vectors), occlusion)
    people = {row: maps[occlusion.rows == row].sum(axis=0) for row in occlusion.people}
    each = np.array(list(people.values()))
    assert len(each) == 7
    found = averaged(maps, occlusion)
    assert found.n == 7
    np.testing.assert_allclose(found.mean, each.mean(axis=0))
    np.testing.assert_allclose(found.se, each.std(axis=0, ddof=1) / np.sqrt(7))
    some = averaged(maps, occlusion, people=[5, 77, 78])
    assert some.n == 2
    np.testing.assert_allclose(some.mean, (people[5] + people[77]) / 2)
    assert np.isnan(averaged(maps, occlusion, people=[2]).se).all()
    with pytest.raises(InputError, match="Nobody"):
        averaged(maps, occlusion, people=[3])


def test_what_is_carried_is_a_regression_over_people(seen):
    vectors, occlusion = seen
    score = scored(vectors)
    linear = weights_of(score, vectors)
    found = carried(linear, occlusion)
    maps = moved(linear, occlusion)
    whole = score[occlusion.people] / linear.sd
    for part in np.ndindex(*occlusion.grid):
        change = [
            maps[occlusion.rows == row].sum(axis=0)[part] for row in occlusion.people
        ]
        fit = OLS(np.array(change), add_constant(whole)).fit()
        assert found.mean[part] == pytest.approx(-fit.params[1], abs=1e-5)
        assert found.se[part] == pytest.approx(fit.bse[1], rel=1e-3)
    assert found.n == 7


def test_a_part_that_holds_all_of_it_carries_all_of_it(seen):
    vectors, occlusion = seen
    changes = np.zeros_like(occlusion.changes)
    mean = vectors.mean(axis=0)
    # without part 4 everybody is the same; part 0 does something to all alike
    changes[:, 4] = (mean - occlusion.plain).astype(np.float16)
    changes[:, 0] = 3.0
    planted = Occlusion(
        occlusion.rows, occlusion.sides, occlusion.shares, occlusion.edges,
        occlusion.plain, changes,
    )  # fmt: skip
    found = carried(weights_of(scored(vectors), vectors), planted)
    expected = np.zeros((GRID, GRID))
    expected[1, 1] = 1
    np.testing.assert_allclose(found.mean, expected, atol=0.01)


def test_what_does_not_meet_is_refused(seen):
    vectors, occlusion = seen
    linear = weights_of(scored(vectors), vectors)
    with pytest.raises(InputError, match="does not meet vectors"):
        weights_of(np.ones(3), vectors)
    with pytest.raises(InputError, match="2 people have a value"):
        weights_of(np.where(np.arange(80) < 2, 1.0, np.nan), vectors)
    with pytest.raises(InputError, match="does not vary"):
        weights_of(np.ones(80), vectors)
    with pytest.raises(InputError, match="6 weights do not meet 7 axes"):
        moved(weights_of(scored(vectors), vectors[:, :6]), occlusion)
    for sd in (0.0, np.nan):
        with pytest.raises(InputError, match="standard deviation"):
            moved(lambda v: v[:, 0], occlusion, sd=sd)
    one = Occlusion(
        occlusion.rows[:1], occlusion.sides[:1], occlusion.shares[:1], occlusion.edges,
        occlusion.plain[:1], occlusion.changes[:1],
    )  # fmt: skip
    with pytest.raises(InputError, match="1 people with maps"):
        carried(linear, one)
