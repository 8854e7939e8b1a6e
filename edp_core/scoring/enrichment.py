"""Traits common in clusters: Fisher's test, odds ratios, and adjusted ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from edp_core.errors import InputError
from edp_core.people.eligibility import Eligibility
from edp_core.stats import fisher, logistic
from edp_core.stats.multiplicity import benjamini_hochberg_log10
from edp_core.threads import on_all_cores

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]
CONFOUNDED = "the covariates tell the cluster"
_ADJUSTED = ("adjusted_or", "adjusted_low", "adjusted_high", "adjusted_log10p")


def enrichment(
    labels: ArrayLike,
    cases: ArrayLike | sparse.sparray | sparse.spmatrix,
    *,
    eligible: Eligibility | None = None,
    covariates: ArrayLike | None = None,
    least: int = 5,
) -> pd.DataFrame:
    """Test every trait in every cluster.

    Parameters
    ----------
    labels
        (n,) cluster of each participant; below 0 = in none, left out of every count.
    cases
        (n, n_traits) bool, dense or sparse.
    eligible
        Who counts for which trait, (n,) participants; everybody if `None`. All counts
        of a trait are then of those who count for it.
    covariates
        (n, f) what the adjusted odds ratio is adjusted for, no missing values
        (`adjust.design_matrix`); no adjusted odds ratio if `None`.
    least
        Fewest cases, and others, inside the cluster and outside it, for an adjusted
        odds ratio.

    Returns
    -------
    DataFrame
        One row per cluster and trait: ``cluster``, ``trait`` (column index),
        ``n_cluster``, ``n_cases``, ``n_both``, ``n`` (all who count);
        ``share_of_cluster`` = n_both/n_cluster
        (prevalence in the cluster) and ``share_of_cases`` = n_both/n_cases (NaN
        without cases); ``odds_ratio``, ``or_low``, ``or_high`` (with ½ in every cell,
        Woolf's 95 % interval); ``log10p`` of Fisher's two-sided test and ``log10q``,
        Benjamini–Hochberg over all rows. Where a margin is empty (no cases, or no
        others; nobody of the cluster counts, or nobody else) there is nothing to
        compare: NaN from the odds ratio on, and not one of the tests.

        With covariates also ``adjusted_or``, ``adjusted_low``, ``adjusted_high`` (95 %)
        and ``adjusted_log10p`` of a logistic regression on the cluster and the
        covariates, ``adjusted_method`` (``ml``, ``firth`` where separated, or empty)
        and ``adjusted_reason``, empty where it was fitted; no odds ratio is identified
        where the covariates tell the cluster.

    Raises
    ------
    InputError
        Where rows do not meet, no participant lies in a cluster, or a covariate is
        missing.

    Notes
    -----
    Valid as it stands only for clusters found without sight of the labels. The
    two-sided p flags depletion too: enriched means odds ratio > 1 as well.
    """
    label = np.asarray(labels)
    has = sparse.csr_array(
        cases if sparse.issparse(cases) else np.asarray(cases, dtype=bool)
    )
    if label.ndim != 1 or has.ndim != 2 or has.shape[0] != label.size:
        raise InputError(
            f"labels {label.shape} and cases {has.shape} do not meet",
            "give one row for each participant in both",
        )
    inside = np.flatnonzero(label >= 0)
    if not inside.size:
        raise InputError("no participant lies in a cluster", "run Leiden first")
    if eligible is not None:
        _check(eligible, has)
        eligible = eligible.among(inside)
    clusters, code = np.unique(label[inside], return_inverse=True)
    yes = sparse.csc_array(has[inside].astype(bool).astype(np.int64))
    membership = sparse.csr_array(
        (np.ones(inside.size, np.int64), (code, np.arange(inside.size)))
    )
    both = (membership @ yes).toarray()
    sizes = np.bincount(code)[:, None] - _left_out(membership, yes, eligible)
    n_cases = np.broadcast_to(np.asarray(yes.sum(axis=0)), both.shape)
    n = np.broadcast_to(sizes.sum(axis=0), both.shape)
    n_traits = has.shape[1]
    table = pd.DataFrame(
        {
            "cluster": np.repeat(clusters, n_traits),
            "trait": np.tile(np.arange(n_traits), clusters.size),
            "n_cluster": sizes.ravel(),
            "n_cases": n_cases.ravel(),
            "n_both": both.ravel(),
            "n": n.ravel(),
        }
    )
    with np.errstate(invalid="ignore"):
        table["share_of_cluster"] = table["n_both"] / table["n_cluster"]
        table["share_of_cases"] = table["n_both"] / table["n_cases"]
    counts = [table[name] for name in ("n_both", "n_cluster", "n_cases", "n")]
    names = ("odds_ratio", "or_low", "or_high", "log10p")
    for name, values in zip(names, raw_figures(*counts), strict=True):
        table[name] = values
    table["log10q"] = benjamini_hochberg_log10(table["log10p"])
    if covariates is None:
        return table
    given = np.asarray(covariates, dtype=np.float64)
    if given.ndim != 2 or len(given) != label.size:
        raise InputError(
            f"covariates {given.shape} do not meet {label.size} labels",
            "give one row for each participant in both",
        )
    return _adjusted(
        table, code, yes=yes, eligible=eligible, covariates=given[inside], least=least
    )


def raw_figures(  # noqa: PLR0917 (one table, as in `fisher`)
    both: ArrayLike, cluster: ArrayLike, cases: ArrayLike, n: ArrayLike
) -> Floats:
    """Odds ratio, its 95 % interval and −log10 of Fisher's p of many tables.

    Parameters
    ----------
    both, cluster, cases, n
        (k,) cases in the cluster, and how many count in it, have the trait, in all.

    Returns
    -------
    (4, k), NaN where a margin is empty: there the odds ratio would be of the ½ added to
    the cells alone, and p = 1 of no test.
    """
    counts = np.array([both, cluster, cases, n], dtype=np.int64)
    _, row, column, total = counts
    some = (row > 0) & (row < total) & (column > 0) & (column < total)
    figures = np.full((4, some.size), np.nan)
    figures[:3, some] = fisher.odds_ratio(*counts[:, some])
    figures[3, some] = fisher.log10p(*counts[:, some])
    return figures


def _check(eligible: Eligibility, has: sparse.csr_array) -> None:
    if eligible.excluded.shape[0] != has.shape[0] or eligible.of.size != has.shape[1]:
        raise InputError(
            f"eligibility of {eligible.excluded.shape[0]} participants and "
            f"{eligible.of.size} traits does not meet cases {has.shape}",
            "give the same participants and traits in both",
        )


def _left_out(
    membership: sparse.csr_array, yes: sparse.csc_array, eligible: Eligibility | None
) -> Ints:
    """(n_clusters, n_traits) members who do not count; cases always do."""
    out = np.zeros((membership.shape[0], yes.shape[1]), np.int64)
    if eligible is None:
        return out
    excluded = sparse.csc_array(eligible.excluded)
    for at in np.unique(eligible.of[eligible.of >= 0]):
        rows = excluded.indices[excluded.indptr[at] : excluded.indptr[at + 1]]
        traits = np.flatnonzero(eligible.of == at)
        here = membership[:, rows]
        all_of_them = np.asarray(here.sum(axis=1)).reshape(-1, 1)
        out[:, traits] = all_of_them - (here @ yes[:, traits][rows]).toarray()
    return out


def _adjusted(
    table: pd.DataFrame,
    code: Ints,
    *,
    yes: sparse.csc_array,
    eligible: Eligibility | None,
    covariates: Floats,
    least: int,
) -> pd.DataFrame:
    """The table with adjusted odds ratios, trait by trait."""
    rows = logistic.patterns(covariates)
    n_traits, n_clusters = yes.shape[1], int(code.max()) + 1
    cell = rows.of * n_clusters + code
    shape = (len(rows.values), n_clusters)

    def counted(people: Ints | slice) -> Floats:
        found = np.bincount(cell[people], minlength=shape[0] * shape[1])
        return found.reshape(shape).astype(np.float64)

    everyone = counted(slice(None))
    a, r, c, n = (
        table[name].to_numpy().reshape(n_clusters, n_traits)
        for name in ("n_both", "n_cluster", "n_cases", "n")
    )
    enough = np.minimum.reduce([a, r - a, c - a, n - r - c + a]) >= least
    enough &= np.minimum.reduce([r, n - r, c, n - c]) > 0
    confounded = np.zeros((n_clusters, n_traits), bool)
    figures = np.full((4, n_clusters, n_traits), np.nan)
    method = np.full((n_clusters, n_traits), "", dtype=object)

    def fit(trait: int) -> None:
        wanted = np.flatnonzero(enough[:, trait])
        if not wanted.size:
            return
        ill = yes.indices[yes.indptr[trait] : yes.indptr[trait + 1]]
        people = everyone
        if eligible is not None and eligible.of[trait] >= 0:
            is_case = np.zeros(code.size, bool)
            is_case[ill] = True
            people = counted(np.flatnonzero(eligible.mask(trait, is_case)))
        cases = counted(ill)
        found = logistic.group_odds(
            rows.values,
            people.sum(axis=1),
            inside=people[:, wanted],
            cases=np.column_stack([cases[:, wanted], cases.sum(axis=1)]),
        )
        figures[:, wanted, trait] = logistic.wald(found)
        method[wanted, trait] = np.where(found.firth, "firth", "ml")
        confounded[wanted, trait] = found.confounded

    on_all_cores(fit, range(n_traits))
    fitted = np.isfinite(figures[0])
    # an empty margin has no reason of its own: it would count those who do not count
    reason = np.full(fitted.shape, "did not converge", dtype=object)
    reason[fitted] = ""
    reason[confounded] = CONFOUNDED
    reason[~enough] = f"fewer than {max(least, 1)} people"
    for name, values in zip(_ADJUSTED, figures, strict=True):
        table[name] = values.ravel()
    table["adjusted_method"] = np.where(fitted, method, "").ravel().astype(str)
    table["adjusted_reason"] = reason.ravel().astype(str)
    return table
