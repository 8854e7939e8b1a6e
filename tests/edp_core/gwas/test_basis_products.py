"""Products of genotypes: against numpy in double precision, and plink2's counts."""

import subprocess

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plink_files import PLINK2, draw, needs_plink2, write_bed
from scipy.linalg import subspace_angles

from edp_core.errors import InputError
from edp_core.gwas import products
from edp_core.gwas.genotypes import open_genotypes
from edp_core.gwas.products import Columns, directions, multiply, unit_vectors


def columns_of(people, *, seed=0, axes=12, covariates=5):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(people, axes)) @ rng.normal(size=(axes, axes)) + 3
    centred = rng.normal(size=(people, covariates))
    centred -= centred.mean(axis=0)
    ours, _ = directions(vectors)
    unit, _ = directions(unit_vectors(vectors, vectors.mean(axis=0)))
    return Columns(centred, np.hstack([ours, unit]), ours.shape[1])


def by_numpy(copies, columns):
    """All sums the plain way: mean imputation, centring, one product each."""
    x = np.where(copies < 0, np.nan, copies).astype(np.float64)
    mean = np.nanmean(x, axis=1, keepdims=True)
    x = np.where(np.isnan(x), mean, x) - mean
    both = x @ columns.both.astype(np.float64)
    return {
        "af": mean[:, 0] / 2,
        "n_missing": (copies < 0).sum(axis=1),
        "squares": (x**2).sum(axis=1),
        "by_covariates": x @ columns.covariates,
        "by_axes": both[:, : columns.split],
        "by_unit": both[:, columns.split :],
    }


@pytest.mark.parametrize("missing", [0.0, 0.04])
@pytest.mark.parametrize("chunk", [7, 256])
def test_products_are_those_of_numpy(missing, chunk, monkeypatch):
    monkeypatch.setattr(products, "CHUNK", chunk)
    copies, columns = draw(400, 100, missing=missing), columns_of(400)
    dosages = np.where(copies < 0, np.nan, copies).astype(np.float32)
    found = multiply(dosages, columns, mac=1, missing=1)
    assert found.kept.tolist() == list(range(100))
    expected = by_numpy(copies, columns)
    np.testing.assert_array_equal(found.n_missing, expected["n_missing"])
    np.testing.assert_allclose(found.af, expected["af"], rtol=1e-6)
    for name in ("squares", "by_covariates"):
        np.testing.assert_allclose(
            getattr(found, name), expected[name], rtol=1e-12, atol=1e-10
        )
    for name in ("by_axes", "by_unit"):  # |x| ≈ 15, columns of length 1
        np.testing.assert_allclose(getattr(found, name), expected[name], atol=2e-5)


def test_dosages_that_are_no_whole_numbers():
    rng = np.random.default_rng(3)
    dosages = rng.uniform(0, 2, size=(20, 300)).astype(np.float32)
    columns = columns_of(300)
    x = dosages.astype(np.float64)
    x -= x.mean(axis=1, keepdims=True)
    found = multiply(dosages.copy(), columns, mac=1, missing=0)
    np.testing.assert_allclose(found.squares, (x**2).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.by_covariates, x @ columns.covariates, atol=1e-9)
    np.testing.assert_allclose(found.by_axes, x @ columns.both[:, :12], atol=2e-5)


@given(st.integers(0, 2**31), st.integers(3, 60), st.integers(0, 8))
@settings(max_examples=40, deadline=None)
def test_variants_left_out_are_counted_once(seed, people, mac):
    rng = np.random.default_rng(seed)
    copies = rng.choice([-1, 0, 1, 2], p=[0.2, 0.6, 0.15, 0.05], size=(60, people))
    copies[:3] = [[0], [1], [-1]]
    dosages = np.where(copies < 0, np.nan, copies).astype(np.float32)
    found = multiply(
        dosages, columns_of(people, axes=2, covariates=1), mac=mac, missing=0.3
    )
    gone = (copies < 0).sum(axis=1)
    seen = np.maximum(people - gone, 1)
    counts = np.where(copies < 0, 0, copies).sum(axis=1)
    lacking = (gone > 0.3 * people) | (gone == people)
    flat = np.array([len(set(row[row >= 0])) < 2 for row in copies])
    rare = np.minimum(counts, 2 * seen - counts) < mac
    kept = ~(lacking | flat | rare)
    assert found.kept.tolist() == np.flatnonzero(kept).tolist()
    assert found.dropped == {
        reason: n
        for reason, n in (
            (products.MISSING, int(lacking.sum())),
            (products.MONOMORPHIC, int((flat & ~lacking).sum())),
            (products.RARE, int((rare & ~flat & ~lacking).sum())),
        )
        if n
    }
    assert (found.squares > 0).all()


