"""Volumes: masked, cut out, resampled, scaled and cut into slices."""

import json

import nibabel as nib
import numpy as np
import pytest

from edp_core.errors import InputError
from edp_core.settings.organs import Organ
from precompute.datasets import ImageFile
from precompute.quality import NOT_FINITE, SHEET, Refused
from precompute.readers.archives import Source
from precompute.readers.reasons import Unusable
from precompute.volumes import CUT_OFF, LEAST, NO_SIZE, label_numbers, read_slices

SHAPE = (20, 24, 12)
SPACING = (2.0, 2.5, 4.0)
RNG = np.random.default_rng(0)
LOOSE = {"mask_min_voxels": 1, "border_max": 1.0, "overexposed_max": 1.0}


def organ(**changes):
    given = {
        "images": "{eid}.nii",
        "mask": "{eid}_mask.nii",
        "image_size": 16,
        "channels": 1,
        "quality": LOOSE,
    }
    return Organ(**given | changes)


def affine(spacing=SPACING, shape=SHAPE):
    out = np.diag([*spacing, 1.0])
    out[:3, 3] = [-s * n / 2 for s, n in zip(spacing, shape, strict=True)]
    return out


def save(path, values, place=None):
    image = nib.Nifti1Image(values, affine() if place is None else place)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return Source(path)


def box_mask():
    mask = np.zeros(SHAPE, np.uint8)
    mask[5:15, 4:20, 2:10] = 1
    return mask


@pytest.fixture
def write(tmp_path):
    """Maker of the files of one image."""

    def make(*channels, mask=None, place=None, mask_place=None, side="", labels=()):
        sources = [
            save(tmp_path / f"c{i}.nii", values, place)
            for i, values in enumerate(channels)
        ]
        held = None
        if mask is not None:
            held = save(
                tmp_path / "mask.nii", mask, place if mask_place is None else mask_place
            )
        return ImageFile("1", "2", side, tuple(sources), held, labels)

    return make


def noise(low=10, high=1000):
    return RNG.integers(low, high, SHAPE).astype(np.int16)


# ---- geometry --------------------------------------------------------------------
def test_outside_the_mask_is_zero_and_inside_is_not(write):
    mask = box_mask()
    mask[9, 10, 5] = 0
    found = read_slices(write(noise(), mask=mask), organ(), names={})
    assert found.slices.dtype == np.float16
    assert found.slices.shape[1:] == (16, 16, 1)
    assert found.slices.min() == 0 and 0.95 < found.slices.max() <= 1
    inside = found.slices[found.slices > 0]
    assert inside.min() >= np.float16(LEAST)


@pytest.mark.parametrize(
    ("axis", "slices", "across"),
    [("sagittal", 10, 0), ("coronal", 16, 1), ("axial", 8, 2)],
)
def test_any_axis_and_the_slices_within_the_organ(write, axis, slices, across):
    """A value that grows along one axis is constant in slices across it."""
    ramp = np.zeros(SHAPE, np.float32)
    ramp += np.arange(1, SHAPE[across] + 1).reshape(
        [-1 if a == across else 1 for a in range(3)]
    )
    found = read_slices(write(ramp, mask=box_mask()), organ(axis=axis), names={}).slices
    assert len(found) == slices
    means = []
    for one in found.astype(float):
        values = one[one > 0]
        assert np.ptp(values) < 2e-3
        means.append(values.mean())
    assert (np.diff(means) < 0).all(), "from the head down, from the front back, ..."


def test_directions_are_those_of_a_viewing_box(write):
    """Right is on the left of the picture, front is up."""
    volume = np.full(SHAPE, 100, np.int16)
    volume[14, :, :] = 400  # rightmost of the organ
    volume[:, 19, :] = 1000  # foremost
    found = read_slices(write(volume, mask=box_mask()), organ(image_size=32), names={})
    picture = found.slices[4][:, :, 0].astype(float)
    held = np.argwhere(picture > 0)
    (top, left), (bottom, right) = held.min(axis=0), held.max(axis=0)
    middle = (top + bottom) // 2
    assert picture[top, left + 8] > 0.9
    assert picture[middle, left] > 1.5 * picture[middle, right]
    assert picture[bottom, left + 8] < 0.2


