"""Agreement of scores, against scipy and numpy, by invariances, and its coverage."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.appraisal.agreement import (
    alike_order,
    correlation,
    repeats_agreement,
    score_correlations,
)
from edp_core.errors import InputError


def some(seed, n=300, k=4, missing=0.1):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, k)) @ rng.normal(size=(k, k))
    scores[rng.random(scores.shape) < missing] = np.nan
    return {f"s{i}": scores[:, i] for i in range(k)}


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("ties", [False, True])
def test_correlations_are_scipys_over_those_who_have_both(ranked, ties):
    scores = some(1)
    if ties:
        scores = {name: np.round(v) for name, v in scores.items()}
    table = score_correlations(scores, ranked=ranked)
    assert len(table) == 6
    peer = scipy.stats.spearmanr if ranked else scipy.stats.pearsonr
    for row in table.itertuples():
        x, y = scores[row.first], scores[row.second]
        both = np.isfinite(x) & np.isfinite(y)
        found = peer(x[both], y[both])
        assert row.n == both.sum() < 300
        assert row.r == pytest.approx(found.statistic, rel=1e-10)
        assert row.log10p == pytest.approx(-np.log10(found.pvalue), rel=1e-6)
        assert row.low < row.r < row.high
        if not ranked:
            ends = found.confidence_interval(0.95)
            assert (row.low, row.high) == pytest.approx(tuple(ends), rel=1e-9)


@pytest.mark.parametrize("ranked", [False, True])
def test_partial_correlation_is_that_of_the_inverse_covariance(ranked):
    rng = np.random.default_rng(2)
    factors = rng.normal(size=(400, 3))
    x = factors @ [1.0, 0.5, 0] + rng.normal(size=400)
    y = factors @ [0.3, -1.0, 2] + 0.4 * x + rng.normal(size=400)
    found = correlation(x, y, given=factors, ranked=ranked)
    columns = [scipy.stats.rankdata(v) if ranked else v for v in (x, y)]
    precision = np.linalg.inv(np.cov(np.column_stack([*columns, factors]).T))
    r = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
    assert found.r == pytest.approx(r, rel=1e-9)
    df = 400 - 2 - 3
    p = 2 * scipy.stats.t.sf(abs(r) * np.sqrt(df / (1 - r * r)), df)
    assert found.log10p == pytest.approx(-np.log10(p), rel=1e-6)
    wide = (1 + r * r / 2) if ranked else 1
    half = scipy.stats.norm.ppf(0.975) * np.sqrt(wide / (400 - 3 - 3))
    ends = np.tanh(np.arctanh(r) + np.array([-half, half]))
    assert (found.low, found.high) == pytest.approx(tuple(ends), rel=1e-9)


def test_what_the_factors_explain_whole_has_no_partial_correlation():
    rng = np.random.default_rng(3)
    factors = rng.normal(size=(100, 2))
    y = rng.normal(size=100)
    found = correlation(factors @ [2.0, 1.0], y, given=factors)
    assert np.isnan(found.r)
    assert found.n == 100


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), ranked=st.booleans())
def test_scale_shift_and_sign_do_what_they_must(seed, ranked):
    scores = some(seed, n=40, k=3)
    plain = score_correlations(scores, ranked=ranked)
    turned = score_correlations(
        {"s0": 5 * scores["s0"] - 3, "s1": -scores["s1"], "s2": scores["s2"]},
        ranked=ranked,
    )
    sign = np.array([-1, 1, -1])
    assert np.allclose(turned["r"], sign * plain["r"])
    ends = np.sort(sign[:, None] * plain[["low", "high"]].to_numpy(), axis=1)
    assert np.allclose(turned[["low", "high"]], ends)
    assert np.allclose(turned["log10p"], plain["log10p"])


def test_few_people_and_constants_have_no_correlation():
    empty = np.full(10, np.nan)
    line = np.arange(10.0)
    for ranked in (False, True):
        table = score_correlations(
            {"a": empty, "b": line, "c": np.ones(10)}, ranked=ranked
        )
        assert table["r"].isna().all()
        assert table["n"].tolist() == [0, 0, 10]
    with pytest.raises(InputError, match="does not meet"):
        score_correlations({"a": line, "b": line[:5]})
    with pytest.raises(InputError, match="do not meet"):
        correlation(line, line, given=np.zeros((4, 1)))


def test_alike_scores_stand_beside_each_other_whatever_their_sign():
    rng = np.random.default_rng(4)
    base = rng.normal(size=(500, 3))
    scores = {
        f"{group}{copy}": sign * base[:, group] + 0.3 * rng.normal(size=500)
        for copy, sign in ((0, 1), (1, -1), (2, 1))
        for group in range(3)
    }
    order = alike_order(list(scores), score_correlations(scores))
    assert sorted(order) == sorted(scores)
    groups = [name[0] for name in order]
    assert [len(set(groups[i : i + 3])) for i in (0, 3, 6)] == [1, 1, 1]
    # whatever order they come in
    back = list(scores)[::-1]
    again = alike_order(back, score_correlations({n: scores[n] for n in back}))
    assert again in (order, order[::-1]) or [n[0] for n in again].count("0") == 3


def test_an_order_of_one_or_two_and_of_pairs_without_r():
    assert alike_order(["a"], score_correlations({"a": np.arange(5.0)})) == ["a"]
    nothing = {name: np.full(5, np.nan) for name in "abc"}
    assert sorted(alike_order(list("abc"), score_correlations(nothing))) == list("abc")


def test_repeats_of_one_score_agree_whole():
    line = np.random.default_rng(5).normal(size=50)
    found = repeats_agreement([line, 2 * line + 1, line])
    assert (found.r, found.low, found.high) == pytest.approx((1, 1, 1), abs=1e-6)
    assert (found.repeats, found.pairs, found.n) == (3, 3, 50)
    two = repeats_agreement([line, -line])
    assert two.r == pytest.approx(-1)
    assert np.isnan(two.low)


def test_repeats_use_those_who_have_all():
    a, b, c = np.random.default_rng(6).normal(size=(3, 30))
    a[:4], b[2:9] = np.nan, np.nan
    found = repeats_agreement([a, b, c])
    assert found.n == 21
    kept = np.stack([a, b, c])[:, 9:]
    z = np.arctanh(np.corrcoef(kept)[np.triu_indices(3, 1)])
    assert found.r == pytest.approx(np.tanh(z.mean()))


def test_the_interval_of_repeats_covers_the_mean_of_many_seeds():
    """People are given, seeds are drawn: K noisy copies of one score."""
    rng = np.random.default_rng(7)
    truth = rng.normal(size=400)
    noise = [truth + rng.gamma(2, 0.3) * rng.normal(size=400) for _ in range(150)]
    target = repeats_agreement(noise).r
    hits = 0
    for _ in range(200):
        drawn = rng.choice(150, size=6, replace=False)
        found = repeats_agreement([noise[i] for i in drawn])
        hits += found.low <= target <= found.high
    assert 170 <= hits <= 200


def test_one_repeat_or_other_lengths_are_refused():
    with pytest.raises(InputError, match="repeats of shapes"):
        repeats_agreement([np.zeros(3)])
    with pytest.raises(InputError, match="repeats of shapes"):
        repeats_agreement([np.zeros(3), np.zeros(4)])
