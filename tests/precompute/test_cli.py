"""The command line: what it says, that it says no small count and no eid."""

import json
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from edp_core.artifacts import read_inputs
from edp_core.errors import InputError, MissingArtifactError
from edp_core.people.ukb import read_columns
from edp_core.phenotype import SPEC, CodeSpec
from edp_core.store import Store, read_table
from edp_core.study import load_study
from precompute import cli, opening
from precompute.console import Reporter

SMALL = re.compile(r"(?<![\w.,<])[1-4](?![\w.,])")


@pytest.fixture
def call(monkeypatch):
    """Run the command line in this process; its exit code and its output."""
    monkeypatch.setattr(cli, "console", Console(width=300, force_terminal=False))

    def run(*arguments):
        result = CliRunner().invoke(cli.app, list(map(str, arguments)))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    return run


def all_eids(study):
    """Every id of participants, strangers and diagnoses."""
    opened = load_study(study)
    ids = set()
    for table in (opened.participants, opened.diagnoses):
        frame = read_columns(opened.path(table.table), {"eid": table.eid})
        ids |= set(frame["eid"].dropna())
    ids |= {path.name.split("_")[0] for path in (study / "images").iterdir()}
    assert len(ids) > 120
    return ids


def test_status_of_a_done_study(call, done_study):
    code, said = call("status", done_study)
    assert code == 0
    assert "Everything is done." in said
    for slot in ("cohort", "images/liver", "embedding/liver/mae", "scan/liver/mae"):
        assert re.search(rf"{slot}\s.*\bdone\b", said), slot
    images = Store(load_study(done_study).store_path).at("images/liver")
    used = read_table(images, "rows")["eid"].nunique()
    assert re.search(rf"with usable images\s.*\b{used}\b", said)
    reasons = set(read_table(images, "exclusions")["reason"])
    assert len(reasons) > 2 and all(reason in said for reason in reasons)
    assert "image of somebody who is not in the cohort" in said


def test_status_prints_no_small_count_and_no_eid(call, done_study):
    _, said = call("status", done_study)
    assert not [eid for eid in all_eids(done_study) if eid in said]
    tables = said[said.index("Participants") :]
    assert SMALL.findall(tables) == []
    assert re.search(r"no mask\s.*<5", tables)
    assert SMALL.findall("a │ 3 │ b") == ["3"], "the search finds what it should"


def test_status_of_a_new_study_names_the_command(call, raw_study, copy_of):
    study = copy_of(raw_study)
    shutil.rmtree(study / "store", ignore_errors=True)  # a screen may have looked
    code, said = call("status", study)
    assert code == 0
    assert said.count("to do") >= 26
    assert f"26 to do → .venv/bin/python -m precompute run {study}" in said
    assert not (study / "store").exists(), "asking changes nothing"


def test_status_after_a_change_and_damage(call, done_study, copy_of):
    folder = copy_of(done_study)
    file = folder / "study.toml"
    file.write_text(file.read_text().replace("[analysis]", "[analysis]\nresolution=2"))
    _, said = call("status", folder)
    assert re.search(r"atlas/liver/mae\s.*changed", said)
    assert re.search(r"enrichment/liver/mae\s.*changed", said)
    assert re.search(r"scan/liver/mae\s.*done", said)
    assert "8 changed →" in said, "atlas and three more, of both organs"
    store = Store(load_study(folder).store_path)
    (store.at("scan/liver/mae") / "scan.parquet").unlink()
    _, said = call("status", folder)
    assert re.search(r"scan/liver/mae\s.*damaged", said)


def test_a_second_run_does_nothing(call, done_study, copy_of):
    folder = copy_of(done_study)
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("manifest.json")}
    code, said = call("run", folder, "--quiet")
    assert code == 0 and said == "Everything is done already.\n"
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("manifest.json")} == before


