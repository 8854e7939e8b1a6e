"""What is kept of every variant, so that any phenotype has its GWAS at once.

A score that is linear in the embedding is t = Zw, so the product of a variant with it
is xᵀt = (xᵀZ)w: products with every axis answer for every phenotype. They are kept
not with the axes themselves but with an orthonormal basis Q of their span (their
principal components, scaled to unit length). That loses nothing, since
xᵀZ = (xᵀQ)(QᵀZ), and it keeps single precision exact enough: axes that nearly cancel
would lose digits, orthonormal ones cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Basis:
    """Products of variants with covariates and axes, over the people of one embedding.

    With n people who have an embedding, a genotype and every covariate; V variants;
    c covariate columns; r ≤ m directions of the m axes, u of the unit-normalised ones.
    Everything is centred; a missing genotype has the variant's mean.

    Attributes
    ----------
    eids
        (n,) text, sorted.
    variants
        V rows, by chromosome and position: ``chrom`` (int8, 23 = X), ``pos`` (int32,
        bp, counted from 1), ``id`` (text), ``effect_allele``, ``other_allele``, ``af``
        (float32, frequency of the effect allele among the n), ``n_missing`` (int32).
    covariates
        (n, c) float64, centred, not orthogonal.
    columns
        Covariate → its columns of ``covariates``: one for a quantity, levels − 1 for a
        category. ``age2`` is age squared.
    axes, unit
        (n, r) and (n, u) float32: orthonormal columns that span the centred vectors,
        and those of the vectors centred and then scaled to length 1.
    loadings
        (r, m) float64: ``axes.T`` times the centred vectors, so that products with
        the m axes are ``by_axes @ loadings``.
    by_covariates
        (V, c) float64: the centred genotypes times ``covariates``.
    by_axes, by_unit
        (V, r) and (V, u) float32, memory-mapped: times ``axes`` and ``unit``.
    squares
        (V,) float64: the centred genotypes times themselves; above 0.
    keys
        ``cohort``, ``embedding`` and ``genotypes``: content keys it was made of.
    """

    eids: np.ndarray
    variants: pd.DataFrame
    covariates: np.ndarray
    columns: Mapping[str, slice]
    axes: np.ndarray
    unit: np.ndarray
    loadings: np.ndarray
    by_covariates: np.ndarray
    by_axes: np.ndarray
    by_unit: np.ndarray
    squares: np.ndarray
    population: str = "everyone"
    keys: Mapping[str, str] = field(default_factory=dict)
