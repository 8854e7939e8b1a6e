"""Fields of a PheWAS that few people tell from a code or from another field."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse


def too_like(
    sets: Sequence[Sequence[np.ndarray]],
    columns: Sequence[str],
    cases: sparse.csc_array,
    *,
    threshold: int,
) -> np.ndarray:
    """Rows whose counts must not stand beside those of a code or of a row above.

    Of 60 people with a code 58 say so themselves: the counts would tell of two.

    Parameters
    ----------
    sets
        Of each row the people it counts, each (n,) bool; none where it counts nobody.
    columns
        Which column each row is made of: rows of one column are a partition, and held
        against each other elsewhere.
    cases
        (n, n_codes) the codes that are shown.

    Returns
    -------
    (n_rows,) bool: fewer than ``threshold`` people, but somebody, tell one of its sets
    from the cases of a code, from those without it, or from a set of a row above that
    is not hidden itself.
    """
    hide = np.zeros(len(sets), bool)
    of = np.repeat(np.arange(len(sets)), [len(own) for own in sets])
    if not len(of):
        return hide
    flags = np.column_stack([one for own in sets for one in own]).astype(np.float32)
    size = flags.sum(axis=0)
    both = flags.T @ flags
    near = _few(size[:, None] - both, size - both, threshold)
    ill = np.asarray(cases.sum(axis=0), np.float64).reshape(-1)
    inside = np.asarray(cases.astype(np.float32).T @ flags)
    beside_code = _few(ill[:, None] - inside, size - inside, threshold)
    well = len(flags) - ill[:, None] - (size - inside)
    beside_code |= _few(well, inside, threshold)
    hide[of[beside_code.any(axis=0)]] = True
    names = np.asarray(columns, object)
    for row in range(len(sets)):
        above = (of < row) & ~hide[of] & (names[of] != names[row])
        hide[row] |= bool(near[np.ix_(of == row, above)].any())
    return hide


def _few(ours: np.ndarray, theirs: np.ndarray, threshold: int) -> np.ndarray:
    """Fewer than the threshold on both sides, and somebody on one."""
    most = np.maximum(ours, theirs)
    return np.asarray((most > 0) & (most < threshold))
