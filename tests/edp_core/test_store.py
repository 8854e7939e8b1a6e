"""The store: content keys, whole artifacts or none, damage that is named."""

import json
import os
import stat
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edp_core.errors import InputError, MissingArtifactError
from edp_core.prune import prune
from edp_core.store import (
    MANIFEST,
    Recipe,
    Store,
    canonical_json,
    digest,
    file_digest,
    read_array,
    read_table,
    write_array,
    write_atomic,
    write_table,
)

RECIPE = Recipe("scan", 1, {"folds": 10}, {"embedding": "a" * 16})


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store", remedy="python -m precompute run here")


def fill(store: Store, recipe: Recipe = RECIPE, *, slot: str | None = None) -> Path:
    with store.lock(recipe.key), store.write(recipe) as folder:
        write_array(folder, "numbers", np.arange(5))
        write_table(folder, "table", pd.DataFrame({"eid": ["1", "2"]}))
    if slot:
        store.set_ref(slot, recipe.key)
    return store.folder(recipe.kind, recipe.key)


# ---- keys ------------------------------------------------------------------------
def test_equal_recipes_have_equal_keys_whatever_the_order():
    one = Recipe("scan", 1, {"a": 1, "b": [1, 2]}, {"x": "1", "y": "2"})
    two = Recipe("scan", 1, {"b": [1, 2], "a": 1}, {"y": "2", "x": "1"})
    assert one.key == two.key
    assert len(one.key) == 16 and int(one.key, 16) >= 0


@pytest.mark.parametrize(
    "other",
    [
        Recipe("atlas", 1, {"folds": 10}, {"embedding": "a" * 16}),
        Recipe("scan", 2, {"folds": 10}, {"embedding": "a" * 16}),
        Recipe("scan", 1, {"folds": 9}, {"embedding": "a" * 16}),
        Recipe("scan", 1, {"folds": 10}, {"embedding": "b" * 16}),
        Recipe("scan", 1, {"folds": 10}, {"cohort": "a" * 16}),
    ],
)
def test_every_part_of_a_recipe_is_in_its_key(other):
    assert other.key != RECIPE.key


def test_the_key_is_what_the_design_says():
    import hashlib

    text = (
        '{"input_keys":{"embedding":"aaaaaaaaaaaaaaaa"},"settings":{"folds":10},'
        '"step":"scan","step_version":1}'
    )
    assert RECIPE.key == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_canonical_json_refuses_nan():
    assert canonical_json({"b": 1, "a": [1.5]}) == '{"a":[1.5],"b":1}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest({"a": float("nan")})


def test_file_digest_is_of_the_bytes(tmp_path):
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_bytes(b"abc")
    two.write_bytes(b"abc")
    assert file_digest(one) == file_digest(two) == "ba7816bf8f01cfea"
    two.write_bytes(b"abd")
    assert file_digest(one) != file_digest(two)


# ---- writing ---------------------------------------------------------------------
def test_an_artifact_is_found_again_with_its_manifest(store):
    assert not store.has(RECIPE)
    folder = fill(store)
    assert store.has(RECIPE) and store.open("scan", RECIPE.key) == folder
    store.verify("scan", RECIPE.key)
    manifest = store.manifest("scan", RECIPE.key)
    assert manifest["settings"] == {"folds": 10}
    assert manifest["input_keys"] == {"embedding": "a" * 16}
    assert set(manifest["files"]) == {"numbers.npy", "table.parquet"}
    assert manifest["seconds"] >= 0
    np.testing.assert_array_equal(read_array(folder, "numbers"), np.arange(5))
    assert list(read_table(folder, "table")["eid"]) == ["1", "2"]