def test_run_says_what_it_does_and_no_eid(call, raw_study, copy_of):
    folder = copy_of(raw_study)
    code, said = call("run", folder, "--only", "ingest")
    assert code == 0
    steps = ["cohort", "phenome", "genotypes"]
    for organ in ("liver", "kidney"):
        steps += [f"images/{organ}", f"thumbnails/{organ}"]
    for step in steps:
        assert re.search(rf"✓ ingest {step}  \d+\.\d s", said), step
    assert not [eid for eid in all_eids(folder) if eid in said]
    assert set(Store(load_study(folder).store_path).refs()) == set(steps)


def test_a_step_whose_inputs_are_not_done_names_the_command(call, raw_study, copy_of):
    folder = copy_of(raw_study)
    with pytest.raises(MissingArtifactError, match="has not been computed") as caught:
        call("run", folder, "--only", "analyse")
    assert caught.value.hint == f"run: .venv/bin/python -m precompute run {folder}"


def test_an_unknown_step(call, raw_study):
    code, said = call("run", raw_study, "--only", "bake")
    assert code == 2 and "ingest, train, encode, analyse" in said


def test_force_does_a_done_step_again(call, done_study, copy_of):
    folder = copy_of(done_study)
    scan = Store(load_study(folder).store_path).at("phenome") / "manifest.json"
    before = scan.stat().st_mtime_ns
    code, said = call("run", folder, "--only", "ingest", "--force", "--quiet")
    assert code == 0 and "✓ ingest phenome" in said
    assert scan.stat().st_mtime_ns > before


# ---- export ----------------------------------------------------------------------
@pytest.fixture
def recipe(done_study, tmp_path):
    study = load_study(done_study)
    store = Store(study.store_path)
    inputs = read_inputs(study, store)
    scan = read_table(store.at("scan/liver/mae"), "scan")
    spec = CodeSpec(
        name="disease", population="everyone", cohort=inputs.keys["cohort"],
        phenome=inputs.keys["phenome"],
        trait=scan.loc[scan["reason"] == "", "code"].iat[0],
    )  # fmt: skip
    path = tmp_path / "recipe.json"
    path.write_bytes(SPEC.dump_json(spec))
    return path


def test_export_writes_the_files_and_the_audit_log(
    call, done_study, copy_of, recipe, tmp_path
):
    folder = copy_of(done_study)
    out = tmp_path / "out"
    code, said = call("export", folder, "--phenotype", recipe, "--out", out)
    assert code == 0
    written = [p for p in out.rglob("*") if p.is_file()]
    assert f"{len(written)} files for 1 phenotypes in" in said
    assert not [eid for eid in all_eids(folder) if eid in said]
    log = (folder / "store" / "audit.log").read_text()
    # screens that were looked at in this study before have left lines of their own
    assert json.loads(log.splitlines()[-1])["phenotypes"] == ["disease"]
    assert not [eid for eid in all_eids(folder) if eid in log]
    # the card that was written makes the same files again
    card = out / "cards" / "disease.json"
    again = tmp_path / "again"
    call("export", folder, "--phenotype", card, "--out", again)
    for path in written:
        assert (again / path.relative_to(out)).read_bytes() == path.read_bytes()


def test_export_against_a_sample_file_that_is_none(
    call, done_study, copy_of, recipe, tmp_path
):
    arguments = ("export", copy_of(done_study), "--phenotype", recipe)
    (tmp_path / "a.fam").write_bytes(b"\xff\xfe")
    for name in ("none.fam", "a.fam"):
        with pytest.raises(InputError, match=rf"sample file .*{name} cannot be read"):
            call(*arguments, "--out", tmp_path / "o", "--genotypes", tmp_path / name)


# ---- prune and demo --------------------------------------------------------------
def test_prune_frees_what_is_no_longer_used(call, done_study, copy_of):
    folder = copy_of(done_study)
    assert call("prune", folder) == (0, "0 B freed\n")
    store = Store(load_study(folder).store_path)
    unused = store.ref("thumbnails/liver")
    store.clear_refs([("thumbnails", unused)])
    code, said = call("prune", folder)
    assert code == 0 and re.fullmatch(r"\d+ MB freed\n|\d+ kB freed\n", said)
    assert not (store.root / "thumbnails" / unused).exists()
    assert "Everything is done" not in call("status", folder)[1]


