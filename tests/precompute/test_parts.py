"""Parts of an ingest: a kill costs one, and the result is the same."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from edp_core.settings.organs import Organ
from edp_core.slices import open_slices
from edp_core.store import read_array, read_table
from precompute import ingest_images as module
from precompute.datasets import find_images
from precompute.parts import SHOWN_PER_REASON

ORGAN = Organ(images="{eid}.png", image_size=16)
PEOPLE = 23


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for eid in range(100, 100 + PEOPLE):
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        if eid in (103, 104, 105, 111):
            pixels[:] = 9  # blank; 103 to 105 fill a part of three
        Image.fromarray(pixels).save(folder / f"{eid}.png")
    (folder / "112.png").write_bytes(b"cut")
    return folder


def ingest(folder, out, *, workspace, report=lambda *_: None):
    out.mkdir()
    workspace.mkdir(exist_ok=True)
    images, notes = find_images(folder, ORGAN)
    eids = np.array([str(e) for e in range(100, 100 + PEOPLE + 2)])
    module.ingest_images(
        images, ORGAN, eids=eids, notes=notes, workspace=workspace, folder=out,
        report=report,
    )  # fmt: skip
    tables = ("rows", "files", "exclusions", "notes", "sheet")
    return (
        open_slices(out)[:],
        read_array(out, "counts"),
        read_array(out, "sheet"),
        *(read_table(out, name) for name in tables),
    )


def same(one, two):
    for a, b in zip(one, two, strict=True):
        if isinstance(a, pd.DataFrame):
            pd.testing.assert_frame_equal(a, b)
        else:
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("size", [3, 7])
def test_the_size_of_a_part_changes_nothing(pictures, tmp_path, monkeypatch, size):
    whole = ingest(pictures, tmp_path / "a", workspace=tmp_path / "w1")
    monkeypatch.setattr(module, "PART_PICTURES", size)
    parts = ingest(pictures, tmp_path / "b", workspace=tmp_path / "w2")
    same(whole, parts)
    contents = [(tmp_path / x / "content.json").read_bytes() for x in "ab"]
    assert contents[0] == contents[1], "an encoder is not trained anew for that"
    used = set(whole[3]["eid"])
    assert len(used) + len(whole[5]) == PEOPLE + 2


def test_a_run_that_ends_goes_on_with_the_next_part(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PART_PICTURES", 5)
    whole = ingest(pictures, tmp_path / "a", workspace=tmp_path / "w1")

    class Killed(BaseException):
        pass

    def killed(done, _):
        if done == 13:
            raise Killed

    with pytest.raises(Killed):
        ingest(pictures, tmp_path / "b", workspace=tmp_path / "w2", report=killed)
    assert len(list((tmp_path / "w2").glob("part-*"))) == 2
    read = []
    monkeypatch.setattr(
        module,
        "read_photograph",
        lambda image, organ, wrapped=module.read_photograph: (
            read.append(image.eid),
            wrapped(image, organ),
        )[1],
    )
    same(whole, ingest(pictures, tmp_path / "c", workspace=tmp_path / "w2"))
    assert "100" not in read and "109" not in read and "110" in read
    assert not list((tmp_path / "w2").glob(".*"))


def test_the_sheet_shows_some_of_each_reason(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for eid in range(100, 100 + PEOPLE):
        pixels = np.full((16, 16, 3), 9, np.uint8)
        if eid == 100:
            pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{eid}.png")
    found = ingest(folder, tmp_path / "a", workspace=tmp_path / "w")
    assert found[7]["reason"].tolist() == ["blank"] * SHOWN_PER_REASON
    assert len(found[2]) == SHOWN_PER_REASON
