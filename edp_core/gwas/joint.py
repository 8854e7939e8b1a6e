"""Every variant against all axes of an embedding at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edp_core.errors import InputError
from edp_core.gwas.adjusting import adjustment
from edp_core.gwas.basis import Basis
from edp_core.gwas.span import extended, products
from edp_core.stats.tails import log10p_f
from edp_core.threads import on_all_cores

Floats = NDArray[np.float64]
_BLOCK = 4096
"""Variants at a time: two such blocks of products are some 12 MB."""


def joint(basis: Basis, *, covariates: Sequence[str]) -> Floats:
    """Test each variant for an effect on any axis, or any sum of axes.

    Parameters
    ----------
    basis
        Products of the variants.
    covariates
        Names of any of its covariates, projected out of variants and axes.

    Returns
    -------
    (V,) −log10 p; NaN where the covariates explain the variant.

    Raises
    ------
    InputError
        For an unknown covariate, axes that the covariates explain wholly, or too few
        people.

    Notes
    -----
    The share of the variant's variance that the axes explain is R² = sᵀ(Z̃ᵀZ̃)⁻¹s/v,
    with s = Z̃ᵀx̃ and v = x̃ᵀx̃, both after the covariates; its F has m and n − c − m
    degrees of freedom, c counting the intercept and m the axes that the covariates do
    not explain. The regression of the variant on the axes tests the same null as
    Wilks' Λ of the axes on the variant, and has its p: 1 − R² is that Λ.
    """
    adjusting = adjustment(basis, covariates)
    stored = [basis.covariates, basis.axes]
    c = basis.covariates.shape[1]
    above, own = np.split(products(stored, basis.axes), [c])
    weights = extended(adjusting.weights, above, own)
    m = weights.shape[1]
    if not m:
        raise InputError(
            "the covariates explain all axes: nothing is left to test",
            "adjust for fewer covariates",
        )
    df = len(basis.eids) - adjusting.rank - m
    if df < 1:
        raise InputError(
            f"{len(basis.eids)} people are too few for {m} axes and "
            f"{len(adjusting.covariates)} covariates",
            "use more people, or test phenotypes one by one",
        )
    of_covariates = weights[:c].astype(np.float32)
    of_axes = weights[c:].astype(np.float32)

    def explained(start: int) -> Floats:
        rows = slice(start, start + _BLOCK)
        along = basis.by_axes[rows] @ of_axes
        along += basis.by_covariates[rows] @ of_covariates
        share = np.square(along).sum(axis=1, dtype=np.float64)
        share /= adjusting.squares[rows]
        return log10p_f(share, df_model=m, df_residual=df)

    blocks = on_all_cores(explained, range(0, len(adjusting.squares), _BLOCK))
    return np.concatenate(blocks) if blocks else np.zeros(0)
