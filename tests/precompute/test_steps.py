"""Steps: done once, and again only when something they depend on changes."""

import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from edp_core.artifacts import VERSIONS
from edp_core.errors import MissingArtifactError
from edp_core.store import Store
from edp_core.study import load_study
from precompute import steps
from precompute.fingerprints import Fingerprints
from precompute.jobs import Jobs
from precompute.steps import do, slots, states

LIVER = "liver/mae"
EVERYTHING = [
    "cohort", "phenome", "images/liver", "thumbnails/liver", "genotypes",
    f"encoder/{LIVER}", f"embedding/{LIVER}", f"atlas/{LIVER}", f"scan/{LIVER}",
    f"enrichment/{LIVER}", f"stability/{LIVER}", f"occlusion/{LIVER}",
    f"basis/{LIVER}", f"probes/{LIVER}",
]  # fmt: skip


@pytest.fixture
def done(done_study, copy_of) -> Path:
    """A study with every step done; of its organs the liver alone."""
    folder = copy_of(done_study)
    text = (folder / "study.toml").read_text()
    text = re.sub(r"(?s)\[organs\.kidney\].*?(?=\n\[)", "", text)
    (folder / "study.toml").write_text(text)
    return folder


def fat_images(folder: Path) -> list[Path]:
    """One file of every participant's scan."""
    return sorted((folder / "images").glob("*/fat.nii.gz"))


def edit(folder: Path, old: str, new: str, file: str = "study.toml") -> None:
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def not_done(folder: Path) -> dict[str, str]:
    study = load_study(folder)
    found = states(study, Store(study.store_path))
    assert [slot.name for slot in found] == EVERYTHING
    return {slot.name: state for slot, state in found.items() if state != "done"}


def run(folder: Path, *names: str) -> list[str]:
    """Do some slots, or all; which of them had to be done."""
    study = load_study(folder)
    store = Store(study.store_path, remedy="python -m precompute run here")
    jobs = Jobs(study, store)
    ran = []
    for name in names or EVERYTHING:
        if do(jobs, jobs.make(name), report=lambda *_: None):
            ran.append(name)
    jobs.fingerprints.save()
    return ran


# ---- order -----------------------------------------------------------------------
def test_every_slot_comes_after_what_it_needs(tmp_path):
    (tmp_path / "study.toml").write_text(
        'name="x"\n[participants]\ntable="a"\n[organs.a]\nimages="{eid}"\n[organs.b]\n'
        'images="{eid}"\n[encoders.m]\nmethod="mae"\n[encoders.p]\nmethod="pretrained"\n'
        'organs=["b"]\n'
    )
    listed = slots(load_study(tmp_path))
    seen: set[str] = set()
    for slot in listed:
        assert set(slot.needs) <= seen, slot.name
        seen.add(slot.name)
    assert {n for n in seen if n.startswith("scan/")} == {
        "scan/a/m", "scan/b/m", "scan/b/p"
    }  # fmt: skip
    phases = [steps.PHASES.index(slot.phase) for slot in listed]
    assert phases == sorted(phases)


# ---- what is done stays done -----------------------------------------------------
def test_a_done_study_is_done(done):
    assert not_done(done) == {}
    assert run(done) == []


def test_a_touched_file_is_not_read_as_a_changed_one(done):
    for path in [done / "participants.csv", *fat_images(done)]:
        os.utime(path, ns=(1, 1))
    assert not_done(done) == {}
    assert run(done) == []


def test_a_moved_study_is_still_done(done, tmp_path):
    done.rename(tmp_path / "moved")
    assert not_done(tmp_path / "moved") == {}


def test_an_unchanged_file_is_not_read_again(done, monkeypatch):
    store = Store(load_study(done).store_path)
    prints = Fingerprints(store.root)
    table = done / "participants.csv"
    first = prints.of(table)
    prints.save()

    def fail(_):
        raise AssertionError("read again")

    monkeypatch.setattr("precompute.fingerprints.file_digest", fail)
    assert Fingerprints(store.root).of(table) == first
    with pytest.raises(AssertionError, match="read again"):
        os.utime(table, ns=(1, 1))
        Fingerprints(store.root).of(table)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 3}', '{"a": [1]}', "null"])