def test_other_orientations_of_the_same_body_give_the_same_slices(write, tmp_path):
    values, mask = noise(), box_mask()
    whole = read_slices(write(values, mask=mask), organ(), names={})
    flipped = affine()
    flipped[:3, 3] += flipped[:3, 0] * (SHAPE[0] - 1)
    flipped[:3, 0] *= -1
    moved = flipped[:, [1, 2, 0, 3]]
    turn = [np.ascontiguousarray(v[::-1].transpose(1, 2, 0)) for v in (values, mask)]
    found = read_slices(write(turn[0], mask=turn[1], place=moved), organ(), names={})
    np.testing.assert_array_equal(found.slices, whole.slices)
    assert found.volume_ml == pytest.approx(whole.volume_ml)


def test_the_cuboid_fills_the_square_and_keeps_its_proportions(write):
    found = read_slices(write(noise(), mask=box_mask()), organ(image_size=40), names={})
    held = found.slices[4][:, :, 0] > 0
    rows, columns = np.flatnonzero(held.any(1)), np.flatnonzero(held.any(0))
    # 16 voxels of 2.5 mm from front to back, 10 of 2 mm from right to left
    assert len(rows) == 40
    assert len(columns) == pytest.approx(20 / 40 * 40, abs=1)


def test_a_field_keeps_millimetres(write):
    settings = organ(image_size=40, spacing_mm=2.0, fit="field")
    found = read_slices(write(noise(), mask=box_mask()), settings, names={})
    held = found.slices[4][:, :, 0] > 0
    assert np.count_nonzero(held.any(1)) == pytest.approx(40 / 2.0, abs=1)
    assert np.count_nonzero(held.any(0)) == pytest.approx(20 / 2.0, abs=1)
    assert len(found.slices) == 16  # 8 slices of 4 mm
    assert not found.notes
    small = organ(image_size=16, spacing_mm=2.0, fit="field")
    assert read_slices(write(noise(), mask=box_mask()), small, names={}).notes == (
        CUT_OFF,
    )


@pytest.mark.parametrize("most", [1, 3, 8, 50])
def test_at_most_so_many_slices(write, most):
    found = read_slices(write(noise(), mask=box_mask()), organ(slices=most), names={})
    assert len(found.slices) == min(most, 8)


def test_a_side_is_mirrored(write):
    settings = organ(
        mask="{eid}_{side}.nii", sides={"left": "l", "right": "r"}, mirror=["right"]
    )
    values, mask = noise(), box_mask()
    left = read_slices(write(values, mask=mask, side="left"), settings, names={}).slices
    right = read_slices(
        write(values, mask=mask, side="right"), settings, names={}
    ).slices
    np.testing.assert_allclose(right[:, :, ::-1].astype(float), left, atol=2e-3)


# ---- values ----------------------------------------------------------------------
def test_the_ratio_of_channels_survives_and_the_gain_does_not(write):
    fat, water = noise(20, 60), noise(300, 900)
    settings = organ(channels=2)
    one = read_slices(write(fat, water, mask=box_mask()), settings, names={}).slices
    loud = [np.asarray(7 * v, np.int16) for v in (fat, water)]
    two = read_slices(write(*loud, mask=box_mask()), settings, names={}).slices
    np.testing.assert_allclose(one.astype(float), two, atol=1e-3)
    held = one[one[..., 1] > 0].astype(float)
    assert held[:, 0].mean() / held[:, 1].mean() == pytest.approx(40 / 600, rel=0.1)
    own = read_slices(
        write(fat, water, mask=box_mask()),
        organ(channels=2, intensity="channel"),
        names={},
    ).slices
    assert own[..., 0].max() > 0.9 and own[..., 1].max() > 0.9


def test_a_window_is_taken_as_it_stands(write):
    values = np.full(SHAPE, -20.0, np.float32)
    values[..., 6:] = 80
    found = read_slices(
        write(values, mask=box_mask()),
        organ(intensity="window", window=(-120, 80)),
        names={},
    ).slices
    assert sorted({round(float(v), 2) for v in np.unique(found)}) == [0, 0.5, 1]


def test_values_outside_the_organ_are_never_looked_at(write):
    values, mask = noise().astype(np.float32), box_mask()
    one = read_slices(write(values, mask=mask), organ(), names={})
    values[mask == 0] = np.nan
    values[0, 0, 0] = np.inf
    two = read_slices(write(values, mask=mask), organ(), names={})
    np.testing.assert_array_equal(one.slices, two.slices)


