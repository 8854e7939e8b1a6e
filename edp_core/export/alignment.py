"""Phenotypes side by side: one row for each participant of any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edp_core.errors import InputError
from edp_core.export.rules import ID
from edp_core.phenotype import Phenotype


@dataclass(frozen=True)
class Aligned:
    """Values of all phenotypes of an export.

    Attributes
    ----------
    eids
        (n_participants,) text, sorted; everybody any phenotype knows.
    values
        Phenotype name → (n_participants,) float64, NaN = missing; a score with folds
        is missing where its participant has none.
    folds
        (n_participants,) one fold for each, −1 = none; `None` where no score has any.
    """

    eids: np.ndarray
    values: dict[str, np.ndarray]
    folds: np.ndarray | None


def align(phenotypes: Sequence[Phenotype]) -> Aligned:
    """Put phenotypes side by side.

    Hundreds of axes have one and the same array of ids: it is checked, sorted and
    looked up once.

    Raises
    ------
    InputError
        Where a phenotype has eids regenie would misread, or folds that are not those of
        the others.
    """
    distinct: dict[int, np.ndarray] = {}
    for phenotype in phenotypes:
        if id(phenotype.eids) not in distinct:
            check_eids(f"Phenotype {phenotype.spec.name!r}", phenotype.eids)
            distinct[id(phenotype.eids)] = np.asarray(phenotype.eids, str)
        _check_shape(phenotype)
    eids = np.unique(np.concatenate([*distinct.values()]))
    rows = {key: np.searchsorted(eids, own) for key, own in distinct.items()}

    def spread(phenotype: Phenotype, column: np.ndarray) -> np.ndarray:
        out = np.full(len(eids), np.nan)
        out[rows[id(phenotype.eids)]] = column
        return out

    values, merged = {}, None
    for phenotype in phenotypes:
        name = phenotype.spec.name
        values[name] = spread(phenotype, phenotype.values)
        if phenotype.folds is not None:
            own = np.nan_to_num(spread(phenotype, phenotype.folds), nan=-1.0)
            values[name][~(own >= 0)] = np.nan
            merged = _merged(merged, own, name=name)
    return Aligned(eids, values, merged)


def _merged(merged: np.ndarray | None, own: np.ndarray, *, name: str) -> np.ndarray:
    """One fold for each participant, for regenie has one covariate file."""
    if merged is None:
        return own
    if ((merged >= 0) & (own >= 0) & (merged != own)).any():
        raise InputError(
            f"Phenotype {name!r} was made with other folds than those before it",
            "export it apart, or make all with the same folds and fold seed",
        )
    return np.where(own >= 0, own, merged)


def _check_shape(phenotype: Phenotype) -> None:
    name, n = phenotype.spec.name, len(phenotype.eids)
    folds = phenotype.folds
    if len(phenotype.values) != n or (folds is not None and len(folds) != n):
        raise InputError(
            f"Phenotype {name!r} has {n} eids but another number of values or folds",
            "design it again",
        )


def check_eids(where: str, eids: Sequence[object] | np.ndarray) -> None:
    """Raise `InputError` for ids that are missing, repeated, or that regenie splits."""
    listed = list(eids)
    if not listed:
        raise InputError(f"{where} has no eids", "give the column eid")
    if not all(isinstance(eid, str) for eid in listed):
        raise InputError(
            f"{where} has eids that are missing or numbers",
            "eids are text in EDP Studio; read them as text",
        )
    if not all(ID.fullmatch(str(eid)) for eid in listed):
        raise InputError(
            f"{where} has empty eids, or eids with spaces or other characters that "
            "regenie splits at",
            "use letters, digits, '_' and '-' in eids",
        )
    if len(set(listed)) < len(listed):
        raise InputError(f"{where} has eids more than once", "keep one row for each")
