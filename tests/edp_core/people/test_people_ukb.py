"""Tables as they come: text stays text, and what is no table is named."""

import gzip

import numpy as np
import pandas as pd
import pytest

from edp_core.errors import InputError
from edp_core.people.ukb import read_columns, read_eids, read_lines

COLUMNS = {"eid": "id", "age_years": "21003-2.0"}


def write(folder, name, text):
    path = folder / name
    data = text.encode()
    path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "id,21003-2.0\n1000001,55\n1000002,\n"),
        ("a.tsv", "id\t21003-2.0\n1000001\t55\n1000002\tNA\n"),
        ("a.txt", "id;21003-2.0\n1000001;55\n1000002;NaN\n"),
        ("a.csv.gz", "id,21003-2.0\n1000001,55\n1000002,.\n"),
        ("a.csv", "\ufeffid,21003-2.0\r\n1000001,55\r\n1000002,null\r\n"),
        ("a.csv", '"id","21003-2.0"\n"1000001","55"\n"1000002",""\n'),
        ("a.csv", "id, 21003-2.0\n1000001, 55\n1000002, \n"),
        ("a.csv", "id,21003-2.0,\n1000001,55,\n1000002,,\n"),
    ],
)
def test_every_kind_of_text_table_reads_alike(tmp_path, name, text):
    table = read_columns(write(tmp_path, name, text), COLUMNS)
    assert list(table.columns) == ["eid", "age_years"]
    assert table["eid"].tolist() == ["1000001", "1000002"]
    assert table["age_years"].iat[0] == "55" and pd.isna(table["age_years"].iat[1])


def test_a_cell_stays_the_text_it_was(tmp_path):
    path = write(tmp_path, "a.csv", "id,21003-2.0\n0012,1e3\n1000001.0,007\n")
    table = read_columns(path, COLUMNS)
    assert table["eid"].tolist() == ["0012", "1000001.0"]
    assert table["age_years"].tolist() == ["1e3", "007"]


def test_parquet_ids_kept_as_floats_come_back_whole(tmp_path):
    frame = pd.DataFrame({"id": [1000001.0, np.nan], "21003-2.0": [55.5, np.inf]})
    frame.to_parquet(tmp_path / "a.parquet")
    table = read_columns(tmp_path / "a.parquet", COLUMNS)
    assert table["eid"].iat[0] == "1000001" and pd.isna(table["eid"].iat[1])
    assert table["age_years"].iat[0] == "55.5"


def test_parquet_with_the_id_as_its_index(tmp_path):
    frame = pd.DataFrame({"id": [1000001], "21003-2.0": [55]}).set_index("id")
    frame.to_parquet(tmp_path / "a.parquet")
    assert read_columns(tmp_path / "a.parquet", COLUMNS)["eid"].tolist() == ["1000001"]


def test_other_columns_are_kept_when_asked_for(tmp_path):
    path = write(tmp_path, "a.csv", "id,eid,bmi\n1,9,20\n")
    table = read_columns(path, {"eid": "id"}, others=True)
    assert table.to_dict("list") == {"eid": ["1"], "bmi": ["20"]}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "", "is not a table: the first line is empty"),
        ("a.csv", "\n\n", "is not a table"),
        ("a.csv", "id,21003-2.0\n1,2\n1,2,3\n", "in line 3, saw 3"),
        ("a.csv", 'id,21003-2.0\n1,"2\n', r"a\.csv is not a table"),
        ("a.csv", "id,21003-2.0,21003-2.0\n1,2,3\n", r"columns twice: 21003-2\.0 "),
        ("a.csv", "id,age\n1,2\n", r"a\.csv has no column '21003-2.0' \(for age_years"),
        ("a.parquet", "no parquet", r"a\.parquet cannot be read"),
    ],
)
def test_what_is_no_table_is_named_with_its_place(tmp_path, name, text, said):
    with pytest.raises(InputError, match=said) as caught:
        read_columns(write(tmp_path, name, text), COLUMNS)
    assert caught.value.hint


def test_a_column_nearly_of_that_name_is_proposed(tmp_path):
    with pytest.raises(InputError) as caught:
        read_columns(write(tmp_path, "a.csv", "id,21003-0.0\n1,2\n"), COLUMNS)
    assert caught.value.hint == "did you mean 21003-0.0?"


def test_no_table_there(tmp_path):
    with pytest.raises(InputError, match="There is no table at"):
        read_columns(tmp_path / "a.csv", COLUMNS)


@pytest.mark.parametrize("damage", ["cut", "changed", "not gzip", "utf-16"])
def test_a_damaged_file_is_named(tmp_path, damage):
    text = "id,21003-2.0\n" + "".join(f"{i},{i % 7}\n" for i in range(5000))
    path = write(tmp_path, "a.csv.gz", text)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "changed":
        content[200:260] = bytes(60)
    elif damage == "not gzip":
        content = bytearray(b"id,21003-2.0\n1,2\n")
    else:
        path = tmp_path / "a.csv"
        content = bytearray(text.encode("utf-16"))
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.csv(\.gz)? (cannot be read|is not a ta)"):
        read_columns(path, COLUMNS)


# ---- lists of ids ----------------------------------------------------------------
def test_withdrawals_are_read_however_they_were_saved(tmp_path):
    path = tmp_path / "w.txt"
    path.write_bytes(
        b'\xef\xbb\xbf1000001\r\n\r\n 1000002 \n"1000003"\n1000004.0\n5,\n'
    )
    assert read_eids(path) == ["1000001", "1000002", "1000003", "1000004", "5"]


def test_an_empty_list_of_withdrawals_is_allowed(tmp_path):
    path = write(tmp_path, "w.txt", "\n")
    assert read_eids(path) == [] and read_lines(path) == []


def test_a_withdrawal_that_cannot_be_read_is_not_passed_over(tmp_path):
    path = write(tmp_path, "w.csv", "1000001\n1000002,2024-01-01\n1.0e+06\n")
    with pytest.raises(
        InputError, match=r"w\.csv: 2 lines are no eid.* entry 2"
    ) as got:
        read_eids(path)
    assert "1000002" not in str(got.value)
    with pytest.raises(InputError, match="There is no file at"):
        read_eids(tmp_path / "none.txt")
    path.write_bytes(b"\xff\xfe1\x00")
    with pytest.raises(InputError, match=r"w\.csv cannot be read"):
        read_eids(path)