def test_demo_makes_a_study_and_runs_it(call, tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(cli, "run_study", lambda path, **how: ran.append((path, how)))
    code, said = call("demo", tmp_path / "d", "--participants", "60", "--quiet")
    assert code == 0 and "✓ simulate demo study" in said
    assert ran == [(tmp_path / "d", {"quiet": True})]
    assert load_study(tmp_path / "d").simulated
    assert len(pd.read_csv(tmp_path / "d" / "participants.csv")) == 62
    with pytest.raises(InputError, match="holds a demo made otherwise"):
        call("demo", tmp_path / "d", "--participants", "70")


def test_no_command_shows_the_help(call):
    _, said = call()
    for command in ("run", "status", "export", "demo", "prune", "withdraw"):
        assert command in said


# ---- errors ----------------------------------------------------------------------
def main(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["precompute", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code, capsys.readouterr().err


def test_errors_show_message_and_hint_and_exit_with_2(monkeypatch, capsys, tmp_path):
    code, said = main(monkeypatch, capsys, "status", tmp_path / "none")
    assert code == 2
    assert said.startswith("Error There is no study at")
    assert "→ give the folder that holds study.toml" in said
    assert "Traceback" not in said


def test_square_brackets_of_a_hint_are_shown(monkeypatch, capsys, tmp_path):
    (tmp_path / "study.toml").write_text("x = 1")

    def fail(_):
        raise InputError("wrong [encoders.mae]", "lower base_lr in [encoders.*]")

    monkeypatch.setattr(opening, "load_study", fail)
    code, said = main(monkeypatch, capsys, "status", tmp_path)
    assert code == 2
    assert "Error wrong [encoders.mae]" in said
    assert "→ lower base_lr in [encoders.*]" in said


def test_a_bug_of_ours_keeps_its_traceback(monkeypatch, tmp_path):
    def fail(_):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(opening, "load_study", fail)
    monkeypatch.setattr(sys, "argv", ["precompute", "status", str(tmp_path)])
    with pytest.raises(ZeroDivisionError, match="ours"):
        cli.main()


@pytest.mark.slow
def test_python_m_precompute_exits_with_2(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "precompute", "run", str(tmp_path / "none")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "There is no study at" in done.stderr and "→" in done.stderr


# ---- progress --------------------------------------------------------------------
def test_a_log_has_a_line_now_and_then(monkeypatch):
    monkeypatch.setattr("precompute.console.EVERY_S", 0.0)
    console = Console(width=200, force_terminal=False, record=True)
    with Reporter(console, quiet=True).step("train liver") as report:
        report(0, 2000)
        report(1500, 2000)
    said = console.export_text()
    assert "  train liver …" in said and "1,500/2,000" in said and "s left" in said
    assert "✓ train liver" in said


def test_a_step_that_fails_is_not_ticked():
    console = Console(width=200, force_terminal=False, record=True)
    with pytest.raises(RuntimeError), Reporter(console, quiet=True).step("train"):
        raise RuntimeError
    assert "✓" not in console.export_text()


def test_a_terminal_gets_a_bar():
    console = Console(width=200, force_terminal=True, record=True)
    with Reporter(console, quiet=False).step("train liver") as report:
        report(1, 2)
        report(2, 2)
    assert "✓ train liver" in console.export_text()


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (999, "999 B"), (1500, "2 kB"), (3.2e6, "3 MB"), (2.56e9, "2.6 GB")],
)
def test_sizes_in_words(size, said):
    assert cli.human(size) == said


def test_status_rereads_every_byte_when_asked(call, done_study, copy_of):
    study = copy_of(done_study)
    assert call("status", study, "--verify")[0] == 0
    file = next((study / "store" / "atlas").glob("*/umap.npy"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1  # the size stays, so only a reread can tell
    file.write_bytes(bytes(content))
    assert call("status", study)[0] == 0
    with pytest.raises(MissingArtifactError, match=r"umap\.npy has other bytes"):
        call("status", study, "--verify")