def test_damaged_memory_of_hashes_only_costs_time(done, text):
    (done / "store" / "fingerprints.json").write_text(text)
    assert run(done) == []


# ---- what changes is done again, and what hangs on it ----------------------------
@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        (
            "[analysis]",
            "[analysis]\nresolution = 2",
            ["atlas", "enrichment", "stability", "occlusion"],
        ),
        ("occlusion_people = 6", "occlusion_people = 7", ["occlusion"]),
        ("[analysis]", "[analysis]\nshrinkage = 0.5", ["scan"]),
        ("threshold = 5", "threshold = 7", ["enrichment"]),
        (
            'pooling = "mean"',
            'pooling = "cls"',
            [
                "embedding",
                "atlas",
                "scan",
                "enrichment",
                "stability",
                "occlusion",
                "basis",
                "probes",
            ],
        ),
        (
            "epochs = 2",
            "epochs = 3",
            [
                "encoder",
                "embedding",
                "atlas",
                "scan",
                "enrichment",
                "stability",
                "occlusion",
                "basis",
                "probes",
            ],
        ),
        ("images = true", "images = false", []),
    ],
)
def test_a_changed_setting_is_reported_with_what_hangs_on_it(done, old, new, changed):
    edit(done, old, new)
    assert not_done(done) == {f"{kind}/{LIVER}": "changed" for kind in changed}
    edit(done, new, old)
    assert not_done(done) == {}


def test_a_changed_setting_is_recomputed_and_changing_back_costs_nothing(done):
    edit(done, "[analysis]", "[analysis]\nshrinkage = 0.5")
    assert run(done) == [f"scan/{LIVER}"]
    assert not_done(done) == {}
    edit(done, "shrinkage = 0.5", "shrinkage = 0.1")
    assert not_done(done) == {f"scan/{LIVER}": "changed"}
    assert run(done) == []
    assert not_done(done) == {}


def test_a_raised_version_is_recomputed(done, monkeypatch):
    monkeypatch.setitem(VERSIONS, "scan", VERSIONS["scan"] + 1)
    assert not_done(done) == {f"scan/{LIVER}": "changed"}
    assert run(done) == [f"scan/{LIVER}"]


def test_a_mended_age_does_not_train_again(done):
    table = pd.read_csv(done / "participants.csv", dtype=str)
    table.loc[5, "p21003_i2"] = "61.25"
    table.to_csv(done / "participants.csv", index=False)
    assert set(not_done(done)) == {
        "cohort", "phenome", "images/liver", "thumbnails/liver", "genotypes",
        f"encoder/{LIVER}", f"embedding/{LIVER}", f"atlas/{LIVER}", f"scan/{LIVER}",
        f"enrichment/{LIVER}", f"stability/{LIVER}", f"occlusion/{LIVER}",
        f"basis/{LIVER}", f"probes/{LIVER}",
    }, "before the cohort is done nothing behind it is known"  # fmt: skip
    assert run(done) == [
        "cohort", f"scan/{LIVER}", f"enrichment/{LIVER}", f"basis/{LIVER}",
        f"probes/{LIVER}",
    ]  # fmt: skip


def test_an_image_of_a_stranger_is_noted_and_does_not_train_again(done):
    source = fat_images(done)[0].parent
    shutil.copytree(source, done / "images" / "9999999_20201_2_0")
    assert run(done) == ["images/liver"]
    assert not_done(done) == {}


