"""The exact pass is least squares over whoever has a value; plink2 agrees."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from bed_reader import to_bed
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from small_bases import Held, genotypes, make_basis, ordinary, passed

from edp_core.errors import InputError
from edp_core.gwas.adjusting import covariate_columns
from edp_core.gwas.exact import exact_pass, exact_passes
from edp_core.gwas.genotypes import open_genotypes
from edp_core.gwas.preview import preview

PEOPLE, VARIANTS = 350, 70


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def counts(rng: np.random.Generator) -> np.ndarray:
    found = genotypes(rng, people=PEOPLE, variants=VARIANTS)
    found[4, 10:40] = np.nan
    return found


@pytest.fixture(scope="module")
def covariates(rng: np.random.Generator) -> Mapping[str, np.ndarray]:
    centre = np.eye(3)[rng.integers(0, 3, PEOPLE)][:, 1:]
    return {"age": rng.uniform(40, 70, PEOPLE), "centre": centre}


def test_least_squares_over_who_has_a_value(rng, counts, covariates) -> None:
    values = np.exp(rng.normal(size=PEOPLE)) + 0.3 * counts[7]
    values[5:30] = np.nan
    age = covariates["age"].copy()
    age[100:103] = np.nan
    found = passed(counts, values, {**covariates, "age": age})
    there = ~np.isnan(values) & ~np.isnan(age)
    design = np.column_stack([age, covariates["centre"]])[there]
    beta, se = ordinary(counts[:, there], values[there], design)
    np.testing.assert_allclose(found.beta, beta, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.se, se, rtol=1e-8)
    p = 2 * stats.t.sf(np.abs(beta / se), found.df)
    np.testing.assert_allclose(found.log10p, -np.log10(p), rtol=1e-6)
    assert (found.n, found.df) == (PEOPLE - 28, PEOPLE - 28 - 5)
    assert found.exact and found.r2 == 1 and found.n_filled == 0
    assert found.covariates == ("age", "centre")


def test_the_preview_of_a_linear_score_says_the_same(rng, counts, covariates) -> None:
    vectors = rng.normal(size=(PEOPLE, 5))
    basis = make_basis(counts, vectors, covariates)
    values = vectors @ np.arange(5.0)
    for names in ([], ["age"], ["age", "centre"]):
        found = passed(counts, values, covariate_columns(basis, names))
        shown = preview(basis, values, covariates=names)
        np.testing.assert_allclose(
            shown.beta / shown.se, found.beta / found.se, atol=1e-5
        )
        np.testing.assert_allclose(shown.se, found.se, rtol=1e-5)
        assert shown.covariates == found.covariates and shown.df == found.df


def test_phenotypes_together_as_alone(rng, counts, covariates) -> None:
    values = rng.normal(size=(PEOPLE, 5))
    values[:20, 1] = values[:20, 3] = np.nan
    values[40:200, 4] = np.nan
    reader, rows, people = Held(counts), np.arange(VARIANTS), np.arange(PEOPLE)
    together = exact_passes(reader, rows, people, values=values, covariates=covariates)
    for column, found in zip(values.T, together, strict=True):
        alone = passed(counts, column, covariates)
        np.testing.assert_allclose(found.beta, alone.beta, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.log10p, alone.log10p, rtol=1e-9, atol=1e-12)
        assert (found.n, found.df) == (alone.n, alone.df)


def test_any_order_of_variants_and_people_and_any_blocks(
    rng, counts, covariates, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = rng.normal(size=PEOPLE)
    whole = passed(counts, values, covariates)
    order, people = rng.permutation(VARIANTS)[:33], rng.permutation(PEOPLE)
    monkeypatch.setattr("edp_core.gwas.exact._CELLS", 10 * PEOPLE)
    monkeypatch.setattr("edp_core.gwas.exact._TILE", 3 * PEOPLE)
    told: list[tuple[int, int]] = []
    found = exact_pass(
        Held(counts),
        order,
        people,
        values=values[people],
        covariates={name: part[people] for name, part in covariates.items()},
        report=lambda done, total: told.append((done, total)),
    )
    np.testing.assert_allclose(found.beta, whole.beta[order], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.log10p, whole.log10p[order], rtol=1e-7)
    assert len(told) == 4 and told[-1] == (33, 33)
    assert all(total == 33 for _, total in told)


def test_a_report_that_raises_ends_the_pass(
    rng, counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edp_core.gwas.exact._CELLS", PEOPLE)
    read: list[int] = []

    class Counted(Held):
        def read(self, variants: np.ndarray, rows: np.ndarray, /) -> np.ndarray:
            read.append(len(variants))
            return super().read(variants, rows)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exact_pass(
            Counted(counts),
            np.arange(VARIANTS),
            np.arange(PEOPLE),
            values=rng.normal(size=PEOPLE),
            covariates={},
            report=stop,
        )
    assert len(read) < 10


def test_it_runs_in_a_process_of_its_own(rng, counts, tmp_path: Path) -> None:
    """On files as a study has them, people in another order than theirs."""
    to_bed(str(tmp_path / "some.bed"), counts.T.astype(np.float32))
    opened = open_genotypes(tmp_path / "some", "bed")
    order = rng.permutation(PEOPLE)[:300]
    values = rng.normal(size=PEOPLE)
    job = (opened.reader, np.arange(VARIANTS), order)
    keywords = {"values": values[order], "covariates": {}}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(exact_pass, *job, **keywords).result()
    here = passed(counts[:, order], values[order], {})
    np.testing.assert_allclose(found.log10p, here.log10p, rtol=1e-9)
    assert found.n == 300 and pickle.loads(pickle.dumps(found)).n == 300


def test_variants_that_cannot_be_tested_are_missing(rng, counts) -> None:
    some = counts.copy()
    some[0], some[1] = 1.0, np.nan
    some[2, :5] = np.nan
    some[2, 5:] = 2.0
    some[3, 20:] = 0.0
    values = rng.normal(size=PEOPLE)
    values[:20] = np.nan  # variant 3 varies only where there is no value
    found = passed(some, values, {"same": counts[6] * 3 - 1})
    assert np.flatnonzero(np.isnan(found.log10p)).tolist() == [0, 1, 2, 3, 6]
    assert np.isnan(found.beta[:4]).all() and np.isnan(found.se[:4]).all()
    assert np.isfinite(found.lambda_gc)


def test_copies_are_counted_among_those_with_a_value(rng, counts) -> None:
    """The carrier of an allele that nobody else has is not given away."""
    dosages = counts[:3].copy()
    dosages[0] = 0
    dosages[0, :12] = 1
    dosages[1] = 2 - dosages[0]
    dosages[2, 20:50] = np.nan
    values = np.column_stack([rng.normal(size=PEOPLE)] * 2)
    values[1:12, 1] = np.nan  # one of the twelve carriers has a value

    def tested(fewest: int) -> np.ndarray:
        rows = np.arange(3), np.arange(PEOPLE)
        found = exact_passes(
            Held(dosages), *rows, values=values, covariates={}, fewest=fewest
        )
        return np.array([np.isfinite(one.log10p) for one in found])

    assert tested(0).all()
    assert tested(2).tolist() == [[True] * 3, [False, False, True]]
    assert tested(13).tolist() == [[False, False, True]] * 2


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.full(PEOPLE, 1.0), "fewer than two distinct"),
        (np.full(PEOPLE, np.nan), "fewer than two distinct"),
        (np.r_[np.inf, np.zeros(PEOPLE - 1)], "infinite"),
        (np.zeros(3), "do not meet 350 people"),
        (np.zeros((PEOPLE, 2)), "are not one phenotype"),
        (np.r_[1.0, 2.0, 3.0, np.full(PEOPLE - 3, np.nan)], "too few people"),
    ],
)
def test_what_cannot_be_tested_is_refused(counts, covariates, values, said) -> None:
    with pytest.raises(InputError, match=said):
        passed(counts, values, covariates)
    with pytest.raises(InputError, match="explain the phenotype wholly"):
        passed(counts, 2 - covariates["age"], covariates)


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 14), st.integers(0, 12), st.integers(0, 3), st.integers(0, 9999))
def test_few_people_and_many_missing(
    people: int, missing: int, columns: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    counts = genotypes(rng, people=people, variants=5)
    counts[rng.random(counts.shape) < 0.2] = np.nan
    values = rng.normal(size=people)
    values[rng.permutation(people)[:missing]] = np.nan
    covariates = {f"c{i}": rng.normal(size=people) for i in range(columns)}
    there = ~np.isnan(values)
    try:
        found = passed(counts, values, covariates)
    except InputError:
        assert there.sum() - columns - 2 < 1
        return
    assert found.n == there.sum() and found.df == there.sum() - columns - 2
    design = np.column_stack([np.zeros((people, 0)), *covariates.values()])[there]
    sound = np.isfinite(found.log10p)
    assert (found.log10p[sound] >= 0).all()
    if sound.any():
        beta, se = ordinary(counts[sound][:, there], values[there], design)
        np.testing.assert_allclose(found.beta[sound] / se, beta / se, rtol=1e-5)
