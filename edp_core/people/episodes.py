"""Hospital episodes: the dates of diagnoses that stand in a table of their own.

``hesin_diag`` has a row for each diagnosis and names its episode by the participant
and a number (``ins_index``); ``hesin`` has a row for each episode.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from edp_core.people.dates import decimal_years
from edp_core.people.tables import Table


@dataclass(frozen=True)
class Episodes:
    """Dates of hospital episodes, found by participant and number.

    Attributes
    ----------
    eids
        Every participant once, text.
    keys
        Place of the participant and number of the episode as one integer, ascending.
    dates
        Text of each key's date.
    undated
        Keys of the episodes without a date.
    """

    eids: Any
    keys: np.ndarray
    dates: Any
    undated: np.ndarray

    def of(self, eid: Any, number: Any, notes: Counter[str]) -> Any:
        """Dates of diagnoses, null where there is no such episode."""
        keys = _keys(eid, number, self.eids)
        at = np.minimum(np.searchsorted(self.keys, keys), max(len(self.keys) - 1, 0))
        known = np.zeros(len(keys), bool)
        if len(self.keys):
            known = (self.keys[at] == keys) & (keys >= 0)
        undated = int((np.isin(keys, self.undated) & ~known & (keys >= 0)).sum())
        absent = int((~known).sum()) - undated
        notes["diagnosis row: episode without a date"] += undated
        notes["diagnosis row: no such episode, date not known"] += absent
        return self.dates.take(pa.array(at, mask=~known))


def read_episodes(
    table: Table, eid: str, number: str, *, dates: Sequence[str]
) -> Episodes:
    """Read the table ``hesin``: the first of some columns that has a date counts."""
    parts = []
    for batch in table.batches([eid, number, *dates]):
        when = pc.coalesce(*(batch.column(name) for name in dates))
        parts.append([batch.column(eid), batch.column(number), when])
    if not parts:
        return Episodes(
            pa.nulls(0, pa.string()),
            np.zeros(0, np.int64),
            pa.nulls(0, pa.string()),
            np.zeros(0, np.int64),
        )
    ids, numbers, when = (
        pa.concat_arrays(list(part)) for part in zip(*parts, strict=True)
    )
    eids = pc.unique(_whole(ids)).drop_null()
    keys = _keys(ids, numbers, eids)
    full = when.is_valid().to_numpy(zero_copy_only=False)
    years, *_ = decimal_years(pd.Series(when.to_pandas()))
    # of two rows of one episode the earlier date counts, whichever stands first
    order = np.lexsort([years, keys])
    first = np.append(True, np.diff(keys[order]) > 0)[: len(order)]
    chosen = order[first & (keys[order] >= 0)]
    chosen = chosen[full[chosen]]
    undated = np.setdiff1d(keys[~full], keys[full])
    return Episodes(eids, keys[chosen], when.take(pa.array(chosen)), undated)


def _whole(ids: Any) -> Any:
    return pc.replace_substring_regex(ids, r"^([0-9]+)\.0+$", r"\1")


def _keys(ids: Any, numbers: Any, eids: Any) -> np.ndarray:
    """Participant and episode as one integer; −1 where either is not known."""
    person = pc.fill_null(pc.index_in(_whole(ids), eids), -1).to_numpy()
    number = pd.to_numeric(numbers.to_pandas(), errors="coerce").to_numpy(float)
    good = (person >= 0) & (number >= 0) & (number < 2**31) & (number % 1 == 0)
    keys = np.full(len(person), -1, np.int64)
    keys[good] = person[good].astype(np.int64) * 2**31 + number[good].astype(np.int64)
    return keys
