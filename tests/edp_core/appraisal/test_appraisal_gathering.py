"""A group in another organ's clusters: Fisher and χ² of scipy, under the null too."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from edp_core.appraisal.gathering import gathering
from edp_core.errors import InputError


def test_each_cluster_is_a_fisher_test_and_all_together_a_chi_square():
    both, sizes = np.array([40, 30, 10, 25]), np.array([100, 150, 90, 60])
    table, together = gathering(both, sizes)
    for row in table.itertuples():
        square = [
            [row.n_both, row.n_cluster - row.n_both],
            [105 - row.n_both, 400 - row.n_cluster - 105 + row.n_both],
        ]
        p = scipy.stats.fisher_exact(square).pvalue
        assert row.log10p == pytest.approx(-np.log10(p), rel=1e-6)
        assert row.expected == pytest.approx(row.n_cluster * 105 / 400)
        half = np.array(square) + 0.5
        odds = half[0, 0] * half[1, 1] / half[0, 1] / half[1, 0]
        assert row.odds_ratio == pytest.approx(odds)
    peer = scipy.stats.chi2_contingency([both, sizes - both], correction=False)
    assert together.log10p == pytest.approx(-np.log10(peer.pvalue), rel=1e-9)
    assert together.df == peer.dof == 3
    v = scipy.stats.contingency.association([both, sizes - both], method="cramer")
    assert together.v == pytest.approx(v)
    q = scipy.stats.false_discovery_control(10 ** -table["log10p"].to_numpy())
    assert table["log10q"].to_numpy() == pytest.approx(-np.log10(q), rel=1e-9)


def test_clusters_too_small_for_chi_square_are_taken_together():
    both, sizes = np.array([30, 20, 1, 2]), np.array([200, 180, 9, 11])
    _, together = gathering(both, sizes)
    pooled = np.array([[30, 20, 3], [170, 160, 17]])
    peer = scipy.stats.chi2_contingency(pooled, correction=False)
    assert together.df == 2
    assert together.log10p == pytest.approx(-np.log10(peer.pvalue), rel=1e-9)


def test_groups_drawn_at_random_gather_nowhere():
    rng = np.random.default_rng(1)
    sizes = np.array([300, 200, 80, 20])
    label = np.repeat(np.arange(4), sizes)
    small = 0
    for _ in range(400):
        drawn = rng.choice(600, 90, replace=False)
        _, together = gathering(np.bincount(label[drawn], minlength=4), sizes)
        small += together.log10p >= -np.log10(0.05)
    assert 6 <= small <= 36  # 20 expected


def test_everybody_or_nobody_has_nothing_to_compare():
    sizes = np.array([50, 60])
    for both in (sizes, np.zeros(2, int)):
        table, together = gathering(both, sizes)
        assert table["odds_ratio"].isna().all()
        assert np.isnan(together.v)
        assert together.df == 0
    _, one = gathering(np.array([10]), np.array([50]))
    assert np.isnan(one.log10p)


@pytest.mark.parametrize(
    ("both", "sizes"), [([3], [2]), ([-1], [5]), ([1, 2], [5]), ([0, 0], [0, 0])]
)
def test_counts_that_do_not_fit_are_refused(both, sizes):
    with pytest.raises(InputError):
        gathering(both, sizes)
