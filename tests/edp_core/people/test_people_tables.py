"""Tables as streams: read rightly, or refused by name with the line."""

import datetime as dt
import gzip
import zipfile
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.people import tables
from edp_core.people.tables import MISSING, open_table

SLOW_DISK = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def write(path, content):
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def cells(path, *columns):
    """Column → cells of a table, all batches together."""
    table = open_table(path)
    batches = list(table.batches(columns or table.names))
    names = columns or table.names
    return {
        name: [cell for batch in batches for cell in batch.column(name).to_pylist()]
        for name in names
    }


# ---- text ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "a,b\n1,x y\n2,\n"),
        ("a.tsv", "a\tb\n1\tx y\n2\tNA\n"),
        ("a.txt", "a;b\n1;x y\n2;.\n"),
        ("a.csv.gz", "a,b\n1,x y\n2,nan\n"),
        ("a.csv", "\ufeffa,b\r\n1,x y\r\n2,\r\n"),
        ("a.csv", "a,b\r1,x y\r2,\r"),
        ("a.csv", 'a,b\n1,"x y"\n2,""\n'),
        ("a.csv", 'a, b\n 1, x y \n2, "NULL"\n'),
        ("a.csv", 'a,b\n1, "x y"\n2, NA\n'),
        ("a.csv", "a,b,\n1,x y,\n2,,\n"),
        ("a.csv", "a,b\n1,x y\n\n2,\n\n"),
        ("a.csv", "a,b\n1,x y\n2,"),
        ("a.csv", " a ,b\n1,x y\n2,\n"),
    ],
)
def test_text_tables_read_alike(tmp_path, name, content):
    assert cells(write(tmp_path / name, content)) == {
        "a": ["1", "2"],
        "b": ["x y", None],
    }


def test_a_cell_may_hold_what_divides_cells_and_lines(tmp_path):
    path = write(tmp_path / "a.csv", 'a,b\n1,"x, ""y"""\n2,"one\ntwo"\n')
    assert cells(path)["b"] == ['x, "y"', "one\ntwo"]


@pytest.mark.parametrize("content", ["a,b\n", "a,b", "a,b\n\n\n"])
def test_a_header_alone_is_a_table_without_rows(tmp_path, content):
    assert cells(write(tmp_path / "a.csv", content)) == {"a": [], "b": []}


def test_only_the_columns_asked_for_are_read(tmp_path):
    names = [f"{i}-0.0" for i in range(2000)]
    row = b",".join(b"\xff" for _ in names[1:])  # unreadable, and nobody asks
    path = write(
        tmp_path / "a.csv", (",".join(names) + "\n").encode() + b"7," + row + b"\n"
    )
    assert cells(path, "0-0.0") == {"0-0.0": ["7"]}
    with pytest.raises(InputError, match="not UTF-8 text in line 2"):
        cells(path, "5-0.0")


def test_batches_end_anywhere(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "BLOCK", 64)
    rows = [(str(i), "x" * (i % 9), '"q, ""\n"' if i % 5 else "") for i in range(300)]
    text = "a,b,c\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows)
    found = cells(write(tmp_path / "a.csv", text))
    assert found["a"] == [a for a, *_ in rows]
    assert found["b"] == [b or None for _, b, _ in rows]
    assert found["c"] == ['q, "' if c else None for *_, c in rows]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "", "the first line is empty"),
        ("a.csv", "\n1,2\n", "the first line is empty"),
        ("a.csv.gz", "", "the first line is empty"),
        ("a.csv", "a,b\n1,2\n4711,2,3\n", "expected 2 cells in line 3, saw 3"),
        ("a.csv", "a,b\n1,2\n4711\n", "expected 2 cells in line 3, saw 1"),
        ("a.csv", "a,b,c\n1,2,3\n4711,2", "expected 3 cells in line 3, saw 2"),
        ("a.csv", 'a,b\n1,2\n4711,"2\n3,4\n', "mark is not closed, perhaps in line 3"),
        ("a.csv", "a,b\n1,2\n4711,M\xfcller\n".encode("latin-1"), "not UTF-8 text in"),
        ("a.csv", "a,M\xfcller\n1,2\n".encode("latin-1"), "not UTF-8 text"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16"), "it is UTF-16 text"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16-be"), r"no column|UTF"),
        ("a.csv", b"PK\x03\x04abc", "zip archive or an Excel workbook"),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel workbook"),
        ("a.csv", b"PAR1abc", "Parquet file by another name"),
        ("a.csv", gzip.compress(b"a,b\n1,2\n", mtime=0), "gzip"),
        ("a.parquet", b"a,b\n1,2\n", r"a\.parquet cannot be read"),
        ("a.parquet", b"", r"a\.parquet cannot be read"),
        ("a.csv", "a,a\n1,2\n", r"columns twice: a "),
        ("a.csv", "a,a \n1,2\n", r"columns twice: a "),
    ],
)
def test_what_is_no_table_is_refused_by_name(tmp_path, name, content, said):
    with pytest.raises(InputError, match=said) as caught:
        found = cells(write(tmp_path / name, content), "a", "b")
        pytest.fail(f"read as {found}")
    assert caught.value.message.startswith(name) and caught.value.hint
    assert "4711" not in str(caught.value), "no cell is shown"


