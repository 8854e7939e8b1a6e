"""The confounder radar: what each factor says of a score, given all the others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from edp_core.appraisal.confounders import ratio_interval
from edp_core.errors import InputError
from edp_core.scoring.design import describe_design
from edp_core.stats.regression import log10p_r2, sweep_in

Floats = NDArray[np.float64]
COLUMNS = (
    "factor", "score", "n", "n_known", "df", "partial_r2", "partial_low",
    "partial_high", "partial_log10p", "marginal_r2", "marginal_low", "marginal_high",
    "marginal_log10p", "partial_adjusted_r2", "reason",
)  # fmt: skip
_SINGLE = {
    "age": "age_years",
    "sex": "sex",
    "BMI": "bmi",
    "centre": "centre",
    "imaging date": "imaging_date",
}
_NONE = (np.nan,) * 4
_PC = re.compile(r"pc[1-9][0-9]*")


def radar_factors(
    participants: pd.DataFrame, *, volumes: Mapping[str, str] | None = None
) -> dict[str, tuple[str, ...]]:
    """The factors a radar shows, as far as a study's table has them.

    Parameters
    ----------
    participants
        The cohort's table, by our words (`edp_core.people.fields`).
    volumes
        Columns of organ volumes → slot of the images (``Inputs.measured``).

    Returns
    -------
    dict
        Name → its columns: age, sex, BMI, centre, imaging date, all genetic principal
        components as one, each organ's volume.
    """
    have = list(map(str, participants.columns))
    found: dict[str, tuple[str, ...]] = {
        name: (column,) for name, column in _SINGLE.items() if column in have
    }
    pcs = sorted((c for c in have if _PC.fullmatch(c)), key=lambda c: int(c[2:]))
    if pcs:
        found["genetic PCs"] = tuple(pcs)
    for column, slot in (volumes or {}).items():
        if column in have:
            found[f"{slot.removeprefix('images/')} volume"] = (column,)
    return found


def confounder_radar(
    values: ArrayLike,
    participants: pd.DataFrame,
    factors: Mapping[str, Sequence[str]],
    *,
    before: ArrayLike | None = None,
) -> pd.DataFrame:
    """How much of a score each factor explains, given all the others and alone.

    Parameters
    ----------
    values
        (n,) the score, NaN = missing.
    participants
        One row for each participant, in the order of ``values``.
    factors
        Name → its columns, taken as one block (`radar_factors`).
    before
        (n,) the same score made without adjustment, to stand beside it. Both are then
        taken over the participants who have both.

    Returns
    -------
    DataFrame
        One row for each factor, and with ``before`` two: ``factor``; ``score``
        (``before`` or ``after``; ``as it is`` without ``before``); ``n`` participants
        with a score; ``n_known`` of them with a value in every column of the factor;
        ``df`` of the factor given the others; ``partial_r2`` = (RSS without the factor
        − RSS of all)/RSS without the factor, with ``partial_low``, ``partial_high``
        (95 %) and ``partial_log10p``; ``marginal_r2`` and the same, of the factor
        alone; ``partial_adjusted_r2``, the partial R² less what chance adds to it,
        max(0, 1 − (1 − R²)(d + df)/d) at d residual degrees of freedom: it lies within
        the interval, R² itself may not; ``reason``: empty, or why figures are NaN (no
        share is defined) or rest on fewer columns than the factor has. ``n`` and
        ``n_known`` are counts of people, to be masked where shown.

    Raises
    ------
    InputError
        Where rows do not meet, a score is infinite, or a column cannot be read
        (`edp_core.scoring.design.describe_design`).

    Notes
    -----
    Missing cells are not left out: they take the mean of the others and an indicator
    that belongs to the factor, so that all rows of the table rest on the same
    participants. Both tests are F-tests with normal errors; the intervals put the
    observed F at the 97.5th and 2.5th percentile of the noncentral F (Steiger 2004,
    doi 10.1037/1082-989X.9.2.164). Regressions are sweeps of one matrix of products.
    """
    scores = {"as it is": _score(values, len(participants))}
    if before is not None:
        scores = {
            "before": _score(before, len(participants)),
            "after": scores["as it is"],
        }
    used = np.logical_and.reduce([~np.isnan(y) for y in scores.values()])
    people = participants.loc[used]
    pairs = [(k, c) for k, name in enumerate(factors) for c in factors[name]]
    columns = [column for _, column in pairs]
    design = describe_design(people, columns)
    block = np.array([k for k, _ in pairs], np.int64)[design.factor]
    y = np.stack([score[used] for score in scores.values()], axis=1)
    unit, varies = _unit(np.concatenate([design.matrix, y], axis=1))
    gram = unit.T @ unit
    n, f = len(people), len(block)
    rows = []
    for k, name in enumerate(factors):
        own = np.flatnonzero(block == k)
        found = _regressions(gram, own, f)
        partners = {columns[design.factor[i]]: None for i in sorted(found.partners)}
        reason = _reason(len(own), found, list(partners))
        residual = n - 1 - found.rank - found.df
        known = int(people[list(factors[name])].notna().all(axis=1).sum())
        for at, score in enumerate(scores):
            partial = marginal = _NONE
            told = reason
            if not varies[f + at]:
                told = "the score does not vary"
            else:
                without = found.without[at]
                gone = 1 - found.left[at] / without if without > 0 else np.nan
                partial = _figures(gone, n=n, df=found.df, residual=residual)
                marginal = _figures(
                    1 - found.alone[at],
                    n=n,
                    df=found.df_alone,
                    residual=n - 1 - found.df_alone,
                )
                if not told and residual < 1:
                    told = "too few participants"
            adjusted = _adjusted(partial[0], df=found.df, residual=residual)
            cells = (
                name, score, n, known, found.df, *partial, *marginal, adjusted, told
            )  # fmt: skip
            rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _score(values: ArrayLike, n: int) -> Floats:
    y = np.asarray(values, dtype=np.float64)
    if y.shape != (n,):
        raise InputError(
            f"{y.shape} values do not meet {n} participants",
            "give one value for each row of the table",
        )
    infinite = int(np.count_nonzero(np.isinf(y)))
    if infinite:
        raise InputError(
            f"{infinite} values of the phenotype are infinite", "mark them as missing"
        )
    return y


def _unit(columns: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Centred, of length 1; and which vary beyond rounding."""
    if not len(columns):
        return columns, np.zeros(columns.shape[1], dtype=bool)
    centred = columns - columns.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    scale = np.sqrt(len(columns)) * np.abs(columns).max(axis=0)
    varies = length > 1e-12 * scale
    return centred / np.where(varies, length, np.inf), varies


