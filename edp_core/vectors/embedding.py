"""Embeddings: what the encoder saw, one row for each image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from edp_core.errors import AlignmentError, InputError

BLOCK = 8192
"""People averaged at once."""


def first_imaging(rows: pd.DataFrame) -> pd.DataFrame:
    """Those of some rows that are of each participant's first imaging.

    Parameters
    ----------
    rows
        With ``eid`` and ``instance``; the smallest instance as a number is the first.
    """
    instance = pd.to_numeric(rows["instance"])
    return rows[instance == instance.groupby(rows["eid"]).transform("min")]


@dataclass(frozen=True)
class Embedding:
    """Vectors of one organ and encoder.

    Attributes
    ----------
    rows
        ``eid, instance, side`` (text), one row for each image.
    vectors
        (n_images, n_axes) float32, finite.
    """

    rows: pd.DataFrame
    vectors: np.ndarray

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.vectors):
            raise AlignmentError(
                f"An embedding has {len(self.vectors)} vectors but {len(self.rows)} "
                "rows of ids",
                "run the encode step again with --force",
            )

    def by_participant(
        self, *, side: str | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """One vector for each participant.

        The first imaging instance is taken; its sides are averaged, or one side is
        picked.

        Returns
        -------
        eids
            (n_participants,) text, sorted.
        vectors
            (n_participants, n_axes) float32.

        Raises
        ------
        InputError
            Where no image has that side.
        """
        rows = self.rows[["eid", "instance", "side"]].reset_index(drop=True)
        if side is not None:
            rows = rows[rows["side"] == side]
            if rows.empty:
                raise InputError(
                    f"No image has the side {side!r}", "see `sides` in study.toml"
                )
        rows = first_imaging(rows)
        eids, at, counts = np.unique(
            rows["eid"].to_numpy(str), return_inverse=True, return_counts=True
        )
        order = rows.index.to_numpy()[np.argsort(at, kind="stable")]
        ordered = np.asarray(self.vectors[order], np.float32)
        if (counts == 1).all():
            return eids, ordered
        # in blocks of people: in double precision all at once take much memory
        out = np.empty((len(eids), self.vectors.shape[1]), np.float32)
        ends = np.cumsum(counts)
        for first in range(0, len(eids), BLOCK):
            block = slice(first, first + BLOCK)
            starts = ends[block] - counts[block]
            rows_of = ordered[starts[0] : ends[block][-1]].astype(np.float64)
            sums = np.add.reduceat(rows_of, starts - starts[0])
            out[block] = sums / counts[block][:, None]
        return eids, out