@pytest.mark.parametrize("damage", ["cut", "changed", "not gzip"])
def test_a_damaged_gzip_is_named(tmp_path, damage):
    rng = np.random.default_rng(0)
    text = "a,b\n" + "".join(f"{n},x\n" for n in rng.integers(0, 10**9, 60_000))
    path = write(tmp_path / "a.csv.gz", text)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "changed":
        content[len(content) // 2 :][:60] = bytes(60)
        content[-200:-100] = bytes(100)
    else:
        content = bytearray(text.encode())
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.csv\.gz (cannot be read|is not a table)"):
        cells(path)


def test_members_of_a_gzip_one_after_another(tmp_path):
    path = tmp_path / "a.csv.gz"  # as bgzip and `cat` write them
    path.write_bytes(gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n"))
    assert cells(path) == {"a": ["1", "3"], "b": ["2", "4"]}


def test_a_folder_or_nothing_is_no_table(tmp_path):
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(InputError, match="There is no table at"):
            open_table(path)


def test_an_archive_by_the_name_of_a_table(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.csv", "w") as archive:
        archive.writestr("a.csv", "a,b\n1,2\n")
    with pytest.raises(InputError, match="zip archive"):
        open_table(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "line", ["1000001,M,62,20.0", "1000001,50,50", "S1,M,1e3", 'S1;M;"27,5"', "a,-3"]
)
def test_a_first_line_of_values_is_refused_and_never_shown(tmp_path, line):
    (tmp_path / "a.csv").write_text(f"{line}\n{line}\n")
    with pytest.raises(InputError, match="holds values, not column names") as error:
        open_table(tmp_path / "a.csv")
    said = f"{error.value} {error.value.hint}".replace("21003-2.0", "")
    assert not any(cell in said for cell in ("1000001", "62", "50", "S1", "27", "-3"))


def test_a_name_that_may_be_an_id_is_not_shown(tmp_path):
    (tmp_path / "a.csv").write_text("UKB1000001,UKB1000001\n1,2\n")
    with pytest.raises(InputError, match="columns twice: 1 names that may be values"):
        open_table(tmp_path / "a.csv")


@SLOW_DISK
@given(st.binary(max_size=60))
def test_any_bytes_are_a_table_or_an_error_that_can_be_mended(tmp_path, content):
    for name in ("a.csv", "a.parquet"):
        path = tmp_path / name
        path.write_bytes(content)
        try:
            cells(path)
        except InputError as error:
            assert error.hint
    packed = tmp_path / "a.csv.gz"
    for data in (
        content,
        gzip.compress(content),
        gzip.compress(b"a,b\n")[:-4] + content,
    ):
        packed.write_bytes(data)
        try:
            cells(packed)
        except InputError as error:
            assert error.hint


CELL = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters='"'
    ),
    max_size=8,
)


@SLOW_DISK
@given(st.lists(st.tuples(CELL, CELL), max_size=8), st.sampled_from(",;\t"))
def test_what_is_written_is_read(tmp_path, rows, delimiter):
    lines = [delimiter.join(f'"{cell}"' for cell in row) for row in rows]
    path = write(tmp_path / "a.csv", "\n".join([f"a{delimiter}b", *lines]) + "\n")
    found = cells(path)
    for i, name in enumerate("ab"):
        kept = [None if row[i] in MISSING else row[i] for row in rows]
        assert found[name] == kept


# ---- Parquet ---------------------------------------------------------------------
def parquet(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_cells_are_the_text_a_csv_file_would_hold(tmp_path):
    path = parquet(
        tmp_path / "a.parquet",
        whole=pa.array([1, None, -3]),
        floats=pa.array([1000001.0, float("nan"), 55.5]),
        halves=pa.array([0.5, None, float("inf")], pa.float32()),
        days=pa.array([dt.date(2016, 7, 1), None, dt.date(1900, 1, 1)]),
        times=pa.array([dt.datetime(2016, 7, 1, 10, 30), None, None]),
        lists=pa.array([["D261", "E113"], None, []]),
        words=pa.array(["x", "NA", " y "]).dictionary_encode(),
        large=pa.array(["x", None, ""], pa.large_string()),
        flags=pa.array([True, None, False]),
        exact=pa.array([Decimal("1.50"), None, Decimal("2.00")]),
        nothing=pa.nulls(3),
    )
    assert cells(path) == {
        "whole": ["1", None, "-3"],
        "floats": ["1000001", None, "55.5"],
        "halves": ["0.5", None, "inf"],
        "days": ["2016-07-01", None, "1900-01-01"],
        "times": ["2016-07-01", None, None],
        "lists": ["D261|E113", None, None],
        "words": ["x", None, "y"],
        "large": ["x", None, None],
        "flags": ["true", None, "false"],
        "exact": ["1.50", None, "2.00"],
        "nothing": [None, None, None],
    }


def test_a_table_in_a_cell_is_refused(tmp_path):
    path = parquet(tmp_path / "a.parquet", a=pa.array([{"x": 1}]))
    with pytest.raises(
        InputError, match=r"a\.parquet cannot be read: column 'a' holds"
    ):
        cells(path)


def test_an_index_of_pandas_without_a_name_is_no_column(tmp_path):
    frame = pd.DataFrame({"a": ["1", "2"]}, index=[5, 9])
    frame.to_parquet(tmp_path / "a.parquet")
    assert cells(tmp_path / "a.parquet") == {"a": ["1", "2"]}


def test_a_parquet_file_cut_short(tmp_path):
    path = parquet(tmp_path / "a.parquet", a=pa.array(range(1000)))
    content = path.read_bytes()
    for damaged in (content[:-20], content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.parquet cannot be read"):
            cells(path)
    path.write_bytes(content[:100] + bytes(400) + content[500:])
    with pytest.raises(InputError, match=r"a\.parquet cannot be read"):
        cells(path)
