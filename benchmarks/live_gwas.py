"""How fast the Manhattan plot follows the controls at 1.1 million variants.

Copies a study (its embedding, clusters and scan are real), gives it products of random
genotypes with the axes — as many and as large as those of 1.1 million variants, with
some peaks —, starts the studio and moves controls in Chromium. Printed are median and
95th percentile in milliseconds from the click until the page is idle and painted, for a
recipe that was never asked for, and for one seen before; and the parts of it in this
process. No exact pass runs: there are no genotypes to read.

    .venv/bin/python benchmarks/live_gwas.py STUDY [--variants 1100000] [--repeats 8]

A study that has products of genotypes already is taken as it is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from playwright.sync_api import Page, sync_playwright
from session import FLAGS, serve, settle, timed

from edp_core import artifacts
from edp_core.gwas import basis_files
from edp_core.gwas.covariates import design
from edp_core.gwas.genome import LENGTHS
from edp_core.gwas.inflation import lambdas
from edp_core.gwas.loci import find_loci
from edp_core.gwas.preview import Live, align
from edp_core.gwas.products import Columns, directions, unit_vectors
from edp_core.gwas.thinning import thin
from edp_core.store import Recipe, Store, write_array, write_atomic, write_table
from edp_core.study import Study, load_study

PEAKS = 40
BLOCK = 50_000


def variants(count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Variants spread evenly over the autosomes."""
    lengths = np.array([LENGTHS["GRCh37"][chrom] for chrom in range(1, 23)])
    chrom = np.repeat(np.arange(1, 23), rng.multinomial(count, lengths / lengths.sum()))
    pos = (rng.random(count) * lengths[chrom - 1]).astype(np.int32) + 1
    order = np.lexsort((pos, chrom))
    af = rng.uniform(0.01, 0.99, count).astype(np.float32)
    return pd.DataFrame(
        {
            "chrom": chrom.astype(np.int8)[order],
            "pos": pos[order],
            "id": [f"rs{number}" for number in range(count)],
            "effect_allele": "A",
            "other_allele": "G",
            "row": np.arange(count),
            "af": af,
            "n_missing": np.zeros(count, np.int32),
        }
    )


def fill(study: Study, pair: tuple[str, str], count: int) -> None:
    """Give a study products of random genotypes, as `gwas-basis` would."""
    rng = np.random.default_rng(0)
    store = Store(study.store_path)
    slot = "/".join(pair)
    cohort = artifacts.read_cohort(store).participants
    eids, vectors = artifacts.read_embedding(store, *pair).by_participant()
    people = cohort.set_index("eid").loc[eids].reset_index()
    made = design(people, None, categories=study.participants.categories)
    used = vectors[made.rows]
    axes, loadings = directions(used)
    unit, _ = directions(unit_vectors(used, vectors.mean(axis=0, dtype=np.float64)))
    columns = Columns(made.matrix, np.hstack([axes, unit]), axes.shape[1])
    known = variants(count, rng)
    af = known["af"].to_numpy(float)
    spread = np.sqrt(2 * af * (1 - af))
    peaks = rng.choice(count, PEAKS, replace=False)
    shift = (
        rng.normal(0, 4, (PEAKS, axes.shape[1]))
        / np.arange(1, axes.shape[1] + 1) ** 0.5
    )

    def products(seed: int, width: int) -> Iterator[np.ndarray]:
        own = np.random.default_rng(seed)
        for start in range(0, count, BLOCK):
            rows = slice(start, min(start + BLOCK, count))
            size = rows.stop - rows.start
            block = own.standard_normal((size, width), np.float32)
            block *= spread[rows, None].astype(np.float32)
            for peak in np.flatnonzero((peaks >= rows.start) & (peaks < rows.stop)):
                at = peaks[peak]
                block[at - start] += shift[peak, :width] * spread[at]
            yield block

    genotypes = Recipe("genotypes", artifacts.VERSIONS["genotypes"],
                       {"build": "GRCh37"}, {})  # fmt: skip
    with store.write(genotypes) as folder:
        write_atomic(folder / "sources.json", b"[]")
    store.set_ref("genotypes", genotypes.key)
    inputs = {
        "embedding": store.ref(f"embedding/{slot}"),
        "cohort": store.ref("cohort"),
        "genotypes": genotypes.key,
    }
    recipe = Recipe("basis", artifacts.VERSIONS["basis"],
                    {"population": study.population}, inputs)  # fmt: skip
    with store.write(recipe) as folder:
        basis_files.write_people(
            folder, eids[made.rows], made, columns=columns, loadings=loadings
        )
        write_table(folder, "variants", known)
        write_array(folder, "squares", spread**2 * len(used))
        norms = np.linalg.norm(made.matrix, axis=0)
        shape = (count, made.matrix.shape[1])
        write_array(
            folder,
            "by_covariates",
            rng.standard_normal(shape) * norms * spread[:, None],
        )
        for seed, name, width in ((1, "by_axes", axes.shape[1]),
                                  (2, "by_unit", unit.shape[1])):  # fmt: skip
            basis_files.write_stacked(
                folder, name, products(seed, width), shape=(count, width),
                dtype=np.dtype(np.float32),
            )  # fmt: skip
    store.set_ref(f"basis/{slot}", recipe.key)


