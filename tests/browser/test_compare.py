"""The screen Compare in a real browser: views, links, clicks, downloads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest
from playwright.sync_api import Browser, expect
from test_whole_way import SIZE, Visit, names_nobody

from app import data, recipes
from app.basket import Basket
from app.state import Choice

pytestmark = [pytest.mark.slow, pytest.mark.browser]

LIVER = Choice("liver", "mae", "I10", 0)
VIEWS = (
    "Two phenotypes", "Correlations", "Confounders", "PheWAS",
    "Same people elsewhere", "Encoders and seeds",
)  # fmt: skip
POINTS = """() => [...document.querySelectorAll(".st-key-phewas_matrix path")]
  .filter(e => e.__data__?.datum?.code && e.__data__.datum.size > 0.5)
  .map(e => { const r = e.getBoundingClientRect();
              return {code: e.__data__.datum.code, wide: r.width,
                      x: r.x + r.width / 2, y: r.y + r.height / 2}; })"""


@pytest.fixture(scope="module")
def names(study: Path) -> list[str]:
    """Phenotypes of the basket."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(data.STUDY_VARIABLE, str(study))
        specs = [
            recipes.classifier(LIVER, "I10", name="liver_I10"),
            recipes.component(LIVER, 2, name="liver_PC2"),
            recipes.component(Choice("kidney", "mae", None, 0), 1, name="kidney_PC1"),
            recipes.column("bmi", name="bmi"),
        ]
        Basket(study / "store").add_all(specs)
    return [spec.name for spec in specs]


@pytest.fixture
def visit(chromium: Browser, server: str, names: list[str]) -> Iterator[Visit]:
    context = chromium.new_context(viewport=SIZE, accept_downloads=True)
    opened = Visit(context, server)
    yield opened
    assert not opened.errors
    assert not opened.outside
    context.close()


def test_views_a_link_and_a_click(visit, chromium, server, study, names, tmp_path):
    eids = set(pd.read_csv(study / "participants.csv", dtype=str)["eid"])
    page = visit.page
    picked = "&".join(f"picked={name}" for name in names)
    visit.go(f"/compare?code=I10&{picked}")
    expect(page.locator("h1").first).to_have_text("Compare")
    for view in VIEWS:
        page.get_by_role("tab", name=view).click()
        visit.settle()
        expect(page.get_by_role("tab", name=view)).to_have_attribute(
            "aria-selected", "true"
        )
        page.wait_for_function(
            "() => [...document.querySelectorAll('[data-testid=stVegaLiteChart], "
            "canvas')].some(e => e.offsetParent !== null)"
        )
        assert names_nobody(visit.text(), eids)

    # two others are chosen; the link opens on them in another profile
    page.get_by_role("tab", name=VIEWS[0]).click()
    visit.settle()
    visit.pick("upwards", "kidney_PC1")
    assert visit.query()["upwards"] == ["kidney_PC1"]
    figures = page.get_by_test_id("stMetricValue").all_inner_texts()
    link = visit.link()
    fresh = chromium.new_context(viewport=SIZE)
    other = Visit(fresh, server)
    other.go(link)
    expect(other.page.get_by_test_id("stMetricValue").first).to_be_visible()
    assert other.page.get_by_test_id("stMetricValue").all_inner_texts() == figures
    assert other.value("upwards") == "kidney_PC1"
    assert not other.errors
    fresh.close()

    # a table leaves with its settings in the first line
    page.get_by_role("tab", name=VIEWS[1]).click()
    visit.settle()
    with page.expect_download() as given:
        page.get_by_role("button", name="CSV").last.click()
    given.value.save_as(tmp_path / "correlations.csv")
    head, rest = (tmp_path / "correlations.csv").read_text().split("\n", 1)
    assert head.startswith("# Pearson, nothing held fixed; liver_I10 (N = ")
    assert rest.startswith("first,second,r,low,high,log10p,n")


def test_a_click_on_an_outcome_picks_its_code(visit, names):
    page = visit.page
    picked = "&".join(f"picked={name}" for name in names[:2])
    visit.go(f"/compare?code=I10&compared=PheWAS&{picked}")
    page.wait_for_selector(".st-key-phewas_matrix path[aria-label]")
    listed = {
        option.split(" ")[0] for option in _options(visit)
    }  # codes of the vocabulary, which a click may choose
    points = [p for p in page.evaluate(POINTS) if p["code"] in listed - {"I10"}]
    assert points
    point = max(points, key=lambda p: p["wide"])
    page.mouse.click(point["x"], point["y"])
    named = re.compile(rf"^{re.escape(point['code'])}\b")
    expect(page.locator(".st-key-code_box input")).to_have_value(named)
    visit.settle()


def _options(visit: Visit) -> list[str]:
    box = visit.page.locator(".st-key-code_box input")
    box.click()
    found = visit.page.get_by_role("option").all_inner_texts()
    visit.page.keyboard.press("Escape")
    visit.settle()
    return found


def test_the_same_people_are_lit_on_another_map(visit, names):
    page = visit.page
    people = quote("top tenth of liver_PC2")
    visit.go(
        "/compare?compared=Same+people+elsewhere&picked=liver_PC2&picked=bmi"
        f"&these={people}"
    )
    canvas = page.locator("canvas[data-part=canvas]")
    canvas.wait_for()
    page.wait_for_timeout(300)
    first = canvas.evaluate("canvas => canvas.toDataURL()")
    expect(
        page.get_by_text("Map of kidney/mae. top tenth of liver_PC2")
    ).to_be_visible()
    visit.pick("these", "bottom tenth of liver_PC2")
    page.wait_for_timeout(500)
    assert canvas.evaluate("canvas => canvas.toDataURL()") != first
    # the text alternative says what the map is of
    expect(canvas).to_have_attribute("aria-label", re.compile("UMAP of kidney/mae"))
