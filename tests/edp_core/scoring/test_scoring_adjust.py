import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from edp_core.errors import InputError
from edp_core.scoring.adjust import design_matrix, remove
from edp_core.vectors.atlas import pca


def _table(n=60, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(60, 8, n),
            "sex": rng.choice(["F", "M"], n),
            "centre": pd.Categorical(rng.choice(["x", "y", "z"], n)),
            "smoker": rng.random(n) < 0.3,
            "same": 4.0,
        }
    )


def test_numbers_stand_and_categories_unfold():
    table = _table()
    found = design_matrix(table, ["centre", "age", "same", "smoker", "sex"])
    expected = np.column_stack(
        [
            table["centre"] == "y",
            table["centre"] == "z",
            table["age"],
            table["smoker"],
            table["sex"] == "M",
        ]
    )
    np.testing.assert_array_equal(found, expected)
    assert design_matrix(table, []).shape == (60, 0)


def test_missing_is_told_apart():
    table = _table()
    table["age"] = table["age"].where(table.index > 2)
    table["sex"] = table["sex"].where(table.index > 4)
    table["gone"], table["void"] = np.nan, pd.Series([None] * 60, dtype="str")
    table["count"] = pd.array([None] + [1, 2, 3] * 19 + [1, 2], dtype="Int64")
    found = design_matrix(table, ["age", "sex", "gone", "void", "count"])
    assert found.shape == (60, 6) and np.isfinite(found).all()
    np.testing.assert_allclose(found[:3, 0], table["age"][3:].mean())
    np.testing.assert_array_equal(found[:, 1], table.index <= 2)
    np.testing.assert_array_equal(found[:, 3], table.index <= 4)
    assert found[:5, 2].sum() == 0 and found[0, 5] == 1


def test_design_refuses():
    table = _table()
    with pytest.raises(InputError, match="no column 'bmi' in the participants table"):
        design_matrix(table, ["age", "bmi"])
    table.loc[:1, "age"] = np.inf
    with pytest.raises(InputError, match="column 'age' is infinite in 2 rows"):
        design_matrix(table, ["age"])
    table["day"] = pd.Timestamp("2020-01-01")
    with pytest.raises(InputError, match="column 'day' is a date"):
        design_matrix(table, ["day"])
    table["free"] = [f"text {i}" for i in range(60)]
    with pytest.raises(InputError, match="column 'free' has 60 levels for 60"):
        design_matrix(table, ["free"])


def test_covariates_are_regressed_out_of_every_axis():
    table = _table(80)
    design = design_matrix(table, ["age", "sex", "centre"])
    z = np.random.default_rng(1).normal(size=(80, 5)) + design @ np.ones((4, 5))
    found = remove(z, design=design)
    for axis in range(5):
        fit = sm.OLS(z[:, axis], sm.add_constant(design)).fit()
        np.testing.assert_allclose(found[:, axis], fit.resid, atol=1e-9)
    twice = remove(z, design=np.column_stack([design, 2 * design[:, 0]]))
    np.testing.assert_allclose(twice, found, atol=1e-9)


def test_components_go_and_the_rest_stays():
    z = np.random.default_rng(2).normal(size=(90, 6)) * np.arange(1, 7) + 3
    atlas = pca(z, 6)
    found = remove(z, pcs=atlas.components[[0, 2]])
    expected = atlas.scores[:, [1, 3, 4, 5]] @ atlas.components[[1, 3, 4, 5]]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    np.testing.assert_allclose(
        remove(z, pcs=atlas.components[[0, 2]].astype(np.float32)), found, atol=1e-5
    )


def test_order_of_covariates_and_components_does_not_matter():
    rng = np.random.default_rng(3)
    z, design = rng.normal(size=(70, 6)) + 9, rng.normal(size=(70, 3))
    u = pca(z, 2).components
    both = remove(z, design=design, pcs=u)
    np.testing.assert_allclose(
        remove(remove(z, pcs=u), design=design), both, atol=1e-12
    )
    np.testing.assert_allclose(both @ u.T, 0, atol=1e-12)
    np.testing.assert_allclose((design - design.mean(0)).T @ both, 0, atol=1e-10)
    np.testing.assert_allclose(both.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(remove(both, design=design, pcs=u), both, atol=1e-12)


def test_nothing_to_remove_leaves_a_copy():
    z = np.ones((3, 2))
    found = remove(z)
    found[0] = 7
    assert z[0, 0] == 1


def test_remove_refuses():
    z = np.random.default_rng(4).normal(size=(30, 4))
    with pytest.raises(InputError, match=r"components of shape \(1, 3\) do not meet 4"):
        remove(z, pcs=np.ones((1, 3)))
    with pytest.raises(InputError, match="not orthonormal"):
        remove(z, pcs=np.ones((2, 4)))
    with pytest.raises(InputError, match="does not meet factors"):
        remove(z, design=np.ones((29, 1)))
    with pytest.raises(InputError, match="vectors have shape"):
        remove(z[0])


def test_refuses_to_leave_rounding_only():
    z = np.random.default_rng(0).normal(size=(50, 4))
    with pytest.raises(InputError, match="Nothing is left of the embedding"):
        remove(z, pcs=np.linalg.qr(z[:4])[0])
    with pytest.raises(InputError, match="Nothing is left of the embedding"):
        remove(z, design=z @ np.random.default_rng(1).normal(size=(4, 6)))
    assert np.isfinite(remove(z, pcs=np.eye(4)[:3])).all()