def parts(study: Study, pair: tuple[str, str], repeats: int) -> None:
    """Print what each step takes in this process."""
    store = Store(study.store_path)
    basis = basis_files.read_basis(store, *pair)
    given = artifacts.read_inputs(study, store, organ=pair[0], encoder=pair[1])
    vectors = np.asarray(given.vectors)
    eids = given.participants["eid"].to_numpy(str)
    live, rng = Live(basis), np.random.default_rng(3)
    chrom, pos = (basis.variants[name].to_numpy() for name in ("chrom", "pos"))
    taken: dict[str, list[float]] = {}

    def clocked(name: str, act: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        found = act()
        taken.setdefault(name, []).append(1000 * (time.perf_counter() - start))
        return found

    for number in range(2 * repeats + 1):
        values = np.full(len(eids), np.nan)
        values[given.seen] = vectors @ rng.normal(size=vectors.shape[1])
        if number % 2:  # not linear in the axes, so that the unit ones may be asked
            values = np.exp(values / np.nanstd(values))
        aligned = clocked("align", partial(align, basis, eids, values))
        start = time.perf_counter()
        found = live.preview(aligned, covariates=[*basis.columns])
        kind = "both sets of axes" if found.on_unit else "axes alone"
        kind = kind if number > 1 else f"{kind}, first"
        taken.setdefault(f"preview, {kind}", []).append(
            1000 * (time.perf_counter() - start)
        )
        loci = clocked("loci", partial(find_loci, chrom, pos, found.log10p))
        keep = loci["lead"].to_numpy()
        clocked("thin", partial(thin, chrom, pos, found.log10p, keep=keep))
        clocked("lambda", partial(lambdas, found.log10p, at=(0.5,)))
        if number < 3:
            print(f"  R² {found.r2:.4f}, {len(loci)} loci, λ {found.lambda_gc:.3f}")
    for name, times in taken.items():
        told(f"in process: {name}", times)


def told(name: str, times: list[float]) -> None:
    mid, high = np.percentile(times, [50, 95])
    print(f"{name:44s} n={len(times):3d} median {mid:6.0f} ms  p95 {high:6.0f} ms",
          flush=True)  # fmt: skip


def drawn(page: Page) -> None:
    """Wait for a figure, besides the script's end."""
    settle(page)
    page.wait_for_selector("[data-testid=stVegaLiteChart] canvas", timeout=120_000)


def measure(page: Page, address: str, repeats: int) -> dict[str, list[float]]:
    """Times of every control."""
    found: dict[str, list[float]] = {}

    def note(name: str, act: Callable[[], None]) -> None:
        found.setdefault(name, []).append(timed(page, act))
        print(f"  {name}: {found[name][-1]:.0f} ms", flush=True)

    start = time.perf_counter()
    page.goto(f"{address}/phenotype?method=Axis+or+PC")
    page.wait_for_selector("h1", timeout=120_000)
    drawn(page)
    found["first visit of the server"] = [1000 * (time.perf_counter() - start)]
    more = page.locator(".st-key-pc [data-testid=stNumberInputStepUp]").first
    less = page.locator(".st-key-pc [data-testid=stNumberInputStepDown]").first
    for _ in range(repeats):
        note("another component, not seen yet", more.click)
    for _ in range(repeats):
        note("another component, seen before", less.click)
    page.goto(f"{address}/phenotype?method=Cluster&cluster=1")
    page.wait_for_selector("h1", timeout=120_000)
    drawn(page)
    for number in range(repeats):
        page.locator(".st-key-pcs input").click()
        option = page.get_by_role("option", name=f"PC{number + 1}", exact=True)
        option.wait_for()
        note("one more PC regressed out, cluster score", option.click)
        page.keyboard.press("Escape")
        settle(page)
    page.goto(f"{address}/phenotype?method=Cluster&cluster=1")
    page.wait_for_selector("h1", timeout=120_000)
    drawn(page)
    for number in range(min(repeats, 4)):
        page.locator(".st-key-cluster input").first.click()
        option = page.get_by_role("option").nth(2 + number)
        option.wait_for()
        note("another cluster", option.click)
    slider = page.get_by_role("slider").first
    slider.scroll_into_view_if_needed()
    slider.focus()
    for _ in range(min(repeats, 6)):
        note("fewer labels, cluster score", lambda: page.keyboard.press("ArrowLeft"))
    page.goto(f"{address}/phenotype?method=Classifier")
    page.wait_for_selector("h1", timeout=120_000)
    drawn(page)
    for number in range(min(repeats, 4)):
        page.locator(".st-key-pcs input").click()
        option = page.get_by_role("option", name=f"PC{number + 1}", exact=True)
        option.wait_for()
        note("one more PC regressed out, classifier", option.click)
        page.keyboard.press("Escape")
        settle(page)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--variants", type=int, default=1_100_000)
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="where 4 GB may lie meanwhile")
    parser.add_argument("--keep", action="store_true", help="leave the copy there")
    given = parser.parse_args()
    # a file edited meanwhile must not be loaded into the studio that is timed
    os.environ["STREAMLIT_SERVER_FILE_WATCHER_TYPE"] = "none"
    folder, made = given.study, None
    if not any(s.startswith("basis/") for s in Store(folder / "store").refs()):
        made = Path(tempfile.mkdtemp(dir=given.folder))
        folder = made / "study"
    try:
        if made is not None:
            shutil.copytree(given.study, folder)
        study = load_study(folder)
        pair = study.pairs()[0]
        if made is not None:
            fill(study, pair, given.variants)
        parts(study, pair, given.repeats)
        process, address = serve(folder)
        try:
            with sync_playwright() as driver:
                path = shutil.which("chromium") or shutil.which("google-chrome")
                browser = driver.chromium.launch(executable_path=path, args=FLAGS)
                page = browser.new_page(viewport={"width": 1500, "height": 950})
                for name, times in measure(page, address, given.repeats).items():
                    told(name, times)
                browser.close()
        finally:
            process.terminate()
            process.wait(20)
    finally:
        if given.keep:
            print(folder)
        elif made is not None:
            shutil.rmtree(made)


if __name__ == "__main__":
    main()
