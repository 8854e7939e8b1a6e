"""Dosages of any variants and people, from bed and pgen files."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from bed_reader import open_bed
from numpy.typing import NDArray
from pgenlib import PgenReader

from edp_core.errors import InputError

Form = Literal["bed", "pgen"]


@dataclass(frozen=True)
class Source:
    """One file of genotypes: ``path`` (with its ending), its size and what it holds.

    ``offsets`` is (n_variants + 1,): alleles listed before each variant, for a .pgen
    with variants of more than two alleles; `None` otherwise.
    """

    form: Form
    path: Path
    people: int
    variants: int
    size: int
    offsets: np.ndarray | None = None


class Reader:
    """Dosages of any variants and people, for any thread or process.

    Parameters
    ----------
    sources
        Files with the same people; variants are counted through them.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = tuple(sources)
        self.ends = np.cumsum([source.variants for source in sources])
        self._open = threading.local()

    def __reduce__(self) -> tuple[type[Reader], tuple[tuple[Source, ...]]]:
        return Reader, (self.sources,)

    def read(
        self, variants: np.ndarray, rows: np.ndarray, *, threads: int = 1
    ) -> NDArray[np.float32]:
        """Copies of the effect allele.

        Parameters
        ----------
        variants
            (n_block,) rows of the table of variants, in any order.
        rows
            (n_people,) rows of the table of people, in any order.

        Returns
        -------
        numpy.ndarray
            (n_block, n_people) float32 from 0 to 2, NaN = missing.

        Raises
        ------
        InputError
            Where a file is no longer there or is damaged.
        """
        wanted = np.asarray(variants, np.int64)
        out = np.empty((len(wanted), len(rows)), np.float32)
        of = np.searchsorted(self.ends, wanted, side="right")
        for number in np.unique(of):
            source = self.sources[number]
            here = np.flatnonzero(of == number)
            local = wanted[here] - (self.ends[number] - source.variants)
            try:
                if source.form == "bed":
                    found = self._bed(number, local, rows, threads=threads)
                else:
                    found = self._pgen(number, local, rows)
            except (OSError, RuntimeError, ValueError) as error:
                raise InputError(
                    f"{source.path.name} cannot be read: it is damaged or no longer "
                    "what it was",
                    f"put the file back in {source.path.parent}",
                ) from error
            if len(here) == len(wanted):
                return found
            out[here] = found
        return out

    def _bed(
        self, number: int, local: np.ndarray, rows: np.ndarray, *, threads: int
    ) -> NDArray[np.float32]:
        source = self.sources[number]
        handle = self._handle(number)
        everyone = np.array_equal(rows, np.arange(source.people))
        people = np.s_[:] if everyone else np.asarray(rows, np.int64)
        run = len(local) and np.array_equal(local, np.arange(len(local)) + local[0])
        index = np.s_[int(local[0]) : int(local[0]) + len(local)] if run else local
        found = handle.read((people, index), dtype="float32", num_threads=threads)
        return np.ascontiguousarray(found.T)

    def _pgen(
        self, number: int, local: np.ndarray, rows: np.ndarray
    ) -> NDArray[np.float32]:
        handle = self._handle(number)
        order = np.argsort(rows, kind="stable")
        handle.change_sample_subset(np.asarray(rows, np.uint32)[order])
        found = np.empty((len(local), len(rows)), np.float32)
        handle.read_dosages_list(local.astype(np.uint32), found)
        found[found < 0] = np.nan  # -9 is missing
        if not np.array_equal(order, np.arange(len(order))):
            back = np.empty(len(order), np.int64)
            back[order] = np.arange(len(order))
            found = np.take(found, back, axis=1)  # keeps a variant's people together
        return found

    def _handle(self, number: int) -> Any:
        """An open file of this thread alone: neither library lets threads share one."""
        mine: dict[int, Any] = self._open.__dict__.setdefault("files", {})
        if number not in mine:
            source = self.sources[number]
            if source.path.stat().st_size != source.size:
                raise OSError(f"{source.path.name} has changed")
            mine[number] = open_source(source)
        return mine[number]


def open_source(source: Source) -> Any:
    """Open a file by its library; one thread may use what is returned."""
    if source.form == "bed":
        return open_bed(
            source.path,
            iid_count=source.people,
            sid_count=source.variants,
            properties={},
            skip_format_check=True,
        )
    return PgenReader(
        str(source.path).encode(),
        raw_sample_ct=source.people,
        variant_ct=None,
        allele_idx_offsets=source.offsets,
    )
