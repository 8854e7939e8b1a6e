"""The PheWAS in a real browser: points, rows, forest, and the link to all of it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest
from playwright.sync_api import Browser
from test_whole_way import SIZE, Visit, names_nobody

pytestmark = [pytest.mark.slow, pytest.mark.browser]

POINTS = """(key) => [...document.querySelectorAll(`.st-key-${key} path`)]
  .filter(e => e.__data__?.datum?.direction && e.getAttribute("aria-label"))
  .map(e => { const r = e.getBoundingClientRect(), d = e.__data__.datum;
              return {code: d.code, y: d.y, beta: d.beta,
                      left: r.x + r.width / 2, top: r.y + r.height / 2}; })"""
"""Outcomes of a plot and where they are drawn."""
RINGS = """(key) => [...document.querySelectorAll(`.st-key-${key} path`)]
  .filter(e => e.getAttribute("stroke") === "#D55E00" && e.__data__?.datum?.code)
  .map(e => e.__data__.datum.code)"""
"""Code that is ringed."""


def points(visit: Visit, key: str) -> pd.DataFrame:
    """Outcomes of a plot that stand alone enough to be hit."""
    found = pd.DataFrame(visit.page.evaluate(POINTS, key)).drop_duplicates("code")
    at = found[["left", "top"]].to_numpy()
    near = ((at[:, None] - at[None]) ** 2).sum(axis=2) < 12**2
    return found[near.sum(axis=1) == 1]


@pytest.fixture
def visit(chromium: Browser, server: str) -> Iterator[Visit]:
    context = chromium.new_context(viewport=SIZE)
    opened = Visit(context, server)
    opened.go("/phewas?code=I10")
    yield opened
    assert not opened.errors
    assert not opened.outside
    context.close()


def test_a_point_is_picked_rows_make_a_forest_and_the_link_restores_it(
    visit, study, chromium, server
):
    page = visit.page
    drawn = points(visit, "phewas_grouped")
    assert len(points(visit, "phewas_volcano")) > 3 and len(drawn) > 3
    assert page.evaluate(RINGS, "phewas_grouped") == ["I10"]

    # a click on a point makes its code the choice, in the sidebar and in the link
    wanted = drawn[drawn["code"] != "I10"].iloc[0]
    page.mouse.click(wanted["left"], wanted["top"])
    page.wait_for_function(f"() => location.search.includes('code={wanted['code']}')")
    visit.settle()
    assert visit.value("code_box").startswith(wanted["code"])
    for plot in ("phewas_grouped", "phewas_volcano"):
        assert page.evaluate(RINGS, plot) == [wanted["code"]]

    # rows that are ticked stand in the forest
    canvas = page.locator(".st-key-phewas_table canvas").first
    for row in (0, 1):
        canvas.scroll_into_view_if_needed()
        table = canvas.bounding_box()
        page.mouse.click(table["x"] + 18, table["y"] + 35 * (row + 1.5))
        visit.settle()
    picked = visit.query()["forest"][0].split("|")
    assert len(picked) == 2
    shown = page.locator(".st-key-forest_box").inner_text()
    assert all(one.partition(":")[2] or one in shown for one in picked)

    # the link, in a fresh profile
    link = visit.link()
    other = chromium.new_context(viewport=SIZE)
    again = Visit(other, server)
    again.go(link)
    assert again.query()["forest"][0].split("|") == picked
    assert again.value("code_box") == visit.value("code_box")
    assert again.page.locator(".st-key-forest_box").inner_text() == shown
    eids = set(pd.read_csv(study / "participants.csv", dtype=str)["eid"])
    assert names_nobody(again.text() + link, eids)
    other.close()
