import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from edp_core.errors import InputError
from edp_core.people.eligibility import Eligibility
from edp_core.scoring.enrichment import enrichment


def _eligible(excluded, of):
    return Eligibility(sparse.csc_array(np.asarray(excluded, bool)), np.asarray(of))


def test_counts_and_p_are_of_those_who_count():
    rng = np.random.default_rng(0)
    labels, cases = rng.integers(-1, 3, 400), rng.random((400, 6)) < 0.2
    eligible = _eligible(rng.random((400, 2)) < 0.3, [0, 0, -1, 1, 1, -1])
    table = enrichment(labels, cases, eligible=eligible)
    for row in table.itertuples():
        counts = eligible.mask(row.trait, cases[:, row.trait]) & (labels >= 0)
        here, has = labels[counts] == row.cluster, cases[counts, row.trait]
        assert (row.n, row.n_cluster, row.n_cases) == (
            counts.sum(), here.sum(), has.sum(),
        )  # fmt: skip
        assert row.n_both == np.sum(here & has)
        cross = [[np.sum(a & b) for b in (has, ~has)] for a in (here, ~here)]
        assert row.log10p == pytest.approx(
            -np.log10(stats.fisher_exact(cross).pvalue), abs=1e-9
        )


def test_a_trait_with_eligibility_equals_the_same_people_alone():
    rng = np.random.default_rng(1)
    n = 1500
    labels, cases = rng.integers(0, 3, n), rng.random((n, 2)) < [0.1, 0.3]
    covariates = np.column_stack([rng.integers(45, 80, n), rng.random(n) < 0.5])
    eligible = _eligible(rng.random((n, 1)) < 0.4, [0, -1])
    whole = enrichment(labels, cases, eligible=eligible, covariates=covariates)
    kept = eligible.mask(0, cases[:, 0])
    alone = enrichment(labels[kept], cases[kept, :1], covariates=covariates[kept])
    found = whole[whole["trait"] == 0].reset_index(drop=True)
    for name in found.columns.drop(["log10q", "adjusted_method", "adjusted_reason"]):
        np.testing.assert_allclose(found[name], alone[name], rtol=1e-7, err_msg=name)
    plain = enrichment(labels, cases, covariates=covariates)
    same = whole["trait"] == 1
    assert whole[same].drop(columns="log10q").equals(plain[same].drop(columns="log10q"))


def test_adjusting_takes_out_what_age_brings():
    rng = np.random.default_rng(2)
    n = 8000
    age = rng.uniform(45, 80, n)
    labels = (age + rng.normal(0, 5, n) > 63).astype(int)
    cases = rng.random((n, 1)) < 1 / (1 + np.exp(-(age - 75) / 6))[:, None]
    table = enrichment(labels, cases, covariates=age[:, None])
    old = table[table["cluster"] == 1].iloc[0]
    assert old["or_low"] > 2
    assert old["adjusted_low"] < 1 < old["adjusted_high"]
    assert (table["adjusted_method"] == "ml").all()
    assert (table["adjusted_reason"] == "").all()


def test_pairs_with_too_few_have_the_reason_and_no_number():
    labels = np.repeat([0, 1], [200, 300])
    cases = np.zeros((500, 3), bool)
    cases[:4, 0] = cases[200:260, 0] = True  # four in the first cluster
    cases[:5, 1] = cases[200:260, 1] = True
    table = enrichment(labels, cases, covariates=np.empty((500, 0)))
    few = table["trait"] != 1
    assert (table["adjusted_reason"][few] == "fewer than 5 people").all()
    assert table.loc[few, "adjusted_or"].isna().all()
    assert (table["adjusted_method"][few] == "").all()
    assert table.loc[~few, "adjusted_or"].notna().all()


