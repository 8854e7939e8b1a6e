"""Ridge regression with the penalty that foretells best whom it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError

Floats = NDArray[np.float64]
PENALTIES = (1e-10, 1e-8, 1e-6, *(float(10.0**k) for k in np.arange(-4, 1.5, 0.5)))
"""Shares of the mean sum of squares of an axis; the first is next to none."""


@dataclass(frozen=True)
class Fitted:
    """A target from predictors.

    Attributes
    ----------
    weights
        (m,) in the unit of the target for each unit of the predictors.
    penalty
        The share that was chosen.
    r2
        Share of the target's variance that the weights keep, of the people they were
        learnt from.
    r2_left_out
        1 − Σe²/Σ(y − ȳ)² of residuals e where each person was left out in turn: what
        the weights foretell. Below 0 where the mean would do better.
    """

    weights: Floats
    penalty: float
    r2: float
    r2_left_out: float


class Predictors:
    """Predictors taken apart once, for any number of targets.

    Parameters
    ----------
    predictors
        (n, m), no missing values; n ≥ 3.
    penalties
        α > 0 to choose from: λ = α·tr(S_T)/m.

    Raises
    ------
    InputError
        Where a value is missing, there are fewer than three people or nothing varies.

    Notes
    -----
    With S_T = QΛQᵀ and scores u = zQ every penalty has weights Q(Λ + λ)⁻¹QᵀZᵀy, and
    leaving i out turns its residual e_i into e_i/(1 − h_i),
    h_i = 1/n + Σ_j u_ij²/(Λ_j + λ) (Golub, Heath and Wahba 1979,
    doi 10.1080/00401706.1979.10489751). Leverages are of the predictors alone.
    """

    def __init__(
        self, predictors: ArrayLike, *, penalties: Sequence[float] = PENALTIES
    ) -> None:
        z = np.asarray(predictors, dtype=np.float64)
        if z.ndim != 2 or len(z) < 3 or not np.isfinite(z).all():
            raise InputError(
                f"predictors of shape {z.shape} are too few or not all finite",
                "give a row of finite numbers for each of at least 3 people",
            )
        alphas = np.asarray(penalties, dtype=np.float64)
        if not alphas.size or not np.all(alphas > 0):
            raise InputError("a penalty is not above 0", "give penalties above 0")
        self.penalties = alphas
        self.centred = z - z.mean(axis=0)
        scatter = self.centred.T @ self.centred
        size = float(np.trace(scatter)) / max(z.shape[1], 1)
        if size <= 1e-24 * max(float(np.abs(z).max(initial=0)) ** 2, 1e-300):
            raise InputError(
                "the predictors do not vary", "leave them out, or choose others"
            )
        values, self._axes = np.linalg.eigh(scatter)
        self._inverse = 1 / (np.maximum(values, 0)[:, None] + size * alphas)
        self._leverage = 1 / len(z) + (self.centred @ self._axes) ** 2 @ self._inverse

    def fit(self, target: ArrayLike) -> Fitted:
        """Weights of one target, with the penalty that foretells it best.

        Parameters
        ----------
        target
            (n,) no missing values, any unit.

        Raises
        ------
        InputError
            Where it does not meet the predictors, is not finite or does not vary.
        """
        y = np.asarray(target, dtype=np.float64)
        if y.shape != (len(self.centred),) or not np.isfinite(y).all():
            raise InputError(
                f"a target of shape {y.shape} does not meet {len(self.centred)} "
                "people, or is not all finite",
                "give one finite number for each person",
            )
        deviation = y - y.mean()
        total = float(deviation @ deviation)
        if total <= 1e-24 * len(y) * float(np.max(y**2)):
            raise InputError("the target does not vary", "choose one that does")
        along = self._axes.T @ (self.centred.T @ deviation)
        weights = self._axes @ (along[:, None] * self._inverse)
        residual = deviation[:, None] - self.centred @ weights
        # where a person is fitted whatever they are, nothing is left to judge by
        left_out = residual / np.maximum(1 - self._leverage, 1e-12)
        error = np.sum(left_out**2, axis=0)
        best = int(np.argmin(error))
        kept = 1 - float(np.sum(residual[:, best] ** 2)) / total
        return Fitted(
            np.ascontiguousarray(weights[:, best]),
            float(self.penalties[best]),
            r2=kept,
            r2_left_out=1 - float(error[best]) / total,
        )
