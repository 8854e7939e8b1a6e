"""The map of an embedding: principal components, and memberships of neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.vectors.neighbours import finite

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pca:
    """Principal components.

    Attributes
    ----------
    scores
        (n, n_components), centred, in the unit of the embedding.
    components
        (n_components, n_axes), orthonormal rows; in each the loading of largest size
        is positive.
    explained_ratio
        (n_components,) share of the total variance.
    mean
        (n_axes,) what was subtracted.
    """

    scores: Floats
    components: Floats
    explained_ratio: Floats
    mean: Floats


def pca(vectors: ArrayLike, n_components: int) -> Pca:
    """Exact principal components by the eigenvectors of the covariance.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values.
    n_components
        From 1 to min(n − 1, n_axes).

    Returns
    -------
    Pca
        Float64; the same input gives the same signs.

    Raises
    ------
    InputError
        Where a value is missing, ``n_components`` is out of range or all vectors are
        the same.
    """
    z = finite(vectors).astype(np.float64)
    n, m = z.shape
    if not 1 <= n_components <= min(n - 1, m):
        raise InputError(
            f"{n_components} principal components of {n} vectors with {m} axes",
            f"choose from 1 to {min(n - 1, m)}",
        )
    mean = z.mean(axis=0)
    z -= mean
    values, vectors_ = np.linalg.eigh(z.T @ z)
    total = float(np.maximum(values, 0).sum())
    if not total > 0:
        raise InputError(
            f"all {n} vectors are the same", "look at the images and the encoder"
        )
    components = vectors_[:, ::-1][:, :n_components].T
    largest = np.argmax(np.abs(components), axis=1)
    signs = np.sign(components[np.arange(n_components), largest])
    components = np.ascontiguousarray(components * signs[:, None])
    ratio = np.maximum(values[::-1][:n_components], 0) / total
    return Pca(z @ components.T, components, ratio, mean)


def umap_memberships(distances: ArrayLike) -> Floats:
    """UMAP's fuzzy membership of each neighbour.

    Parameters
    ----------
    distances
        (n, k) to the k nearest others, ≥ 0.

    Returns
    -------
    (n, k) from 0 to 1: p_ij = exp(−max(0, d_ij − ρ_i)/σ_i), with ρ_i the smallest
    positive distance and σ_i such that Σ_j p_ij = log2(k + 1).

    Notes
    -----
    McInnes, Healy & Melville (2018), with umap-learn's floor on σ: a thousandth of
    the mean distance, the participant itself counted.
    """
    d = np.asarray(distances, dtype=np.float64)
    n, k = d.shape
    rho = np.where(d > 0, d, np.inf).min(axis=1)
    rho[np.isinf(rho)] = 0
    beyond = np.maximum(d - rho[:, None], 0)
    low, high, sigma = np.zeros(n), np.full(n, np.inf), np.ones(n)
    for _ in range(64):
        over = np.exp(-beyond / sigma[:, None]).sum(axis=1) > np.log2(k + 1)
        high, low = np.where(over, sigma, high), np.where(over, low, sigma)
        sigma = np.where(np.isinf(high), 2 * sigma, (low + high) / 2)
    mean = np.where(rho > 0, d.sum(axis=1) / (k + 1), d.sum() / (n * (k + 1)))
    sigma = np.maximum(sigma, np.maximum(1e-3 * mean, 1e-300))
    return np.asarray(np.exp(-beyond / sigma[:, None]), dtype=np.float64)
