"""The map of points: its bytes, its pure part in node, what it takes from a browser."""

from __future__ import annotations

import base64
import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_node import N, node, points

from app.scatter import MOST_VERTICES, pack, read_drawn, view_of
from edp_core.errors import InputError


# ---- bytes ---------------------------------------------------------------------------
@pytest.mark.parametrize("n", [0, 1, 7, 10])
def test_bytes_hold_places_and_colours_and_nothing_else(n):
    shown, colours = points(n)
    name, content = pack(shown, colours.codes)
    (length,) = struct.unpack("<I", content[:4])
    assert length % 4 == 0
    assert json.loads(content[4 : 4 + length]) == {"id": name, "n": n}
    rest = content[4 + length :]
    assert len(rest) == 9 * n
    assert np.array_equal(np.frombuffer(rest, "<f4", n), shown.x)
    assert np.array_equal(np.frombuffer(rest, "<f4", n, 4 * n), shown.y)
    assert np.array_equal(np.frombuffer(rest, "u1", n, 8 * n), colours.codes)


def test_a_set_of_points_is_named_by_its_content():
    shown, colours = points()
    first = pack(shown, colours.codes)
    assert first == pack(*(lambda s, c: (s, c.codes))(*points()))
    assert first[0] != pack(shown, (colours.codes + 1) % 3)[0]
    assert first[0] != pack(points(N, 1)[0], colours.codes)[0]
    with pytest.raises(ValueError, match="299 colours for 300 points"):
        pack(shown, colours.codes[1:])


def test_no_points_are_no_error(tmp_path):
    found = node(
        "print([points.n, home(100, 100), contoursOf(points.x, points.y)]);",
        tmp_path, 0,
    )  # fmt: skip
    assert found[0] == 0
    assert found[1]["scale"] > 0
    assert found[2] == []


def test_what_is_packed_is_unpacked_even_at_an_odd_place(tmp_path):
    script = """
const whole = new Uint8Array(readFileSync(process.argv[2]));
const shifted = new Uint8Array(whole.length + 3);
shifted.set(whole, 3);
const other = unpack(shifted.subarray(3));
print({x: [...other.x], y: [...points.y], k: [...points.k], id: other.id});
"""
    found = node(script, tmp_path)
    shown, colours = points()
    assert np.allclose(found["x"], shown.x, atol=1e-6)
    assert np.allclose(found["y"], shown.y, atol=1e-6)
    assert found["k"] == colours.codes.tolist()
    assert found["id"] == pack(shown, colours.codes)[0]


@pytest.mark.parametrize("n", [1, 8, 9, N])
def test_a_highlight_is_one_bit_a_point(tmp_path, n):
    chosen = np.random.default_rng(n).random(n) < 0.4
    shown, colours = points(n)
    sent = view_of(shown, colours, title=None, highlight=chosen)
    assert len(base64.b64decode(sent["highlight"])) == math.ceil(n / 8)
    script = "print([...unpackBits(meta.highlight, points.n)]);"
    found = node(script, tmp_path, n, highlight=sent["highlight"])
    assert found == chosen.astype(int).tolist()
    assert f" {chosen.sum()} are highlighted" in sent["alt"]


def test_points_and_what_is_said_of_them_wait_for_each_other(tmp_path):
    script = """
const here = { held: new Map(), waiting: new Map() }, seen = [];
whenThere("a", () => seen.push("a early"), here);
whenThere("a", () => seen.push("a early too"), here);
deliver({ id: "a" }, here);
whenThere("a", () => seen.push("a late"), here);
for (const id of "bcdefgh") deliver({ id }, here);
whenThere("a", () => seen.push("a forgotten"), here);
print({seen, held: [...here.held.keys()], waiting: [...here.waiting.keys()]});
"""
    found = node(script, tmp_path)
    assert found["seen"] == ["a early", "a early too", "a late"]
    assert found["held"] == list("cdefgh"), "only the newest sets are kept"
    assert found["waiting"] == ["a"]


# ---- places --------------------------------------------------------------------------
def test_the_whole_map_fits_and_zooming_keeps_the_place_under_the_pointer(tmp_path):
    script = """
const view = home(400, 300);
const all = [...points.x].map((x, i) => toScreen(view, 400, 300, x, points.y[i]));
const before = toData(view, 400, 300, 123, 45);
const near = zoomAt(view, 400, 300, 123, 45, 3, view.scale / 2, view.scale * 200);
const stays = toData(near, 400, 300, 123, 45);
const back = zoomAt(near, 400, 300, 123, 45, 1 / 3, view.scale / 2, view.scale * 200);
const far = zoomAt(view, 400, 300, 0, 0, 1e9, view.scale / 2, view.scale * 200);
print({all, before, stays, view, back, far});
"""
    found = node(script, tmp_path)
    all_ = np.array(found["all"])
    assert all_.min() >= 0
    assert all_[:, 0].max() <= 400
    assert all_[:, 1].max() <= 300
    assert found["stays"] == pytest.approx(found["before"])
    assert found["back"] == pytest.approx(found["view"])
    assert found["far"]["scale"] == pytest.approx(200 * found["view"]["scale"])


