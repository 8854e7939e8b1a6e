"""Ridge by one decomposition against refits without each person, by scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from edp_core.errors import InputError
from edp_core.stats.ridge import Predictors


def made(seed, n=25, m=8, noise=1.0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, m)) * np.logspace(0, -2, m) + rng.normal(size=m)
    return z, z @ rng.normal(size=m) + noise * rng.normal(size=n) + 3


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_ridge_that_foretells_best(seed):
    z, y = made(seed, noise=[0.1, 1.0, 3.0][seed])
    found = Predictors(z).fit(y)
    size = np.sum((z - z.mean(axis=0)) ** 2) / z.shape[1]
    errors = {}
    for penalty in Predictors(z).penalties:
        left = []
        for i in range(len(z)):
            others = np.arange(len(z)) != i
            # the penalty stays that of everybody
            model = Ridge(alpha=penalty * size).fit(z[others], y[others])
            left.append(y[i] - model.predict(z[[i]])[0])
        errors[penalty] = np.sum(np.square(left))
    best = min(errors, key=errors.get)
    assert found.penalty == best
    total = np.sum((y - y.mean()) ** 2)
    assert found.r2_left_out == pytest.approx(1 - errors[best] / total, rel=1e-6)
    whole = Ridge(alpha=best * size).fit(z, y)
    np.testing.assert_allclose(found.weights, whole.coef_, rtol=1e-6, atol=1e-10)
    assert found.r2 == pytest.approx(whole.score(z, y), rel=1e-9)


def test_a_linear_target_is_found_exactly():
    z, y = made(1, noise=0.0)
    found = Predictors(z).fit(y)
    assert found.r2 == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(z @ found.weights - y, np.mean(z @ found.weights - y))


def test_noise_foretells_nothing():
    rng = np.random.default_rng(2)
    z = rng.normal(size=(100, 40))
    kept = [Predictors(z).fit(rng.normal(size=100)) for _ in range(20)]
    assert np.mean([k.r2_left_out for k in kept]) < 0.02
    assert np.mean([k.r2 for k in kept]) > 0.02  # what is fitted looks better


@pytest.mark.parametrize(
    ("z", "y", "said"),
    [
        (np.ones((5, 2)), np.arange(5.0), "predictors do not vary"),
        (np.eye(2), np.arange(2.0), "too few"),
        (np.full((4, 2), np.nan), np.arange(4.0), "not all finite"),
        (np.eye(4), np.ones(4), "target does not vary"),
        (np.eye(4), np.arange(3.0), "does not meet 4"),
        (np.eye(4), np.array([0, 1, np.inf, 2]), "not all finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(z, y, said):
    with pytest.raises(InputError, match=said):
        Predictors(z).fit(y)
