"""How many tests several correlated phenotypes are worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from edp_core.errors import InputError
from edp_core.gwas.loci import GENOME_WIDE


def effective_tests(correlation: ArrayLike) -> float:
    """Effective number of independent phenotypes.

    Parameters
    ----------
    correlation
        (k, k) correlations between the phenotypes, over the people they share.

    Returns
    -------
    A number from 1 (all the same) to k (uncorrelated).

    Raises
    ------
    InputError
        Where it is no correlation matrix: not square and symmetric, a diagonal other
        than 1, a value missing.

    Notes
    -----
    (Σ√e)²/Σe over the eigenvalues e (Galwey 2009), those below 0 by rounding or by
    pairwise missing taken for 0.

    Examples
    --------
    >>> round(effective_tests([[1, 0.5], [0.5, 1]]), 3)
    1.866
    """
    matrix = np.asarray(correlation, dtype=np.float64)
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] and matrix.size
    if not square or not np.isfinite(matrix).all():
        raise InputError(
            f"Correlations of shape {matrix.shape}, "
            f"{int((~np.isfinite(matrix)).sum())} of them missing, give no number of "
            "tests",
            "give the correlation of every phenotype with every other; leave out a "
            "phenotype that does not vary",
        )
    if not (
        np.allclose(matrix, matrix.T, atol=1e-6)
        and np.allclose(np.diag(matrix), 1, atol=1e-6)
    ):
        raise InputError(
            "The matrix is not symmetric with 1 on its diagonal",
            "give correlations, not covariances",
        )
    values = np.maximum(np.linalg.eigvalsh(matrix), 0)
    return float(np.sqrt(values).sum() ** 2 / values.sum())


def study_wide(tests: float) -> float:
    """−log10 of the study-wide threshold 5·10⁻⁸ / ``tests``.

    Parameters
    ----------
    tests
        Number of phenotypes, or their effective number, 1 or more.

    Raises
    ------
    InputError
        Below 1.
    """
    if not tests >= 1:
        raise InputError(
            f"{tests} tests have no threshold", "give the number of phenotypes"
        )
    return GENOME_WIDE + float(np.log10(tests))
