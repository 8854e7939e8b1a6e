import numpy as np
import pytest
from scipy import stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from edp_core.errors import InputError
from edp_core.scoring.classifier import scan_phenome, score_trait
from edp_core.scoring.folds import fold_partition
from edp_core.scoring.moments import effective_axes
from edp_core.stats.ranks import rank_test


def _people(seed, *, n=400, m=10, signal=1.0, prevalence=0.2):
    rng = np.random.default_rng(seed)
    y = rng.random(n) < prevalence
    z = rng.normal(size=(n, m)) @ rng.normal(size=(m, m))
    z[:, :3] += signal * y[:, None] * z.std(axis=0)[:3]
    return z + rng.normal(size=m) * 5, y, fold_partition(n, 5, seed=seed)


def _scatters(z, y):
    total = np.sum((z - z.mean(0)) ** 2)
    within = sum(np.sum((z[y == v] - z[y == v].mean(0)) ** 2) for v in (False, True))
    return total, within


def test_partition_is_balanced_shared_and_seeded():
    folds = fold_partition(103, 10, seed=3)
    assert folds.dtype == np.int8 and set(np.bincount(folds)) == {10, 11}
    np.testing.assert_array_equal(folds, fold_partition(103, 10, seed=3))
    assert np.any(folds != fold_partition(103, 10, seed=4))
    for n, k in ((5, 6), (5, 1), (500, 128)):
        with pytest.raises(InputError, match=f"{k} folds for {n} participants"):
            fold_partition(n, k, seed=0)


@pytest.mark.parametrize("alpha", [0.0, 0.1, 3.0])
def test_equals_scikit_learn_in_every_fold(alpha):
    z, y, folds = _people(1)
    found = score_trait(z, y, folds=folds, shrinkage=alpha)
    for f in range(5):
        train, held = folds != f, folds == f
        total, within = _scatters(z[train], y[train])
        peer = LinearDiscriminantAnalysis(
            solver="lsqr", shrinkage=alpha * total / (alpha * total + within)
        ).fit(z[train], y[train])
        projected = z @ peer.coef_[0]
        inside = [projected[train & (y == v)] for v in (False, True)]
        scatter = sum(np.sum((part - part.mean()) ** 2) for part in inside)
        sd = np.sqrt(scatter / (train.sum() - 2))
        expected = (projected[held] - inside[0].mean()) / sd
        np.testing.assert_allclose(found[held], expected, atol=1e-9)
        assert roc_auc_score(y[held], found[held]) == pytest.approx(
            roc_auc_score(y[held], peer.decision_function(z[held])), abs=1e-12
        )


def test_scan_is_the_score_and_its_test():
    z, y, folds = _people(2)
    other = np.random.default_rng(0).random((400, 70)) < 0.3
    cases = np.column_stack([other, y])
    table = scan_phenome(z, cases, folds=folds, oversampling="none")
    assert len(table) == 71 and (table["reason"] == "").all()
    scores = score_trait(z, y, folds=folds)
    axes = effective_axes(z, shrinkage=0.1)
    expected = rank_test(scores, y, inflation=2**0.5, axes=axes)
    for name in ("n_cases", "n_controls", "auc", "auc_low", "auc_high", "log10p"):
        assert table[name].iloc[-1] == pytest.approx(getattr(expected, name)[0])
    assert table["auc"].iloc[-1] > 0.8
    assert table[["baseline_auc", "increment"]].isna().all(axis=None)


def test_scores_do_not_depend_on_rotation_shift_or_scale():
    z, y, folds = _people(3)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(10, 10)))[0]
    plain = score_trait(z, y, folds=folds)
    moved = score_trait(40 * z @ turn + 1000, y, folds=folds)
    np.testing.assert_allclose(moved, plain, atol=1e-9)


def test_scores_follow_the_participants():
    z, y, folds = _people(4)
    order = np.random.default_rng(0).permutation(len(y))
    plain = score_trait(z, y, folds=folds)
    moved = score_trait(z[order], y[order], folds=9 - folds[order])
    np.testing.assert_allclose(moved, plain[order], atol=1e-10)


def test_no_score_knows_the_labels_of_its_own_fold():
    z, y, folds = _people(5)
    turned = np.where(folds == 2, ~y, y)
    before = score_trait(z, y, folds=folds)
    after = score_trait(z, turned, folds=folds)
    np.testing.assert_allclose(after[folds == 2], before[folds == 2], atol=1e-12)
    assert np.abs(after - before)[folds != 2].max() > 0.01


def test_unlabelled_cases_train_as_controls():
    z, y, folds = _people(6)
    labelled = np.random.default_rng(0).random(400) < 0.5
    found = score_trait(z, y, folds=folds, labelled=labelled)
    np.testing.assert_array_equal(found, score_trait(z, y & labelled, folds=folds))


def test_baseline_equals_scikit_learn_on_standardised_filled_covariates():
    z, y, folds = _people(7)
    rng = np.random.default_rng(0)
    x = np.column_stack([50 + 8 * rng.normal(size=400) + 4 * y, rng.random(400) < 0.5])
    x[rng.random(400) < 0.1, 0] = np.nan
    table = scan_phenome(z, y[:, None], folds=folds, baseline=x)
    scores = np.empty(400)
    for f in range(5):
        train, held = folds != f, folds == f
        mean = np.nanmean(x, axis=0)
        filled = np.where(np.isnan(x), mean, x) - mean
        filled /= filled.std(axis=0)
        total, within = _scatters(filled[train], y[train])
        peer = LinearDiscriminantAnalysis(
            solver="lsqr", shrinkage=0.1 * total / (0.1 * total + within)
        ).fit(filled[train], y[train])
        t = filled @ peer.coef_[0]
        inside = [t[train & (y == v)] for v in (False, True)]
        scatter = sum(np.sum((part - part.mean()) ** 2) for part in inside)
        scores[held] = (t[held] - inside[0].mean()) / np.sqrt(scatter)
    assert table["baseline_auc"][0] == pytest.approx(roc_auc_score(y, scores))
    assert table["increment"][0] == table["auc"][0] - table["baseline_auc"][0]


