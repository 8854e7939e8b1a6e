"""The map of an embedding: principal components and exact nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError

Floats = NDArray[np.float64]
_SPARE = 16
"""Neighbours beyond k fetched in float32, to be put in order in float64."""
_SLACK = 4e-6
"""What rounding in float32 may move a cosine by."""


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
    z = _finite(vectors).astype(np.float64)
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


def cosine_knn(
    vectors: ArrayLike, k: int, *, centred: bool = True, block: int = 2048
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Exact k nearest neighbours by cosine distance.

    Parameters
    ----------
    vectors
        (n, n_axes), no missing values.
    k
        Other participants to find, 1 to n − 1. scanpy's ``n_neighbors`` counts the
        participant itself, so its 10 is 9 here.
    centred
        Subtract the mean vector first; a mean shared by all dominates the cosine.
    block
        Rows at a time; memory is about 5 · block · n bytes.

    Returns
    -------
    indices
        (n, k) int32, nearest first, the participant itself not among them.
    distances
        (n, k) float32, 1 − cosine, 0 to 2.

    Raises
    ------
    InputError
        Where ``k`` is out of range, a value is missing, or a vector is zero (after
        centring), which has no direction.

    Notes
    -----
    Candidates come from float32 products, all within rounding of the k-th included;
    their distances are then taken in float64 as half the squared length of the
    difference of unit vectors. Equal distances (in float32) stand in order of index.
    """
    z = _finite(vectors).astype(np.float64)
    n = len(z)
    if not 1 <= k <= n - 1:
        raise InputError(
            f"{k} neighbours of {n} participants", f"choose from 1 to {n - 1}"
        )
    scale = float(np.abs(z).max(initial=0))
    if centred:
        z -= z.mean(axis=0)
    length = np.linalg.norm(z, axis=1)
    zero = int(np.count_nonzero(length <= 1e-12 * scale * np.sqrt(z.shape[1])))
    if zero:
        raise InputError(
            f"{zero} of {n} vectors are zero" + (" after centring" if centred else ""),
            "look for blank images, or leave those participants out",
        )
    z /= length[:, None]
    unit32 = z.astype(np.float32)
    indices = np.empty((n, k), dtype=np.int32)
    distances = np.empty((n, k), dtype=np.float32)
    wide = min(k + _SPARE, n - 1)
    for start in range(0, n, block):
        rows = np.arange(start, min(start + block, n))
        likeness = unit32[rows] @ unit32.T
        likeness[np.arange(rows.size), rows] = -np.inf
        found = np.argpartition(likeness, n - wide, axis=1)[:, n - wide :]
        inside = np.take_along_axis(likeness, found, axis=1)
        kth = np.partition(inside, wide - k, axis=1)[:, wide - k]
        unsure = np.count_nonzero(likeness >= (kth - _SLACK)[:, None], axis=1) > wide
        indices[rows], distances[rows] = _nearest(z, rows, candidates=found, k=k)
        for i in np.flatnonzero(unsure):
            near = np.flatnonzero(likeness[i] >= kth[i] - _SLACK)[None, :]
            row = rows[i : i + 1]
            indices[row], distances[row] = _nearest(z, row, candidates=near, k=k)
    return indices, distances


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


def _nearest(
    unit: Floats,
    rows: NDArray[np.int64],
    *,
    candidates: NDArray[np.int64],
    k: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Put candidates in order by exact distance, then index, and keep k."""
    candidates = np.sort(candidates, axis=1)
    exact = np.empty(candidates.shape, dtype=np.float32)
    for part in range(0, len(rows), 256):
        here = slice(part, part + 256)
        apart = unit[rows[here], None, :] - unit[candidates[here]]
        exact[here] = 0.5 * np.sum(apart * apart, axis=2)
    order = np.argsort(exact, axis=1, kind="stable")[:, :k]
    return (
        np.take_along_axis(candidates, order, axis=1).astype(np.int32),
        np.take_along_axis(exact, order, axis=1),
    )


def _finite(vectors: ArrayLike) -> NDArray[np.floating]:
    z = np.asarray(vectors)
    if z.ndim != 2 or not z.size:
        raise InputError(
            f"vectors have shape {z.shape}",
            "give one row for each participant and one column for each axis",
        )
    bad = int(np.count_nonzero(~np.isfinite(z).all(axis=1)))
    if bad:
        raise InputError(
            f"{bad} of {len(z)} vectors have missing or infinite values",
            "leave those participants out first",
        )
    return z
