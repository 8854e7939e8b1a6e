"""The contact sheet shows what was left out, and never a small count."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from app import data
from app.images import contact_sheet
from edp_core.store import Recipe, Store, write_array, write_table


@pytest.fixture
def sheet(tmp_path, monkeypatch):
    """Maker of a store in which so many images were left out for each reason."""
    store = Store(tmp_path / "store")
    monkeypatch.setattr(data, "store", lambda: store)
    disclosure = SimpleNamespace(threshold=5, images=True)
    monkeypatch.setattr(data, "study", lambda: SimpleNamespace(disclosure=disclosure))

    def make(sides=1, **counts):
        lost = [
            {"eid": f"{reason}{person}", "reason": reason}
            for reason, people in counts.items()
            for person in range(people)
            for _ in range(sides)
        ]
        files = pd.DataFrame(lost, columns=["eid", "reason"], dtype=str)
        shown = files.groupby("reason", sort=False).head(12)[["reason"]]
        recipe = Recipe("images", 1, {"counts": counts, "sides": sides})
        with store.write(recipe) as folder:
            write_table(folder, "files", files)
            write_table(folder, "sheet", shown.reset_index(drop=True))
            if len(shown):
                write_array(folder, "sheet", np.zeros((len(shown), 8, 8, 3), np.uint8))
        store.set_ref("images/liver", recipe.key)
        return {k: len(v) for k, v in contact_sheet.rows("liver").items()}

    return make


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"blank": 7, "tiny": 30}, {"blank": 5, "tiny": 5}),
        ({"blank": 5, "tiny": 4}, {"blank": 5}),
        ({"blank": 4, "tiny": 3}, {}),
        ({"blank": 9, "tiny": 3, "border": 2}, {"blank": 5}),
        ({}, {}),
    ],
)
def test_reasons_of_few_people_are_not_shown(sheet, sides, counts, expected):
    """And the number of pictures is the same for every number of people."""
    assert sheet(sides, **counts) == expected


def test_before_ingest_there_is_no_sheet(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "store", lambda: Store(tmp_path))
    assert contact_sheet.rows("liver") == {}
