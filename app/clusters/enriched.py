"""Codes of the clusters, as they may be shown."""

from __future__ import annotations

from collections.abc import Set

import numpy as np
import pandas as pd
from scipy import sparse

from edp_core.disclosure import disclose, hide_partition
from edp_core.nested import coarse_controls, hide_related_within
from edp_core.people.phenome import Phenome
from edp_core.people.side import side_of
from edp_core.scoring.enrichment import raw_figures
from edp_core.stats.multiplicity import benjamini_hochberg_log10

COUNTS = ["n_cluster", "n_cases", "n_both"]
RAW = ["odds_ratio", "or_low", "or_high", "log10p"]
ADJUSTED = ["adjusted_or", "adjusted_low", "adjusted_high", "adjusted_log10p"]
SAID = ["adjusted_method", "adjusted_reason"]
DERIVED = ["share_of_cluster", "share_of_cases", *RAW, "log10q", *ADJUSTED, *SAID]


def disclosed(
    table: pd.DataFrame,
    phenome: Phenome,
    *,
    labels: np.ndarray,
    seen: np.ndarray,
    codes: list[str],
    threshold: int,
    told: Set[str] = frozenset(),
) -> pd.DataFrame:
    """Table of clusters × codes, small counts and all that tells them hidden.

    Where some people do not count for a code (exclusion range, sex), cluster N less
    cases would count them; there it is rounded (`coarse_controls`), and shares, odds
    ratios and p are of the rounded numbers, so that they tell no more. In a row in
    which anything is hidden the adjusted odds ratio is hidden too, and so is why there
    is none: “fewer than 5” would tell a small count from one hidden for its sake.

    q is of the p that are shown, every row that is not counting as a test with p = 1:
    the q of a row would tell how many hidden p lie below it. So it is conservative.

    Parameters
    ----------
    table
        As `make_enrichment` stores it.
    labels, seen
        (n,) cluster, and row of the phenome, of each participant with an embedding.
    codes
        Those that may be shown at all; the others are left out of the rows, but not of
        the number of tests that q corrects for.
    told
        Codes whose counts tell a small one beside others that are shown elsewhere.

    Returns
    -------
    pandas.DataFrame
        Rows of ``codes``; counts ``Int64``, hidden cells missing; ``restricted`` where
        some people do not count. Adjusted figures have three significant digits.
    """
    sizes = np.bincount(labels)
    table = _coarse(table, phenome, labels=labels, seen=seen, threshold=threshold)
    n_rows = len(table)
    table = table[table["code"].isin(codes)].reset_index(drop=True)
    kept = list(dict.fromkeys(table["code"]))
    cluster, both = table["cluster"].to_numpy(), table["n_both"].to_numpy()
    nested = hide_related_within(
        cluster,
        side_of(phenome, kept),
        traits=pd.Index(kept).get_indexer(pd.Index(table["code"])),
        counts=both,
        threshold=threshold,
    )
    elsewhere = table["code"].isin(list(told)).to_numpy(bool)
    table["n_both"] = table["n_both"].mask(nested | elsewhere)
    small = hide_partition(sizes, threshold)
    table["n_cluster"] = table["n_cluster"].mask(small[cluster])
    held = [name for name in DERIVED if name in table.columns]
    for name in set(ADJUSTED) & set(held):
        table[name] = _significant(table[name].to_numpy(float))
    for name in set(SAID) & set(held):
        table[name] = table[name].fillna("").astype(object)
    shown = disclose(
        table,
        threshold=threshold,
        counts=COUNTS,
        derived=held,
        totals={"n_both": "n_cluster"},
        partition={"n_both": "code"},
    )
    # of a rounded number the cases could be read: it holds those of the exclusion set
    shown["n_cluster"] = shown["n_cluster"].mask(
        shown["restricted"] & shown["n_both"].isna()
    )
    shown["log10q"] = _q_of_shown(shown, n_rows)
    return shown.drop(columns="n")


