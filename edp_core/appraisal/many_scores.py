"""Many scores of one embedding at once, and how they follow the first of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from edp_core.stats.transform import rank_inverse_normal
from edp_core.threads import cores, on_all_cores

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def cosines(
    vectors: np.ndarray, members: Sequence[Bools], *, centred: bool, self_excluded: bool
) -> Floats:
    """`edp_core.scoring.clusters.cluster_score` of many members at once, NaN below 2.

    With T the sum of N members, cos(z, z̄) = zᵀT/(‖z‖‖T‖), and for a member, itself
    left out, zᵀ(T − z)/(‖z‖‖T − z‖), which the products zᵀT, ‖T‖² and ‖z‖² hold.
    """
    z = np.asarray(vectors, dtype=np.float64)
    if centred:
        z = z - z.mean(axis=0)
    rows = [np.flatnonzero(m) for m in members]
    totals = np.stack([z[r].sum(axis=0) for r in rows], axis=1)
    square = np.einsum("ij,ij->i", z, z)
    products = z @ totals
    length, of_total = np.sqrt(square), np.einsum("ij,ij->j", totals, totals)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = products / length[:, None] / np.sqrt(of_total)
        for column, own in enumerate(rows):
            if own.size < 2:
                cosine[:, column] = np.nan
            elif self_excluded:
                dot = products[own, column]
                left = of_total[column] - 2 * dot + square[own]
                cosine[own, column] = (dot - square[own]) / (
                    length[own] * np.sqrt(np.maximum(left, 0))
                )
    cosine[~np.isfinite(cosine)] = np.nan
    return np.asarray(np.clip(cosine - 1, -2, 0), dtype=np.float64)


def correlations(scores: Floats, *, ranked: bool) -> tuple[Floats, Floats]:
    """Pearson's and Spearman's r of each column with the first, NaN where constant."""
    there = np.isfinite(scores)
    whole = there[:, 0] & there[:, there.any(axis=0)].all(axis=1)
    known = np.ascontiguousarray(scores[whole].T)

    def unit(row: Floats) -> Floats:
        centred = row - row.mean()
        length = np.linalg.norm(centred)
        return centred / length if length > 0 else np.full_like(row, np.nan)

    def both(rows: Floats) -> list[tuple[float, float]]:
        found = []
        for row in rows:
            if np.isnan(row).any() or np.ptp(row) == 0:
                found.append((np.nan, np.nan))
                continue
            plain = rank_inverse_normal(row) if ranked else row
            ranks = rankdata(row)
            found.append((float(unit(plain) @ first), float(unit(ranks) @ first_rank)))
        return found

    reference = rank_inverse_normal(known[0]) if ranked else known[0]
    first, first_rank = unit(reference), unit(rankdata(known[0]))
    parts = np.array_split(known, min(4 * cores(), len(known)))
    values = np.array([pair for part in on_all_cores(both, parts) for pair in part])
    return values[:, 0], values[:, 1]
