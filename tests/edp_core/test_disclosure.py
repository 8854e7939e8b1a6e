"""Small counts never leave: each rule is attacked by brute force."""

import doctest
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from edp_core import disclosure
from edp_core.disclosure import (
    blur,
    breakdown,
    disclose,
    hide_nested,
    hide_nested_within,
    hide_partition,
    histogram,
    is_small,
    mask_count,
    roc,
)
from edp_core.export import counts as ledger

T = 5
COUNTS = st.lists(
    st.one_of(st.integers(0, 9), st.integers(0, 2000)), min_size=2, max_size=7
)


def values_of(total, cells):
    """Every way to give ``total`` to cells of allowed values: the attacker's table.

    ``cells`` are functions from a largest value to the values allowed.
    """
    if not cells:
        return [()] if total == 0 else []
    return [
        (value, *rest)
        for value in cells[0](total)
        for rest in values_of(total - value, cells[1:])
    ]


def whatever(most):
    return range(most + 1)


def small(most):
    return range(1, min(T - 1, most) + 1)


def zero_or_large(most):
    return [value for value in range(most + 1) if value == 0 or value >= T]


# ---- one count -------------------------------------------------------------------
@pytest.mark.parametrize(("count", "text"), [(0, 0), (1, "<5"), (4, "<5"), (5, 5)])
def test_counts_below_the_threshold_are_masked(count, text):
    assert mask_count(count, T) == text
    assert bool(is_small(count, T)) == (text == "<5")


# ---- partitions ------------------------------------------------------------------
@given(COUNTS)
def test_a_partition_shows_no_small_count_and_hides_nothing_without_need(counts):
    hidden = hide_partition(np.array(counts), T)
    assert not is_small(np.array(counts), T)[~hidden].any()
    if not is_small(np.array(counts), T).any():
        assert not hidden.any()
    if hidden.any() and not hidden.all():
        assert hidden.sum() >= 2 and np.array(counts)[hidden].sum() >= T


def attack(counts, hidden, *, told):
    """Hidden small cells that have one possible value only."""
    cells = np.flatnonzero(hidden)
    total = sum(counts) - sum(np.array(counts)[~hidden])
    allowed = [
        (small if 1 <= counts[c] < T else zero_or_large) if told else whatever
        for c in cells
    ]
    ways = values_of(total, allowed)
    assert tuple(np.array(counts)[cells]) in ways
    return [
        int(cell)
        for i, cell in enumerate(cells)
        if 1 <= counts[cell] < T and len({way[i] for way in ways}) < 2
    ]


@pytest.mark.parametrize("n_cells", [2, 3, 4])
def test_no_small_count_of_a_partition_follows_from_its_total(n_cells):
    """Exhaustive: all partitions of small numbers, an attacker who knows the total.

    ``told`` knows as well which hidden cells are small, as a listing with ``<5`` says.
    Where every cell is hidden there is nothing more to hide.
    """
    most = {2: 14, 3: 10, 4: 7}[n_cells]
    attacked = 0
    for counts in itertools.product(range(most), repeat=n_cells):
        hidden = hide_partition(np.array(counts), T)
        if not hidden.any() or sum(counts) < T:
            continue
        assert attack(counts, hidden, told=False) == []
        if not hidden.all():
            attacked += 1
            assert attack(counts, hidden, told=True) == [], counts
    assert attacked > 0 or n_cells == 2


def test_cells_hidden_for_another_reason_are_protected_too():
    counts = np.array([95, 30, 40])
    hidden = hide_partition(counts, T, hidden=np.array([True, False, False]))
    assert hidden.tolist() == [True, True, False]


# ---- tables ----------------------------------------------------------------------
def enrichment(both, sizes):
    """Clusters × codes as the screen shows them."""
    clusters, codes = np.indices(both.shape)
    table = pd.DataFrame(
        {
            "cluster": clusters.ravel(),
            "code": [f"K{c}" for c in codes.ravel()],
            "n_cluster": np.asarray(sizes)[clusters.ravel()],
            "n_both": both.ravel(),
        }
    )
    return table.assign(share=table["n_both"] / table["n_cluster"])


