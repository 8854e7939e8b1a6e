"""Withdrawn participants leave every artifact; what others have stays what it was."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner

from edp_core import withdrawals
from edp_core.errors import InputError
from edp_core.slices import open_slices
from edp_core.store import MANIFEST, Store, read_array, read_table
from edp_core.study import load_study
from edp_core.withdrawals import withdrawn_eids
from precompute import cli
from precompute.steps import states

ORGANS = ("liver", "kidney")
INGEST = (
    "cohort",
    "phenome",
    "genotypes",
    *(f"{kind}/{organ}" for kind in ("images", "thumbnails") for organ in ORGANS),
)
ENCODER = "encoder/liver/mae"
STRANGER = "7654321"


@pytest.fixture
def call(monkeypatch):
    """Run the command line in this process; its output."""
    monkeypatch.setattr(cli, "console", Console(width=300, force_terminal=False))

    def run(*arguments):
        result = CliRunner().invoke(cli.app, list(map(str, arguments)))
        if result.exception:
            raise result.exception
        return result.output

    return run


def store_of(study: Path) -> Store:
    return Store(load_study(study).store_path)


def people_with(study: Path, table: str) -> list[str]:
    """Ids that stand in a table of every organ's images, sorted."""
    store = store_of(study)
    named = [set(read_table(store.at(f"images/{o}"), table)["eid"]) for o in ORGANS]
    return sorted(set.intersection(*named))


def append_withdrawals(study: Path, eids) -> None:
    """Add to the list the demo has, which is about somebody else."""
    with (study / "withdrawn.txt").open("a") as file:
        file.write("".join(f"\n{eid}" for eid in eids))


def list_withdrawals(study: Path) -> frozenset[str]:
    """Let two with images, one without and a stranger withdraw, on two lists."""
    seen = people_with(study, "rows")[::40][:2]
    unseen = people_with(study, "exclusions")[0]
    append_withdrawals(study, [seen[0], STRANGER])
    (study / "more.csv").write_text("\n".join([seen[1], unseen, seen[0]]))
    with (study / "study.toml").open("a") as file:
        file.write('\n[populations.others]\nwithdrawals = "more.csv"\n')
    return frozenset({*seen, unseen, STRANGER})


@pytest.fixture
def study(done_study, copy_of):
    return copy_of(done_study)


@pytest.fixture
def eids(study):
    found = list_withdrawals(study)
    assert withdrawn_eids(load_study(study)) > found
    return found


def found_in(root: Path, eids) -> list[str]:
    """Files under a folder with one of the ids anywhere in their name or bytes.

    Parquet is compressed, so its cells are written out first.
    """
    named = []
    for path in (p for p in root.rglob("*") if p.is_file()):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            for column in pq.read_table(path).columns:
                content += repr(column.to_pylist()).encode()
        wide = [eid.encode("utf-32-le") for eid in eids]  # text arrays of numpy
        needles = [*wide, *(eid.encode() for eid in eids)]
        name = path.relative_to(root).as_posix()
        if any(n in content for n in needles) or any(eid in name for eid in eids):
            named.append(name)
    return named


def files_of(store: Store, slot: str) -> dict[str, str]:
    manifest = store.manifest(slot.split("/")[0], store.ref(slot))
    return {name: entry["sha256"] for name, entry in manifest["files"].items()}


def tree(root: Path) -> dict[str, tuple[int, int]]:
    return {
        p.relative_to(root).as_posix(): (p.stat().st_mtime_ns, p.stat().st_size)
        for p in root.rglob("*")
    }


