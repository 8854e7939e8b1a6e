"""Codes of a PheWAS: which may be shown, and their counts as they may be told."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from app.phewas.told import (
    People,
    effective,
    finished,
    levels_of,
    others_of,
    people_told,
    told,
)
from edp_core.disclosure import is_small
from edp_core.inputs import Inputs
from edp_core.keys import digest
from edp_core.nested import coarse_controls, hide_related, hide_related_within
from edp_core.people.eligibility import Eligibility
from edp_core.people.side import (
    cases_in_sets,
    near_each_other,
    side_of,
    superfluous,
)


def traits(
    table: pd.DataFrame, inputs: Inputs, people: People, *, threshold: int
) -> pd.DataFrame:
    """Codes that may be shown, their counts as they may be told."""
    if people.listed is not None:
        table = table[table["outcome"].isin(people.listed)]
    table = table.reset_index(drop=True)
    codes = tuple(table["outcome"])
    if not codes or not people.counted.any():
        return finished(table.iloc[:0])
    # the same for every phenotype of the same people: made once
    flags = np.packbits(np.stack([people.counted, *others_of(people)]))
    key = ("phewas", digest(flags.tobytes().hex()), codes, people.coarse, threshold)
    counts = inputs.figures.get(
        key, lambda: _counts(codes, inputs, people, threshold=threshold)
    )
    hide = counts["hide"].to_numpy(bool) | _small_cells(
        codes, inputs, people, threshold=threshold
    )
    told_of = counts.drop(columns="hide")
    kept = table.drop(columns=[name for name in told_of if name in table])
    table = pd.concat([kept, told_of], axis=1)
    return finished(table[~hide])


def _counts(
    codes: tuple[str, ...], inputs: Inputs, people: People, *, threshold: int
) -> pd.DataFrame:
    """Counts of codes as they may be told, and which must not stand beside others."""
    phenome, rows = inputs.phenome, np.flatnonzero(people.counted)
    matrix = phenome.matrix(codes).astype(np.int64)
    cases = _sums(matrix, rows)
    side = side_of(phenome, codes)
    near = near_each_other(phenome, codes, seen=rows, threshold=threshold)
    hide = hide_related(side, cases, threshold, near=near) | superfluous(side, cases)
    known = np.column_stack(
        [_sums(matrix, np.flatnonzero(other)) for other in others_of(people)]
    )
    told_cases = told(cases, known, threshold)
    total, told_total = len(rows), people_told(people, threshold)
    in_set = cases_in_sets(phenome, codes, seen=rows)
    eligible = phenome.eligibility(codes).among(rows)
    controls = total - _left_out(eligible, matrix.tocsr()[rows]) - cases
    stated = np.where(
        in_set < 0,
        told_total - told_cases,
        coarse_controls(
            told_cases,
            controls + np.where(in_set == 0, cases - told_cases, 0),
            in_set=np.where(in_set == cases, told_cases, np.minimum(in_set, cases)),
            total=told_total,
            threshold=threshold,
        ),
    )
    return pd.DataFrame(
        {
            "n_cases": told_cases,
            "n_controls": stated,
            "n": told_cases + stated,
            "eff": effective(cases, controls),
            "eff_told": effective(told_cases, stated),
            "coarse": (told_cases != cases) | (stated != controls),
            "hide": hide | is_small(controls, threshold),
        }
    )


def _small_cells(
    codes: tuple[str, ...], inputs: Inputs, people: People, *, threshold: int
) -> np.ndarray:
    """Codes that make a small cell with a phenotype of a few values.

    Whoever has one of the values is a group by itself, in which no small count may
    follow from another either, as in a cluster.
    """
    hide = np.zeros(len(codes), bool)
    groups = levels_of(people.values, people.counted, threshold)
    if not groups:
        return hide
    matrix = inputs.phenome.matrix(codes).astype(np.int64)
    side, traits_at = side_of(inputs.phenome, codes), np.arange(len(codes))
    for group in groups:
        inside = _sums(matrix, group)
        eligible = inputs.phenome.eligibility(codes).among(group)
        out = _left_out(eligible, matrix.tocsr()[group])
        hide |= is_small(inside, threshold)
        hide |= is_small(len(group) - out - inside, threshold)
        hide |= hide_related_within(
            np.zeros(len(codes), int), side, traits=traits_at, counts=inside,
            threshold=threshold,
        )  # fmt: skip
    return hide


def _sums(matrix: sparse.csc_array, rows: np.ndarray) -> np.ndarray:
    """(n_traits,) cases among some people."""
    flags = np.zeros(matrix.shape[0], np.int64)
    flags[rows] = 1
    counts: np.ndarray = np.asarray(matrix.T @ flags, np.int64)
    return counts


def _left_out(eligible: Eligibility, cases: sparse.csr_array) -> np.ndarray:
    """(n_traits,) how many people are neither case nor control."""
    sizes = np.asarray(eligible.excluded.sum(axis=0)).reshape(-1).astype(np.int64)
    both = (eligible.excluded.astype(np.int64).T @ cases.astype(np.int64)).toarray()
    of = eligible.of
    out = np.zeros(len(of), np.int64)
    has = of >= 0
    out[has] = sizes[of[has]] - both[of[has], np.flatnonzero(has)]
    return out
