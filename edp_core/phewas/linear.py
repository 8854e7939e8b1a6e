"""Linear outcomes: least squares of ranks made normal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from edp_core.stats.regression import residualise
from edp_core.stats.tails import log10p_share
from edp_core.stats.transform import rank_inverse_normal
from edp_core.threads import on_all_cores

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """What a model says of the phenotype; NaN where nothing can be said.

    Attributes
    ----------
    beta, se
        Of the phenotype's SD, and its standard error.
    low, high
        95 % interval of ``beta``.
    log10p
        −log10 of the two-sided p.
    converged
        Whether the estimate was found.
    reason
        Why there is none; empty where there is.
    """

    beta: float
    se: float
    low: float
    high: float
    log10p: float
    converged: bool = True
    reason: str = ""


TOLD = "the covariates tell the phenotype among those who count"


def nothing(reason: str, *, converged: bool = False) -> Estimate:
    """No estimate, and why."""
    none = float("nan")
    return Estimate(none, none, none, none, none, converged, reason)


def linear(columns: Floats, values: Sequence[Floats]) -> list[Estimate]:
    """Regression of each outcome on the phenotype and the covariates.

    Parameters
    ----------
    columns
        (n, f + 1) covariates, then the phenotype.
    values
        Outcomes, each (n,) in any unit; NaN = missing.

    Returns
    -------
    list of Estimate
        ``beta`` in SDs of the outcome, whose ranks were made normal (Blom) and put to
        SD 1, for one unit of the phenotype. p and interval are Student's.

    Notes
    -----
    Frisch, Waugh and Lovell: phenotype and outcome without the covariates, then one
    on the other, with n − rank − 1 degrees of freedom. Outcomes with the same people
    share the covariates' factor.
    """
    found: dict[int, Estimate] = {}
    shared: dict[bytes, list[int]] = {}
    for at, one in enumerate(values):
        shared.setdefault(np.packbits(np.isfinite(one)).tobytes(), []).append(at)
    normal = on_all_cores(rank_inverse_normal, values)
    for group in shared.values():
        there = np.isfinite(values[group[0]])
        outcomes = np.column_stack([normal[at][there] for at in group])
        fits = _fitted(columns[there], outcomes / outcomes.std(axis=0))
        found |= dict(zip(group, fits, strict=True))
    return [found[at] for at in range(len(values))]


def _fitted(columns: Floats, outcomes: Floats) -> list[Estimate]:
    asked = columns[:, -1:]
    rest, rank = residualise(np.column_stack([asked, outcomes]), columns[:, :-1])
    x, y = rest[:, 0], rest[:, 1:]
    df = len(x) - rank - 1
    own = float(x @ x)
    if df < 1 or own <= 1e-9 * float(asked[:, 0] @ asked[:, 0]):
        return [nothing(TOLD)] * outcomes.shape[1]
    beta = x @ y / own
    left = np.sum((y - np.outer(x, beta)) ** 2, axis=0)
    error = np.sqrt(left / df / own)
    explained = beta**2 * own
    log10p = log10p_share(explained / (explained + left), df=df)
    reach = student.ppf(0.975, df)
    return [
        Estimate(
            float(b), float(e), float(b - reach * e), float(b + reach * e), float(p)
        )
        for b, e, p in zip(beta, error, log10p, strict=True)
    ]
