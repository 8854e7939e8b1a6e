"""The GWAS screen: results come in, are drawn, compared, counted, and removed."""

from __future__ import annotations

import gzip
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from crawl import broke, counts, crawl, edit, small, table_with, told
from scipy.stats import norm
from test_privacy import SEVEN

from app.basket import Basket
from app.gwas.jobs import Task, jobs
from edp_core.artifacts import read_cohort
from edp_core.gwas.compare import gained_lost
from edp_core.gwas.genome import LENGTHS
from edp_core.gwas.results import ingest_results
from edp_core.gwas.results_store import list_gwas, read_gwas
from edp_core.recipe import CodeSpec
from edp_core.store import Store

PEAKS = {
    "PNPLA3": (22, 44_324_727),
    "TM6SF2": (19, 19_379_549),
    "GCKR": (2, 27_730_940),
}
RUNS = {
    "K760": {"PNPLA3": 8.0, "TM6SF2": 6.5},
    "whole": {"PNPLA3": 12.0, "GCKR": 7.0},
    "liver-mae-PC1": {"GCKR": 9.0},
    "liver-mae-PC2": {"PNPLA3": 7.0},
}


def variants(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    chrom = np.sort(rng.integers(1, 23, n))
    pos = (rng.random(n) * [LENGTHS["GRCh37"][int(c)] for c in chrom]).astype(int) + 1
    table = pd.DataFrame({"CHROM": chrom, "GENPOS": pos})
    leads = pd.DataFrame(list(PEAKS.values()), columns=["CHROM", "GENPOS"])
    table = pd.concat([table, leads]).drop_duplicates()
    table = table.sort_values(["CHROM", "GENPOS"]).reset_index(drop=True)
    table["ID"] = [f"rs{i + 10}" for i in range(len(table))]
    table["ALLELE0"], table["ALLELE1"] = "A", "G"
    table["A1FREQ"] = rng.uniform(0.05, 0.5, len(table)).round(4)
    return table


def write(path, effects, *, n=4000, seed=1):
    """A regenie file with effects (in SE) at named peaks."""
    table = variants()
    rng = np.random.default_rng(seed)
    z = rng.normal(size=len(table))
    for gene, size in effects.items():
        chrom, pos = PEAKS[gene]
        z[(table["CHROM"] == chrom) & (table["GENPOS"] == pos)] = size
    af = table["A1FREQ"].to_numpy()
    se = 1 / np.sqrt(2 * n * af * (1 - af))
    log10p = -(norm.logsf(np.abs(z)) + np.log(2)) / np.log(10)
    table = table.assign(INFO=1, N=n, TEST="ADD", BETA=z * se, SE=se)
    table.assign(CHISQ=z**2, LOG10P=log10p, EXTRA="NA").to_csv(
        path, sep=" ", index=False
    )
    return path


@pytest.fixture(scope="module")
def with_results(done_study: Path, tmp_path_factory) -> Path:
    """A finished study with four results; read-only by agreement."""
    folder = tmp_path_factory.mktemp("gwas") / "study"
    shutil.copytree(done_study, folder)
    store = Store(folder / "store")
    for seed, (name, effects) in enumerate(RUNS.items()):
        n = 400_000 if name == "whole" else 4000
        file = write(folder / f"{name}.regenie", effects, n=n, seed=seed)
        ingest_results([file], name=name, build="GRCh37", store=store)
    refs = store.refs()
    spec = CodeSpec(
        name="K760",
        population="everyone",
        cohort=refs["cohort"],
        phenome=refs["phenome"],
        trait="K760",
    )
    Basket(folder / "store").add(spec)
    return folder


@pytest.fixture
def changeable(with_results: Path, copy_of) -> Path:
    """A copy whose results may be removed."""
    return copy_of(with_results)


def numbers(at):
    """Title → value of the figures on the screen."""
    return {metric.label: metric.value for metric in at.metric}


def chart(at):
    """The first chart's rows."""
    return [
        r for rows in crawl(at).charts[0].get("datasets", {}).values() for r in rows
    ]


# ---- empty, reading --------------------------------------------------------------
def test_without_results_it_says_how_they_get_here(screen, own_study):
    at = screen("gwas", own_study)
    text = told(at)
    assert "No result has come home yet" in text and "run_regenie.sh" in text
    assert any("gwas-results" in code.value for code in at.code)
    assert not at.error


def test_results_in_the_folder_are_read_and_the_bad_leave_nothing(screen, own_study):
    folder = own_study / "results"
    folder.mkdir()
    write(folder / "good.regenie", RUNS["K760"])
    bad = pd.read_csv(folder / "good.regenie", sep=" ", na_filter=False).drop(
        columns=["LOG10P"]
    )
    bad.to_csv(folder / "bad.regenie", sep=" ", index=False)
    at = screen("gwas", own_study)
    listed = table_with(crawl(at), "name", "files")
    assert set(listed["name"]) == {"good", "bad"}
    next(b for b in at.button if b.label == "Read 2 results").click().run()
    left = jobs().wait(str(own_study.resolve()), seconds=120)
    assert [job.task.name for job in left] == ["bad"]
    assert left[0].error is not None and "bad.regenie" in left[0].error[0]
    store = Store(own_study / "store")
    assert list_gwas(store) == ["good"]
    assert len(list((own_study / "store/gwas").iterdir())) == 1
    at = screen("gwas", own_study)
    assert any("bad.regenie" in error.value for error in at.error)
    assert "Nothing of it was kept" in told(at)
    assert numbers(at)["Loci"] == "2"
    jobs().drop(left[0])


def test_what_is_uploaded_is_deleted_and_a_reading_can_be_stopped(own_study, tmp_path):
    uploaded = tmp_path / "upload"
    uploaded.mkdir()
    file = write(uploaded / "x.regenie", {})
    task = Task(str(own_study), "x", "GRCh37", (str(file),), uploaded=str(uploaded))
    held = jobs()
    held.submit(task)
    (job,) = held.of(str(own_study))
    held.drop(job)
    assert held.of(str(own_study)) == []
    assert job.process is not None
    job.process.wait(20)
    for _ in range(200):
        if not uploaded.exists():
            break
        time.sleep(0.05)
    assert not uploaded.exists()


def test_before_any_step_and_without_a_study_it_is_no_bug(screen, raw_study, tmp_path):
    at = screen("gwas", raw_study)
    assert not broke(at) and "No result has come home yet" in told(at)
    at = screen("gwas", tmp_path / "nothing")
    assert not broke(at) and at.error


def test_a_damaged_result_is_told_and_can_be_removed(screen, changeable):
    st.cache_resource.clear()  # as in a server that starts now
    store = Store(changeable / "store")
    file = read_gwas(store, "whole").folder / "points.parquet"
    file.write_bytes(file.read_bytes()[:-7])
    at = screen("gwas", changeable)
    assert not broke(at)
    assert "**whole** cannot be read" in at.warning[0].value
    assert numbers(at)["Loci"] == "2"  # the others are there
    at.button(key="mend_whole").click().run()
    assert not at.warning and "whole" not in list_gwas(store)


# ---- one -------------------------------------------------------------------------
def test_one_result_has_its_plots_numbers_and_loci(screen, with_results):
    at = screen("gwas", with_results, run="K760")
    seen = crawl(at)
    assert len(seen.charts) == 2
    loci = table_with(seen, "gene", "width_kb")
    assert list(loci["gene"]) == ["PNPLA3", "TM6SF2"]
    found = read_gwas(Store(with_results / "store"), "K760")
    assert loci["log10p"].to_numpy() == pytest.approx(
        found.loci["log10p"].sort_values(ascending=False).to_numpy()
    )
    shown = numbers(at)
    assert shown["Loci"] == "2" and shown["Variants"] == f"{found.n_variants:,}"
    assert shown["N"] == "4,000"
    assert shown["λ at the median"] == f"{found.lambdas[0.5]:.3f}"
    assert "code · K760" in seen.everything  # its recipe is in the basket


def test_the_link_opens_a_locus_and_an_unknown_one_is_dropped(screen, with_results):
    at = screen("gwas", with_results, run="K760", locus="PNPLA3 22:44,324,727")
    text = told(at)
    assert "Region of PNPLA3 · 22:44,324,727" in text
    assert len(crawl(at).charts) == 3
    at = screen("gwas", with_results, run="whole", locus="TM6SF2 19:19,379,549")
    assert "Region of" not in told(at) and not at.error
    at = screen("gwas", with_results, run="nothing", part="nonsense")
    assert not at.error


def test_a_peak_or_row_that_is_clicked_is_the_locus(screen, with_results):
    at = screen("gwas", with_results, run="whole")
    at.selectbox(key="locus").select("GCKR 2:27,730,940").run()
    assert "Region of GCKR" in told(at)
    at.selectbox(key="run").select("K760").run()
    assert not at.error and "Region of" not in told(at)


def test_a_result_is_removed_after_asking(screen, changeable):
    at = screen("gwas", changeable, run="whole")
    at.button(key="remove_whole").click().run()
    store = Store(changeable / "store")
    assert "whole" not in list_gwas(store)
    assert not at.error and (changeable / "whole.regenie").is_file()


# ---- several ---------------------------------------------------------------------
def test_two_results_share_what_the_science_says(screen, with_results):
    at = screen("gwas", with_results, part="Two results", run="K760", second="whole")
    store = Store(with_results / "store")
    one, two = (read_gwas(store, name).loci for name in ("K760", "whole"))
    gained, lost = gained_lost(one, two)
    shown = numbers(at)
    assert shown["Found in both"] == str(len(one) - len(lost))
    assert shown["Found in either"] == str(len(one) + len(gained))
    beside = table_with(crawl(at), "place", "gene", "where")
    assert set(one["gene"]) | set(two["gene"]) == set(beside["gene"])
    looked_up = table_with(crawl(at), "beta2", "replicated")
    row = looked_up.set_index("gene").loc["PNPLA3"]
    assert bool(row["replicated"]) and row["log10p2"] > 30
    at.button(key="swap").click().run()
    assert at.selectbox(key="run").value == "whole"
    assert at.selectbox(key="second").value == "K760"
    assert not at.error


def test_all_results_in_one_table(screen, with_results):
    at = screen("gwas", with_results, part="All results", baseline="whole")
    table = table_with(crawl(at), "set", "unique").set_index("set")
    assert list(table.index) == ["K760", "liver-mae-PC*", "whole"]
    assert table.loc["liver-mae-PC*", "loci"] == 2
    assert table.loc["liver-mae-PC*", "runs"] == 2
    assert table.loc["K760", "shared"] == 1 and table.loc["K760", "missed"] == 1
    assert table.loc["K760", "unique"] == 1
    at.toggle(key="families").set_value(False).run()
    table = table_with(crawl(at), "set", "unique")
    assert list(table["set"]) == sorted(RUNS)
    crossed = table_with(crawl(at), "of", "code")
    assert crossed.set_index("of").loc["K760", "code"] == 2


def test_the_study_wide_threshold_counts_phenotypes(screen, with_results):
    at = screen("gwas", with_results, part="All results", study_wide="true")
    text = told(at)
    # one recipe is known, three results count one each
    assert "5 × 10⁻⁸ / 4.0 effective tests" in text
    assert "p < 1.2 × 10⁻⁸" in text


# ---- what may be shown -----------------------------------------------------------
def test_nothing_tells_of_few_people(screen, changeable):
    store = Store(changeable / "store")
    ids = set(read_cohort(store).participants["eid"])
    file = write(changeable / "few.regenie", {"PNPLA3": 8.0}, n=4)
    ingest_results([file], name="few", build="GRCh37", store=store)
    rare = pd.read_csv(file, sep=" ", na_filter=False).assign(N=4000)
    lead = (rare["CHROM"] == 22) & (rare["GENPOS"] == PEAKS["PNPLA3"][1])
    rare.loc[lead, "A1FREQ"] = 3 / 8000  # three people carry it
    rare.to_csv(changeable / "rare.regenie", sep=" ", index=False)
    files = [changeable / "rare.regenie"]
    ingest_results(files, name="rare", build="GRCh37", store=store)
    for name in ("few", "rare", "K760"):
        for part in ("One result", "Two results", "All results"):
            at = screen(
                "gwas", changeable, run=name, part=part,
                locus="PNPLA3 22:44,324,727",
            )  # fmt: skip
            seen = crawl(at)
            assert not ids & set(SEVEN.findall("\n".join(seen.texts)))
            own = [f[[c for c in f.columns if c == "n"]] for f in seen.frames]
            assert not small(counts(type(seen)(frames=own, texts=seen.texts)))
    at = screen("gwas", changeable, run="few")
    assert numbers(at)["N"] == "<5"
    at = screen("gwas", changeable, run="rare")
    loci = table_with(crawl(at), "gene", "width_kb").set_index("gene")
    assert loci.loc["PNPLA3", ["af", "beta", "se"]].isna().all()
    assert loci.loc["PNPLA3", "log10p"] > 10


def test_a_result_goes_on_to_other_tools(screen, changeable, monkeypatch):
    given = {}
    draw = st.download_button

    def spy(label, data, file_name, *args, **kwargs):
        given[file_name] = data
        return draw(label, data, file_name, *args, **kwargs)

    monkeypatch.setattr(st, "download_button", spy)
    at = screen("gwas", changeable, run="K760")
    assert not at.error
    lines = {
        name: gzip.decompress(content()).decode().splitlines()
        for name, content in given.items()
        if name.endswith(".gz")
    }
    ldsc, regenie = lines["K760.sumstats.gz"], lines["K760.regenie.gz"]
    assert ldsc[0].split("\t") == ["SNP", "A1", "A2", "N", "Z"]
    assert regenie[0].startswith("CHROM GENPOS ID ALLELE0 ALLELE1 A1FREQ N TEST BETA")
    assert len(ldsc) == len(regenie) == len(variants()) + 1
    told_of = (changeable / "store/audit.log").read_text().splitlines()[-2:]
    assert [name in line for name, line in zip(lines, told_of, strict=True)] == [
        True,
        True,
    ]
    edit(changeable, "downloads = true", "downloads = false")
    given.clear()
    at = screen("gwas", changeable, run="K760")
    assert not [name for name in given if name.endswith(".gz")]
    assert "does not allow downloads" in told(at)
