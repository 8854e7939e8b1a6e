"""Codes of a PheWAS: which may be shown, and their counts as they may be told."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from app.phewas_told import (
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
    phenome = inputs.phenome
    if people.listed is not None:
        table = table[table["outcome"].isin(people.listed)]
    table = table.reset_index(drop=True)
    codes = table["outcome"].tolist()
    rows = np.flatnonzero(people.counted)
    if not codes or not len(rows):
        return finished(table.iloc[:0])
    matrix = phenome.matrix(codes).astype(np.int64)
    cases = _sums(matrix, rows)
    side = side_of(phenome, codes)
    near = near_each_other(phenome, codes, seen=rows, threshold=threshold)
    hide = hide_related(side, cases, threshold, near=near) | superfluous(side, cases)
    for group in levels_of(people.values, people.counted, threshold):
        # a phenotype of a few values: whoever has one of them is a group by itself
        inside = _sums(matrix, group)
        rest = cases - inside
        hide |= is_small(inside, threshold) | is_small(rest, threshold)
        traits, one = np.arange(len(codes)), np.zeros(len(codes), int)
        hide |= hide_related_within(
            one, side, traits=traits, counts=inside, threshold=threshold
        )
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
    hide |= is_small(controls, threshold)
    table = table.assign(
        n_cases=told_cases,
        n_controls=stated,
        n=told_cases + stated,
        eff=effective(cases, controls),
        eff_told=effective(told_cases, stated),
        coarse=(told_cases != cases) | (stated != controls),
    )
    return finished(table[~hide])


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
