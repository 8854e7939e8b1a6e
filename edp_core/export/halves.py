"""Discovery and replication: two halves of an export, whole families in one of them.

A family goes to discovery where a number drawn from its smallest id and the seed alone
lies below the share. So nobody's half depends on who else is exported, on the order of
rows or on the machine: a participant who withdraws moves no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from edp_core.disclosure import about, is_small, mask_count
from edp_core.errors import InputError
from edp_core.people.relatedness import THIRD_DEGREE, Relatedness, families
from edp_core.recipe import Seed

NAMES = ("discovery", "replication")
NO_TABLE = "none"
"""Stands for the key of the relatives where no table was given."""


class Halving(BaseModel):
    """How an export is split; cards keep it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    seed: Seed = 0
    share: Annotated[float, Field(ge=0.05, le=0.95, allow_inf_nan=False)] = 0.5
    """Of the families that go to discovery."""
    relatedness: Annotated[str, Field(pattern=r"^([0-9a-f]{16}|none|)$")] = ""
    """Content key of the pairs of relatives, ``none`` without a table; empty where any
    will do."""


@dataclass(frozen=True)
class Halves:
    """An export that was split.

    Attributes
    ----------
    halving
        How, the key of the relatives with it.
    discovery
        (n_participants,) bool; the others are for replication.
    n_families
        Families of whom two or more are exported; `None` without a table.
    notes
        What the user should know.
    """

    halving: Halving
    discovery: np.ndarray
    n_families: int | None
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> dict[str, np.ndarray]:
        """Name of the half → (n_participants,) bool."""
        return dict(zip(NAMES, (self.discovery, ~self.discovery), strict=True))


def draw(keys: Sequence[str], *, seed: int, share: float) -> np.ndarray:
    """Which families go to discovery.

    Parameters
    ----------
    keys
        Smallest id of each participant's family, or their own.
    seed
        Another one draws anew.
    share
        Chance of a family to go to discovery, from 0 to 1.

    Returns
    -------
    (n,) bool: the first 64 bits of SHA-256 of ``seed:id``, as a number from 0 to 1, lie
    below ``share``. With one seed a smaller discovery is part of a larger one.

    Examples
    --------
    >>> draw(["1000001", "1000002", "1000003"], seed=0, share=0.5).tolist()
    [False, False, True]
    """
    bound = int(share * 2**64)
    numbers: dict[str, bool] = {}
    for key in keys:
        if key not in numbers:
            hashed = hashlib.sha256(f"{seed}:{key}".encode()).digest()
            numbers[key] = int.from_bytes(hashed[:8], "big") < bound
    return np.array([numbers[key] for key in keys], dtype=bool)


def halve(
    eids: np.ndarray,
    halving: Halving,
    *,
    relatives: Relatedness | None,
    threshold: int,
) -> Halves:
    """Split participants into discovery and replication.

    Parameters
    ----------
    eids
        (n_participants,) text, everybody exported.
    halving
        Seed and share; its key of the relatives, where it has one, must be met.
    relatives
        Pairs of relatives; who is linked stays together, through people who are not
        exported too.
    threshold
        Counts of people from 1 to one less are masked; a half must have more.

    Raises
    ------
    InputError
        Where a half is empty or small, or the relatives are not those of the card.
    """
    key = NO_TABLE if relatives is None else relatives.key
    if halving.relatedness not in ("", key):
        raise InputError(
            "The halves were made with another table of relatives "
            f"({halving.relatedness}) than there is now ({key})",
            "give that table (`relatedness` under [genotypes] in study.toml), or split "
            "anew: people would change sides",
        )
    family = {} if relatives is None else families(relatives.pairs)
    listed = eids.tolist()
    keys = [family.get(eid, eid) for eid in listed]
    discovery = draw(keys, seed=halving.seed, share=halving.share)
    made = Halves(
        halving.model_copy(update={"relatedness": key}),
        discovery,
        None if relatives is None else _shared(keys),
        _notes(relatives, family, exported=set(listed), threshold=threshold),
    )
    for name, rows in made.rows.items():
        count = int(rows.sum())
        if count == 0 or is_small(count, threshold):
            raise InputError(
                f"The half for {name} would hold {mask_count(count, threshold)} of "
                f"{mask_count(len(listed), threshold)} participants",
                "choose a share nearer to one half, or export without halves",
            )
    return made


def _shared(keys: Sequence[str]) -> int:
    _, counts = np.unique(np.array(keys), return_counts=True)
    return int((counts > 1).sum())


def _notes(
    relatives: Relatedness | None,
    family: Mapping[str, str],
    *,
    exported: set[str],
    threshold: int,
) -> tuple[str, ...]:
    if relatives is None:
        return (
            "Halves: no table of relatives was given (`relatedness` under [genotypes] "
            "in study.toml), so relatives may stand in both halves; where they do, the "
            "replication is not independent.",
        )
    strangers = len(family.keys() - exported)
    if family and strangers == len(family):
        return (
            "Halves: nobody exported is in the table of relatives. Either none of them "
            "has a relative in it, or its ids are those of another application.",
        )
    found = [
        "Halves: ids in the table of relatives that are not exported: "
        f"{about(strangers, threshold)}. Families are linked through them too."
    ]
    if relatives.n_self:
        found.append(
            "Halves: rows of the table of relatives that relate somebody to "
            f"themselves, passed over: {about(relatives.n_self, threshold)}."
        )
    return tuple(found)


def told(halves: Halves) -> str:
    """How people were split, as one paragraph of the methods."""
    how = halves.halving
    kept = (
        "No table of relatives was given, so relatives may stand in both halves."
        if halves.n_families is None
        else "Families were kept together: all who are linked by a kinship of at least "
        f"{THIRD_DEGREE:g} (third degree), through people who were not exported too "
        f"(relatives {how.relatedness})."
    )
    return (
        "Participants were split at random into discovery (share "
        f"{how.share:g}) and replication, stratified by nothing. {kept} A family went "
        "to discovery where the first 64 bits of SHA-256 of “seed:id”, with seed "
        f"{how.seed} and the smallest id (as text) of the family, lay below the "
        "share; so nobody's half depends on who else takes part. regenie ran both "
        "steps in each half by itself, with the same phenotypes and covariates (age2 "
        "is centred by the mean of both)."
    )


CAUTION = (
    "The phenotypes were made once, of both halves: encoder, principal components and "
    "clusters saw the images of everybody, and scores guided by a code its labels in "
    "both halves (out of fold too: the model that scores a participant was trained on "
    "labels of the other half). No genotype took part in that, so a variant without "
    "effect is no likelier to be found again by chance. But a phenotype that was "
    "chosen for its associations in everybody, as a live GWAS of all shows them, was "
    "chosen on the replication half as well, and the loci for which it was chosen "
    "replicate too often. An AUC of the score is not replicated by the second half."
)
"""What two halves do not make independent."""
