"""How the map is drawn: pixels, colours, contours and files, in node."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from itertools import combinations

import numpy as np
import pytest
from crawl import crawl
from in_node import node, points
from scipy.ndimage import gaussian_filter

from app.plots import charts
from app.scatter import HERE

SPACE = "{http://www.w3.org/2000/svg}"
LIGHT, DARK = "#FFFFFF", "#0E1117"
# Machado, Oliveira and Fernandes (2009), table 1, severity 1.0; on linear RGB
VISION = {
    "normal": np.eye(3),
    "protan": np.array([
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]),
    "deutan": np.array([
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]),
}  # fmt: skip


def seen_as(colours: list[str], vision: str) -> np.ndarray:
    """Oklab (Ottosson 2020) of colours as somebody sees them."""
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ VISION[vision].T, 0, 1)
    cones = np.array([
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ])  # fmt: skip
    lab = np.array([
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ])  # fmt: skip
    return np.cbrt(linear @ cones.T) @ lab.T


def contrast(a: str, b: str) -> float:
    """As WCAG 2.2 defines it."""
    weights = [0.2126, 0.7152, 0.0722]
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (a, b)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ weights + 0.05)
    return float(high / low)


# ---- colours -------------------------------------------------------------------------
@pytest.mark.parametrize("ground", [LIGHT, DARK])
def test_colours_show_on_their_ground_and_are_told_apart(tmp_path, ground):
    script = f"""
const colours = {json.dumps(charts.PALETTE)}.map((c) => readable(c, "{ground}"));
print({{colours, ramp: Array.from({{length: 41}}, (_, i) => ramp(i / 40, "{ground}")),
  dim: dimmed("{ground}"), one: readable("#0072B2", "{ground}")}});
"""
    found = node(script, tmp_path)
    for colour in (*found["colours"], *found["ramp"]):
        assert contrast(colour, ground) >= 1.45, colour
    assert found["one"] == "#0072B2", "what shows is left as it is"
    assert 1 < contrast(found["dim"], ground) < 2
    first = found["colours"][:7]  # Okabe and Ito's; of more, names and hover tell
    for vision in VISION:
        places = seen_as(first, vision)
        apart = [np.linalg.norm(a - b) for a, b in combinations(places, 2)]
        assert min(apart) > 0.05, vision
        # along the scale lightness rises, whoever looks
        assert (np.diff(seen_as(found["ramp"], vision)[:, 0]) > 0).all(), vision


def test_colours_are_read_however_a_browser_writes_them(tmp_path):
    script = """
const ways = ["#fff", "#0072B2", "rgb(0, 114, 178)", "rgba(0, 114, 178, 0.5)"];
print({rgb: ways.map(rgbOf),
  ink: inkOf("#0072B2"), contrast: contrast("#0072B2", "#FFFFFF")});
