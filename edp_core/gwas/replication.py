"""Do loci of one GWAS come again in another: same direction, small p."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from edp_core.errors import InputError

_COMPLEMENT = str.maketrans("ACGT", "TGCA")
Row = dict[Any, Any]
NEAR_HALF = 0.4
"""An A/T or C/G variant whose rarer allele is commoner than this in either GWAS
cannot be oriented by its frequency."""

FOUND, ABSENT = "", "not in the second GWAS"
DIFFERENT, AMBIGUOUS = "other alleles", "A/T or C/G that frequency does not orient"
UNTESTED = "no p in the second GWAS"
NO_EFFECT = "no effect in the first GWAS, whose direction could come again"


@dataclass(frozen=True)
class Replication:
    """Leads of loci looked up in a second GWAS.

    Attributes
    ----------
    table
        One row a locus in the order given: ``beta2`` (of the first GWAS's effect
        allele), ``se2``, ``log10p2``, ``same_sign`` and ``replicated`` (boolean, NA
        where not tested), ``reason`` (why not tested, empty where it was).
    threshold
        −log10(0.05 / ``n_tested``); NaN where nothing was.
    n_tested, n_same_sign, n_replicated
        Loci.
    sign_log10p
        −log10 of the binomial p of as many same signs or more by chance; NaN where
        nothing was tested.
    reasons
        Why loci were not tested → how many.
    """

    table: pd.DataFrame
    threshold: float
    n_tested: int
    n_same_sign: int
    sign_log10p: float
    n_replicated: int
    reasons: Mapping[str, int]


def replicate(loci: pd.DataFrame, second: pd.DataFrame) -> Replication:
    """Look the leads of loci up in a second GWAS.

    Parameters
    ----------
    loci
        ``chrom``, ``lead_pos``, ``effect_allele``, ``other_allele``, ``beta`` of the
        leads, and ``af`` (frequency of the effect allele) where known.
    second
        ``chrom``, ``pos``, ``effect_allele``, ``other_allele``, ``beta``, ``se``,
        ``log10p``, and ``af`` where known; of the same build, in any order.

    Returns
    -------
    Replication
        A locus is replicated with the same sign and p below 0.05 over the number of
        loci tested.

    Raises
    ------
    InputError
        Where a column is missing.

    Notes
    -----
    A variant is the same at the same position with the same two alleles, in either
    order and of single bases on either strand; its β is turned where the effect
    alleles differ. The alleles of an A/T or C/G variant do not tell the strand: there
    the frequencies do, where the rarer allele has at most 0.4 in both; else it is left
    out and counted. Longer alleles are written from the base before them, which on the
    other strand is another one: they are the same as they stand or not at all.
    """
    _need(loci, ("chrom", "lead_pos", "effect_allele", "other_allele", "beta"), "loci")
    _need(
        second,
        ("chrom", "pos", "effect_allele", "other_allele", "beta", "se", "log10p"),
        "the second GWAS",
    )
    # a quick look by position first: of ten million rows few are at a lead's
    near = second[second["pos"].isin(loci["lead_pos"].unique())]
    by_place: dict[tuple[int, int], list[Row]] = {}
    for row in near.to_dict("records"):
        by_place.setdefault((row["chrom"], row["pos"]), []).append(row)
    rows: list[Row] = []
    for own in loci.to_dict("records"):
        others = by_place.get((own["chrom"], own["lead_pos"]))
        if np.isnan(float(own["beta"])):
            rows.append({"reason": NO_EFFECT})
        else:
            rows.append(_matched(own, others) if others else {"reason": ABSENT})
    columns = ["beta2", "se2", "log10p2", "reason"]
    table = pd.DataFrame(rows, columns=columns, index=loci.index).astype(
        {"beta2": float, "se2": float, "log10p2": float, "reason": str}
    )
    return _judged(table, loci["beta"].to_numpy(np.float64))


def _need(table: pd.DataFrame, names: tuple[str, ...], what: str) -> None:
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InputError(
            f"The table of {what} has no column {', '.join(missing)}; it has "
            f"{', '.join(map(str, table.columns))}",
            "give variants with their alleles and effects",
        )


def _matched(own: Row, others: list[Row]) -> Row:
    """β, SE and p of the same variant, or why there is none."""
    reason = DIFFERENT
    for other in others:
        sign, why = _turn(own, other)
        if why == AMBIGUOUS:
            reason = AMBIGUOUS
        if not sign:
            continue
        beta, log10p = float(other["beta"]), float(other["log10p"])
        if np.isnan(beta) or np.isnan(log10p):
            reason = UNTESTED
            continue
        return {
            "beta2": sign * beta,
            "se2": float(other["se"]),
            "log10p2": log10p,
            "reason": FOUND,
        }
    return {"reason": reason}


def _turn(own: Row, other: Row) -> tuple[int, str]:
    """1 or −1 on the other's β, or 0 and why it is not the same variant."""
    first = (str(own["effect_allele"]).upper(), str(own["other_allele"]).upper())
    second = (str(other["effect_allele"]).upper(), str(other["other_allele"]).upper())
    turned = (first[0].translate(_COMPLEMENT), first[1].translate(_COMPLEMENT))
    if max(map(len, first)) > 1:
        turned = first  # a longer allele has no other strand that could be told
    elif turned == first[::-1]:
        if second not in (first, turned):
            return 0, DIFFERENT
        return _by_frequency(own.get("af"), other.get("af"))
    if second in (first, turned):
        return 1, FOUND
    if second[::-1] in (first, turned):
        return -1, FOUND
    return 0, DIFFERENT


def _by_frequency(own: float | None, other: float | None) -> tuple[int, str]:
    """Same effect allele where both frequencies are on one side of a half."""
    pair = np.array([np.nan if af is None else float(af) for af in (own, other)])
    if not (np.minimum(pair, 1 - pair) <= NEAR_HALF).all():  # NaN is not
        return 0, AMBIGUOUS
    return (1 if (pair[0] < 0.5) == (pair[1] < 0.5) else -1), FOUND


def _judged(table: pd.DataFrame, beta: NDArray[np.float64]) -> Replication:
    tested = (table["reason"] == FOUND).to_numpy()
    n = int(tested.sum())
    threshold = float(-np.log10(0.05 / n)) if n else float("nan")
    same = np.sign(beta) * np.sign(table["beta2"].to_numpy()) > 0
    again = same & (table["log10p2"].to_numpy() > threshold)
    for name, values in (("same_sign", same), ("replicated", again)):
        table[name] = pd.array(np.where(tested, values, False), dtype="boolean")
        table.loc[~tested, name] = pd.NA
    k = int((same & tested).sum())
    why_not = table.loc[~tested, "reason"].value_counts()
    return Replication(
        table[["beta2", "se2", "log10p2", "same_sign", "replicated", "reason"]],
        threshold,
        n,
        k,
        float(max(-binom.logsf(k - 1, n, 0.5) / np.log(10), 0)) if n else float("nan"),
        int((again & tested).sum()),
        {str(why): int(k) for why, k in why_not.items()},
    )
