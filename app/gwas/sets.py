"""Runs gathered into sets, and how many loci each set has: the paper's tables.

A set is one run, or a family: runs named alike but for the number of an axis, whose
loci are counted once each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from edp_core.gwas.compare import gained_lost, intersection, union

NUMBERED = re.compile(
    r"^(?P<head>(?:.*?[-_.])?)(?P<kind>PC|axis|dim|latent|factor)(?P<gap>[-_.]?)"
    r"(?P<number>\d+)(?P<tail>(?:[^\d].*)?)$",
    re.IGNORECASE,
)
"""Names of phenotypes of single axes, such as liver-mae-PC1 or retina-axis-12-left."""
Sets = Mapping[str, Sequence[str]]


def family_of(name: str) -> str | None:
    """The family of a run's name, ``*`` for the axis; `None` where it has none.

    >>> family_of("liver-mae-PC12"), family_of("eye_axis_3_left")
    ('liver-mae-PC*', 'eye_axis_*_left')
    >>> family_of("T2D"), family_of("liver-K760-noPC1")  # regressed out, not an axis
    (None, None)
    """
    match = NUMBERED.match(name)
    if match is None:
        return None
    return "{head}{kind}{gap}*{tail}".format(**match.groupdict())


def gathered(phenotypes: Mapping[str, str], *, families: bool) -> dict[str, list[str]]:
    """Runs by set, in the order given.

    Parameters
    ----------
    phenotypes
        Run → name of its phenotype.
    families
        Whether two or more of a family are one set.
    """
    sets: dict[str, list[str]] = {}
    for run, phenotype in phenotypes.items():
        family = family_of(phenotype) if families else None
        sets.setdefault(family or run, []).append(run)
    return {(runs[0] if len(runs) == 1 else name): runs for name, runs in sets.items()}


def merged(runs: Sequence[str], loci: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Loci of a set, each once; of one run they are its own."""
    if len(runs) == 1:
        return loci[runs[0]]
    return union({run: loci[run] for run in runs})


def counted(
    sets: Sets, loci: Mapping[str, pd.DataFrame], *, baseline: str | None = None
) -> pd.DataFrame:
    """How many loci each set has, alone and together with a baseline.

    Parameters
    ----------
    sets, loci
        Set → runs, and run → loci, of one build.
    baseline
        The set to compare with, such as the organ's volume or the code itself.

    Returns
    -------
    pandas.DataFrame
        ``set, runs, loci, unique`` (that no other set has) and with a baseline
        ``shared, new, missed`` (its loci that the set has not), in the order given.
    """
    tables = {name: merged(runs, loci) for name, runs in sets.items()}
    every = _stacked(tables)
    rows = []
    for name, table in tables.items():
        alone, _ = gained_lost(every[every["set"] != name], table)
        row: dict[str, object] = {
            "set": name,
            "runs": len(sets[name]),
            "loci": len(table),
            "unique": len(alone),
        }
        if baseline is not None:
            new, missed = gained_lost(tables[baseline], table)
            row |= {
                "shared": len(table) - len(new),
                "new": len(new),
                "missed": len(missed),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def _stacked(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Loci of several sets in one table, numbered anew, with the ``set`` of each."""
    names = ["chrom", "start", "end", "lead_pos", "log10p"]
    parts = [table[names].assign(set=name) for name, table in tables.items()]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(locus=np.arange(len(table)))


def crossed(
    about: pd.DataFrame,
    loci: Mapping[str, pd.DataFrame],
    *,
    rows: str,
    columns: str,
    baseline: Sequence[str] = (),
) -> pd.DataFrame:
    """Loci by two properties of runs: those of all runs of a cell, each once.

    Parameters
    ----------
    about
        One row a run: ``run`` and properties (``of, organ, encoder, method``).
    rows, columns
        Properties.
    baseline
        Runs whose loci are looked for in every cell, in columns of their own.

    Returns
    -------
    pandas.DataFrame
        ``rows`` as its index, a column for each value of ``columns``, with a baseline
        followed by ``<value> ∩ baseline``; missing where no run is of both.
    """
    cells: dict[tuple[str, str], int] = {}
    pairs = zip(about[rows].astype(str), about[columns].astype(str), strict=True)
    for row, column in dict.fromkeys(pairs):
        part = about[(about[rows] == row) & (about[columns] == column)]
        table = merged(list(part["run"]), loci)
        cells[row, column] = len(table)
        if baseline:
            new, _ = gained_lost(merged(baseline, loci), table)
            cells[row, f"{column} ∩ baseline"] = len(table) - len(new)
    found = pd.Series(cells, dtype="Int64").unstack() if cells else pd.DataFrame()
    found.index.name = rows
    return found


def paired(
    one: Sequence[str], two: Sequence[str], loci: Mapping[str, pd.DataFrame]
) -> tuple[dict[str, int], pd.DataFrame]:
    """Two sets against each other, such as the axes of the left and the right eye.

    Returns
    -------
    counts
        ``first``, ``second``, ``both``, ``only first``, ``only second``, ``either``.
    pandas.DataFrame
        Loci of both: as `union` gives them, with columns ``first`` and ``second``.
    """
    sets = {"first": merged(one, loci), "second": merged(two, loci)}
    only_second, only_first = gained_lost(sets["first"], sets["second"])
    both = intersection(sets)
    counts = {
        "first": len(sets["first"]),
        "second": len(sets["second"]),
        "both": len(both),
        "only first": len(only_first),
        "only second": len(only_second),
        "either": len(union(sets)),
    }
    return counts, both
