"""Which traits run together: by kind, by folds, by who has a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from edp_core.export.covariates import CATEGORIES, FOLD, Covariates
from edp_core.phenotype import Phenotype, Spec

MAX_MISSING = 0.15
"""regenie imputes missing traits by their mean in step 1: few must be missing."""

MOST_LISTED = 12
"""Names of more traits than these are not written out; their file's header has them."""


@dataclass(frozen=True)
class Run:
    """One phenotype file and the regenie run over it.

    Attributes
    ----------
    name
        ``qt``, ``bt``, or with a number where there are several.
    role
        Quantitative or binary traits.
    traits
        Names of the columns.
    quantities, categories
        Covariates of this run.
    ranked
        Whether the traits are normal by their ranks already, so that regenie must not
        rank them again.
    """

    name: str
    role: Literal["qt", "bt"]
    traits: tuple[str, ...]
    quantities: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    ranked: bool = False

    @property
    def file(self) -> str:
        """Name of the phenotype file."""
        return f"phenotypes_{self.name}.tsv"


def listed(names: Sequence[str]) -> str:
    """Names of traits for people to read; of hundreds the ends.

    >>> listed(["a", "b"]), listed([f"axis{i:02d}" for i in range(1, 41)])
    ('a, b', 'axis01 to axis40 (40 of them)')
    """
    if len(names) > MOST_LISTED:
        return f"{names[0]} to {names[-1]} ({len(names)} of them)"
    return ", ".join(names)


def is_ranked(spec: Spec) -> bool:
    """Whether a recipe's last step is the rank-inverse-normal transform."""
    return getattr(spec, "transform", "none") == "rank-inverse-normal"


def group_traits(
    known: Mapping[str, np.ndarray], *, limit: float = MAX_MISSING
) -> list[tuple[str, ...]]:
    """Split traits into files in each of which few values are missing.

    Traits with most values come first; each joins the first group in which, counted
    over the rows that have any value, every trait still misses less than ``limit``.

    Parameters
    ----------
    known
        Trait → (n_participants,) bool, where it has a value.

    Returns
    -------
    list of tuple of str
        Groups in the order of their first trait, traits in the order given.

    Examples
    --------
    >>> import numpy as np
    >>> few = np.arange(100) < 50
    >>> group_traits({"a": ~few, "b": few, "c": ~few})
    [('a', 'c'), ('b',)]
    """
    order = {name: i for i, name in enumerate(known)}
    groups: list[list[str]] = []
    # hundreds of axes have values for the same people: one of them tells for all, since
    # a group that was too sparse for it only grows sparser
    patterns = {name: known[name].tobytes() for name in known}
    placed: dict[bytes, int] = {}
    distinct: list[list[np.ndarray]] = []
    by_size = sorted(known, key=lambda name: (-int(known[name].sum()), order[name]))
    for name in by_size:
        at = placed.get(patterns[name])
        if at is None:
            fitting = (
                i
                for i, held in enumerate(distinct)
                if _fits([*held, known[name]], limit)
            )
            at = next(fitting, len(groups))
            if at == len(groups):
                groups.append([])
                distinct.append([])
            distinct[at].append(known[name])
            placed[patterns[name]] = at
        groups[at].append(name)
    ordered = [tuple(sorted(group, key=order.__getitem__)) for group in groups]
    return sorted(ordered, key=lambda group: order[group[0]])


def _fits(known: Sequence[np.ndarray], limit: float) -> bool:
    rows = int(np.logical_or.reduce(known).sum())
    return all(rows - int(values.sum()) < limit * rows for values in known)


def plan_runs(
    phenotypes: Sequence[Phenotype],
    values: Mapping[str, np.ndarray],
    *,
    covariates: Covariates,
) -> tuple[Run, ...]:
    """Files to write: kinds apart, scores with folds apart, few values missing in each.

    Traits that are rank-inverse-normal already run apart from those regenie ranks. Only
    runs of scores with folds take the covariate ``fold``, for regenie leaves out
    participants who miss a covariate of the run.

    Parameters
    ----------
    values
        Phenotype name → (n_participants,) values exported, NaN = missing.
    """
    groups = []
    for kind in ("quantitative", "binary"):
        for folded, ranked in product((True, False), (False, True)):
            known = {
                p.spec.name: ~np.isnan(values[p.spec.name])
                for p in phenotypes
                if p.kind == kind
                and (p.folds is not None) == folded
                and is_ranked(p.spec) == ranked
            }
            role = "qt" if kind == "quantitative" else "bt"
            groups += [(role, folded, ranked, found) for found in group_traits(known)]
    runs = []
    numbers = {"qt": 0, "bt": 0}
    for role, folded, ranked, group in groups:
        numbers[role] += 1
        alone = sum(other[0] == role for other in groups) == 1
        names = [n for n in covariates.columns if n != FOLD or folded]
        runs.append(
            Run(
                role if alone else f"{role}_{numbers[role]}",
                "qt" if role == "qt" else "bt",
                group,
                tuple(n for n in names if n not in CATEGORIES),
                tuple(n for n in names if n in CATEGORIES),
                ranked,
            )
        )
    return tuple(runs)