# ---- directions ------------------------------------------------------------------
def test_directions_are_orthonormal_and_span_the_vectors():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(500, 20)) * np.logspace(0, -4, 20) + 100
    columns, loadings = directions(vectors)
    centred = vectors - vectors.mean(axis=0)
    assert columns.shape == (500, 20)
    wide = columns.astype(np.float64)
    np.testing.assert_allclose(wide.T @ wide, np.eye(20), atol=1e-6)
    np.testing.assert_allclose(wide.mean(axis=0), 0, atol=1e-8)
    # every axis comes back, the faint ones too, to single precision of the largest
    np.testing.assert_allclose(wide @ loadings, centred, atol=3e-7 * 100)
    assert np.rad2deg(subspace_angles(wide, centred).max()) < 0.1


def test_nearly_equal_axes_are_one_direction():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(300, 6))
    twins = np.hstack([vectors, vectors[:, :3] * (1 + 1e-9), np.ones((300, 1))])
    assert directions(twins)[0].shape == (300, 6)
    apart = np.hstack([vectors, vectors[:, :1] + 1e-4 * rng.normal(size=(300, 1))])
    columns, _ = directions(apart)
    assert columns.shape == (300, 7)
    wide = columns.astype(np.float64)
    np.testing.assert_allclose(wide.T @ wide, np.eye(7), atol=1e-6)


def test_more_axes_than_people():
    vectors = np.random.default_rng(2).normal(size=(8, 30))
    assert directions(vectors)[0].shape == (8, 7)


def test_products_of_an_axis_follow_though_axes_nearly_cancel():
    """Why the basis is orthonormal: kept with the axes themselves, digits are lost."""
    rng = np.random.default_rng(4)
    shared = rng.normal(size=(2000, 1)) * 1000
    vectors = shared + rng.normal(size=(2000, 2)) * 0.05
    x = rng.binomial(2, 0.4, size=2000).astype(np.float32)
    centred = vectors - vectors.mean(axis=0)
    truth = (x - x.mean(dtype=np.float64)) @ (centred[:, 0] - centred[:, 1])
    columns, loadings = directions(vectors)
    ours = float((x - x.mean()) @ columns @ (loadings @ [1, -1]))
    plain = (x - x.mean()) @ centred.astype(np.float32)
    scale = np.linalg.norm(centred[:, 0] - centred[:, 1]) * np.linalg.norm(x - x.mean())
    assert abs(ours - truth) / scale < 1e-5
    assert abs(float(plain[0] - plain[1]) - truth) / scale > 1e-4


def test_the_same_vector_for_everybody_is_refused():
    with pytest.raises(InputError, match="All 9 people have the same vector"):
        directions(np.ones((9, 4), np.float32))


def test_unit_vectors():
    vectors = np.array([[3.0, 4.0], [1.0, 1.0], [1.0, 3.0]])
    found = unit_vectors(vectors, np.array([1.0, 1.0]))
    np.testing.assert_allclose(found, [[2 / 13**0.5, 3 / 13**0.5], [0, 0], [0, 1]])


# ---- plink2 ----------------------------------------------------------------------
@needs_plink2
def test_frequencies_and_missing_are_those_of_plink2(tmp_path):
    copies = draw(200, 150, missing=0.05)
    ids = [str(i + 1) for i in range(200)]
    prefix = write_bed(tmp_path / "g", copies, ids=ids)
    subprocess.run(
        [PLINK2, "--bfile", prefix, "--freq", "--missing", "--out", prefix],
        check=True,
        capture_output=True,
    )
    found = open_genotypes(prefix, "bed")
    dosages = found.read(np.arange(150), np.arange(200))
    ours = multiply(dosages, columns_of(200), mac=1, missing=1)
    freq = pd.read_csv(f"{prefix}.afreq", sep="\t")
    assert freq["ID"].tolist() == found.variants["id"].tolist()
    assert freq["ALT"].tolist() == found.variants["effect_allele"].tolist()
    np.testing.assert_allclose(ours.af, freq["ALT_FREQS"], rtol=1e-5)
    missing = pd.read_csv(f"{prefix}.vmiss", sep="\t")
    np.testing.assert_array_equal(ours.n_missing, missing["MISSING_CT"])


@pytest.mark.data
def test_real_genotypes_give_the_products_of_numpy(data_dir):
    name = "1kg.ref.phase1_release_v3.20101123_thinned_autosomal_overlap"
    found = open_genotypes(data_dir / "genetics/plink-real" / name, "bed")
    some, people = np.arange(0, 14079, 40), np.arange(0, 1092, 2)
    dosages = found.read(some, people)
    copies = np.nan_to_num(dosages, nan=-1).astype(int)
    columns = columns_of(len(people))
    ours = multiply(dosages, columns, mac=20, missing=0.1)
    expected = by_numpy(copies, columns)
    assert len(ours.kept) > 300
    np.testing.assert_allclose(ours.squares, expected["squares"][ours.kept], rtol=1e-12)
    np.testing.assert_allclose(ours.by_axes, expected["by_axes"][ours.kept], atol=3e-5)
