"""Small counts never leave: one rule for every table and figure.

A count of people from 1 to ``threshold - 1`` is *small*. It is hidden, and so is
whatever would give it away: the statistics made from it, the rest of a total that is
known, the difference to a code it is part of, a histogram bar, a step of an ROC curve.
Zero and the counts from the threshold on are shown. A hidden number is missing (NA),
never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from edp_core.partition import (
    hide_nested,
    hide_nested_within,
    hide_partition,
    is_safe,
    is_small,
)

__all__ = [
    "DEFAULT_THRESHOLD",
    "about",
    "blur",
    "breakdown",
    "disclose",
    "hide_nested",
    "hide_nested_within",
    "hide_partition",
    "histogram",
    "is_small",
    "mask_count",
    "near",
    "reach_of",
    "roc",
]

DEFAULT_THRESHOLD = 5


def mask_count(count: int, threshold: int = DEFAULT_THRESHOLD) -> int | str:
    """A count for a text: itself, or ``<5`` where it is small.

    >>> mask_count(3), mask_count(0), mask_count(12)
    ('<5', 0, 12)
    """
    return f"<{threshold}" if is_small(count, threshold) else int(count)


def disclose(
    table: pd.DataFrame,
    *,
    threshold: int,
    counts: Sequence[str],
    derived: Sequence[str] = (),
    totals: Mapping[str, str | int] | None = None,
    partition: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Hide small counts of a table and all that would reveal them.

    Parameters
    ----------
    table
        One row a group of people.
    threshold
        Smallest count shown.
    counts
        Columns that count people.
    derived
        Columns computed from them (percentage, OR, p, …); they are hidden in every
        row in which any count is.
    totals
        Count column → the column or number it is a part of: a count is hidden as well
        where the rest of that total is small.
    partition
        Count column → the column that names the group within which the counts sum to
        a known total; see `hide_partition`.

    Returns
    -------
    pandas.DataFrame
        A copy; counts are ``Int64``, hidden cells NA.
    """
    out = table.copy()
    hidden_row = np.zeros(len(out), bool)
    for name in counts:
        # a count that is missing already was hidden before; leave it so
        values = pd.to_numeric(table[name]).fillna(0).to_numpy(np.int64)
        known = table[name].notna().to_numpy(bool)
        hidden = is_small(values, threshold) | ~known
        if totals and name in totals:
            whole = totals[name]
            whole_values = (
                pd.to_numeric(table[whole]).fillna(0).to_numpy(np.int64)
                if isinstance(whole, str)
                else np.full(len(out), whole, np.int64)
            )
            hidden |= is_small(whole_values - values, threshold)
        if partition and name in partition:
            groups = table.groupby(partition[name], sort=False).indices
            for rows in groups.values():
                hidden[rows] = hide_partition(
                    values[rows], threshold, hidden=hidden[rows]
                )
        column = pd.array(values, dtype="Int64")
        column[hidden] = pd.NA
        out[name] = column
        hidden_row |= hidden
    for name in derived:
        out[name] = out[name].mask(hidden_row)
    return out


def breakdown(counts: Mapping[str, int], threshold: int) -> dict[str, int | str]:
    """Counts of a listing whose first entry is the main one, ready to print.

    The main count is shown beside many other numbers and stays. The others are a
    partition of what is left of a total the reader may know (`hide_partition`): small
    ones become ``<5``, larger ones that would give them away ``hidden``.

    Where no set of them is safe they are one line.

    >>> breakdown({"embedded": 580, "no image": 9, "blank": 2, "cut off": 12}, 5)
    {'embedded': 580, 'no image': 'hidden', 'blank': '<5', 'cut off': 12}
    >>> breakdown({"embedded": 60, "blank": 4, "cut off": 4}, 5)
    {'embedded': 60, 'blank or cut off': 8}
    """
    names = list(counts)
    rest = np.array([counts[name] for name in names[1:]], np.int64)
    hidden_rest = hide_partition(rest, threshold)
    hidden = [False, *hidden_rest]
    if hidden_rest.any() and not is_safe(rest, hidden_rest, threshold):
        # nothing can be told apart safely: one line for all
        together = " or ".join(names[1:])
        return {
            names[0]: mask_count(counts[names[0]], threshold),
            together: mask_count(int(rest.sum()), threshold),
        }
    return {
        name: (
            mask_count(counts[name], threshold)
            if not hide or is_small(counts[name], threshold)
            else "hidden"
        )
        for name, hide in zip(names, hidden, strict=True)
    }


def about(count: int, threshold: int) -> str:
    """A count of rows or files, so coarse that no count of people follows from it.

    >>> about(3, 5), about(68, 5)
    ('<5', 'about 70')
    """
    if is_small(count, threshold):
        return f"<{threshold}"
    step = 2 * threshold
    return f"about {max(step, step * round(count / step))}" if count else "0"


