"""Which counts must be hidden so that none of them follows from the others.

The rule itself, and the tables and figures it is applied to, stand in
`edp_core.disclosure`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def is_small(counts: np.ndarray | int, threshold: int) -> np.ndarray:
    """Whether counts are from 1 to ``threshold - 1``."""
    values = np.asarray(counts)
    return (values >= 1) & (values < threshold)


def hide_partition(
    counts: np.ndarray, threshold: int, *, hidden: np.ndarray | None = None
) -> np.ndarray:
    """Which cells of a partition of a known total must be hidden.

    Small cells are. If the hidden ones alone then hold a sum that a reader could take
    from the total and that pins a small count, the smallest shown cells are hidden as
    well, until at least two are hidden, together hold at least ``threshold``, and
    leave a small cell two values even for one who is told which ones are small.

    Parameters
    ----------
    counts
        (n_cells,) counts that sum to a total the reader may know.
    hidden
        (n_cells,) bool, cells that are hidden for another reason.

    Returns
    -------
    numpy.ndarray
        (n_cells,) bool. All cells where no set of hidden ones is safe.
    """
    values = np.asarray(counts, np.int64)
    small = is_small(values, threshold)
    out = small if hidden is None else small | hidden
    if not out.any():
        return out
    # zeros are hidden before positive cells: shown zeros would narrow the rest down
    order = np.argsort(values, kind="stable")
    for cell in order:
        if is_safe(values, out, threshold):
            break
        out = out | (np.arange(len(out)) == cell)
    return out


def is_safe(counts: np.ndarray, hidden: np.ndarray, threshold: int) -> bool:
    """Whether no small cell follows from the sum of the hidden ones.

    At least two are hidden, together they hold at least ``threshold``, and a small one
    may have two values even for a reader who is told which ones are small.
    """
    total = int(counts[hidden].sum())
    known = int(is_small(counts, threshold).sum())
    wide = _has_choice(total, (known, int(hidden.sum()) - known), threshold)
    return bool(hidden.sum() >= 2 and total >= threshold and wide)


def _has_choice(total: int, cells: tuple[int, int], threshold: int) -> bool:
    """Whether a small cell may have two values, given the sum of all hidden cells.

    ``cells`` are the numbers of small ones and of others, which are 0 or large.
    """
    small, others = cells
    if not small:
        return True
    found = 0
    for value in range(1, threshold):
        low, high = small - 1, (small - 1) * (threshold - 1)
        rest = total - value
        exact = low <= rest <= high
        found += exact or (others > 0 and rest - low >= threshold)
    return found >= 2


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
    above, below = _prefixes(names)
    for i in sorted(range(len(names)), key=lambda i: -len(names[i])):
        if hidden[i]:
            continue
        shown = {j for j in below[i] if not hidden[j]}
        deepest = [j for j in shown if not below[j] & shown]
        widest = [j for j in shown if not above[j] & shown]
        gaps = [values[i] - values[j] for j in shown]
        gaps += [
            abs(values[i] - sum(values[j] for j in level))
            for level in (deepest, widest)
            if level
        ]
        hidden[i] = bool(is_small(np.array(gaps, np.int64), threshold).any())
    return hidden


def same_people_as_longer(codes: Sequence[str], counts: np.ndarray) -> np.ndarray:
    """Codes that mean the same people as one longer code below them.

    M25 with 30 cases, all of them coded M2556, adds nothing beside M2556.

    Parameters
    ----------
    codes
        Codes of one vocabulary that count for their prefixes.
    counts
        (n_codes,) cases of each, among the same participants.

    Returns
    -------
    numpy.ndarray
        (n_codes,) bool.
    """
    _, below = _prefixes(list(codes))
    return np.array(
        [any(counts[j] == counts[i] for j in held) for i, held in enumerate(below)],
        bool,
    )


def _prefixes(codes: list[str]) -> tuple[list[set[int]], list[set[int]]]:
    """For each code the places of its prefixes, and of those it is a prefix of."""
    place = {code: i for i, code in enumerate(codes)}
    above: list[set[int]] = [set() for _ in codes]
    below: list[set[int]] = [set() for _ in codes]
    for i, code in enumerate(codes):
        for length in range(1, len(code)):
            j = place.get(code[:length])
            if j is not None:
                above[i].add(j)
                below[j].add(i)
    return above, below


def hide_nested_within(
    groups: np.ndarray, codes: Sequence[str], counts: np.ndarray, *, threshold: int
) -> np.ndarray:
    """`hide_nested` in each group apart, for the counts that are not small anyway.

    Of the people of a cluster, those with K76 but without K760 must not follow either.

    Parameters
    ----------
    groups, codes, counts
        (n_rows,) the cluster, the code and how many of the cluster have it.

    Returns
    -------
    numpy.ndarray
        (n_rows,) bool.
    """
    hidden = np.zeros(len(counts), bool)
    names = np.asarray(codes, dtype=object)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        hidden[rows] = hide_nested(list(names[rows]), counts[rows], threshold)
    return hidden & (np.asarray(counts) >= threshold)
