"""Images by person: in any order of people, with sides and repeated imagings."""

import numpy as np
import pandas as pd
import pytest

from edp_core.errors import InputError, MissingArtifactError
from edp_core.pixels import Pixels, as_shown, open_pixels
from edp_core.slices import Slices
from edp_core.store import Store, read_array, read_table
from edp_core.study import load_study

ROWS = pd.DataFrame(
    [("c", "2", "right"), ("c", "2", "left"), ("a", "10", "left"), ("a", "3", "left"),
     ("a", "3", "right"), ("x", "2", "left"), ("b", "2", "right")],
    columns=["eid", "instance", "side"],
)  # fmt: skip
COUNTS = np.array([2, 3, 1, 1, 4, 2, 2], np.int32)
PEOPLE = ["b", "nobody", "a", "c"]


@pytest.fixture
def pixels():
    rng = np.random.default_rng(0)
    slices = rng.integers(0, 255, (int(COUNTS.sum()), 4, 4, 1)).astype(np.uint8)
    thumbnails = rng.integers(0, 255, (len(ROWS), 8, 8, 3)).astype(np.uint8)
    made = Pixels(
        PEOPLE,
        ROWS,
        slices=Slices([slices[:5], slices[5:]]),
        counts=COUNTS,
        thumbnails=thumbnails,
    )
    return made, slices, thumbnails


def test_whose_image_is_whose(pixels):
    made, slices, thumbnails = pixels
    assert made.sides == ("left", "right")
    assert made.has.tolist() == [True, False, True, True]
    shown = made.thumbnails([3, 0, 2])
    assert (shown == thumbnails[[1, 6, 3]]).all()
    assert (made.thumbnails([2, 3], side="right") == thumbnails[[4, 0]]).all()
    theirs = made.slices(2)
    assert [(s.instance, s.side) for s in theirs] == [
        ("3", "left"),
        ("3", "right"),
        ("10", "left"),
    ]
    starts = np.cumsum(COUNTS) - COUNTS
    for shot, image in zip(theirs, (3, 4, 2), strict=True):
        start = starts[image]
        assert (shot.slices == slices[start : start + COUNTS[image]]).all()
        assert shot.middle == COUNTS[image] // 2
    assert made.slices(1) == ()


def test_the_mean_counts_people_not_images(pixels):
    made, _, thumbnails = pixels
    t = thumbnails.astype(float)
    each = np.stack([t[6], (t[3] + t[4]) / 2, (t[0] + t[1]) / 2])
    found = made.mean([0, 1, 2, 3])
    assert found.n == 3 and found.effective == pytest.approx(3)
    np.testing.assert_allclose(found.image, each.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.sd, each.std(axis=0, ddof=1), rtol=1e-4)
    weights = np.array([1.0, 5.0, 0.5, 0.0])
    found = made.mean([0, 1, 2, 3], weights=weights)
    assert found.n == 2 and found.effective == pytest.approx(1.5**2 / 1.25)
    np.testing.assert_allclose(found.image, (each[0] + 0.5 * each[1]) / 1.5, rtol=1e-5)
    left = made.mean([0, 2, 3], side="left")
    assert left.n == 2
    np.testing.assert_allclose(left.image, (t[3] + t[1]) / 2, rtol=1e-5)
    alone = made.mean([0])
    assert alone.n == 1 and (alone.sd == 0).all()


def test_what_is_not_there_is_refused(pixels):
    made, *_ = pixels
    with pytest.raises(InputError, match="1 of 2 people have no image"):
        made.thumbnails([0, 1])
    with pytest.raises(InputError, match="no image of the side 'left'"):
        made.thumbnails([0], side="left")
    for wrong in ([4], [-1]):
        with pytest.raises(InputError, match="outside the 4 people"):
            made.thumbnails(wrong)
    with pytest.raises(InputError, match="None of 1"):
        made.mean([1])
    with pytest.raises(InputError, match="weights"):
        made.mean([0], weights=[-1.0])


def test_one_image_each_has_no_sides():
    rows = pd.DataFrame({"eid": ["b", "a"], "instance": ["2", "2"], "side": ["", ""]})
    made = Pixels(
        ["a", "b"],
        rows,
        slices=Slices([np.zeros((2, 4, 4, 2), np.float16)]),
        counts=np.ones(2, np.int32),
        thumbnails=np.array([1, 2], np.uint8)[:, None, None, None]
        * np.ones((2, 8, 8, 3), np.uint8),
    )
    assert made.sides == ()
    assert made.thumbnails([0, 1])[:, 0, 0, 0].tolist() == [2, 1]


def test_colours():
    grey = as_shown(np.array([[[0], [255]]], np.uint8))
    assert (grey == [[[0, 0, 0], [255, 255, 255]]]).all()
    two = as_shown(np.array([0.25, 1.0], np.float16))
    assert two.tolist() == [128, 255, 255]
    five = as_shown(np.arange(5, dtype=np.uint8))
    assert five.tolist() == [0, 1, 2]


def test_a_thumbnail_is_the_middle_slice_as_shown(done_study):
    study = load_study(done_study)
    store = Store(study.store_path)
    images = store.at("images/kidney")
    eids = np.unique(read_table(images, "rows")["eid"].to_numpy(str))[::-1]
    pixels = open_pixels(store, "kidney", eids=eids)
    assert pixels.has.all() and pixels.sides == ("left", "right")
    for row in (0, 7, len(eids) - 1):
        shot = pixels.slices(row)[0]
        assert len(shot.slices) == read_array(images, "counts")[0]
        enlarged = as_shown(shot.slices[shot.middle]).repeat(2, 0).repeat(2, 1)
        assert (pixels.thumbnails([row])[0] == enlarged).all()  # 32 pixels shown on 64
    with pytest.raises(MissingArtifactError):
        open_pixels(store, "heart", eids=eids)
