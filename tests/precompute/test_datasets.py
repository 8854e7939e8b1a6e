"""Image files: found by their patterns, with their channels, sides and masks."""

import pytest

from edp_core.errors import InputError
from edp_core.settings.organs import Organ
from precompute.datasets import CLASH, NO_CHANNEL, NO_MASK, OTHERS, find_images


def organ(**changes):
    given = {"images": "images/{eid}.png", "image_size": 32, "channels": 3}
    return Organ(**given | changes)


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def found(folder, pattern, **changes):
    images, notes = find_images(folder, organ(images=pattern, **changes))
    names = [(i.eid, i.instance, i.side, i.sources[0].path.name) for i in images]
    return names, notes.get(OTHERS, 0)


# ---- finding ---------------------------------------------------------------------
def test_files_are_found_by_eid_side_and_instance(tmp_path):
    touch(
        tmp_path,
        *[f"f/{e}_{s}_0_0.png" for e in (11, 9) for s in (21015, 21016)],
        *[f"f/{e}_{s}_10_0.png" for e in (11, 9) for s in (21015, 21016)],
        "f/9_21017_0_0.png",
        "f/readme.txt",
    )
    images, others = found(
        tmp_path,
        "f/{eid}_{side}_{instance}_0.png",
        sides={"left": "21015", "right": "21016"},
    )
    assert images[:3] == [
        ("11", "0", "left", "11_21015_0_0.png"),
        ("11", "0", "right", "11_21016_0_0.png"),
        ("11", "10", "left", "11_21015_10_0.png"),
    ]
    assert len(images) == 8 and others == 1


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("images/{eid}.png", "images/7.png"),
        ("images/p{eid}.png", "images/p7.png"),
        ("{eid}/scan.png", "7/scan.png"),
        ("images/{eid}/{eid}_a.png", "images/7/7_a.png"),
        ("data [1]/{eid}.png", "data [1]/7.png"),
        ("a+b/(x) {eid}.png", "a+b/(x) 7.png"),
    ],
)
def test_patterns(tmp_path, pattern, name):
    touch(tmp_path, name)
    assert found(tmp_path, pattern) == ([("7", "0", "", name.split("/")[-1])], 0)


def test_a_folder_beside_the_study_or_anywhere(tmp_path):
    touch(tmp_path, "other/images/7.png")
    (tmp_path / "study").mkdir()
    for pattern in (
        "../other/images/{eid}.png",
        str(tmp_path / "other/images") + "/{eid}.png",
    ):
        assert found(tmp_path / "study", pattern) == ([("7", "0", "", "7.png")], 0)


def test_ids_with_underscores_as_the_table_allows_them(tmp_path):
    touch(tmp_path, "images/A_1_20201_2_0.png")
    images, _ = found(tmp_path, "images/{eid}_20201_{instance}_0.png")
    assert images == [("A_1", "2", "", "A_1_20201_2_0.png")]


def test_the_same_eid_twice_in_a_pattern_must_agree(tmp_path):
    touch(tmp_path, "images/7/7.png", "images/7/8.png")
    assert found(tmp_path, "images/{eid}/{eid}.png")[1] == 1


def test_two_files_of_one_image_are_left_out_and_the_others_go_on(tmp_path):
    touch(tmp_path, "i/7_2.png", "i/7_02.png", "i/8_2.png")
    pattern = organ(images="i/{eid}_{instance}.png")
    images, notes = find_images(tmp_path, pattern)
    assert [(i.eid, i.problem) for i in images] == [("7", CLASH), ("8", "")]
    assert not notes


def test_what_is_no_file_does_not_count_as_an_image(tmp_path):
    touch(tmp_path, "images/7.png")
    (tmp_path / "images/8.png").mkdir()
    (tmp_path / "images/9.png").symlink_to(tmp_path / "gone.png")
    assert found(tmp_path, "images/{eid}.png") == ([("7", "0", "", "7.png")], 2)


def test_no_folder_and_no_file(tmp_path):
    with pytest.raises(InputError, match="There is no image folder") as caught:
        found(tmp_path, "images/{eid}.png")
    assert "`images`" in caught.value.hint
    touch(tmp_path, "images/a b.png")
    with pytest.raises(InputError, match=r"No file fits .* \(1 looked at\)") as caught:
        found(tmp_path, "images/{eid}.png")
    assert "`sides`" in caught.value.hint