class _Sweeps(NamedTuple):
    """Shares of each score left over, and what the factor's columns add.

    ``alone`` (n_scores,) by the factor alone, ``without`` by all the others, ``left``
    by all; ``rank`` of the others, ``df_alone`` of the factor alone, ``df`` of it given
    the others; ``partners`` columns of others that tell what it lacks.
    """

    alone: Floats
    without: Floats
    left: Floats
    rank: int
    df_alone: int
    df: int
    partners: set[int]


def _regressions(gram: Floats, own: NDArray[np.int64], f: int) -> _Sweeps:
    scores = np.arange(f, len(gram))
    single = gram[np.ix_([*own, *scores], [*own, *scores])].copy()
    df_alone = sum(sweep_in(single, i) for i in range(len(own)))
    alone = single.diagonal()[len(own) :].clip(0, 1)
    whole = gram.copy()
    others = [int(i) for i in np.setdiff1d(np.arange(f), own) if sweep_in(whole, i)]
    without = whole.diagonal()[f:].clip(0, 1)
    df, partners = 0, set[int]()
    for column in own:
        beside = {i for i in others if abs(whole[i, column]) > 1e-6}
        if sweep_in(whole, column):
            df += 1
        else:
            partners |= beside
    left = np.clip(whole.diagonal()[f:], 0, without)
    return _Sweeps(alone, without, left, len(others), df_alone, df, partners)


def _adjusted(r2: float, *, df: int, residual: int) -> float:
    """Partial R² without its upward bias; NaN where R² is."""
    if np.isnan(r2):
        return np.nan
    return max(0.0, 1 - (1 - r2) * (residual + df) / residual)


def _figures(
    r2: float, *, n: int, df: int, residual: int
) -> tuple[float, float, float, float]:
    """R², its interval and −log10 p; NaN without degrees of freedom."""
    if df < 1 or residual < 1 or np.isnan(r2):
        return _NONE
    low, high = ratio_interval(r2, n=n, df_model=df, df_residual=residual)
    return r2, low**2, high**2, log10p_r2(r2, df_model=df, df_residual=residual)


def _reason(own: int, found: _Sweeps, partners: Sequence[str]) -> str:
    if found.df == own and own:
        return ""
    if not own:
        return "it does not vary among the participants"
    beside = ", ".join(partners) or "each other"
    if found.df:
        return f"{own - found.df} of its {own} columns are collinear with {beside}"
    return f"collinear with {beside}: nothing is its own"