def test_ids_are_readable_by_the_owner_only(store):
    folder = fill(store)
    assert stat.S_IMODE((folder / "table.parquet").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_arrays_are_memory_mapped_and_read_only(store):
    values = read_array(fill(store), "numbers")
    assert isinstance(values, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 1


def test_nothing_is_pickled(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle"):
        write_array(tmp_path, "x", np.array([{}], dtype=object))


def test_an_exception_leaves_nothing(store):
    with pytest.raises(RuntimeError, match="half way"), store.write(RECIPE) as folder:
        write_array(folder, "numbers", np.arange(5))
        raise RuntimeError("half way")
    assert not store.has(RECIPE)
    assert list((store.root / "scan").iterdir()) == []


def test_an_exception_while_replacing_keeps_the_old_artifact(store):
    fill(store)
    with pytest.raises(RuntimeError, match="half way"), store.write(RECIPE):
        raise RuntimeError("half way")
    store.verify("scan", RECIPE.key)


def test_a_half_written_folder_of_a_killed_run_is_replaced(store):
    partial = store.root / "scan" / f".{RECIPE.key}.partial"
    partial.mkdir(parents=True)
    (partial / "rubbish.npy").write_bytes(b"x")
    assert not store.has(RECIPE)
    folder = fill(store)
    assert not (folder / "rubbish.npy").exists()
    assert [p.name for p in (store.root / "scan").iterdir()] == [RECIPE.key]


def test_replacing_never_leaves_a_half_deleted_artifact(store, monkeypatch):
    """Killed between the old artifact and the new one: absent, never damaged."""
    folder = fill(store)
    before = Path.rename

    def kill(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise KeyboardInterrupt
        return before(self, target)

    monkeypatch.setattr(Path, "rename", kill)
    with pytest.raises(KeyboardInterrupt), store.write(RECIPE):
        pass
    monkeypatch.undo()
    assert not folder.exists() and not store.has(RECIPE)
    fill(store)
    store.verify("scan", RECIPE.key)
    assert prune(store) > 0  # nothing refers to it
    assert list((store.root / "scan").iterdir()) == []


def test_write_atomic_keeps_the_old_content_when_it_fails(tmp_path, monkeypatch):
    file = tmp_path / "refs.json"
    write_atomic(file, b"old")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputError, match="the disk is full"):
        write_atomic(file, b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_store_that_cannot_be_made_is_an_input_error(tmp_path):
    (tmp_path / "store").write_text("a file")
    with (
        pytest.raises(InputError, match="cannot be written") as caught,
        Store(tmp_path / "store").lock("x"),
    ):
        pass
    assert "`store` in study.toml" in caught.value.hint


# ---- damage ----------------------------------------------------------------------
def test_an_absent_artifact_names_the_command(store):
    with pytest.raises(MissingArtifactError, match="is not in the store") as caught:
        store.open("scan", RECIPE.key)
    assert caught.value.hint == "run: python -m precompute run here"


@pytest.mark.parametrize("how", ["removed", "cut", "longer"])
def test_a_damaged_file_is_named_with_the_command(store, how):
    path = fill(store) / "numbers.npy"
    if how == "removed":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(content[:-1] if how == "cut" else content + b"x")
    with pytest.raises(MissingArtifactError, match=r"numbers\.npy") as caught:
        store.open("scan", RECIPE.key)
    assert "delete" in caught.value.hint
    assert "python -m precompute run here" in caught.value.hint


def test_verify_finds_a_changed_byte_that_open_does_not(store):
    path = fill(store) / "numbers.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    store.open("scan", RECIPE.key)
    with pytest.raises(MissingArtifactError, match="has other bytes"):
        store.verify("scan", RECIPE.key)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"files": 3}'])
def test_a_damaged_manifest_is_named(store, text):
    (fill(store) / MANIFEST).write_text(text)
    with pytest.raises(MissingArtifactError, match=r"manifest of scan/.* is damaged"):
        store.open("scan", RECIPE.key)


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_damaged_refs_are_named(store, text):
    fill(store, slot="scan/liver/mae")
    (store.root / "refs.json").write_text(text)
    with pytest.raises(MissingArtifactError, match=r"refs\.json is damaged"):
        store.ref("scan/liver/mae")


# ---- refs ------------------------------------------------------------------------
def test_a_slot_points_at_an_artifact(store):
    assert store.refs() == {}
    folder = fill(store, slot="scan/liver/mae")
    assert store.at("scan/liver/mae") == folder
    with pytest.raises(MissingArtifactError, match="atlas/liver/mae has not been"):
        store.ref("atlas/liver/mae")


def test_refs_set_by_many_at_once_are_all_kept(store):
    names = [f"scan/liver/{i}" for i in range(24)]
    threads = [threading.Thread(target=store.set_ref, args=(n, n)) for n in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.refs() == {name: name for name in names}


# ---- prune -----------------------------------------------------------------------
def test_prune_drops_what_nothing_refers_to_and_keeps_inputs(store):
    embedding = Recipe("embedding", 1)
    old = Recipe("scan", 1, {}, {"embedding": embedding.key})
    new = Recipe("scan", 2, {}, {"embedding": embedding.key})
    for recipe in (embedding, old, new):
        fill(store, recipe)
    store.set_ref("scan/liver/mae", new.key)
    assert prune(store) > 0
    assert store.has(new) and store.has(embedding) and not store.has(old)
    assert prune(store) == 0


def test_prune_leaves_what_another_run_is_writing(store):
    with store.lock(RECIPE.key), store.write(RECIPE) as folder:
        write_array(folder, "numbers", np.arange(5))
        assert prune(store) == 0
    assert store.has(RECIPE)


def test_prune_leaves_what_a_run_finishes_meanwhile(store, monkeypatch):
    """Another run sets its ref after prune has begun."""
    fill(store)
    before = Store.refs
    calls = []

    def refs(self: Store) -> dict[str, str]:
        found = before(self)
        if not calls:
            calls.append(1)
            store.set_ref("scan/liver/mae", RECIPE.key)
            found = before(self)
        return found

    monkeypatch.setattr(Store, "refs", refs)
    prune(store)
    assert store.has(RECIPE)


def test_a_workspace_outlives_the_step_until_it_is_discarded(store):
    folder = store.workspace(RECIPE)
    (folder / "checkpoint").write_text("x")
    assert store.workspace(RECIPE) == folder and (folder / "checkpoint").exists()
    store.discard_workspace(RECIPE)
    assert not folder.exists()
    store.discard_workspace(RECIPE)  # there is none any more


def test_the_manifest_is_written_last(store, monkeypatch):
    """A kill before the rename leaves no artifact that `has` would take for done."""
    with store.write(RECIPE) as folder:
        assert not (folder / MANIFEST).exists()
        assert folder.name.startswith(".")
    text = json.loads((store.folder("scan", RECIPE.key) / MANIFEST).read_text())
    assert text["key"] == RECIPE.key


# ---- content and use -------------------------------------------------------------
def test_the_content_hash_is_of_bytes_and_slots_alone(store, tmp_path):
    fill(store, slot="scan/liver/mae")
    first = store.content_hash()
    assert len(first) == 16
    path = store.folder("scan", RECIPE.key) / MANIFEST
    manifest = json.loads(path.read_text())
    manifest |= {"seconds": 99.0, "versions": {"numpy": "0"}}
    path.write_text(json.dumps(manifest))
    fill(store, Recipe("scan", 2))  # no slot refers to it
    assert store.content_hash() == first
    other = Store(tmp_path / "other")
    fill(other, Recipe("scan", 7), slot="scan/liver/mae")
    assert other.content_hash() == first, "the key is not what an artifact holds"
    other.set_ref("scan/kidney/mae", Recipe("scan", 7).key)
    assert other.content_hash() != first
    manifest["files"]["numbers.npy"]["sha256"] = "0" * 16
    path.write_text(json.dumps(manifest))
    assert store.content_hash() != first


def test_many_use_a_store_together_or_one_alone(store):
    busy = pytest.raises(InputError, match="in use by another")
    with store.use(), store.use(), busy, store.use(alone=True):
        pass
    with store.use(alone=True):
        for alone in (True, False):
            with (
                pytest.raises(InputError, match="in use by another"),
                store.use(alone=alone),
            ):
                pass
    with store.use(alone=True):
        pass
