"""A disk that fills up in the middle of a run; a store nobody may write.

The run ends with code 2 and a sentence, the store holds whole artifacts only, and the
same command goes on when there is room.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
from killing import content, helper, leftovers, quicken, store_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quick(raw_study, tmp_path_factory):
    def copy():
        folder = tmp_path_factory.mktemp("disk") / "study"
        shutil.copytree(raw_study, folder)
        quicken(folder)
        return folder

    return copy


def check_refused(study, said, *, why):
    """What a run that was refused leaves behind, and says."""
    log = Path(f"{study}.log")
    text = log.read_text()
    assert "Traceback" not in text and "Error" in text, text
    assert any(reason in text for reason in why), text
    assert "run the same command again" in text
    log.unlink()
    content(study)  # every artifact a slot points at is whole
    left = [name for name in leftovers(study) if not name.startswith("unfinished/")]
    assert left == [], said


def test_a_limit_on_files_is_named_at_every_size(quick):
    """Works on every machine; each kind of file is once the one that is too large."""
    whole, study = quick(), quick()
    refused = 0
    with helper() as runs:
        assert runs.run(whole)["codes"] == [0]
        for limit in (400, 3000, 12_000, 100_000, 500_000, 2_000_000, 6_000_000, 2**31):
            codes = runs.run(study, limit=limit)["codes"]
            if codes == [0]:
                break
            refused += 1
            assert codes == [2], f"{limit}: {Path(f'{study}.log').read_text()}"
            check_refused(study, limit, why=["may not become that large"])
    assert codes == [0] and refused >= 4
    assert content(study) == content(whole)
    assert leftovers(study) == []


@pytest.fixture
def own_disks(tmp_path):
    """The start of a command that sees disks of its own."""
    command = "unshare", "-rm"
    if shutil.which("unshare") is None or subprocess.run(
        [*command, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)],
        capture_output=True, check=False,
    ).returncode:  # fmt: skip
        pytest.skip("this machine allows no mounts of one's own (unshare -rm)")
    return command


def test_a_disk_that_fills_up_is_named_at_every_size(quick, own_disks, tmp_path):
    whole, study = quick(), quick()
    disk, seen = tmp_path / "disk", tmp_path / "seen"
    disk.mkdir()
    file = study / "study.toml"
    file.write_text(f'store = "{disk}/store"\n' + file.read_text())
    copied = study.with_name("copied")
    refused = 0
    with helper(*own_disks) as runs:
        assert runs.run(whole)["codes"] == [0]
        runs.shell(f"mount -t tmpfs -o size=16k tmpfs {disk}")
        for size in (16, 64, 200, 600, 2000, 5000, 9000, 14_000, 30_000, 200_000):
            runs.shell(f"mount -o remount,size={size}k {disk}")
            codes = runs.run(study)["codes"]
            # the disk is seen by the helper alone: what it holds is copied out
            runs.shell(f"rm -rf {seen} && mkdir -p {seen} && cp -a {disk}/. {seen}")
            shutil.rmtree(copied, ignore_errors=True)
            copied.mkdir()
            text = file.read_text().replace(f"{disk}/store", f"{seen}/store")
            (copied / "study.toml").write_text(text)
            if codes == [0]:
                break
            refused += 1
            log = Path(f"{study}.log")
            assert codes == [2], f"{size} kB: {log.read_text()}"
            log.rename(f"{copied}.log")
            check_refused(copied, size, why=["the disk is full"])
    assert codes == [0] and refused >= 4
    assert content(copied) == content(whole)
    assert leftovers(copied) == []


def test_a_read_only_store_is_named_and_can_be_looked_at(quick, own_disks):
    study = quick()
    root = store_of(study).root
    with helper(*own_disks) as runs:
        assert runs.run(study, command=("run", "--only", "ingest"))["codes"] == [0]
        before = content(study)
        runs.shell(f"mount --bind {root} {root} && mount -o remount,bind,ro {root}")
        log = Path(f"{study}.log")
        log.unlink()
        assert runs.run(study, command=("status",))["codes"] == [0], log.read_text()
        assert "done" in log.read_text()
        log.unlink()
        assert runs.run(study)["codes"] == [2], log.read_text()
        check_refused(study, "read-only", why=["mounted read-only"])
        assert content(study) == before
        runs.shell(f"umount {root}")
        assert runs.run(study)["codes"] == [0], log.read_text()
    assert leftovers(study) == []
