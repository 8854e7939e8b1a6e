"""Images in a real Chromium: seen, enlarged, scrolled, saved, and never fetched."""

from __future__ import annotations

import io
import itertools
import re
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def shown(canvas: Locator) -> np.ndarray:
    """Pixels of a canvas, (H, W, 3)."""
    expect(canvas).to_have_attribute("data-painted", re.compile(r"\d+"))
    values = canvas.evaluate(
        "c => [c.height, c.width, "
        "...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    height, width = values[:2]
    return np.array(values[2:], np.uint8).reshape(height, width, 4)[..., :3]


def settled(canvas: Locator, before: np.ndarray) -> np.ndarray:
    """Pixels of a canvas once they are others than before."""
    for _ in range(100):
        now = shown(canvas)
        if now.shape != before.shape or not np.array_equal(now, before):
            return now
        time.sleep(0.1)
    pytest.fail("the canvas shows what it showed before")


@pytest.fixture
def page(server: str, chromium: Browser):
    context = chromium.new_context(viewport={"width": 1300, "height": 1000})
    page = context.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.asked = []
    page.on("request", lambda request: page.asked.append(request))
    yield page
    context.close()
    assert not trouble


def open_tab(page: Page, server: str, query: str = "") -> Locator:
    page.goto(f"{server}/phenotype?organ=kidney&look=Images{query}")
    page.wait_for_selector(IDLE, timeout=60000)
    strip = page.locator(".st-key-strip")
    strip.scroll_into_view_if_needed(timeout=60000)
    page.wait_for_selector(IDLE)
    return strip


def test_images_are_seen_and_none_is_asked_for_by_an_address(page, server):
    strip = open_tab(page, server)
    tiles = strip.locator("figure canvas")
    expect(tiles).to_have_count(20)
    assert shown(tiles.first).max() > 0
    page.goto(f"{server}/?organ=kidney")
    page.wait_for_selector(IDLE, timeout=60000)
    expect(page.locator(".st-key-sample figure canvas")).to_have_count(12)
    assert page.locator(".stMain img").count() == 0
    kinds = {(r.resource_type, r.url) for r in page.asked if r.resource_type == "image"}
    assert all(url.startswith("data:image/svg") or "icon" in url or "favicon" in url
               for _, url in kinds), kinds  # fmt: skip
    asked = [urlsplit(request.url).path for request in page.asked]
    assert asked
    # the studio's own fonts lie under /static/media; what Streamlit serves for an
    # element would lie under /media
    assert not [path for path in asked if path.startswith(("/media", "/app/static"))]
    named = {path for path in asked if re.search(r"\.(png|webp|jpe?g)$", path)}
    assert named <= {"/favicon.png"}


def test_an_image_is_enlarged_and_its_slices_scrolled_by_keys(page, server):
    strip = open_tab(page, server)
    first = strip.get_by_role("button", name="Enlarge").first
    first.focus()
    page.keyboard.press("ArrowRight")
    focused = "e => e === e.getRootNode().activeElement"
    second = strip.get_by_role("button", name="Enlarge").nth(1)
    assert second.evaluate(focused)
    page.keyboard.press("Enter")
    dialog, large = strip.locator("dialog"), strip.locator("[data-part=large]")
    expect(dialog).to_be_visible()
    where = strip.locator("[data-part=where]")
    expect(where).to_have_text(re.compile(r"slice \d+ of \d+"), timeout=20000)
    number, of = map(int, re.findall(r"\d+", where.inner_text()))
    assert number == of // 2 + 1, "it opens on the slice that the small image shows"
    before = shown(large)
    page.keyboard.press("ArrowUp")
    expect(where).to_have_text(f"slice {number - 1} of {of}")
    settled(large, before)
    label = large.get_attribute("aria-label")
    assert f"slice {number - 1} of {of}" in label and "percentile" in label
    # the next person, and back, without going through the server again
    page.keyboard.press("ArrowRight")
    expect(large).to_have_attribute("aria-label", re.compile("3 of 4"))
    width = large.evaluate("c => c.clientWidth")
    page.keyboard.press("+")
    assert large.evaluate("c => c.clientWidth") > 1.3 * width
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert strip.get_by_role("button", name="Enlarge").nth(2).evaluate(focused)


def test_the_sides_and_channels_of_a_person_are_shown(page, server):
    strip = open_tab(page, server)
    strip.get_by_role("button", name="Enlarge").first.click()
    buttons = strip.locator("[data-part=series] button")
    expect(buttons).to_have_count(6, timeout=20000)
    names = buttons.all_inner_texts()
    assert names[:3] == ["left · fat + water", "left · fat", "left · water"]
    large = strip.locator("[data-part=large]")
    before = shown(large)
    buttons.nth(1).click()
    grey = settled(large, before).astype(int)
    assert np.ptp(grey, axis=2).max() == 0, "one channel is grey"
    expect(buttons.nth(1)).to_have_attribute("aria-pressed", "true")


def test_figures_are_saved_with_their_n(page, server):
    open_tab(page, server)
    mean = page.locator(".st-key-mean")
    with page.expect_download() as saved:
        mean.get_by_role("button", name="SVG").click()
    text = Path(saved.value.path()).read_text()
    words = " ".join(ET.fromstring(text).itertext())
    assert re.search(r"N = [\d,]+", words)
    assert "Matched controls" in words
    with page.expect_download() as saved:
        mean.get_by_role("button", name="PNG").click()
    assert saved.value.suggested_filename.endswith(".png")
    image = Image.open(io.BytesIO(Path(saved.value.path()).read_bytes()))
    assert min(image.size) > 300
    assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 50


def test_a_click_on_the_map_shows_the_image_behind_it(page, server):
    page.goto(f"{server}/clusters?organ=liver")
    page.wait_for_selector(IDLE, timeout=60000)
    canvas = page.locator(".st-key-scatter canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    behind = page.locator(".st-key-behind_point")
    tip = page.locator(".st-key-scatter [data-part=tip]")
    for across, down in itertools.product(np.linspace(0.1, 0.9, 33), (0.5, 0.35, 0.65)):
        place = {"x": box["width"] * across, "y": box["height"] * down}
        canvas.hover(position=place)
        if tip.is_visible():  # there is a point
            canvas.click(position=place)
            break
    else:
        pytest.fail("no point was found on the map")
    expect(behind.locator("figure canvas").first).to_be_visible(timeout=20000)
    assert "cluster" in behind.locator("figcaption").first.inner_text()


def test_on_a_narrow_screen_nothing_is_cut_off(server, chromium):
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark"
    )
    page = context.new_page()
    strip = open_tab(page, server)
    boxes = [tile.bounding_box() for tile in strip.locator("figure").all()]
    assert all(b["x"] >= 0 and b["x"] + b["width"] <= 390 for b in boxes)
    strip.get_by_role("button", name="Enlarge").first.click()
    box = strip.locator("dialog").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert box["y"] >= 0 and box["y"] + box["height"] <= 844
    context.close()
