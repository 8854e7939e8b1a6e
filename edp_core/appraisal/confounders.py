"""How far a phenotype says what age, sex or the scanner would have said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pandas.api import types
from scipy.optimize import brentq

from edp_core.errors import InputError
from edp_core.scoring.adjust import design_matrix
from edp_core.stats.regression import (
    Correlation,
    log10p_r2,
    noncentral_f_below,
    pearson,
    residualise,
)

Floats = NDArray[np.float64]


def associations(
    values: ArrayLike, participants: pd.DataFrame, columns: Sequence[str]
) -> pd.DataFrame:
    """Association of a phenotype with each of some columns, one at a time.

    Parameters
    ----------
    values
        (n,) the phenotype, NaN = missing.
    participants
        One row for each participant, in the order of ``values``.
    columns
        Which of its columns.

    Returns
    -------
    DataFrame
        One row per column, in order: ``column``, ``r``, ``low``, ``high`` (95 %),
        ``r2``, ``n``, ``log10p``. For a number (or yes/no) ``r`` is Pearson's over the
        pairs where both are there. For a category it is the correlation ratio, the
        multiple R ≥ 0 of the regression on its levels over participants who have one;
        its p is that of the F-test and its interval comes from the noncentral F. NaN
        where either does not vary or too few participants are left.

    Raises
    ------
    InputError
        Where rows do not meet, a column is not in the table or cannot be read
        (`edp_core.scoring.adjust.design_matrix`), or a value is infinite.

    Notes
    -----
    Interval of R² for fixed groups: Steiger (2004), doi 10.1037/1082-989X.9.2.164;
    R² = λ/(λ + n) at the noncentralities λ that put the observed F at the 97.5th and
    2.5th percentile.
    """
    y = np.asarray(values, dtype=np.float64)
    if y.shape != (len(participants),):
        raise InputError(
            f"{y.shape} values do not meet {len(participants)} participants",
            "give one value for each row of the table",
        )
    if np.any(np.isinf(y)):
        count = int(np.count_nonzero(np.isinf(y)))
        raise InputError(
            f"{count} values of the phenotype are infinite", "mark them as missing"
        )
    rows = []
    for name in columns:
        found = _one(y, participants, name)
        rows.append({"column": name, **found._asdict(), "r2": found.r**2})
    names = ["column", "r", "low", "high", "r2", "n", "log10p"]
    return pd.DataFrame(rows, columns=names)


def _one(y: Floats, participants: pd.DataFrame, name: str) -> Correlation:
    if name not in participants.columns:
        design_matrix(participants, [name])  # raises, naming what there is
    column = participants[name]
    if types.is_bool_dtype(column) or types.is_numeric_dtype(column):
        return pearson(y, column.to_numpy(dtype=np.float64, na_value=np.nan))
    used = ~np.isnan(y) & column.notna().to_numpy(dtype=bool)
    n = int(np.count_nonzero(used))
    nothing = Correlation(np.nan, np.nan, np.nan, np.nan, n)
    if n < 3:
        return nothing
    design = design_matrix(participants.loc[used], [name])
    centred = y[used] - y[used].mean()
    total = float(centred @ centred)
    if not design.shape[1] or total <= 1e-24 * n * float(np.max(y[used] ** 2)):
        return nothing
    rest, rank = residualise(centred, design)
    r2 = float(np.clip(1 - float(rest @ rest) / total, 0, 1))
    df = {"df_model": rank - 1, "df_residual": n - rank}
    if df["df_residual"] < 1:
        return nothing
    low, high = ratio_interval(r2, n=n, **df)
    r = float(np.sqrt(r2))
    # by chance R may be so small that no population's would often be as small
    high = max(high, r)
    return Correlation(r, low, high, log10p_r2(r2, **df), n)


def ratio_interval(
    r2: float, *, n: int, df_model: int, df_residual: int
) -> tuple[float, float]:
    """95 % interval of a multiple R from the noncentral F; 1, 1 for a perfect fit."""
    if r2 >= 1 - 1e-12:
        return 1.0, 1.0
    f = r2 / (1 - r2) * df_residual / df_model

    def bound(percentile: float) -> float:
        def excess(noncentrality: float) -> float:
            below = noncentral_f_below(
                f,
                df_model=df_model,
                df_residual=df_residual,
                noncentrality=noncentrality,
            )
            return below - percentile

        if excess(0.0) <= 0:
            return 0.0
        top = 4 * f * df_model + 20.0
        while excess(top) > 0:
            top *= 2
        nc = float(brentq(excess, 0.0, top, xtol=1e-9 * top, rtol=1e-12))
        return float(np.sqrt(nc / (nc + n)))

    return bound(0.975), bound(0.025)
