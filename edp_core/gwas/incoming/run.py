"""The files of one run, opened and read: one table of variants, with counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from edp_core.errors import InputError
from edp_core.gwas.genome import chromosome_name
from edp_core.gwas.incoming.builds import Build, Witness
from edp_core.gwas.incoming.cells import Cells
from edp_core.gwas.incoming.dialects import Layout, layout_of, read_ydict
from edp_core.gwas.incoming.files import Head, Report, blocks, open_result
from edp_core.gwas.incoming.rows import CLAMPED, SCHEMA, variants_of
from edp_core.gwas.incoming.values import Tally

MAX_VARIANTS = 200_000_000


@dataclass(frozen=True)
class RunFile:
    """One file: what stands before its rows, and what its columns are."""

    head: Head
    layout: Layout


def open_run(files: Sequence[Path], *, trait: str | None) -> list[RunFile]:
    """Read the headers of the files of one run.

    Raises
    ------
    InputError
        Where one is absent, no table, without a needed column, given twice or of
        another program or trait than the others.
    """
    if not files:
        raise InputError("No result file is given", "give one, or one a chromosome")
    opened = []
    seen: set[Path] = set()
    for path in files:
        head = open_result(path)
        if head.path in seen:
            raise InputError(f"{path.name} is given twice", "give each file once")
        seen.add(head.path)
        known = read_ydict(head.path)
        layout = layout_of(head.path, head.names, trait=trait, known=known)
        opened.append(RunFile(head, layout))
    first = opened[0]
    for file in opened[1:]:
        if file.layout.dialect != first.layout.dialect:
            raise InputError(
                f"{first.head.path.name} is of {first.layout.dialect}, "
                f"{file.head.path.name} of {file.layout.dialect}: not one run",
                "give the files of one run",
            )
        if file.layout.trait != first.layout.trait:
            raise InputError(
                f"{first.head.path.name} is of the trait {first.layout.trait}, "
                f"{file.head.path.name} of {file.layout.trait}",
                "give the files of one run, or name the trait with --trait",
            )
    return opened


def read_run(
    files: Sequence[RunFile],
    build: Build,
    *,
    tally: Tally,
    n: int | None,
    report: Report,
) -> pa.Table:
    """All variants of a run, in the order of the files.

    Parameters
    ----------
    files
        As `open_run` gives them.
    build
        Where the positions are said to be.
    tally
        Learns what was read, dropped and noticed.
    n
        Number of people, where the files do not say it.
    report
        Told bytes done, of all.

    Returns
    -------
    pyarrow.Table
        As `rows.variants_of`; every ``log10p`` finite.

    Raises
    ------
    InputError
        Where a file is damaged or of another build, a chromosome is in two files, or
        no row can be used.
    """
    sizes = [f.head.path.stat().st_size for f in files]
    parts: list[pa.Table] = []
    held: dict[int, str] = {}
    for number, file in enumerate(files):
        before = sum(sizes[:number])
        witness = Witness(build, said=set(file.head.builds))
        own = []
        for block in blocks(
            file.head,
            lambda done, _: report(before + done, sum(sizes)),  # noqa: B023
        ):
            cells = Cells(block, file.head, file.layout)
            own.append(variants_of(cells, file.layout, witness, tally=tally))
            if tally.rows > MAX_VARIANTS:
                raise InputError(
                    f"The result has more than {MAX_VARIANTS:,} rows", "split it"
                )
        witness.check(file.head.path.name)
        _check_chromosomes(file, own, held)
        parts += own
    for file in files:
        tally.noticed.update(file.layout.notes)
    if not any(map(len, parts)):
        raise _nothing(files, tally)
    whole = pa.concat_tables(parts, promote_options="default").unify_dictionaries()
    report(sum(sizes), sum(sizes))
    return _with_n(_clamped(whole, tally), n, tally)


def _check_chromosomes(
    file: RunFile, parts: Sequence[pa.Table], held: dict[int, str]
) -> None:
    """A chromosome belongs to one file; ``held`` learns this file's."""
    there = {c for part in parts for c in pc.unique(part["chrom"]).to_pylist()}
    twice = sorted(there & held.keys())
    if twice:
        names = ", ".join(map(chromosome_name, twice))
        raise InputError(
            f"Chromosome {names} is in two files: {held[twice[0]]} and "
            f"{file.head.path.name}",
            "give each chromosome once; put pieces of one chromosome into one file",
        )
    held |= dict.fromkeys(there, file.head.path.name)


def _nothing(files: Sequence[RunFile], tally: Tally) -> InputError:
    """The error of files that hold no usable row."""
    name = files[0].head.path.name + (" and the others" if files[1:] else "")
    if not tally.rows:
        return InputError(f"{name} has no row below its header", "write it again")
    why = "; ".join(f"{k}: {v:,}" for k, v in tally.dropped.most_common())
    tests = f" (tests there: {', '.join(sorted(tally.tests)[:5])})"
    return InputError(
        f"No row of {name} can be used. {why}{tests if tally.tests else ''}",
        "mend the file, or write it again",
    )


def _clamped(table: pa.Table, tally: Tally) -> pa.Table:
    """p of 0 that nothing tells: as strong as the strongest that is known."""
    values = table["log10p"].to_numpy()
    infinite = np.isinf(values)
    if not infinite.any():
        return table
    if infinite.all():
        raise InputError(
            "Every p of the result is 0", "write it with −log10 p, or with more digits"
        )
    tally.noticed[CLAMPED] += int(infinite.sum())
    clamped = np.where(infinite, values[~infinite].max(), values)
    at = SCHEMA.get_field_index("log10p")
    return table.set_column(at, "log10p", pa.array(clamped))


def _with_n(table: pa.Table, n: int | None, tally: Tally) -> pa.Table:
    """The number of people as it was given, where the files do not say it."""
    if n is not None and n < 1:
        raise InputError(f"{n} people cannot be", "give a number above 0")
    unknown = table["n"].null_count
    if n is None or unknown < len(table):
        if n is not None:
            reason = "number of people given, but the files say it themselves"
            tally.noticed[reason] = len(table) - unknown
        if unknown:
            tally.noticed["number of people not known"] = unknown
        return table
    people = pa.array(np.full(len(table), n, np.int32))
    return table.set_column(SCHEMA.get_field_index("n"), "n", people)
