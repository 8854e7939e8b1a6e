"""A visit to the studio in a real browser: links, search, legend, dark mode."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from edp_core.export.regenie import validate_table

pytestmark = [pytest.mark.slow, pytest.mark.browser]

IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
NORMAL = re.compile(r"/_stcore/(health|host-config)$")
"""Streamlit asks for these below a page's path first and is told 404."""
SIZE = {"width": 1400, "height": 1000}
POINTS = """() => [...document.querySelectorAll(".st-key-auc_plot path[aria-label]")]
  .filter(e => e.__data__?.datum?.code && e.getAttribute("aria-label").includes("Code"))
  .map(e => { const r = e.getBoundingClientRect();
              return {code: e.__data__.datum.code,
                      x: r.x + r.width / 2, y: r.y + r.height / 2}; })"""


class Visit:
    """A page, and what went wrong or left this machine while it was open."""

    def __init__(self, context: BrowserContext, server: str) -> None:
        self.server = server
        self.page: Page = context.new_page()
        self.page.set_default_timeout(60_000)  # two cores, shared
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._request)

    def _console(self, message: object) -> None:
        where = message.location.get("url", "")
        if message.type == "error" and not NORMAL.search(where):
            self.errors.append(f"{message.text} {where}")

    def _request(self, request: object) -> None:
        if urlsplit(request.url).scheme in ("http", "https", "ws", "wss") and not (
            request.url.startswith(self.server)
        ):
            self.outside.append(request.url)

    def go(self, path: str) -> None:
        """Open an address of the server."""
        self.page.goto(path if path.startswith("http") else self.server + path)
        self.page.wait_for_selector("[data-testid=stSidebarNav]")
        self.settle()

    def screen(self, title: str) -> None:
        """Go to a screen by its link in the sidebar."""
        self.page.get_by_test_id("stSidebarNav").get_by_text(title, exact=True).click()
        expect(self.page.locator("h1").first).to_have_text(title)
        self.settle()

    def settle(self) -> None:
        """Wait until the script has run and its charts are drawn."""
        self.page.wait_for_timeout(350)
        self.page.wait_for_selector(IDLE)
        self.page.wait_for_timeout(350)
        self.page.wait_for_selector(IDLE)

    def pick(self, key: str, text: str) -> None:
        """Choose an option of a select box, by its text."""
        box = self.page.locator(f".st-key-{key} input")
        box.click()
        option = re.compile(rf"^{re.escape(text)}\b")
        self.page.get_by_role("option", name=option).first.click()
        self.settle()

    def value(self, key: str) -> str:
        """What a select box shows."""
        return self.page.locator(f".st-key-{key} input").input_value()

    def query(self) -> dict[str, list[str]]:
        """What the address bar says after the ?."""
        return parse_qs(urlsplit(self.page.url).query)

    def text(self) -> str:
        """All text of the page, drawings and descriptions included."""
        return self.page.evaluate(
            "() => document.documentElement.outerHTML + document.body.innerText"
        )

    def link(self) -> str:
        """The link the screen offers to copy."""
        self.page.get_by_role("button", name="Link").click()
        shown = self.page.get_by_test_id("stPopoverBody").locator("code").first
        expect(shown).to_contain_text("http")
        found = shown.inner_text().strip()
        self.page.keyboard.press("Escape")
        return found


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh profile."""
    opened = chromium.new_context(viewport=SIZE, accept_downloads=True)
    yield opened
    opened.close()


def names_nobody(text: str, eids: set[str]) -> bool:
    """Whether no id stands in a text as a number of its own."""
    return not set(re.findall(r"(?<![\d.])\d{7}(?!\d)", text)) & eids


def regenie_takes(files: dict[str, bytes], name: str, eids: set[str]) -> None:
    """The files hold the phenotype of the study's people, as regenie reads them."""
    tables = [n for n in files if n.startswith("phenotypes")]
    assert len(tables) == 1
    table = validate_table(files[tables[0]], role="qt")
    assert list(table.columns) == [name]
    assert set(table.iids) <= eids
    assert len(set(table.numbers(name))) > 50
    keep = validate_table(files["keep.tsv"], role="keep")
    assert set(keep.iids) == set(table.iids)
    assert name in files[f"cards/{name}.json"].decode()
    assert json.loads(files["report.json"])["phenotypes"]
    assert b"regenie" in files["run_regenie.sh"]


