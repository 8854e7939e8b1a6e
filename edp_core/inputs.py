"""What a recipe is evaluated on, and whether it is what the recipe was made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import RLock
from typing import TypeVar, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from edp_core.disclosure import DEFAULT_THRESHOLD
from edp_core.errors import InputError, MissingArtifactError
from edp_core.keys import digest
from edp_core.people.phenome import Phenome
from edp_core.recipe import BOTH, Clustering, Spec
from edp_core.scoring.learnt import Learnt

Result = TypeVar("Result")


class Memo:
    """Remembers the few results made last, each of a hundred megabytes perhaps."""

    def __init__(self, most: int = 2) -> None:
        self._most = most
        self._made: dict[object, object] = {}
        self._lock = RLock()  # what is made may ask for another

    def get(self, key: object, make: Callable[[], Result]) -> Result:
        """What was made for a key before, or is made now."""
        with self._lock:
            if key not in self._made:
                found = make()
                while len(self._made) >= self._most:
                    self._made.pop(next(iter(self._made)))
                self._made[key] = found
            else:
                self._made[key] = self._made.pop(key)  # the last to go
            return cast(Result, self._made[key])


@dataclass(frozen=True)
class Inputs:
    """What `evaluate` works on.

    Attributes
    ----------
    population
        Name of the population everything was learnt from.
    keys
        Content keys: ``cohort``, ``phenome``; with an organ ``embedding`` and
        ``atlas``; ``images/<organ>`` for each organ of ``measured``.
    participants
        The cohort, sorted by ``eid``; n_participants rows.
    phenome
        Its traits; none in a study without diagnoses.
    categories
        Columns of ``participants`` that are categories.
    measured
        Columns of ``participants`` that were measured on images (mL) → slot.
    notes
        What was left aside in joining them, in words.
    seen
        (n_seen,) rows of ``participants`` that have an embedding, ascending.
    vectors
        (n_seen, n_axes) float32.
    clusters
        (n_seen,) Leiden labels, made as ``clustering`` says.
    umap
        (n_seen, 2) places on the map of the atlas.
    pc_components
        (n_pcs, n_axes) principal axes of the centred embedding.
    threshold
        Fewest cases a cluster is scored by: fewer would be told by the score.
    groups
        Content hash (`group_key`) → (n_participants,) bool, who is in the group.
    sides
        Sides of the organ whose images were encoded; none where it has one image.
    of_side
        Side → rows of ``participants`` that have it, and their vectors, read when they
        are asked for.
    learnt
        Directions of the scan of these vectors, where there is one.
    """

    population: str
    keys: Mapping[str, str]
    participants: pd.DataFrame
    phenome: Phenome
    categories: tuple[str, ...] = ()
    measured: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seen: np.ndarray | None = None
    vectors: np.ndarray | None = None
    clusters: np.ndarray | None = None
    clustering: Clustering | None = None
    umap: np.ndarray | None = None
    pc_components: np.ndarray | None = None
    threshold: int = DEFAULT_THRESHOLD
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    sides: tuple[str, ...] = ()
    of_side: Callable[[str], tuple[np.ndarray, np.ndarray]] | None = None
    learnt: Learnt | None = None
    memo: Memo = field(default_factory=lambda: Memo(), compare=False, repr=False)
    """What is made of these inputs on the way to several recipes."""
    figures: Memo = field(
        default_factory=lambda: Memo(64), compare=False, repr=False, init=False
    )
    """The same for what is small: designs, means; the vectors would push them out."""
    one_sided: Memo = field(
        default_factory=lambda: Memo(), compare=False, repr=False, init=False
    )
    """Inputs of single sides; apart, for they are asked for in turn."""

    @cached_property
    def eids(self) -> np.ndarray:
        """(n_participants,) text; one array, however many recipes are evaluated."""
        return self.participants["eid"].to_numpy(str)

    def on(self, side: str) -> Inputs:
        """The same with the vectors of one side, and who has them as the seen.

        Clusters are of the averaged vectors and not given along.

        Raises
        ------
        InputError
            Where the organ has no such side.
        """
        if side == BOTH:
            return self
        if side not in self.sides or self.of_side is None:
            there = f"the sides there are: {', '.join(self.sides)}"
            raise InputError(
                f"The embedding has no images of the side {side!r}",
                f"{there}, or 'both'"
                if self.sides
                else "leave `side` out: the organ has one image of each participant",
            )
        read = self.of_side

        def make() -> Inputs:
            seen, vectors = read(side)
            return replace(
                self, seen=seen, vectors=vectors, clusters=None, umap=None,
                memo=Memo(), sides=(), of_side=None, learnt=None,
            )  # fmt: skip

        return self.one_sided.get(side, make)


def group_key(eids: ArrayLike, members: ArrayLike) -> str:
    """Content hash of a group of participants, by which recipes name it.

    Parameters
    ----------
    eids
        (n_participants,) text, in any order.
    members
        (n_participants,) bool.

    Examples
    --------
    >>> group_key(["b", "a", "c"], [True, True, False])
    'd473c5f8c5ab10a3'
    """
    chosen = np.asarray(eids, dtype=str)[np.asarray(members, dtype=bool)]
    return digest(sorted(chosen.tolist()))


def check_keys(spec: Spec, inputs: Inputs) -> None:
    """Refuse a recipe that was made from something else than is at hand.

    Raises
    ------
    MissingArtifactError
        Where population or a content key differ.
    InputError
        Where the recipe uses a measured volume without naming the images.
    """
    if spec.population != inputs.population:
        raise MissingArtifactError(
            f"The recipe is for the population {spec.population!r}, the study is set "
            f"to {inputs.population!r}",
            "set `population` in study.toml and run: python -m precompute run STUDY",
        )
    named = {
        kind: getattr(spec, kind, None)
        for kind in ("cohort", "phenome", "embedding", "atlas")
    }
    for kind, wanted in (named | spec.measured).items():
        if wanted is not None and wanted != inputs.keys.get(kind):
            raise MissingArtifactError(
                f"The recipe was made from another {kind} ({wanted}) than the study "
                f"holds now ({inputs.keys.get(kind)})",
                "design the phenotype again: the study file, the data or who takes "
                "part have changed since it was made",
            )
    for column in columns_of(spec):
        slot = inputs.measured.get(column)
        if slot is not None and slot not in spec.measured:
            raise InputError(
                f"The recipe uses {column!r}, which is measured on images, but does "
                f"not name {slot} under `measured`",
                "design the phenotype again: the screen notes which images are meant",
            )


def columns_of(spec: Spec) -> tuple[str, ...]:
    """Participants columns a recipe uses, each once."""
    own = getattr(spec, "column", None)
    used = () if own is None else (str(own),)
    return (*used, *getattr(spec, "remove_covariates", ()))


def numbers_of(name: str, inputs: Inputs) -> np.ndarray:
    """A participants column of numbers: (n_participants,) float64, NaN = missing.

    Raises
    ------
    InputError
        Where there is no such column, or it is a category.
    """
    people = inputs.participants
    if name not in people.columns or name == "eid":
        raise InputError(
            f"The participants table has no column {name!r}",
            f"it has: {', '.join(people.columns.drop('eid'))}",
        )
    if not pd.api.types.is_numeric_dtype(people[name]):
        raise InputError(
            f"The column {name!r} is a category, not a quantity",
            "pick a column of numbers",
        )
    return people[name].to_numpy(float)
