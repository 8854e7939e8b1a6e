"""The map of points: its bytes, its pure part in node, its place on the screen."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from crawl import crawl

from app.scatter import HERE, MOST, pack

N = 300


def points(n: int = N, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "y": rng.normal(3, 2, n),
            "cluster": rng.choice(["0", "1", "small"], n),
        }
    )


def packed(table: pd.DataFrame, **more: Any) -> bytes:
    meta = {
        "n": len(table),
        "title": "Cluster",
        "alt": "µ",
        "categories": [
            {"name": "0", "colour": "#0072B2", "count": "100", "layer": 0},
            {"name": "1", "colour": "#E69F00", "count": "100", "layer": 0},
            {"name": "small", "colour": "#7F8C98", "count": "hidden", "layer": 0},
        ],
    }
    number = {"0": 0, "1": 1, "small": 2}
    return pack(table, number, column="cluster", meta=meta | more)


def node(script: str, content: bytes, tmp_path: Path) -> Any:
    """What a script prints as JSON, with ``points`` unpacked from the bytes."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("there is no node; the browser test draws the map")
    module = (HERE / "points.js").read_text(encoding="utf-8")
    module += """
import { readFileSync } from "node:fs";
const points = unpack(new Uint8Array(readFileSync(process.argv[2])));
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


@pytest.mark.parametrize("alt", ["", "a", "ab", "abc", "€uro"])
def test_bytes_hold_places_and_categories_and_nothing_else(alt):
    table = points(7)
    content = packed(table, alt=alt)
    (length,) = struct.unpack("<I", content[:4])
    assert length % 4 == 0
    assert json.loads(content[4 : 4 + length])["n"] == 7
    rest = content[4 + length :]
    assert len(rest) == 9 * 7
    assert np.array_equal(
        np.frombuffer(rest, "<f4", 7), table["x"].to_numpy(np.float32)
    )


def test_every_point_needs_a_category_and_a_byte_holds_256():
    with pytest.raises(KeyError):
        pack(points(), {"0": 0, "1": 1}, column="cluster", meta={})
    number = {str(i): i for i in range(MOST + 1)}
    with pytest.raises(ValueError, match="one byte"):
        pack(points(), number, column="cluster", meta={})


def test_no_points_are_no_error(tmp_path):
    found = node("print([points.x.length, fit(points.x, points.y, 100, 100)]);",
                 packed(points(0)), tmp_path)  # fmt: skip
    assert found[0] == 0
    assert found[1]["scale"] > 0


def test_what_is_packed_is_unpacked_even_at_an_odd_place(tmp_path):
    table = points()
    script = """
const whole = new Uint8Array(readFileSync(process.argv[2]));
const shifted = new Uint8Array(whole.length + 3);
shifted.set(whole, 3);
const other = unpack(shifted.subarray(3));
print({x: [...other.x], y: [...points.y], k: [...points.k], alt: points.meta.alt});
"""
    found = node(script, packed(table), tmp_path)
    assert np.allclose(found["x"], table["x"], atol=1e-6)
    assert np.allclose(found["y"], table["y"], atol=1e-6)
    names = np.array(["0", "1", "small"])
    assert list(names[found["k"]]) == list(table["cluster"])
    assert found["alt"] == "µ"


def test_the_whole_map_fits_and_zooming_keeps_the_place_under_the_pointer(tmp_path):
    script = """
const view = fit(points.x, points.y, 400, 300);
const all = [...points.x].map((x, i) => toScreen(view, 400, 300, x, points.y[i]));
const before = toData(view, 400, 300, 123, 45);
const near = zoomAt(view, 400, 300, 123, 45, 3, view.scale / 2, view.scale * 200);
const stays = toData(near, 400, 300, 123, 45);
const back = zoomAt(near, 400, 300, 123, 45, 1 / 3, view.scale / 2, view.scale * 200);
const far = zoomAt(view, 400, 300, 0, 0, 1e9, view.scale / 2, view.scale * 200);
print({all, before, stays, view, back, far});
"""
    found = node(script, packed(points()), tmp_path)
    all_ = np.array(found["all"])
    assert all_.min() >= 0
    assert all_[:, 0].max() <= 400
    assert all_[:, 1].max() <= 300
    assert found["stays"] == pytest.approx(found["before"])
    assert found["back"] == pytest.approx(found["view"])
    assert found["far"]["scale"] == pytest.approx(200 * found["view"]["scale"])


def test_the_nearest_point_is_that_of_a_full_search(tmp_path):
    table = points()
    queries = np.random.default_rng(1).normal([0, 3], [1.5, 2.5], (200, 2))
    script = f"""
const grid = makeGrid(points.x, points.y, 16);
print({json.dumps(queries.tolist())}.map(([x, y]) =>
  nearest(points, grid, x, y, 0.3, (k) => k !== 2)));
"""
    found = node(script, packed(table), tmp_path)
    xy = table[["x", "y"]].to_numpy(np.float32).astype(float)
    shown = table["cluster"].to_numpy() != "small"
    for query, answer in zip(queries, found, strict=True):
        distance = np.where(shown, np.hypot(*(xy - query).T), np.inf)
        best = int(distance.argmin())
        assert answer == (best if distance[best] <= 0.3 else -1)


def test_the_svg_shows_every_visible_point_and_escapes_names(tmp_path):
    table = points()
    script = """
const view = fit(points.x, points.y, 400, 300);
points.meta.categories[0].name = "<0 & \\"1\\">";
print(toSvg(points, view, 400, 300, {colours: ["#111", "#222", "#333"],
  hidden: new Set(["small"]), r: 2, ink: "#000", ground: "#fff"}));
"""
    svg = node(script, packed(table), tmp_path)
    tree = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    paths = tree.findall(f"{space}path")
    drawn = sum(path.get("d", "").count("M") for path in paths)
    assert len(paths) == 2
    assert drawn == (table["cluster"] != "small").sum()
    said = " ".join("".join(text.itertext()) for text in tree.iter(f"{space}text"))
    assert '<0 & "1"> (100)' in said
    assert "small" not in said
    assert "UMAP 1" in said
    assert "UMAP 2" in said


def test_the_module_names_no_address():
    for path in HERE.iterdir():
        if path.suffix in {".js", ".css"}:
            text = path.read_text(encoding="utf-8").replace(
                "http://www.w3.org/2000/svg", ""
            )
            assert "//" not in text.replace("// ", "").replace("//\n", "")
            assert "fetch(" not in text
            assert "import " not in text


@pytest.mark.parametrize("query", [{}, {"colour": "code"}])
def test_the_screen_sends_no_id_and_no_hidden_count(screen, done_study, query):
    at = screen("clusters", done_study, **query)
    ((meta, drawn),) = crawl(at).maps
    for category in meta["categories"]:
        count = int((drawn["category"] == category["name"]).sum())
        if category["count"] == "hidden":
            assert category["name"] == "small"
        else:
            assert int(category["count"].replace(",", "")) == count
            assert not 0 < count < 5
    assert f"{len(drawn):,} participants" in meta["alt"]