def unzipped(content: bytes) -> dict[str, bytes]:
    """Files of a zip, without the folder they lie in, if they do."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        held = {
            item.filename: archive.read(item)
            for item in archive.infolist()
            if not item.is_dir()
        }
    tops = {name.split("/")[0] for name in held}
    if len(tops) == 1 and all("/" in name for name in held):
        return {name.split("/", 1)[1]: data for name, data in held.items()}
    return held


def test_back_goes_back_and_a_bad_link_is_harmless(server, context):
    visit = Visit(context, server)
    visit.go("/diseases")
    first = visit.value("code_box")
    visit.pick("vocabulary_box", "ICD-10, full codes")
    # that vocabulary holds the code too, but does not open on it
    kept = {"code": [first.split(" ")[0]]}
    assert visit.query() == {"vocabulary": ["icd10"], **kept}
    visit.pick("code_box", "H269")
    assert visit.query() == {"vocabulary": ["icd10"], "code": ["H269"]}
    visit.screen("Clusters")
    visit.page.go_back()
    expect(visit.page.locator("h1")).to_have_text("Diseases")
    visit.settle()
    assert visit.value("code_box").startswith("H269 ")
    visit.go("/phenotype?code=<script>alert(1)</script>&cluster=999&labels=3")
    assert visit.value("code_box") == first
    assert visit.value("cluster") == "0"
    assert "cluster" not in visit.query()
    assert "labels" not in visit.query()
    expect(visit.page.get_by_test_id("stMetric").first).to_be_visible()
    assert not visit.errors
    assert not visit.outside


def test_a_code_is_found_by_its_name_and_by_its_row(server, context):
    visit = Visit(context, server)
    visit.go("/diseases?vocabulary=icd10")
    best = visit.value("code_box")  # the first row of the table
    visit.page.locator(".st-key-code_box input").click()
    visit.page.keyboard.type("hypertension")
    options = visit.page.get_by_role("option")
    expect(options.first).to_have_text(re.compile("^I10 "))
    options.first.click()
    visit.settle()
    assert visit.query() == {"vocabulary": ["icd10"], "code": ["I10"]}
    # the table is drawn on a canvas: a box of its first rows, below the header
    canvas = visit.page.locator(".st-key-scan_table canvas").first
    canvas.scroll_into_view_if_needed()
    table, row = canvas.bounding_box(), int(best.startswith("I10 "))
    visit.page.mouse.click(table["x"] + 18, table["y"] + 35 * (row + 1.5))
    visit.settle()
    picked = visit.query()
    assert picked["vocabulary"] == ["icd10"] and picked["code"] != ["I10"]
    assert visit.value("code_box").startswith(picked["code"][0])
    assert not visit.errors


def test_a_click_on_the_legend_leaves_one_chapter(server, context):
    visit = Visit(context, server)
    visit.go("/diseases?vocabulary=icd10")
    visit.page.wait_for_selector(".st-key-auc_plot path[aria-label]")
    count = """() => [...document.querySelectorAll(".st-key-auc_plot path[aria-label]")]
      .filter(e => e.__data__?.datum?.subject && e.getAttribute("opacity") < 0.1)
      .length"""
    assert visit.page.evaluate(count) == 0
    visit.page.locator(".st-key-auc_plot .role-legend-symbol path").first.click()
    visit.page.wait_for_timeout(500)
    assert visit.page.evaluate(count) > 0
    assert visit.query() == {"vocabulary": ["icd10"]}, "it picks no code"
    assert not visit.errors


def test_dark_mode_draws(server, chromium):
    context = chromium.new_context(viewport=SIZE, color_scheme="dark")
    try:
        visit = Visit(context, server)
        visit.go("/diseases")
        visit.page.wait_for_selector(".st-key-auc_plot path[aria-label]")
        shade = visit.page.locator("[data-testid=stApp]").evaluate(
            "e => getComputedStyle(e).backgroundColor.match(/\\d+/g).map(Number)"
        )
        assert max(shade[:3]) < 80, "the page is not dark"
        label = visit.page.locator(".st-key-auc_plot .role-axis-title text").first
        ink = label.evaluate("e => getComputedStyle(e).fill.match(/\\d+/g).map(Number)")
        assert sum(ink[:3]) / 3 - sum(shade[:3]) / 3 > 90, "titles cannot be read"
        assert not visit.errors
    finally:
        context.close()
