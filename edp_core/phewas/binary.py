"""Binary outcomes: traits of the phenome and yes/no fields in one batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import ndtri

from edp_core.inputs import Inputs
from edp_core.phewas.linear import TOLD
from edp_core.stats.logits import logits

Floats = NDArray[np.float64]
_Z95 = float(ndtri(0.975))
COLUMNS = (
    "n", "n_cases", "n_controls", "beta", "se", "low", "high", "log10p", "converged",
    "method", "reason",
)  # fmt: skip


class Binary:
    """Outcomes of yes and no, with who is neither.

    Attributes
    ----------
    cases
        (n, k) bool, sparse by column.
    aside
        (n, n_sets) bool, sparse by column.
    of
        (k,) the set that holds for an outcome, −1 where none does.
    """

    def __init__(
        self, cases: sparse.csc_array, aside: sparse.csc_array, of: NDArray[np.int64]
    ) -> None:
        self.cases, self.aside, self.of = cases, aside, of

    def among(self, at: NDArray[np.int64]) -> Binary:
        """The same for some of the outcomes."""
        chosen = sparse.csc_array(self.cases[:, at])
        return Binary(chosen, self.aside, self.of[at])

    def counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(k,) people who count, cases or controls, and cases."""
        ill = np.diff(self.cases.indptr).astype(np.int64)
        people = np.full(len(ill), self.cases.shape[0], np.int64)
        limited = np.flatnonzero(self.of >= 0)
        held = sparse.csc_array(self.aside[:, self.of[limited]])
        own = held.multiply(self.cases[:, limited])
        people[limited] -= np.diff(held.indptr) - np.asarray(own.sum(axis=0)).ravel()
        return people, ill


def traits_of(inputs: Inputs, codes: Sequence[str], rows: NDArray[np.int64]) -> Binary:
    """Traits of the phenome among some participants, in the order of ``codes``."""
    phenome = inputs.phenome
    cases = sparse.csc_array(phenome.matrix(codes).tocsr()[rows])
    eligible = phenome.eligibility(codes).among(rows)
    return Binary(cases, eligible.excluded, eligible.of)


def with_fields(traits: Binary, values: Sequence[Floats]) -> Binary:
    """Traits, then yes/no fields: (n,) of 1, 0 and NaN for who is neither."""
    if not values:
        return traits
    fields = np.column_stack(list(values))
    missing = np.isnan(fields)
    k = traits.aside.shape[1]
    return Binary(
        sparse.csc_array(sparse.hstack([traits.cases, sparse.csc_array(fields == 1)])),
        sparse.csc_array(sparse.hstack([traits.aside, sparse.csc_array(missing)])),
        np.concatenate(
            [traits.of, np.where(missing.any(axis=0), k + np.arange(len(values)), -1)]
        ),
    )


def binary(columns: Floats, outcomes: Binary, *, min_cases: int) -> pd.DataFrame:
    """Logistic regression of every outcome on the phenotype and the covariates.

    Parameters
    ----------
    columns
        (n, f + 1) covariates, then the phenotype.
    outcomes
        Who is case, and who is neither.
    min_cases
        Fewest cases, and fewest controls, an outcome is tested with.

    Returns
    -------
    DataFrame
        One row each with `COLUMNS`; figures NaN where ``reason`` is not empty. The
        interval is Wald's; p too, but that of the penalised likelihood ratio where the
        method is ``firth``.
    """
    n, ill = outcomes.counts()
    controls = n - ill
    reason = np.full(len(n), "", object)
    reason[controls < min_cases] = f"fewer than {min_cases} controls"
    reason[ill < min_cases] = f"fewer than {min_cases} cases"
    tested = np.flatnonzero(reason == "")
    beta, se, log10p = np.full((3, len(n)), np.nan)
    converged, firth = np.zeros((2, len(n)), bool)
    if len(tested):
        chosen = outcomes.among(tested)
        fit = logits(columns, chosen.cases, aside=chosen.aside, of=chosen.of)
        beta[tested], se[tested], log10p[tested] = fit.beta, fit.error, fit.log10p
        converged[tested], firth[tested] = fit.converged, fit.firth
        reason[tested[~fit.converged]] = "no maximum of the likelihood was found"
        reason[tested[fit.told]] = TOLD
    method = np.where(converged, np.where(firth, "firth", "ml"), "")
    return pd.DataFrame(
        {
            "n": n, "n_cases": ill, "n_controls": controls, "beta": beta, "se": se,
            "low": beta - _Z95 * se, "high": beta + _Z95 * se,
            "log10p": log10p, "converged": converged, "method": method,
            "reason": reason.astype(str),
        }
    )  # fmt: skip
