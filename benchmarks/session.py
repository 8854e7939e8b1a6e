"""How long a geneticist waits: a scripted session on a study, in Chromium.

Starts the studio, opens it in fresh browser profiles, then walks through a design —
diseases, clusters, a lasso, a phenotype, its PheWAS, a comparison, the export — and
prints for every kind of step the median and the 95th percentile in milliseconds, from
the action until the script has run, nothing is stale and two frames have passed. The
last lines are over all steps of the session.

    .venv/bin/python benchmarks/session.py STUDY [--repeats 4] [--pictures DIR]
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SIZE = {"width": 1500, "height": 900}
BOUND = 500
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENS = (
    "overview", "diseases", "clusters", "phenotype", "phewas", "compare", "export",
    "gwas",
)  # fmt: skip
# idle: the script is done, nothing is stale, and two frames passed without a change
IDLE = """() => {
  const app = document.querySelector('[data-testid=stApp]');
  if (!app || app.dataset.testScriptState !== 'notRunning') return false;
  return !document.querySelector('[data-stale=true], [data-testid=stSkeleton]');
}"""
PAINTED = """() => new Promise(done =>
  requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"""
FIRST = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def settle(page: Page) -> None:
    """Wait until the screen is drawn."""
    page.wait_for_function(IDLE, polling=10, timeout=120_000)
    page.evaluate(PAINTED)


def timed(page: Page, act: Callable[[], object]) -> float:
    """Milliseconds from an action to the drawn screen."""
    # a rerun starts a little after the click: wait until it is seen, or 150 ms
    page.evaluate(
        """() => { window._ran = false;
        const app = document.querySelector('[data-testid=stApp]');
        new MutationObserver(() => { if (app.dataset.testScriptState === 'running')
          window._ran = true; }).observe(app, {attributes: true}); }"""
    )
    start = time.perf_counter()
    act()
    while time.perf_counter() - start < 0.15 and not page.evaluate("window._ran"):
        time.sleep(0.005)
    settle(page)
    return 1000 * (time.perf_counter() - start)


def choose(page: Page, key: str, number: int) -> Callable[[], None]:
    """Pick an entry of a select box; only the last click is timed."""
    box = page.locator(f".st-key-{key} input").first
    box.click()
    option = page.get_by_role("option").nth(number)
    option.wait_for()
    return option.click


def opened(browser: Browser, address: str, screen: str) -> dict[str, float]:
    """A screen in a fresh profile: first paint, its title, all of it."""
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    start = time.perf_counter()
    page.goto(f"{address}/{screen}")
    page.wait_for_selector("h1", timeout=120_000)
    title = 1000 * (time.perf_counter() - start)
    settle(page)
    whole = 1000 * (time.perf_counter() - start)
    first = float(page.evaluate(FIRST))
    context.close()
    return {"first paint": first, "title": title, "all drawn": whole}


class Session:
    """A page and the times of what was done on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.times: dict[str, list[float]] = {}

    def do(self, name: str, act: Callable[[], object]) -> None:
        """Do something, timed."""
        self.times.setdefault(name, []).append(timed(self.page, act))

    def go(self, screen: str) -> None:
        """Go to a screen by its link, timed."""
        link = self.page.locator(f"[data-testid=stSidebarNavLink][href$='/{screen}']")
        if screen == "overview":
            link = self.page.locator("[data-testid=stSidebarNavLink]").first
        self.do(f"go to {screen}", link.click)

    def pick(self, name: str, key: str, number: int) -> None:
        """Pick an entry of a select box, timed."""
        self.do(name, choose(self.page, key, number))

    def press(self, name: str, key: str, text: str) -> None:
        """Press a button of a segmented control, timed."""
        box = self.page.locator(f".st-key-{key}")
        self.do(name, box.get_by_text(text, exact=True).first.click)

    def lasso(self) -> None:
        """Draw an outline round the middle of the map, timed."""
        page = self.page
        canvas = page.locator(".st-key-scatter canvas").last
        box = canvas.bounding_box()
        assert box is not None
        page.locator(".st-key-scatter [data-part=lasso]").click()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        r = min(box["width"], box["height"]) / 5
        page.mouse.move(x + r, y)
        page.mouse.down()
        for angle in np.linspace(0, 2 * np.pi, 40):
            page.mouse.move(x + r * np.cos(angle), y + r * np.sin(angle))
        self.do("clusters: lasso", page.mouse.up)


def walk(session: Session, repeats: int) -> None:
    """The session: a design from the disease to the files."""
    page = session.page
    for turn in range(repeats):
        session.go("diseases")
        for i in range(3):
            session.pick("diseases: another code", "code_box", 1 + 3 * turn + i)
        session.go("clusters")
        session.pick("clusters: another cluster", "cluster", 1 + turn % 4)
        session.pick("clusters: another code", "code_box", 2 + 3 * turn)
        session.pick("clusters: colour by code", "colour", 1)
        session.pick("clusters: colour by score", "colour", 2)
        session.pick("clusters: colour by cluster", "colour", 0)
        session.lasso()
        clear = page.locator(".st-key-group_clear button")
        if clear.count():
            session.do("clusters: clear the outline", clear.first.click)
        session.go("phenotype")
        session.press("phenotype: method", "method", "Cluster")
        session.pick("phenotype: another code", "code_box", 1 + 3 * turn)
        session.pick("phenotype: regress out a PC", "pcs", 0)
        page.keyboard.press("Escape")
        session.press("phenotype: method", "method", "Classifier")
        clear = page.locator(".st-key-pcs [aria-label='Clear all']")
        if clear.count():
            session.do("phenotype: nothing regressed out", clear.first.click)
        session.go("phewas")
        session.pick("phewas: another code", "code_box", 2 + 3 * turn)
        session.go("compare")
        session.go("export")
        session.go("gwas")
        session.go("overview")


def report(times: dict[str, list[float]]) -> None:
    """Print the times of each kind of step, and of all."""
    for name, some in times.items():
        middle, high = np.percentile(some, [50, 95])
        print(
            f"{name:34s} n={len(some):3d} median {middle:6.0f} ms  p95 {high:6.0f} ms"
        )
    every = np.concatenate([np.array(some) for some in times.values()])
    middle, high = np.percentile(every, [50, 95])
    within = (every <= BOUND).mean()
    print(f"all {len(every)} steps: median {middle:.0f} ms, p95 {high:.0f} ms, "
          f"{within:.1%} within {BOUND} ms", flush=True)  # fmt: skip


def pictures(page: Page, address: str, *, folder: Path, scheme: str) -> None:
    """Screenshots of every screen."""
    folder.mkdir(parents=True, exist_ok=True)
    for screen in (*SCREENS, "clusters?colour=code"):
        page.goto(f"{address}/{screen}".replace("/overview", "/"))
        page.wait_for_selector("h1", timeout=120_000)
        settle(page)
        page.wait_for_timeout(1200)
        name = screen.replace("?colour=", "-")
        page.screenshot(path=str(folder / f"{name}-{scheme}.png"), full_page=True)


def serve(study: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start the studio; its process and address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "app",
         "--server.port", str(port), "--server.headless", "true"],
        cwd=ROOT,
        env=os.environ | {"EDP_STUDY": str(study.resolve())},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return process, address
        except OSError:
            time.sleep(0.25)
    process.terminate()
    raise SystemExit("the studio does not answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as room:
        study = Path(room) / "study"
        # groups and looks are kept in the study: the one given stays as it is
        shutil.copytree(given.study, study)
        process, address = serve(study)
        try:
            with sync_playwright() as driver:
                browser = driver.chromium.launch(
                    executable_path=browser_path, args=FLAGS
                )
                if given.pictures:
                    for scheme in ("light", "dark"):
                        page = browser.new_page(viewport=SIZE, color_scheme=scheme)
                        folder = given.pictures
                        pictures(page, address, folder=folder, scheme=scheme)
                        page.close()
                    return
                print("load of the machine:", *map("{:.1f}".format, os.getloadavg()))
                first = opened(browser, address, "clusters")
                told = ", ".join(f"{what} {ms:.0f} ms" for what, ms in first.items())
                print("first visit of the server:", told)
                for screen in ("", "diseases", "clusters", "phenotype"):
                    some = [opened(browser, address, screen) for _ in range(4)][1:]
                    for what in some[0]:
                        ms = np.median([one[what] for one in some])
                        print(f"fresh profile, /{screen}: {what} {ms:.0f} ms")
                page = browser.new_page(viewport=SIZE)
                page.goto(address)
                page.wait_for_selector("h1", timeout=120_000)
                settle(page)
                skip = page.get_by_role("button", name="Skip")
                if skip.count():
                    skip.first.click()
                    settle(page)
                # each screen once: what a server reads for its first visitor
                early = Session(page)
                walk(early, 1)
                print("— first walk")
                report(early.times)
                session = Session(page)
                walk(session, given.repeats)
                print("— the session")
                report(session.times)
                browser.close()
        finally:
            process.terminate()
            process.wait(20)


if __name__ == "__main__":
    main()
