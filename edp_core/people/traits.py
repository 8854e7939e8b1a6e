"""Traits of any vocabulary become one phenome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from edp_core.people.phenome import PHECODE, Phenome, no_pairs, stacked


@dataclass(frozen=True)
class Trait:
    """One trait to be: what it is called, who has it, who may not be a control."""

    code: str
    name: str
    chapter: str
    vocabulary: str
    rows: np.ndarray
    sex: str = ""
    excluded: np.ndarray | None = None


def assembled(
    traits: Sequence[Trait], holds: Sequence[np.ndarray], eids: np.ndarray
) -> Phenome:
    """A phenome of traits in any order: by code, each exclusion set once.

    Parameters
    ----------
    holds
        For each trait the codes that make it, as numbers; empty where what it means is
        known to nobody but its table.
    """
    order = sorted(range(len(traits)), key=lambda i: traits[i].code)
    ordered = [traits[i] for i in order]
    sets: list[np.ndarray] = []
    number: dict[bytes, int] = {}
    exclusion = []
    for trait in ordered:
        if trait.excluded is None or not len(trait.excluded):
            exclusion.append(-1)
            continue
        content = trait.excluded.tobytes()
        if content not in number:
            number[content] = len(sets)
            sets.append(trait.excluded)
        exclusion.append(number[content])
    text = {"code": str, "name": str, "chapter": str, "vocabulary": str, "sex": str}
    table = pd.DataFrame(
        {name: [getattr(trait, name) for trait in ordered] for name in text}
    ).astype(text)
    table["exclusion"] = np.array(exclusion, np.int64)
    table["n_cases"] = np.array([len(trait.rows) for trait in ordered], np.int64)
    starts, rows = stacked([trait.rows for trait in ordered])
    within = _within(ordered, [holds[i] for i in order])
    return Phenome(eids, table, starts, rows, *stacked(sets), within)


def _within(traits: Sequence[Trait], holds: Sequence[np.ndarray]) -> np.ndarray:
    """Pairs (part, whole): every code that makes the part makes the whole too.

    Of two that the same codes make the one of ICD-10, then the longer, is the part.
    """
    starts, held = stacked(holds)
    if not len(held):
        return no_pairs()
    sizes = np.diff(starts)
    shape = (len(traits), int(held.max()) + 1)
    makes = sparse.csr_array((np.ones(len(held), np.int32), held, starts), shape=shape)
    both = sparse.coo_array(makes @ makes.T)
    part, whole = both.coords
    rank = np.empty(len(traits), np.int64)
    rank[
        sorted(
            range(len(traits)),
            key=lambda i: (
                traits[i].vocabulary == PHECODE,
                -len(traits[i].code),
                traits[i].code,
            ),
        )
    ] = np.arange(len(traits))
    inside = (both.data == sizes[part]) & (part != whole)
    inside &= (sizes[part] < sizes[whole]) | (rank[part] < rank[whole])
    pairs = np.column_stack([part[inside], whole[inside]]).astype(np.int32)
    ordered: np.ndarray = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return ordered
