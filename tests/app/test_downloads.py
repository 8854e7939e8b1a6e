"""Every figure leaves as SVG and PNG, every table as CSV with N and settings."""

from __future__ import annotations

import ast
import io
import re
from pathlib import Path

import pandas as pd
import pytest

from app import widgets

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py")])
TABLES = {"dataframe", "table", "data_editor"}
CHARTS = {
    "altair_chart", "vega_lite_chart", "plotly_chart", "pyplot", "line_chart",
    "bar_chart", "area_chart", "scatter_chart", "map", "pydeck_chart", "graphviz_chart",
    "bokeh_chart", "echarts_chart", "mermaid_chart",
}  # fmt: skip
INPUTS = {
    "app/gwas/reading.py:_from_folder": "ticks of the files to read",
    "app/summary.py:lacking": "what is still to be computed: a message",
}
"""Tables that are no result: where they stand, and what they are."""
SAID_BY_CALLER = {"app/widgets.py:table_download"}


def functions(path: Path) -> list[tuple[str, ast.AST]]:
    """Every function of a file by where it stands, and the file's own lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = path.relative_to(ROOT).as_posix()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    tops = [node for node in tree.body if not isinstance(node, kinds)]
    found = [(f"{name}:{n.name}", n) for n in tree.body if isinstance(n, kinds)]
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found += [
                (f"{name}:{n.name}", n) for n in node.body if isinstance(n, kinds)
            ]
    return [*found, (f"{name}:", ast.Module(body=tops, type_ignores=[]))]


def called(node: ast.AST) -> set[str]:
    """What of Streamlit and of our widgets is called in it."""
    found = set()
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            found.add(call.func.attr)
    return found


def on_screen(node: ast.AST, names: set[str]) -> bool:
    """Whether one of Streamlit's elements is drawn in it."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            of = call.func.value
            if isinstance(of, ast.Name) and call.func.attr in names and of.id == "st":
                return True
    return False


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_table_has_its_csv_where_it_is_drawn(path):
    bare = [
        where
        for where, node in functions(path)
        if on_screen(node, TABLES)
        and where not in INPUTS
        and "table_download" not in called(node)
        and where != "app/widgets.py:cluster_sizes"  # calls it by its own name
    ]
    assert not bare


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_chart_is_drawn_with_its_downloads(path):
    bare = [where for where, node in functions(path) if on_screen(node, CHARTS)]
    assert bare in ([], ["app/widgets.py:figure"])


def test_the_exceptions_are_still_there():
    there = {
        where
        for path in FILES
        for where, node in functions(path)
        if on_screen(node, TABLES)
    }
    assert set(INPUTS) <= there


STATED = re.compile(r"\bN\b")
SCREENS = {
    "overview": {},
    "diseases": {"code": "I10"},
    "clusters": {"code": "I10"},
    "phenotype": {"code": "I10", "look": "Confounder radar"},
    "phewas": {"code": "I10"},
    "compare": {},
    "gwas": {},
}


@pytest.fixture
def written(monkeypatch):
    """Name → first line of every table that a screen offers."""
    heads: dict[str, str] = {}
    offer = widgets.table_download

    def offer_and_note(table, name, *, settings):
        heads[name] = settings
        offer(table, name, settings=settings)

    monkeypatch.setattr(widgets, "table_download", offer_and_note)
    return heads


@pytest.mark.parametrize("name", list(SCREENS))
def test_the_first_line_of_a_csv_says_n(screen, done_study, written, name):
    at = screen(name, done_study, **SCREENS[name])
    assert {n for n, said in written.items() if not STATED.search(said)} == set()
    labels = [b.proto.label for b in at.get("download_button")]
    assert labels.count("SVG") == labels.count("PNG") == len(at.get("vega_lite_chart"))
    tables = len(at.dataframe)
    assert labels.count("CSV") >= tables
    assert bool(written) == bool(tables)


def test_a_csv_is_one_line_of_settings_above_the_table():
    table = pd.DataFrame({"code": ["I10", "K76"], "n": [12, None]})
    text = widgets.csv(table, "N = 12;\nfolds 5")
    assert text.splitlines()[0] == "# N = 12; folds 5; rows: 2"
    again = pd.read_csv(io.StringIO(text), comment="#")
    pd.testing.assert_frame_equal(again, table)