def test_one_outlier_does_not_set_the_scale(write):
    values, mask = noise(400, 600), box_mask()
    one = read_slices(write(values, mask=mask), organ(), names={}).slices
    values[8, 8, 5] = 30000
    two = read_slices(write(values, mask=mask), organ(), names={}).slices
    assert abs(np.median(one[one > 0]) - np.median(two[two > 0])) < 0.01


# ---- measures --------------------------------------------------------------------
def test_volume_in_millilitres(write):
    found = read_slices(write(noise(), mask=box_mask()), organ(), names={})
    assert found.volume_ml == pytest.approx(box_mask().sum() * 2 * 2.5 * 4 / 1000)
    assert not found.unknown


def test_volume_of_an_oblique_stack(write):
    turn = np.deg2rad(20)
    place = affine()
    place[:2, :2] = [
        [2.0 * np.cos(turn), -2.5 * np.sin(turn)],
        [2.0 * np.sin(turn), 2.5 * np.cos(turn)],
    ]
    found = read_slices(write(noise(), mask=box_mask(), place=place), organ(), names={})
    assert found.volume_ml == pytest.approx(box_mask().sum() * 20 / 1000)


def test_without_a_voxel_size_there_is_no_volume(write, tmp_path):
    image = write(noise(), mask=box_mask())
    for name in ("c0.nii", "mask.nii"):
        header = nib.load(tmp_path / name)
        plain = nib.Nifti1Image(np.array(header.dataobj), np.eye(4))
        plain.header.set_xyzt_units(0)
        plain.header["xyzt_units"] = 0
        nib.save(plain, tmp_path / name)
    found = read_slices(image, organ(), names={})
    assert np.isnan(found.volume_ml) and found.unknown == NO_SIZE
    assert len(found.slices) == 8
    with pytest.raises(Unusable, match="cannot be resampled to mm"):
        read_slices(image, organ(spacing_mm=2.0), names={})


def test_without_a_mask_the_whole_volume_is_the_organ(write):
    found = read_slices(write(noise()), organ(mask=None), names={})
    assert len(found.slices) == SHAPE[2]
    assert np.isnan(found.volume_ml) and found.unknown == "there is no mask"


# ---- masks -----------------------------------------------------------------------
def test_labels_by_number_and_by_name(write):
    both = box_mask()
    both[5:15, 4:20, 6:10] = 2
    both[0, 0, 0] = 9
    voxel = 2 * 2.5 * 4 / 1000
    for labels, names, count in (
        ((1,), {}, 10 * 16 * 4),
        ((1, 2), {}, 10 * 16 * 8),
        (("liver",), {"liver": 2, "spleen": 1}, 10 * 16 * 4),
        ((), {}, 10 * 16 * 8 + 1),
    ):
        image = write(noise(), mask=both, labels=labels)
        found = read_slices(image, organ(), names=names)
        assert found.volume_ml == pytest.approx(count * voxel)


def test_a_name_that_the_labels_do_not_have_is_a_mistake_of_the_study(write):
    image = write(noise(), mask=box_mask(), labels=("livr",))
    with pytest.raises(InputError, match="livr") as caught:
        read_slices(image, organ(), names={"liver": 1})
    assert "liver" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"1": "liver", "2": "spleen"}, {"liver": 1, "spleen": 2}),
        ({"liver": 1, "spleen": 2}, {"liver": 1, "spleen": 2}),
        ({"labels": {"background": 0, "liver": 5}}, {"background": 0, "liver": 5}),
        ({"labels": {"0": "background", "1": "A"}}, {"background": 0, "A": 1}),
        ({"liver": "3"}, {"liver": 3}),
    ],
)
def test_spellings_of_label_names(tmp_path, content, expected):
    (tmp_path / "l.json").write_text(json.dumps(content))
    assert label_numbers(tmp_path / "l.json") == expected


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "{}", '{"a": "b"}', '{"1": "x", "2": "x"}']
)
def test_label_names_that_name_nothing(tmp_path, text):
    (tmp_path / "l.json").write_text(text)
    with pytest.raises(InputError):
        label_numbers(tmp_path / "l.json")
    with pytest.raises(InputError):
        label_numbers(tmp_path / "gone.json")


