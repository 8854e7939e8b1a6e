"""NIfTI and Analyze in every form, each read as nibabel reads it or refused by name."""

import bz2
import csv
import gzip
import io
import struct
import zipfile

import nibabel as nib
import numpy as np
import pytest

from precompute.readers.archives import Source
from precompute.readers.nifti import read_labels, read_nifti
from precompute.readers.reasons import Unusable

VALUES = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6) * 7 - 300
AFFINE = np.array([[-2, 0, 0, 80.0], [0, 2.5, 0, -90], [0, 0, 3, -70], [0, 0, 0, 1]])
ALL = (slice(None),) * 3


def image(values=VALUES, affine=AFFINE, kind=nib.Nifti1Image, unit="mm"):
    made = kind(values, affine)
    if unit and hasattr(made.header, "set_xyzt_units"):
        made.header.set_xyzt_units(unit)
    return made


def saved(folder, made, name="v.nii.gz"):
    nib.save(made, folder / name)
    return Source(folder / name)


def written(folder, content, name="v.nii"):
    (folder / name).write_bytes(content)
    return Source(folder / name)


def content(made=None):
    return (made or image()).to_bytes()


def patched(offset, form, *values, order="<", of=None):
    """A valid file with some header bytes replaced."""
    raw = bytearray(of or content())
    struct.pack_into(order + form, raw, offset, *values)
    return bytes(raw)


def check(source, made, **options):
    """What is read equals what nibabel makes of the same image."""
    volume = read_nifti(source, **options)
    closest = nib.as_closest_canonical(made)
    expected = closest.get_fdata()
    if expected.ndim == 4:
        expected = expected[..., options.get("frame", 0)]
    np.testing.assert_allclose(volume.crop(ALL)[..., 0], expected, rtol=1e-6)
    np.testing.assert_allclose(volume.affine, closest.affine, atol=1e-5)
    np.testing.assert_allclose(volume.spacing_mm, closest.header.get_zooms()[:3])
    return volume


def refused(source, **options):
    with pytest.raises(Unusable) as caught:
        read_nifti(source, **options)
    return str(caught.value)


# ---- what is read ----------------------------------------------------------------
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
@pytest.mark.parametrize(
    "dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]
)
def test_every_type_of_numbers(tmp_path, kind, name, dtype):
    values = np.abs(VALUES).astype(dtype)
    made = kind(values, AFFINE, dtype=dtype)
    volume = check(saved(tmp_path, made, name), made)
    assert volume.shape == (4, 5, 6) and volume.channels == 1


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", ["i2", "f4", "f8"])
def test_big_endian(tmp_path, kind, dtype):
    header = kind.header_class(endianness=">")
    header.set_data_dtype(np.dtype(dtype).newbyteorder(">"))
    made = kind(VALUES, AFFINE, header)
    source = saved(tmp_path, made, "v.nii")
    assert source.path.read_bytes()[:2] == b"\0" + bytes([0]), "it is big-endian"
    check(source, made)


def test_the_name_does_not_say_whether_it_is_packed(tmp_path):
    check(written(tmp_path, content(), "v.nii.gz"), image())
    check(written(tmp_path, gzip.compress(content()), "v.nii"), image())
    check(written(tmp_path, gzip.compress(content()), "v.anything"), image())
    check(written(tmp_path, content(), "v.hdr"), image())
    check(written(tmp_path, content(), "v.img"), image())


def test_two_streams_and_padding_in_one_gzip(tmp_path):
    raw = content()
    packed = gzip.compress(raw[:400]) + gzip.compress(raw[400:]) + bytes(64)
    check(written(tmp_path, packed), image())


