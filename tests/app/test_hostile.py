"""Links, polygons and databases as nobody means them: told, and the screen goes on."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy
from crawl import broke, crawl
from streamlit.components.v2.bidi_component import main
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from app import database
from app.basket import Basket
from app.groups.store import Groups
from app.routes import SCREENS
from edp_core.recipe import ColumnSpec
from edp_core.store import Store

TABS = {
    "phenotype": ("look", ("GWAS", "Confounder radar", "Images")),
    "compare": ("compared", ("Two phenotypes", "Same people elsewhere")),
}
HOSTILE = {
    "markup": "<script>alert(1)</script>*Hex*[Hex](javascript:alert(1))$Hex$",
    "long": "Hex" + "ä" * 10_000,
    "elsewhere": "O990",
    "path": "../../etc/passwd\x00Hex",
    "numbers": "-1e309",
    "json": '{"Hex": [1, "2"], "n": null}',
}
"""What somebody may write into an address, a code of another study among it."""
MARKUP = re.compile(r"(?<!\\)([*$\[])Hex|<script")


def keys_of(at: AppTest) -> set[str]:
    """Every name that a screen reads from the address."""
    found: set[str] = set()

    def walk(message) -> None:
        for descriptor, value in message.ListFields():
            if descriptor.name == "query_param_key":
                found.add(value)
            for item in value if descriptor.is_repeated else [value]:
                if hasattr(item, "ListFields"):
                    walk(item)

    for message in at._tree.messages:
        walk(message)
    return found


@pytest.fixture(scope="module")
def keys(tempting_study) -> dict[str, set[str]]:
    """For each screen what may be edited in its address."""
    found: dict[str, set[str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDP_STUDY", str(tempting_study))
        for name in SCREENS:
            tab, values = TABS.get(name, ("", ("",)))
            for value in values:
                at = AppTest.from_file(MAIN, default_timeout=60)
                if tab:
                    at.query_params[tab] = value
                at.switch_page(f"../pages/{name}.py").run()
                found.setdefault(name, set()).update(keys_of(at))
    return found


MAIN = str(Path(__file__).resolve().parents[2] / "app/main.py")


def harmless(at: AppTest) -> None:
    """No bug, no trace of one, and nothing of what was typed is markup."""
    assert not broke(at), [error.value for error in at.error]
    seen = crawl(at)
    assert "Traceback" not in seen.everything
    assert not [text for text in seen.rendered if MARKUP.search(text)]


def test_every_screen_has_names_in_its_address(keys):
    assert set(keys) == set(SCREENS)
    shared = {"organ", "encoder", "code", "vocabulary", "cluster"}
    assert all(shared <= held for held in keys.values())
    assert len(set.union(*keys.values())) > 30


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", SCREENS)
def test_an_edited_address_is_harmless(screen, tempting_study, keys, name, value):
    tab, tabs = TABS.get(name, ("", ("",)))
    for open_tab in tabs[:1] if value == "long" else tabs:
        query = dict.fromkeys(keys[name], HOSTILE[value])
        if tab:
            query[tab] = open_tab
        at = screen(name, tempting_study, **query)
        harmless(at)
        assert at.title, "and the screen is there"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clusters", "phenotype", "phewas", "compare"])
def test_one_hostile_name_among_good_ones(screen, tempting_study, keys, name):
    good = {"code": "I10", "cluster": "1", "method": "Cluster", "colour": "score"}
    for key in sorted(keys[name] - {"organ", "encoder", "vocabulary"}):
        harmless(screen(name, tempting_study, **good | {key: HOSTILE["markup"]}))


# ---- a polygon through the component ---------------------------------------------
ROUND = [[float(np.cos(a)), float(np.sin(a))] for a in np.linspace(0, 6.28, 10_000)]
SENT = {
    "10,000 vertices": {"polygon": ROUND, "hidden": [], "tool": "lasso"},
    "not finite": {"polygon": [[0, 0], [1, 1e999], [1, 1]], "tool": "box"},
    "no list": {"polygon": "<script>alert(1)</script>", "tool": "lasso"},
    "no dict": "<script>alert(1)</script>",
    "hidden": {"polygon": ROUND[:9], "hidden": ["<b>Hex</b>"], "tool": "lasso"},
    "no tool": {"polygon": ROUND[:9], "hidden": [], "tool": "*Hex*"},
}


def send(at: AppTest, event: str, value: object) -> None:
    """What the map's JavaScript does with ``setTriggerValue``, then a run."""
    view = next(
        element.proto
        for element in at.get("bidi_component")
        if element.proto.component_name.endswith("scatter")
    )
    states = at._tree.get_widget_states()
    sent = json.dumps([{"event": event, "value": value}])
    at_id = main._make_trigger_id(view.id, "events")
    states.widgets.append(WidgetState(id=at_id, json_trigger_value=sent))
    at._run(states)


