"""Who counts, who scores whom, and the margins of a scan."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from edp_core.errors import InputError
from edp_core.people.eligibility import Eligibility
from edp_core.scoring.classifier import scan_phenome, score_trait, score_traits
from edp_core.scoring.folds import fold_partition

ALPHA = 0.1


def _people(seed, n=400, m=10, traits=6):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, m)) @ rng.normal(size=(m, m))
    liability = z @ rng.normal(size=(m, traits))
    liability = liability / liability.std(axis=0) + rng.normal(size=(n, traits))
    return z, liability > 1.2, fold_partition(n, 5, seed=seed)


def _excluded(seed, y):
    """Two ranges of exclusion that hold the cases of their traits, and none."""
    rng = np.random.default_rng(seed)
    sets = rng.random((len(y), 2)) < 0.25
    sets[:, 0] |= y[:, 0] | y[:, 1]
    sets[:, 1] |= y[:, 2] & (rng.random(len(y)) < 0.5)  # some of its cases only
    of = np.array([0, 0, 1, -1, -1, 1])[: y.shape[1]]
    return Eligibility(sparse.csc_array(sets), of), sets


def _peer(z, y, folds, *, counted, base):
    """scikit-learn on the subset, fold by fold, standardised as ours is."""
    scores = np.empty(len(y))
    for f in np.unique(folds):
        train = folds != f
        used = train & counted
        spread = np.sum((z[train] - z[train].mean(axis=0)) ** 2) / train.sum()
        ridge = ALPHA * spread * (used & base).sum()
        within = sum(
            np.sum((z[used & (y == v)] - z[used & (y == v)].mean(axis=0)) ** 2)
            for v in (False, True)
        )
        model = LinearDiscriminantAnalysis(
            solver="lsqr", shrinkage=ridge / (ridge + within)
        ).fit(z[used], y[used])
        t = z @ model.coef_[0]
        groups = [t[used & (y == v)] for v in (False, True)]
        inside = sum(np.sum((g - g.mean()) ** 2) for g in groups)
        sd = np.sqrt(inside / (used.sum() - 2))
        scores[folds == f] = (t[folds == f] - groups[0].mean()) / sd
    return scores


@pytest.mark.parametrize("m", [10, 60])
def test_each_trait_among_those_who_count_equals_scikit_learn(m):
    z, y, folds = _people(1, m=m)
    eligible, sets = _excluded(2, y)
    table = scan_phenome(
        z, y, folds=folds, oversampling="none", eligible=eligible, shrinkage=ALPHA
    )
    for k, at in enumerate(eligible.of):
        inside = np.zeros(400, bool) if at < 0 else sets[:, at]
        counted = y[:, k] | ~inside
        scores = _peer(z, y[:, k], folds, counted=counted, base=~inside)
        expected = roc_auc_score(y[counted, k], scores[counted])
        assert table["auc"][k] == pytest.approx(expected, abs=1e-12)
        assert table["n_controls"][k] == (counted & ~y[:, k]).sum()
        assert table["n_cases"][k] == y[:, k].sum()


def test_a_mask_gives_the_scores_of_a_refit_for_everybody():
    z, y, folds = _people(3)
    counted = np.random.default_rng(0).random(400) < 0.7
    ours = score_trait(z, y[:, 0], folds=folds, eligible=counted, shrinkage=ALPHA)
    theirs = _peer(z, y[:, 0], folds, counted=counted, base=counted)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_leave_one_out_equals_four_hundred_refits():
    z, y, folds = _people(4, n=60)
    label = y[:, 0]
    ours = score_trait(z, label, folds=folds, score="leave-one-out", shrinkage=ALPHA)
    centred = z - z.mean(axis=0)
    ridge = ALPHA * np.sum(centred**2) / z.shape[1]
    for i in range(60):
        rest = np.arange(60) != i
        mean = z[rest].mean(axis=0)
        x = z[rest] - mean
        w = np.linalg.solve(
            x.T @ x + ridge * np.eye(z.shape[1]), x.T @ label[rest].astype(float)
        )
        assert ours[i] == pytest.approx(label[rest].mean() + (z[i] - mean) @ w)
    with pytest.raises(InputError, match="leave-one-out scores with 'expected'"):
        score_trait(
            z, label, folds=folds, score="leave-one-out", oversampling="expected"
        )


def test_held_out_half_is_scored_by_the_other_and_tested_exactly():
    z, y, folds = _people(5)
    label = y[:, 0]
    scores = score_trait(z, label, folds=folds, score="held-out", shrinkage=ALPHA)
    first = folds < 3
    assert np.isnan(scores[first]).all() and np.isfinite(scores[~first]).all()
    turned = np.where(first, label, ~label)
    again = score_trait(z, turned, folds=folds, score="held-out", shrinkage=ALPHA)
    np.testing.assert_allclose(scores, again, atol=1e-12)
    table = scan_phenome(
        z, y, folds=folds, score="held-out", oversampling="none", shrinkage=ALPHA
    )
    test = stats.mannwhitneyu(
        scores[~first & label], scores[~first & ~label], method="asymptotic"
    )
    assert table["log10p"][0] == pytest.approx(-np.log10(test.pvalue), rel=1e-9)


def test_best_of_fold_is_optimistic_and_the_others_are_not():
    rng = np.random.default_rng(6)
    z = rng.normal(size=(600, 80))
    y = np.stack([rng.permutation(600) < 40 for _ in range(20)], axis=1)
    folds = fold_partition(600, 10, seed=0)
    auc = {
        score: scan_phenome(z, y, folds=folds, score=score, oversampling="none")["auc"]
        for score in ("best-of-fold", "out-of-fold", "held-out", "leave-one-out")
    }
    assert auc.pop("best-of-fold").mean() > 0.75
    for found in auc.values():
        assert abs(found.mean() - 0.5) < 4 * found.std() / 20**0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "m", "cases", "oversampling"),
    [
        (800, 8, 30, "none"),
        (800, 8, 30, "expected"),
        (1000, 100, 50, "expected"),
        (900, 60, 200, "expected"),
    ],
)
def test_a_thousand_null_codes_are_calibrated(n, m, cases, oversampling):
    """Permuted labels on decaying axes: AUC 0.5 ± 0.01, 5 % between 3.5 and 6.5 %."""
    rng = np.random.default_rng(7)
    z = rng.normal(size=(n, m)) * np.exp(-np.linspace(0, 2, m))
    y = np.stack([rng.permutation(n) < cases for _ in range(1000)], axis=1)
    table = scan_phenome(
        z, y, folds=fold_partition(n, 10, seed=1), oversampling=oversampling
    )
    p = 10 ** -table["log10p"].to_numpy()
    assert abs(table["auc"].mean() - 0.5) < 0.01
    assert 0.035 < np.mean(p < 0.05) < 0.065
    # beyond: discoveries are those with an AUC above one half, and they are not more
    assert np.mean((p < 0.01) & (table["auc"] > 0.5)) < 0.01


def test_sparse_and_dense_blocks_and_sets_give_the_same():
    z, y, folds = _people(8, traits=40)
    whole = scan_phenome(z, y, folds=folds)
    again = scan_phenome(z.astype(np.float32), sparse.csr_array(y), folds=folds)
    np.testing.assert_allclose(whole["auc"], again["auc"], atol=1e-4)
    nobody = Eligibility(
        sparse.csc_array(np.zeros((400, 1), bool)), np.zeros(40, np.int64)
    )
    alike = scan_phenome(z, y, folds=folds, eligible=nobody)
    np.testing.assert_allclose(whole["log10p"], alike["log10p"], rtol=1e-9)
    seen = []
    scan_phenome(z, y, rng=np.random.default_rng(3), report=lambda *n: seen.append(n))
    assert seen[-1] == (40, 40)


def test_refuses_an_eligibility_of_others():
    z, y, folds = _people(9)
    eligible, _ = _excluded(1, y)
    with pytest.raises(InputError, match="does not meet"):
        scan_phenome(z, y[:, :3], folds=folds, eligible=eligible)
    with pytest.raises(InputError, match="eligible of shape"):
        score_trait(z, y[:, 0], folds=folds, eligible=np.ones(3, bool))
    alone = Eligibility(sparse.csc_array(np.ones((400, 1), bool)), np.zeros(6, int))
    table = scan_phenome(z, y, folds=folds, eligible=alone)
    assert set(table["reason"]) == {"fewer than 20 controls"}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(12, 60),
    m=st.integers(1, 80),
    share=st.sampled_from([0.0, 0.05, 0.3, 0.7, 1.0]),
    oversampling=st.sampled_from(["none", "expected"]),
    oddity=st.sampled_from(["plain", "constant axis", "duplicate rows"]),
)
def test_margins_give_a_reason_or_a_sound_number(
    seed, n, m, share, oversampling, oddity
):
    """One case, all cases, more axes than people, constant axes, doubled rows."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, m))
    if oddity == "constant axis":
        z = np.column_stack([z, np.full(n, 3.0)])
    if oddity == "duplicate rows":
        z[n // 2 :] = z[: n - n // 2]
    y = np.column_stack([rng.random(n) < share, np.arange(n) == 0, np.ones(n, bool)])
    folds = fold_partition(n, 4, seed=seed)
    table = scan_phenome(
        z, y, folds=folds, oversampling=oversampling, min_cases=1, shrinkage=0.1
    )
    said = table["reason"] != ""
    assert said[1] and said[2]
    assert table.loc[said, "auc"].isna().all()
    fine = table[~said]
    assert fine["auc"].between(0, 1).all() and (fine["log10p"] >= 0).all()
    usable = np.flatnonzero(~said)
    if usable.size:
        scores = score_traits(z, y[:, usable], folds=folds, oversampling=oversampling)
        assert np.isfinite(scores).all()


def test_missing_rows_are_counted_in_the_error():
    z, y, folds = _people(10)
    z[[1, 7, 9]] = np.nan
    with pytest.raises(InputError, match="3 of 400 vectors"):
        scan_phenome(z, y, folds=folds)
