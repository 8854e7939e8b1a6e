"""How the studio feels in a real browser: tour, keys, linked views, a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, expect
from test_whole_way import SIZE, Visit

from app.routes import SCREENS
from app.tour import STEPS

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PHONE = {"width": 390, "height": 844}
SEEN = "localStorage.setItem('edp-studio-tour', '1')"
WIDER = """() => {
  const main = document.querySelector("[data-testid=stMain]");
  // what scrolls by itself, or is cut on purpose, may be wider inside
  const scrolls = (node) => {
    for (let up = node.parentElement; up && up !== main; up = up.parentElement)
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(up).overflowX))
        return true;
    return false;
  };
  return [...main.querySelectorAll("p, button, label, input, canvas, svg, h1, h2, h3")]
    .filter(node => node.getClientRects().length && !scrolls(node) &&
                    node.getBoundingClientRect().right > innerWidth + 1)
    .map(node => `${node.tagName} ${node.textContent.slice(0, 40)}`);
}"""
"""What stands out of a narrow window to the right."""


@pytest.fixture
def fresh(chromium: Browser) -> Iterator[BrowserContext]:
    """A profile that was never here."""
    opened = chromium.new_context(viewport=SIZE)
    yield opened
    opened.close()


@pytest.fixture
def visit(chromium: Browser, server: str) -> Iterator[Visit]:
    """Somebody who has seen the tour."""
    context = chromium.new_context(viewport=SIZE)
    context.add_init_script(SEEN)
    opened = Visit(context, server)
    yield opened
    assert not opened.errors
    assert not opened.outside
    context.close()


def card(visit: Visit, part: str = "card") -> Locator:
    return visit.page.locator(f"#edp-guide [data-part={part}]")


# ---- the tour --------------------------------------------------------------------
def test_the_first_visit_begins_with_the_tour_and_it_leads_through_the_screens(
    fresh, server
):
    visit = Visit(fresh, server)
    visit.go("/")
    for number, step in enumerate(STEPS, start=1):
        head = f"{step.title} · {number} of {len(STEPS)}"
        expect(card(visit, "head")).to_have_text(head)
        visit.settle()
        title = SCREENS[step.screen][0]
        if step.screen != "overview":
            expect(visit.page.locator("h1").first).to_have_text(title)
        if step.target and visit.page.locator(step.target).count():
            expect(card(visit, "light")).to_be_visible()
            box = visit.page.locator(step.target).first.bounding_box()
            assert box["y"] < SIZE["height"]
            assert box["y"] + box["height"] > 0
        card(visit, "next").click()
    expect(card(visit)).to_have_count(0)
    visit.go("/")  # the browser remembers
    visit.settle()
    expect(card(visit)).to_have_count(0)
    visit.page.get_by_role("button", name="Guided tour").click()
    expect(card(visit, "head")).to_contain_text("1 of")
    assert not visit.errors
    assert not visit.outside


def test_the_tour_is_skipped_by_button_and_by_key_and_blocks_nothing(fresh, server):
    visit = Visit(fresh, server)
    visit.go("/")
    expect(card(visit)).to_be_visible()
    visit.screen("Diseases")  # the page below goes on working; who leaves ends it
    expect(card(visit)).to_have_count(0)
    visit.page.get_by_role("button", name="Guided tour").click()
    expect(card(visit)).to_be_visible()
    visit.page.keyboard.press("Escape")
    expect(card(visit)).to_have_count(0)
    visit.page.get_by_role("button", name="Guided tour").click()
    card(visit, "skip").click()
    expect(card(visit)).to_have_count(0)
    visit.go("/")
    expect(card(visit)).to_have_count(0)


def test_a_link_into_a_screen_is_not_interrupted(fresh, server):
    visit = Visit(fresh, server)
    visit.go("/diseases?code=I10")
    expect(card(visit)).to_have_count(0)
    visit.screen("Clusters")
    expect(card(visit)).to_have_count(0)


# ---- keys ------------------------------------------------------------------------
def test_a_slash_searches_codes_of_every_vocabulary_by_name(visit):
    visit.go("/diseases?code=I10")
    visit.page.locator("h1").first.click()
    visit.page.keyboard.press("/")
    expect(visit.page.locator(".st-key-code_box input")).to_be_focused()
    visit.page.keyboard.type("asthma")
    option = visit.page.get_by_role("option").first
    expect(option).to_contain_text("sthma")
    visit.page.keyboard.press("Enter")
    visit.settle()
    assert "sthma" in visit.value("code_box")
    assert visit.query()["code"] != ["I10"]


def test_a_slash_that_is_written_stays_a_slash(visit):
    visit.go("/phenotype?code=I10")
    box = visit.page.get_by_role("textbox", name="Name")
    box.fill("a")
    box.press("/")
    expect(box).to_be_focused()
    expect(box).to_have_value("a/")


def test_a_question_mark_lists_the_keys(visit):
    visit.go("/diseases")
    visit.page.locator("h1").first.click()
    visit.page.keyboard.press("?")
    expect(card(visit, "list")).to_contain_text("Search for a code")
    visit.page.keyboard.press("Escape")
    expect(card(visit)).to_have_count(0)


# ---- linked views ----------------------------------------------------------------
def draw_over(visit: Visit, key: str, first: float, last: float) -> None:
    """Draw over a histogram from one part of its width to another."""
    chart = visit.page.locator(f".st-key-{key} svg.marks").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    left, right = (box["x"] + box["width"] * part for part in (first, last))
    visit.page.mouse.move(left, box["y"] + 100)
    visit.page.mouse.down()
    visit.page.mouse.move((left + right) / 2, box["y"] + 100, steps=4)
    visit.page.mouse.move(right, box["y"] + 100, steps=4)
    visit.page.mouse.up()
    visit.settle()


def test_a_range_drawn_over_the_histogram_lights_people_up_on_the_map(visit):
    visit.go("/clusters?code=I10")
    draw_over(visit, "score_histogram", 0.6, 0.95)
    low, high = map(int, visit.query()["lit"])
    assert 30 <= low < high <= 100
    expect(visit.page.locator(".st-key-scatter")).to_contain_text("others")
    expect(visit.page.get_by_text(f"Lit: percentiles {low} to {high}")).to_be_visible()
    # from the link alone, in a session of its own
    again = visit.page.url
    visit.go(again)
    expect(visit.page.locator(".st-key-scatter")).to_contain_text("others")


def test_no_download_without_its_n_and_settings_is_offered(visit):
    visit.go("/diseases?code=I10")
    visit.page.locator(".st-key-scan_table").hover()
    buttons = visit.page.locator("[data-testid=stElementToolbarButton] button")
    expect(buttons.and_(visit.page.get_by_label("Search")).first).to_be_visible()
    bare = visit.page.locator("[data-testid=stElementToolbarButton] [aria-label^=Down]")
    assert bare.count(), "Streamlit has other names for them now"
    for button in bare.all():
        expect(button).to_be_hidden()


def test_the_histogram_of_a_disease_leads_to_the_map(visit):
    visit.go("/diseases?code=I10")
    draw_over(visit, "separation", 0.5, 0.9)
    visit.page.get_by_role("link", name=re.compile("on the map")).click()
    expect(visit.page.locator("h1").first).to_have_text("Clusters")
    visit.settle()
    expect(visit.page.locator(".st-key-scatter")).to_contain_text("others")


def test_a_code_named_on_the_overview_is_chosen_by_a_click(visit):
    visit.go("/")
    named = visit.page.locator(".st-key-codes-strongest button").last
    code = named.inner_text().split(" ")[0]
    named.click()
    visit.settle()
    assert visit.value("code_box").startswith(code)
    visit.screen("Diseases")
    assert visit.value("code_box").startswith(code)


# ---- a phone ---------------------------------------------------------------------
def test_no_screen_is_broken_at_the_width_of_a_phone(chromium, server):
    context = chromium.new_context(viewport=PHONE, is_mobile=True, has_touch=True)
    context.add_init_script(SEEN)
    visit = Visit(context, server)
    for name in SCREENS:
        visit.page.goto(f"{server}/{'' if name == 'overview' else name}?code=I10")
        visit.page.wait_for_selector("h1")
        visit.settle()
        assert visit.page.evaluate(WIDER) == [], name
        wide = visit.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], name
    assert not visit.errors
    context.close()


def test_the_tour_fits_a_phone(chromium, server):
    context = chromium.new_context(viewport=PHONE, is_mobile=True, has_touch=True)
    visit = Visit(context, server)
    visit.page.goto(server)
    visit.page.wait_for_selector("h1")
    expect(card(visit)).to_be_visible()
    for _ in range(4):
        visit.settle()
        box = card(visit).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        assert box["y"] + box["height"] <= PHONE["height"]
        card(visit, "next").click()
    expect(visit.page.locator("h1").first).to_have_text("Diseases")
    context.close()
