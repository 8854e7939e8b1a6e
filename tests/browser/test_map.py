"""The map of points in a real browser: hover, legend, keys, lasso, files, phone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, expect
from test_whole_way import SIZE, Visit, names_nobody

from edp_core.store import Store, read_array

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PIXELS = """(canvas, colour) => {
  const held = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const found = [];
  for (let i = 0; i < held.width * held.height; i++) {
    const [r, g, b, a] = held.data.subarray(4 * i, 4 * i + 4);
    if (a > 100 && Math.abs(r - colour[0]) + Math.abs(g - colour[1]) +
        Math.abs(b - colour[2]) < 12)
      found.push([i % held.width, Math.floor(i / held.width)]);
  }
  return found;
}"""
"""Where the canvas has a colour."""

POINTS = """() => [...document.querySelectorAll(".st-key-percentage_plot path")]
  .filter(e => e.__data__?.datum?.direction && e.getAttribute("aria-label"))
  .map(e => { const r = e.getBoundingClientRect(), d = e.__data__.datum;
              return {code: d.code, direction: d.direction,
                      x: r.x + r.width / 2, y: r.y + r.height / 2}; })"""
"""Codes of the percentage–pval plot and where they are drawn."""


@pytest.fixture
def visit(chromium: Browser, server: str) -> Iterator[Visit]:
    """The screen Clusters, its map drawn."""
    context = chromium.new_context(viewport=SIZE, accept_downloads=True)
    opened = Visit(context, server)
    opened.go("/clusters")
    canvas_of(opened).wait_for()
    opened.page.wait_for_function("n => n >= 1", arg=painted(opened))
    yield opened
    assert not opened.errors
    assert not opened.outside
    context.close()


def canvas_of(visit: Visit) -> Locator:
    return visit.page.locator("canvas[data-part=canvas]")


def painted(visit: Visit) -> int:
    """How many times the map was drawn."""
    return int(canvas_of(visit).get_attribute("data-painted") or 0)


def picture(visit: Visit) -> str:
    """The canvas as it is, once it is drawn."""
    visit.page.wait_for_timeout(150)
    return canvas_of(visit).evaluate("canvas => canvas.toDataURL()")


def legend(visit: Visit) -> list[tuple[str, list[int]]]:
    """Categories with their colours."""
    rows = visit.page.locator(".st-key-scatter [data-part=legend] button")
    return [
        (
            row.get_attribute("title").removeprefix("Show or hide "),
            row.locator("i").evaluate(
                "e => getComputedStyle(e).backgroundColor.match(/\\d+/g).map(Number)"
            ),
        )
        for row in rows.all()
    ]


def test_hover_tells_the_category_and_nobody(visit, study):
    eids = set(pd.read_csv(study / "participants.csv", dtype=str)["eid"])
    canvas, seen = canvas_of(visit), set()
    box = canvas.bounding_box()
    for name, colour in legend(visit):
        spots = canvas.evaluate(PIXELS, colour)
        assert spots, name
        for x, y in spots[:: max(1, len(spots) // 4)]:
            visit.page.mouse.move(box["x"] + x, box["y"] + y)
            tip = visit.page.locator(".st-key-scatter [data-part=tip]")
            expect(tip).to_be_visible()
            text = tip.inner_text()
            assert re.fullmatch(r"Cluster (\d+|small)", text)
            assert names_nobody(text, eids)
            seen.add(text)
    assert {f"Cluster {name}" for name, _ in legend(visit)} == seen
    assert names_nobody(visit.text(), eids)
    visit.page.mouse.move(box["x"] + 2, box["y"] + 2)
    expect(visit.page.locator(".st-key-scatter [data-part=tip]")).to_be_hidden()


def test_the_legend_hides_and_shows_a_category(visit):
    canvas, (name, colour) = canvas_of(visit), legend(visit)[0]
    before = picture(visit)
    button = visit.page.get_by_role("button", name=re.compile(rf"^{name}\b")).first
    button.click()
    visit.page.mouse.move(5, 5)  # what is pointed at dims the others
    expect(button).to_have_attribute("aria-pressed", "false")
    picture(visit)
    assert not canvas.evaluate(PIXELS, colour)
    other = legend(visit)[1][1]
    assert canvas.evaluate(PIXELS, other), "the others stay"
    button.click()
    visit.page.mouse.move(5, 5)
    expect(button).to_have_attribute("aria-pressed", "true")
    assert picture(visit) == before


def test_pointing_at_a_category_dims_the_others(visit):
    canvas, categories = canvas_of(visit), legend(visit)
    name, colour = categories[0]
    before = picture(visit)
    visit.page.get_by_role("button", name=re.compile(rf"^{name}\b")).first.hover()
    picture(visit)
    assert canvas.evaluate(PIXELS, colour)
    for _, other in categories[1:]:
        assert not canvas.evaluate(PIXELS, other)
    visit.page.mouse.move(5, 5)
    assert picture(visit) == before


def test_keys_move_the_map(visit):
    home = picture(visit)
    canvas_of(visit).focus()
    press = visit.page.keyboard.press
    for key, back in [
        ("ArrowLeft", "ArrowRight"),
        ("ArrowUp", "ArrowDown"),
        ("+", "-"),
        ("+", "0"),
        ("ArrowRight", "0"),
    ]:
        press(key)
        assert picture(visit) != home, key
        press(back)
        assert picture(visit) == home, back


def test_the_files_hold_what_is_drawn(visit, study, tmp_path):
    store = Store(study / "store")
    labels = read_array(store.at("atlas/liver/mae"), "clusters")
    names = legend(visit)
    gone = names[1]
    visit.page.get_by_role("button", name=re.compile(rf"^{gone[0]}\b")).first.click()
    files = {}
    for kind in ("SVG", "PNG"):
        with visit.page.expect_download() as waiting:
            visit.page.locator(f".st-key-scatter [data-part={kind.lower()}]").click()
        held = waiting.value
        assert held.suggested_filename == f"umap-liver-mae-cluster.{kind.lower()}"
        files[kind] = tmp_path / held.suggested_filename
        held.save_as(files[kind])

    space = "{http://www.w3.org/2000/svg}"
    tree = ET.parse(files["SVG"]).getroot()
    drawn = sum(p.get("d", "").count("M") for p in tree.iter(f"{space}path"))
    hidden = int((labels == int(gone[0])).sum())
    assert drawn == len(labels) - hidden
    said = [t.text for t in tree.iter(f"{space}text")]
    assert {"UMAP 1", "UMAP 2", "Cluster"} <= set(said)
    assert f"N = {len(labels):,}" in said
    rows = [text for text in said if re.fullmatch(r"\S+ \(([\d,]+|hidden)\)", text)]
    assert len(rows) == len(names) - 1
    assert not any(text.startswith(f"{gone[0]} (") for text in rows)

    with Image.open(files["PNG"]) as image:
        pixels = np.asarray(image.convert("RGBA")).astype(int)
    assert (pixels[..., 3] == 255).all(), "it has a ground of its own"
    box = canvas_of(visit).bounding_box()
    assert pixels.shape[1] > 2 * box["width"], "twice as fine as the screen"
    for name, colour in names:
        near = (np.abs(pixels[..., :3] - colour).sum(axis=2) < 3).sum()
        assert (near > 0) == (name != gone[0]), name


def draw(visit: Visit, *, wide: float = 0.2) -> None:
    """A lasso around a part of the map, with the mouse."""
    page, box = visit.page, canvas_of(visit).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.locator(".st-key-scatter [data-part=lasso]").click()
    page.mouse.move(x + box["width"] * wide, y)
    page.mouse.down()
    for turn in np.linspace(0, 2 * np.pi, 40):
        page.mouse.move(
            x + box["width"] * wide * np.cos(turn),
            y + box["height"] * wide * np.sin(turn),
        )
    page.mouse.up()
    visit.settle()


OVER = """() => { const c = document.querySelector(".st-key-scatter")
    .querySelector("*").parentElement, find = (e) => e.shadowRoot?.querySelector(
    "[data-part=over]") ?? [...e.children].map(find).find(Boolean);
  const over = find(c), pixels = over.getContext("2d")
    .getImageData(0, 0, over.width, over.height).data;
  let held = 0;
  for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 200) held++;
  return held; }"""
"""Pixels drawn over the points."""


@pytest.fixture
def bare(visit: Visit) -> Visit:
    """Without names on the map, so that what lies over it was drawn by hand."""
    visit.page.locator(".st-key-scatter [data-part=names]").click()
    picture(visit)
    assert visit.page.evaluate(OVER) == 0
    return visit


def test_a_lasso_is_heard_and_its_outline_comes_back(bare):
    painted_points = picture(bare)
    draw(bare, wide=0.45)
    assert bare.page.evaluate(OVER) > 100, "the server sent the outline back"
    assert picture(bare) == painted_points, "points stay as they are"
    assert "in the group" in bare.text() or "N = " in bare.text()


def test_keys_draw_a_box_and_a_lasso(bare):
    press = bare.page.keyboard.press
    canvas_of(bare).focus()
    press("b")
    status = bare.page.locator(".st-key-scatter [data-part=status]")
    expect(status).to_contain_text("Enter takes it")
    picture(bare)
    first = bare.page.evaluate(OVER)
    assert first > 100
    press("Shift+ArrowRight")
    press("Shift+ArrowDown")
    picture(bare)
    assert bare.page.evaluate(OVER) > first, "it is larger"
    press("Escape")
    picture(bare)
    assert bare.page.evaluate(OVER) == 0
    press("l")
    for keys in (["ArrowLeft"] * 9, ["ArrowUp"] * 9, ["ArrowRight"] * 18):
        press("Space")
        for key in keys:
            press(key)
    press("Enter")
    bare.settle()
    picture(bare)
    assert bare.page.evaluate(OVER) > 30, "the outline of a lasso drawn with keys"


def test_contours_are_drawn_and_saved(bare, tmp_path):
    bare.page.locator(".st-key-scatter [data-part=contours]").click()
    picture(bare)
    assert bare.page.evaluate(OVER) > 300
    with bare.page.expect_download() as waiting:
        bare.page.locator(".st-key-scatter [data-part=svg]").click()
    waiting.value.save_as(tmp_path / "map.svg")
    tree = ET.parse(tmp_path / "map.svg").getroot()
    lines = [path for path in tree.iter() if path.get("stroke-opacity")]
    assert len(lines) == 4


def test_a_scale_has_a_bar_and_the_dark_theme_other_colours(chromium, server):
    seen = {}
    for scheme in ("light", "dark"):
        context = chromium.new_context(viewport=SIZE, color_scheme=scheme)
        opened = Visit(context, server)
        opened.go("/clusters?colour=BMI")
        canvas_of(opened).wait_for()
        bar = opened.page.locator(".st-key-scatter [data-part=legend] .steps i")
        expect(bar.first).to_be_visible()
        seen[scheme] = bar.first.evaluate("e => getComputedStyle(e).backgroundColor")
        assert (
            "kg/m²"
            in opened.page.locator(".st-key-scatter [data-part=legend]").inner_text()
        )
        text = canvas_of(opened).get_attribute("aria-label")
        assert "by BMI (kg/m²)" in text
        assert not opened.errors
        context.close()
    assert seen["light"] != seen["dark"]


def test_a_phone_has_the_legend_below_and_two_fingers_zoom(chromium, server):
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    opened = Visit(context, server)
    opened.page.goto(f"{server}/clusters")  # its sidebar is folded away
    canvas = canvas_of(opened)
    canvas.wait_for()
    opened.settle()
    canvas.scroll_into_view_if_needed()
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    box = canvas.bounding_box()
    below = opened.page.locator(".st-key-scatter [data-part=legend]").bounding_box()
    assert below["y"] > box["y"] + box["height"]
    home = picture(opened)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    opened.page.touchscreen.tap(x, y)
    session = context.new_cdp_session(opened.page)
    for i, kind in enumerate(["touchStart", *["touchMove"] * 9, "touchEnd"]):
        apart = 20 + 6 * i
        at = [] if kind == "touchEnd" else [x - apart, x + apart]
        fingers = [{"x": px, "y": y, "id": n} for n, px in enumerate(at)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    assert picture(opened) != home
    assert not opened.errors
    context.close()


def alone(point: dict, points: list[dict]) -> bool:
    """Whether no other code is drawn near a point."""
    return all(
        abs(point["x"] - other["x"]) + abs(point["y"] - other["y"]) > 20
        for other in points
        if other["code"] != point["code"]
    )


def test_a_click_picks_a_code_hollow_or_filled(visit):
    # codes of which several lie apart in the small study
    visit.go("/clusters?vocabulary=medications")
    visit.page.wait_for_selector(".st-key-percentage_plot path[aria-label]")
    clicked = set()
    for direction in ("depleted", "enriched"):
        chosen = visit.value("code_box").split(" ")[0]
        points = visit.page.evaluate(POINTS)
        others = [p for p in points if p["code"] != chosen]
        # alone, so that no other point lies over it
        apart = [p for p in others if p["direction"] == direction and alone(p, points)]
        if not apart:
            continue
        visit.page.mouse.click(apart[0]["x"], apart[0]["y"])
        code = apart[0]["code"].split(":")[-1]
        named = re.compile(rf"^{re.escape(code)}\b")
        expect(visit.page.locator(".st-key-code_box input")).to_have_value(named)
        visit.settle()
        clicked.add(direction)
    assert clicked, points