"""
    found = node(script, tmp_path)
    assert found["rgb"] == [[255] * 3] + [[0, 114, 178]] * 3
    assert found["ink"] == 0xFFB27200
    assert found["contrast"] == pytest.approx(contrast("#0072B2", "#FFFFFF"), rel=1e-9)


# ---- pixels --------------------------------------------------------------------------
PAINT = """
const w = 90, h = 70, lit = LIT, order = layered(points, {above: [0, 0, 1], lit});
const out = new Uint32Array(w * h);
const view = {...home(w, h), scale: home(w, h).scale * ZOOM};
const gone = (k) => GONE.includes(k);
const inks = inksOf(["#0000FF", "#00FF00", "#FF0000"], "#FFFFFF", {gone});
paintPoints(out, {w, h}, order, view, {inks, r: R, ground: inkOf("#FFFFFF")});
const { c, first } = order;
print({out: [...out], view, order: [...c], first, dim: inks[DIMMED]});
"""


def painted(tmp_path, *, lit="null", zoom="1", gone="[]", r="0.4"):
    words = {"LIT": lit, "ZOOM": zoom, "GONE": gone}
    script = PAINT.replace("r: R", f"r: {r}")
    for word, value in words.items():
        script = script.replace(word, value)
    found = node(script, tmp_path)
    return np.array(found["out"], np.uint32).reshape(70, 90), found


@pytest.mark.parametrize("gone", [[], [2], [0, 1]])
def test_every_pixel_has_the_colour_of_the_point_drawn_last(tmp_path, gone):
    pixels, found = painted(tmp_path, gone=json.dumps(gone))
    shown, colours = points()
    view, ink = found["view"], [0xFFFF0000, 0xFF00FF00, 0xFF0000FF]
    expected = np.full((70, 90), 0xFFFFFFFF, np.uint32)
    for k_of in ((0, 1), (2,)):  # the last category lies above
        for x, y, k in zip(shown.x, shown.y, colours.codes, strict=True):
            if k not in k_of or k in gone:
                continue
            px = int(np.floor(45 + (float(x) - view["cx"]) * view["scale"]))
            py = int(np.floor(35 - (float(y) - view["cy"]) * view["scale"]))
            expected[py, px] = ink[k]
    assert (pixels == expected).mean() > 0.999  # a point on the edge of two pixels
    assert found["first"] == (colours.codes != 2).sum()


def test_what_is_not_highlighted_lies_below_in_grey(tmp_path):
    shown, colours = points()
    lit = (np.arange(len(shown)) % 3 == 0).astype(int)
    pixels, found = painted(tmp_path, lit=json.dumps(lit.tolist()))
    order = np.array(found["order"])
    assert (order[: (lit == 0).sum()] == 256).all()
    assert sorted(order[(lit == 0).sum() :]) == sorted(colours.codes[lit == 1])
    assert (pixels == found["dim"]).any()
    assert (pixels == 0xFF0000FF).any()


@pytest.mark.parametrize("zoom", ["1", "9"])
def test_discs_reach_over_the_border_and_not_around_it(tmp_path, zoom):
    """A disc that is cut by the left border must not come out on the right."""
    small, found = painted(tmp_path, zoom=zoom)
    large, _ = painted(tmp_path, zoom=zoom, r="4")
    assert (large != 0xFFFFFFFF).sum() > 3 * (small != 0xFFFFFFFF).sum()
    shown, _ = points()
    view = found["view"]
    px = 45 + (shown.x.astype(float) - view["cx"]) * view["scale"]
    py = 35 - (shown.y.astype(float) - view["cy"]) * view["scale"]
    rows, columns = np.nonzero(large != 0xFFFFFFFF)
    away = np.hypot(columns[:, None] - px + 0.5, rows[:, None] - py + 0.5).min(axis=1)
    assert away.max() < 5.3, "every pixel belongs to a point that is near"


# ---- contours ------------------------------------------------------------------------
def test_contours_enclose_the_share_they_name(tmp_path):
    shown, _ = points(4000)
    script = """
const field = density(points.x, points.y), held = levels(field);
const lines = contoursOf(points.x, points.y).map(({ pieces }) => [...pieces]);
print({...field, values: [...field.values], counts: [...field.counts], held, lines});
"""
    found = node(script, tmp_path, 4000)
    side, (ax, ay) = found["side"], (found["ax"], found["ay"])
    counts = np.array(found["counts"]).reshape(side, side)
    values = np.array(found["values"]).reshape(side, side)
    ends = [a["low"] + a["step"] * np.arange(side + 1) for a in (ay, ax)]
    peer, *_ = np.histogram2d(shown.y, shown.x, ends)
    assert np.abs(peer - counts).sum() <= 4  # on the edge of two cells
    wide = (ay["wide"] / ay["step"], ax["wide"] / ax["step"])
    smooth = gaussian_filter(counts * 1.0, wide, mode="constant", truncate=3.01)
    assert values == pytest.approx(smooth, abs=0.02 * smooth.max())
    # normal points: an ellipse of radius r holds 1 − exp(−r²/2) of them
    spread = np.array([shown.x.std(), shown.y.std()])
    middle = np.array([shown.x.mean(), shown.y.mean()])
    for share, pieces in zip((0.25, 0.5, 0.75, 0.9), found["lines"], strict=True):
        corners = np.array(pieces).reshape(-1, 2)
        radius = np.linalg.norm((corners - middle) / spread, axis=1)
        assert np.median(radius) == pytest.approx(
            np.sqrt(-2 * np.log(1 - share)), rel=0.15
        )
        # closed: as many pieces come to a place as leave it
        keys = [tuple(corner) for corner in corners.round(6)]
        assert all(keys.count(key) % 2 == 0 for key in set(keys))


# ---- files ---------------------------------------------------------------------------
def svg(tmp_path, *, hidden=(), more="", **view):
    script = f"""
