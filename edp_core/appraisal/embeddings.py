"""How far two embeddings of the same people hold the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from edp_core.errors import InputError
from edp_core.scoring.clusterings import adjusted_rand
from edp_core.stats.regression import pearson

Floats = NDArray[np.float64]
COLUMNS = ("measure", "value", "low", "high", "n", "note")
GROUPS = 20
"""Groups of people, each of which the jackknife leaves out in turn."""
PAIRS = 5
"""Canonical pairs reported."""
COMPONENTS = 20
"""Principal components of each embedding that canonical pairs are made of, at most."""
_FOLDS = 5
_LEAST = 50
"""Fewest people two embeddings are compared on."""
_CHUNK = 8192


def embedding_agreement(
    x: ArrayLike,
    y: ArrayLike,
    *,
    labels: tuple[ArrayLike, ArrayLike] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Agreement of two embeddings of the same participants.

    Parameters
    ----------
    x, y
        (n, n_axes) and (n, n_axes of the other), row by row the same participants, no
        missing values.
    labels
        (n,) clusters of each, numbered from 0; no adjusted Rand index without.
    seed
        Of the groups of the jackknife and of the folds.

    Returns
    -------
    DataFrame
        ``measure``, ``value``, ``low``, ``high`` (95 %), ``n``, ``note``. Measures:

        - ``CKA``: linear centred kernel alignment without bias, 0 for unrelated
          embeddings, 1 for the same up to rotation, shift and scale;
        - ``CKA, plain``: with its bias, which is the RV coefficient: the smaller n is
          against the axes, the higher it lies even for noise;
        - ``canonical 1`` …: correlation of the canonical variates of the leading
          principal components, in people they were not fitted on;
        - ``ARI of clusters``: adjusted Rand index of the two partitions.

    Raises
    ------
    InputError
        Where rows do not meet, there are fewer than 50, a value is missing, or an
        embedding does not vary.

    Notes
    -----
    CKA: Kornblith et al. 2019 (arXiv 1905.00414); without bias by the estimate of Song
    et al. 2012 (JMLR 13:1393); RV: Robert & Escoufier 1976 (doi 10.2307/2347233). All
    come from sums over people, so that the jackknife that leaves out one of 20 random
    groups at a time (intervals of CKA and ARI, on Fisher's scale, t of 19 degrees of
    freedom) reads the embeddings once. Canonical variates are fitted on four fifths
    and correlated in the fifth left out, all fifths together; Fisher's interval.
    """
    first, second = _checked(x, y)
    n = len(first)
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.arange(n) % GROUPS)
    parts = [
        _moments(first[group == g], second[group == g]) for g in range(GROUPS)
    ]  # fmt: skip
    whole = reduce(_Moments.more, parts)
    rows: list[tuple[object, ...]] = []
    for name, measure in (("CKA", _unbiased), ("CKA, plain", _plain)):
        value = measure(whole)
        without = [measure(whole.less(part)) for part in parts]
        rows.append((name, value, *_jackknife(value, without), n, ""))
    fold = rng.permutation(np.arange(n) % _FOLDS)
    rows += [
        (f"canonical {number}", r, low, high, n, note)
        for number, (r, low, high, note) in enumerate(
            _canonical(first, second, whole, fold=fold), start=1
        )
    ]
    if labels is not None:
        one, two = (np.asarray(part) for part in labels)
        value = adjusted_rand(one, two)
        without = [
            adjusted_rand(one[group != g], two[group != g]) for g in range(GROUPS)
        ]
        rows.append(("ARI of clusters", value, *_jackknife(value, without), n, ""))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _checked(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    found = []
    for part in (x, y):
        z = np.asarray(part, dtype=np.float64)
        if z.ndim != 2 or not np.isfinite(z).all():
            raise InputError(
                f"an embedding of shape {z.shape} has missing values or is no table",
                "give one row of numbers for each participant",
            )
        found.append(z - z.mean(axis=0) if len(z) else z)
    one, two = found
    if len(one) != len(two) or len(one) < _LEAST:
        raise InputError(
            f"embeddings of {len(one)} and {len(two)} participants cannot be compared",
            f"give the same participants in both, {_LEAST} or more",
        )
    # together with the centring, a scale that keeps the sums within range
    for z in found:
        length = float(np.sqrt(np.mean(z * z)))
        if length <= 0:
            raise InputError("an embedding does not vary", "check the encoder")
        z /= length
    return one, two


# ---- sums over people, from which CKA follows -------------------------------------
@dataclass(frozen=True)
class _Moments:
    """Sums over people of z = [x, y], of squared lengths k = (‖x‖², ‖y‖²); products.

    ``zz`` (p + q, p + q), ``z`` (p + q,), ``zk`` (p + q, 2), ``kk`` (2, 2), ``k`` (2,).
    """

    n: int
    p: int
    zz: Floats
    z: Floats
    zk: Floats
    kk: Floats
    k: Floats

    def less(self, part: _Moments) -> _Moments:
        """Without some of the people."""
        return _Moments(
            self.n - part.n, self.p, self.zz - part.zz, self.z - part.z,
            self.zk - part.zk, self.kk - part.kk, self.k - part.k,
        )  # fmt: skip

    def more(self, part: _Moments) -> _Moments:
        """With other people."""
        return _Moments(
            self.n + part.n, self.p, self.zz + part.zz, self.z + part.z,
            self.zk + part.zk, self.kk + part.kk, self.k + part.k,
        )  # fmt: skip

    def of(self, side: int) -> slice:
        """Columns of x (0) or y (1)."""
        return slice(0, self.p) if side == 0 else slice(self.p, len(self.z))


def _moments(x: Floats, y: Floats) -> _Moments:
    size = x.shape[1] + y.shape[1]
    zz, zk = np.zeros((size, size)), np.zeros((size, 2))
    total, kk, k_sum = np.zeros(size), np.zeros((2, 2)), np.zeros(2)
    for start in range(0, len(x), _CHUNK):
        a, b = x[start : start + _CHUNK], y[start : start + _CHUNK]
        z = np.concatenate([a, b], axis=1)
        k = np.stack([np.einsum("ij,ij->i", v, v) for v in (a, b)], axis=1)
        zz += z.T @ z
        zk += z.T @ k
        kk += k.T @ k
        total += z.sum(axis=0)
        k_sum += k.sum(axis=0)
    return _Moments(len(x), x.shape[1], zz, total, zk, kk, k_sum)


def _plain(m: _Moments) -> float:
    """Linear CKA, ‖XᵀY‖² / (‖XᵀX‖ ‖YᵀY‖), of centred columns."""
    cov = m.zz - np.outer(m.z, m.z) / m.n
    return _ratio(lambda i, j: float(np.sum(cov[m.of(i), m.of(j)] ** 2)))


def _unbiased(m: _Moments) -> float:
    return _ratio(lambda i, j: _hsic(m, i, j))


def _ratio(product: Callable[[int, int], float]) -> float:
    both = product(0, 0) * product(1, 1)
    return float(product(0, 1) / np.sqrt(both)) if both > 0 else np.nan


def _hsic(m: _Moments, i: int, j: int) -> float:
    """Song's estimate: linear kernels K, L of sides i, j with a diagonal of 0.

    [tr KL + 1ᵀK1 · 1ᵀL1/((n − 1)(n − 2)) − 2/(n − 2) · 1ᵀKL1] / (n(n − 3)).
    """
    n, a, b = m.n, m.of(i), m.of(j)
    trace = float(np.sum(m.zz[a, b] ** 2) - m.kk[i, j])
    sums = [float(m.z[m.of(s)] @ m.z[m.of(s)] - m.k[s]) for s in (i, j)]
    # Σ over people of (x·Σx − ‖x‖²)(y·Σy − ‖y‖²)
    product = float(
        m.z[a] @ m.zz[a, b] @ m.z[b]
        - m.z[a] @ m.zk[a, j]
        - m.z[b] @ m.zk[b, i]
        + m.kk[i, j]
    )
    middle = sums[0] * sums[1] / ((n - 1) * (n - 2))
    return (trace + middle - 2 * product / (n - 2)) / (n * (n - 3))


def _jackknife(value: float, without: list[float]) -> tuple[float, float]:
    """95 % interval on Fisher's scale from what is left without each group."""
    most = 1 - 1e-12
    held = np.array([*without, value])
    if np.isnan(held).any():
        return np.nan, np.nan
    z = np.arctanh(np.clip(held, -most, most))
    g = len(without)
    error = np.sqrt((g - 1) / g * np.sum((z[:-1] - z[:-1].mean()) ** 2))
    half = float(student.ppf(0.975, g - 1)) * error
    low, high = np.tanh(z[-1] - half), np.tanh(z[-1] + half)
    return min(float(low), value), max(float(high), value)


# ---- canonical correlations in people left out ------------------------------------
def _canonical(
    x: Floats, y: Floats, m: _Moments, *, fold: NDArray[np.int64]
) -> list[tuple[float, float, float, str]]:
    most = min(COMPONENTS, len(x) // _LEAST + 1)
    scores = []
    for side, z in enumerate((x, y)):
        values, axes = np.linalg.eigh(m.zz[m.of(side), m.of(side)])
        varies = values > 1e-10 * values[-1]
        scores.append(z @ axes[:, varies][:, ::-1][:, :most])
    count = min(PAIRS, *(s.shape[1] for s in scores))
    variates = np.zeros((2, len(x), count))
    for held_out in range(_FOLDS):
        learnt, new = fold != held_out, fold == held_out
        whitened = []
        for s in scores:
            q, triangle = np.linalg.qr(s[learnt] - s[learnt].mean(axis=0))
            whitened.append((q, triangle))
        u, _, vt = np.linalg.svd(whitened[0][0].T @ whitened[1][0])
        for side, turned in enumerate((u, vt.T)):
            triangle = whitened[side][1]
            weights = np.linalg.solve(triangle, turned[:, :count])
            # about the mean of those left out: the sign of a pair is each fold's own
            out = scores[side][new] @ weights
            variates[side, new] = out - out.mean(axis=0)
    note = f"of {scores[0].shape[1]} and {scores[1].shape[1]} principal components"
    return [
        (*_of_fifths(variates[0, :, pair], variates[1, :, pair], fold), note)
        for pair in range(count)
    ]


def _of_fifths(
    u: Floats, v: Floats, fold: NDArray[np.int64]
) -> tuple[float, float, float]:
    """r of all people, with its interval from the r of each fifth."""
    r = pearson(u, v).r
    most = 1 - 1e-12
    parts = [pearson(u[fold == k], v[fold == k]).r for k in range(_FOLDS)]
    z = np.arctanh(np.clip([r, *parts], -most, most))
    new_to_learnt = 1 / (_FOLDS - 1)
    error = z[1:].std(ddof=1) * np.sqrt(1 / _FOLDS + new_to_learnt)
    half = float(student.ppf(0.975, _FOLDS - 1)) * error
    return r, float(np.tanh(z[0] - half)), float(np.tanh(z[0] + half))
