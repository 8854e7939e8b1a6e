"""Simulated embeddings have a nuisance for PC1, and lose its loci with it."""

import numpy as np
import pytest
from scipy import stats
from scipy.cluster.vq import kmeans2

from edp_core.simulate.factors import Factors, simulate_factors
from edp_core.simulate.genotypes import planted_dosages
from edp_core.simulate.planted import PLANTED
from edp_core.simulate.vectors import AXES, SIDES, simulate_vectors

N, SEED = 6000, 2


@pytest.fixture(scope="module")
def people() -> Factors:
    return simulate_factors(N, seed=SEED)


def vectors_of(people: Factors, organ: str) -> np.ndarray:
    """(n, 384) of the first side, centred."""
    blocks = list(simulate_vectors(people, organ, seed=SEED))
    vectors = np.vstack([vectors for _, vectors in blocks])
    assert vectors.shape == (len(people.latent) * len(SIDES[organ]), AXES)
    found = vectors[: len(people.latent)].astype(float)
    return found - found.mean(axis=0)


def leading(vectors: np.ndarray) -> np.ndarray:
    """(384, 20) directions of the first principal components, the first one first."""
    return np.linalg.eigh(vectors.T @ vectors)[1][:, :-21:-1]


@pytest.mark.parametrize("organ", list(SIDES))
def test_the_first_principal_component_is_the_nuisance(people, organ):
    vectors = vectors_of(people, organ)
    components = vectors @ leading(vectors)
    bone = people.latent["bone_z"]
    assert abs(stats.pearsonr(components[:, 0], bone)[0]) > 0.9
    for other in components.T[1:5]:
        assert abs(stats.pearsonr(other, bone)[0]) < 0.15


def test_a_fatty_clusters_score_has_the_nuisances_loci_until_pc1_is_removed(people):
    """The paper's figures 5 and 6: what a cluster's score finds, before and after."""
    vectors = vectors_of(people, "liver")
    directions = leading(vectors)
    start = np.random.default_rng(0).choice(N, 12, replace=False)
    low = vectors @ directions
    _, clusters = kmeans2(low, low[start], minit="matrix", iter=30)
    fat = people.latent["fat_z"].to_numpy()
    members = clusters == max(range(12), key=lambda k: fat[clusters == k].mean())
    first = directions[:, :1]
    dosages = planted_dosages(people.participants, seed=SEED)
    found = {}
    for name, kept in (
        ("before", vectors),
        ("after", vectors - vectors @ first @ first.T),
    ):
        unit = kept / np.linalg.norm(kept, axis=1, keepdims=True)
        score = unit @ unit[members].mean(axis=0)
        assert stats.pearsonr(score, fat)[0] > 0.1
        squares = {"bone": [], "fat": []}
        for one, alleles in zip(PLANTED, dosages, strict=True):
            fit = stats.linregress(alleles, score)
            if one.factor in squares:
                squares[one.factor].append((fit.slope / fit.stderr) ** 2)
        found[name] = {factor: sum(values) for factor, values in squares.items()}
    # sums of three and two χ²; 1 in 1,000 of chance are beyond 16.3 and 13.8
    assert found["before"]["bone"] > 30 > 16.3 > found["after"]["bone"]
    assert found["after"]["fat"] > 40
    assert found["after"]["fat"] > 2 * found["before"]["fat"]
