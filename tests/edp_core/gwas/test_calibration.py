"""On real genotypes without any effect p is uniform; planted effects have their power.

`benchmarks/gwas_calibration.py` does the same with more embeddings and families.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bed_reader import open_bed
from scipy import stats
from small_bases import Held, make_basis

from edp_core.gwas.exact import exact_passes
from edp_core.gwas.preview import Live
from edp_core.scoring.classifier import score_traits
from edp_core.scoring.clusters import cluster_score
from edp_core.scoring.folds import fold_partition
from edp_core.stats.transform import rank_inverse_normal

pytestmark = [pytest.mark.data, pytest.mark.slow]
COMPONENTS = 10


@pytest.fixture(scope="module")
def real(data_dir: Path) -> np.ndarray:
    """(14,079, 1,092) copies of an allele."""
    folder = data_dir / "genetics" / "plink-real"
    with open_bed(next(folder.glob("1kg*.bed"))) as bed:
        return np.ascontiguousarray(bed.read(dtype="float32").T)


@pytest.fixture(scope="module")
def pcs(real: np.ndarray) -> np.ndarray:
    frequency = real.mean(axis=1, keepdims=True, dtype=float) / 2
    x = (real - 2 * frequency) / np.sqrt(2 * frequency * (1 - frequency))
    return np.linalg.eigh(x.T @ x)[1][:, -COMPONENTS:]


def phenotypes(rng: np.random.Generator, z: np.ndarray) -> np.ndarray:
    """240 scores of an embedding: axes, classifiers, clusters, made normal or not."""
    people, axes = z.shape
    liability = z @ rng.normal(size=(axes, 72))
    liability = liability / liability.std(axis=0) + rng.normal(size=(people, 72))
    cases = liability > np.quantile(liability, 0.85, axis=0)
    folds = fold_partition(people, 10, seed=1)
    classified = score_traits(z, cases, folds=folds)
    near = z @ rng.normal(size=(axes, 48)) > 0
    members = (rng.random(near.shape) < 0.1) & near
    clusters = np.column_stack([cluster_score(z, m) for m in members.T])
    some = np.hstack([classified[:, :36], clusters[:, :36]]).T
    normal = np.column_stack([rank_inverse_normal(values) for values in some])
    return np.hstack([z, classified, clusters, normal])


def test_without_effects_p_is_uniform(real: np.ndarray, pcs: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(48, 48)) * np.geomspace(3, 0.3, 48)[:, None]
    z = rng.standard_t(4, (real.shape[1], 48)) @ mixing
    found = exact_passes(
        Held(real),
        np.arange(len(real)),
        np.arange(real.shape[1]),
        values=phenotypes(rng, z),
        covariates={"pcs": pcs},
    )
    lambdas = [one.lambda_gc for one in found]
    assert len(lambdas) == 240
    assert 0.99 < np.mean(lambdas) < 1.01
    # linkage leaves 98.4 % where 99 % of independent variants would pass
    uniform = [stats.kstest(10**-one.log10p, "uniform").pvalue for one in found]
    assert np.mean(np.array(uniform) > 0.01) >= 0.98
    small = np.mean([one.log10p > 3 for one in found])
    assert small == pytest.approx(1e-3, rel=0.1)
    axes = Live(make_basis(real[::20].astype(float), z, {"pcs": pcs}))
    for number in (0, 47):
        shown = axes.preview(z[:, number], covariates=["pcs"]).log10p
        np.testing.assert_allclose(
            shown, found[number].log10p[::20], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("level", [1e-3, 5e-8])
def test_planted_effects_have_the_power_of_theory(
    real: np.ndarray, pcs: np.ndarray, level: float
) -> None:
    rng = np.random.default_rng(1)
    people, many = real.shape[1], 300
    counts = real[rng.choice(len(real), many, replace=False)]
    x = counts.T - counts.mean(axis=1, dtype=float)
    free = np.linalg.norm(x - pcs @ (pcs.T @ x), axis=0)
    share = rng.uniform(0.01, 0.05, many)
    beta = np.sqrt(share / (1 - share) * people) / free
    found = exact_passes(
        Held(counts),
        np.arange(many),
        np.arange(people),
        values=x * beta + rng.normal(size=x.shape),
        covariates={"pcs": pcs},
    )
    df = people - COMPONENTS - 2
    power = stats.ncf.sf(stats.f.isf(level, 1, df), 1, df, (beta * free) ** 2)
    hits = sum(one.log10p[i] > -np.log10(level) for i, one in enumerate(found))
    spread = np.sqrt((power * (1 - power)).sum())
    assert 0.1 < power.mean() < 0.97
    assert abs(hits - power.sum()) < 3 * spread
    bias = [(one.beta[i] - beta[i]) / one.se[i] for i, one in enumerate(found)]
    assert abs(np.mean(bias)) < 4 / np.sqrt(many)
