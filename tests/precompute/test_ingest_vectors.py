"""Vectors that a study brings: every row used or counted, everyone in or excluded."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edp_core.errors import AlignmentError, InputError
from edp_core.settings.encoders import GivenVectors
from edp_core.store import read_array, read_table
from precompute.ingest_vectors import (
    CONTRADICTION,
    NO_INSTANCE,
    NO_VECTOR,
    NOT_FINITE,
    REPEATED,
    STRANGER,
    ZEROS,
    ingest_vectors,
)

EIDS = np.array([f"{i}" for i in range(1000001, 1000013)])
GIVEN = GivenVectors(method="vectors", vectors="{organ}.parquet")


def table(n: int = 12, axes: int = 4) -> pd.DataFrame:
    values = np.random.default_rng(0).normal(size=(n, axes))
    frame = pd.DataFrame(values, columns=[f"axis_{i}" for i in range(axes)])
    frame.insert(0, "eid", EIDS[:n])
    return frame


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def ingest(path: Path, eids: np.ndarray = EIDS) -> Path:
    folder = path.parent / "artifact"
    folder.mkdir(exist_ok=True)
    ingest_vectors(path, GIVEN, eids=eids, folder=folder, report=lambda *_: None)
    return folder


def notes(folder: Path) -> dict[str, int]:
    found = read_table(folder, "notes")
    return dict(zip(found["reason"], map(int, found["count"]), strict=True))


def reasons(folder: Path) -> dict[str, str]:
    found = read_table(folder, "exclusions")
    return dict(zip(found["eid"], found["reason"], strict=True))


@pytest.mark.parametrize("name", ["v.parquet", "v.csv", "v.tsv", "v.csv.gz"])
def test_vectors_of_any_format_and_order_are_read_alike(tmp_path, name):
    frame = table()
    folder = ingest(write(frame.sample(frac=1, random_state=1), tmp_path / name))
    rows = read_table(folder, "rows")
    vectors = read_array(folder, "vectors")
    assert list(rows["eid"]) == list(EIDS)
    assert set(rows["instance"]) == {"0"}
    assert set(rows["side"]) == {""}
    assert vectors.dtype == np.float32
    expected = frame.iloc[:, 1:].to_numpy(np.float32)
    assert np.allclose(vectors, expected, rtol=1e-6, atol=0)
    assert notes(folder) == {}
    assert reasons(folder) == {}


@pytest.mark.parametrize("kind", ["int64", "float64", "string"])
def test_ids_of_any_type_are_found(tmp_path, kind):
    frame = table()
    frame["eid"] = frame["eid"].astype("int64").astype(kind)
    folder = ingest(write(frame, tmp_path / "v.parquet"))
    assert list(read_table(folder, "rows")["eid"]) == list(EIDS)


def test_axes_may_be_named_by_numbers_in_parquet(tmp_path):
    frame = table().rename(columns={f"axis_{i}": str(i) for i in range(4)})
    folder = ingest(write(frame, tmp_path / "v.parquet"))
    assert read_array(folder, "vectors").shape == (12, 4)


def test_every_fault_is_counted_and_named(tmp_path):
    frame = table().assign(instance="2", side="left", axis_3=1.0)
    frame.loc[0, "axis_1"] = np.nan
    frame.loc[1, "axis_0"] = np.inf
    frame.loc[2, "axis_0"] = 1e60  # does not fit into single precision
    frame.loc[3, [f"axis_{i}" for i in range(4)]] = 0.0
    frame.loc[4, "instance"] = "second"
    same = frame.iloc[[5]]
    other = frame.iloc[[6]].assign(axis_0=9.0)
    right = frame.iloc[[7, 0]].assign(side="right", axis_1=0.5)
    stranger = frame.iloc[[8]].assign(eid="1999999")
    nobody = frame.iloc[[8]].assign(eid=None)
    frame = pd.concat([frame[:11], same, other, right, stranger, nobody])
    folder = ingest(write(frame, tmp_path / "v.parquet"))
    assert notes(folder) == {
        f"vector left out: {NOT_FINITE}": 3,
        f"vector left out: {ZEROS}": 1,
        f"vector left out: {NO_INSTANCE}": 1,
        f"vector left out: {CONTRADICTION}": 2,
        REPEATED: 1,
        STRANGER: 1,
        "vector without an id": 1,
        "axis that is the same for everybody (counted in axes)": 1,
    }
    # the first has a usable vector of the other side
    assert reasons(folder) == {
        EIDS[1]: NOT_FINITE,
        EIDS[2]: NOT_FINITE,
        EIDS[3]: ZEROS,
        EIDS[4]: NO_INSTANCE,
        EIDS[6]: CONTRADICTION,
        EIDS[11]: NO_VECTOR,
    }
    rows = read_table(folder, "rows")
    sides = rows[rows["eid"] == EIDS[7]]["side"]
    assert list(sides) == ["left", "right"]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_nobody_and_no_row_is_lost(tmp_path, data):
    n = data.draw(st.integers(1, 40))
    known = [*EIDS, "1999998", "1999999"]
    eids = data.draw(st.lists(st.sampled_from(known), min_size=n, max_size=n))
    sides = data.draw(st.lists(st.sampled_from(["", "a"]), min_size=n, max_size=n))
    cells = data.draw(
        st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=2 * n, max_size=2 * n)
    )
    values = np.array(cells).reshape(n, 2)
    frame = pd.DataFrame({"eid": eids, "side": sides, "a": values[:, 0]})
    path = write(frame.assign(b=values[:, 1]), tmp_path / "v.parquet")
    try:
        folder = ingest(path)
    except AlignmentError:
        return
    rows, counted = read_table(folder, "rows"), Counter(notes(folder))
    left = sum(
        count for reason, count in counted.items() if not reason.startswith("axis ")
    )
    assert len(rows) + left == n
    assert not rows.duplicated().any()
    have, out = set(rows["eid"]), set(reasons(folder))
    assert have.isdisjoint(out)
    assert have | out == set(EIDS)
    assert np.isfinite(read_array(folder, "vectors")).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.assign(note="text"), "hold something else than numbers: note"),
        (lambda f: f.assign(age_years=60.0), "no axes: age_years"),
        (lambda f: f.rename(columns={"axis_0": "Unnamed: 0"}), "no axes"),
        (lambda f: f.rename(columns={"eid": "who"}), "no column 'eid'"),
        (lambda f: f[["eid", "axis_0"]], "1 columns of numbers"),
    ],
)
@pytest.mark.parametrize("name", ["v.parquet", "v.csv"])
def test_columns_that_are_no_axes_are_refused(tmp_path, change, said, name):
    with pytest.raises(InputError, match=said):
        ingest(write(change(table()), tmp_path / name))


@pytest.mark.parametrize("frame", [table()[:0], table().assign(eid="x9")])
def test_nobody_at_all_is_an_error(tmp_path, frame):
    with pytest.raises(AlignmentError, match="no usable vector of one of 12"):
        ingest(write(frame, tmp_path / "v.parquet"))


def test_a_damaged_file_is_named(tmp_path):
    path = write(table(), tmp_path / "v.parquet")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"v\.parquet cannot be read"):
        ingest(path)
