"""Large images are read one at a time, small ones side by side."""

import threading

import nibabel as nib
import numpy as np
import pytest
from dicom_builder import archive, stack
from PIL import Image

from edp_core.settings.organs import Organ
from precompute import ingest_images
from precompute.datasets import ImageFile
from precompute.photographs import read_photograph
from precompute.readers import turns
from precompute.readers.archives import Source
from precompute.readers.dicom import read_series
from precompute.readers.nifti import read_nifti
from precompute.readers.reasons import Unusable
from precompute.readers.turns import reading, take_turn

VALUES = np.random.default_rng(0).integers(0, 99, (5, 6, 7)).astype(np.int16)
ORGAN = Organ(images="{eid}.png", image_size=16)


def waits(read, *, files=1):
    """Whether a read must wait while another thread reads something large."""
    taken, done, through = (threading.Event() for _ in range(3))

    def other():
        with reading():
            take_turn(turns.LARGE + 1)
            taken.set()
            done.wait(20)

    def reader():
        with reading(files):
            read()
        through.set()

    threads = [threading.Thread(target=run) for run in (other, reader)]
    threads[0].start()
    assert taken.wait(20)
    threads[1].start()
    waited = not through.wait(0.5)
    done.set()
    for thread in threads:
        thread.join(20)
    assert through.is_set(), "a turn was not given back"
    return waited


def nifti(folder):
    path = folder / "a.nii.gz"
    nib.save(nib.Nifti1Image(VALUES, np.eye(4)), path)
    return lambda: read_nifti(Source(path))


def series(folder):
    path = archive(folder / "a.zip", stack(VALUES))
    return lambda: read_series(Source(path))


def picture(folder):
    path = folder / "a.png"
    Image.fromarray(VALUES[:, :, 0].astype(np.uint8)).save(path)
    return lambda: read_photograph(ImageFile("1", "0", "", (Source(path),)), ORGAN)


def array(folder):
    path = folder / "a.npy"
    np.save(path, VALUES[:, :, :3])
    return lambda: read_photograph(ImageFile("1", "0", "", (Source(path),)), ORGAN)


@pytest.mark.parametrize("made", [nifti, series, picture, array])
def test_large_images_wait_for_their_turn(tmp_path, monkeypatch, made):
    read = made(tmp_path)
    assert not waits(read)
    monkeypatch.setattr(turns, "LARGE", 20)
    assert waits(read)


def test_the_files_of_an_image_count_together(monkeypatch):
    monkeypatch.setattr(turns, "LARGE", 100)
    assert not waits(lambda: take_turn(40), files=2)
    assert waits(lambda: take_turn(40), files=3)


def test_a_second_large_file_of_an_image_needs_no_second_turn():
    with reading():
        take_turn(turns.LARGE + 1)
        take_turn(turns.LARGE + 1)
    assert not waits(lambda: None)


def test_no_two_large_images_are_prepared_at_once(monkeypatch):
    """Through the threads of an ingest, where one of them fails as well."""
    now, most = 0, 0
    pause = threading.Event()

    def read(image, organ):
        nonlocal now, most
        take_turn(turns.LARGE + 1)
        now += 1
        most = max(most, now)
        pause.wait(0.01)
        now -= 1
        raise Unusable("because")

    monkeypatch.setattr(ingest_images, "read_photograph", read)
    monkeypatch.setattr(ingest_images.os, "cpu_count", lambda: 8)
    images = [ImageFile(str(i), "0", "", (Source.parse("x"),)) for i in range(20)]
    found = list(ingest_images._prepare(images, ORGAN, {}))
    assert [image for image, _ in found] == images and most == 1
