"""A disk that is full, a store that is read-only: named, and nothing half written.

The limit on the size of files works everywhere; a disk of a few kilobytes and a
read-only mount need a machine that lets a user make them for himself.
"""

import errno
import os
import resource
import shutil
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edp_core import refused
from edp_core.errors import InputError
from edp_core.prune import prune
from edp_core.store import (
    Recipe,
    Store,
    read_array,
    write_array,
    write_atomic,
    write_table,
)

RECIPE = Recipe("embedding", 1)
OWN_DISK = "unshare", "-rm"


def can_mount(tmp: Path) -> bool:
    """Whether a process may mount a disk that only it sees."""
    if shutil.which("unshare") is None:
        return False
    command = f"mount -t tmpfs -o size=64k tmpfs {tmp}"
    done = subprocess.run(
        [*OWN_DISK, "sh", "-c", command], capture_output=True, check=False
    )
    return done.returncode == 0


@pytest.fixture
def inside(tmp_path):
    """Run Python with a disk of its own at ``disk``; what it printed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not can_mount(disk):
        pytest.skip("this machine allows no mounts of one's own (unshare -rm)")

    def run(mount: str, code: str) -> str:
        (tmp_path / "code.py").write_text(textwrap.dedent(code))
        shell = f"{mount} && exec {sys.executable} {tmp_path}/code.py {disk}"
        done = subprocess.run(
            [*OWN_DISK, "sh", "-c", shell.format(disk=disk)],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@contextmanager
def small_files():
    """No file of this process may pass 8 kB, within the block alone.

    What pytest says may go to a file that is larger already.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_by_itself(folder: Path) -> None:
    """As a step that streams to a file of its own."""
    with (folder / "slices.npy").open("wb") as handle:
        handle.write(bytes(100_000))


NOISE = np.random.default_rng(0).normal(size=9999)
WRITERS = {
    "table": lambda f: write_table(f, "t", pd.DataFrame({"x": NOISE})),
    "array": lambda f: write_array(f, "a", np.zeros(9999)),
    "weights": lambda f: write_atomic(f / "w.safetensors", bytes(100_000)),
    "own": write_by_itself,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_may_not_grow_is_named_and_leaves_nothing(tmp_path, writer):
    store = Store(tmp_path / "store")
    store.set_ref("atlas/liver/mae", "0" * 16)
    with (
        pytest.raises(InputError, match="may not become that large") as caught,
        store.lock(RECIPE.key),
        small_files(),
        store.write(RECIPE) as folder,
    ):
        WRITERS[writer](folder)
    assert f"embedding/{RECIPE.key}" in caught.value.message
    assert ".partial" not in caught.value.message and "MB are free" in str(caught.value)
    assert "run the same command again" in caught.value.hint
    assert list((store.root / "embedding").iterdir()) == []
    assert store.refs() == {"atlas/liver/mae": "0" * 16}


def test_refs_that_cannot_grow_stay_as_they_were(tmp_path):
    store = Store(tmp_path / "store")
    slots = iter(range(10_000))
    with (
        pytest.raises(InputError, match=r"refs\.json cannot be written"),
        small_files(),
    ):
        while True:
            store.set_ref(f"scan/liver/{next(slots)}", "0" * 16)
    assert len(store.refs()) > 50
    assert sorted(p.name for p in store.root.iterdir()) == ["locks", "refs.json"]


def test_a_full_disk_at_every_size_is_named_and_leaves_nothing(inside):
    said = inside(
        "mount -t tmpfs -o size=16k tmpfs {disk}",
        """
        import subprocess, sys
        import numpy as np, pandas as pd
        from pathlib import Path
        from edp_core.errors import InputError
        from edp_core.store import Recipe, Store, write_array, write_table

        disk, store = sys.argv[1], Store(Path(sys.argv[1]) / "store")
        recipe, refused = Recipe("embedding", 1), 0
        for size in range(16, 400, 8):
            subprocess.run(
                ["mount", "-o", f"remount,size={size}k", "tmpfs", disk], check=True
            )
            try:
                with store.lock(recipe.key), store.write(recipe) as folder:
                    write_array(folder, "vectors", np.zeros(20_000))
                    write_table(folder, "rows", pd.DataFrame({"eid": ["1"] * 9}))
                store.set_ref("embedding/liver/mae", recipe.key)
                break
            except InputError as error:
                refused += 1
                assert "the disk is full" in str(error), error
                assert not list(store.root.rglob(".*")) and store.refs() == {}
                if store.has(recipe):  # whole; only its ref found no room
                    store.verify(recipe.kind, recipe.key)
        store.verify("embedding", store.ref("embedding/liver/mae"))
        print(refused, "refused")
        """,
    )
    assert int(said.split()[0]) > 10


def test_a_read_only_store_is_named(inside, tmp_path):
    store = Store(tmp_path / "disk" / "store")
    with store.write(RECIPE) as folder:
        write_array(folder, "vectors", np.zeros(3))
    store.set_ref("embedding/liver/mae", RECIPE.key)
    said = inside(
        "mount --bind {disk} {disk} && mount -o remount,bind,ro {disk}",
        """
        import sys
        from pathlib import Path
        from edp_core.errors import InputError
        from edp_core.store import Recipe, Store, write_atomic

        store = Store(Path(sys.argv[1]) / "store")
        print(store.at("embedding/liver/mae").name)
        ways = [
            store.lock("new").__enter__,
            store.use().__enter__,
            store.write(Recipe("embedding", 2)).__enter__,
            store.write(Recipe("atlas", 2)).__enter__,
            lambda: store.set_ref("atlas/liver/mae", "0" * 16),
            lambda: write_atomic(store.root / "fingerprints.json", b"{}"),
            lambda: store.workspace(Recipe("encoder", 1)),
        ]
        for way in ways:
            try:
                way()
            except InputError as error:
                assert "mounted read-only" in error.message, error
            else:
                raise AssertionError(way)
        """,
    )
    assert said.strip() == RECIPE.key, "what is done can still be read"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write whatever the mode says")
def test_a_store_without_permission_is_named(tmp_path):
    store = Store(tmp_path / "store")
    store.set_ref("atlas/liver/mae", "0" * 16)
    store.root.chmod(0o500)
    try:
        with pytest.raises(InputError, match="permissions do not allow it"):
            store.workspace(RECIPE)
    finally:
        store.root.chmod(0o700)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EFBIG, "may not become that large"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permissions"),
        (errno.EPERM, "permissions"),
    ],
)
def test_every_refusal_has_its_words(tmp_path, number, said):
    with pytest.raises(InputError, match=said), refused.writing(tmp_path / "x"):
        raise OSError(number, os.strerror(number))


