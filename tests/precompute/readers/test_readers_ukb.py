"""Every form UK Biobank's images come in, from the file's name to slices."""

import json
import zipfile

import nibabel as nib
import numpy as np
import pytest
from dicom_builder import archive, stack
from PIL import Image

from edp_core.people.cohort import clean_eids
from edp_core.slices import open_slices
from edp_core.store import read_table
from edp_core.study import load_study
from edp_core.vectors.embedding import Embedding
from precompute.datasets import find_images
from precompute.ingest_images import ingest_images
from precompute.volumes import label_numbers, read_slices

SHAPE, SPACING = (24, 20, 40), (2.2, 2.2, 3.0)  # right, front, head
HEAD = "\n".join(
    [
        'name = "x"',
        "[participants]",
        'table = "p.csv"',
        "[encoders.mae]",
        'method="mae"',
    ]
)
RNG = np.random.default_rng(0)
BODY = RNG.integers(100, 900, (*SHAPE, 2)).astype(np.uint16)
"""Fat and water in RAS order."""
LIVER = np.zeros(SHAPE, np.uint8)
LIVER[5:19, 4:16, 10:30] = 1


def affine():
    return np.diag([*SPACING, 1.0])


def nifti(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(values, affine())
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def study(folder, organ):
    (folder / "study.toml").write_text(HEAD + "\n[organs.o]\n" + organ)
    return load_study(folder)


def slices_of(folder, organ):
    settings = study(folder, organ).organs["o"]
    images, _ = find_images(folder, settings)
    names = label_numbers(folder / settings.label_names) if settings.label_names else {}
    return images, [read_slices(image, settings, names=names) for image in images]


def plain(tmp_path, more=""):
    """What a mask and two plain files give: what every other form is held against."""
    place = tmp_path / "plain"
    for i, name in enumerate(("fat", "water")):
        nifti(place / f"7_20201_2_0/{name}.nii.gz", BODY[..., i])
    nifti(place / "7_20201_2_0/mask.nii.gz", LIVER)
    _, found = slices_of(
        place,
        'preset = "liver"\n'
        'images = "{eid}_20201_{instance}_0/{channel}.nii.gz"\n'
        'mask = "{eid}_20201_{instance}_0/mask.nii.gz"\n' + more,
    )
    return found[0]


def as_stations(values, description, *, number):
    """Files of a body scanned in three overlapping stations, in DICOM's directions."""
    files = []
    for station, (low, high) in enumerate(((0, 16), (13, 29), (26, 40))):
        # rows run back, columns to the left
        slab = values[::-1, ::-1, low:high].transpose(1, 0, 2)
        files += stack(
            slab,
            # LPS of the first pixel: the rightmost, foremost voxel
            start=(
                -SPACING[0] * (SHAPE[0] - 1),
                -SPACING[1] * (SHAPE[1] - 1),
                SPACING[2] * low,
            ),
            gap=SPACING[2],
            series=f"1.2.{number}.{station}",
            description=f"Dixon_BH_17s_{description}",
            PixelSpacing=[SPACING[1], SPACING[0]],
            SeriesNumber=number * 10 + station,
        )
    return files


def test_a_dixon_archive_of_stations(tmp_path):
    fat, water = BODY[..., 0], BODY[..., 1]
    contrasts = {
        "in": fat + water,
        "opp": water - np.minimum(fat, water),
        "F": fat,
        "W": water,
    }
    files = []
    for number, (name, values) in enumerate(contrasts.items()):
        files += as_stations(values, name, number=number)
    (tmp_path / "b").mkdir()
    archive(tmp_path / "b/7_20201_2_0.zip", [*files, ("manifest.cvs", b"eid,x")])
    nifti(tmp_path / "seg/7_2.nii.gz", LIVER)
    images, found = slices_of(
        tmp_path,
        'preset = "liver"\n'
        'images = "b/{eid}_20201_{instance}_{array}.zip"\n'
        'series = ["*_F", "*_W"]\n'
        'mask = "seg/{eid}_{instance}.nii.gz"\n',
    )
    assert [(i.eid, i.instance) for i in images] == [("7", "2")]
    expected = plain(tmp_path)
    np.testing.assert_allclose(
        found[0].slices.astype(float), expected.slices.astype(float), atol=2e-3
    )
    assert found[0].volume_ml == pytest.approx(LIVER.sum() * np.prod(SPACING) / 1000)


def test_the_set_of_a_public_pipeline(tmp_path):
    """ip, op, fat, water and masks one a file; any of them are the channels."""
    place = tmp_path / "set"
    total = BODY.sum(axis=3).astype(np.uint16)
    for name, values in (
        ("ip", total),
        ("op", total // 2),
        ("fat", BODY[..., 0]),
        ("water", BODY[..., 1]),
    ):
        nifti(place / f"7/{name}.nii.gz", values)
    nifti(place / "7/mask_liver.nii.gz", LIVER)
    organ = 'images = "{eid}/{channel}.nii.gz"\nmask = "{eid}/mask_liver.nii.gz"\n'
    _, two = slices_of(place, 'preset = "liver"\n' + organ)
    expected = plain(tmp_path)
    np.testing.assert_array_equal(two[0].slices, expected.slices)
    four = 'channels = 4\nchannel_names = ["ip", "op", "fat", "water"]\n'
    _, found = slices_of(place, organ + four)
    assert found[0].slices.shape[-1] == 4


def test_a_brain_within_its_archive(tmp_path):
    """Field 20252: NIfTI files in a zip."""
    nifti(tmp_path / "T1.nii.gz", BODY[..., 0])
    nifti(tmp_path / "M.nii.gz", LIVER)
    with zipfile.ZipFile(tmp_path / "7_20252_2_0.zip", "w") as opened:
        opened.write(tmp_path / "T1.nii.gz", "T1/T1_unbiased_brain.nii.gz")
        opened.write(tmp_path / "M.nii.gz", "T1/T1_brain_mask.nii.gz")
        opened.writestr("T1/transforms/T1_to_MNI_warp.nii.gz", b"junk")
    _, found = slices_of(
        tmp_path,
        'preset = "brain"\nspacing_mm = 3.0\nquality = { mask_min_voxels = 10 }\n'
        'images = "{eid}_20252_{instance}_0.zip!/T1/T1_unbiased_brain.nii.gz"\n'
        'mask = "{eid}_20252_{instance}_0.zip!/T1/T1_brain_mask.nii.gz"\n',
    )
    assert found[0].slices.shape == (20, 144, 144, 1)
    assert found[0].volume_ml == pytest.approx(LIVER.sum() * np.prod(SPACING) / 1000)


def test_a_short_axis_heart(tmp_path):
    """Field 20209: a series for each slice, each with a row of time points."""
    files = []
    for k in range(6):
        for t in range(3):
            values = (BODY[::-1, ::-1, k : k + 1, 0] + 50 * t).transpose(1, 0, 2)
            files += stack(
                values.astype(np.uint16),
                start=(0, 0, 8.0 * k),
                series=f"1.2.{k}",
                description=f"CINE_segmented_SAX_b{k + 1}",
                SeriesNumber=k,
                TriggerTime=30.0 * t,
            )
    archive(tmp_path / "7_20209_2_0.zip", files)
    organ = (
        'images = "{eid}_20209_{instance}_0.zip"\n'
        'series = ["CINE_segmented_SAX_b*"]\nchannels = 1\n'
    )
    _, first = slices_of(tmp_path, organ + 'intensity = "window"\nwindow = [0, 1000]\n')
    _, last = slices_of(
        tmp_path, organ + 'intensity = "window"\nwindow = [0, 1000]\nframe = 2\n'
    )
    assert first[0].slices.shape[0] == 6
    difference = last[0].slices.astype(float) - first[0].slices
    assert np.median(difference[first[0].slices > 0]) == pytest.approx(0.1, abs=2e-3)


def test_both_eyes_of_a_photograph(tmp_path):
    """Fields 21015 and 21016."""
    y, x = np.mgrid[:60, :80]
    disc = ((y - 30) ** 2 + (x - 40) ** 2 < 28**2)[..., None]
    for eid in (7, 8):
        for field in (21015, 21016):
            pixels = (disc * RNG.integers(60, 200, (60, 80, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{eid}_{field}_0_0.png")
    settings = study(
        tmp_path,
        'preset = "retina"\nimages = "{eid}_{side}_{instance}_{array}.png"\n'
        'sides = { left = "21015", right = "21016" }\n',
    ).organs["o"]
    images, _ = find_images(tmp_path, settings)
    assert [(i.eid, i.side) for i in images] == [
        (eid, side) for eid in "78" for side in ("left", "right")
    ]


def test_kidneys_of_a_label_map_and_a_repeat_imaging(tmp_path):
    """Two sides of one volume; rows keyed by eid, instance and side."""
    both = np.zeros(SHAPE, np.uint8)
    both[2:9, 6:14, 12:24], both[14:22, 6:14, 12:26] = 3, 2
    for instance in (2, 3):
        for i, name in enumerate(("fat", "water")):
            nifti(tmp_path / f"7_20201_{instance}_0/{name}.nii.gz", BODY[..., i])
        nifti(tmp_path / f"7_20201_{instance}_0/map.nii.gz", both)
    (tmp_path / "labels.json").write_text(
        json.dumps({"2": "kidney_right", "3": "kidney_left", "1": "liver"})
    )
    settings = study(
        tmp_path,
        'preset = "kidneys"\n'
        'images = "{eid}_20201_{instance}_0/{channel}.nii.gz"\n'
        'mask = "{eid}_20201_{instance}_0/map.nii.gz"\n'
        'labels = ["kidney_{side}"]\nlabel_names = "labels.json"\n'
        'sides = { left = "left", right = "right" }\nmirror = ["right"]\n'
        "slices = 4\n",
    ).organs["o"]
    images, notes = find_images(tmp_path, settings)
    (tmp_path / "out").mkdir()
    (tmp_path / "work").mkdir()
    ingest_images(
        images, settings, labels=tmp_path / "labels.json", eids=np.array(["7"]),
        notes=notes, workspace=tmp_path / "work", folder=tmp_path / "out",
        report=lambda *_: None,
    )  # fmt: skip
    rows = read_table(tmp_path / "out", "rows")
    assert rows.to_numpy().tolist() == [
        ["7", "2", "left"], ["7", "2", "right"], ["7", "3", "left"], ["7", "3", "right"]
    ]  # fmt: skip
    measures = read_table(tmp_path / "out", "measures")
    voxel = np.prod(SPACING) / 1000
    assert measures["volume_ml"].tolist() == pytest.approx(
        2 * [7 * 8 * 12 * voxel, 8 * 8 * 14 * voxel]
    )
    slices = open_slices(tmp_path / "out")
    assert slices.shape == (16, 48, 48, 2) and slices.dtype == np.float16
    # the analysis view: one row a participant, of the first instance, sides averaged
    vectors = np.arange(8.0).reshape(4, 2).astype(np.float32)
    eids, found = Embedding(rows, vectors).by_participant()
    assert eids.tolist() == ["7"] and found.tolist() == [[1.0, 2.0]]
    assert clean_eids(rows["eid"])[0].notna().all()
