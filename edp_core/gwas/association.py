"""What a GWAS gives: effect, standard error and −log10 p of every variant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edp_core.gwas.inflation import lambdas
from edp_core.stats.tails import log10p_share

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Association:
    """One phenotype tested against every variant.

    Attributes
    ----------
    beta, se
        (V,) float64 in the order of the variants: effect of one effect allele and its
        standard error, in the unit of the phenotype; NaN where not testable (the
        covariates explain the variant, or it does not vary among these people).
    log10p
        (V,) float64, −log10 p of the two-sided t-test; NaN where not testable.
    n
        People, with those whose missing value was filled.
    df
        Degrees of freedom of the t-test: n − 1 − rank of [1, covariates].
    r2
        Share of the phenotype's variance, after the covariates, that its projection
        keeps; 1.0 where exact.
    exact
        Whether it rests on all genotypes rather than on stored products.
    n_filled
        People without a value, who were given the mean.
    covariates
        Those adjusted for.
    on_unit
        Whether the axes of the unit-normalised vectors took part in the projection.
    """

    beta: Floats
    se: Floats
    log10p: Floats
    n: int
    df: int
    r2: float
    exact: bool
    n_filled: int
    covariates: tuple[str, ...]
    on_unit: bool = False

    @property
    def lambda_gc(self) -> float:
        """Genomic control: median χ² over the one expected without any effect."""
        return lambdas(self.log10p, at=(0.5,))[0.5]


def tested(
    products: Floats, squares: Floats, *, total: float | Floats, df: int
) -> tuple[Floats, Floats, Floats]:
    """β, SE and −log10 p of regressions on one variable each, from their sums.

    Parameters
    ----------
    products
        (V,) or (V, T) x̃ᵀt̃: variants times phenotypes, both without the covariates.
    squares
        Broadcastable: x̃ᵀx̃; NaN where not testable.
    total
        t̃ᵀt̃ of the phenotype, or (T,) of each; above 0.
    df
        Degrees of freedom.

    Returns
    -------
    beta, se, log10p
        As ``products``. β = x̃ᵀt̃/x̃ᵀx̃ and SE² = (t̃ᵀt̃ − β²x̃ᵀx̃)/(df·x̃ᵀx̃).
    """
    beta = products / squares
    share = beta * products
    share /= total
    # rounding may take the share of a variant that is the phenotype beyond 1
    np.minimum(share, 1.0, out=share)
    se = (1 - share) * (total / df)
    se /= squares
    np.sqrt(se, out=se)
    return beta, se, log10p_share(share, df=df)