@pytest.mark.parametrize("what", SENT)
def test_what_a_map_sends_is_not_trusted(screen, tempting_study, what):
    at = screen("clusters", tempting_study)
    tables = len(at.dataframe)
    send(at, "drawn", SENT[what])
    harmless(at)
    assert any("cannot be read" in error.value for error in at.error)
    assert "Drawn: N" not in {metric.label for metric in at.metric}
    assert len(at.dataframe) == tables, "and the rest of the screen is there"
    at.run()
    assert not at.error, "told once"


def test_a_place_that_is_none_is_not_trusted(screen, tempting_study):
    for place in ({"x": "<b>Hex</b>", "y": 0}, [1, 2, 3], {"x": 1e308}, None):
        at = screen("clusters", tempting_study)
        send(at, "picked", place)
        harmless(at)
        assert any("cannot be read" in error.value for error in at.error)


# ---- the database ----------------------------------------------------------------
@pytest.fixture
def study(copy_of, tempting_study, monkeypatch) -> Path:
    """A copy with a phenotype in its basket, and room for groups."""
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    folder = copy_of(tempting_study)
    assert not Groups(folder / "store").entries()
    cohort = Store(folder / "store").ref("cohort")
    spec = ColumnSpec(name="bmi", column="bmi", population="everyone", cohort=cohort)
    Basket(folder / "store").add(spec)
    return folder


def gone(file: Path) -> Iterator[None]:
    """Deleted, and a folder lies in its place."""
    file.unlink()
    file.mkdir()
    yield
    file.rmdir()


def locked(file: Path) -> Iterator[None]:
    """Another program writes and does not stop."""
    with closing(sqlite3.connect(file)) as other:
        other.execute("begin exclusive")
        yield


def garbage(file: Path) -> Iterator[None]:
    """No database at all."""
    file.write_bytes(b"no database at all " * 99)
    yield


def half(file: Path) -> Iterator[None]:
    """The second half is lost."""
    held = file.read_bytes()
    file.write_bytes(held[: len(held) // 2])
    yield


def other_tables(file: Path) -> Iterator[None]:
    """A database of another program, with tables of the same names."""
    file.unlink()
    with closing(sqlite3.connect(file)) as other:
        for name in ("basket", "groups", "asked"):
            other.execute(f"create table {name} (x text)")
        other.commit()
    yield


@pytest.mark.parametrize("trouble", [gone, locked, garbage, half, other_tables])
def test_a_database_that_fails_is_told_on_every_screen(screen, study, trouble):
    file = study / "store/studio.db"
    state = contextmanager(trouble)(file)
    with state:
        for name in SCREENS:
            at = screen(name, study)
            harmless(at)
            told = "\n".join(crawl(at).texts)
            assert "studio's database" in told, name
            shown = "\n".join(crawl(at).rendered).lower()
            assert "sqlalchemy" not in shown
            assert "select " not in shown, "no statement is shown"
            assert at.title, f"{name} is drawn without"
    if trouble is locked:
        at = screen("export", study)
        assert not any("database" in error.value for error in at.error)
        assert crawl(at).frames, "the basket is there again"


def test_a_database_that_may_not_be_written_shows_what_it_holds(
    screen, study, monkeypatch
):
    file = study / "store/studio.db"
    made = sqlalchemy.create_engine

    def only_read(address: str, **more: object) -> sqlalchemy.Engine:
        # as root a file without the right to write is written all the same
        return made(f"sqlite:///file:{file}?mode=ro&uri=true", **more)

    monkeypatch.setattr(database, "create_engine", only_read)
    at = screen("export", study)
    harmless(at)
    assert not any("database" in error.value for error in at.error)
    assert crawl(at).frames, "the basket is shown"
    at = screen("phenotype", study)
    next(button for button in at.button if button.form_id == "keep").click().run()
    harmless(at)
    assert any("readonly" in error.value for error in at.error)
    at = screen("clusters", study)
    at.session_state["drawn"] = {
        "polygon": [[-99, -99], [99, -99], [99, 99], [-99, 99]],
        "hidden": ["0"],
        "tool": "lasso",
    }
    at.run()
    harmless(at)
    assert any("readonly" in error.value for error in at.error), "it cannot be asked"
