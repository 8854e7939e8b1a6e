"""Agreement of embeddings, against definitions written out, sklearn, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group
from sklearn.cross_decomposition import CCA
from sklearn.metrics import adjusted_rand_score

from edp_core.appraisal.embeddings import embedding_agreement
from edp_core.errors import InputError


def value(table, measure):
    return table.set_index("measure").loc[measure]


def planted(n, seed, *, noise=1.0, p=8, q=6):
    """Two views of three common factors."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 3))
    weights = np.random.default_rng(99)
    x = common @ weights.normal(size=(3, p)) + noise * rng.normal(size=(n, p))
    y = common @ weights.normal(size=(3, q)) + noise * rng.normal(size=(n, q))
    return x, y


def cka_by_kernels(x, y):
    """Kornblith et al.: HSIC of centred kernels, all n × n of them."""
    n = len(x)
    centre = np.eye(n) - 1 / n
    k, m = (centre @ (z @ z.T) @ centre for z in (x, y))
    return np.sum(k * m) / np.sqrt(np.sum(k * k) * np.sum(m * m))


def unbiased_by_kernels(x, y):
    """The same from U-centred kernels (Székely & Rizzo 2014), which is Song's."""

    def u_centred(z):
        k = z @ z.T
        np.fill_diagonal(k, 0)
        n = len(k)
        rows = k.sum(axis=0) / (n - 2)
        out = k - rows[:, None] - rows + k.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(out, 0)
        return out

    k, m = u_centred(x), u_centred(y)
    return np.sum(k * m) / np.sqrt(np.sum(k * k) * np.sum(m * m))


@pytest.mark.parametrize("shift", [0.0, 1e3])
def test_cka_is_that_of_the_kernels_written_out(shift):
    x, y = planted(120, 1)
    table = embedding_agreement(x + shift, 3 * y - shift)
    near = {"rel": 1e-7 if shift else 1e-11}
    assert value(table, "CKA")["value"] == pytest.approx(
        unbiased_by_kernels(x, y), **near
    )
    assert value(table, "CKA, plain")["value"] == pytest.approx(
        cka_by_kernels(x, y), **near
    )
    assert (table["n"] == 120).all()


def test_one_embedding_turned_shifted_and_scaled_is_the_same():
    x, _ = planted(200, 2)
    y = 4 * x @ ortho_group.rvs(8, random_state=0) + 7
    labels = np.arange(200) % 4
    table = embedding_agreement(x, y, labels=(labels, 3 - labels))
    assert table["value"].to_numpy() == pytest.approx(np.ones(len(table)), abs=1e-9)
    assert table["low"].to_numpy() == pytest.approx(np.ones(len(table)), abs=1e-4)


def test_agreement_does_not_depend_on_which_comes_first():
    x, y = planted(150, 3)
    one, two = embedding_agreement(x, y), embedding_agreement(y, x)
    for name in ("value", "low", "high"):
        assert one[name].to_numpy() == pytest.approx(two[name].to_numpy(), rel=1e-6)


def test_unrelated_embeddings_agree_by_nothing_but_the_plain_cka_does():
    """Thirty axes of eighty people: RV is far from 0, without bias it is 0."""
    rng = np.random.default_rng(4)
    found, inside = [], 0
    for seed in range(40):
        x, y = rng.normal(size=(2, 80, 30))
        table = embedding_agreement(x, y, seed=seed)
        row = value(table, "CKA")
        found.append((row["value"], value(table, "CKA, plain")["value"]))
        inside += row["low"] <= 0 <= row["high"]
        first = value(table, "canonical 1")
        assert abs(first["value"]) < 0.5
    unbiased, plain = np.mean(found, axis=0)
    assert abs(unbiased) < 0.03
    assert plain > 0.2
    assert inside >= 34


def test_the_intervals_cover_what_a_large_sample_shows():
    big = embedding_agreement(*planted(60_000, 5, noise=2.0))
    target = value(big, "CKA")["value"]
    assert 0.1 < target < 0.95
    hits = 0
    for seed in range(100):
        row = value(embedding_agreement(*planted(250, 100 + seed, noise=2.0)), "CKA")
        hits += row["low"] <= target <= row["high"]
    assert hits >= 87
    width = value(big, "CKA")["high"] - value(big, "CKA")["low"]
    assert width < 0.05


def test_canonical_correlations_are_sklearns_where_people_are_many():
    x, y = planted(4000, 6)
    table = embedding_agreement(x, y)
    peer = CCA(n_components=3, scale=False, max_iter=2000, tol=1e-10).fit(x, y)
    u, v = peer.transform(x, y)
    for number in range(3):
        r = np.corrcoef(u[:, number], v[:, number])[0, 1]
        row = value(table, f"canonical {number + 1}")
        assert row["value"] == pytest.approx(r, abs=0.02)
        assert row["low"] < row["value"] < row["high"]
    # the two views have three factors in common and no fourth
    assert abs(value(table, "canonical 4")["value"]) < 0.1


def test_the_interval_of_a_canonical_correlation_holds_none_where_there_is_none():
    """Fisher's, which takes the five fits for one, holds 0 in four of five samples."""
    rng, inside, repeats = np.random.default_rng(11), 0, 100
    for seed in range(repeats):
        x, y = rng.normal(size=(2, 200, 4))
        row = value(embedding_agreement(x, y, seed=seed), "canonical 1")
        inside += row["low"] <= 0 <= row["high"]
    assert inside >= 89


def test_ari_is_sklearns_and_its_interval_holds_it():
    rng = np.random.default_rng(7)
    x, y = planted(300, 7)
    one = rng.integers(0, 5, 300)
    two = np.where(rng.random(300) < 0.7, one, rng.integers(0, 5, 300))
    row = value(embedding_agreement(x, y, labels=(one, two)), "ARI of clusters")
    assert row["value"] == pytest.approx(adjusted_rand_score(one, two))
    assert row["low"] < row["value"] < row["high"] < row["value"] + 0.3


def test_embeddings_that_cannot_be_compared_are_refused():
    x, y = planted(60, 8)
    with pytest.raises(InputError, match="cannot be compared"):
        embedding_agreement(x, y[:50])
    with pytest.raises(InputError, match="cannot be compared"):
        embedding_agreement(x[:40], y[:40])
    with pytest.raises(InputError, match="does not vary"):
        embedding_agreement(x, np.ones_like(y))
    with pytest.raises(InputError, match="missing values"):
        embedding_agreement(x, np.where(y > 2, np.nan, y))


def test_fewer_axes_than_canonical_pairs_are_enough():
    x, y = planted(100, 9, p=2, q=6)
    table = embedding_agreement(x, np.column_stack([y, y[:, 0]]))  # one axis twice
    assert "canonical 2" in set(table["measure"])
    assert "canonical 3" not in set(table["measure"])
    assert np.isfinite(table["value"]).all()
