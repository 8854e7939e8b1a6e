"""The map of points in Chromium: frames per second, hover, lasso to text, server cost.

Draws 45,714 and 500,000 random points with `app.scatter`, and the smaller number with
`st.altair_chart` as the peer, in one server and one browser, without a GPU.

    .venv/bin/python benchmarks/scatter.py [--pictures DIR]
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
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright
from session import FLAGS, IDLE, ROOT

SIZES = (45_714, 500_000)
APP = """
import time
import altair as alt
import numpy as np
import pandas as pd
import streamlit as st
from app.scatter import Category, Colours, Map, scatter
from edp_core.vectors.lasso import inside

n, kind = int(st.query_params["n"]), st.query_params["kind"]

@st.cache_resource
def cloud(n):
    rng = np.random.default_rng(1)
    centre, codes = rng.normal(0, 4, (20, 2)), rng.integers(0, 20, n)
    xy = (centre[codes] + rng.standard_t(5, (n, 2))).astype(np.float32)
    return xy, codes.astype(np.uint8)

xy, codes = cloud(n)
other = st.toggle("other colour")
if other:
    codes = (codes + 1) % 20
half = np.arange(n) % 2 == 0 if st.toggle("highlight") else None
names = [Category(str(i), f"#{(i * 37 % 200):02X}{(i * 91 % 200):02X}{180:02X}", "9")
         for i in range(20)]
began = time.perf_counter()
if kind == "ours":
    def drawn(what):
        st.session_state["n"] = int(inside(what.polygon, xy).sum())
    scatter(Map("bench", xy[:, 0], xy[:, 1], np.arange(n)),
            Colours("categories", "Cluster", codes, names), on_drawn=drawn,
            highlight=half)
else:
    table = pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "c": codes.astype(str)})
    alt.data_transformers.disable_max_rows()
    brush = alt.selection_interval(bind="scales")
    st.altair_chart(alt.Chart(table).mark_circle(size=6).encode(
        x="x:Q", y="y:Q", color="c:N").add_params(brush).properties(height=430))
