"""Steps of the live GWAS: PLINK files become a basis, killed, changed, withdrawn."""

import shutil
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from plink_files import PLINK2, draw, needs_plink2, write_bed
from rich.console import Console
from typer.testing import CliRunner

from edp_core.artifacts import is_stale, read_basis, reopen_genotypes
from edp_core.errors import AlignmentError, InputError, MissingArtifactError
from edp_core.prune import prune
from edp_core.store import Store, read_table
from edp_core.study import load_study
from precompute import cli, gwas_basis, gwas_command
from precompute.jobs import Jobs
from precompute.lineage import find
from precompute.steps import do, states

PEOPLE, VARIANTS, AXES = 160, 220, 9
STUDY = """
name = "Small"
[participants]
table = "people.csv"
[organs.liver]
[encoders.given]
method = "vectors"
vectors = "vectors.csv"
[genotypes]
bed = "genotypes/g"
mac = 10
[populations.young]
rules = [{column = "age_years", at_most = 60}]
"""
SLOTS = ("cohort", "embedding/liver/given", "genotypes", "basis/liver/given")


def make_study(folder, lines=""):
    """A study of vectors: of 160 people 150 have one, 152 are genotyped."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    eids = [str(2000000 + 3 * i) for i in range(PEOPLE)]
    people = pd.DataFrame(
        {
            "eid": eids,
            "age_years": rng.uniform(45, 75, PEOPLE).round(2),
            "sex": rng.choice(["F", "M"], PEOPLE),
            "bmi": rng.normal(27, 3, PEOPLE).round(2),
        }
    )
    people.loc[[20, 21], "bmi"] = np.nan
    people.to_csv(folder / "people.csv", index=False)
    vectors = pd.DataFrame(rng.normal(size=(150, AXES)).round(4)).add_prefix("z")
    vectors.insert(0, "eid", eids[:150])
    vectors.to_csv(folder / "vectors.csv", index=False)
    copies = draw(155, VARIANTS, missing=0.02, low=0.02)
    copies[7] = 2
    genotyped = [*rng.permutation(eids[8:]).tolist(), "900", "901", "902"]
    write_bed(folder / "genotypes/g", copies, ids=genotyped)
    (folder / "study.toml").write_text(STUDY + lines)
    return copies, genotyped


def filled(folder, slots=SLOTS):
    study = load_study(folder)
    store = Store(study.store_path)
    jobs = Jobs(study, store)
    for slot in slots:
        do(jobs, jobs.make(slot), report=lambda *_: None)
    return study, store


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("basis") / "study"
    copies, genotyped = make_study(folder)
    filled(folder)
    return folder, copies, genotyped


@pytest.fixture
def study(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "study")
    return tmp_path / "study"


def opened(folder):
    found = load_study(folder)
    return found, Store(found.store_path)


# ---- what a basis holds ----------------------------------------------------------
def test_a_basis_holds_the_products_of_the_people_who_have_everything(made):
    folder, copies, genotyped = made
    _, store = opened(folder)
    basis = read_basis(store, "liver", "given")
    people = pd.read_csv(folder / "people.csv", dtype={"eid": str}).set_index("eid")
    vectors = pd.read_csv(folder / "vectors.csv", dtype={"eid": str}).set_index("eid")
    complete = people[people["bmi"].notna()].index
    expected = sorted(set(vectors.index) & set(genotyped) & set(complete))
    assert basis.eids.tolist() == expected
    assert len(expected) == 140
    # the plain way, in double precision
    at = [genotyped.index(eid) for eid in expected]
    x = np.where(copies[:, at] < 0, np.nan, copies[:, at]).astype(float)
    counts = np.nansum(x, axis=1)
    seen = (~np.isnan(x)).sum(axis=1)
    kept = np.flatnonzero(
        (np.minimum(counts, 2 * seen - counts) >= 10) & (np.nanvar(x, axis=1) > 0)
    )
    assert basis.variants["row"].tolist() == kept.tolist()
    x = np.where(np.isnan(x), np.nanmean(x, axis=1, keepdims=True), x)[kept]
    x -= x.mean(axis=1, keepdims=True)
    z = vectors.loc[expected].to_numpy(np.float32).astype(float)
    z -= z.mean(axis=0)
    np.testing.assert_allclose(basis.by_axes @ basis.loadings, x @ z, atol=2e-4)
    np.testing.assert_allclose(basis.squares, (x**2).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(basis.variants["af"], counts[kept] / 2 / seen[kept],
                               rtol=1e-6)  # fmt: skip
    age = people.loc[expected, "age_years"].to_numpy()
    np.testing.assert_allclose(
        basis.by_covariates[:, basis.columns["age"]][:, 0],
        x @ (age - age.mean()),
        atol=1e-8,
    )
    # vectors are centred on everybody who has one
    every = vectors.to_numpy(np.float32)
    unit = vectors.loc[expected].to_numpy(np.float32) - every.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    unit -= unit.mean(axis=0)
    rest = unit - basis.unit @ (basis.unit.T @ unit)
    assert np.abs(rest).max() < 1e-5
    np.testing.assert_allclose(basis.by_unit, x @ basis.unit, atol=1e-4)
    assert isinstance(basis.by_axes, np.memmap)
    assert basis.population == "everyone"
    assert basis.variants["chrom"].dtype == np.int8
    assert basis.variants["pos"].dtype == np.int32


def test_everybody_is_used_or_excluded_with_a_reason(made):
    _, store = opened(made[0])
    basis = read_basis(store, "liver", "given")
    folder = store.at("basis/liver/given")
    table = read_table(folder, "exclusions")
    counts = table["reason"].value_counts().to_dict()
    assert counts == {
        "no embedding": 10,
        "no genotypes": 8,
        "covariate missing: bmi": 2,
    }
    assert len(basis.eids) + len(table) == PEOPLE
    assert not set(table["eid"]) & set(basis.eids)
    notes = read_table(folder, "notes").set_index("reason")["count"]
    assert notes["variant that is the same for everybody"] == 1
    assert notes.sum() == VARIANTS - len(basis.squares)
    people = read_table(store.at("genotypes"), "notes").set_index("reason")["count"]
    assert people["genotyped person who is not in the cohort"] == 3


def test_nobody_else_can_read_ids(made):
    _, store = opened(made[0])
    for slot in ("genotypes", "basis/liver/given"):
        for path in store.at(slot).rglob("*"):
            if path.name != "manifest.json":
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_raw_genotypes_are_opened_again(made, tmp_path):
    folder, copies, genotyped = made
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    study, store = opened(moved)
    basis = read_basis(store, "liver", "given")
    again = reopen_genotypes(study, store)
    rows = again.people_rows(basis.eids)
    assert [genotyped[row] for row in rows] == basis.eids.tolist()
    found = again.genotypes.read(basis.variants["row"].to_numpy()[:9], rows)
    expected = copies[basis.variants["row"].to_numpy()[:9]][:, rows]
    np.testing.assert_array_equal(np.nan_to_num(found, nan=-1), expected)
    with pytest.raises(AlignmentError, match="no row in the genotype files"):
        again.people_rows(np.array(["900"]))
    (moved / "genotypes/g.bed").unlink()
    with pytest.raises(InputError, match=r"g\.bed is no longer what the store"):
        reopen_genotypes(study, store)


@needs_plink2
def test_pgen_gives_the_bytes_of_bed(made, study):
    prefix = study / "genotypes/g"
    command = [PLINK2, "--bfile", prefix, "--make-pgen", "--out", prefix]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    file = study / "study.toml"
    file.write_text(file.read_text().replace("bed =", "pgen ="))
    one = read_basis(opened(made[0])[1], "liver", "given")
    two = read_basis(filled(study)[1], "liver", "given")
    assert one.keys["genotypes"] != two.keys["genotypes"]
    np.testing.assert_array_equal(one.by_axes, two.by_axes)
    np.testing.assert_array_equal(one.squares, two.squares)
    pd.testing.assert_frame_equal(one.variants, two.variants)


# ---- a basis that is of something else -------------------------------------------
def add(study, lines):
    file = study / "study.toml"
    file.write_text(lines + file.read_text())


def test_another_population_makes_another_basis(study):
    add(study, 'population = "young"\n')
    found, store = filled(study, ("cohort",))
    with pytest.raises(MissingArtifactError, match="another cohort or population"):
        read_basis(store, "liver", "given")
    assert is_stale(found, store, "basis/liver/given")
    _, store = filled(study)
    basis = read_basis(store, "liver", "given")
    assert basis.population == "young"
    assert 50 < len(basis.eids) < 100


def test_other_vectors_or_genotypes_make_another_basis(study):
    path = study / "vectors.csv"
    table = pd.read_csv(path, dtype={"eid": str})
    table.assign(z0=table["z0"] * 2).to_csv(path, index=False)
    _, store = filled(study, ("embedding/liver/given",))
    with pytest.raises(MissingArtifactError, match="made of another embedding than"):
        read_basis(store, "liver", "given")
    filled(study)
    read_basis(store, "liver", "given")
    path = study / "genotypes/g.bim"
    path.write_text(path.read_text().replace("rs3\t", "rs3x\t"))
    found, store = filled(study, ("genotypes",))
    with pytest.raises(MissingArtifactError, match="other genotypes than"):
        read_basis(store, "liver", "given")
    assert {s.name: v for s, v in states(found, store).items()}[
        "basis/liver/given"
    ] == "changed"


def test_other_covariates_make_another_basis_and_the_old_one_is_pruned(study):
    _, store = opened(study)
    before = store.ref("basis/liver/given")
    file = study / "study.toml"
    file.write_text(
        file.read_text().replace("mac = 10", 'mac = 10\ncovariates = ["age"]')
    )
    found, store = filled(study)
    basis = read_basis(store, "liver", "given")
    assert list(basis.columns) == ["age"]
    assert len(basis.eids) == 142  # nobody is left out for a missing BMI
    assert store.folder("basis", before).is_dir()
    assert prune(store) > 0
    assert not store.folder("basis", before).is_dir()
    found_states = {slot.name: state for slot, state in states(found, store).items()}
    assert found_states["basis/liver/given"] == found_states["genotypes"] == "done"


# ---- bad input leaves nothing ----------------------------------------------------
@pytest.mark.parametrize(
    ("break_it", "error", "said"),
    [
        (
            lambda f: (f / "g.bed").write_bytes((f / "g.bed").read_bytes()[:-9]),
            InputError,
            "bytes instead of",
        ),
        (
            lambda f: (f / "g.bim").write_text(
                (f / "g.bim").read_text().replace("\trs9\t", "\trs9 9\t")
            ),
            InputError,
            r"Line 10 of g\.bim",
        ),
        (
            lambda f: (f / "g.fam").write_text(
                "\n".join(f"{i} s{i} 0 0 0 -9" for i in range(155))
            ),
            AlignmentError,
            "None of 155 genotyped people is one of 160",
        ),
    ],
)
def test_bad_genotypes_leave_nothing_behind(tmp_path, break_it, error, said):
    make_study(tmp_path / "study")
    break_it(tmp_path / "study/genotypes")
    with pytest.raises(error, match=said):
        filled(tmp_path / "study")
    _, store = opened(tmp_path / "study")
    assert set(store.refs()) == {"cohort", "embedding/liver/given"}
    assert not [*(store.root / "genotypes").glob("*")]


def test_no_variant_left_is_refused(study):
    file = study / "study.toml"
    file.write_text(file.read_text().replace("mac = 10", "mac = 200"))
    with pytest.raises(InputError, match=r"None of 220 .* too few copies: 219"):
        filled(study)


# ---- the command -----------------------------------------------------------------
@pytest.fixture
def call(monkeypatch):
    monkeypatch.setattr(gwas_command, "console", Console(width=200))

    def run(*arguments):
        result = CliRunner().invoke(cli.app, ["gwas-basis", *map(str, arguments)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output

    return run


def test_the_command_takes_other_genotypes_than_the_settings(study, call):
    write_bed(
        study / "other",
        draw(100, 50, seed=5, low=0.1),
        ids=[str(2000000 + 3 * i) for i in range(100)],
    )
    said = call(study, "--bed", study / "other", "--quiet")
    assert "liver/given: 98 people × 50 variants; covariates: age, age2" in said
    found, store = opened(study)
    assert len(read_basis(store, "liver", "given").squares) == 50
    states_ = {slot.name: state for slot, state in states(found, store).items()}
    assert states_["genotypes"] == "changed"
    call(study, "--organ", "liver")
    assert len(read_basis(store, "liver", "given").squares) == 210
    assert "already" in call(study)


def test_the_command_works_without_settings_and_names_what_lacks(study, call):
    file = study / "study.toml"
    text = file.read_text()
    file.write_text(text[: text.index("[genotypes]")])
    with pytest.raises(InputError, match="names no genotypes"):
        call(study)
    with pytest.raises(InputError, match="both given"):
        call(study, "--bed", "a", "--pgen", "b")
    with pytest.raises(InputError, match=r"no file nowhere\.pgen"):
        call(study, "--pgen", study / "nowhere")
    with pytest.raises(InputError, match="no embedding of heart"):
        call(study, "--bed", study / "genotypes/g", "--organ", "heart")
    assert "people" in call(study, "--bed", study / "genotypes/g", "--quiet")
    _, store = opened(study)
    assert read_basis(store, "liver", "given").squares.size


# ---- killed, withdrawn -----------------------------------------------------------
CHILD = """
import sys
from edp_core.store import Store
from edp_core.study import load_study
from precompute import gwas_basis
from precompute.jobs import Jobs
from precompute.steps import do
gwas_basis.BLOCK = 16
study = load_study(sys.argv[1])
jobs = Jobs(study, Store(study.store_path))
for slot in sys.argv[2:]:
    do(jobs, jobs.make(slot), report=lambda *_: None)