@pytest.mark.parametrize("pair", [nib.Nifti1Pair, nib.Nifti2Pair, nib.AnalyzeImage])
@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("half", ["hdr", "img"])
def test_pairs_by_either_name(tmp_path, pair, packed, half):
    made = pair(VALUES, AFFINE if pair is not nib.AnalyzeImage else None)
    if pair is nib.AnalyzeImage:
        made.header.set_zooms((2, 2.5, 3))
    made.to_filename(tmp_path / f"v.hdr{packed}")
    volume = read_nifti(Source(tmp_path / f"v.{half}{packed}"))
    assert volume.spacing_mm == (2, 2.5, 3)
    if pair is nib.AnalyzeImage:
        assert volume.affine is None, "Analyze does not say how the body lies"
        np.testing.assert_array_equal(volume.crop(ALL)[..., 0], VALUES)
    else:
        check(Source(tmp_path / f"v.{half}{packed}"), made)


def test_a_pair_where_only_the_image_is_packed(tmp_path):
    made = image(kind=nib.Nifti1Pair)
    made.to_filename(tmp_path / "v.hdr")
    raw = (tmp_path / "v.img").read_bytes()
    (tmp_path / "v.img").unlink()
    (tmp_path / "v.img.gz").write_bytes(gzip.compress(raw))
    check(Source(tmp_path / "v.hdr"), made)
    check(Source(tmp_path / "v.img.gz"), made)


def test_a_pair_within_an_archive(tmp_path):
    made = image(kind=nib.Nifti1Pair)
    made.to_filename(tmp_path / "v.hdr")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for half in ("hdr", "img"):
            archive.write(tmp_path / f"v.{half}", f"T1/v.{half}")
        archive.writestr("T1/T1.nii.gz", gzip.compress(content()))
        archive.writestr("T1/T1.nii", content())
    for member in ("T1/v.hdr", "T1/v.img", "T1/T1.nii.gz", "T1/T1.nii"):
        check(Source.parse(f"{tmp_path}/a.zip!/{member}"), made)


def test_header_extensions_are_passed_over(tmp_path):
    made = image()
    extension = nib.nifti1.Nifti1Extension("comment", b"about the scanner" * 9)
    made.header.extensions.append(extension)
    check(saved(tmp_path, made), made)


@pytest.mark.parametrize(
    ("slope", "intercept", "expected"),
    [
        (0.5, -10, (0.5, -10)), (0, 9, (1, 0)), (np.nan, np.nan, (1, 0)),
        (np.inf, 3, (1, 0)), (-2, 0, (-2, 0)),
    ],
)  # fmt: skip
def test_slope_and_intercept(tmp_path, slope, intercept, expected):
    source = written(tmp_path, patched(112, "ff", slope, intercept))
    raw = nib.as_closest_canonical(image()).get_fdata()
    values = read_nifti(source).crop(ALL)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[..., 0], raw * expected[0] + expected[1])
    # only the box is converted, and it is the same box
    box = (slice(1, 3), slice(0, 2), slice(4, 6))
    np.testing.assert_array_equal(read_nifti(source).crop(box), values[box])


