"""Small bases and genotypes made directly, and least squares beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edp_core.gwas.association import Association
from edp_core.gwas.basis import Basis
from edp_core.gwas.exact import exact_pass


def genotypes(rng: np.random.Generator, *, people: int, variants: int) -> np.ndarray:
    """(variants, people) counts 0, 1, 2, of which every one varies."""
    frequency = rng.uniform(0.05, 0.5, variants)
    counts = rng.binomial(2, frequency[:, None], (variants, people)).astype(float)
    counts[:, 0], counts[:, 1] = 0, 1
    return counts


def span(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal columns that span centred vectors, and their loadings."""
    centred = vectors - vectors.mean(axis=0)
    left, singular, rows = np.linalg.svd(centred, full_matrices=False)
    keep = singular > 1e-9 * singular[0]
    return left[:, keep].astype(np.float32), singular[keep, None] * rows[keep]


def make_basis(
    counts: np.ndarray, vectors: np.ndarray, covariates: Mapping[str, np.ndarray]
) -> Basis:
    """Products as they are kept, of all variants; missing counts take the mean."""
    variants, people = counts.shape
    missing = np.isnan(counts)
    mean = np.nanmean(counts, axis=1, keepdims=True)
    x = np.where(missing, mean, counts) - mean
    columns, parts, place = {}, [np.zeros((people, 0))], 0
    for name, values in covariates.items():
        part = np.asarray(values, float).reshape(people, -1)
        columns[name] = slice(place, place + part.shape[1])
        place += part.shape[1]
        parts.append(part - part.mean(axis=0))
    centred = vectors - vectors.mean(axis=0)
    axes, loadings = span(centred)
    unit, _ = span(centred / np.linalg.norm(centred, axis=1, keepdims=True))
    c = np.hstack(parts)
    table = pd.DataFrame(
        {
            "chrom": np.ones(variants, np.int8),
            "pos": np.arange(1, variants + 1, dtype=np.int32),
            "id": [f"rs{i}" for i in range(variants)],
            "effect_allele": "A",
            "other_allele": "G",
            "af": (mean[:, 0] / 2).astype(np.float32),
            "n_missing": missing.sum(axis=1).astype(np.int32),
        }
    )
    return Basis(
        eids=np.array([f"p{i:06d}" for i in range(people)]),
        variants=table,
        covariates=c,
        columns=columns,
        axes=axes,
        unit=unit,
        loadings=loadings,
        by_covariates=x @ c,
        by_axes=(x @ axes).astype(np.float32),
        by_unit=(x @ unit).astype(np.float32),
        squares=np.einsum("ij,ij->i", x, x),
    )


def ordinary(
    counts: np.ndarray, values: np.ndarray, design: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """β and SE of every variant by NumPy's least squares, one regression each."""
    beta, se = [], []
    for count in counts:
        there = ~np.isnan(count)
        x = np.where(there, count, count[there].mean())
        full = np.column_stack([np.ones(len(x)), x, design])
        weights = np.linalg.lstsq(full, values, rcond=None)[0]
        rest = values - full @ weights
        df = len(x) - np.linalg.matrix_rank(full)
        spread = np.linalg.pinv(full.T @ full)[1, 1]
        beta.append(weights[1])
        se.append(np.sqrt(rest @ rest / df * spread))
    return np.array(beta), np.array(se)


PEOPLE, VARIANTS, AXES = 400, 60, 8


class World:
    """A basis with what it was made of."""

    def __init__(self, seed: int = 0, people: int = PEOPLE) -> None:
        self.rng = np.random.default_rng(seed)
        self.counts = genotypes(self.rng, people=people, variants=VARIANTS)
        self.counts[5, :30] = np.nan
        self.vectors = self.rng.normal(3, 2, (people, AXES))
        self.vectors[:, 0] += self.counts[0]
        centre = self.rng.integers(0, 3, people)
        age = self.rng.uniform(40, 70, people)
        self.columns = {
            "age": age,
            "age2": age**2,
            "centre": np.eye(3)[centre][:, 1:],
            "sex": self.rng.integers(0, 2, people).astype(float),
        }
        self.basis = make_basis(self.counts, self.vectors, self.columns)

    def design(self, *names: str) -> np.ndarray:
        people = self.counts.shape[1]
        parts = [self.columns[name].reshape(people, -1) for name in names]
        return np.hstack([np.zeros((people, 0)), *parts])


@dataclass(frozen=True)
class Held:
    """Genotypes that lie in memory; variants × people, NaN = missing."""

    counts: np.ndarray

    def read(self, variants: np.ndarray, rows: np.ndarray, /) -> np.ndarray:
        return self.counts[np.ix_(variants, rows)].astype(np.float32)


def passed(counts: np.ndarray, values: np.ndarray, covariates: Mapping) -> Association:
    """All variants of all people."""
    rows, people = np.arange(len(counts)), np.arange(counts.shape[1])
    return exact_pass(Held(counts), rows, people, values=values, covariates=covariates)
