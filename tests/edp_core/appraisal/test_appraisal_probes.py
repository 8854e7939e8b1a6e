import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.metrics import mean_absolute_error, r2_score

from edp_core.appraisal.probes import COLUMNS, joined, probe, ridge_out_of_fold
from edp_core.errors import InputError


def _data(seed=0, n=300, m=12):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, m)) * np.linspace(0.2, 3, m) + 5
    age = 60 + z @ rng.normal(size=m) + rng.normal(0, 4, n)
    return z, age, rng.permutation(n) % 5


@pytest.mark.parametrize("shape", [(300, 12), (60, 90), (40, 1)])
def test_equals_ridge_cv_of_scikit_learn_in_the_same_folds(shape):
    z, y, fold = _data(1, *shape)
    alphas = np.array([1e-3, 1e-2, 0.1, 1.0, 10.0])
    found, chosen = ridge_out_of_fold(z, y, folds=fold, penalties=alphas)
    for f in range(5):
        train = fold != f
        size = z[train].var(axis=0).sum() * train.sum() / z.shape[1]
        peer = RidgeCV(alphas=alphas * size, gcv_mode="svd").fit(z[train], y[train])
        np.testing.assert_allclose(chosen[f], peer.alpha_ / size, rtol=1e-9)
        np.testing.assert_allclose(found[~train], peer.predict(z[~train]), rtol=1e-6)


def test_the_chosen_penalty_has_the_smallest_error_when_one_is_really_left_out():
    z, y, fold = _data(2, n=40, m=6)
    alphas = np.array([0.01, 0.3, 3.0, 100.0])
    _, chosen = ridge_out_of_fold(z, y, folds=fold, penalties=alphas)
    for f in range(5):
        x, t = z[fold != f], y[fold != f]
        size = x.var(axis=0).sum() * len(x) / 6
        errors = []
        for alpha in alphas:
            error = 0.0
            for i in range(len(x)):
                a, b = np.delete(x, i, 0), np.delete(t, i)
                c = a - a.mean(0)
                w = np.linalg.solve(
                    c.T @ c + alpha * size * np.eye(6), c.T @ (b - b.mean())
                )
                error += (t[i] - b.mean() - (x[i] - a.mean(0)) @ w) ** 2
            errors.append(error)
        assert chosen[f] == alphas[np.argmin(errors)]


def test_no_label_of_the_held_out_is_used():
    z, y, fold = _data(3)
    found, _ = ridge_out_of_fold(z, y, folds=fold)
    other = np.where(fold == 2, y[::-1] * 7, y)
    again, _ = ridge_out_of_fold(z, other, folds=fold)
    np.testing.assert_array_equal(found[fold == 2], again[fold == 2])


def test_rotation_shift_and_scale_of_the_embedding_do_not_matter():
    z, y, fold = _data(4)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0]
    found, _ = ridge_out_of_fold(z, y, folds=fold)
    again, _ = ridge_out_of_fold(z @ turn * 1e3 - 70, y, folds=fold)
    np.testing.assert_allclose(found, again, rtol=1e-7)


def test_rows_rest_on_the_same_people_and_the_constant_stands_first():
    z, y, fold = _data(5)
    volume = y * 10 + np.random.default_rng(1).normal(0, 60, 300)
    volume[:20], y[15:30] = np.nan, np.nan
    table = probe(y, {"liver volume": volume, "liver": z}, name="age", folds=fold)
    assert list(table.columns) == list(COLUMNS)
    assert table["predictor"].tolist() == ["constant", "liver volume", "liver"]
    assert (table["n"] == 270).all() and table["n_axes"].tolist() == [0, 1, 12]
    assert (table["reason"] == "").all() and (table["folds"] == 5).all()
    rows = table.set_index("predictor")
    y, volume, fold = y[30:], volume[30:], fold[30:]
    means = np.array([y[fold != f].mean() for f in fold])
    assert rows.loc["constant", "mae"] == pytest.approx(mean_absolute_error(y, means))
    assert rows.loc["constant", "r2"] == pytest.approx(r2_score(y, means))
    assert np.isnan(rows.loc["constant", "r"]) and rows.loc["constant", "r2"] < 0
    plain = np.empty(270)
    for f in range(5):
        fit = LinearRegression().fit(volume[fold != f, None], y[fold != f])
        plain[fold == f] = fit.predict(volume[fold == f, None])
    assert rows.loc["liver volume", "mae"] == pytest.approx(
        mean_absolute_error(y, plain), rel=1e-3
    )
    assert rows.loc["liver", "rmse"] < rows.loc["constant", "rmse"]
    assert rows.loc["liver", "r_low"] < rows.loc["liver", "r"]


def test_noise_does_no_better_than_the_constant():
    rng = np.random.default_rng(6)
    gains = []
    for _ in range(20):
        y, z = rng.normal(size=200), rng.normal(size=(200, 30))
        table = probe(y, {"noise": z}, name="y", folds=rng.permutation(200) % 5)
        gains.append(table["rmse"].iat[0] - table["rmse"].iat[1])
    assert max(gains) < 0.03 and np.mean(gains) < 0.005


def test_joined_embeddings_weigh_alike():
    z, _, _ = _data(7)
    other = z[:, :4] * 1e4
    other[3] = np.nan
    found = joined({"a": z, "b": other})
    assert found.shape == (300, 16) and np.isnan(found[3, 12:]).all()
    there = np.delete(found, 3, axis=0)
    assert there[:, :12].var(axis=0).sum() == pytest.approx(1, rel=0.05)
    assert there[:, 12:].var(axis=0).sum() == pytest.approx(1)


def test_what_cannot_be_probed_has_a_reason():
    z, y, fold = _data(8)
    few = np.where(np.arange(300) < 40, y, np.nan)
    for target, said in ((few, "fewer than 50"), (np.full(300, 2.0), "does not vary")):
        table = probe(target, {"z": z}, name="age", folds=fold)
        assert table["mae"].isna().all()
        assert table["reason"].str.contains(said).all()
    flat = probe(y, {"flat": np.ones(300), "z": z}, name="age", folds=fold)
    assert flat["reason"].tolist() == ["", "the predictor does not vary", ""]


def test_refuses():
    z, y, fold = _data(9)
    with pytest.raises(InputError, match="do not meet"):
        ridge_out_of_fold(z, y[1:], folds=fold)
    with pytest.raises(InputError, match="1 of 300 rows have missing"):
        ridge_out_of_fold(np.where(z == z[4, 4], np.nan, z), y, folds=fold)
    with pytest.raises(InputError, match="fewer than two folds"):
        ridge_out_of_fold(z, y, folds=fold * 0)
    with pytest.raises(InputError, match="penalty is not above 0"):
        ridge_out_of_fold(z, y, folds=fold, penalties=(0,))
    with pytest.raises(InputError, match="do not vary"):
        ridge_out_of_fold(z * 0 + 3, y, folds=fold)
    with pytest.raises(InputError, match="predictor 'z' of shape"):
        probe(y, {"z": z[1:]}, name="age", folds=fold)