def test_says_why_a_trait_is_not_scored():
    z, y, folds = _people(8)
    few, nearly = np.zeros((2, 400), dtype=bool)
    few[:19], nearly[:395] = True, True
    table = scan_phenome(z, np.stack([few, nearly, y], axis=1), folds=folds)
    assert list(table["reason"]) == [
        "fewer than 20 cases",
        "fewer than 20 controls",
        "",
    ]
    assert table["n_cases"].tolist() == [19, 395, y.sum()]
    assert table.loc[:1, "auc":"increment"].isna().all(axis=None)
    lump = folds == 3
    table = scan_phenome(z, np.stack([lump, ~lump], axis=1), folds=folds)
    assert list(table["reason"]) == [
        "no cases in training of fold 3",
        "no controls in training of fold 3",
    ]
    with pytest.raises(InputError, match="no cases in training of fold 3"):
        score_trait(z, lump, folds=folds)
    with pytest.raises(InputError, match="fewer than 1 cases"):
        score_trait(z, lump, folds=folds, labelled=~lump)


def test_null_labels_are_calibrated():
    rng = np.random.default_rng(9)
    z = rng.normal(size=(600, 48)) * np.exp(-np.linspace(0, 1.5, 48))
    labels = np.arange(600) < 60
    y = np.stack([rng.permutation(labels) for _ in range(600)], axis=1)
    table = scan_phenome(z, y, folds=fold_partition(600, 10, seed=0))
    auc, p = table["auc"], 10 ** -table["log10p"]
    # 5 standard errors either way: a wrong √2 is 20 away, scores in fold 60.
    assert abs(auc.mean() - 0.5) < 5 * auc.std() / 600**0.5
    sigma = np.sqrt(601 / (12 * 60 * 540))
    assert auc.std() / sigma == pytest.approx(2**0.5, rel=5 / 1200**0.5)
    bounds = stats.binom.ppf([1e-4, 1 - 1e-4], 600, 0.05) / 600
    assert bounds[0] <= (p < 0.05).mean() <= bounds[1]
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    # The tail beyond the normal lies where AUC < ½, not among discoveries.
    assert ((p < 0.01) & (auc > 0.5)).mean() <= stats.binom.ppf(
        0.9999, 600, 0.005
    ) / 600
    covered = (table["auc_low"] <= 0.5) & (table["auc_high"] >= 0.5)
    assert stats.binom.ppf(1e-4, 600, 0.95) / 600 <= covered.mean()


@pytest.mark.parametrize(
    ("m", "delta", "oversampling"),
    [(10, 0.8, "none"), (60, 0.8, "expected"), (60, 1.8, "none")],
)
def test_widened_interval_covers_the_expected_auc(m, delta, oversampling):
    rng = np.random.default_rng(10)
    found = []
    for draw in range(200):
        y = rng.random((500, 1)) < 0.15
        z = rng.normal(size=(500, m))
        z[:, :1] += delta * y
        folds = fold_partition(500, 10, seed=draw)
        table = scan_phenome(z, y, folds=folds, oversampling=oversampling)
        found.append(table.loc[0, ["auc", "auc_low", "auc_high"]].to_numpy(float))
    auc, low, high = np.array(found).T
    covered = np.mean((low <= auc.mean()) & (auc.mean() <= high))
    assert 0.895 <= covered <= 0.99  # 200 draws: ± 2 × 0.015


def test_refuses_what_cannot_be_scored():
    z, y, folds = _people(11)
    with pytest.raises(InputError, match="do not meet"):
        score_trait(z[1:], y, folds=folds)
    with pytest.raises(InputError, match="not one column"):
        score_trait(z, y[:, None], folds=folds)
    with pytest.raises(InputError, match="labelled of shape"):
        score_trait(z, y, folds=folds, labelled=y[1:])
    with pytest.raises(InputError, match="fewer than two folds"):
        score_trait(z, y, folds=np.zeros(400))
    with pytest.raises(InputError, match="shrinkage is -1"):
        score_trait(z, y, folds=folds, shrinkage=-1)
    broken = z.copy()
    broken[[3, 5], 0] = np.nan
    with pytest.raises(InputError, match="2 of 400 vectors have missing"):
        score_trait(broken, y, folds=folds)
    for twice in (np.column_stack([z, z[:, 0]]), np.ones((400, 3))):
        with pytest.raises(InputError, match="collinear or constant"):
            score_trait(twice, y, folds=folds, shrinkage=0)
    for baseline in (np.ones((400, 2)), np.full((400, 1), np.nan)):
        with pytest.raises(InputError, match="no baseline covariate varies"):
            scan_phenome(z, y[:, None], folds=folds, baseline=baseline)
    with pytest.raises(InputError, match="baseline of shape"):
        scan_phenome(z, y[:, None], folds=folds, baseline=np.ones((3, 2)))
