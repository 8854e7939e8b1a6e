"""One session through a full design, with the demo and with real photographs.

Find a disease, look at images, draw a group, compare, PheWAS, export, and the link in a
browser that knows nothing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from test_map import canvas_of, draw
from test_whole_way import POINTS, SIZE, Visit, names_nobody, regenie_takes, unzipped

pytestmark = [pytest.mark.slow, pytest.mark.browser]

STUDIES = Path(__file__).resolve().parents[2] / "studies"
PATIENTS = 300
QUICK = {"epochs": 1, "warmup_epochs": 0.5, "depth": 2, "decoder_depth": 1}
FEWER = """
[analysis]
min_cases = 10
stability_repeats = 2
occlusion_people = 6
"""
GROUP = "seen in the session"


@dataclass(frozen=True)
class Walk:
    """What a session is about: a code, and the ids nothing may show."""

    code: str
    organ: str
    eids: set[str]


@pytest.fixture(
    scope="module",
    params=["demo", pytest.param("odir-fundus", marks=pytest.mark.data)],
)
def study(request, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of which basket, groups and exports are this test's own."""
    folder = tmp_path_factory.mktemp("session") / "study"
    if request.param == "demo":
        shutil.copytree(request.getfixturevalue("done_study"), folder)
        return folder
    write_photographs(folder, request.getfixturevalue("data_dir") / "odir-fundus")
    return folder


def write_photographs(folder: Path, data: Path) -> None:
    """A part of the committed study, with an encoder of one epoch, all steps done."""
    from precompute.cli import run_study

    folder.mkdir()
    people = pd.read_csv(data / "participants.csv", dtype=str).head(PATIENTS)
    people.to_csv(folder / "participants.csv", index=False)
    codes = pd.read_csv(data / "diagnoses.csv", dtype=str)
    codes = codes[codes["eid"].isin(people["eid"])]
    codes.to_csv(folder / "diagnoses.csv", index=False)
    text = (STUDIES / "odir-fundus/study.toml").read_text()
    place = "../../../shared/data/odir-fundus/"
    for name in ("participants.csv", "diagnoses.csv"):
        text = text.replace(place + name, name)
    text = text.replace(place, f"{data}/")
    for key, value in QUICK.items():
        text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.M)
    text = text.replace("images = false", "images = true")
    text = text.replace("downloads = false", "downloads = true")
    (folder / "study.toml").write_text(text + FEWER)
    run_study(folder, quiet=True)


@pytest.fixture
def walk(study: Path) -> Walk:
    eids = set(pd.read_csv(study / "participants.csv", dtype=str)["eid"])
    demo = (study / "demo.json").exists()
    return Walk("I10" if demo else "H26", "liver" if demo else "retina", eids)


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh profile."""
    opened = chromium.new_context(viewport=SIZE, accept_downloads=True)
    yield opened
    opened.close()


def test_a_session_through_a_full_design(
    server, study, context, chromium, walk, tmp_path
):
    visit = Visit(context, server)
    page = visit.page
    texts: list[str] = []

    find_a_disease(visit, walk)
    texts.append(visit.text())
    n = draw_a_group(visit, walk)
    texts.append(visit.text())
    name, link = design(visit, walk)
    texts.append(visit.text())
    look_at_images(visit)
    texts.append(visit.text())

    # PheWAS opens on what was designed
    visit.screen("PheWAS")
    expect(page.locator(".st-key-phewas_table canvas").first).to_be_visible()
    texts.append(visit.text())

    # Compare: the phenotype of the basket beside the code's classifier, and elsewhere
    visit.screen("Compare")
    for tab in ("Two phenotypes", "Correlations", "PheWAS", "Same people elsewhere"):
        page.get_by_role("tab", name=tab).click()
        visit.settle()
        expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
        texts.append(visit.text())

    held = export(visit, study, tmp_path)
    bring_back(visit, name, held[f"cards/{name}.json"], tmp_path)
    texts.append(visit.text())
    regenie_takes(held, name, walk.eids)
    lines = (study / "store/audit.log").read_text().splitlines()
    assert any('"action": "images"' in line for line in lines), "a look is a line"
    # looks at images have lines of their own
    assert len([line for line in lines if '"action": "images"' not in line]) == 2
    texts += lines

    texts.append(in_a_fresh_profile(chromium, server, link, walk, name, n))
    assert not visit.errors
    assert not visit.outside, "a screen asks for something outside this machine"
    for text in texts:
        assert names_nobody(text, walk.eids)


def find_a_disease(visit: Visit, walk: Walk) -> None:
    """From the overview to a click on the code's point."""
    page = visit.page
    visit.go("/")
    skip = page.get_by_role("button", name="Skip")
    if skip.count():  # the tour of a first visit
        skip.first.click()
    visit.screen("Diseases")
    page.wait_for_selector(".st-key-auc_plot path[aria-label]")
    points = {point["code"]: point for point in page.evaluate(POINTS)}
    assert walk.code in points
    page.mouse.click(points[walk.code]["x"], points[walk.code]["y"])
    box = page.locator(".st-key-code_box input")
    expect(box).to_have_value(re.compile(rf"^{walk.code} "))
    visit.settle()
    # the first code of a study is none for the link
    assert visit.query().get("code", [walk.code]) == [walk.code]


