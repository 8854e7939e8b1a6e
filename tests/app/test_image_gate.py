"""No image has an address, and none is read, sent or looked at but through the gate."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import SCREENS
from crawl import crawl, edit, told
from google.protobuf.message import Message

from app.phenotype import appraisal

ROOT = Path(__file__).resolve().parents[2]
GATE = ROOT / "app/images/gate.py"
"""The one module that opens pixels."""
PICTURE = re.compile(
    rb"\x89PNG\r\n\x1a\n|RIFF....WEBP|GIF8[79]a|\xff\xd8\xff[\xe0-\xef]..(JFIF|Exif)",
    re.DOTALL,
)
"""How a file of an image begins, wherever in a message it stands."""
FORBIDDEN = {
    "image", "video", "audio", "pdf", "logo", "pyplot", "graphviz_chart", "iframe",
}  # fmt: skip
"""Elements that put a file where an address finds it, or show what has one."""


def sources() -> list[Path]:
    return sorted(p for room in ("app", "pages") for p in (ROOT / room).rglob("*.py"))


# ---- structure -------------------------------------------------------------------
def parsed() -> Iterator[tuple[Path, ast.Module, str]]:
    for path in sources():
        text = path.read_text(encoding="utf-8")
        yield path, ast.parse(text), text


def test_no_screen_gives_an_image_an_address():
    bad = []
    for path, tree, text in parsed():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id == "st" and node.attr in FORBIDDEN:
                    bad.append((path.name, node.lineno))
            elif isinstance(node, ast.ImportFrom) and node.module == "streamlit":
                names = {alias.name for alias in node.names}
                bad += [(path.name, name) for name in names & FORBIDDEN]
        words = ("media_file", "MediaFile", "data:image", "static/", "/media")
        bad += [(path.name, word) for word in words if word in text]
    assert not bad


def test_no_folder_is_served():
    config = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
    assert config["server"]["enableStaticServing"] is False
    for folder in (ROOT, ROOT / "app", ROOT / "pages"):
        assert not (folder / "static").exists()


def test_pixels_are_read_in_one_module_and_written_as_files_in_one():
    """Others may use what a picture is (`Mean`, `as_shown`), and open no file of it."""
    bad = []
    assert GATE in sources()
    for path, tree, _ in parsed():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and path != GATE:
                called = ast.unparse(node.func).split(".")[-1]
                given = [a.value for a in node.args if isinstance(a, ast.Constant)]
                if called in ("open_pixels", "open_slices") or (
                    called == "read_array" and {"sheet", "thumbnails"} & {*given}
                ):
                    bad.append((path.name, node.lineno))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "PIL"
            ):
                allowed = path.name == "tones.py" or path.parent.name == "gallery"
                bad += [] if allowed else [(path.name, node.lineno)]
    assert not bad


# ---- off: nothing of any image in any message --------------------------------------
def contents(message: Message) -> Iterator[bytes]:
    """Every text and every run of bytes of a message, to the last."""
    for _, value in message.ListFields():
        items = [value]
        if hasattr(value, "items"):
            items = [part for pair in value.items() for part in pair]
        elif not isinstance(value, str | bytes | bool | int | float | Message):
            items = list(value)
        for item in items:
            if isinstance(item, Message):
                yield from contents(item)
            elif isinstance(item, str):
                yield item.encode("utf-8", "surrogatepass")
            elif isinstance(item, bytes):
                yield item


def payload(at) -> list[bytes]:
    protos = (getattr(element, "proto", None) for element in at)
    return [part for proto in protos if isinstance(proto, Message)
            for part in contents(proto)]  # fmt: skip


def pictures(at) -> list[bytes]:
    return [part for part in payload(at) if PICTURE.search(part)]


@pytest.fixture(scope="module")
def without(done_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same study; it shows no images, and reading one would fail."""
    study = tmp_path_factory.mktemp("off") / "study"
    study.mkdir()
    for part in done_study.iterdir():
        if part.name == "store":
            continue
        (study / part.name).symlink_to(part)
    (study / "study.toml").unlink()
    (study / "study.toml").write_text((done_study / "study.toml").read_text())
    edit(study, "images = true", "images = false")
    (study / "store").mkdir()
    for part in (done_study / "store").iterdir():
        if part.name not in ("studio.db", "audit.log"):
            (study / "store" / part.name).symlink_to(part)
    return study


@pytest.mark.parametrize("name", SCREENS)
def test_where_images_are_off_nothing_of_any_is_sent(screen, without, name):
    at = screen(name, without, organ="liver", code="I10")
    assert payload(at)
    assert not pictures(at)
    assert not crawl(at).galleries
    assert not (without / "store/audit.log").exists()


def test_where_images_are_off_the_tab_says_which_setting(screen, without):
    assert "Images" in appraisal.TABS
    at = screen("phenotype", without, code="I10", look="Images")
    assert "images = true" in told(at)
    assert "[disclosure]" in told(at)
    assert not pictures(at)


def test_where_images_are_off_a_clicked_point_shows_none(screen, without):
    at = screen("clusters", without, organ="liver")
    at.session_state["_picked"] = ("liver", "mae", 0.0, 0.0)
    at.run()
    assert not pictures(at)
    assert "images = true" in told(at)


# ---- on --------------------------------------------------------------------------
def test_where_images_are_on_they_are_sent_in_galleries_alone(screen, own_study):
    at = screen("overview", own_study, organ="liver")
    sent = crawl(at).galleries
    assert len(sent[0][1]) == 12
    assert len(pictures(at)) == len(sent)


def test_every_look_is_logged_once_without_ids(screen, own_study):
    at = screen("phenotype", own_study, code="I10", look="Images")
    at.run()
    log = own_study / "store/audit.log"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["what"] for line in lines} >= {
        "along a phenotype", "mean of a group",
    }  # fmt: skip
    assert len({json.dumps(line) for line in lines}) == len(lines)
    for line in lines:
        assert set(line) == {"time", "user", "action", "what", "organ", "images"}
        assert line["action"] == "images"
        assert line["images"] >= 5
    assert log.stat().st_mode & 0o777 == 0o600
    at.run()
    assert len(log.read_text().splitlines()) == len(lines)


def test_without_a_log_nothing_is_shown(screen, own_study):
    (own_study / "store/audit.log").mkdir()
    at = screen("overview", own_study, organ="liver")
    assert "audit log" in told(at)
    assert not pictures(at)