# ---- volumes ---------------------------------------------------------------------
def sources(image):
    return [(s.path.name, s.member) for s in image.sources]


def test_channels_come_in_the_order_of_the_settings(tmp_path):
    touch(
        tmp_path,
        *[
            f"d/{e}_20201_2_0/{c}.nii.gz"
            for e in (1, 2)
            for c in ("water", "fat", "ip")
        ],
    )
    (tmp_path / "d/2_20201_2_0/fat.nii.gz").unlink()
    settings = organ(
        images="d/{eid}_20201_{instance}_0/{channel}.nii.gz",
        channels=2,
        channel_names=["fat", "water"],
    )
    images, notes = find_images(tmp_path, settings)
    assert sources(images[0]) == [("fat.nii.gz", ""), ("water.nii.gz", "")]
    assert [(i.eid, i.instance, i.problem) for i in images] == [
        ("1", "2", ""), ("2", "2", NO_CHANNEL)
    ]  # fmt: skip
    assert not notes, "other channels of the same image belong there"


def test_masks_beside_the_images_are_no_strangers(tmp_path):
    touch(tmp_path, "i/7.nii.gz", "i/7_seg.nii.gz", "i/7_seg.json", "i/8 b.nii.gz")
    settings = organ(images="i/{eid}.nii.gz", mask="i/{eid}_seg.nii.gz", channels=1)
    images, notes = find_images(tmp_path, settings)
    # an id may hold an underscore, so the mask's name fits the images' pattern too
    assert [(i.eid, i.problem) for i in images] == [("7", "")]
    assert notes == {OTHERS: 1}


def test_sides_of_a_mask_make_two_images_of_one_volume(tmp_path):
    touch(tmp_path, *[f"{e}/v.nii" for e in (1, 2)], "1/kidney_l.nii", "1/kidney_r.nii")
    touch(tmp_path, "2/kidney_r.nii")
    settings = organ(
        images="{eid}/v.nii",
        mask="{eid}/kidney_{side}.nii",
        sides={"left": "l", "right": "r"},
    )
    images, _ = find_images(tmp_path, settings)
    assert [
        (i.eid, i.side, i.mask and i.mask.path.name, i.problem) for i in images
    ] == [
        ("1", "left", "kidney_l.nii", ""),
        ("1", "right", "kidney_r.nii", ""),
        ("2", "left", None, NO_MASK),
        ("2", "right", "kidney_r.nii", ""),
    ]


def test_sides_of_a_label_map(tmp_path):
    touch(tmp_path, "1/v.nii", "1/map.nii")
    settings = organ(
        images="{eid}/v.nii",
        mask="{eid}/map.nii",
        labels=["kidney_{side}", 7],
        label_names="labels.json",
        sides={"left": "L", "right": "R"},
    )
    images, _ = find_images(tmp_path, settings)
    assert [i.labels for i in images] == [("kidney_L", 7), ("kidney_R", 7)]
    assert {i.mask.path.name for i in images} == {"map.nii"}


def test_members_of_an_archive(tmp_path):
    touch(tmp_path, "b/1_20252_2_0.zip", "b/2_20252_2_0.zip")
    settings = organ(
        images="b/{eid}_20252_{instance}_0.zip!/T1/T1.nii.gz",
        mask="b/{eid}_20252_{instance}_0.zip!/T1/T1_brain_mask.nii.gz",
        channels=1,
    )
    images, _ = find_images(tmp_path, settings)
    assert sources(images[1]) == [("2_20252_2_0.zip", "T1/T1.nii.gz")]
    assert images[1].mask.member == "T1/T1_brain_mask.nii.gz"
    assert images[1].mask.path == tmp_path / "b/2_20252_2_0.zip"


def test_of_several_arrays_the_first_is_the_image(tmp_path):
    touch(
        tmp_path, *[f"f/{n}.png" for n in ("7_21015_0_1", "7_21015_0_0", "8_21015_0_2")]
    )
    pattern = organ(images="f/{eid}_21015_{instance}_{array}.png")
    images, notes = find_images(tmp_path, pattern)
    assert [i.sources[0].path.name for i in images] == [
        "7_21015_0_0.png", "8_21015_0_2.png"
    ]  # fmt: skip
    assert [len(i.further) for i in images] == [1, 0]
    assert images[0].further[0].sources[0].path.name == "7_21015_0_1.png"
    assert not notes and not any(i.problem for i in images)