def test_a_changed_image_is_recomputed_from_there_on(done):
    store = Store(load_study(done).store_path)
    used = set(pd.read_parquet(store.at("images/liver") / "rows.parquet")["eid"])
    images = [p for p in fat_images(done) if p.parent.name.split("_")[0] in used]
    images[3].write_bytes(images[4].read_bytes())
    found = not_done(done)
    assert found["images/liver"] == found[f"embedding/{LIVER}"] == "changed"
    assert "cohort" not in found and "phenome" not in found
    assert run(done, "images/liver", "thumbnails/liver") == [
        "images/liver", "thumbnails/liver",
    ]  # fmt: skip


def test_a_withdrawal_takes_the_person_out_of_the_images(done):
    rows = Store(load_study(done).store_path).at("images/liver") / "rows.parquet"
    eid = pd.read_parquet(rows)["eid"].iat[10]
    with (done / "withdrawn.txt").open("a") as file:
        file.write(f"\n{eid}")
    ran = run(done, "cohort", "phenome", "images/liver")
    assert ran == ["cohort", "phenome", "images/liver"]
    rows = pd.read_parquet(
        Store(load_study(done).store_path).at("images/liver") / "rows.parquet"
    )
    assert eid not in set(rows["eid"])
    assert f"encoder/{LIVER}" in not_done(done)


def test_checkpoints_of_a_done_step_are_deleted_by_the_next_run(done):
    """A kill between an artifact and the end of its step leaves them."""
    study = load_study(done)
    store = Store(study.store_path)
    recipe = Jobs(study, store).make(f"encoder/{LIVER}").recipe
    (store.workspace(recipe) / "checkpoint.safetensors").write_bytes(b"x")
    assert run(done) == []
    assert not any((store.root / "unfinished").iterdir())


# ---- damage ----------------------------------------------------------------------
@pytest.mark.parametrize("slot", EVERYTHING)
def test_damage_is_named_with_the_command_and_never_mended_silently(done, slot):
    store = Store(load_study(done).store_path)
    folder = store.at(slot)
    victim = max(
        (p for p in folder.iterdir() if p.name != "manifest.json"),
        key=lambda p: p.stat().st_size,
    )
    victim.write_bytes(victim.read_bytes()[:-3])
    assert not_done(done)[slot] == "damaged"
    with pytest.raises(MissingArtifactError, match=f"{victim.name} is missing or") as e:
        run(done)
    assert f"delete {folder}" in e.value.hint
    assert "python -m precompute run here" in e.value.hint
    assert victim.exists(), "left as it was, for whoever wants to look"


def test_doing_what_the_hint_says_mends_it(done):
    store = Store(load_study(done).store_path)
    folder = store.at(f"scan/{LIVER}")
    (folder / "scan.parquet").write_bytes(b"")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert not_done(done) == {f"scan/{LIVER}": "changed"}
    assert run(done) == [f"scan/{LIVER}"]
    assert not_done(done) == {}


def test_a_forced_step_ends_with_the_same_bytes(done):
    study = load_study(done)
    store = Store(study.store_path)
    jobs = Jobs(study, store)
    for slot in ("cohort", "phenome", "images/liver", f"scan/{LIVER}"):
        kind, key = slot.split("/")[0], store.ref(slot)
        before = store.manifest(kind, key)["files"]
        assert do(jobs, jobs.make(slot), report=lambda *_: None, force=True)
        assert store.manifest(kind, store.ref(slot))["files"] == before


def test_a_step_that_fails_leaves_the_others_done(done, monkeypatch):
    edit(done, "[analysis]", "[analysis]\nshrinkage = 0.5")

    def fail(*_, **__):
        raise RuntimeError("no memory")

    monkeypatch.setattr("precompute.analyse.make_scan", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        run(done)
    monkeypatch.undo()
    assert not_done(done) == {f"scan/{LIVER}": "changed"}
    assert run(done) == [f"scan/{LIVER}"]


def test_nothing_of_one_participant_reaches_the_names_in_the_store(done):
    eids = {path.name.split("_")[0] for path in (done / "images").iterdir()}
    names = {p.relative_to(done / "store").as_posix() for p in done.rglob("store/**/*")}
    assert len(names) > 30
    assert not [name for name in names if any(eid in name for eid in eids)]