def _q_of_shown(shown: pd.DataFrame, n_rows: int) -> np.ndarray:
    """−log₁₀ q; each of ``n_rows`` that is hidden is a test with p = 1, tested or not.

    A row that is shown and has no p (nothing to compare) is no test.
    """
    hidden = shown[COUNTS].isna().any(axis=1).to_numpy(bool)
    p = shown["log10p"].to_numpy(float)
    tests = np.concatenate([np.where(hidden, 0.0, p), np.zeros(n_rows - len(p))])
    q = benjamini_hochberg_log10(tests)[: len(p)]
    return np.where(hidden, np.nan, q)


def _coarse(
    table: pd.DataFrame,
    phenome: Phenome,
    *,
    labels: np.ndarray,
    seen: np.ndarray,
    threshold: int,
) -> pd.DataFrame:
    """Rounded numbers, and figures of them, where some people do not count."""
    table = table.copy()
    codes = list(dict.fromkeys(table["code"]))
    in_set = _in_sets(phenome, codes, labels=labels, seen=seen)
    trait = pd.Index(codes).get_indexer(pd.Index(table["code"]))
    restricted = phenome.eligibility(codes).of[trait] >= 0
    table["restricted"] = restricted
    at = np.flatnonzero(restricted)
    if not at.size:
        return table
    rows, trait = table.iloc[at], trait[at]
    n = rows["n_cases"].to_numpy() + coarse_controls(
        rows["n_cases"].to_numpy(),
        (rows["n"] - rows["n_cases"]).to_numpy(),
        in_set=in_set.sum(axis=0)[trait],
        total=len(seen),
        threshold=threshold,
    )
    inside = np.zeros(len(rows), np.int64)
    held = rows["cluster"].to_numpy()
    for cluster in np.unique(held).tolist():
        places = np.flatnonzero(held == cluster)
        here = rows.iloc[places]
        inside[places] = here["n_both"].to_numpy() + coarse_controls(
            here["n_both"].to_numpy(),
            (here["n_cluster"] - here["n_both"]).to_numpy(),
            in_set=in_set[cluster, trait[places]],
            total=int((labels == cluster).sum()),
            threshold=threshold,
        )
    both, cases = rows["n_both"].to_numpy(), rows["n_cases"].to_numpy()
    inside = np.clip(inside, both, n - cases + both)  # there must be such a table
    figures = raw_figures(both, inside, cases, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = both / inside
    found = {"n_cluster": inside, "n": n, "share_of_cluster": share}
    found |= dict(zip(RAW, figures, strict=True))
    for name, values in found.items():
        table[name] = _with(table[name], at, values)
    return table


def _in_sets(
    phenome: Phenome, codes: list[str], *, labels: np.ndarray, seen: np.ndarray
) -> np.ndarray:
    """(n_clusters, n_codes) cases within the code's exclusion set, 0 without one."""
    eligible = phenome.eligibility(codes)
    has = np.flatnonzero(eligible.of >= 0)
    found = np.zeros((int(labels.max()) + 1, len(codes)), np.int64)
    sets = sparse.csc_array(eligible.excluded)[:, eligible.of[has]]
    both = sparse.csr_array(sets * phenome.matrix(codes)[:, has])[seen]
    ones = np.ones(labels.size, np.int64)
    members = sparse.csr_array((ones, (labels, np.arange(labels.size))))
    found[:, has] = (members @ both.astype(np.int64)).toarray()
    return found


def _with(column: pd.Series, at: np.ndarray, values: np.ndarray) -> np.ndarray:
    out = column.to_numpy(copy=True)
    out[at] = values
    return out


def _significant(values: np.ndarray, digits: int = 3) -> np.ndarray:
    """Values with so many significant digits."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(values))))
        rounded = np.round(values * scale) / scale
    return np.where(np.isfinite(rounded), rounded, values)


def q_line(table: pd.DataFrame, q: float = 0.05) -> float | None:
    """−log₁₀ p from which on q is at most ``q``; `None` where no code shown gets there.

    Half-way between the weakest of those shown that do and the strongest that do not:
    q rises with p over all clusters and codes.
    """
    known = table.dropna(subset=["log10p", "log10q"])
    there = known["log10q"] >= -np.log10(q)
    if not there.any():
        return None
    low = float(known.loc[there, "log10p"].min())
    below = known.loc[~there & (known["log10p"] < low), "log10p"]
    return (low + float(below.max())) / 2 if len(below) else low
