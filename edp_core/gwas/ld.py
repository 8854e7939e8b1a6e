"""Linkage disequilibrium between variants, as plink writes it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edp_core.errors import InputError

_A = ("ID_A", "SNP_A", "A")
_B = ("ID_B", "SNP_B", "B")
_R2 = ("UNPHASED_R2", "PHASED_R2", "R2")


def read_ld(path: Path) -> pd.DataFrame:
    """Read a table of r² between pairs of variants.

    Parameters
    ----------
    path
        What ``plink2 --r2-unphased`` or ``--r2-phased`` writes (``.vcor``), or
        ``plink --r2`` (``.ld``), or any table with columns ``a``, ``b`` and ``r2``;
        plain or ``.gz``. Capitals do not matter.

    Returns
    -------
    ``a``, ``b`` (ids) and ``r2`` (float64), as many rows as the file.

    Raises
    ------
    InputError
        Where there is no such file, a column is missing, or an r² is no number from 0
        to 1 (plink's ``--r`` writes r, which may be below 0).

    Notes
    -----
    plink leaves out pairs below ``--ld-window-r2``, 0.2 by default: give it 0.1 or
    less, or leads of r² 0.1 to 0.2 are taken for independent. It also leaves a variant
    out that is linked to none, which then goes by distance; a row of it with itself
    tells that it is known.
    """
    if not path.is_file():
        raise InputError(f"There is no LD table at {path}", "mend the path")
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            header = file.readline()
        # plink pads its columns with blanks, plink2 sets tabs between them
        by = "," if "," in header else r"\s+"
        found = _columns(header.replace(",", " ").split(), path)
        table = pd.read_csv(
            path, sep=by, usecols=found, dtype=str, skipinitialspace=True
        )
    except (UnicodeDecodeError, OSError, EOFError, ValueError) as error:
        raise InputError(
            f"{path.name} cannot be read as a table", "write it anew with plink --r2"
        ) from error
    r2 = pd.to_numeric(table[found[2]], errors="coerce").to_numpy(np.float64)
    wrong = int((~((r2 >= 0) & (r2 <= 1 + 1e-6))).sum())
    if wrong:
        raise InputError(
            f"{path.name} has {wrong} pairs whose r² is not from 0 to 1",
            "write r² (plink --r2), not r",
        )
    return pd.DataFrame(
        {"a": table[found[0]], "b": table[found[1]], "r2": np.minimum(r2, 1.0)}
    )


def _columns(header: list[str], path: Path) -> list[str]:
    """What the file calls the two ids and r²."""
    names = {name.lstrip("#").upper(): name for name in header}
    found = []
    for wanted in (_A, _B, _R2):
        match = [names[name] for name in wanted if name in names]
        if not match:
            raise InputError(
                f"{path.name} has no column {' or '.join(wanted)}; it has "
                f"{', '.join(header)}",
                "write it with plink2 --r2-unphased, or name the columns a, b and r2",
            )
        found.append(match[0])
    return found


class Linked:
    """Which of the significant variants hang together.

    Parameters
    ----------
    table
        ``a``, ``b``, ``r2`` as of `read_ld`, each pair in either order.
    names
        (h,) ids of the significant variants.
    """

    def __init__(self, table: pd.DataFrame, names: NDArray[Any]) -> None:
        missing = {"a", "b", "r2"} - set(table.columns)
        if missing:
            raise InputError(
                f"The LD table has no column {', '.join(sorted(missing))}",
                "read it with read_ld, or name its columns a, b and r2",
            )
        codes, values = pd.factorize(np.asarray(names, dtype=object))
        index = pd.Index(values)
        a, b = index.get_indexer(table["a"]), index.get_indexer(table["b"])
        self.codes = codes
        self.known = np.zeros(len(values) + 1, dtype=np.bool_)
        self.known[a] = self.known[b] = True
        self.known[-1] = False  # where a pair's variant is not significant
        both = (a >= 0) & (b >= 0)
        r2 = table["r2"].to_numpy(np.float64)[both]
        left, right = np.r_[a[both], b[both]], np.r_[b[both], a[both]]
        order = np.argsort(left, kind="stable")
        self.left, self.right = left[order], right[order]
        self.r2 = np.r_[r2, r2][order]

    def with_lead(self, lead: int, window: slice, *, least: float) -> NDArray[np.bool_]:
        """Hits of a window that are the lead's: linked to it, or of unknown LD.

        Parameters
        ----------
        lead
            The lead's place among the hits.
        window
            Hits to decide on.
        least
            Smallest r² of the lead's own.

        Returns
        -------
        bool, one for each hit of the window; all of them where the table does not
        know the lead. A pair of known variants that is not in the table has r² 0.
        """
        codes = self.codes[window]
        code = self.codes[lead]
        if not self.known[code]:
            return np.ones(len(codes), np.bool_)
        rows = slice(*np.searchsorted(self.left, [code, code + 1]))
        linked = self.right[rows][self.r2[rows] >= least]
        own: NDArray[np.bool_] = (codes == code) | ~self.known[codes]
        return own | np.isin(codes, linked)