"""


@pytest.mark.slow
def test_a_killed_basis_goes_on_and_ends_with_the_same_bytes(
    tmp_path, monkeypatch, request
):
    monkeypatch.setattr(gwas_basis, "BLOCK", 16)
    make_study(tmp_path / "whole")
    _, whole = filled(tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "killed",
                    ignore=shutil.ignore_patterns("store"))  # fmt: skip
    folder = tmp_path / "killed"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), *SLOTS],
        cwd=request.config.rootpath,
        stderr=subprocess.PIPE,
    )
    pattern = "store/unfinished/basis-*/part-000003.npz"
    while child.poll() is None and not any(folder.glob(pattern)):
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, child.stderr.read().decode()
    study, store = opened(folder)
    assert "basis/liver/given" not in store.refs()
    parts = {
        p.name: p.stat().st_mtime_ns for p in folder.glob("store/unfinished/*/p*z")
    }
    assert 4 <= len(parts) < 14
    read = []
    jobs = Jobs(study, store)
    do(jobs, jobs.make("basis/liver/given"), report=lambda n, _: read.append(n))
    # what was finished before is not read again
    assert len(read) == 14 - len(parts)
    assert read[-1] == VARIANTS
    one, two = (
        s.manifest("basis", s.ref("basis/liver/given"))["files"] for s in (whole, store)
    )
    assert one == two
    assert not [*folder.glob("store/unfinished/*")]


def test_a_withdrawn_person_is_in_no_basis_and_no_unfinished_one(study):
    _, store = opened(study)
    basis = read_basis(store, "liver", "given")
    gone, absent = basis.eids[5], "2000000"  # the latter is not genotyped
    assert absent not in basis.eids
    workspace = store.root / "unfinished/basis-x"
    workspace.mkdir(parents=True)
    np.save(workspace / "eids.npy", basis.eids)
    traces = find(store, {gone})
    kinds = {kind for kind, _ in traces.artifacts}
    assert {"genotypes", "basis", "cohort", "embedding"} <= kinds
    assert traces.workspaces == [workspace]
    (study / "gone.txt").write_text(f"{gone}\n{absent}\n")
    file = study / "study.toml"
    file.write_text(
        file.read_text() + '[populations.everyone]\nwithdrawals="gone.txt"\n'
    )
    result = CliRunner().invoke(cli.app, ["withdraw", str(study), "--quiet"])
    assert result.exit_code == 0, result.output
    _, store = opened(study)
    assert not find(store, {gone, absent})
    assert "basis/liver/given" not in store.refs()
    assert "genotypes" in store.refs()  # made again by ingest, without them
    _, store = filled(study)
    assert gone not in read_basis(store, "liver", "given").eids
    assert not find(store, {gone, absent})
