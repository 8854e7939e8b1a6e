"""The strict reader, against everything regenie was seen to misread."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.export.regenie import (
    check_traits,
    read_back,
    table_bytes,
    validate_table,
)
from edp_core.export.rules import cells, check_names, check_trait

IDS = [str(i) for i in range(1, 41)]
GOOD = table_bytes(IDS, IDS, {"score": np.linspace(-2, 2, 40)})


def dirty(old: bytes, new: bytes) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def test_good_table_passes_and_reads_back() -> None:
    table = validate_table(GOOD, role="qt")
    assert table.iids == tuple(IDS)
    np.testing.assert_allclose(table.numbers("score"), np.linspace(-2, 2, 40), 1e-6)


FIRST = b"\n1\t1\t-2\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (dirty(b"FID", b"#FID"), "Line 1 does not begin with FID"),
        (dirty(b"FID\tIID", b"fid\tiid"), "Line 1 does not begin with FID"),
        (dirty(b"FID\tIID", b"FID,IID"), "Line 1 does not begin with FID"),
        (dirty(b"FID\tIID", b"FID  IID"), "Line 1 does not begin with FID"),
        (b"# made by hand\n" + GOOD, "Line 1 does not begin with FID"),
        (b"\xef\xbb\xbf" + GOOD, "byte order mark"),
        (GOOD.decode().encode("utf-16"), "byte order mark"),
        (b"\x1f\x8b" + GOOD, "compressed"),
        (GOOD.replace(b"\n", b"\r\n"), "Windows line ends"),
        (GOOD[:-1], "last line is cut"),
        (b"", "empty"),
        (dirty(FIRST, FIRST + b"\n"), "Line 3 is blank"),
        (GOOD + b"\t\t\n", "is blank"),
        (b"FID\tIID\tscore\n", "no participants"),
        (dirty(b"\tscore\n", b"\n"), "FID, IID and a name"),
        (dirty(b"score", b"sco/re"), "'sco/re' is not allowed"),
        (dirty(b"score", b"1score"), "'1score' is not allowed"),
        (dirty(b"score", "scöre".encode()), "not ASCII"),
        (GOOD + b"1\t1\tNA\n", "Line 42 repeats the ids"),
        (GOOD + b"99\t99\tNA\n", "Line 42 has no value at all"),
        (GOOD + b"99\t99\n", "Line 42 has 2 cells instead of 3"),
        (GOOD + b"9 9\t99\t1\n", "Line 42 has an empty or broken id"),
        (GOOD + b"\t99\t1\n", "Line 42 has an empty or broken id"),
    ],
)
def test_refuses_dirty_tables(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate_table(content, role="qt")


@pytest.mark.parametrize(
    "cell",
    [
        "NaN",
        "nan",
        "Inf",
        "-inf",
        "inf",
        ".",
        "na",
        "NULL",
        "TRUE",
        "1,5",
        "3abc",
        "0x1A",
        "+1",
        ".5",
        "5.",
        "01",
        "1e",
        "1_0",
        "--1",
        "",
        " 1",
        "1 ",
        '"1"',
        "\N{MINUS SIGN}1",
    ],
)
def test_refuses_cells_regenie_misreads(cell: str) -> None:
    with pytest.raises(InputError, match=r"not a decimal number or NA|not ASCII"):
        validate_table(dirty(FIRST, f"\n1\t1\t{cell}\n".encode()), role="qt")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("1e400", "infinite"),
        ("1e200", "overflow"),
        ("-999", "-999"),
        ("-999.0", "-999"),
    ],
)
def test_refuses_numbers_regenie_misreads(cell: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate_table(dirty(FIRST, f"\n1\t1\t{cell}\n".encode()), role="qt")


def test_minus_nine_is_a_value() -> None:
    assert validate_table(dirty(FIRST, b"\n1\t1\t-9\n"), role="qt")


def test_two_columns_of_one_name() -> None:
    content = table_bytes(IDS, IDS, {"a": np.arange(40.0), "b": np.arange(40.0)})
    with pytest.raises(InputError, match="same name"):
        validate_table(content.replace(b"\tb\n", b"\ta\n", 1), role="qt")
    with pytest.raises(InputError, match="same name"):
        validate_table(content.replace(b"\tb\n", b"\tIID\n", 1), role="qt")


TRAITS = [
    ([1.0] * 20, "quantitative", "constant"),
    ([1.0, 2.0] * 20, "quantitative", "two distinct values"),
    ([1.0, 1.0 + 1e-9, 2.0] * 9, "quantitative", "two distinct values"),
    ([math.nan] * 20, "quantitative", "no value for any participant"),
    ([math.inf, 1.0, 2.0, 3.0], "quantitative", "infinite"),
    ([0.0, 1.0, 2.0] * 20, "binary", "other than 0 and 1"),
    ([1.0, 2.0] * 20, "binary", "other than 0 and 1"),
    ([1.0] * 40, "binary", "are cases"),
    ([0.0] * 40, "binary", "are controls"),
    ([0.0] * 40 + [1.0] * 9, "binary", "fewer than 10 cases"),
]


@pytest.mark.parametrize(("values", "kind", "message"), TRAITS)
def test_check_trait(values: list[float], kind: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        check_trait("mine", np.array(values), kind)
    assert "'mine'" in caught.value.message and caught.value.hint


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a b"], "cannot work with the phenotype name 'a b'"),
        (["a/b"], "cannot work with"),
        ([".a"], "cannot work with"),
        (["-a"], "cannot work with"),
        (["9a"], "cannot work with"),
        (["a\n"], "cannot work with"),
        ([""], "cannot work with"),
        (["a" * 65], "cannot work with"),
        (["é"], "cannot work with"),
        (["FID"], "id or covariate column"),
        (["iid"], "id or covariate column"),
        (["age2"], "id or covariate column"),
        (["a", "a"], "'a' and 'a'"),
        (["liver", "Liver"], "'liver' and 'Liver'"),
    ],
)
def test_check_names(names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_names(names, taken=("age", "age2"))


def covariates(columns: dict[str, list[object]]) -> bytes:
    arrays = {
        name: np.array(cells, object if isinstance(cells[0], str) else float)
        for name, cells in columns.items()
    }
    ids = [str(i) for i in range(len(next(iter(arrays.values()))))]
    return table_bytes(ids, ids, arrays)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (["1", "1.0"], "one number in two ways"),
        (["a b", "c"], "not allowed"),
        (["nan", "c"], "not allowed"),
        (["a", "a"], "has 1 levels"),
        ([str(i) for i in range(51)], "has 51 levels"),
    ],
)
def test_levels(levels: list[object], message: str) -> None:
    content = covariates({"centre": levels})
    with pytest.raises(InputError, match=message):
        validate_table(content, role="covariates", categories=("centre",))


def test_covariates_constant_and_infinite() -> None:
    with pytest.raises(InputError, match="'age' is constant"):
        validate_table(covariates({"age": [1.0, 1.0]}), role="covariates")
    for bad in (b"1e999", b"-999"):
        content = covariates({"age": [1.0, 2.0, 7.0]}).replace(
            b"\t7\n", b"\t%s\n" % bad
        )
        with pytest.raises(InputError, match="infinite values or -999"):
            validate_table(content, role="covariates")


def test_keep_has_no_header() -> None:
    content = table_bytes(["0", "0"], ["1", "2"], {})
    assert content == b"0\t1\n0\t2\n"
    assert validate_table(content, role="keep").fids == ("0", "0")


finite = st.floats(allow_nan=False, allow_infinity=False, width=64).filter(
    lambda v: abs(v) < 1e99 and f"{v:.7g}" != "-999"
)
ids = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_round_trip(data: st.DataObject) -> None:
    people = data.draw(st.lists(ids, min_size=3, max_size=12, unique=True))
    n = len(people)
    column = st.lists(st.one_of(finite, st.just(math.nan)), min_size=n, max_size=n)
    values = np.array(data.draw(column))
    content = table_bytes(people, people, {"x": values})
    table = read_back(content)
    assert table.iids == tuple(people)
    np.testing.assert_allclose(table.numbers("x"), values, rtol=5e-7, atol=0)
    # writing what was read gives the same bytes
    assert table_bytes(table.fids, table.iids, {"x": table.numbers("x")}) == content


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(finite, st.just(math.nan)), min_size=1, max_size=20))
def test_writer_check_and_strict_reader_agree(numbers: list[float]) -> None:
    values = np.array(numbers)
    people = [str(i) for i in range(len(values))]
    try:
        check_trait("x", values, "quantitative")
        check_trait_passes = True
    except InputError:
        check_trait_passes = False
    known = ~np.isnan(values)
    content = table_bytes(
        [p for p, k in zip(people, known, strict=True) if k],
        [p for p, k in zip(people, known, strict=True) if k],
        {"x": values[known]},
    )
    try:
        validate_table(content, role="qt")
        reader_passes = True
    except InputError:
        reader_passes = False
    assert check_trait_passes == reader_passes


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        validate_table(b"FID\tIID\tx\n" + content, role="qt")
    except InputError as error:
        assert error.hint


def test_cells_are_short_and_never_minus_zero() -> None:
    given_values = np.array([-0.0, 1e-5, 1 / 3, 123456789.0, 5.0])
    assert cells(given_values) == ["0", "1e-05", "0.3333333", "1.234568e+08", "5"]


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "role"),
    [("phenotype.txt", "qt"), ("phenotype_bin.txt", "bt"),
     ("phenotype_bin_wNA.txt", "bt"), ("covariates.txt", "covariates")],
)  # fmt: skip
def test_regenies_own_examples_pass(data_dir: Path, file: str, role: str) -> None:
    text = (data_dir / "genetics/regenie-example" / file).read_bytes()
    table = validate_table(text.replace(b" ", b"\t"), role=role)  # type: ignore[arg-type]
    assert len(table.iids) == 500


@pytest.mark.data
def test_regenies_example_with_text_levels(data_dir: Path) -> None:
    path = data_dir / "genetics/regenie-example/covariates_wBin.txt"
    validate_table(path.read_bytes(), role="covariates", categories=("V4", "V5"))
    with pytest.raises(InputError, match="'V5', line 2: not a decimal"):
        validate_table(path.read_bytes(), role="covariates")


# ---- hundreds of columns ---------------------------------------------------------
def wide(m: int = 30, n: int = 50) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(m, n)) * 10.0 ** rng.integers(-9, 9, (m, 1))
    values[:, 3:6] = np.nan
    values[0, 3:6] = -0.0
    return {f"axis{i:02d}": column for i, column in enumerate(values)}


def test_rows_at_a_time_are_the_cells_of_columns() -> None:
    columns = wide()
    ids = [f"nan{i}" for i in range(50)]
    content = table_bytes(ids, ids, columns)
    by_cell = {name: np.array(cells(v), object) for name, v in columns.items()}
    assert content == table_bytes(ids, ids, by_cell)
    check_traits(content, role="qt")
    validate_table(content, role="qt")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\tNA\t", b"\tnan\t"), (b"\tNA\t", b"\tinf\t"), (b"\tNA\t", b"\t1,5\t"),
        (b"\tNA\t", b"\t0x1A\t"), (b"\tNA\t", b"\t\t"), (b"\tNA\t", b"\t.5\t"),
        (b"\tNA\t", b"\t1_0\t"), (b"\tNA\t", b"\t-999\t"), (b"\tNA\t", b"\t01\t"),
        (b"\n1\t1\t", b"\n0\t0\t"), (b"\n1\t1\t", b"\n1 \t1\t"), (b"\n", b"\r\n"),
        (b"\naxis", b"\n\naxis"), (b"\taxis01", b"\taxis00"), (b"FID", b"#FID"),
        (b"\taxis01", b"\tage"), (b"\n1\t", b"\n\xc3\xa4\t"),
    ],
)  # fmt: skip
def test_what_is_odd_in_many_columns_is_named_as_in_few(old: bytes, new: bytes) -> None:
    ids = [str(i) for i in range(50)]
    content = table_bytes(ids, ids, wide())
    broken = content.replace(old, new, 1) if old in content else content[:-1]
    with pytest.raises(InputError) as quick:
        check_traits(broken, role="qt", taken=("age",))
    with pytest.raises(InputError) as careful:
        validate_table(broken, role="qt", taken=("age",))
    assert str(quick.value) == str(careful.value)


def test_a_row_without_any_value_is_named() -> None:
    columns = {name: values.copy() for name, values in wide().items()}
    columns["axis00"][3] = np.nan
    ids = [str(i) for i in range(50)]
    with pytest.raises(InputError, match="Line 5 has no value at all"):
        check_traits(table_bytes(ids, ids, columns), role="qt")
