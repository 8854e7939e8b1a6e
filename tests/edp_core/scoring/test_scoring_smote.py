"""Expected SMOTE against its own definition, against draws, and in every regime."""

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from scipy import sparse
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestNeighbors

from edp_core.people.eligibility import Eligibility
from edp_core.scoring.classifier import scan_phenome, score_trait, score_traits
from edp_core.scoring.folds import fold_partition

ALPHA = 0.1


def _people(seed, n=300, m=12, cases=40):
    rng = np.random.default_rng(seed)
    y = np.zeros(n, dtype=bool)
    y[rng.permutation(n)[:cases]] = True
    z = rng.normal(size=(n, m)) @ rng.normal(size=(m, m))
    z[:, 0] += 1.5 * y * z[:, 0].std()
    return z + rng.normal(size=m) * 3, y, fold_partition(n, 5, seed=seed)


def _augmented(x, wanted):
    """Every synthetic point there can be, with its weight, summing to ``wanted``.

    u at Gauss–Legendre's nodes: exact for mean and second moment.
    """
    k = min(5, len(x) - 1)
    if k == 0:
        return x, np.full(1, float(wanted))
    near = NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[1][:, 1:]
    nodes, weights = np.polynomial.legendre.leggauss(3)
    points, share = [], []
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        for j in range(k):
            points.append(x + node * (x[near[:, j]] - x))
            share.append(np.full(len(x), weight * wanted / (k * len(x))))
    return np.concatenate(points), np.concatenate(share)


def _direction(z, y, ridge):
    """Weighted discriminant of real and expected synthetic participants."""
    few = y if y.sum() <= (~y).sum() else ~y
    points, share = _augmented(z[few], abs(int((~y).sum()) - int(y.sum())))
    side = np.full(len(points), bool(y[few][0]))
    everyone = np.concatenate([z, points])
    label = np.concatenate([y, side])
    weight = np.concatenate([np.ones(len(z)), share])
    means, scatter = [], np.zeros((z.shape[1],) * 2)
    for v in (True, False):
        w = weight[label == v]
        rows = everyone[label == v]
        means.append(np.average(rows, axis=0, weights=w))
        centred = rows - means[-1]
        scatter += (centred * w[:, None]).T @ centred
    w = np.linalg.solve(scatter + ridge * np.eye(len(scatter)), means[0] - means[1])
    return w


def _expected(z, y, folds, counted=None):
    """Out-of-fold scores by the definition, fold by fold."""
    counted = np.ones(len(y), bool) if counted is None else counted
    found = np.empty(len(y))
    for f in np.unique(folds):
        train = folds != f
        centred = z[train] - z[train].mean(axis=0)
        variance = np.sum(centred**2) / train.sum() / z.shape[1]
        used = train & counted
        base = used & ~y if not counted.all() else used
        w = _direction(z[used], y[used], 2 * ALPHA * variance * base.sum())
        t = z @ w
        groups = [t[used & (y == v)] for v in (False, True)]
        within = sum(np.sum((g - g.mean()) ** 2) for g in groups)
        sd = np.sqrt(within / (used.sum() - 2))
        found[folds == f] = (t[folds == f] - groups[0].mean()) / sd
    return found


@pytest.mark.parametrize(
    ("m", "cases"),
    [(12, 8), (12, 40), (12, 149), (40, 20), (12, 180), (40, 290), (12, 3), (12, 150)],
)
def test_expected_is_its_definition_whatever_the_shape(m, cases):
    """Few cases and many, fewer and more than axes, minority and majority."""
    z, y, folds = _people(cases, m=m, cases=cases)
    found = score_trait(z, y, folds=folds, shrinkage=ALPHA, oversampling="expected")
    # single precision where the matrix is made whole; scores have an SD of about 1
    np.testing.assert_allclose(found, _expected(z, y, folds), atol=1e-6)


