from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import fisher_exact

from edp_core.errors import InputError
from edp_core.scoring.clusters import cluster_score
from edp_core.scoring.fewshot import choose_cluster, control_members, keep_labels


def test_smaller_shares_lie_in_larger_ones():
    cases = np.random.default_rng(0).random(500) < 0.3
    kept = [
        keep_labels(cases, share=s, seed=7) for s in (0.0001, 0.02, 0.1, 0.5, 0.51, 1)
    ]
    for small, large in pairwise(kept):
        assert np.all(large[small])
    assert kept[0].sum() == 1 and np.array_equal(kept[-1], cases)
    assert kept[3].sum() == int(cases.sum() / 2 + 0.5)
    assert np.array_equal(kept[2], keep_labels(cases, share=0.1, seed=7))
    assert np.any(kept[2] != keep_labels(cases, share=0.1, seed=8))


def test_every_case_is_as_likely_to_be_kept():
    cases = np.arange(30) < 20
    counts = sum(keep_labels(cases, share=0.25, seed=s).astype(int) for s in range(800))
    assert counts[20:].sum() == 0
    # 6 standard deviations of a binomial (800, 1/4).
    assert np.all(np.abs(counts[:20] - 200) < 6 * (800 * 3 / 16) ** 0.5)


def test_control_has_as_many_from_the_same_cluster():
    rng = np.random.default_rng(1)
    cluster = rng.random(300) < 0.4
    members = cluster & (rng.random(300) < 0.2)
    drawn = control_members(members, cluster, seed=2)
    assert drawn.sum() == members.sum() and np.all(cluster[drawn])
    assert np.any(drawn != members)
    assert np.array_equal(drawn, control_members(members, cluster, seed=2))
    assert np.array_equal(control_members(cluster, cluster, seed=0), cluster)


def test_a_random_few_of_a_tight_cluster_score_like_its_cases():
    # Why the control is shown: here the label says nothing beyond the cluster.
    rng = np.random.default_rng(2)
    cluster = np.arange(600) < 150
    z = rng.normal(size=(600, 16))
    z[cluster] += 3
    cases = cluster & (rng.random(600) < 0.5)
    full = cluster_score(z, cases)
    few = keep_labels(cases, share=0.2, seed=0)
    control = control_members(few, cluster, seed=1)
    for members in (few, control):
        assert np.corrcoef(full, cluster_score(z, members))[0, 1] > 0.9


def test_the_chosen_cluster_is_the_most_enriched_of_the_kept_alone():
    rng = np.random.default_rng(3)
    for _ in range(30):
        labels = rng.integers(-1, 6, 200)
        kept = rng.random(200) < np.where(labels == rng.integers(6), 0.2, 0.05)
        among = labels >= 0
        found = choose_cluster(labels, kept)
        best = {}
        for cluster in range(6):
            inside = labels[among] == cluster
            a = int((inside & kept[among]).sum())
            b, c = int(inside.sum()) - a, int(kept[among].sum()) - a
            ratio, p = fisher_exact([[a, b], [c, among.sum() - a - b - c]])
            if ratio > 1:
                best[cluster] = p
        assert best[found] == pytest.approx(min(best.values()))


def test_a_cluster_without_the_cases_is_never_chosen():
    labels = np.repeat([0, 1], [90, 10])
    enriched = np.zeros(100, bool)
    enriched[90:95] = True
    assert choose_cluster(labels, enriched) == 1
    with pytest.raises(InputError, match="no cluster is richer"):
        choose_cluster(labels, np.zeros(100, bool))
    with pytest.raises(InputError, match="no cluster is richer"):
        choose_cluster(np.zeros(100, int), enriched)
    with pytest.raises(InputError, match="99 cluster labels do not meet 100 cases"):
        choose_cluster(labels[1:], enriched)


def test_refuses():
    yes = np.ones(4, bool)
    with pytest.raises(InputError, match="no cases to keep labels of"):
        keep_labels(~yes, share=0.5, seed=0)
    for share in (0, 1.1, np.nan):
        with pytest.raises(InputError, match="the share of labels kept is"):
            keep_labels(yes, share=share, seed=0)
    with pytest.raises(InputError, match="is not a yes or no"):
        keep_labels(np.arange(4), share=0.5, seed=0)
    with pytest.raises(InputError, match="4 members asked of a cluster of 1"):
        control_members(yes, np.arange(4) < 1, seed=0)
    with pytest.raises(InputError, match="do not meet 3 cluster members"):
        control_members(yes, yes[1:], seed=0)