# ---- left out --------------------------------------------------------------------
def shifted():
    place = affine()
    place[0, 3] += 1.0
    return place


def nan_inside():
    values = noise().astype(np.float32)
    values[8, 8, 5] = np.nan
    return values


STRICT = {"mask_min_voxels": 100, "border_max": 0.05, "overexposed_max": 0.3}


def touching():
    mask = np.zeros(SHAPE, np.uint8)
    mask[5:15, 4:20, :4] = 1
    return mask


def tiny():
    mask = np.zeros(SHAPE, np.uint8)
    mask[5:8, 5:8, 5:8] = 1
    return mask


def burnt():
    values = noise(10, 4095)
    values[5:15, 4:20, 2:7] = 4095
    return values


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"mask": np.zeros(SHAPE, np.uint8)}, "empty mask"),
        ({"mask": tiny()}, "tiny mask"),
        ({"mask": touching()}, "organ touches the border of the image"),
        ({"mask": box_mask(), "values": np.full(SHAPE, 7, np.int16)}, "blank"),
        ({"mask": box_mask(), "values": burnt()}, "over-exposed"),
        ({"mask": box_mask(), "values": nan_inside()}, NOT_FINITE),
    ],
)  # fmt: skip
def test_quality_control_leaves_out_with_a_reason_and_a_picture(write, parts, reason):
    image = write(parts.get("values", noise()), mask=parts["mask"])
    with pytest.raises(Refused) as caught:
        read_slices(image, organ(quality=STRICT), names={})
    assert str(caught.value) == reason
    assert caught.value.picture.shape == (SHEET, SHEET, 3)
    assert caught.value.picture.dtype == np.uint8
    loose = organ(quality=LOOSE | {"blank_sd": 0})
    if reason not in ("empty mask", NOT_FINITE):
        assert len(read_slices(image, loose, names={}).slices)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"mask": box_mask()[:-1]}, "mask of another shape"),
        ({"mask": box_mask(), "mask_place": shifted()}, "mask lies elsewhere"),
        (
            {"mask": box_mask(), "mask_place": affine((2.0, 2.5, 4.2))},
            "mask lies elsewhere",
        ),
    ],
)
def test_a_mask_of_something_else_is_refused(write, parts, reason):
    with pytest.raises(Unusable, match=reason):
        read_slices(write(noise(), **parts), organ(), names={})


def test_a_mask_that_does_not_say_where_it_lies_is_refused(write, tmp_path):
    """Saved with an identity affine, as scripts do: its axes may run the other way."""
    image = write(noise(), mask=box_mask())
    plain = nib.Nifti1Image(box_mask(), np.eye(4))
    plain.header["xyzt_units"] = 0
    nib.save(plain, tmp_path / "mask.nii")
    with pytest.raises(Unusable, match="does not say where it lies"):
        read_slices(image, organ(), names={})


def test_a_voxel_size_without_a_place_still_gives_a_volume(write, tmp_path):
    image = write(noise(), mask=box_mask())
    for name in ("c0.nii", "mask.nii"):
        held = nib.load(tmp_path / name)
        values = np.array(held.dataobj)
        placeless = nib.Nifti1Image(values, None)
        placeless.header.set_zooms(SPACING)
        placeless.header.set_xyzt_units("mm")
        placeless.header["sform_code"] = placeless.header["qform_code"] = 0
        nib.save(placeless, tmp_path / name)
    found = read_slices(image, organ(), names={})
    assert found.volume_ml == pytest.approx(box_mask().sum() * 20 / 1000)


def test_channels_must_be_as_many_and_lie_on_one_another(write, tmp_path):
    with pytest.raises(Unusable, match="volume has 1 channels, 2 are expected"):
        read_slices(write(noise(), mask=box_mask()), organ(channels=2), names={})
    image = write(noise(), noise(), mask=box_mask())
    save(tmp_path / "c1.nii", noise(), shifted())
    with pytest.raises(Unusable, match="channel lies elsewhere"):
        read_slices(image, organ(channels=2), names={})
    save(tmp_path / "c1.nii", noise()[1:])
    with pytest.raises(Unusable, match="channel of another shape"):
        read_slices(image, organ(channels=2), names={})