def test_no_byte_of_the_store_holds_them_and_the_rest_is_as_it_was(
    call, study, eids, done_study
):
    before = store_of(done_study)
    assert len(found_in(before.root, eids)) >= 8, "the search finds what it should"
    said = call("withdraw", study, "--quiet")
    store = store_of(study)
    assert found_in(store.root, eids) == []
    assert not any(eid in said for eid in eids)
    assert "found in the store: <5" in said
    for kind in ("cohort", "phenome", "images", "thumbnails", "embedding", "atlas"):
        assert f"│ {kind}" in said, kind
    # nobody else has lost or changed anything
    old, new = (s.at("images/liver") for s in (before, store))
    rows, left = read_table(old, "rows"), read_table(new, "rows")
    kept = ~rows["eid"].isin(eids)
    assert (~kept).any()
    pd.testing.assert_frame_equal(left, rows[kept].reset_index(drop=True))
    of_kept = np.repeat(kept, read_array(old, "counts"))
    np.testing.assert_array_equal(open_slices(new)[:], open_slices(old)[:][of_kept])
    mine, theirs = (s.at("thumbnails/liver") for s in (before, store))
    pictures = read_array(mine, "thumbnails")[kept]
    np.testing.assert_array_equal(read_array(theirs, "thumbnails"), pictures)
    people = read_table(before.at("cohort"), "participants")
    people = people[~people["eid"].isin(eids)].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        read_table(store.at("cohort"), "participants"), people
    )
    gone, already = (
        table[table["reason"] == "withdrew consent"]
        for table in (read_table(s.at("cohort"), "exclusions") for s in (store, before))
    )
    assert len(gone) == len(already) + 3, "all but the stranger are counted"
    assert set(gone["eid"]) == {""}, "and not named"


def test_ingest_is_as_if_they_had_never_been_there(call, study, eids, raw_study):
    call("withdraw", study, "--quiet")
    fresh = study.with_name("fresh")
    shutil.copytree(raw_study, fresh, ignore=shutil.ignore_patterns("store"))
    for name in ("study.toml", "withdrawn.txt", "more.csv"):
        shutil.copyfile(study / name, fresh / name)
    call("run", fresh, "--only", "ingest", "--quiet")
    for slot in INGEST:
        one, two = store_of(study), store_of(fresh)
        assert one.ref(slot) == two.ref(slot), slot
        assert files_of(one, slot) == files_of(two, slot), slot


def test_weights_are_listed_kept_and_not_trained_again(call, study, eids):
    store = store_of(study)
    old, files = store.ref(ENCODER), files_of(store, ENCODER)
    assert "reconstructions.png" in files
    said = call("withdraw", study, "--quiet")
    row = next(line for line in said.splitlines() if old in line)
    assert "liver/mae" in row and "kept" in row and "20" in row
    new = store.ref(ENCODER)
    assert new != old and not store.folder("encoder", old).exists()
    manifest = store.manifest("encoder", new)
    assert manifest["adopted"] == {
        "from": old, "reason": "trained before participants withdrew",
    }  # fmt: skip
    del files["reconstructions.png"]  # it shows participants
    assert files_of(store, ENCODER) == files
    store.verify("encoder", new)
    # `run` does the rest and does not train
    said = call("run", study, "--quiet")
    assert "✓ encode embedding/kidney/mae" in said and "train" not in said
    found = states(load_study(study), store)
    assert set(found.values()) == {"done"}
    assert found_in(store.root, eids) == []
    # a second withdrawal keeps saying which images they were trained with
    append_withdrawals(study, [people_with(study, "rows")[7]])
    call("withdraw", study, "--quiet")
    assert store.ref(ENCODER) != new
    again = store.manifest("encoder", store.ref(ENCODER))
    assert again["adopted"]["from"] == old


def test_retrain_deletes_the_weights_and_run_trains(call, study, eids):
    store = store_of(study)
    old = store.ref(ENCODER)
    said = call("withdraw", study, "--retrain", "--quiet")
    assert "deleted: trained again" in said
    assert ENCODER not in store.refs() and not list(store.root.glob("encoder/*"))
    said = call("run", study, "--quiet")
    assert "✓ train encoder/liver/mae" in said
    assert store.ref(ENCODER) != old
    assert "adopted" not in store.manifest("encoder", store.ref(ENCODER))


def test_a_dry_run_lists_and_changes_nothing(call, study, eids):
    before = tree(study)
    said = call("withdraw", study, "--dry-run")
    assert tree(study) == before
    assert "would be removed" in said and "Nothing was changed" in said
    assert "kept" in said and "found in the store: <5" in said
    assert not any(eid in said for eid in eids)


def test_a_second_time_there_is_nothing_to_do(call, study, eids):
    call("withdraw", study, "--quiet")
    before = tree(study / "store")
    for options in ((), ("--retrain",), ("--dry-run",)):
        said = call("withdraw", study, *options)
        assert said == "Nothing in the store is of a withdrawn participant.\n"
    assert {k: v for k, v in tree(study / "store").items() if "locks" not in k} == {
        k: v for k, v in before.items() if "locks" not in k
    }