def test_other_errors_of_the_system_keep_their_traceback(tmp_path):
    with pytest.raises(OSError, match="Input/output"), refused.writing(tmp_path / "x"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EIO])
def test_a_source_that_cannot_be_read_is_no_fault_of_the_store(tmp_path, number):
    store = Store(tmp_path / "store")
    source = tmp_path / "images" / "picture.npy"
    with pytest.raises(OSError, match=os.strerror(number)), store.write(RECIPE):
        raise OSError(number, os.strerror(number), str(source))
    assert list((store.root / "embedding").iterdir()) == []


def test_a_scratch_file_elsewhere_is_named_where_it_lies(tmp_path):
    store = Store(tmp_path / "store")
    with pytest.raises(InputError, match="scratch/x cannot be"), store.write(RECIPE):
        raise OSError(errno.ENOSPC, "full", str(tmp_path / "scratch" / "x"))


def test_a_rename_that_fails_keeps_the_artifact_that_was_there(tmp_path, monkeypatch):
    store = Store(tmp_path / "store")
    with store.write(RECIPE) as folder:
        write_array(folder, "vectors", np.zeros(3))
    before = Path.rename

    def full(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(errno.ENOSPC, "full", str(self))
        return before(self, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(InputError, match="the disk is full"), store.write(RECIPE) as f:
        write_array(f, "vectors", np.ones(3))
    store.verify("embedding", RECIPE.key)


def test_arrays_have_the_bytes_numpy_writes(tmp_path):
    rng = np.random.default_rng(0)
    arrays = [
        rng.normal(size=(70, 3)).astype(np.float32),
        np.asfortranarray(rng.normal(size=(5, 7))),
        np.array(["1000001", "2"]),
        np.zeros((0, 4), np.int64),
        rng.integers(0, 9, (8, 6))[::2, 1::2],
    ]
    for values in arrays:
        np.save(tmp_path / "theirs.npy", values)
        write_array(tmp_path, "ours", values)
        ours = (tmp_path / "ours.npy").read_bytes()
        assert ours == (tmp_path / "theirs.npy").read_bytes()
        np.testing.assert_array_equal(read_array(tmp_path, "ours"), values)


def test_a_half_written_file_of_a_killed_process_is_pruned(tmp_path):
    store = Store(tmp_path / "store")
    store.set_ref("scan/liver/mae", "0" * 16)
    (store.root / ".refs.json.4711.partial").write_bytes(bytes(70))
    assert prune(store) == 70
    assert sorted(p.name for p in store.root.iterdir()) == ["locks", "refs.json"]
