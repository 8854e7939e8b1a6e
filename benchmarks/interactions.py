"""How long each interaction takes on a study, from click to a screen that is drawn.

Starts the studio on a study, drives Chromium through it and prints median and 95th
percentile in milliseconds: until the script has run and every chart stands still.

    .venv/bin/python benchmarks/interactions.py STUDY [--repeats 5] [--pictures DIR]
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# idle: the script is done, nothing is stale, and two frames passed without a change
IDLE = """() => {
  const app = document.querySelector('[data-testid=stApp]');
  if (!app || app.dataset.testScriptState !== 'notRunning') return false;
  return !document.querySelector('[data-stale=true], [data-testid=stSkeleton]');
}"""
PAINTED = """() => new Promise(done =>
  requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"""


def settle(page: Page) -> None:
    """Wait until the screen is drawn."""
    page.wait_for_function(IDLE, polling=10, timeout=120_000)
    page.evaluate(PAINTED)


def timed(page: Page, act: Callable[[], None]) -> float:
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
    """Pick an entry of a select box of the sidebar; only the last click is timed."""
    box = page.locator(f".st-key-{key} input").first
    box.click()
    option = page.get_by_role("option").nth(number)
    option.wait_for()
    return option.click


def measure(page: Page, address: str, repeats: int) -> dict[str, list[float]]:
    """Times of every interaction."""
    found: dict[str, list[float]] = {}

    def note(name: str, milliseconds: float) -> None:
        found.setdefault(name, []).append(milliseconds)

    start = time.perf_counter()
    page.goto(f"{address}/clusters")
    page.wait_for_selector(".st-key-scatter canvas[data-painted]", timeout=120_000)
    settle(page)
    note("first visit of the server", 1000 * (time.perf_counter() - start))
    for screen in ("diseases", "phenotype", "overview", "export"):
        name = f"first visit of {screen}"
        note(name, timed(page, page.get_by_role("link", name=screen.title()).click))
    page.get_by_role("link", name="Clusters").click()
    settle(page)
    # options near the top: a long list shows only those in view
    for i in range(repeats):
        note(
            "clusters: change cluster", timed(page, choose(page, "cluster", 1 + i % 4))
        )
    for i in range(repeats):
        note("clusters: change code", timed(page, choose(page, "code_box", 1 + i % 5)))
    for _ in range(repeats):
        for by in ("code", "cluster"):
            button = page.get_by_role("radio", name=by, exact=True)
            if not button.count():
                button = page.get_by_role("button", name=by, exact=True)
            note(f"clusters: colour by {by}", timed(page, button.first.click))
    for _ in range(repeats):
        for screen in ("diseases", "phenotype", "overview", "export", "clusters"):
            link = page.get_by_role("link", name=screen.title())
            note(f"go to {screen}", timed(page, link.click))
    for organ in range(2 * repeats):
        note(
            "clusters: change organ", timed(page, choose(page, "organ", 1 - organ % 2))
        )
    for screen in ("diseases", "phenotype"):
        page.get_by_role("link", name=screen.title()).click()
        settle(page)
        for i in range(repeats):
            note(f"{screen}: a code not seen yet",
                 timed(page, choose(page, "code_box", i % 6)))  # fmt: skip
        for i in range(repeats):
            note(f"{screen}: a code seen before",
                 timed(page, choose(page, "code_box", i % 6)))  # fmt: skip
    return found


def pictures(page: Page, address: str, *, folder: Path, scheme: str) -> None:
    """Screenshots of every screen."""
    folder.mkdir(parents=True, exist_ok=True)
    for screen in ("overview", "diseases", "clusters", "clusters?colour=code",
                   "phenotype", "export"):  # fmt: skip
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
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    process, address = serve(given.study)
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=browser_path, args=FLAGS)
            if given.pictures:
                for scheme in ("light", "dark"):
                    page = browser.new_page(
                        viewport={"width": 1500, "height": 900}, color_scheme=scheme
                    )
                    pictures(page, address, folder=given.pictures, scheme=scheme)
                    page.close()
            else:
                page = browser.new_page(viewport={"width": 1500, "height": 900})
                for name, times in measure(page, address, given.repeats).items():
                    mid, high = np.percentile(times, [50, 95])
                    print(f"{name:34s} n={len(times):3d} median {mid:6.0f} ms  "
                          f"p95 {high:6.0f} ms", flush=True)  # fmt: skip
                paint = page.evaluate(
                    "document.querySelector('.st-key-scatter canvas')?.dataset.paint"
                )
                print(f"painting the map: {paint} ms")
            browser.close()
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    main()
