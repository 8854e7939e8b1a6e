"""Are there more small p than chance gives: λ, and the quantiles of a QQ plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri, ndtri_exp

from edp_core.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

QUANTILES = (0.5, 0.1, 0.01, 0.001)
"""λ is told at these; 0.5 is the usual one, of the median."""
MOST_POINTS = 500
"""So many points of a stratum are drawn at most."""
_TAIL = 100
"""The strongest so many of a stratum are all drawn."""
_LN2, _LN10 = float(np.log(2)), float(np.log(10))


def chi2_of(log10p: ArrayLike) -> Floats:
    """χ² on one degree of freedom that has this p.

    Parameters
    ----------
    log10p
        Any shape, −log10 p ≥ 0.

    Returns
    -------
    float64 of the same shape. Computed from log p throughout, so that p of 10⁻¹⁰⁰⁰
    has its χ² too.

    Examples
    --------
    >>> chi2_of([-np.log10(0.05), 300.0, 1000.0]).round(1).tolist()
    [3.8, 1373.9, 4596.3]
    """
    half = -np.asarray(log10p, dtype=np.float64) * _LN10 - _LN2
    return np.asarray(ndtri_exp(half)) ** 2


def lambdas(log10p: ArrayLike, at: Sequence[float] = QUANTILES) -> dict[float, float]:
    """Genomic inflation at some quantiles of p.

    Parameters
    ----------
    log10p
        (V,) −log10 p; NaN = not tested.
    at
        Quantiles of p between 0 and 1.

    Returns
    -------
    Quantile t → χ² of the t-quantile of p, over χ² of t itself (Devlin & Roeder 1999
    for the median); NaN where fewer than 1/t variants are tested.

    Raises
    ------
    InputError
        For a quantile that is not between 0 and 1.
    """
    if any(not 0 < quantile < 1 for quantile in at):
        raise InputError(
            f"λ is asked for at {', '.join(map(str, at))}",
            "give quantiles of p between 0 and 1",
        )
    values = _tested(np.asarray(log10p))
    n = len(values)
    usable = [quantile for quantile in at if n * quantile >= 1]
    # order statistics on either side of each quantile, as numpy.quantile has them
    places = {quantile: (n - 1) * (1 - quantile) for quantile in usable}
    kth = {int(place) + up for place in places.values() for up in (0, 1)}
    if usable:
        values.partition(sorted(k for k in kth if k < n))
    found = dict.fromkeys(at, float("nan"))
    for quantile, place in places.items():
        below = int(place)
        pair = chi2_of(values[[below, min(below + 1, n - 1)]])
        chi2 = pair[0] + (place - below) * (pair[1] - pair[0])
        found[quantile] = float(chi2 / ndtri(quantile / 2) ** 2)
    return found


def qq(
    log10p: ArrayLike, af: ArrayLike | None = None, *, strata: int = 4
) -> pd.DataFrame:
    """Observed against expected −log10 p, by allele frequency.

    Parameters
    ----------
    log10p
        (V,) −log10 p; NaN = not tested, left out.
    af
        (V,) frequency of either allele; NaN = not known, a stratum of its own. None
        makes one stratum.
    strata
        Strata of about as many variants each, by the frequency of the rarer allele;
        fewer where many variants share one.

    Returns
    -------
    ``stratum`` (what it holds, with its N), ``expected`` = −log10((i − ½)/n) of the
    i-th smallest p, ``observed``, and ``n`` of the stratum; rarest alleles first, in
    each the strongest first. At most 500 rows a stratum: its 100 strongest, then
    ranks evenly spaced on the expected axis, the last included.

    Raises
    ------
    InputError
        Where frequencies are not as many as p, or not between 0 and 1.
    """
    values = np.asarray(log10p)
    parts = []
    for label, members in _strata(values, af, strata):
        members = np.sort(members)
        n = len(members)
        ranks = _ranks(n)
        parts.append(
            pd.DataFrame(
                {
                    "stratum": f"{label} ({n:,} variants)",
                    "expected": -np.log10((ranks - 0.5) / n),
                    "observed": members[n - ranks].astype(np.float64),
                    "n": n,
                }
            )
        )
    if not parts:
        return pd.DataFrame(
            {"stratum": [], "expected": [], "observed": [], "n": []}
        ).astype({"stratum": str, "n": np.int64})
    return pd.concat(parts, ignore_index=True)


def band(n: int, *, level: float = 0.95) -> pd.DataFrame:
    """Where the i-th smallest of n independent p lies by chance.

    Parameters
    ----------
    n
        Number of p, 1 or more.
    level
        Share of chance within the band, at each rank by itself.

    Returns
    -------
    ``expected``, ``low`` and ``high`` (−log10 p), the strongest first, at most 500
    rows: quantiles of Beta(i, n − i + 1). Variants in linkage disequilibrium are not
    independent, and leave the band oftener near the median than it says.

    Raises
    ------
    InputError
        Without any p.
    """
    if n < 1:
        raise InputError("There is no p to draw a band for", "choose tested variants")
    ranks = _ranks(n)
    tail = (1 - level) / 2
    low, high = (
        -np.log10(betaincinv(ranks, n - ranks + 1, share)) for share in (1 - tail, tail)
    )
    return pd.DataFrame(
        {"expected": -np.log10((ranks - 0.5) / n), "low": low, "high": high}
    )


def smallest_stratum(table: pd.DataFrame) -> int:
    """Variants a QQ plot's band is to be drawn for: with more it would be too narrow.

    Parameters
    ----------
    table
        As of `qq`.

    Returns
    -------
    ``n`` of the smallest stratum that holds a hundredth of the variants or more: three
    of unknown frequency say nothing of the rest. 1 where there is none.
    """
    sizes = table.drop_duplicates("stratum")["n"]
    if sizes.empty:
        return 1
    return int(sizes[sizes * 100 >= sizes.sum()].min())


def _tested(values: NDArray[Any]) -> NDArray[Any]:
    """A copy of the values that are not missing."""
    kept: NDArray[Any] = values[~np.isnan(values)]
    return kept if kept.dtype.kind == "f" else kept.astype(np.float64)


def _ranks(n: int) -> Ints:
    """Ranks from 1 to n that are drawn."""
    if n <= MOST_POINTS:
        return np.arange(1, n + 1)
    rest = np.geomspace(_TAIL, n, MOST_POINTS - _TAIL + 1)
    return np.unique(np.r_[np.arange(1, _TAIL + 1), rest.round()]).astype(np.int64)


def _strata(
    values: NDArray[Any], af: ArrayLike | None, strata: int
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Label and −log10 p of each stratum that holds any."""
    if af is None:
        members = _tested(values)
        if len(members):
            yield "All", members
        return
    frequency = np.asarray(af)
    if frequency.shape != values.shape:
        raise InputError(
            f"{values.shape} p and {frequency.shape} allele frequencies",
            "give one frequency for every p",
        )
    tested = ~np.isnan(values)
    values, frequency = values[tested], frequency[tested]
    if (wrong := int(((frequency < 0) | (frequency > 1)).sum())) > 0:
        raise InputError(
            f"{wrong} allele frequencies are not from 0 to 1",
            "look which column is the allele frequency",
        )
    maf = np.minimum(frequency, 1 - frequency)
    unknown = np.isnan(maf)
    if unknown.any():
        lost, values, maf = values[unknown], values[~unknown], maf[~unknown]
    if len(maf):
        inner = np.unique(np.quantile(maf, np.arange(1, strata) / strata))
        edges = [-np.inf, *inner, np.inf]
        for low, high in pairwise(edges):
            here = (maf > low) & (maf <= high)
            if here.any():
                least, most = maf[here].min(), maf[here].max()
                yield f"MAF {_short(least)}–{_short(most)}", values[here]
    if unknown.any():
        yield "MAF not known", lost


def _short(frequency: float) -> str:
    """Two significant digits."""
    return f"{float(f'{frequency:.2g}'):g}"
