"""Numbers of people in what leaves: small ones are masked and cannot be worked out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edp_core.disclosure import is_small, mask_count

HIDDEN = "hidden"
_SETTINGS = {"folds", "fold", "seed", "cluster", "k", "iterations", "n_axes", "rank"}
_SHARES = ("prevalence", "share", "fraction", "percent", "rate")

Shown = int | str


class Ledger:
    """Remembers which counts were shown, so that no difference is a small count.

    A count that lies nearer than the threshold to one shown before is written as
    ``about …``, rounded so coarsely that the difference could as well be none.

    Parameters
    ----------
    threshold
        Smallest count shown.
    coarse
        Round every count but those of `exact`: for bundles in which a masked number of
        dropped participants would follow from totals before and after.

    Examples
    --------
    >>> ledger = Ledger(5)
    >>> ledger.show(1000), ledger.show(998), ledger.show(990), ledger.show(3)
    (1000, 'about 1000', 990, '<5')
    """

    def __init__(self, threshold: int, *, coarse: bool = False) -> None:
        self.threshold = threshold
        self.coarse = coarse
        self._shown: set[int] = set()

    def clear(self, count: int) -> bool:
        """Whether a count can be shown as it is."""
        near = any(is_small(abs(count - n), self.threshold) for n in self._shown)
        return not near and not is_small(count, self.threshold)

    def remember(self, *counts: int) -> None:
        """Counts the reader knows already: nothing shown may lie near one of them."""
        self._shown.update(counts)

    def show(self, count: int, *, exact: bool = True) -> Shown:
        """Text or number to print for a count of people."""
        masked = mask_count(count, self.threshold)
        if isinstance(masked, str) or count == 0:
            return masked
        if exact and self.clear(count):
            self._shown.add(count)
            return masked
        step = 2 * self.threshold
        return f"about {max(step, (count + step // 2) // step * step)}"

    def split(self, total: int, cases: int) -> dict[str, Shown]:
        """Participants, cases and controls, none of which gives another away."""
        controls = total - cases
        shown: dict[str, Shown] = {"participants": self.show(total)}
        if is_small(cases, self.threshold) or is_small(controls, self.threshold):
            few = is_small(cases, self.threshold)
            shown["cases"] = self.show(cases) if few else HIDDEN
            shown["controls"] = HIDDEN if few else self.show(controls)
            return shown
        shown["cases"] = self.show(cases)
        whole = all(isinstance(count, int) for count in shown.values())
        shown["controls"] = self.show(controls, exact=whole)
        return shown

    def figures(self, figures: Mapping[str, Any]) -> dict[str, Any]:
        """Figures of a phenotype as they may leave.

        Integers are counts of people unless they are known settings. Where one of them
        is small, everything computed from them is hidden too; where one is rounded,
        so are the totals and shares from which it would follow.
        """
        plain = {str(key): _plain(figures[key]) for key in sorted(figures)}
        counts = {k: int(v) for k, v in plain.items() if _is_count(k, v)}
        nested = [n for v in plain.values() if _nested(v) for n in _integers(v)]
        small = any(is_small(n, self.threshold) for n in (*counts.values(), *nested))
        clear = all(self.clear(n) for n in (*counts.values(), *nested))
        exact = clear and not self.coarse
        out: dict[str, Any] = {}
        for key, value in plain.items():
            share = isinstance(value, float) and any(word in key for word in _SHARES)
            if key in counts:
                part = "case" in key and not small and not self.coarse
                out[key] = self.show(counts[key], exact=exact or part)
            elif (small and isinstance(value, float)) or (
                not exact and (share or (_nested(value) and _integers(value)))
            ):
                out[key] = HIDDEN
            else:
                out[key] = value
        return out


def _nested(value: Any) -> bool:
    return isinstance(value, list | dict)


def _integers(value: Any) -> list[int]:
    """Whole numbers anywhere in a JSON value."""
    if isinstance(value, list | dict):
        items = value.values() if isinstance(value, dict) else value
        return [n for item in items for n in _integers(item)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    return [int(value)] if float(value).is_integer() else []


def _is_count(key: str, value: Any) -> bool:
    if isinstance(value, bool) or key in _SETTINGS:
        return False
    named = key.startswith("n_") or key in ("n", "cases", "controls", "participants")
    whole = isinstance(value, float) and value.is_integer() and value >= 0
    return (isinstance(value, int) and value >= 0) or (named and whole)


def _plain(value: Any) -> Any:
    """JSON value with floats of 7 significant digits; NaN and infinities are null."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, float):
        return float(f"{value:.7g}") if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)
