import numpy as np
import pandas as pd
import pytest

from edp_core.errors import InputError
from edp_core.scoring.design import describe_design


def _table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.normal(60, 8, n),
            "centre": rng.choice(["x", "y", "z"], n),
            "site": "a",
            "bmi": rng.normal(27, 4, n),
        }
    )
    return table.assign(
        born=2020 - table["age"],
        region=table["centre"].map({"x": "north", "y": "south", "z": "south"}),
    )


def test_factors_that_say_nothing_new_are_named():
    table = _table().assign(void=np.nan, mix=lambda t: t["age"] + 3 * t["bmi"])
    asked = ["age", "site", "centre", "born", "region", "bmi", "void", "mix"]
    found = describe_design(table, asked)
    rows = found.table.set_index("column")
    assert list(rows.index) == asked
    assert found.matrix.shape == (200, 7)
    assert rows["rank"].to_dict() == {
        "age": 1, "site": 0, "centre": 2, "born": 0, "region": 0, "bmi": 1,
        "void": 0, "mix": 0,
    }  # fmt: skip
    assert rows["rank"].sum() == np.linalg.matrix_rank(
        found.matrix - found.matrix.mean(0)
    )
    assert rows.loc["born", "collinear_with"] == "age"
    assert rows.loc["region", "collinear_with"] == "centre"
    assert rows.loc["mix", "collinear_with"] == "age, bmi"
    assert rows.loc["void", "n_missing"] == 200
    assert set(found.notes) == {
        "site: it does not vary: left out",
        "born: it says nothing beside age",
        "region: it says nothing beside centre",
        "void: nobody has a value: left out",
        "mix: it says nothing beside age, bmi",
    }
    assert (rows.loc[["age", "centre", "bmi"], "reason"] == "").all()


def test_part_of_a_category_can_be_told_already():
    table = _table().assign(at_y=lambda t: (t["centre"] == "y").astype(float))
    rows = describe_design(table, ["at_y", "centre"]).table.set_index("column")
    assert rows.loc["centre", "rank"] == 1 and rows.loc["centre", "n_columns"] == 2
    assert rows.loc["centre", "reason"] == "1 of its 2 columns say nothing beside at_y"


def test_missing_together_is_collinear_in_what_is_missing_only():
    table = _table()
    table.loc[:19, ["age", "bmi"]] = np.nan
    found = describe_design(table, ["age", "bmi"])
    rows = found.table.set_index("column")
    assert rows["n_missing"].tolist() == [20, 20]
    assert rows["rank"].tolist() == [2, 1]
    assert rows.loc["bmi", "collinear_with"] == "age"


def test_ranks_are_those_of_numpy_whatever_the_units():
    rng = np.random.default_rng(1)
    for _ in range(30):
        base = rng.normal(size=(80, 4))
        mixed = base @ rng.normal(size=(4, 7)) * 10.0 ** rng.integers(-5, 6, 7) + 1e3
        table = pd.DataFrame(mixed, columns=list("abcdefg"))
        found = describe_design(table, list("abcdefg")).table
        assert found["rank"].tolist() == [1, 1, 1, 1, 0, 0, 0]
        assert (found["collinear_with"][4:] == "a, b, c, d").all()


def test_nobody_and_nothing():
    assert describe_design(_table(), []).matrix.shape == (200, 0)
    empty = describe_design(_table().iloc[:0], ["age", "bmi"])
    assert empty.matrix.shape == (0, 0) and len(empty.notes) == 2


def test_refuses_infinities_by_column():
    table = _table()
    table.loc[[3, 5], "bmi"] = -np.inf
    with pytest.raises(InputError, match="column 'bmi' is infinite in 2 rows"):
        describe_design(table, ["age", "bmi"])
