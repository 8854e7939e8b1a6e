"""Many logistic regressions on the same columns: one outcome each, people by rows.

`logistic` is for many groups and few patterns of covariates; here the columns are
the same for every outcome and everybody differs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edp_core.errors import InputError
from edp_core.stats.firth import firth
from edp_core.stats.newton import Batch, Sums, maximum
from edp_core.stats.tails import log10p_z
from edp_core.threads import on_all_cores

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
_AT_ONCE = 64
"""Outcomes fitted together: their block of people stays in the cache."""
_UNTOLD = 1e-9
"""Share of a column that those before it must leave for its coefficient to exist."""


class Logits(NamedTuple):
    """Coefficient of the last column for each outcome, each (k,).

    Attributes
    ----------
    beta, error
        Log odds ratio for one unit of the last column, and its standard error; NaN
        where told or not converged.
    log10p
        −log10 of the two-sided p: Wald's, or of the penalised likelihood ratio.
    n, n_cases
        People who count for the outcome, and its cases.
    converged
        Whether the estimate was found.
    firth
        Whether it is Firth's, ordinary likelihood having no maximum.
    told
        Where the other columns tell the last one, among those who count, or where
        there are no cases or no controls: nothing can be known of the coefficient.
    """

    beta: Floats
    error: Floats
    log10p: Floats
    n: Ints
    n_cases: Ints
    converged: Bools
    firth: Bools
    told: Bools


def logits(
    columns: Floats,
    cases: sparse.csc_array,
    *,
    aside: sparse.csc_array | None = None,
    of: Ints | None = None,
) -> Logits:
    """Logistic regression of each outcome on the same columns and an intercept.

    Parameters
    ----------
    columns
        (n, f), f ≥ 1, no missing values; the last is the one asked about. Others that
        say nothing new among those who count for an outcome are left out of it: sex,
        where only women count.
    cases
        (n, k) bool, sparse by column.
    aside
        (n, n_sets) bool, sparse by column: who is no control of an outcome.
    of
        (k,) the set that holds for an outcome, −1 where none does. Its own cases
        count, in the set or not.

    Returns
    -------
    Logits
        By maximum likelihood, or Firth's (1993) penalised likelihood where a column,
        or several together, tell cases from controls.

    Raises
    ------
    InputError
        Where shapes do not meet or a value is missing or infinite.

    Notes
    -----
    Newton's method on a batch of outcomes at once. Single precision leads to the
    neighbourhood of the maximum, double precision ends there, so that the result is
    that of double precision throughout.
    """
    given = np.asarray(columns, np.float64)
    if given.ndim != 2 or not given.shape[1] or cases.shape[0] != len(given):
        raise InputError(
            f"columns of shape {given.shape} do not meet cases of {cases.shape}",
            "give one row for each participant in both, and one column at least",
        )
    if not np.isfinite(given).all():
        bad = int(np.count_nonzero(~np.isfinite(given).all(axis=1)))
        raise InputError(
            f"columns have missing or infinite values in {bad} rows",
            "leave those participants out first",
        )
    sets = _Sets(cases, aside, of)
    x, scale = _standardised(given)
    sums = Sums(x)
    gram = sets.gram(sums)
    kept = _independent(gram)
    n = np.rint(gram[:, 0, 0]).astype(np.int64)
    n_cases = np.diff(cases.indptr).astype(np.int64)
    target = (cases.astype(np.float64).T @ x).T
    told = ~kept[:, -1] | (n_cases == 0) | (n_cases == n)
    split = _splits(x, gram, target=target, kept=kept)
    beta, error, log10p = np.full((3, cases.shape[1]), np.nan)
    penalised, converged = split.copy(), np.zeros(cases.shape[1], bool)

    def fit(at: Ints) -> None:
        batch = Batch(
            target[:, at], kept[at], n=n[at], n_cases=n_cases[at],
            counted=sets.counted(at),
        )  # fmt: skip
        plain = np.flatnonzero(~split[at])
        if len(plain):
            here = at[plain]
            beta[here], error[here], found = maximum(sums, batch.among(plain))
            log10p[here] = log10p_z(beta[here] / error[here])
            converged[here], penalised[here] = found, ~found
        rest = np.flatnonzero(penalised[at])
        if len(rest):
            here, some = at[rest], batch.among(rest)
            full, without = firth(sums, some), firth(sums, some, without=True)
            beta[here], error[here] = full.beta, full.error
            ratio = np.maximum(2 * (full.value - without.value), 0)
            log10p[here] = log10p_z(np.sqrt(ratio))
            converged[here] = full.good & without.good

    open_ = np.flatnonzero(~told)
    # like beside like: a batch lasts as long as its slowest, and few need a mask
    open_ = open_[np.lexsort([split[open_], n_cases[open_], sets.of[open_] < 0])]
    cuts = range(_AT_ONCE, len(open_), _AT_ONCE)
    on_all_cores(fit, np.split(open_, cuts))
    beta[~converged] = error[~converged] = log10p[~converged] = np.nan
    firth_s = penalised & converged
    return Logits(
        beta / scale, error / scale, log10p, n, n_cases, converged, firth_s, told
    )


class _Sets:
    """Who is neither case nor control of an outcome."""

    def __init__(
        self,
        cases: sparse.csc_array,
        aside: sparse.csc_array | None,
        of: Ints | None,
    ) -> None:
        self.cases = cases
        self.of = np.full(cases.shape[1], -1) if of is None else np.asarray(of)
        self.aside = sparse.csc_array((len(self), 0)) if aside is None else aside
        if len(self.of) != cases.shape[1] or self.aside.shape[0] != len(self):
            raise InputError(
                f"sets of {self.aside.shape} for {len(self.of)} outcomes do not meet "
                f"cases of {cases.shape}",
                "give one row for each participant and one entry for each outcome",
            )

    def __len__(self) -> int:
        return int(self.cases.shape[0])

    def gram(self, sums: Sums) -> Floats:
        """(k, f, f) products of the columns over those who count for each outcome."""
        whole = np.repeat(sums.gram()[None], len(self.of), axis=0)
        limited = np.flatnonzero(self.of >= 0)
        if len(limited):
            of = self.of[limited]
            own = self.cases[:, limited].multiply(self.aside[:, of])
            back = sums.gram_among(sparse.csc_array(own))
            whole[limited] -= sums.gram_among(self.aside)[of] - back
        return whole

    def counted(self, at: Ints) -> Bools | None:
        """(n, len(at)) bool: who counts; None where everybody does."""
        if np.all(self.of[at] < 0):
            return None
        mask = np.ones((len(self), len(at)), bool)
        for place, outcome in enumerate(at):
            set_ = int(self.of[outcome])
            if set_ >= 0:
                out = slice(*self.aside.indptr[set_ : set_ + 2])
                own = slice(*self.cases.indptr[outcome : outcome + 2])
                mask[self.aside.indices[out], place] = False
                mask[self.cases.indices[own], place] = True
        return mask


def _standardised(columns: Floats) -> tuple[Floats, float]:
    """Intercept and columns of mean 0 and SD 1; SD of the last. Constants become 0."""
    mean, spread = columns.mean(axis=0), columns.std(axis=0)
    varies = spread > 1e-12 * np.maximum(np.abs(mean), 1e-300)
    z = np.where(varies, (columns - mean) / np.where(varies, spread, 1), 0)
    return np.column_stack([np.ones(len(z)), z]), float(spread[-1] or 1)


def _independent(gram: Floats) -> Bools:
    """(k, f) columns that are no combination of those before them.

    Elimination in order, of all outcomes side by side.
    """
    rest = gram.copy()
    before = np.maximum(np.einsum("kii->ki", gram), 1e-300)
    kept = np.zeros(before.shape, bool)
    for j in range(rest.shape[1]):
        pivot = rest[:, j, j]
        kept[:, j] = pivot > _UNTOLD * before[:, j]
        factor = np.where(kept[:, j], 1 / np.where(kept[:, j], pivot, 1), 0)
        rest -= (factor[:, None] * rest[:, j])[:, :, None] * rest[:, j][:, None, :]
    return kept


def _splits(x: Floats, gram: Floats, *, target: Floats, kept: Bools) -> Bools:
    """(k,) outcomes of which one two-valued column tells cases or controls.

    A level without cases, say: its coefficient runs off, and Newton's method would
    find out in many rounds.
    """
    found = np.zeros(len(gram), bool)
    for j in range(1, x.shape[1]):
        low, high = x[:, j].min(), x[:, j].max()
        if low == high or not np.all((x[:, j] == low) | (x[:, j] == high)):
            continue
        people, ill = gram[:, 0, 0], target[0]
        up = np.rint((gram[:, 0, j] - low * people) / (high - low))
        up_ill = np.rint((target[j] - low * ill) / (high - low))
        cells = np.stack([up_ill, ill - up_ill, up - up_ill])
        empty = np.any(cells <= 0, axis=0) | (people - up - ill + up_ill <= 0)
        found |= empty & kept[:, j]
    return found
