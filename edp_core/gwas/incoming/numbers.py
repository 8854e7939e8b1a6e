"""Numbers as result files write them, and −log10 p where a float cannot hold p.

p below 1e-308 is no double any more: read as one, 1e-400 is 0. Its digits are still in
the text, so those cells are read again as text, mantissa and exponent apart. A p that
is written as 0 has no digits left; then the effect and its standard error tell it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import log_ndtr

Floats = NDArray[np.float64]

MISSING = [
    "", "NA", "NaN", "nan", "-nan", "N/A", "n/a", "#N/A", "#NA", "null", "NULL",
    "None", ".", "-", "NAN", "Nan", "na",
]  # fmt: skip
"""Spellings of a missing cell."""
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eEdD][+-]?[0-9]+)?$"
INFINITE = r"(?i)^[+-]?inf(inity)?$"
LN10 = float(np.log(10.0))
SMALLEST = 1e-300
"""Below this a double loses digits of p."""


def numbers(cells: Any) -> Floats:
    """Cells as numbers.

    Parameters
    ----------
    cells
        n cells, an arrow array of floats or of text.

    Returns
    -------
    numpy.ndarray
        (n,) float64; NaN where a cell is missing or no number (``1,5``, ``0x1A``,
        ``abc``), ±inf where it says so or is beyond a double.
    """
    if pa.types.is_floating(cells.type):
        return np.asarray(cells.fill_null(np.nan).to_numpy(zero_copy_only=False), float)
    cells = pc.utf8_trim_whitespace(cells)
    number = pc.match_substring_regex(cells, NUMBER)
    infinite = pc.match_substring_regex(cells, INFINITE)
    good = pc.fill_null(pc.or_(number, infinite), False)
    cells = pc.if_else(good, cells, pa.scalar(None, pa.string()))
    plain = pc.replace_substring_regex(pc.utf8_ltrim(cells, "+"), "[dD]", "e")
    return np.asarray(
        plain.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False),
        float,
    )


def tail_of_text(cells: Any) -> Floats:
    """−log10 of p values given as text, without passing through p.

    Parameters
    ----------
    cells
        n cells of text that are numbers above 0 or equal to it.

    Returns
    -------
    numpy.ndarray
        (n,) float64: ``1e-400`` is 400; inf where the mantissa is 0, NaN where a cell
        is no number or below 0.
    """
    parts = pc.extract_regex(
        pc.utf8_trim_whitespace(cells),
        r"^\+?(?P<mantissa>[0-9]+\.?[0-9]*|\.[0-9]+)"
        r"(?:[eEdD](?P<exponent>[+-]?[0-9]+))?$",
    )
    # a group that matched nothing is empty text
    mantissa = numbers(pc.struct_field(parts, "mantissa"))
    exponent = np.nan_to_num(numbers(pc.struct_field(parts, "exponent")))
    with np.errstate(divide="ignore"):
        found: Floats = -np.log10(mantissa) - exponent
    return found


def tail_of_p(p: Floats) -> Floats:
    """−log10 p; NaN where p is not in [0, 1], inf where it is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = -np.log10(np.where((p >= 0) & (p <= 1), p, np.nan))
    return np.asarray(np.abs(found), float)  # −log10 1 is 0, not −0


def tail_of_z(z: Floats) -> Floats:
    """−log10 of the two-sided normal p of z, in log space.

    Parameters
    ----------
    z
        (n,) effect divided by its standard error.

    Returns
    -------
    numpy.ndarray
        (n,) float64, finite for any finite z.
    """
    return np.asarray(-(np.log(2.0) + log_ndtr(-np.abs(z))) / LN10, float)
