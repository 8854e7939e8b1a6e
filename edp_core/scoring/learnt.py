"""Directions the phenome scan learnt, kept so that no screen learns them again.

Of one trait they are learnt alone, whatever traits stand beside it, so that a score
made of kept directions is, to the bit, the one that learns them anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edp_core.scoring.directions import Direction
from edp_core.settings.analysis import Oversampling
from edp_core.store import Store, read_array, read_table, write_array

NAME = "directions"


class MadeWith(NamedTuple):
    """What a direction depends on beside the embedding and the trait."""

    folds: int
    seed: int
    shrinkage: float
    oversampling: Oversampling


@dataclass(frozen=True)
class Learnt:
    """Out-of-fold directions of the traits of a scan.

    Attributes
    ----------
    made_with
        Settings of the scan.
    codes
        The traits that were scored.
    held
        (n_traits, n_folds, m + 2) float64: w, origin and sd of each fold.
    """

    made_with: MadeWith
    codes: Sequence[str]
    held: NDArray[np.float64]

    def of(self, code: str) -> list[Direction] | None:
        """Direction of each fold; `None` where the trait was not scored."""
        if code not in self.codes:
            return None
        rows = np.array(self.held[self.codes.index(code)])
        return [Direction(row[:-2], float(row[-2]), float(row[-1])) for row in rows]


def write_directions(folder: Path, found: Sequence[Sequence[Direction]]) -> None:
    """Write the directions of traits in the order of their scan."""
    rows = [
        [np.concatenate([one.w, [one.origin, one.sd]]) for one in directions]
        for directions in found
    ]
    write_array(folder, NAME, np.array(rows, dtype=np.float64))


def read_learnt(store: Store, slot: str, keys: Mapping[str, str]) -> Learnt | None:
    """What the scan of a slot has kept, memory-mapped.

    Parameters
    ----------
    slot
        ``scan/<organ>/<encoder>``.
    keys
        Content keys of ``embedding``, ``phenome`` and ``cohort``.

    Returns
    -------
    `None` where there is no scan, one of something else, or one that kept nothing.
    """
    if slot not in store.refs():
        return None
    manifest = store.manifest("scan", store.ref(slot))
    named = ("embedding", "phenome", "cohort")
    other = any(manifest["input_keys"].get(name) != keys[name] for name in named)
    if other or f"{NAME}.npy" not in manifest["files"]:
        return None
    folder, made = store.at(slot), manifest["settings"]
    table = read_table(folder, "scan")
    return Learnt(
        MadeWith(**{field: made[field] for field in MadeWith._fields}),
        list(table.loc[table["reason"] == "", "code"]),
        read_array(folder, NAME),
    )
