"""JavaScript of the map run in node, on points made for it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.scatter import FILES, HERE, pack, view_of
from app.scatter.shown import Category, Colours, Map

N = 300
LEGEND = (
    Category("0", "#0072B2", "100"),
    Category("1", "#E69F00", "100"),
    Category("small", "#7F8C98", "hidden", above=True),
)


def points(n: int = N, seed: int = 0) -> tuple[Map, Colours]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n).astype("f4"), rng.normal(3, 2, n).astype("f4")
    codes = rng.integers(0, 3, n).astype(np.uint8)
    shown = Map("umap-liver-mae", x, y, np.arange(n))
    return shown, Colours("categories", "Cluster", codes, LEGEND, apart=True)


def node(script: str, tmp_path: Path, n: int = N, **view: Any) -> Any:
    """What a script prints as JSON, with ``points`` unpacked and ``meta`` given."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("there is no node; the browser test draws the map")
    names = [name for name in FILES if name not in ("scatter.js", "tools.js")]
    module = "".join((HERE / name).read_text(encoding="utf-8") for name in names)
    module += """
import { readFileSync } from "node:fs";
const points = unpack(new Uint8Array(readFileSync(process.argv[2])));
const meta = JSON.parse(readFileSync(process.argv[3]));
const print = (value) => console.log(JSON.stringify(value));
const home = (w, h) => fit(bounds(points.x), bounds(points.y), w, h);
"""
    (tmp_path / "run.mjs").write_text(module + script, encoding="utf-8")
    shown, colours = points(n)
    (tmp_path / "bytes").write_bytes(pack(shown, colours.codes)[1])
    meta = view_of(shown, colours, title=None, highlight=None) | view
    (tmp_path / "meta").write_text(json.dumps(meta))
    done = subprocess.run(
        [program, *(str(tmp_path / name) for name in ("run.mjs", "bytes", "meta"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
