"""Groups in the studio's database: rules, names, undo, and a database that fails."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from app import database
from app.basket import Basket
from app.groups.store import Groups, Rule
from edp_core.errors import InputError
from edp_core.outline import Polygon

TRIANGLE = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.5))
RULE = Rule("liver", "mae", "a" * 16, Polygon(vertices=TRIANGLE), "I10")
OTHER = Rule("liver", "mae", "a" * 16, Polygon(vertices=TRIANGLE, without=(1,)))


@pytest.fixture
def groups(tmp_path):
    return Groups(tmp_path)


def test_a_group_comes_back_as_it_was(groups, tmp_path):
    asked = groups.ask(RULE, "k" * 16)
    entry = groups.add("  upper   left ", asked, 40)
    [found] = Groups(tmp_path).entries()  # another session
    assert (found.id, found.name, found.n, found.rule) == (
        entry,
        "upper left",
        40,
        RULE,
    )
    assert found.asked == asked


def test_a_rule_that_was_asked_is_kept_once_and_in_order(groups):
    first = groups.ask(RULE, "k" * 16)
    second = groups.ask(OTHER, "l" * 16)
    assert groups.ask(RULE, "k" * 16) == first
    assert groups.asked("a" * 16) == [first, second]
    assert groups.asked("b" * 16) == []
    # drawn alike on another colour it is another rule: what is circular differs
    assert groups.ask(Rule("liver", "mae", "a" * 16, RULE.outline), "k" * 16) != first


def test_what_was_asked_outlives_the_group(groups):
    entry = groups.add("a", groups.ask(RULE, "k" * 16), 40)
    groups.remove(entry)
    assert groups.entries() == []
    assert len(groups.asked("a" * 16)) == 1


def test_removing_is_undone_and_names_are_unique(groups):
    asked = groups.ask(RULE, "k" * 16)
    first = groups.add("Blob", asked, 40)
    with pytest.raises(InputError, match="already a group"):
        groups.add("blob", asked, 40)
    groups.remove(first)
    second = groups.add("BLOB", asked, 40)
    with pytest.raises(InputError, match="already a group"):
        groups.restore(first)
    groups.remove(second)
    groups.restore(first)
    groups.restore(first)
    groups.remove(99)
    assert [group.name for group in groups.entries()] == ["Blob"]


@pytest.mark.parametrize(
    "name",
    ["", "   ", "<b>x</b>", "[x](http://y)", "a*b", "`x`", "_x", "x" * 65, "a$b$"],
)
def test_a_name_is_no_markup(groups, name):
    with pytest.raises(InputError, match="name") as caught:
        groups.add(name, groups.ask(RULE, "k" * 16), 40)
    assert "letters" in caught.value.hint
    assert groups.entries() == []


def test_names_of_any_script_are_taken(groups):
    asked = groups.ask(RULE, "k" * 16)
    for name in ("Leberläppchen 2", "肝臓", "fatty_liver-1.b"):
        groups.add(name, asked, 40)
    assert len(groups.entries()) == 3


def test_rules_are_all_there_is_and_no_id(groups, tmp_path):
    groups.add("a", groups.ask(RULE, "k" * 16), 40)
    with closing(sqlite3.connect(tmp_path / "studio.db")) as held:
        columns = {
            name: {row[1] for row in held.execute(f"pragma table_info({name})")}
            for (name,) in held.execute("select name from sqlite_master where sql > ''")
        }
    assert columns["groups"] == {"id", "name", "asked_id", "n", "added", "removed"}
    assert columns["asked"] == {
        "id", "organ", "encoder", "atlas", "drawn_on", "rule", "key", "asked",
    }  # fmt: skip
    assert (tmp_path / "studio.db").stat().st_mode & 0o077 == 0


# ---- a database that fails ----------------------------------------------------------
def test_a_rule_changed_by_hand_is_told_where_it_would_be_forgotten(groups, tmp_path):
    groups.add("a", groups.ask(RULE, "k" * 16), 40)
    groups.add("b", groups.ask(OTHER, "l" * 16), 40)
    with closing(sqlite3.connect(tmp_path / "studio.db")) as held:
        held.execute("update asked set rule = '{}' where id = 1")
        held.commit()
    with pytest.raises(InputError, match=r"1 rules .* cannot be read"):
        groups.asked("a" * 16)
    assert [group.name for group in groups.entries()] == ["b"]


@pytest.mark.parametrize(
    "content", [b"not a database, " * 100, b"SQLite format 3\0" * 9]
)
def test_a_damaged_database_is_told(tmp_path, content):
    (tmp_path / "studio.db").write_bytes(content)
    for opened in (Groups, Basket):
        with pytest.raises(InputError, match="database cannot be used") as caught:
            opened(tmp_path).entries()
        assert "studio.db" in caught.value.hint


def test_a_locked_database_is_told(groups, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    asked = groups.ask(RULE, "k" * 16)
    with closing(sqlite3.connect(tmp_path / "studio.db")) as other:
        other.execute("begin exclusive")
        with pytest.raises(InputError, match="in use by another program"):
            Groups(tmp_path).add("a", asked, 40)
        with pytest.raises(InputError, match="in use by another program"):
            Basket(tmp_path).entries()
    assert Groups(tmp_path).entries() == []


def test_a_database_that_is_gone_is_made_again(groups, tmp_path):
    groups.ask(RULE, "k" * 16)
    (tmp_path / "studio.db").unlink()
    assert groups.asked("a" * 16) == []
    assert groups.ask(RULE, "k" * 16).id == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="database cannot be used"):
            Groups(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_store_that_is_a_file_is_told(tmp_path):
    (tmp_path / "store").write_text("")
    with pytest.raises(InputError, match="database cannot be used"):
        Groups(tmp_path / "store")