const above = meta.categories.map((c) => c.layer), ground = "#FFFFFF", ink = "#000000";
const order = layered(points, {{above, lit: null}}), width = 400, height = 300;
const colours = coloursOf(meta, ground), hidden = new Set({json.dumps(list(hidden))});
const gone = (k) => hidden.has(meta.categories[k].name), view = home(width, height);
const shown = {{meta, colours, hidden, order, inks: inksOf(colours, ground, {{gone}}),
  colourOf: (c) => colours[c], view, width, height, r: 2, ink, ground,
  contours: [], outline: [], names: []}};
{more}
print(toSvg(shown));
"""
    return ET.fromstring(node(script, tmp_path, **view))


def said(tree: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in tree.iter(f"{SPACE}text")]


def test_the_svg_shows_every_visible_point_and_escapes_names(tmp_path):
    _, colours = points()
    more = 'meta.categories[0].name = "<0 & \\"1\\">";'
    tree = svg(tmp_path, hidden=["small"], more=more)
    paths = list(tree.iter(f"{SPACE}path"))
    drawn = sum(path.get("d", "").count("M") for path in paths)
    assert len(paths) == 2
    assert drawn == (colours.codes != 2).sum()
    words = said(tree)
    assert '<0 & "1"> (100)' in words
    assert not any("small" in text for text in words)
    assert {"UMAP 1", "UMAP 2", "Cluster", "N = 300"} <= set(words)


def test_the_svg_has_contours_outline_and_names(tmp_path):
    more = """
shown.contours = contoursOf(points.x, points.y);
shown.outline = [[0, 0], [1, 0], [1, 1]];
shown.names = [["0", 0, 0]];
"""
    tree = svg(tmp_path, more=more)
    dashed = [p for p in tree.iter(f"{SPACE}path") if p.get("stroke-dasharray")]
    assert len(dashed) == 1
    assert dashed[0].get("d", "").count("L") == 2
    assert sum(p.get("stroke-opacity") is not None for p in tree.iter()) == 4
    assert said(tree)[0] == "0"


def test_the_svg_of_a_scale_has_its_bar_and_its_missing(tmp_path):
    steps = [
        {"name": f"{i} to {i + 1}", "colour": "", "count": "9", "layer": 0, "at": at}
        for i, at in enumerate((0.2, 0.8))
    ]
    grey = {
        "name": "missing",
        "colour": "#7F8C98",
        "count": "7",
        "layer": 0,
        "at": None,
    }
    tree = svg(tmp_path, categories=[*steps, grey], scale={"low": "1", "high": "9"})
    bar = [r for r in tree.iter(f"{SPACE}rect") if r.get("width") == "14"]
    assert len(bar) == 2
    assert float(bar[0].get("y")) > float(bar[1].get("y")), "low is below"
    words = said(tree)
    assert {"1", "9", "missing (7)"} <= set(words)
    assert not any(re.search(r"\d to \d", text) for text in words)


# ---- the component -------------------------------------------------------------------
def test_the_component_names_no_address():
    for path in HERE.iterdir():
        if path.suffix in {".js", ".css", ".html"}:
            text = path.read_text(encoding="utf-8").replace(
                "http://www.w3.org/2000/svg", ""
            )
            assert "//" not in text.replace("// ", "").replace("//\n", ""), path
            assert "fetch(" not in text
            assert "import " not in text
            assert len(text.splitlines()) <= 300, path


@pytest.mark.parametrize("query", [{}, {"colour": "code"}, {"colour": "age"}])
def test_the_screen_sends_no_id_and_no_hidden_count(screen, done_study, query):
    at = screen("clusters", done_study, **query)
    ((view, drawn),) = crawl(at).maps
    for category in view["categories"]:
        count = int((drawn["category"] == category["name"]).sum())
        if category["count"] == "hidden":
            assert category["name"] == "small"
        else:
            assert int(category["count"].replace(",", "")) == count
        assert not 0 < count < 5
    assert f"{len(drawn):,} participants" in view["alt"]
    assert set(drawn.columns) == {"x", "y", "category"}