def draw_a_group(visit: Visit, walk: Walk) -> str:
    """Images of the cluster; a lasso, saved under a name; its size."""
    page = visit.page
    visit.screen("Clusters")
    canvas_of(visit).wait_for()
    expect(page.locator(".st-key-cluster_images figure canvas").first).to_be_visible()
    size = page.get_by_test_id("stMetric").filter(has_text="Drawn: N")
    for wide in (0.45, 0.3, 0.6, 0.38, 0.52, 0.68):
        draw(visit, wide=wide)
        visit.settle()
        if size.count():  # else it would tell of few people, and says so
            break
        expect(page.get_by_test_id("stAlertContentError").first).to_be_visible()
    n = size.get_by_test_id("stMetricValue").inner_text()
    assert int(n) >= 5
    page.get_by_placeholder("Name of the group").fill(GROUP)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_test_id("stToast").first).to_contain_text("is saved")
    visit.settle()
    assert visit.value("group") == GROUP
    visit.page.wait_for_function(
        "() => location.search.includes('group=')", timeout=8000
    )
    return n


def design(visit: Visit, walk: Walk) -> tuple[str, str]:
    """A score of the group's mean, kept; its name and the link to it."""
    page = visit.page
    page.get_by_role("button", name="Score by distance to its mean").click()
    expect(page.locator("h1").first).to_have_text("Phenotype")
    visit.settle()
    chosen = page.locator(".st-key-method [aria-checked=true]")
    expect(chosen).to_have_text("Group")
    visit.pick("pcs", "PC1")
    page.keyboard.press("Escape")
    name = page.get_by_label("Name", exact=True).input_value()
    assert re.fullmatch(r"[A-Za-z][\w.-]*", name)
    page.get_by_role("button", name="Add to basket").click()
    expect(page.get_by_test_id("stToast").first).to_be_visible()
    visit.settle()
    link = visit.link()
    said = parse_qs(urlsplit(link).query)
    assert said["group"] == [GROUP] and said["method"] == ["Group"]
    assert {"organ", "encoder", "code", "cluster"} <= set(said)
    return name, link


def look_at_images(visit: Visit) -> None:
    """Along the phenotype, from its 1st percentile to its 99th."""
    visit.page.get_by_role("tab", name="Images").click()
    visit.settle()
    tiles = visit.page.locator(".st-key-strip figure canvas")
    expect(tiles.first).to_have_attribute("data-painted", re.compile(r"\d+"))
    assert tiles.count() >= 10


def export(visit: Visit, study: Path, tmp_path: Path) -> dict[str, bytes]:
    """To the server's folder and as a zip, which hold the same files."""
    page = visit.page
    visit.screen("Export")
    page.get_by_role("button", name="Write to the server folder").click()
    expect(page.get_by_test_id("stAlertContentSuccess")).to_be_visible()
    folder = next((study / "exports").iterdir())
    held = {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }
    visit.settle()  # a rerun gives the button a new file to fetch
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download zip").click()
    zipped = tmp_path / "export.zip"
    waiting.value.save_as(zipped)
    assert unzipped(zipped.read_bytes()) == held
    return held


def bring_back(visit: Visit, name: str, card: bytes, tmp_path: Path) -> None:
    """The card of a phenotype that is in the basket already: that is said."""
    file = tmp_path / f"{name}.json"
    file.write_bytes(card)
    visit.page.get_by_text("Open a phenotype card").click()
    visit.page.locator(".st-key-card input[type=file]").set_input_files(file)
    visit.settle()
    visit.page.locator(".st-key-add_card button").click()
    expect(visit.page.get_by_text("already holds a phenotype called")).to_be_visible()


def in_a_fresh_profile(
    chromium: Browser, server: str, link: str, walk: Walk, name: str, n: str
) -> str:
    """The link shows the same to a browser that knows nothing; all its text."""
    other = chromium.new_context(viewport=SIZE)
    try:
        guest = Visit(other, server)
        guest.go(link)
        guest.page.wait_for_selector(".st-key-pcs")
        guest.settle()
        assert guest.value("code_box").startswith(f"{walk.code} ")
        assert guest.value("organ") == walk.organ
        assert guest.value("group") == GROUP
        assert guest.page.get_by_label("Name", exact=True).input_value() == name
        chosen = guest.page.locator(".st-key-method [aria-checked=true]")
        expect(chosen).to_have_text("Group")
        removed = guest.page.locator(".st-key-pcs")
        expect(removed.get_by_role("button", name="Remove PC1")).to_be_visible()
        text = guest.text()
        guest.screen("Clusters")
        size = guest.page.get_by_test_id("stMetric").filter(has_text=f"{GROUP}: N")
        expect(size.get_by_test_id("stMetricValue")).to_have_text(n)
        assert not guest.errors
        assert not guest.outside
        return text + guest.text()
    finally:
        other.close()
