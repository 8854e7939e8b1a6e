"""The upward axis of a GWAS plot: −log₁₀ p, folded where one peak dwarfs the rest."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import numpy as np

FOLD = 20.0
"""Above this the axis is folded, as PheWeb does it …"""
FOLDED_FROM = 40.0
"""… where anything is above this: the lower half then goes to `FOLD`."""
TITLE = "−log₁₀ p"


@dataclass(frozen=True)
class Upward:
    """A scale from 0 upwards, in one piece or two.

    Attributes
    ----------
    top
        Value at the upper end, with room for labels.
    pixels
        Its height.
    ticks
        Values that are written.
    folded
        Whether the lower half goes to `FOLD` and the upper from there to ``top``.
    """

    top: float
    pixels: float
    ticks: tuple[float, ...]
    folded: bool

    def pixel(self, values: np.ndarray) -> np.ndarray:
        """Height of values in pixels, from below."""
        knots, places = self._knots()
        return np.interp(values, knots, places)

    def value(self, pixels: np.ndarray) -> np.ndarray:
        """The value at a height: `pixel` undone."""
        knots, places = self._knots()
        return np.interp(pixels, places, knots)

    def y(
        self,
        column: str = "y",
        *,
        mirrored: bool = False,
        low: float = 0,
        title: str = TITLE,
    ) -> alt.Y:
        """The axis; mirrored it runs both ways from 0, ``low`` leaves room below 0."""
        knots, places = self._knots()
        ticks = list(self.ticks)
        if mirrored:
            knots = np.concatenate([-knots[:0:-1], knots[1:]])
            places = np.concatenate([-places[:0:-1], places[1:]]) + self.pixels
            ticks = [-tick for tick in ticks[:0:-1]] + ticks
        elif low:
            # a strip below zero, of as many pixels as the unit there asks for
            knots = np.concatenate([[-low], knots])
            places = np.concatenate([[0.0], places + low])
        # parts of the height: the page gives a plot less than it asks for
        shares = 1 - places / places[-1]
        return alt.Y(
            f"{column}:Q",
            title=title,
            scale=alt.Scale(
                domain=[float(v) for v in knots],
                range=[alt.ExprRef(f"height*{share:.5f}") for share in shares],
                nice=False,
                zero=False,
            ),
            axis=alt.Axis(
                values=ticks,
                labelExpr="format(abs(datum.value), '~f')",
                gridOpacity=0.5,
                labelOverlap=False,
            ),
        )

    def _knots(self) -> tuple[np.ndarray, np.ndarray]:
        if self.folded:
            return (
                np.array([0.0, FOLD, self.top]),
                np.array([0.0, self.pixels / 2, self.pixels]),
            )
        return np.array([0.0, self.top]), np.array([0.0, self.pixels])


def upward(strongest: float, *, pixels: float, labelled: bool) -> Upward:
    """The axis for values up to ``strongest``, with room for labels above it.

    Parameters
    ----------
    strongest
        Largest −log₁₀ p, 0 upwards.
    pixels
        Height of the plot.
    labelled
        Whether peaks have names.
    """
    room = min(44.0 if labelled else 10.0, 0.3 * pixels)
    if strongest > FOLDED_FROM:
        upper = pixels / 2
        top = FOLD + (strongest - FOLD) * upper / (upper - room)
        ticks = [*np.arange(0, FOLD, 5.0), *_steps(FOLD, strongest, 4)]
    else:
        top = max(strongest, 1.0) * pixels / (pixels - room)
        ticks = _steps(0.0, max(strongest, 1.0), 7)
    return Upward(top, pixels, tuple(float(tick) for tick in ticks), folded=(
        strongest > FOLDED_FROM
    ))  # fmt: skip


def _steps(low: float, high: float, about: int) -> list[float]:
    """Round values from ``low`` on: steps of 1, 2 or 5 times a power of ten."""
    rough = max((high - low) / about, 1e-9)
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(unit for unit in (1, 2, 5, 10) if unit * power >= rough)
    first = np.floor(low / step + 1) * step
    return [low, *np.arange(first, high + 1e-9, step)]
