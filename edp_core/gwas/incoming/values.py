"""Numbers of each row: effect, strength, frequency, people; rows are counted here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from edp_core.gwas.incoming.cells import Cells
from edp_core.gwas.incoming.numbers import (
    SMALLEST,
    Floats,
    tail_of_p,
    tail_of_text,
    tail_of_z,
)

Bools = NDArray[np.bool_]
FROM_Z = "p of 0 or beyond a number, taken from effect and standard error"


@dataclass
class Tally:
    """What was read of one run.

    Attributes
    ----------
    rows
        Lines that are neither blank nor comments nor the header.
    dropped, noticed
        Rows by reason.
    tests
        Tests other than the additive one that were met.
    """

    rows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    tests: set[str] = field(default_factory=set)


@dataclass
class Rows:
    """Which rows are still in; each that goes is counted once."""

    keep: Bools
    tally: Tally

    def drop(self, mask: Bools, reason: str) -> None:
        """Take rows out, counted."""
        gone = int((self.keep & mask).sum())
        if gone:
            self.tally.dropped[reason] += gone
            self.keep &= ~mask

    def notice(self, mask: Bools, reason: str) -> None:
        """Count rows that stay in."""
        seen = int((self.keep & mask).sum())
        if seen:
            self.tally.noticed[reason] += seen


# ---- how strong ------------------------------------------------------------------
def effects(cells: Cells, rows: Rows) -> tuple[Floats, Floats]:
    """Effect and standard error, (n,) each; NaN = missing.

    An odds ratio becomes its logarithm, of which the standard error is then taken to
    be, as plink2 and GWAS-SSF have it.
    """
    beta, unreadable = cells.floats("beta")
    if "odds" in cells.words:
        odds, wrong = cells.floats("odds")
        with np.errstate(divide="ignore", invalid="ignore"):
            log_odds = np.where(odds > 0, np.log(odds), np.nan)
        beta = np.where(np.isnan(beta), log_odds, beta)
        unreadable = unreadable | wrong
    rows.notice(unreadable | np.isinf(beta), "effect that is no number, left out")
    beta[np.isinf(beta)] = np.nan
    se, unreadable = cells.floats("se")
    bad = unreadable | (se <= 0) | np.isinf(se)
    rows.notice(bad, "standard error that is not above 0, left out")
    se[bad] = np.nan
    return beta, se


def strengths(cells: Cells, rows: Rows, *, z: Floats) -> Floats:
    """−log10 p: as given, or from p, or where p is 0 from z."""
    given, unreadable = cells.floats("log10p")
    wrong = given < 0
    if "p" in cells.words:
        p, no_number = cells.floats("p")
        from_p = tail_of_p(p)
        tiny = np.flatnonzero((p >= 0) & (p < SMALLEST))
        if len(tiny):
            # the floats have lost its digits, the text has not
            from_p[tiny] = tail_of_text(cells.text("p").take(pa.array(tiny)))
        unreadable = (unreadable | no_number) & np.isnan(given)
        wrong |= np.isnan(given) & ((p < 0) | (p > 1))
        given = np.where(np.isnan(given), from_p, given)
    rows.drop(unreadable, "p value that is no number")
    rows.drop(wrong, "p value outside 0–1")
    rows.drop(np.isnan(given), "no p value")
    zero = np.isinf(given)
    from_z = zero & np.isfinite(z)
    rows.notice(from_z, FROM_Z)
    given[from_z] = tail_of_z(z[from_z])
    return given + 0.0


# ---- how common, of how many -----------------------------------------------------
def share(cells: Cells, word: str, rows: Rows) -> Floats:
    """Allele frequencies, (n,); NaN = missing or none."""
    values, unreadable = cells.floats(word)
    bad = unreadable | (values < 0) | (values > 1)
    rows.notice(bad, "allele frequency outside 0–1, left out")
    values[bad] = np.nan
    return values


def people(cells: Cells, rows: Rows) -> Any:
    """Numbers of people, (n,) int32; null = missing. Cases and controls are added."""
    if "n" in cells.words:
        values, unreadable = cells.floats("n")
    else:
        cases, first = cells.floats("n_cases")
        controls, second = cells.floats("n_controls")
        values, unreadable = cases + controls, first | second
    bad = unreadable | (values < 1) | (values >= 2**31)
    rows.notice(bad, "number of people that is none, left out")
    missing = bad | np.isnan(values)
    whole = np.rint(np.where(missing, 0, values)).astype(np.int32)
    return pa.array(whole, mask=missing)


def single(values: Floats) -> Any:
    """The same in single precision."""
    return pa.array(values.astype(np.float32))