def test_the_nearest_point_is_that_of_a_full_search(tmp_path):
    queries = np.random.default_rng(1).normal([0, 3], [1.5, 2.5], (200, 2))
    script = f"""
const grid = makeGrid(points.x, points.y, 16);
print({json.dumps(queries.tolist())}.map(([x, y]) =>
  nearest(points, grid, x, y, 0.3, (k) => k !== 2)));
"""
    found = node(script, tmp_path)
    shown, colours = points()
    xy = np.column_stack([shown.x, shown.y]).astype(float)
    for query, answer in zip(queries, found, strict=True):
        distance = np.where(colours.codes != 2, np.hypot(*(xy - query).T), np.inf)
        best = int(distance.argmin())
        assert answer == (best if distance[best] <= 0.3 else -1)


def test_names_stand_in_the_middle_of_their_points(tmp_path):
    found = node("print(middles(points, 4));", tmp_path)
    shown, colours = points()
    for k in range(3):
        of_it = colours.codes == k
        assert (shown.x[of_it] < found[k][0] + 1e-6).mean() == pytest.approx(
            0.5, abs=0.02
        )
        assert (shown.y[of_it] < found[k][1] + 1e-6).mean() == pytest.approx(
            0.5, abs=0.02
        )
    assert found[3] is None


# ---- polygons ------------------------------------------------------------------------
def test_a_long_lasso_loses_vertices_and_not_its_shape(tmp_path):
    script = """
const ring = Array.from({length: 50000}, (_, i) => {
  const t = 2 * Math.PI * i / 50000, r = 100 + 30 * Math.sin(7 * t);
  return [r * Math.cos(t), r * Math.sin(t)];
});
print({fine: thinned(ring, 0.05), few: simplified(ring, 0, 200), sent:
  drawing("lasso", ring, new Set(["a"]), 0)});
"""
    found = node(script, tmp_path)
    t = np.linspace(0, 2 * np.pi, 50000, endpoint=False)
    r = 100 + 30 * np.sin(7 * t)
    ring = np.column_stack([r * np.cos(t), r * np.sin(t)])
    kept = np.array(found["fine"])
    assert 20 < len(kept) < 2000
    # independently: every vertex left out lies within 0.05 of the line that is kept
    starts, ends = kept[:-1], kept[1:]
    along = ends - starts
    for vertex in ring[:-1][::97]:
        u = ((vertex - starts) * along).sum(1) / (along**2).sum(1)
        nearest = starts + np.clip(u, 0, 1)[:, None] * along
        assert np.hypot(*(vertex - nearest).T).min() < 0.0501
    assert len(found["few"]) <= 200
    assert len(found["sent"]["polygon"]) <= MOST_VERTICES
    assert read_drawn(found["sent"], names=["a"]).hidden == ("a",)


@pytest.mark.parametrize(
    "ring",
    [
        [],
        [[0, 0]],
        [[0, 0], [5, 5]],
        [[0, 0], [5, 5], [2, 2]],
        [[0, 0], [0.2, 0], [0, 0.2]],
    ],
    ids=["nothing", "a point", "a line", "a line back", "a speck"],
)
def test_what_encloses_nothing_is_not_sent(tmp_path, ring):
    script = f'print(drawing("lasso", {json.dumps(ring)}, new Set(), 0.1));'
    assert node(script, tmp_path) is None


def test_a_box_is_a_box_wherever_it_begins(tmp_path):
    corners = "[[[0,1],[2,5]], [[2,5],[0,1]], [[0,5],[2,1]]]"
    boxes = node(f"print({corners}.map(([a, b]) => boxOf(a, b)));", tmp_path)
    assert boxes == [[[0, 1], [2, 1], [2, 5], [0, 5]]] * 3


SQUARE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]
BAD = [
    None, "x", 3, [], {}, {"polygon": "x"}, {"polygon": SQUARE[:2]},
    {"polygon": [[0, 0]] * (MOST_VERTICES + 1)},
    {"polygon": [*SQUARE, [math.nan, 0]]},
    {"polygon": [*SQUARE, [math.inf, 0]]},
    {"polygon": [*SQUARE, [10**400, 0]]},
    {"polygon": [*SQUARE, [True, 0]]},
    {"polygon": [*SQUARE, ["1", 0]]},
    {"polygon": [*SQUARE, [1]]},
    {"polygon": [*SQUARE, {"x": 1}]},
    {"polygon": SQUARE, "hidden": "0"},
    {"polygon": SQUARE, "hidden": ["<b>"]},
    {"polygon": SQUARE, "hidden": [["0"]]},
    {"polygon": SQUARE, "tool": "pen"},
    {"polygon": SQUARE, "tool": ["lasso"]},
]  # fmt: skip


@pytest.mark.parametrize("payload", BAD, ids=lambda value: repr(value)[:40])
def test_what_no_map_would_send_is_refused(payload):
    if isinstance(payload, dict) and "tool" not in payload:
        payload = payload | {"tool": "lasso"}
    with pytest.raises(InputError, match="cannot be read"):
        read_drawn(payload, names=["0", "1"])


def test_a_polygon_of_the_most_vertices_is_read():
    turn = np.linspace(0, 6, MOST_VERTICES)
    ring = np.column_stack([np.cos(turn), np.sin(turn)]).tolist()
    found = read_drawn(
        {"polygon": ring, "hidden": ["1", "0", "1"], "tool": "box"}, names=["0", "1"]
    )
    assert np.array_equal(found.polygon, ring)
    assert (found.hidden, found.tool) == (("0", "1"), "box")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["polygon", "hidden", "tool", "0"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_is_sent_is_read_or_refused(payload):
    try:
        found = read_drawn(payload, names=["0"])
    except InputError as error:
        assert "cannot be read" in error.message
    else:
        assert len(found.polygon) >= 3
        assert np.isfinite(found.polygon).all()