def shown_enrichment(both, sizes):
    return disclose(
        enrichment(both, sizes),
        threshold=T,
        counts=["n_cluster", "n_both"],
        derived=["share"],
        totals={"n_both": "n_cluster"},
        partition={"n_both": "code"},
    )


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_small_count_stands_in_or_follows_from_a_table(data):
    n_clusters, n_codes = data.draw(st.integers(2, 4)), data.draw(st.integers(1, 3))
    sizes = np.array(
        data.draw(
            st.lists(st.integers(T, 30), min_size=n_clusters, max_size=n_clusters)
        )
    )
    both = np.array(
        [[data.draw(st.integers(0, int(n))) for _ in range(n_codes)] for n in sizes]
    )
    out = shown_enrichment(both, sizes)
    seen = out["n_both"].notna().to_numpy().reshape(both.shape)
    rest = sizes[:, None] - both
    assert not is_small(both[seen], T).any()
    assert not is_small(rest[seen], T).any()
    # what is computed from a hidden count is hidden with it
    assert out["share"].isna().to_numpy().reshape(both.shape)[~seen].all()
    for code in range(n_codes):
        hidden = np.flatnonzero(~seen[:, code])
        if not len(hidden) or both[:, code].sum() < T:
            continue
        # the reader knows the code's cases and each cluster's size
        ways = values_of(
            int(both[hidden, code].sum()),
            [lambda most, n=int(sizes[h]): range(min(most, n) + 1) for h in hidden],
        )
        for i, h in enumerate(hidden):
            delicate = is_small(both[h, code], T) or is_small(rest[h, code], T)
            if delicate and len(hidden) < n_clusters:
                assert len({way[i] for way in ways}) >= 2


def test_the_rest_of_a_total_is_not_given_away_by_the_other_cells():
    """95 of 97 is hidden; of 165 cases shown elsewhere, 165 − 30 − 40 would give it."""
    out = shown_enrichment(np.array([[95], [30], [40]]), [97, 100, 100])
    assert out["n_both"].isna().tolist() == [True, True, False]


def test_a_count_hidden_before_stays_hidden():
    table = pd.DataFrame({"n": pd.array([None, 12, 3], "Int64"), "p": [1.0, 2.0, 3.0]})
    out = disclose(table, threshold=T, counts=["n"], derived=["p"])
    assert out["n"].isna().tolist() == [True, False, True]
    assert out["p"].isna().tolist() == [True, False, True]
    assert table["p"].notna().all(), "the caller's table is left as it was"


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 3000))
def test_a_listing_gives_no_small_count_away(rest, main):
    counts = {"used": main} | {f"reason {i}": n for i, n in enumerate(rest)}
    shown = breakdown(counts, T)
    if list(shown) != list(counts):  # nothing safe: the reasons are one line
        assert list(shown) == ["used", " or ".join(list(counts)[1:])]
        total = sum(rest)
        assert list(shown.values())[1] == ("<5" if 1 <= total < T else total)
        return
    for name, n in counts.items():
        assert shown[name] in (n, "<5", "hidden")
        assert (shown[name] == "<5") == (1 <= n < T)
    masked = np.array([not isinstance(shown[n], int) for n in list(counts)[1:]])
    if masked.any() and sum(rest) >= T:  # else `near` hides the total itself
        assert attack(rest, masked, told=True) == []


# ---- nested codes ----------------------------------------------------------------
POSSIBLE = ["K76", "K760", "K761", "K7601", "K7602", "K75", "K750", "M25", "M2556"]


def true_cases(people):
    """Cases of each code when every code counts for its prefixes."""
    return {
        code: {
            i for i, held in enumerate(people) if any(c.startswith(code) for c in held)
        }
        for code in POSSIBLE
    }


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from(POSSIBLE), max_size=3), st.integers(1, 12)),
        max_size=12,
    )
)
def test_codes_shown_side_by_side_give_no_small_difference(groups):
    people = [held for held, times in groups for _ in range(times)]
    cases = true_cases(people)
    counts = np.array([len(cases[code]) for code in POSSIBLE])
    hidden = hide_nested(POSSIBLE, counts, T)
    shown = [code for code, hide in zip(POSSIBLE, hidden, strict=True) if not hide]
    assert all(len(cases[code]) >= T for code in shown)
    for wide in shown:
        below = [code for code in shown if code != wide and code.startswith(wide)]
        for code in below:
            # people with the wide code and not the longer one: an exact deduction
            assert not is_small(len(cases[wide] - cases[code]), T)
        tops = [c for c in below if not any(o != c and c.startswith(o) for o in below)]
        if tops:
            assert not is_small(
                abs(len(cases[wide]) - sum(len(cases[c]) for c in tops)), T
            )


def test_the_wider_code_is_the_one_that_is_hidden():
    hidden = hide_nested(["K76", "K760", "K761"], np.array([120, 118, 40]), T)
    assert hidden.tolist() == [True, False, False]
    assert not hide_nested(["K76", "K760"], np.array([120, 60]), T).any()


