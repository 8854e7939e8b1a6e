"""A PheWAS as it may be shown."""

from __future__ import annotations

from collections.abc import Set

import numpy as np
import pandas as pd

from app.phewas.codes import traits
from app.phewas.fields import fields
from app.phewas.told import People, rescaled, significant
from edp_core.disclosure import disclose
from edp_core.inputs import Inputs
from edp_core.phewas.fields import Rules
from edp_core.stats.multiplicity import benjamini_hochberg_log10

COUNTS = ["n", "n_cases", "n_controls"]
EFFECT = ["beta", "se", "low", "high", "or_", "or_low", "or_high", "log10p"]
DERIVED = [*EFFECT, "method"]
HIDDEN = "too few people to be shown"


def disclosed(
    table: pd.DataFrame,
    inputs: Inputs,
    people: People,
    *,
    rules: Rules,
    threshold: int,
    circular: Set[str] = frozenset(),
) -> pd.DataFrame:
    """Rows of `edp_core.phewas.phewas` as they may be shown.

    Codes that are shown nowhere, rare ones and those few people tell from another are
    left out; of a field or a level of few people the row stays without its figures.
    A phenotype of a few values (a code, a rank) makes a table with each outcome: rows
    with a small cell go as well.

    Parameters
    ----------
    table
        As `edp_core.phewas.scan.phewas` makes it, of ``people``.
    rules
        Those it was made by.
    circular
        Outcomes the phenotype was made of: no tests of the scan. Counted as findings
        they would let others through at a larger p.

    Returns
    -------
    pandas.DataFrame
        Counts ``Int64``, missing where there are none or they are hidden; besides the
        columns given ``or_low``, ``or_high``, ``log10q`` (Benjamini–Hochberg over the
        tests that are shown and not circular) and ``coarse`` (numbers told lower than
        they are, and SE, interval and p of those numbers). Figures have three
        significant digits.
    """
    of_code = (table["vocabulary"] != "").to_numpy(bool)
    parts = [
        traits(table[of_code], inputs, people, threshold=threshold),
        fields(table[~of_code], inputs, people, rules=rules, threshold=threshold),
    ]
    whole = rescaled(pd.concat(parts, ignore_index=True))
    odds = whole["or_"].notna()
    for end in ("low", "high"):
        whole[f"or_{end}"] = np.exp(whole[end].where(odds))
    for name in EFFECT:
        whole[name] = significant(whole[name].to_numpy(float))
    hidden = whole["hide"].to_numpy(bool)
    numbers = whole[COUNTS].to_numpy(np.int64)
    for name in COUNTS:
        whole[name] = whole[name].astype("Int64").mask(hidden & (whole[name] >= 0))
    shown = disclose(whole, threshold=threshold, counts=COUNTS, derived=DERIVED)
    missing = shown[COUNTS].isna().to_numpy() & (numbers >= 0)
    small = pd.Series(missing.any(axis=1), index=shown.index)
    for name in COUNTS:  # a number has no cases: nothing is hidden there
        shown[name] = shown[name].mask(shown[name] < 0)
    shown["reason"] = shown["reason"].mask(small, HIDDEN)
    shown["converged"] = shown["converged"].astype("boolean").mask(small)
    shown["tested"] = shown["tested"].to_numpy(bool) & shown["log10p"].notna()
    counts = shown["tested"] & ~shown["outcome"].isin(circular)
    tests = np.where(counts, shown["log10p"].to_numpy(float), np.nan)
    shown["log10q"] = benjamini_hochberg_log10(np.maximum(tests, 0))
    return shown.drop(columns=["hide", "eff", "eff_told"])