def test_nobody_withdrew(call, study, raw_study, copy_of):
    said = call("withdraw", study)
    assert said == "Nothing in the store is of a withdrawn participant.\n"
    shutil.rmtree(study / "store")
    said = call("withdraw", study)
    assert said == "Nothing in the store is of a withdrawn participant.\n"
    assert not (study / "store").exists()


def test_what_no_slot_refers_to_goes_too(call, study):
    """Older settings, a half-written folder, an unfinished step, a lost manifest."""
    store = store_of(study)
    old_cohort, old_encoder = store.ref("cohort"), store.ref(ENCODER)
    file = study / "study.toml"
    file.write_text(
        file.read_text()
        .replace("[analysis]", "[analysis]\nfolds = 4")
        .replace("epochs = 2", "epochs = 1")
        .replace("warmup_epochs = 1", "warmup_epochs = 0")
    )
    call("run", study, "--quiet")
    eids = list_withdrawals(study)
    assert store.ref("cohort") != old_cohort and store.ref(ENCODER) != old_encoder
    rows = store.at("images/liver") / "rows.parquet"
    half = store.root / "embedding" / ".0123456789abcdef.partial"
    work = store.root / "unfinished" / "images-0123456789abcdef" / "part-0"
    lost = store.root / "embedding" / "0123456789abcdef"
    training = store.root / "unfinished" / "encoder-0123456789abcdef"
    for folder in (half, work, lost, training):
        folder.mkdir(parents=True)
        shutil.copyfile(rows, folder / "rows.parquet")
    (training / "rows.parquet").rename(training / "checkpoint.safetensors")
    said = call("withdraw", study, "--quiet")
    assert found_in(store.root, eids) == []
    assert not any(folder.exists() for folder in (half, work, lost, training))
    assert not store.folder("cohort", old_cohort).exists()
    # weights no slot uses cannot be reached again
    assert not store.folder("encoder", old_encoder).exists()
    assert "deleted: nothing uses them" in said and "kept" in said


def test_who_has_no_image_leaves_weights_and_thumbnails_alone(call, study):
    store = store_of(study)
    before = files_of(store, ENCODER)
    unseen = people_with(study, "exclusions")[0]
    append_withdrawals(study, [unseen])
    said = call("withdraw", study, "--quiet")
    assert "weights" not in said
    assert found_in(store.root, [unseen]) == []
    assert files_of(store, ENCODER) == before, "pictures too: they do not show them"
    assert "adopted" not in store.manifest("encoder", store.ref(ENCODER))
    assert "train" not in call("run", study, "--quiet")
    assert set(states(load_study(study), store).values()) == {"done"}
    assert found_in(store.root, [unseen]) == []
    assert "Nothing in the store" in call("withdraw", study)


def test_status_says_that_somebody_is_still_there(call, study, eids):
    said = call("status", study)
    assert f"who withdrew → .venv/bin/python -m precompute withdraw {study}" in said
    call("withdraw", study, "--quiet")
    assert "withdrew →" not in call("status", study)


def test_a_store_in_use_is_left_alone(call, study, eids):
    before = found_in(study / "store", eids)
    with (
        store_of(study).use(),
        pytest.raises(InputError, match="in use by another command"),
    ):
        call("withdraw", study)
    assert found_in(study / "store", eids) == before


def test_a_failing_ingest_has_deleted_everything_and_is_gone_on_with(call, study, eids):
    table = study / "participants.csv"
    table.rename(study / "elsewhere.csv")
    with pytest.raises(InputError, match=r"participants\.csv"):
        call("withdraw", study, "--quiet")
    store = store_of(study)
    assert found_in(store.root, eids) == []
    assert "reconstructions.png" not in files_of(store, ENCODER)
    (study / "elsewhere.csv").rename(table)
    said = call("withdraw", study, "--quiet")
    assert "kept" in said
    assert "adopted" in store.manifest("encoder", store.ref(ENCODER))
    assert not (store.root / "withdrawal.json").exists()


