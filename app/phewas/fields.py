"""Fields of a PheWAS: columns of the participants, their counts as they may be told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from app.phewas.alike import too_like
from app.phewas.told import (
    People,
    effective,
    finished,
    levels_of,
    others_of,
    people_told,
    told,
)
from edp_core.disclosure import hide_partition, is_small
from edp_core.inputs import Inputs
from edp_core.phewas.fields import Outcome, Rules, outcomes


def fields(
    table: pd.DataFrame, inputs: Inputs, people: People, *, rules: Rules, threshold: int
) -> pd.DataFrame:
    """Columns of the participants table, their counts as they may be told."""
    table = table.reset_index(drop=True)
    rows = np.flatnonzero(people.counted)
    total = people_told(people, threshold)
    held = levels_of(people.values, people.counted, threshold)
    groups = [np.searchsorted(rows, group) for group in held]
    made = {one.outcome: one for one in outcomes(inputs, rows, rules=rules)}
    lines: list[dict[str, object]] = []
    counted: list[list[np.ndarray]] = []
    for outcome in table["outcome"]:
        column, _, level = str(outcome).partition("#")
        counted.append([])
        one = made.get(str(outcome)) or made.get(column)
        if one is None or not one.kind:
            lines.append(_Line().as_dict())
            continue
        there = inputs.participants[one.column].notna().to_numpy(bool)
        known = [int((there & other).sum()) for other in others_of(people)]
        known += [int(there[rows].sum()), len(rows)]
        finite = np.isfinite(one.values)
        n = int(finite.sum())
        all_told = total if n == len(rows) else _told_one(n, known, threshold)
        if people.coarse:  # exact it would tell who of them does not count
            all_told = n // (2 * threshold) * 2 * threshold
        line = _Line(n=all_told, eff=float(n), eff_told=float(all_told))
        if one.kind == "binary" or level in one.levels:
            line = _of_levels(one, level, line, exact=all_told == n, least=threshold)
            at = one.levels.index(level) if level in one.levels else 1
            counted[-1] = [one.values == at, one.values == 0]
        if groups and one.kind != "linear":
            line.hide |= _small_cells(one.values, groups, threshold)
        lines.append(line.as_dict())
    found = pd.DataFrame(lines, index=table.index, columns=list(_Line().as_dict()))
    phenome = inputs.phenome
    codes = [c for c in phenome.traits["code"] if people.listed is None
             or c in people.listed]  # fmt: skip
    names = [str(outcome).partition("#")[0] for outcome in table["outcome"]]
    cases = sparse.csc_array(phenome.matrix(codes).tocsr()[rows])
    found["hide"] |= too_like(counted, names, cases, threshold=threshold)
    counts = table.drop(columns=[c for c in found if c in table]).join(found)
    return finished(counts)


@dataclass
class _Line:
    """Counts of one field as they may be told; −1 where there are none."""

    n: int = -1
    n_cases: int = -1
    n_controls: int = -1
    eff: float = 1.0
    eff_told: float = 1.0
    hide: bool = False

    def as_dict(self) -> dict[str, object]:
        held = vars(self) | {"coarse": self.eff != self.eff_told}
        return held


def _told_one(count: int, known: list[int], threshold: int) -> int:
    return int(told(np.array([count]), np.array([known]), threshold)[0])


def _of_levels(
    one: Outcome, level: str, line: _Line, *, exact: bool, least: int
) -> _Line:
    """People of a level and of the one it is compared with.

    Exact where all levels add up to what is told; else each to the ten below.
    """
    codes = one.values[np.isfinite(one.values)].astype(int)
    sizes = np.bincount(codes, minlength=len(one.levels))
    hidden = hide_partition(sizes, least)
    step = 1 if exact else 2 * least
    stated = np.maximum(sizes // step * step, min(step, least))
    at = one.levels.index(level) if level in one.levels else 1
    cases, controls = int(sizes[at]), int(sizes[0])
    line.n_cases, line.n_controls = int(stated[at]), int(stated[0])
    line.n = line.n_cases + line.n_controls
    line.eff = float(effective(np.array([cases]), np.array([controls]))[0])
    line.eff_told = float(
        effective(np.array([line.n_cases]), np.array([line.n_controls]))[0]
    )
    line.hide = bool(hidden[at] or hidden[0])
    return line


def _small_cells(codes: np.ndarray, groups: list[np.ndarray], threshold: int) -> bool:
    """Whether a table of the phenotype's values by the levels has a small cell.

    Parameters
    ----------
    groups
        Places in ``codes`` of the people with each value.
    """
    for group in groups:
        own = codes[group]
        levels = own[np.isfinite(own)].astype(int)
        if is_small(np.bincount(levels), threshold).any():
            return True
    return False
