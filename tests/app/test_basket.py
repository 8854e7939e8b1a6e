"""The basket: kept on disk, undone, told when it cannot be opened."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from app.basket import Basket
from edp_core.errors import InputError
from edp_core.recipe import (
    AxisSpec,
    ClassifierSpec,
    Clustering,
    ClusterSpec,
    CodeSpec,
    ColumnSpec,
    Labels,
)

BASE = {"population": "everyone", "cohort": "c0"}
IMAGE = BASE | {
    "organ": "liver",
    "encoder": "mae",
    "embedding": "e0",
    "phenome": "p0",
    "trait": "K760",
}
AXIS = {k: v for k, v in IMAGE.items() if k not in ("phenome", "trait")}
LEIDEN = Clustering(neighbours=10, resolution=1.0, seed=0)
SPECS = [
    ClassifierSpec(
        **IMAGE,
        name="a",
        labels=Labels(share=0.1, seed=3),
        remove_pcs=(1, 4),
        remove_covariates=("age_years", "bmi"),
        sign=-1,
    ),
    ClusterSpec(**IMAGE, name="b", atlas="a0", clustering=LEIDEN, cluster=2),
    CodeSpec(**BASE, name="c", phenome="p0", trait="I10"),
    ColumnSpec(**BASE, name="d", column="bmi"),
    ColumnSpec(**BASE, name="e", column="liver_ml", measured={"images/liver": "i0"}),
    AxisSpec(**AXIS, name="f", axis=2, atlas="a0"),
    AxisSpec(**AXIS, name="g", of="axis", axis=7, sign=-1),
]
PCS = [AxisSpec(**AXIS, name=f"PC{i}", axis=i, atlas="a0") for i in range(1, 6)]


def test_every_kind_of_recipe_comes_back_as_it_was(tmp_path):
    basket = Basket(tmp_path / "store")
    ids = [basket.add(spec) for spec in SPECS]
    again = Basket(tmp_path / "store").entries()  # another session, another engine
    assert [entry.spec for entry in again] == SPECS
    assert [entry.id for entry in again] == ids
    now = datetime.now(UTC).replace(tzinfo=None)
    for entry in again:
        assert abs(entry.added.replace(tzinfo=None) - now) < timedelta(minutes=1)


def test_two_of_one_name_are_refused_whatever_the_case(tmp_path):
    basket = Basket(tmp_path)
    basket.add(SPECS[0])
    for name in ("a", "A"):
        with pytest.raises(InputError, match="already") as caught:
            basket.add(SPECS[1].model_copy(update={"name": name}))
        assert caught.value.hint
    assert len(basket.entries()) == 1


def test_several_are_added_at_once_and_those_that_are_there_are_passed_over(tmp_path):
    basket = Basket(tmp_path)
    basket.add(PCS[1])
    assert basket.add_all(PCS[:3]) == 2
    assert basket.add_all(PCS) == 2
    names = [entry.spec.name for entry in basket.entries()]
    assert sorted(names) == ["PC1", "PC2", "PC3", "PC4", "PC5"]
    basket.remove(basket.entries()[0].id)
    assert basket.add_all(PCS) == 1, "what was removed may come back"


def test_of_several_none_is_added_where_a_name_is_another_s(tmp_path):
    basket = Basket(tmp_path)
    basket.add(SPECS[0].model_copy(update={"name": "PC3"}))
    with pytest.raises(InputError, match="already holds a phenotype called 'PC3'"):
        basket.add_all(PCS)
    assert [entry.spec.name for entry in basket.entries()] == ["PC3"]


def test_removing_is_undone_and_frees_the_name(tmp_path):
    basket = Basket(tmp_path)
    first = basket.add(SPECS[0])
    basket.add(SPECS[1])
    basket.remove(first)
    assert [entry.spec.name for entry in basket.entries()] == ["b"]
    basket.restore(first)
    assert [entry.spec.name for entry in basket.entries()] == ["a", "b"]
    basket.remove(first)
    basket.add(SPECS[0])
    assert sorted(entry.spec.name for entry in basket.entries()) == ["a", "b"]


def test_putting_back_never_makes_two_of_one_name(tmp_path):
    basket = Basket(tmp_path)
    first = basket.add(SPECS[0])
    basket.remove(first)
    basket.add(SPECS[0])
    with pytest.raises(InputError, match="already"):
        basket.restore(first)
    assert len(basket.entries()) == 1


def test_removing_what_is_not_there_does_nothing(tmp_path):
    basket = Basket(tmp_path)
    basket.remove(99)
    basket.restore(99)
    assert basket.entries() == []


def test_only_the_owner_reads_the_file(tmp_path):
    Basket(tmp_path).add(SPECS[0])
    assert (tmp_path / "studio.db").stat().st_mode & 0o077 == 0


def test_it_is_plain_sqlite_and_names_no_participant(tmp_path):
    Basket(tmp_path).add(SPECS[0])
    with sqlite3.connect(tmp_path / "studio.db") as database:
        rows = database.execute("select name, spec from basket").fetchall()
    assert rows[0][0] == "a"
    assert "eid" not in rows[0][1]


def test_a_file_deleted_while_the_app_runs_is_made_again(tmp_path):
    basket = Basket(tmp_path)
    basket.add(SPECS[0])
    (tmp_path / "studio.db").unlink()
    fresh = Basket(tmp_path)
    assert fresh.entries() == []
    fresh.add(SPECS[0])


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "studio.db").write_text("not a database, " * 100)
    with pytest.raises(InputError, match="database") as caught:
        Basket(tmp_path).entries()
    assert "studio.db" in caught.value.hint


def test_many_sessions_add_at_once(tmp_path):
    Basket(tmp_path)

    def add(number: int) -> int:
        spec = SPECS[3].model_copy(update={"name": f"p{number}"})
        return Basket(tmp_path).add(spec)

    with ThreadPoolExecutor(12) as pool:
        ids = list(pool.map(add, range(12)))
    assert len(set(ids)) == len(Basket(tmp_path).entries()) == 12