def turned(seed):
    """A random rotation, flips and an exchange of axes, with uneven spacing."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = rotation * rng.uniform(0.5, 4, 3)
    affine[:3, 3] = rng.normal(size=3) * 50
    return affine


@pytest.mark.parametrize("seed", range(12))
def test_rotated_affines_by_sform_and_by_qform(tmp_path, seed):
    affine = turned(seed)
    made = image(affine=affine)
    check(saved(tmp_path, made), made)
    made.header.set_sform(None, 0)
    made.header.set_qform(affine, 1)
    source = saved(tmp_path, nib.Nifti1Image(VALUES, None, made.header), "q.nii")
    only = nib.load(source.path)
    assert only.header["sform_code"] == 0 and only.header["qform_code"] == 1
    check(source, only)


def test_voxels_keep_their_place_in_the_body(tmp_path):
    """Told without nibabel: the brightest voxel lies at the same millimetres."""
    affine = turned(5)
    values = np.zeros((4, 5, 6), np.int16)
    values[1, 3, 2] = 9
    volume = read_nifti(saved(tmp_path, image(values, affine)))
    at = np.argwhere(volume.crop(ALL)[..., 0] == 9)[0]
    np.testing.assert_allclose(
        volume.affine @ [*at, 1], affine @ [1, 3, 2, 1], atol=1e-3
    )


@pytest.mark.parametrize(
    ("unit", "factor"), [("meter", 1000), ("mm", 1), ("micron", 0.001)]
)
def test_units_become_millimetres(tmp_path, unit, factor):
    volume = read_nifti(saved(tmp_path, image(unit=unit)))
    np.testing.assert_allclose(volume.spacing_mm, np.multiply((2, 2.5, 3), factor))
    np.testing.assert_allclose(abs(volume.affine[0, 0]), 2 * factor)


def test_time_points(tmp_path):
    values = np.stack([VALUES, VALUES + 1, VALUES + 2], axis=3)
    made = image(values)
    for name in ("v.nii", "v.nii.gz"):
        source = saved(tmp_path, made, name)
        for frame in range(3):
            check(source, made, frame=frame)
        assert refused(source, frame=3) == "has only 3 time points"
        assert refused(source, frame=-1) == "has only 3 time points"
    single = saved(tmp_path, image(VALUES[..., None, None]), "one.nii")
    assert read_nifti(single).shape == (4, 5, 6)
    assert refused(single, frame=1) == "has only 1 time point"


def test_five_dimensions(tmp_path):
    vectors = np.stack([VALUES, -VALUES], axis=3)[:, :, :, None]
    volume = read_nifti(saved(tmp_path, image(vectors, np.eye(4))))
    assert volume.channels == 2
    np.testing.assert_array_equal(volume.crop(ALL), vectors[:, :, :, 0])
    both = np.stack([vectors[:, :, :, 0]] * 3, axis=3)
    source = saved(tmp_path, image(both), "b.nii")
    assert refused(source) == "5-D volume (x, y, z, 3, 2)"
    six = saved(tmp_path, image(np.zeros((2, 2, 2, 2, 2, 2), np.int16)), "c.nii")
    assert refused(six) == "6-D volume"


@pytest.mark.parametrize("parts", ["RGB", "RGBA"])
def test_colours_are_channels_and_alpha_is_dropped(tmp_path, parts):
    rng = np.random.default_rng(1)
    values = np.zeros((4, 5, 6), [(part, "u1") for part in parts])
    for part in parts:
        values[part] = rng.integers(256, size=(4, 5, 6))
    volume = read_nifti(saved(tmp_path, nib.Nifti1Image(values, np.eye(4)), "v.nii"))
    assert volume.channels == 3
    for channel, part in enumerate("RGB"):
        np.testing.assert_array_equal(volume.crop(ALL)[..., channel], values[part])


def test_two_dimensions_are_one_slice(tmp_path):
    for values in (VALUES[:, :, 0], VALUES[:, :, :1]):
        volume = read_nifti(saved(tmp_path, image(values)))
        assert volume.shape == (4, 5, 1) and volume.spacing_mm == (2, 2.5, 3)
    # the row of the sform that points to the head, without its third number
    flat = patched(280 + 32 + 8, "f", 0, of=content(image(VALUES[:, :, 0])))
    volume = read_nifti(written(tmp_path, flat))
    assert volume.spacing_mm == (2, 2.5, 1)


def test_nan_and_infinities_stay(tmp_path):
    values = VALUES.astype(np.float32)
    values[0, 0, 0], values[0, 0, 1], values[0, 0, 2] = np.nan, np.inf, 1e38
    out = read_nifti(saved(tmp_path, image(values, np.eye(4)))).crop(ALL)[0, 0, :, 0]
    assert np.isnan(out[0]) and np.isinf(out[1]) and out[2] == np.float32(1e38)
    huge = image(np.full((2, 2, 2), 1e300), np.eye(4))
    assert np.isinf(read_nifti(saved(tmp_path, huge)).crop(ALL)).all()


# ---- voxel size ------------------------------------------------------------------
def geometry(folder, pixdim=(1, 1, 1), unit=0, affine=None):
    made = nib.Nifti1Image(VALUES, affine)
    made.header["pixdim"][1:4] = pixdim
    made.header["xyzt_units"] = unit
    if affine is None:
        made.header["sform_code"] = made.header["qform_code"] = 0
    volume = read_nifti(saved(folder, made))
    return volume.spacing_mm, volume.affine is not None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (None, False)),
        ({"unit": 2}, (None, False)),
        ({"unit": 2, "pixdim": (0, 0, 0)}, (None, False)),
        ({"pixdim": (2, 2, 3)}, (None, False)),
        ({"unit": 2, "pixdim": (2, 0, 3)}, (None, False)),
        ({"unit": 2 | 8, "pixdim": (2, 2, 3)}, ((2, 2, 3), False)),
        ({"unit": 2, "pixdim": (-2, 2, 3)}, ((2, 2, 3), False)),
        ({"affine": np.eye(4)}, (None, False)),
        ({"affine": np.eye(4), "unit": 2}, ((1, 1, 1), True)),
        ({"affine": np.diag([1, 1, -1, 1])}, ((1, 1, 1), True)),
        ({"affine": np.diag([2, 2, 2, 1]), "pixdim": (2, 2, 2)}, ((2, 2, 2), True)),
    ],
)
def test_whether_a_file_has_a_voxel_size(tmp_path, given, expected):
    assert geometry(tmp_path, **given) == expected


def test_without_orientation_the_order_is_the_files(tmp_path):
    made = nib.Nifti1Image(VALUES, None)
    np.testing.assert_array_equal(
        read_nifti(saved(tmp_path, made)).crop(ALL)[..., 0], VALUES
    )


# ---- what is refused -------------------------------------------------------------
SINGULAR = "voxel geometry is singular or not finite"
DAMAGED = "unreadable volume (cut off or damaged)"
LARGE = "volume larger than 200 million voxels"


def affine_bytes(value, row=0, column=0):
    return patched(280 + 16 * row + 4 * column, "f", value)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: b"", "empty file"),
        (lambda: b"hello", "not a NIfTI file"),
        (lambda: b"<html>" * 200, "not a NIfTI file"),
        (lambda: bytes(1000), "not a NIfTI file"),
        (lambda: gzip.compress(b""), "empty file"),
        (lambda: gzip.compress(b"hello" * 200), "not a NIfTI file"),
        (lambda: bz2.compress(content()), "not a NIfTI file"),
        (lambda: content()[:200], "not a NIfTI file"),
        (lambda: content()[:348], DAMAGED),
        (lambda: content()[:-1], DAMAGED),
        (lambda: gzip.compress(content())[:-20], DAMAGED),
        (lambda: gzip.compress(content())[:-4], DAMAGED),
        (lambda: gzip.compress(content()[:-1]), DAMAGED),
        (lambda: gzip.compress(content())[:8], DAMAGED),
        (lambda: gzip.compress(content()) + b"more", DAMAGED),
        (lambda: content() + bytes(3 << 20), "file is longer than its header says"),
        (lambda: gzip.compress(content() + bytes(3 << 20)), "file is longer than its"),
        (lambda: content(image(VALUES.astype(np.complex64))), "complex values"),
        (lambda: content(image(VALUES.astype(np.complex128))), "complex values"),
        (lambda: patched(70, "h", 1536), "unknown type of numbers"),
        (lambda: patched(70, "h", 1), "unknown type of numbers"),
        (lambda: patched(70, "h", 999), "unknown type of numbers"),
        (lambda: patched(42, "h", 0), "volume without voxels"),
        (lambda: patched(42, "h", -4), DAMAGED),
        (lambda: patched(40, "h", 0), DAMAGED),
        (lambda: patched(40, "h", 8), DAMAGED),
        (lambda: patched(40, "h", 1), "1-D volume"),
        (lambda: patched(40, "4h", 3, 32767, 32767, 32767), LARGE),
        (lambda: patched(40, "5h", 4, 1000, 1000, 100, 9999), "file too large"),
        (lambda: patched(40, "4h", 3, 500, 500, 500), DAMAGED),
        (lambda: patched(108, "f", 1e9), DAMAGED),
        (lambda: patched(108, "f", -8), DAMAGED),
        (lambda: patched(108, "f", 100), DAMAGED),
        (lambda: patched(108, "f", 352.5), DAMAGED),
        (lambda: patched(108, "f", np.nan), DAMAGED),
        (lambda: patched(108, "f", np.inf), DAMAGED),
        (lambda: patched(112, "ff", 2, np.inf), DAMAGED),
        (lambda: affine_bytes(0), SINGULAR),
        (lambda: affine_bytes(np.nan, 1, 3), SINGULAR),
        (lambda: affine_bytes(np.inf), SINGULAR),
        (lambda: patched(252, "2h", 1, 0, of=patched(256, "3f", 9, 9, 9)), SINGULAR),
        (lambda: patched(252, "2h", 1, 0, of=patched(80, "f", np.nan)), SINGULAR),
    ],
)  # fmt: skip
def test_files_that_are_refused_have_a_reason(tmp_path, made, reason):
    assert refused(written(tmp_path, made())).startswith(reason)


def big_nifti2(shape, offset=544):
    made = nib.Nifti2Image(VALUES, AFFINE)
    raw = bytearray(made.to_bytes())
    struct.pack_into(f"<{len(shape) + 1}q", raw, 16, len(shape), *shape)
    struct.pack_into("<q", raw, 168, offset)
    return bytes(raw)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (big_nifti2((2**63 - 1,) * 3), LARGE),
        (big_nifti2((10**6, 10**6, 1)), LARGE),
        (big_nifti2((4, 5, 6, 2**62)), "file too large"),
        (big_nifti2((4, 5, 6, 1, 2**62)), LARGE),
        (big_nifti2((-(2**63), 5, 6)), DAMAGED),
        (big_nifti2((4, 5, 6), 2**63 - 1), "file too large"),
        (big_nifti2((4, 5, 6), 10**6), DAMAGED),
        (big_nifti2((4, 5, 6), -1), DAMAGED),
        (big_nifti2((4, 5, 6))[:400], DAMAGED),
    ],
)
def test_hostile_headers_of_nifti_2(tmp_path, raw, reason):
    assert refused(written(tmp_path, raw)) == reason
    assert refused(written(tmp_path, gzip.compress(raw))) == reason


def test_an_extension_that_says_it_is_huge_is_never_read(tmp_path):
    raw = bytearray(content())
    extension = b"\1\0\0\0" + struct.pack("<2i", 2**31 - 16, 6)
    raw[348:352] = b""
    struct.pack_into("<f", raw, 108, 360)
    check(written(tmp_path, bytes(raw[:348]) + extension + bytes(raw[348:])), image())


@pytest.mark.parametrize(
    ("keep", "name", "reason"),
    [
        ("hdr", "v.hdr", "header without its image file"),
        ("img", "v.img", "image without its header file"),
    ],
)
def test_half_a_pair(tmp_path, keep, name, reason):
    image(kind=nib.Nifti1Pair).to_filename(tmp_path / "v.hdr")
    (tmp_path / ("v.img" if keep == "hdr" else "v.hdr")).unlink()
    assert refused(Source(tmp_path / name)) == reason


def test_a_pair_whose_image_is_cut(tmp_path):
    image(kind=nib.Nifti1Pair).to_filename(tmp_path / "v.hdr")
    whole = (tmp_path / "v.img").read_bytes()
    (tmp_path / "v.img").write_bytes(whole[:-1])
    assert refused(Source(tmp_path / "v.hdr")) == DAMAGED
    (tmp_path / "v.hdr").write_bytes(content())
    assert (
        refused(Source(tmp_path / "v.img")) == "header and image do not belong together"
    )


def test_what_is_no_file(tmp_path):
    assert refused(Source(tmp_path / "gone.nii")) == "file is missing"
    assert refused(Source(tmp_path)) == "not a file"


# ---- masks -----------------------------------------------------------------------
def labels(folder, values, affine=AFFINE):
    return read_labels(saved(folder, nib.Nifti1Image(values, affine)))


MASK = (VALUES > 0).astype(np.uint8) * 2


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "f4", "f8", ">i2"])
def test_masks_of_any_type_of_numbers(tmp_path, dtype):
    found = labels(tmp_path, MASK.astype(dtype))
    expected = nib.as_closest_canonical(nib.Nifti1Image(MASK, AFFINE))
    np.testing.assert_array_equal(found.values, np.asarray(expected.dataobj))
    assert found.values.dtype.kind in "iu" and found.values.dtype.isnative
    assert found.spacing_mm == (2, 2.5, 3) and found.shape == (4, 5, 6)
    np.testing.assert_allclose(found.affine, expected.affine)


def test_nan_in_a_mask_is_background_and_scaled_masks_are_whole(tmp_path):
    values = MASK.astype(np.float32)
    values[0, 0, 0] = np.nan
    assert labels(tmp_path, values, np.eye(4)).values[0, 0, 0] == 0
    made = nib.Nifti1Image(MASK // 2 * 255, np.eye(4))
    made.header.set_slope_inter(1 / 255, 0)
    found = read_labels(saved(tmp_path, made))
    assert set(np.unique(found.values)) == {0, 1}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (MASK * np.float32(0.3), "mask is not of whole numbers"),
        (np.full((2, 2, 2), np.inf), "mask is not of whole numbers"),
        (-MASK.astype(np.int16), "mask holds negative numbers"),
        (-MASK.astype(np.float32), "mask holds negative numbers"),
        (MASK * 1e12, "mask holds numbers too large for labels"),
        (np.stack([MASK, MASK], 3), "mask of several time points"),
        (np.stack([MASK, MASK], 3)[:, :, :, None], "mask of several channels"),
    ],
)
def test_masks_that_are_refused(tmp_path, values, reason):
    with pytest.raises(Unusable) as caught:
        labels(tmp_path, values)
    assert str(caught.value) == reason


# ---- real volumes ----------------------------------------------------------------
@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "count", "spacing"),
    [("acdc-heart", 50, None), ("hippocampus", 100, (1, 1, 1))],
)
def test_real_volumes_and_their_masks(data_dir, folder, count, spacing):
    with (data_dir / folder / "volumes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count
    for row in rows:
        volume = read_nifti(Source(data_dir / folder / row["image"]))
        mask = read_labels(Source(data_dir / folder / row["mask"]))
        assert "x".join(map(str, volume.shape)) == row["shape"]
        assert mask.shape == volume.shape
        assert volume.spacing_mm == mask.spacing_mm == spacing
        assert mask.values.max() in (2, 3)
        expected = np.asarray(nib.load(data_dir / folder / row["image"]).dataobj)
        np.testing.assert_array_equal(volume.crop(ALL)[..., 0], expected)


def test_colour_maps_do_not_hold_time_and_channels_at_once(tmp_path):
    values = np.zeros((2, 2, 2, 1, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    source = saved(tmp_path, nib.Nifti1Image(values, np.eye(4)))
    assert refused(source) == "5-D volume of colours"


def test_a_packed_file_within_a_packed_file_is_no_volume(tmp_path):
    twice = io.BytesIO(gzip.compress(gzip.compress(content()))).getvalue()
    assert refused(written(tmp_path, twice)) == "not a NIfTI file"
