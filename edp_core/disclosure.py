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

DEFAULT_THRESHOLD = 5


def is_small(counts: np.ndarray | int, threshold: int) -> np.ndarray:
    """Whether counts are from 1 to ``threshold - 1``."""
    values = np.asarray(counts)
    return (values >= 1) & (values < threshold)


def mask_count(count: int, threshold: int = DEFAULT_THRESHOLD) -> int | str:
    """A count for a text: itself, or ``<5`` where it is small.

    >>> mask_count(3), mask_count(0), mask_count(12)
    ('<5', 0, 12)
    """
    return f"<{threshold}" if is_small(count, threshold) else int(count)


def hide_partition(counts: np.ndarray, threshold: int) -> np.ndarray:
    """Which cells of a partition of a known total must be hidden.

    Small cells are. If the hidden ones alone then hold a sum that a reader could take
    from the total and that pins a small count, the smallest shown cells are hidden as
    well, until at least two are hidden and together hold at least ``threshold``.

    Parameters
    ----------
    counts
        (n_cells,) counts that sum to a total the reader may know.

    Returns
    -------
    numpy.ndarray
        (n_cells,) bool. All cells where no set of hidden ones is safe.
    """
    values = np.asarray(counts, np.int64)
    hidden = is_small(values, threshold)
    if not hidden.any():
        return hidden
    # zeros are hidden before positive cells: shown zeros would narrow the rest down
    order = np.argsort(values, kind="stable")
    for cell in order:
        if hidden.sum() >= 2 and values[hidden].sum() >= threshold:
            break
        hidden[cell] = True
    return hidden


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
                hidden[rows] |= hide_partition(values[rows], threshold)
        column = pd.array(values, dtype="Int64")
        column[hidden] = pd.NA
        out[name] = column
        hidden_row |= hidden
    for name in derived:
        out[name] = out[name].mask(hidden_row)
    return out


def breakdown(counts: Mapping[str, int], threshold: int) -> dict[str, int | str]:
    """Counts of a listing whose first entry is the main one, ready to print.

    The small ones become ``<5``. Their sum must not follow from a total shown
    elsewhere, so print no total beside them.

    >>> breakdown({"embedded": 598, "blank image": 2}, 5)
    {'embedded': 598, 'blank image': '<5'}
    """
    return {name: mask_count(count, threshold) for name, count in counts.items()}


def hide_nested(codes: Sequence[str], counts: np.ndarray, threshold: int) -> np.ndarray:
    """Codes whose count must not stand beside that of the codes below them.

    If K76 has 120 cases and K760 has 118, somebody reads that two have another K76
    code. Then K76, the wider one, is hidden. Codes with a small count are hidden too.

    Parameters
    ----------
    codes
        ICD-10 codes without dots.
    counts
        (n_codes,) cases of each.

    Returns
    -------
    numpy.ndarray
        (n_codes,) bool.
    """
    values = np.asarray(counts, np.int64)
    hidden = values < threshold
    names = list(codes)
    for i in sorted(range(len(names)), key=lambda i: -len(names[i])):
        if hidden[i]:
            continue
        below = [
            j
            for j, other in enumerate(names)
            if j != i and other.startswith(names[i]) and not hidden[j]
        ]
        deepest = [
            j
            for j in below
            if not any(k != j and names[k].startswith(names[j]) for k in below)
        ]
        gaps = [values[i] - values[j] for j in below]
        gaps.append(abs(values[i] - sum(values[j] for j in deepest)) if below else 0)
        hidden[i] = bool(is_small(np.array(gaps, np.int64), threshold).any())
    return hidden


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
    """ROC curve whose every step spans at least ``threshold`` cases and controls.

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
    for i in range(1, last):
        if (
            ends[i]
            and min(
                positive[i] - positive[keep[-1]],
                negative[i] - negative[keep[-1]],
                positive[last] - positive[i],
                negative[last] - negative[i],
            )
            >= threshold
        ):
            keep.append(i)
    keep.append(last)
    return negative[keep] / max(negative[last], 1), positive[keep] / max(
        positive[last], 1
    )
