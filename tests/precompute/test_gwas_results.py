"""Command gwas-results: bring home, list, remove; other commands leave results be."""

import re
import shutil

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from edp_core.artifacts import is_stale
from edp_core.errors import InputError
from edp_core.gwas.results_store import list_gwas, read_gwas
from edp_core.store import Store
from edp_core.study import load_study
from precompute import cli, gwas_results
from precompute.lineage import find
from precompute.steps import states

HEADER = "CHROM GENPOS ID ALLELE0 ALLELE1 A1FREQ N TEST BETA SE CHISQ LOG10P EXTRA"


@pytest.fixture
def call(monkeypatch):
    """Run the command line in this process; its output."""
    wide = Console(width=200, force_terminal=False)
    monkeypatch.setattr(cli, "console", wide)
    monkeypatch.setattr(gwas_results, "console", wide)

    def run(*arguments):
        result = CliRunner().invoke(cli.app, list(map(str, arguments)))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0
        return result.output

    return run


@pytest.fixture
def study(raw_study, tmp_path):
    """A study none of whose steps is done."""
    folder = tmp_path / "study"
    folder.mkdir()
    for path in raw_study.iterdir():
        if path.name in ("images", "store"):
            continue
        (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
    return folder


@pytest.fixture
def result(tmp_path):
    """A regenie file whose variants are called as participants are."""

    def write(*ids, name="s2_fat.regenie"):
        rows = [
            f"{k} {1000 * k} {eid} A C 0.5 400 ADD 0.1 0.01 100 {20 + k} NA"
            for k, eid in enumerate(ids, 1)
        ]
        (tmp_path / name).write_text("\n".join([HEADER, *rows, ""]))
        return tmp_path / name

    return write


def test_a_result_is_brought_home_listed_and_removed(call, study, result):
    path = result("rs1", "rs2")
    said = call("gwas-results", study, "fat", path, "--build", "GRCh37", "--quiet")
    assert "fat: 2 rows of regenie, 2 variants kept, 0 rows dropped" in said
    assert "2 loci at p < 5e-8" in said
    assert re.search(r"chromosome of 1–22 without a variant: 3, 4.*20 ", said)
    said = call("gwas-results", study, "--list")
    assert re.search(r"fat .*regenie .*GRCh37 .* 2 .* 2 ", said)
    said = call("gwas-results", study, "fat", "--remove")
    assert "fat is removed" in said and path.is_file()
    assert "There is no GWAS result" in call("gwas-results", study, "--list")


def test_it_has_the_trait_of_an_export_and_the_build_of_the_genotypes(
    call, study, result
):
    cards = study / "exports" / "run1" / "cards"
    cards.mkdir(parents=True)
    (cards / "fat.json").write_text("{}")
    opened = load_study(study)
    assert opened.path(opened.disclosure.export_dir) == study / "exports"
    if opened.genotypes is None:
        text = (study / "study.toml").read_text()
        more = '\n[genotypes]\nbed = "genotypes/demo"\nbuild = "GRCh38"\n'
        (study / "study.toml").write_text(text + more)
    call("gwas-results", study, "a", result("rs1"), "--quiet")
    opened = load_study(study)
    held = read_gwas(Store(opened.store_path), "a")
    assert held.summary["trait"] == "fat"
    assert held.build == opened.genotypes.build


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--list", "x"], "takes no NAME"),
        (["x", "y", "--remove"], "takes no FILE"),
        (["x"], "No file is given"),
        (["x", "absent", "--build", "GRCh37"], "There is no file"),
        (["x", "absent", "--build", "hg17"], "no build of the genome"),
        (["x", "--remove"], "There is no GWAS result named"),
    ],
)
def test_what_cannot_be_done_is_said(call, study, words, said):
    with pytest.raises(Exception, match=said) as caught:
        call("gwas-results", study, *words)
    assert caught.value.hint
    assert list_gwas(Store(load_study(study).store_path)) == []


def test_other_commands_leave_results_be(call, study, result):
    opened = load_study(study)
    column = opened.participants.eid
    table = pd.read_csv(opened.path(opened.participants.table), dtype=str)
    eids = table[column].dropna().tolist()[:3]
    call("gwas-results", study, "fat", result(*eids), "--build", "GRCh37", "--quiet")
    store = Store(opened.store_path)
    key = read_gwas(store, "fat").key
    assert not is_stale(opened, store, "gwas/fat")
    # a variant that is called as a participant is none
    assert not find(store, eids)
    call("prune", study)
    assert read_gwas(store, "fat").key == key
    assert not any("gwas" in slot.name for slot in states(opened, store))
    assert "to do" in call("status", study, "--verify")
    assert read_gwas(store, "fat").n_variants == 3


def test_a_result_of_another_version_of_ingest_is_stale(
    call, study, result, monkeypatch
):
    call("gwas-results", study, "fat", result("rs1"), "--build", "GRCh37", "--quiet")
    from edp_core import artifacts

    opened = load_study(study)
    monkeypatch.setitem(artifacts.VERSIONS, "gwas", 99)
    assert is_stale(opened, Store(opened.store_path), "gwas/fat")


def test_nothing_is_left_of_a_refused_result(call, study, result):
    path = result("rs1", "rs2")
    path.write_text(path.read_text()[:-12])
    with pytest.raises(InputError, match="cut short"):
        call("gwas-results", study, "fat", path, "--build", "GRCh37", "--quiet")
    store = Store(load_study(study).store_path)
    assert list_gwas(store) == [] and not list(store.root.glob("gwas/*"))