def near(count: int, others: Sequence[int], threshold: int) -> int | str:
    """A count that must not stand exactly beside ``others`` where it nearly equals one.

    600 participants beside 598 with images says that two have none; then it is
    written to the nearest ten.

    >>> near(600, [598], 5), near(600, [560], 5)
    ('about 600', 600)
    """
    gaps = np.abs(np.asarray(others, np.int64) - count)
    if is_small(gaps, threshold).any():
        return f"about {10 * round(count / 10)}"
    return count


def histogram(
    values: np.ndarray, edges: np.ndarray, threshold: int
) -> tuple[np.ndarray, np.ndarray]:
    """Histogram none of whose bars counts a small number of people.

    Neighbouring bars are merged until each holds 0 or at least ``threshold``.

    Parameters
    ----------
    values
        One number a participant; NaN is left out.
    edges
        (n_bins + 1,) ascending; values outside count in the outer bins.

    Returns
    -------
    edges, counts
        The merged bars; empty where fewer than ``threshold`` values are given.
    """
    kept = np.asarray(values, float)
    kept = np.clip(kept[np.isfinite(kept)], edges[0], edges[-1])
    if len(kept) < threshold:
        return edges[:0], np.zeros(0, np.int64)
    counts, _ = np.histogram(kept, edges)
    out_edges: list[float] = [float(edges[0])]
    out_counts: list[int] = []
    run = 0
    for count, right in zip(counts, edges[1:], strict=True):
        run += int(count)
        if run == 0 or run >= threshold:
            out_edges.append(float(right))
            out_counts.append(run)
            run = 0
    if run:  # a small rest joins the last bar with people in it, zeros between too
        while out_counts and out_counts[-1] == 0:
            out_counts.pop()
            out_edges.pop()
        out_counts[-1] += run
        out_edges[-1] = float(edges[-1])
    return np.array(out_edges), np.array(out_counts, np.int64)


def roc(
    scores: np.ndarray, cases: np.ndarray, threshold: int
) -> tuple[np.ndarray, np.ndarray]:
    """ROC curve whose every step spans no case or enough, and no control or enough.

    Parameters
    ----------
    scores
        One number a participant; NaN is left out.
    cases
        Bool, same length.

    Returns
    -------
    false_positive_rate, true_positive_rate
        From (0, 0) to (1, 1).
    """
    known = np.isfinite(scores)
    order = np.argsort(-scores[known], kind="stable")
    ranked, flags = scores[known][order], cases[known][order]
    positive = np.concatenate([[0], np.cumsum(flags)])
    negative = np.concatenate([[0], np.cumsum(~flags)])
    ends = np.concatenate([[True], np.diff(ranked) != 0, [True]])
    keep = [0]
    last = len(positive) - 1
    # plain numbers: arrays of four would cost a second for a biobank
    cases_above, controls_above = positive.tolist(), negative.tolist()
    all_cases, all_controls = cases_above[-1], controls_above[-1]
    tells = set(range(1, threshold))
    for i in np.flatnonzero(ends[:last]).tolist():
        up = cases_above[i] - cases_above[keep[-1]]
        right = controls_above[i] - controls_above[keep[-1]]
        rest = {all_cases - cases_above[i], all_controls - controls_above[i]}
        if (up or right) and tells.isdisjoint(rest | {up, right}):
            keep.append(i)
    keep.append(last)
    return negative[keep] / max(negative[last], 1), positive[keep] / max(
        positive[last], 1
    )


def reach_of(points: np.ndarray, threshold: int) -> np.ndarray:
    """(n_participants,) how far `blur` moves each point: to its nth neighbour."""
    nearest = min(threshold, len(points) - 1)
    if nearest < 1:
        return np.zeros(len(points))
    places = np.asarray(points, np.float64)
    distances, _ = cKDTree(places).query(places, [nearest + 1])
    return np.asarray(distances, np.float64)[:, 0]


def blur(
    points: np.ndarray,
    threshold: int,
    *,
    rng: np.random.Generator,
    reach: np.ndarray | None = None,
) -> np.ndarray:
    """Move points of people about as far as their ``threshold``-th neighbour lies.

    The place of a point is the same whatever it is coloured by; exact, it would let
    somebody be followed from code to code.

    Parameters
    ----------
    points
        (n_participants, 2) of a map; the same is returned, float64.
    rng
        Seeded by something a reader does not know, else it could be undone.
    reach
        As `reach_of` gives it, where it is known already.
    """
    places = np.asarray(points, np.float64)
    reach = reach_of(places, threshold) if reach is None else reach
    moved: np.ndarray = places + rng.normal(size=places.shape) * reach[:, None]
    return moved
