"""Cells of one block of a result file, parsed by arrow, typed where they can be."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from edp_core.errors import InputError
from edp_core.gwas.incoming.dialects import Layout
from edp_core.gwas.incoming.files import Head, squeezed
from edp_core.gwas.incoming.numbers import MISSING, Floats, numbers

CODED = ("chrom", "test", "effect", "other", "ref", "alt", "build", "error")
"""Words of few values, read as codes and names."""
TEXT = ("id",)
CHUNK = 4 << 20
Bools = NDArray[np.bool_]


class Cells:
    """One block of whole lines.

    Parameters
    ----------
    block
        Text without header and comments.
    head, layout
        Of its file.

    Raises
    ------
    InputError
        Where most lines have another number of cells than the header, or it is no
        UTF-8 text.
    """

    def __init__(self, block: bytes, head: Head, layout: Layout) -> None:
        self._block = block
        self._head = head
        self._at = layout.columns
        self.words = frozenset(layout.columns)
        self.ragged = 0
        """Lines with another number of cells than the header."""
        kinds = self._kinds()
        self._table = self._tried(kinds)
        if self.ragged and head.delimiter == " " and not head.runs:
            # further down, cells may be apart by runs of white space after all
            plain, table, ragged = block, self._table, self.ragged
            self._block = squeezed(block)
            self._table = self._tried(kinds)
            if self.ragged >= ragged:
                self._block, self._table, self.ragged = plain, table, ragged
        if self.ragged > 20 + len(self._table):
            raise InputError(
                f"{head.path.name} is no table: {self.ragged:,} lines of its first "
                f"{self.ragged + len(self._table):,} have not the {len(head.names)} "
                "cells that the header names",
                "write it again with a name for each column",
            )

    def __len__(self) -> int:
        return len(self._table)

    def header(self, word: str) -> str:
        """The column's name in the file."""
        return self._head.names[self._at[word]]

    def floats(self, word: str) -> tuple[Floats, Bools]:
        """A column as numbers, and where it has a cell that is none.

        Returns
        -------
        numpy.ndarray, numpy.ndarray
            (n,) float64, NaN = missing or unreadable or no such column; (n,) bool.
        """
        if word not in self.words:
            return np.full(len(self), np.nan), np.zeros(len(self), bool)
        cells = self._column(word)
        values = np.array(numbers(cells))
        if pa.types.is_floating(cells.type):
            return values, np.zeros(len(self), bool)
        given = pc.is_valid(cells).to_numpy(zero_copy_only=False)
        return values, np.isnan(values) & given

    def text(self, word: str) -> Any:
        """A column as (n,) text; missing is null."""
        cells = self._column(word)
        if pa.types.is_floating(cells.type):
            name = self._name(word)
            ragged = self.ragged
            cells = self._parsed({name: pa.string()})[name]
            self.ragged = ragged
        return _one(cells).cast(pa.string())

    def dictionary(self, word: str) -> Any:
        """A column as an arrow dictionary array of text; missing is null."""
        cells = self._column(word)
        return (
            cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()
        )

    def coded(self, word: str) -> tuple[NDArray[np.int64], list[str]]:
        """A column as codes into names; −1 where a cell is missing."""
        cells = self.dictionary(word)
        codes = cells.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return codes.astype(np.int64), [
            str(name) for name in cells.dictionary.to_pylist()
        ]

    def _kinds(self) -> dict[str, Any]:
        """Type of each column: one may serve two words, and then is text."""
        found: dict[str, Any] = {}
        for word in self.words - {*CODED, *TEXT}:
            found[self._name(word)] = pa.float64()
        for word in self.words & {*CODED}:
            found[self._name(word)] = pa.dictionary(pa.int32(), pa.string())
        for word in self.words & {*TEXT}:
            found[self._name(word)] = pa.string()
        return found

    def _tried(self, kinds: dict[str, Any]) -> Any:
        """The block with numbers as such, or where a cell is none, as text."""
        try:
            return self._parsed(kinds)
        except pa.ArrowInvalid as error:
            if "conversion error" not in str(error):
                raise _no_table(self._head, error) from error
        text = {n: pa.string() if k == pa.float64() else k for n, k in kinds.items()}
        try:
            return self._parsed(text)
        except pa.ArrowInvalid as error:
            raise _no_table(self._head, error) from error

    @cached_property
    def _columns(self) -> dict[str, Any]:
        table = self._table.unify_dictionaries()
        return {name: _one(table[name]) for name in table.column_names}

    def _column(self, word: str) -> Any:
        return self._columns[self._name(word)]

    def _name(self, word: str) -> str:
        return str(self._at[word])

    def _parsed(self, kinds: dict[str, Any]) -> Any:
        self.ragged = 0

        def skip(_: Any) -> str:
            self.ragged += 1
            return "skip"

        head = self._head
        return pacsv.read_csv(
            pa.BufferReader(self._block),
            pacsv.ReadOptions(
                column_names=[str(i) for i in range(len(head.names))], block_size=CHUNK
            ),
            pacsv.ParseOptions(
                delimiter=head.delimiter,
                quote_char='"' if head.quoted else False,
                invalid_row_handler=skip,
            ),
            pacsv.ConvertOptions(
                include_columns=list(kinds),
                column_types=kinds,
                null_values=MISSING,
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )


def _one(column: Any) -> Any:
    """A column in one piece."""
    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column


def _no_table(head: Head, error: Exception) -> InputError:
    name = head.path.name
    if "UTF8" in str(error):
        return InputError(
            f"{name} cannot be read: it is not UTF-8 text",
            "give it as plain text or gzip",
        )
    return InputError(
        f"{name} is no table: a line of it cannot be taken apart",
        "give the result as its program wrote it",
    )