@pytest.mark.parametrize("cases", [8, 60])
def test_expected_with_an_excluded_range_whose_cases_come_back(cases):
    z, y, folds = _people(4, cases=cases)
    outside = np.random.default_rng(0).random(300) < 0.3
    outside |= y
    eligible = Eligibility(sparse.csc_array(outside[:, None]), np.zeros(1, int))
    kept = y | ~outside
    table = scan_phenome(
        z, y[:, None], folds=folds, eligible=eligible, min_cases=2, shrinkage=ALPHA
    )
    scores = _expected(z, y, folds, counted=kept)
    above = scores[y][:, None] > scores[kept & ~y][None, :]
    assert table["auc"][0] == pytest.approx(above.mean(), abs=1e-12)
    assert table["n_controls"][0] == (kept & ~y).sum()


def test_expected_is_the_mean_of_many_draws():
    z, y, folds = _people(5, n=1500, m=20, cases=60)
    expected = score_trait(z, y, folds=folds, oversampling="expected")
    draws = [
        score_trait(z, y, folds=folds, oversampling="sampled", seed=s)
        for s in range(40)
    ]
    plain = score_trait(z, y, folds=folds, oversampling="none")

    def likeness(scores):
        return np.corrcoef(scores, expected)[0, 1]

    alone = np.mean([likeness(draw) for draw in draws])
    assert likeness(np.mean(draws, axis=0)) > 1 - (1 - alone) / 10
    assert 1 - alone < (1 - likeness(plain)) / 10


def test_a_draw_is_that_of_imbalanced_learn_and_scikit_learn():
    z, y, folds = _people(6, n=1500, m=20, cases=60)
    ours = [
        score_trait(z, y, folds=folds, oversampling="sampled", seed=s)
        for s in range(12)
    ]
    theirs = []
    for s in range(12):
        found = np.empty(len(y))
        for f in range(5):
            train = folds != f
            x, label = SMOTE(random_state=s).fit_resample(z[train], y[train])
            total = np.sum((z[train] - z[train].mean(axis=0)) ** 2)
            within = sum(
                np.sum((x[label == v] - x[label == v].mean(axis=0)) ** 2)
                for v in (False, True)
            )
            ridge = 2 * ALPHA * total
            peer = LinearDiscriminantAnalysis(
                solver="lsqr", shrinkage=ridge / (ridge + within)
            ).fit(x, label)
            t = z @ peer.coef_[0]
            sides = [t[train & (y == v)] for v in (False, True)]
            inside = sum(np.sum((g - g.mean()) ** 2) for g in sides)
            sd = np.sqrt(inside / (train.sum() - 2))
            found[folds == f] = (t[folds == f] - sides[0].mean()) / sd
        theirs.append(found)
    # draws differ among each other as much as from the peer's, and their means less
    own = np.mean([np.corrcoef(a, b)[0, 1] for a in ours for b in ours if a is not b])
    across = np.mean([np.corrcoef(a, b)[0, 1] for a in ours for b in theirs])
    assert 1 - across == pytest.approx(1 - own, rel=0.2)
    means = [np.mean(draws, axis=0) for draws in (ours, theirs)]
    assert 1 - np.corrcoef(*means)[0, 1] < (1 - own) / 3


def test_does_not_depend_on_order_rotation_or_other_traits():
    z, y, folds = _people(7)
    rng = np.random.default_rng(0)
    plain = score_trait(z, y, folds=folds, oversampling="expected")
    turn = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    turned = score_trait(5 * z @ turn + 9, y, folds=folds, oversampling="expected")
    np.testing.assert_allclose(plain, turned, atol=1e-6)
    order = rng.permutation(300)
    moved = score_trait(z[order], y[order], folds=folds[order], oversampling="expected")
    np.testing.assert_allclose(plain[order], moved, atol=1e-6)
    others = np.column_stack([rng.random((300, 20)) < 0.2, y])
    among = score_traits(z, others, folds=folds, oversampling="expected")
    np.testing.assert_allclose(plain, among[:, -1], rtol=1e-9, atol=1e-10)


def test_the_same_scan_twice_is_drawn_towards_without_harm():
    z, y, folds = _people(8, cases=30)
    twice = np.concatenate([z, z[y]])
    label = np.concatenate([y, y[y]])
    where = np.concatenate([folds, folds[y]])
    found = score_trait(twice, label, folds=where, oversampling="expected")
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[:300][y], found[300:], rtol=1e-9)
