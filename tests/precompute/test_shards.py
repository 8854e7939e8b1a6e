"""Slices in a row of files read like one array."""

import numpy as np
import pytest

from edp_core.errors import MissingArtifactError
from edp_core.slices import open_slices
from precompute.shards import in_chunks, write_slices


@pytest.fixture(params=[np.float16, np.uint8])
def written(request, tmp_path):
    rng = np.random.default_rng(1)
    images = [
        (rng.random((k, 4, 4, 2)) * 200).astype(request.param) for k in (3, 1, 5, 2, 4)
    ]
    for number, part in enumerate((images[:1], images[1:4], images[4:])):
        write_slices(tmp_path / f"slices-{number:05d}.npy", part)
    return tmp_path, np.concatenate(images)


def test_they_read_as_they_were_written(written):
    folder, whole = written
    slices = open_slices(folder)
    assert slices.shape == whole.shape
    assert slices.dtype == whole.dtype
    assert (slices[:] == whole).all()
    assert (slices[4:11] == whole[4:11]).all()
    assert (slices[7] == whole[7]).all()
    rng = np.random.default_rng(2)
    for _ in range(20):
        wanted = rng.integers(0, len(whole), 6)
        assert (slices[wanted] == whole[wanted]).all()
    assert (np.concatenate(list(in_chunks(slices, 4))) == whole).all()
    assert slices[np.zeros(0, int)].shape == (0, 4, 4, 2)


def test_files_are_plain_arrays_for_their_owner_only(written):
    folder, whole = written
    files = sorted(folder.glob("slices-*.npy"))
    loaded = np.concatenate([np.load(f, allow_pickle=False) for f in files])
    assert (loaded == whole).all()
    assert {f.stat().st_mode & 0o777 for f in files} == {0o600}


def test_numbers_outside_are_refused(written):
    slices = open_slices(written[0])
    for wanted in (-1, len(slices), [0, 99]):
        with pytest.raises(IndexError):
            slices[wanted]


def test_no_slices_at_all(tmp_path):
    with pytest.raises(MissingArtifactError, match="no slices"):
        open_slices(tmp_path)