# ---- exports ---------------------------------------------------------------------
def make_export(study: Path, name: str, eids) -> Path:
    folder = study / "exports" / name
    folder.mkdir(parents=True)
    lines = ["FID IID", *(f"{eid} {eid}" for eid in eids)]
    (folder / "keep.tsv").write_text("\n".join(lines).replace(" ", "\t"))
    return folder


def test_exports_that_hold_them_are_named_and_deleted_on_demand(call, study, eids):
    theirs = make_export(study, "march", ["1", *eids])
    others = make_export(study, "april", ["1", "2"])
    archive = shutil.make_archive(str(study / "exports" / "may"), "zip", theirs)
    for options in ((), ("--dry-run", "--exports")):
        said = call("withdraw", study, "--quiet", *options)
        assert "exports in exports/" in said and "\n  march\n" in said
        assert "\n  may.zip\n" in said and "april" not in said
        assert not any(eid in said for eid in eids)
        assert theirs.exists()
    said = call("withdraw", study, "--exports")
    assert "Deleted: exports in exports/" in said
    assert not theirs.exists() and not Path(archive).exists() and others.exists()
    assert found_in(study / "exports", eids) == []
    assert "exports" not in call("withdraw", study)


# ---- the database ----------------------------------------------------------------
def test_the_basket_holds_no_id(call, study, eids):
    from typing import get_args

    from app.basket import Basket
    from edp_core import recipe

    for spec in get_args(recipe.Spec):
        for name, field in spec.model_fields.items():
            assert "eid" not in name and "participants" not in name, spec
            assert "set" not in str(field.annotation), f"{spec}.{name} may list people"
    store = store_of(study)
    Basket(store.root).add(
        recipe.CodeSpec(
            name="disease",
            population="everyone",
            cohort=store.ref("cohort"),
            phenome=store.ref("phenome"),
            trait="K76",
        )
    )
    call("withdraw", study, "--quiet")
    assert len(Basket(study / "store").entries()) == 1
    assert found_in(study / "store", eids) == []


def test_a_table_of_the_database_that_holds_ids_is_cleaned(
    call, study, eids, monkeypatch
):
    monkeypatch.setitem(withdrawals.ID_COLUMNS, "members", "eid")
    monkeypatch.setitem(withdrawals.ID_COLUMNS, "not_there", "eid")
    file = study / "store" / "studio.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE members (part TEXT, eid TEXT)")
        rows = [("g", eid) for eid in [*eids, "somebody-else"]]
        database.executemany("INSERT INTO members VALUES (?, ?)", rows)
        database.commit()
    assert "studio.db" in found_in(study / "store", eids)
    call("withdraw", study, "--quiet")
    assert found_in(study / "store", eids) == []
    with closing(sqlite3.connect(file)) as database:
        left = database.execute("SELECT * FROM members").fetchall()
    assert left == [("g", "somebody-else")]


# ---- killed ----------------------------------------------------------------------
@pytest.mark.slow
def test_a_killed_withdrawal_is_gone_on_with(done_study, tmp_path, call):
    from killing import content, helper, leftovers

    whole = tmp_path / "whole" / "study"
    shutil.copytree(done_study, whole)
    eids = list_withdrawals(whole)
    command = ("withdraw", "--quiet")
    with helper() as runs:
        raw = tmp_path / "raw"
        shutil.copytree(whole, raw)
        seconds = runs.run(whole, command=command)["seconds"]
        expected = content(whole)
        moments = [
            "store/withdrawal.json",
            "store/*/.*.old",
            "store/images/.*.partial",
            "store/encoder/.*.partial",
            *(seconds * part for part in (0.2, 0.5, 0.8)),
        ]
        struck = 0
        for number, when in enumerate(moments):
            study = tmp_path / f"{number}" / "study"
            shutil.copytree(raw, study)
            struck += runs.kill(study, when, command=command) == -9
            log = Path(f"{study}.log")
            assert runs.run(study, command=command)["codes"] == [0], log.read_text()
            root = study / "store"
            assert found_in(root, eids) == [], when
            assert content(study) == expected and leftovers(study) == [], when
            assert not (root / "withdrawal.json").exists()
            key = json.loads((root / "refs.json").read_text())[ENCODER]
            manifest = json.loads((root / "encoder" / key / MANIFEST).read_text())
            assert "adopted" in manifest, when
            shutil.rmtree(study.parent)
        assert struck >= 3
