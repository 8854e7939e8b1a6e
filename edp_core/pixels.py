"""People's images as they are looked at: thumbnails, slices, the mean of a group.

Rows are places in a list of people that the reader is given, so that whoever asks
never handles an id.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError
from edp_core.slices import Slices, open_slices
from edp_core.slices import as_shown as as_shown
from edp_core.store import Store, read_array, read_table
from edp_core.vectors.embedding import first_imaging

Ints = NDArray[np.int64]
_BLOCK = 2048
"""People averaged at a time: 25 MB of thumbnails."""


@dataclass(frozen=True)
class Shot:
    """One image of a person.

    Attributes
    ----------
    side
        ``""`` where the organ has one image of each person.
    instance
        Which imaging it is of, as the files say: in UK Biobank 2 is the first.
    slices
        (k, H, W, C) uint8, or float16 in 0–1, as the encoder gets them.
    middle
        Which of them is on the thumbnail.
    """

    side: str
    instance: str
    slices: np.ndarray
    middle: int


@dataclass(frozen=True)
class Mean:
    """The mean of people's thumbnails.

    Attributes
    ----------
    image
        (H, W, 3) float32 in 0–255.
    sd
        (H, W, 3) float32: standard deviation among the people; 0 for one person.
    n
        People who have an image and a weight above 0.
    effective
        (Σw)²/Σw² of their weights: ``sd``/√``effective`` is the standard error.
    """

    image: NDArray[np.float32]
    sd: NDArray[np.float32]
    n: int
    effective: float


class Pixels:
    """Images of an organ by person; made by `open_pixels`, safe between threads.

    Parameters
    ----------
    eids
        (n_people,) text, each once: row r of every method is person r of these.
    rows
        ``eid, instance, side`` of each stored image, in the order they are stored in.
    slices
        All slices of all images, one image after the other.
    counts
        (n_images,) slices of each.
    thumbnails
        (n_images, H, W, 3) uint8.
    """

    def __init__(
        self,
        eids: ArrayLike,
        rows: pd.DataFrame,
        *,
        slices: Slices,
        counts: np.ndarray,
        thumbnails: np.ndarray,
    ) -> None:
        self._slices, self._thumbnails = slices, thumbnails
        ends = np.cumsum(np.asarray(counts, np.int64))
        self._bounds = np.stack([ends - counts, ends], axis=1)
        names = np.asarray(eids).astype(str)
        person = pd.Index(names).get_indexer(pd.Index(rows["eid"].astype(str)))
        self._rows = rows[["instance", "side"]].fillna("").astype(str)
        self._rows = self._rows.reset_index(drop=True).assign(person=person)
        first = np.zeros(len(rows), bool)
        first[first_imaging(rows.reset_index(drop=True)).index] = True
        # sorted by person, and sides in one order for everybody
        found = self._rows[first & (person >= 0)].sort_values(
            ["person", "side"], kind="stable"
        )
        self._first = found
        self._person = found["person"].to_numpy(np.int64)
        self._starts = np.searchsorted(self._person, np.arange(len(names) + 1))
        self.n_people = len(names)
        self.size = (int(thumbnails.shape[1]), int(thumbnails.shape[2]))
        """Height and width of a thumbnail, in pixels."""

    @property
    def sides(self) -> tuple[str, ...]:
        """Sides there are images of, sorted; none where people have one image."""
        return tuple(sorted(set(self._first["side"]) - {""}))

    @property
    def has(self) -> NDArray[np.bool_]:
        """(n_people,) bool: who has an image."""
        return np.diff(self._starts) > 0

    def thumbnails(
        self, rows: ArrayLike, *, side: str | None = None
    ) -> NDArray[np.uint8]:
        """One thumbnail for each of some people, of their first imaging.

        Parameters
        ----------
        rows
            (k,) people.
        side
            Of this side; by default of the first of the `sides` a person has.

        Returns
        -------
        (k, H, W, 3) uint8 in the order of ``rows``.

        Raises
        ------
        InputError
            Where one of them has no such image (see `has`), or is none of the people.
        """
        wanted = self._of(rows, side)
        lacking = sum(not len(places) for places in wanted)
        if lacking:
            of = f"image of the side {side!r}" if side is not None else "image"
            raise InputError(
                f"{lacking} of {len(wanted)} people have no {of}",
                "ask only for people who have one",
            )
        images = np.array([places[0] for places in wanted], np.int64)
        return np.asarray(self._thumbnails[images], np.uint8)

    def slices(self, row: int) -> tuple[Shot, ...]:
        """Every image of one person, all slices of each.

        Returns
        -------
        By instance as a number, then by side; empty where the person has no image.
        """
        theirs = self._rows[self._rows["person"] == int(row)]
        theirs = theirs.assign(number=pd.to_numeric(theirs["instance"]))
        shots = []
        for place, found in theirs.sort_values(["number", "side"]).iterrows():
            start, end = self._bounds[int(str(place))]
            shots.append(
                Shot(
                    side=str(found["side"]),
                    instance=str(found["instance"]),
                    slices=self._slices[int(start) : int(end)],
                    middle=int(end - start) // 2,
                )
            )
        return tuple(shots)

    def mean(
        self,
        rows: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        side: str | None = None,
    ) -> Mean:
        """Mean thumbnail of some people; each counts once, however many sides.

        Parameters
        ----------
        rows
            (k,) people; those without an image are left out and not counted.
        weights
            (k,) ≥ 0, by default all 1.
        side
            Of this side alone; by default the mean of a person's sides is taken.

        Raises
        ------
        InputError
            Where none of them has an image with a weight above 0, a weight is
            negative or missing, or a row is none of the people.
        """
        wanted = self._of(rows, side)
        w = np.ones(len(wanted)) if weights is None else np.asarray(weights, float)
        if w.shape != (len(wanted),) or not np.all(w >= 0):
            raise InputError(
                f"weights of shape {w.shape} do not meet {len(wanted)} people, or are "
                "not all 0 or above",
                "give one weight of at least 0 for each person",
            )
        used = [i for i, places in enumerate(wanted) if len(places) and w[i] > 0]
        if not used:
            raise InputError(
                f"None of {len(wanted)} people has an image to average",
                "choose people who have images",
            )
        total = np.zeros((*self.size, 3))
        squares = np.zeros_like(total)
        for image, weight in self._averaged([wanted[i] for i in used], w[used]):
            total += np.tensordot(weight, image, axes=1)
            squares += np.tensordot(weight, image**2, axes=1)
        of = float(w[used].sum())
        mean = total / of
        variance = np.maximum(squares / of - mean**2, 0)
        effective = of**2 / float((w[used] ** 2).sum())
        if effective > 1:
            variance *= effective / (effective - 1)  # of a sample, not a population
        return Mean(
            mean.astype(np.float32),
            np.sqrt(variance).astype(np.float32),
            n=len(used),
            effective=effective,
        )

    def _averaged(
        self, images: list[Ints], weights: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """People's mean thumbnails and weights, a block of people at a time."""
        for start in range(0, len(images), _BLOCK):
            block = images[start : start + _BLOCK]
            counts = np.array([len(places) for places in block])
            pixels = self._thumbnails[np.concatenate(block)].astype(np.float64)
            starts = np.cumsum(counts) - counts
            people = np.add.reduceat(pixels, starts) / counts[:, None, None, None]
            yield people, weights[start : start + _BLOCK]

    def _of(self, rows: ArrayLike, side: str | None) -> list[Ints]:
        """Places of each person's images of the first imaging."""
        people = np.atleast_1d(np.asarray(rows)).astype(np.int64)
        if people.size and not 0 <= people.min() <= people.max() < self.n_people:
            raise InputError(
                f"A row is outside the {self.n_people} people",
                "number them by the list that open_pixels was given",
            )
        places = self._first.index.to_numpy(np.int64)
        bounds = zip(self._starts[people], self._starts[people + 1], strict=True)
        if side is None:
            return [places[a:b] for a, b in bounds]
        right = (self._first["side"] == side).to_numpy()
        return [places[a:b][right[a:b]] for a, b in bounds]


def open_pixels(store: Store, organ: str, *, eids: ArrayLike) -> Pixels:
    """Images of an organ, read through memory maps.

    Parameters
    ----------
    eids
        (n_people,) text: the people in the order that rows number them in, for
        instance ``inputs.eids[inputs.seen]``. They need not all have images, and
        images of others are never given out.

    Raises
    ------
    MissingArtifactError
        Where the organ has no images in the store, or they are damaged.
    """
    folder = store.at(f"images/{organ}")
    return Pixels(
        eids,
        read_table(folder, "rows"),
        slices=open_slices(folder),
        counts=read_array(folder, "counts"),
        thumbnails=read_array(store.at(f"thumbnails/{organ}"), "thumbnails"),
    )
