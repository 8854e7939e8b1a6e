"""Images as bytes: what is sent is what is drawn, in node and back in Python."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from crawl import read_gallery
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app import data, gallery, tones
from app.gallery import (
    HERE,
    Figure,
    Group,
    Scale,
    Series,
    Tile,
    pack,
    pack_detail,
    read_opened,
)
from edp_core.errors import InputError

MARKUP = "<b onclick='x'>&\"µ"


def picture(number: int, height: int = 6, width: int = 8) -> np.ndarray:
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def figure(*sizes: int, **more: object) -> Figure:
    numbers = iter(range(99))
    groups = [
        Group(
            [
                Tile(tones.encode(picture(next(numbers))), f"alt {i}", f"caption {i}")
                for i in range(size)
            ],
            title=f"group {place}",
            note=f"N = {size}",
        )
        for place, size in enumerate(sizes)
    ]
    given = {"name": "f", "title": MARKUP, "said": "N = 600 " * 30, "groups": groups}
    return Figure(**(given | more))


BAR = Scale("SD", "−1", "0", "+1", ["#000000", "#C4C4C4", "#FFFFFF"])


def run(tmp_path: Path, script: str, content: bytes) -> Any:
    """What a script prints as JSON, with the ``bytes`` of a figure at hand."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("there is no node; the browser test draws the gallery")
    module = (HERE / "layout.js").read_text(encoding="utf-8")
    module += """
import { readFileSync } from "node:fs";
const bytes = new Uint8Array(readFileSync(process.argv[2]));
const print = (value) => console.log(JSON.stringify(value));
"""
    (tmp_path / "run.mjs").write_text(module + script, encoding="utf-8")
    (tmp_path / "bytes").write_bytes(content)
    done = subprocess.run(
        [program, str(tmp_path / "run.mjs"), str(tmp_path / "bytes")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("sizes", [(1,), (4, 4, 4), (0,), (30,), (2, 0, 5)])
def test_bytes_hold_the_images_and_not_a_byte_more(sizes):
    content, mark = pack(figure(*sizes, scale=BAR))
    head, images = read_gallery(content)
    assert head["id"] == mark
    assert len(images) == sum(sizes)
    for number, image in enumerate(images):
        assert np.array_equal(np.asarray(image), picture(number))


def test_another_image_or_text_is_another_mark():
    marks = {
        pack(f)[1]
        for f in (figure(2), figure(3), figure(2, said="x"), figure(2, scale=BAR))
    }
    assert len(marks) == 4
    assert pack(figure(2))[1] == pack(figure(2))[1]


def test_slices_are_read_back():
    frames = [tones.encode(picture(n)) for n in range(5)]
    content = pack_detail(
        [Series("left", frames[:3]), Series("right", frames[3:])], of="ab", tile=7
    )
    head, images = read_gallery(content)
    assert (head["of"], head["tile"]) == ("ab", 7)
    assert [len(series["frames"]) for series in head["series"]] == [3, 2]
    assert np.array_equal(np.asarray(images[4]), picture(4))


@given(st.text() | st.integers() | st.none() | st.lists(st.text()) | st.binary())
def test_whatever_a_browser_sends_is_a_number_of_an_image_or_nothing(value):
    found = read_opened(value, mark="ab", n=3)
    assert found is None or value in ("ab:0", "ab:1", "ab:2")


@pytest.mark.parametrize(
    ("value", "number"),
    [("ab:0", 0), ("ab:2", 2), ("ab:3", None), ("ab:-1", None), ("ba:0", None),
     ("ab:", None), ("ab:²", None), ("ab:1e0", None), ("ab:" + "9" * 5000, None),
     ("ab:0:0", None), (b"ab:0", None)],
)  # fmt: skip
def test_only_an_image_of_this_very_figure_is_opened(value, number):
    assert read_opened(value, mark="ab", n=3) == number


def test_nothing_is_sent_where_images_are_off(monkeypatch):
    off = SimpleNamespace(disclosure=SimpleNamespace(images=False))
    monkeypatch.setattr(data, "study", lambda: off)
    sent = []
    monkeypatch.setattr(gallery, "_component", lambda **given: sent.append(given))
    with pytest.raises(InputError, match="not shown"):
        gallery.gallery(figure(2), key="x")
    assert not sent


# ---- the pure part, in node ------------------------------------------------------
@pytest.mark.parametrize("sizes", [(1,), (4, 4, 4, 4, 4), (24,), (1, 5), (2, 2)])
def test_a_download_holds_everything_once_and_nothing_over_another(tmp_path, sizes):
    content, _ = pack(figure(*sizes, scale=BAR, across=4))
    script = "print(layout(unpack(bytes).head));"
    drawn = run(tmp_path, script, content)
    images = [item for item in drawn["items"] if item["kind"] == "image"]
    assert len(images) == sum(sizes)
    places = [(i["x"], i["y"], i["x"] + i["w"], i["y"] + i["h"]) for i in images]
    for n, (x0, y0, x1, y1) in enumerate(places):
        assert 0 <= x0 < x1 <= drawn["width"]
        assert 0 <= y0 < y1 <= drawn["height"]
        assert not any(
            x0 < u1 and u0 < x1 and y0 < v1 and v0 < y1
            for u0, v0, u1, v1 in places[n + 1 :]
        )
        assert images[n]["w"] / images[n]["h"] == pytest.approx(8 / 6)
    texts = [item for item in drawn["items"] if item["kind"] == "text"]
    assert all(t["y"] <= drawn["height"] for t in texts)
    together = " ".join(t["text"] for t in texts)
    for wanted in ("N = 600", "caption 0", "group 0", "−1", "+1"):
        assert wanted in together
    # a line of text does not run through an image
    for text in texts:
        inside = [
            p for p in places
            if p[0] <= text["x"] < p[2] and p[1] < text["y"] - 2 < p[3]
        ]  # fmt: skip
        assert not inside


def test_the_svg_holds_the_very_images_and_markup_stays_text(tmp_path):
    content, _ = pack(figure(3, 1, scale=BAR))
    script = """
const { head, part } = unpack(bytes);
print(toSvg(head, part, { ink: "#000", ground: "#fff" }));
"""
    svg = ET.fromstring(run(tmp_path, script, content))
    space = "{http://www.w3.org/2000/svg}"
    assert svg.find(f"{space}title").text == MARKUP
    assert not list(svg.iter(f"{space}b"))
    held = [image.get("href") for image in svg.iter(f"{space}image")]
    assert len(held) == 4
    for number, address in enumerate(held):
        kind, _, text = address.partition(",")
        assert kind == "data:image/png;base64"
        image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
        assert np.array_equal(np.asarray(image), picture(number))
    assert len(list(svg.iter(f"{space}rect"))) == 1 + len(BAR.colours)


def test_lines_hold_every_word_in_order_and_are_short(tmp_path):
    rng = np.random.default_rng(0)
    words = ["a", "of", "kidney", "N", "=", "1,234;", "–", "percentile"]
    texts = [" ".join(rng.choice(words, rng.integers(0, 30))) for _ in range(40)]
    widths = [float(width) for width in rng.integers(80, 500, 40)]
    content, _ = pack(figure(1))
    script = (
        f"const texts = {json.dumps(texts)}, widths = {widths};"
        "print(texts.map((text, i) => wrapped(text, widths[i], 11)));"
    )
    lines = run(tmp_path, script, content)
    for text, width, found in zip(texts, widths, lines, strict=True):
        assert " ".join(found).split() == text.split()
        assert all(len(line) * 0.55 * 11 <= width for line in found)


def test_arrows_lead_to_the_image_that_lies_there(tmp_path):
    content, _ = pack(figure(1))
    boxes = [{"x": x, "y": y} for y in (0, 100, 200) for x in (0, 100, 200)]
    boxes = boxes[:8]
    keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "x"]
    script = (
        f"const b = {json.dumps(boxes)}, k = {json.dumps(keys)};"
        "print(b.map((_, i) => k.map((key) => neighbour(b, i, key))));"
    )
    found = np.array(run(tmp_path, script, content))
    assert found[0].tolist() == [0, 1, 0, 3, 0, 7, -1]
    assert found[4].tolist() == [3, 5, 1, 7, 0, 7, -1]
    assert found[5].tolist() == [4, 6, 2, 7, 0, 7, -1]
    assert found[7].tolist() == [6, 7, 4, 7, 0, 7, -1]