cost = 1000 * (time.perf_counter() - began)
st.write(f"cost {cost:.2f} ms")
st.write(f"held {st.session_state.get('n', '-')}")
"""
CANVAS = """() => [...document.querySelectorAll('*')].map(e =>
  e.shadowRoot?.querySelector('canvas[data-part=canvas]')).find(Boolean)"""
RATE = """() => { const mine = window._frames = []; const note = (t) => {
  if (window._frames !== mine) return;
  mine.push(t); requestAnimationFrame(note); }; requestAnimationFrame(note); }"""
STOP = "() => { const held = window._frames; window._frames = null; return held; }"
PAINTS = f"""() => {{ const c = ({CANVAS})(); window._paints = [];
  new MutationObserver(() => window._paints.push(Number(c.dataset.paint))).observe(c,
  {{attributes: true, attributeFilter: ['data-painted']}}); }}"""
HOVER = f"""() => {{ const c = ({CANVAS})(), found = [], r = c.getBoundingClientRect();
  for (let i = 0; i < 300; i++) {{ const t = performance.now();
    c.dispatchEvent(new PointerEvent('pointermove', {{clientX: r.x + 20 + i,
      clientY: r.y + 60 + i, pointerId: 9, bubbles: true}}));
    found.push(performance.now() - t); }}
  return found; }}"""
PAINTED = "canvas[data-part=canvas][data-painted]"


def settle(page: Page) -> None:
    """Wait until the script has run."""
    page.wait_for_timeout(150)
    page.wait_for_function(IDLE, polling=20, timeout=240_000)


def frames(page: Page, act) -> tuple[float, float]:
    """Frames a second while something is done, and the longest frame in ms."""
    page.evaluate(RATE)
    act()
    times = np.array(page.evaluate(STOP))
    gaps = np.diff(times)
    return 1000 * len(gaps) / (times[-1] - times[0]), float(np.percentile(gaps, 95))


def drag(page: Page, box: dict[str, float], steps: int = 150) -> None:
    """Move a map in a circle, one step every 10 ms or as slow as the page answers."""
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(steps):
        began, turn = time.perf_counter(), 2 * np.pi * i / 50
        page.mouse.move(x + 60 * np.sin(turn), y + 40 * (1 - np.cos(turn)))
        time.sleep(max(0.0, 0.010 - (time.perf_counter() - began)))
    page.mouse.up()


def wheel(page: Page, steps: int = 60) -> None:
    """Zoom in and out again."""
    for i in range(steps):
        page.mouse.wheel(0, -60 if i < steps / 2 else 60)
        time.sleep(0.016)


def told(page: Page, word: str) -> str:
    """What the script writes after a word."""
    return page.get_by_text(f"{word} ").last.inner_text().removeprefix(f"{word} ")


def lasso(page: Page, box: dict[str, float]) -> float:
    """Milliseconds from the end of a lasso to the number of its members on screen."""
    page.locator("[data-part=lasso]").click()
    x, y = box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5
    wide = np.random.default_rng(int(time.time())).uniform(30, 90)
    page.mouse.move(x + wide, y)
    page.mouse.down()
    for turn in np.linspace(0, 2 * np.pi, 90):
        page.mouse.move(x + wide * np.cos(turn), y + wide * np.sin(turn))
    before = told(page, "held")
    began = time.perf_counter()
    page.mouse.up()
    page.wait_for_function(
        "held => !document.body.innerText.includes(held)", arg=f"held {before}",
        polling=5,
    )  # fmt: skip
    found = 1000 * (time.perf_counter() - began)
    page.locator("[data-part=move]").click()
    settle(page)
    return found


def switch(page: Page, label: str) -> float:
    """Milliseconds from a click on a toggle to the map being painted anew."""
    canvas = page.locator(PAINTED)
    before = canvas.get_attribute("data-painted")
    began = time.perf_counter()
    page.get_by_text(label, exact=True).click()
    page.wait_for_function(
        "([c, before]) => c.dataset.painted !== before",
        arg=[canvas.element_handle(), before], polling=5,
    )  # fmt: skip
    found = 1000 * (time.perf_counter() - began)
    settle(page)
    return found


def line(name: str, values: list[float] | np.ndarray, unit: str = "ms") -> None:
    """Median and 95th percentile."""
    mid, high = np.percentile(values, [50, 95])
    print(f"  {name:34s} median {mid:8.1f} {unit}  p95 {high:8.1f}", flush=True)


def ours(page: Page, address: str, n: int) -> float:
    """Measure our map; frames per second while it is moved."""
    began = time.perf_counter()
    page.goto(f"{address}/?n={n}&kind=ours")
    page.wait_for_selector(PAINTED, timeout=240_000)
    print(f"app.scatter, {n:,} points")
    print(f"  first paint {1000 * (time.perf_counter() - began):.0f} ms")
    settle(page)
    box = page.locator(PAINTED).bounding_box()
    page.evaluate(PAINTS)
    rate, slow = frames(page, lambda: drag(page, box))
    print(f"  moving {rate:.1f} frames a second, 95 % of frames within {slow:.1f} ms")
    zoomed, slow = frames(page, lambda: wheel(page))
    print(f"  zooming {zoomed:.1f} frames a second, 95 % within {slow:.1f} ms")
    line("painting a frame", page.evaluate("window._paints"))
    page.locator("[data-part=reset]").click()
    line("hover", page.evaluate(HOVER))
    line("lasso to text", [lasso(page, box) for _ in range(8)])
    line("highlight to painted", [switch(page, "highlight") for _ in range(6)])
    line("other colours to painted", [switch(page, "other colour") for _ in range(6)])
    costs = []
    for _ in range(8):
        switch(page, "highlight")
        costs.append(float(told(page, "cost").split()[0]))
    line("server: the call", costs)
    return rate


def peer(page: Page, address: str, n: int) -> float:
    """Measure st.altair_chart; frames per second while it is moved."""
    began = time.perf_counter()
    page.goto(f"{address}/?n={n}&kind=altair")
    page.wait_for_selector("[data-testid=stVegaLiteChart] canvas", timeout=240_000)
    print(f"st.altair_chart, {n:,} points")
    print(f"  first paint {1000 * (time.perf_counter() - began):.0f} ms")
    settle(page)
    page.wait_for_timeout(2000)
    box = page.locator("[data-testid=stVegaLiteChart] canvas").bounding_box()
    rate, slow = frames(page, lambda: drag(page, box, 40))
    print(f"  moving {rate:.1f} frames a second, 95 % of frames within {slow:.1f} ms")
    print(f"  server: the call {told(page, 'cost')}")
    return rate


def serve(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start a server of the small app above."""
    file = folder / "bench_app.py"
    file.write_text(APP, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(file), "--server.port",
         str(port), "--server.headless", "true", "--browser.gatherUsageStats", "false"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
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
    raise SystemExit("the server does not answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        process, address = serve(Path(folder))
        try:
            browser = driver.chromium.launch(executable_path=path, args=FLAGS)
            page = browser.new_page(viewport={"width": 1100, "height": 900})
            page.goto(f"{address}/?n=100&kind=ours")  # the server's imports
            page.wait_for_selector(PAINTED, timeout=240_000)
            rates = {}
            for n in SIZES:
                rates[n] = ours(page, address, n)
                if given.pictures:
                    given.pictures.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=str(given.pictures / f"scatter-{n}.png"))
            theirs = peer(page, address, SIZES[0])
            ratio = rates[SIZES[0]] / theirs
            print(f"frames a second, ours over st.altair_chart: {ratio:.1f}")
            browser.close()
        finally:
            process.terminate()
            process.wait(20)


if __name__ == "__main__":
    main()
