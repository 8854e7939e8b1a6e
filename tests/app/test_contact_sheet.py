"""The contact sheet shows what was left out, and never a small count."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from app import contact_sheet, data
from edp_core.store import Recipe, Store, write_array, write_table


@pytest.fixture
def sheet(tmp_path, monkeypatch):
    """Maker of a store in which so many images were left out for each reason."""
    store = Store(tmp_path / "store")
    monkeypatch.setattr(data, "store", lambda: store)
    disclosure = SimpleNamespace(threshold=5, images=True)
    monkeypatch.setattr(data, "study", lambda: SimpleNamespace(disclosure=disclosure))

    def make(**counts):
        reasons = [reason for reason, count in counts.items() for _ in range(count)]
        shown = [r for r, count in counts.items() for _ in range(min(count, 12))]
        with store.write(Recipe("images", 1, {"counts": counts})) as folder:
            write_table(folder, "files", pd.DataFrame({"reason": reasons}, dtype=str))
            write_table(folder, "sheet", pd.DataFrame({"reason": shown}, dtype=str))
            if shown:
                write_array(folder, "sheet", np.zeros((len(shown), 8, 8, 3), np.uint8))
        store.set_ref("images/liver", Recipe("images", 1, {"counts": counts}).key)
        return {k: len(v) for k, v in contact_sheet.rows("liver").items()}

    return make


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"blank": 7, "tiny": 30}, {"blank": 7, "tiny": 12}),
        ({"blank": 7, "tiny": 4}, {"blank": 7}),
        ({"blank": 4, "tiny": 3}, {"blank, tiny": 7}),
        ({"blank": 2, "tiny": 2}, {}),
        ({"blank": 9, "tiny": 2, "border": 2}, {"blank": 9}),
        ({"blank": 9, "tiny": 3, "border": 2}, {"blank": 9, "border, tiny": 5}),
        ({}, {}),
    ],
)
def test_few_are_shown_together_or_not_at_all(sheet, counts, expected):
    assert sheet(**counts) == expected


def test_before_ingest_there_is_no_sheet(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "store", lambda: Store(tmp_path))
    assert contact_sheet.rows("liver") == {}