def test_an_empty_margin_is_no_test_and_does_not_dilute_the_others():
    """Traits all or nobody has; a cluster of which nobody counts, or nobody else."""
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], 200)
    cases = np.zeros((600, 5), bool)
    cases[:, 0] = rng.random(600) < np.where(labels == 0, 0.4, 0.2)
    cases[:, 1] = True
    cases[:, 3] = cases[:, 4] = (rng.random(600) < 0.3) & (labels == 0)
    outside = labels != 0
    eligible = _eligible(np.column_stack([outside, labels == 1]), [-1, -1, -1, 0, 1])
    table = enrichment(
        labels, cases, eligible=eligible, covariates=rng.random((600, 1)), least=0
    )
    of = table.set_index(["trait", "cluster"])
    assert (of.loc[3, "n_cluster"] == [200, 0, 0]).all()
    figures = ["odds_ratio", "or_low", "or_high", "log10p", "log10q", "adjusted_or"]
    empty = [(t, q) for t in (1, 2, 3) for q in range(3)] + [(4, 1)]
    assert of.loc[empty, figures].isna().all(axis=None)
    assert (of.loc[empty, "adjusted_reason"] == "fewer than 1 people").all()
    tested = of.drop(index=empty)
    assert np.isfinite(tested[figures].to_numpy(float)).all()
    peer = stats.false_discovery_control(10 ** -tested["log10p"].to_numpy())
    np.testing.assert_allclose(10 ** -tested["log10q"], peer, rtol=1e-9)
    assert (of.loc[1, "share_of_cluster"] == 1).all()
    assert of.loc[3, "share_of_cases"].tolist() == [1, 0, 0]


def test_clusters_that_are_the_sexes_have_the_reason_and_no_adjusted_figure():
    rng = np.random.default_rng(4)
    n = 2000
    sex, age = rng.random(n) < 0.5, rng.uniform(45, 80, n).round(1)
    cases = rng.random((n, 1)) < np.where(sex, 0.3, 0.1)[:, None]
    table = enrichment(sex.astype(int), cases, covariates=np.column_stack([age, sex]))
    assert (table["log10p"] > 10).all()
    adjusted = ["adjusted_or", "adjusted_low", "adjusted_high", "adjusted_log10p"]
    assert table[adjusted].isna().all(axis=None)
    assert (table["adjusted_reason"] == "the covariates tell the cluster").all()
    assert (table["adjusted_method"] == "").all()
    by_age = enrichment(sex.astype(int), cases, covariates=age[:, None])
    assert (by_age["adjusted_reason"] == "").all()
    assert by_age["adjusted_log10p"].min() > 10


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_margins_of_tiny_tables(data):
    n, traits = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 3))
    flags = st.lists(st.booleans(), min_size=n * traits, max_size=n * traits)
    cases = np.array(data.draw(flags)).reshape(n, traits)
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    excluded = np.array(data.draw(flags)).reshape(n, traits)
    eligible = _eligible(excluded, np.arange(traits))
    table = enrichment(labels, cases, eligible=eligible, covariates=np.zeros((n, 1)))
    assert (table["n_both"] <= table[["n_cluster", "n_cases"]].min(axis=1)).all()
    assert (table["n"] == np.tile(
        (cases | ~excluded).sum(axis=0), len(table) // traits
    )).all()  # fmt: skip
    known = np.ones(len(table), bool)
    for name in ("n_cluster", "n_cases"):
        known &= (table[name] > 0) & (table[name] < table["n"])
    figures = ["odds_ratio", "or_low", "or_high", "log10p", "log10q"]
    assert np.isfinite(table.loc[known, figures]).all(axis=None)
    assert table.loc[~known, [*figures, "adjusted_or"]].isna().all(axis=None)
    assert (table.loc[~known, "adjusted_reason"] == "fewer than 5 people").all()


def test_what_does_not_meet_is_refused():
    labels, cases = np.zeros(4, int), np.ones((4, 2), bool)
    with pytest.raises(InputError, match="eligibility of 4 participants and 1 traits"):
        enrichment(labels, cases, eligible=_eligible(np.zeros((4, 1)), [0]))
    with pytest.raises(InputError, match=r"covariates \(3, 1\) do not meet 4 labels"):
        enrichment(labels, cases, covariates=np.zeros((3, 1)))
