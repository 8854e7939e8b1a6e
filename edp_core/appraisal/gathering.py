"""The same people elsewhere: in which clusters of another organ a group gathers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2

from edp_core.errors import InputError
from edp_core.scoring.enrichment import raw_figures
from edp_core.stats.multiplicity import benjamini_hochberg_log10

_EXPECTED = 5.0
"""Fewest people expected in a cell for χ²; clusters below are taken together."""


class Gathered(NamedTuple):
    """Whether a group lies in the clusters as everybody does.

    ``log10p`` of χ² with ``df`` degrees of freedom, and Cramér's ``v`` (0 to 1); NaN
    where there are not two clusters to compare.
    """

    v: float
    log10p: float
    df: int


def gathering(both: ArrayLike, sizes: ArrayLike) -> tuple[pd.DataFrame, Gathered]:
    """In which clusters a group is more often, or less, than the rest.

    Parameters
    ----------
    both
        (n_clusters,) members of the group in each cluster.
    sizes
        (n_clusters,) people of each cluster who could be members.

    Returns
    -------
    table
        One row a cluster: ``cluster``, ``n_cluster``, ``n_both``, ``expected`` members
        (the group's share of all, times n_cluster), ``share_of_cluster``,
        ``share_of_group``, ``odds_ratio``, ``or_low``, ``or_high`` (½ in every cell,
        Woolf's 95 %), ``log10p`` (Fisher, two-sided), ``log10q`` (Benjamini–Hochberg
        over the clusters).
    together
        One test of all clusters.

    Raises
    ------
    InputError
        Where a cluster has more members than people, or nobody is in any.

    Notes
    -----
    χ² of the table of clusters by member or not; clusters in which fewer than five
    members, or five others, are expected are taken as one. Valid where the group was
    not made from these clusters.
    """
    a, n = np.asarray(both, np.int64), np.asarray(sizes, np.int64)
    if a.shape != n.shape or a.ndim != 1 or (a > n).any() or (a < 0).any():
        raise InputError(
            f"members {a.shape} do not fit clusters {n.shape}",
            "give for each cluster its people and those of them who are members",
        )
    total, members = int(n.sum()), int(a.sum())
    if not total:
        raise InputError("nobody is in any cluster", "compare people of both organs")
    with np.errstate(invalid="ignore", divide="ignore"):
        table = pd.DataFrame(
            {
                "cluster": np.arange(len(n)),
                "n_cluster": n,
                "n_both": a,
                "expected": n * (members / total),
                "share_of_cluster": a / n,
                "share_of_group": a / members,
            }
        )
    figures = raw_figures(a, n, np.full(len(n), members), np.full(len(n), total))
    names = ("odds_ratio", "or_low", "or_high", "log10p")
    table = table.assign(**dict(zip(names, figures, strict=True)))
    table["log10q"] = benjamini_hochberg_log10(table["log10p"])
    return table, _together(a, n)


def _together(a: np.ndarray, n: np.ndarray) -> Gathered:
    total, members = int(n.sum()), int(a.sum())
    share = members / total
    few = n * min(share, 1 - share) < _EXPECTED
    counts = [np.append(v[~few], v[few].sum()) for v in (a, n)]
    counts = [v[counts[1] > 0] for v in counts]
    inside, people = counts
    if len(people) < 2 or not 0 < share < 1:
        return Gathered(np.nan, np.nan, 0)
    away = (inside - people * share) ** 2 / (people * share * (1 - share))
    statistic, df = float(away.sum()), len(people) - 1
    log10p = -float(chi2.logsf(statistic, df)) / np.log(10)
    return Gathered(float(np.sqrt(statistic / total)), max(log10p, 0.0), df)
