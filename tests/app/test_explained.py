"""Every statistic on a screen is explained: formula, meaning, reference."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app import explained

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py")])
NUMBERS = {"NumberColumn", "ProgressColumn", "figure_column", "count_column"}
METRICS = {"number", "metric"}
COUNTS = ("n", "n_", "loci", "width_kb", "position", "converged")
"""Keys, and begins of keys, of what has no formula but is a count or a place."""
INPUTS = {ROOT / "app/gwas/reading.py"}
"""Files whose columns are of files to read, not of statistics."""


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func
            last = name.attr if isinstance(name, ast.Attribute) else None
            last = name.id if isinstance(name, ast.Name) else last
            found.append((last or "", node))
    return found


def has_help(name: str, call: ast.Call) -> bool:
    """Whether a help text is given, by name or in its place."""
    if any(word.arg == "help" for word in call.keywords):
        return True
    places = {"figure_column": 3, "count_column": 2}
    return name in places and len(call.args) >= places[name]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_number_column_and_figure_has_a_help_bubble(path):
    if path in INPUTS:
        pytest.skip("columns of files to read")
    bare = [
        f"{path.name}:{call.lineno} {name}"
        for name, call in calls(path)
        if name in NUMBERS | METRICS
        and not (path.name == "widgets.py" and name in METRICS | {"NumberColumn"})
        and not has_help(name, call)
        # numbers of another kind: Altair's, a dataclass's
        and not (name == "number" and not is_widget(call))
    ]
    assert not bare


def is_widget(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and (
        isinstance(call.func.value, ast.Name) and call.func.value.id == "widgets"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_explanation_that_is_asked_for_is_there(path):
    keys = [
        call.args[0].value
        for name, call in calls(path)
        if ast.unparse(call.func) == "explained.help"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    ]
    assert set(keys) <= set(explained.ENTRIES)


@pytest.mark.parametrize("key", list(explained.ENTRIES))
def test_an_entry_says_what_by_which_formula_and_whose(key):
    entry = explained.ENTRIES[key]
    assert entry.name
    assert entry.meaning.endswith(".")
    if not key.startswith(COUNTS):
        assert entry.formula
    # a formula of somebody's is cited; what is only arithmetic needs no one
    if entry.reference:
        assert re.search(r"\b(19|20)\d\d\b", entry.reference)
    told = explained.help(key, "Said here.")
    assert "Said here." in told
    assert told.count("$$") == 2 * len(
        [p for p in entry.formula.split(r",\qquad ") if p]
    )


@pytest.mark.parametrize("key", list(explained.ENTRIES))
def test_a_formula_is_whole(key):
    formula = explained.ENTRIES[key].formula
    assert "$" not in formula
    bare = re.sub(r"\\[{}]", "", formula)
    assert bare.count("{") == bare.count("}")
    assert len(re.findall(r"\\left\b", formula)) == len(
        re.findall(r"\\right\b", formula)
    )
    begun = re.findall(r"\\begin\{(\w+)\}", formula)
    assert begun == re.findall(r"\\end\{(\w+)\}", formula)


def test_what_is_not_explained_is_refused():
    with pytest.raises(KeyError):
        explained.help("the mood of the data")


def bare_columns(at: AppTest) -> list[str]:
    """Columns of numbers on a screen that have no help."""
    found = []
    for frame in at.dataframe:
        columns = json.loads(frame.proto.columns or "{}")
        table: pd.DataFrame = frame.value
        for name in table.columns:
            config = columns.get(str(name)) or columns.get("_index") or {}
            if name not in columns:
                config = {}
            if config.get("hidden") or not pd.api.types.is_numeric_dtype(table[name]):
                continue
            if pd.api.types.is_bool_dtype(table[name]):
                continue
            shown = not frame.proto.column_order or name in frame.proto.column_order
            if shown and not config.get("help"):
                found.append(f"{name} of {list(table.columns)[:4]}")
    return found


SCREENS = {
    "overview": {},
    "diseases": {"code": "I10"},
    "clusters": {"code": "I10"},
    "phenotype": {"code": "I10", "look": "Confounder radar"},
    "gwas": {},
}


@pytest.mark.parametrize("name", list(SCREENS))
def test_no_number_on_a_screen_is_without_help(screen, done_study, name):
    at = screen(name, done_study, **SCREENS[name])
    assert not bare_columns(at)
    assert [metric.label for metric in at.metric if not metric.help] == []


@pytest.mark.parametrize("look", ["Power", "Probes"])
def test_no_number_of_a_tab_is_without_help(screen, done_study, look):
    at = screen("phenotype", done_study, code="I10", look=look)
    assert not bare_columns(at)
    assert [metric.label for metric in at.metric if not metric.help] == []