def test_equal_counts_do_no_harm():
    assert not hide_nested(["M25", "M2556"], np.array([30, 30]), T).any()


# ---- figures ---------------------------------------------------------------------
@given(
    st.lists(st.floats(-10, 10) | st.just(float("nan")), max_size=80),
    st.integers(1, 25),
)
def test_bars_are_empty_or_large_and_nobody_is_lost(values, bins):
    grid = np.linspace(-4, 4, bins + 1)
    edges, counts = histogram(np.array(values), grid, T)
    known = int(np.isfinite(values).sum())
    if known < T:
        assert not len(edges) and not len(counts)
        return
    assert not is_small(counts, T).any()
    assert counts.sum() == known
    assert len(edges) == len(counts) + 1
    assert (np.diff(edges) > 0).all()
    assert edges[0] == grid[0] and edges[-1] == grid[-1]
    assert np.isin(edges, grid).all()
    # each merged bar holds what its part of the axis holds
    clipped = np.clip(np.array(values)[np.isfinite(values)], grid[0], grid[-1])
    np.testing.assert_array_equal(np.histogram(clipped, edges)[0], counts)


def test_bars_large_enough_stay_as_they_are():
    edges, counts = histogram(np.repeat([0.5, 2.5], 7), np.arange(4.0), T)
    assert edges.tolist() == [0, 1, 2, 3] and counts.tolist() == [7, 0, 7]


@given(
    st.lists(
        st.tuples(st.integers(-20, 20) | st.just(None), st.booleans()), max_size=120
    )
)
def test_every_step_of_a_roc_curve_spans_enough_of_both(people):
    scores = np.array([np.nan if s is None else float(s) for s, _ in people])
    cases = np.array([c for _, c in people], bool)
    false, true = roc(scores, cases, T)
    known = np.isfinite(scores)
    n_cases, n_controls = (cases & known).sum(), (~cases & known).sum()
    assert false[0] == true[0] == 0
    if n_cases and n_controls:
        assert false[-1] == true[-1] == 1
    if len(true) > 2:
        assert np.rint(np.diff(true) * n_cases).min() >= T
        assert np.rint(np.diff(false) * n_controls).min() >= T
    # every corner lies on the full curve
    for f, t in zip(false, true, strict=True):
        cuts = [scores[known] >= c for c in np.unique(scores[known])] + [
            np.zeros(known.sum(), bool)
        ]
        assert any(
            (cut & ~cases[known]).sum() == round(f * max(n_controls, 1))
            and (cut & cases[known]).sum() == round(t * max(n_cases, 1))
            for cut in cuts
        )


def test_a_roc_curve_of_many_people_keeps_its_shape():
    rng = np.random.default_rng(0)
    cases = np.arange(4000) < 1000
    scores = rng.normal(size=4000) + cases
    false, true = roc(scores, cases, T)
    area = np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2)
    order = np.argsort(np.argsort(scores)) + 1
    exact = (order[cases].sum() - 1000 * 1001 / 2) / (1000 * 3000)
    assert abs(area - exact) < 0.005
    assert len(true) > 50


def test_codes_below_a_code_are_compared_within_each_cluster():
    """38 with K76 and 35 with K760 in a cluster: three have another K76 code."""
    clusters, codes = np.array([0, 0, 1, 1]), ["K76", "K760", "K76", "K760"]
    counts = np.array([38, 35, 60, 20])
    hidden = hide_nested_within(clusters, codes, counts, threshold=5)
    assert hidden.tolist() == [True, False, False, False]
    # zeros and small counts are left to the rule for partitions
    counts = np.array([0, 0, 3, 3])
    assert not hide_nested_within(clusters, codes, counts, threshold=5).any()


# ---- maps, examples --------------------------------------------------------------
def test_nobody_is_followed_from_map_to_map():
    points = np.random.default_rng(0).normal(size=(400, 2))
    one, two = (blur(points, T, rng=np.random.default_rng(seed)) for seed in (1, 2))
    assert not np.isclose(one, points).any()
    found = cKDTree(two).query(one)[1]  # the attacker takes the nearest point
    assert (found == np.arange(400)).mean() < 0.25
    assert np.corrcoef(one[:, 0], points[:, 0])[0, 1] > 0.9, "still the same map"
    assert blur(points[:1], T, rng=np.random.default_rng(0)).shape == (1, 2)


@pytest.mark.parametrize("module", [disclosure, ledger])
def test_examples_of_docstrings_hold(module):
    failed, tried = doctest.testmod(module)
    assert tried > 0
    assert failed == 0
