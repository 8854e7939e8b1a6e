"""Archives of DICOM slices: put together rightly or refused by name."""

import tracemalloc

import numpy as np
import pytest
from dicom_builder import EYE, archive, content, dataset, encoded, slice_file, stack
from openjpeg.utils import encode_array
from pydicom import uid

from precompute.readers import dicom
from precompute.readers.archives import Source
from precompute.readers.dicom import read_series
from precompute.readers.reasons import Unusable

RNG = np.random.default_rng(7)
VALUES = RNG.integers(-900, 4000, (7, 6, 5)).astype(np.int16)
"""(rows, columns, slices)."""
ALL = (slice(None),) * 3


def read(tmp_path, files, **options):
    return read_series(Source(archive(tmp_path / "a.zip", files)), **options)


def refused(tmp_path, files, **options):
    with pytest.raises(Unusable) as caught:
        read(tmp_path, files, **options)
    return str(caught.value)


def canonical(values):
    """What an axial stack looks like in RAS: columns run to the left, rows back."""
    return values.transpose(1, 0, 2)[::-1, ::-1]


def same(volume, values):
    np.testing.assert_array_equal(volume.crop(ALL)[..., 0], canonical(values))


# ---- geometry --------------------------------------------------------------------
def test_an_axial_stack(tmp_path):
    volume = read(tmp_path, stack(VALUES)[::-1])
    same(volume, VALUES)
    assert volume.spacing_mm == (1.5, 2.0, 3.0) and volume.shape == (6, 7, 5)


@pytest.mark.parametrize("seed", range(8))
def test_places_in_the_body_follow_the_standard(tmp_path, seed):
    """PS3.3 C.7.6.2.1.1 written out for one voxel, and RAS by two signs."""
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    row, column = axes[:, 0], axes[:, 1]
    start = rng.normal(size=3) * 100
    values = np.zeros((7, 6, 5), np.uint16)
    r, c, k = 4, 1, 3
    values[r, c, k] = 99
    files = stack(values, start=start, orientation=(*row, *column))
    volume = read(tmp_path, files)
    at = np.argwhere(volume.crop(ALL)[..., 0] == 99)[0]
    x, y, z = start + row * 1.5 * c + column * 2.0 * r + np.cross(row, column) * 3.0 * k
    np.testing.assert_allclose(volume.affine @ [*at, 1], [-x, -y, z, 1], atol=1e-3)
    assert sorted(np.round(volume.spacing_mm, 4)) == [1.5, 2.0, 3.0]


def test_a_sagittal_stack(tmp_path):
    """Rows run to the back, columns to the feet, slices to the right in LPS: left."""
    volume = read(tmp_path, stack(VALUES, orientation=(0, 1, 0, 0, 0, -1)))
    # normal = (0,1,0)×(0,0,-1) = (-1,0,0): slices run to the right
    np.testing.assert_array_equal(
        volume.crop(ALL)[..., 0], VALUES.transpose(2, 1, 0)[:, ::-1, ::-1]
    )
    assert volume.spacing_mm == (3.0, 1.5, 2.0)


def test_one_slice(tmp_path):
    assert read(tmp_path, stack(VALUES[:, :, :1])).spacing_mm == (1.5, 2.0, 3.0)


def test_slope_and_intercept_of_all_or_of_each_slice(tmp_path):
    volume = read(tmp_path, stack(VALUES, RescaleSlope=0.5, RescaleIntercept=-10))
    np.testing.assert_allclose(volume.crop(ALL)[..., 0], canonical(VALUES) * 0.5 - 10)
    files = [
        slice_file(VALUES[:, :, k], position=(0, 0, 3 * k), RescaleSlope=k + 1)
        for k in range(5)
    ]
    volume = read(tmp_path, files)
    np.testing.assert_allclose(
        volume.crop(ALL)[..., 0], canonical(VALUES * np.arange(1.0, 6))
    )


def test_bits_beside_the_stored_ones_are_no_values(tmp_path):
    """Old scanners keep drawings in the four upper bits of twelve-bit images."""
    values = np.abs(VALUES).astype(np.uint16) & 0xFFF
    files = stack(values | 0x8000, BitsStored=12, HighBit=11)
    same(read(tmp_path, files), values)


# ---- how pixels are stored -------------------------------------------------------
@pytest.mark.parametrize(
    "syntax",
    [
        uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian,
        uid.DeflatedExplicitVRLittleEndian,
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.uint8, np.int32])
def test_plain_pixels(tmp_path, syntax, dtype):
    values = (VALUES // 16 % 200).astype(dtype)
    same(read(tmp_path, stack(values, syntax=syntax)), values)


def packed(values, syntax, **elements):
    files = []
    for k in range(values.shape[2]):
        plane = np.ascontiguousarray(values[:, :, k])
        made = dataset(plane, **{
            "SeriesInstanceUID": "1.2", "ImagePositionPatient": [0, 0, 3 * k],
            "ImageOrientationPatient": list(EYE), "PixelSpacing": [2, 1.5], **elements,
        })  # fmt: skip
        if syntax in (uid.JPEG2000Lossless, uid.JPEG2000):
            options = {"compression_ratios": [1]} if syntax == uid.JPEG2000 else {}
            frame = encode_array(plane, bits_stored=made.BitsStored, **options)
            encoded(made, syntax, frame)
        else:
            made.compress(syntax, generate_instance_uid=False)
        files.append(content(made))
    return files


@pytest.mark.parametrize(
    "syntax",
    [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.JPEG2000],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_packed_pixels(tmp_path, syntax, dtype, bits):
    size = 8 * np.dtype(dtype).itemsize
    if bits > size or (bits < size and bits == 8 and syntax == uid.RLELossless):
        pytest.skip("cannot be, or the encoder writes it wrongly")
    half = 2 ** (bits - 1) if np.dtype(dtype).kind == "i" else 0
    values = RNG.integers(-half, 2**bits - half, (32, 40, 3)).astype(dtype)
    volume = read(tmp_path, packed(values, syntax, BitsStored=bits, HighBit=bits - 1))
    if syntax == uid.JPEG2000:
        assert np.abs(volume.crop(ALL)[..., 0] - canonical(values)).max() <= 4
    else:
        same(volume, values)


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (
            uid.JPEGLosslessSV1,
            "JPEG Lossless, Non-Hierarchical, First-Order Prediction",
        ),
        (uid.JPEGExtended12Bit, "JPEG Extended (Process 2 and 4)"),
        (uid.MPEG2MPML, "MPEG2 Main Profile / Main Level"),
        (None, "an unknown format"),
    ],
)
def test_other_compressions_are_named(tmp_path, syntax, name):
    known = syntax or uid.JPEGLossless
    made = encoded(dataset(VALUES[:, :, 0]), known, b"\xff\xd8\xff\xd9")
    raw = content(made)
    if syntax is None:
        raw = raw.replace(known.encode(), b"1.2.840.10008.1.2.4.99")
    reason = refused(tmp_path, [raw])
    assert reason.startswith(f"compressed as {name}")
    assert reason.endswith(", which is not read")


# ---- what lies in an archive -----------------------------------------------------
def report():
    made = dataset(VALUES[:, :, 0])
    made.SOPClassUID = uid.BasicTextSRStorage
    for word in ("PixelData", "Rows", "Columns"):
        delattr(made, word)
    return content(made)


def test_what_is_no_image_is_passed_over(tmp_path):
    others = [
        ("manifest.cvs", b"a,b\n"), ("DICOMDIR", report()), ("sr.dcm", report()),
        ("notes.txt", b""), ("pictures/", b""),
    ]  # fmt: skip
    same(read(tmp_path, [*others, *stack(VALUES)]), VALUES)
    assert refused(tmp_path, others) == "no DICOM image in the archive"
    assert refused(tmp_path, []) == "no DICOM image in the archive"


def test_what_a_mac_puts_beside_files_is_passed_over(tmp_path):
    beside = [
        ("__MACOSX/._0.dcm", b"x" * 200), ("T1/._1.dcm", b"\0\5\x16\7"),
        ("T1/__MACOSX/2.dcm", stack(VALUES)[0]),
    ]  # fmt: skip
    same(read(tmp_path, [*beside, *stack(VALUES)]), VALUES)
    assert refused(tmp_path, beside) == "no DICOM image in the archive"


def test_a_large_member_that_is_no_image_is_never_held(tmp_path):
    files = [("zeros.bin", bytes(1 << 26)), *stack(VALUES)]
    archive(tmp_path / "a.zip", files)
    files.clear()
    tracemalloc.start()
    try:
        same(read_series(Source(tmp_path / "a.zip")), VALUES)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_slices_have_limits_one_by_one_and_together(tmp_path, monkeypatch):
    files = stack(VALUES)
    most = max(map(len, files))
    monkeypatch.setattr(dicom, "MAX_DICOM", most)
    same(read(tmp_path, files), VALUES)
    monkeypatch.setattr(dicom, "MAX_DICOM", most - 1)
    assert refused(tmp_path, files) == "file too large"
    monkeypatch.setattr(dicom, "MAX_DICOM", most)
    monkeypatch.setattr(dicom, "MAX_KEPT", sum(map(len, files)) - 1)
    assert refused(tmp_path, files) == "archive too large unpacked"


DAMAGED = "unreadable DICOM (cut off or damaged)"


@pytest.mark.parametrize("cut", [140, 300, 380, -40, -1])
def test_a_slice_that_is_cut_off_is_not_passed_over(tmp_path, cut):
    files = stack(VALUES)
    files[4] = files[4][:cut]
    assert refused(tmp_path, files) == DAMAGED


@pytest.mark.parametrize("raw", [b"", b"hello" * 100])
def test_a_file_named_dcm_that_is_none(tmp_path, raw):
    assert refused(tmp_path, [*stack(VALUES), raw]) == DAMAGED


def test_several_frames_palettes_and_colours(tmp_path):
    def one(**elements):
        return [slice_file(VALUES[:, :, 0], position=(0, 0, 0), **elements)]

    assert refused(tmp_path, one(NumberOfFrames=2)) == "multi-frame DICOM"
    assert refused(tmp_path, one(NumberOfFrames=10**9)) == "multi-frame DICOM"
    assert read(tmp_path, one(NumberOfFrames=1)).shape == (6, 7, 1)
    palette = one(PhotometricInterpretation="PALETTE COLOR")
    assert refused(tmp_path, palette) == "DICOM volume of palette colours"
    colour = [slice_file(np.zeros((4, 4, 3), np.uint8), position=(0, 0, 0))]
    assert refused(tmp_path, colour) == "DICOM volume of colours"


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"Rows": 65535, "Columns": 65535}, "image larger than 100 million pixels"),
        ({"Rows": 9999, "Columns": 9999}, DAMAGED),
        ({"Rows": 0}, "image without pixels"),
        ({"SamplesPerPixel": 4}, "image of neither one nor three colours"),
        ({"BitsAllocated": 7}, DAMAGED),
        ({"ImagePositionPatient": None}, "DICOM image without a position"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "voxel geometry is singular"),
        ({"PixelSpacing": [0, 1]}, "voxel geometry is singular"),
        ({"RescaleSlope": "1e400"}, DAMAGED),
        ({"ModalityLUTSequence": [dataset(VALUES[:, :, 0])]}, "DICOM with a table of"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_elements_that_cannot_be(tmp_path, elements, reason):
    made = slice_file(VALUES[:, :, 0], position=(0, 0, 0), **{
        key: value for key, value in elements.items() if value is not None
    })  # fmt: skip
    if None in elements.values():
        made = content(dataset(VALUES[:, :, 0]))
    assert refused(tmp_path, [made]).startswith(reason)


def test_an_element_longer_than_the_file(tmp_path):
    raw = bytearray(stack(VALUES[:, :, :1])[0])
    at = raw.index(b"\xe0\x7f\x10\x00OW")
    raw[at + 8 : at + 12] = b"\xf0\xff\xff\xff"
    same(read(tmp_path, [bytes(raw)]), VALUES[:, :, :1])
    assert refused(tmp_path, [bytes(raw[:-1])]) == DAMAGED


def test_an_archive_within_the_archive(tmp_path):
    inner = archive(tmp_path / "b.zip", stack(VALUES)).read_bytes()
    assert refused(tmp_path, [inner]) == "archive within an archive"
    with pytest.raises(Unusable, match="archive within an archive"):
        read_series(Source(tmp_path / "a.zip", "0.dcm"))


# ---- stacks ----------------------------------------------------------------------
def test_missing_and_uneven_slices(tmp_path):
    files = stack(VALUES)
    assert refused(tmp_path, files[:2] + files[3:]) == "slices are missing or uneven"
    close = slice_file(VALUES[:, :, 0], position=(0, 0, 1))
    assert refused(tmp_path, [*files, close]) == "slices are missing or uneven"


def test_slices_that_do_not_fit_together(tmp_path):
    files = stack(VALUES)

    def with_last(**elements):
        plane = elements.pop("plane", VALUES[:, :, 4])
        position = elements.pop("position", (0, 0, 12))
        return refused(
            tmp_path, [*files[:4], slice_file(plane, position=position, **elements)]
        )

    grids = "slices of different grids"
    assert with_last(plane=VALUES[:6, :, 0]) == grids
    assert with_last(PixelSpacing=[2.1, 1.5]) == grids
    assert with_last(ImageOrientationPatient=[0, 1, 0, -1, 0, 0]) == (
        "series lie at different angles"
    )
    assert with_last(position=(1, 0, 12)) == "slices are shifted against each other"
    assert with_last(plane=VALUES[:, :, 4].astype(np.int32)) == (
        "slices of different types of numbers"
    )


def test_series_are_picked_by_their_description(tmp_path):
    files = stack(VALUES, description="T1_W") + stack(
        VALUES + 1, series="1.4", description="T1_w", start=(0, 0, 500)
    )
    same(read(tmp_path, files, series=("*_W",)), VALUES)
    same(read(tmp_path, files, series=("T1_[w]",)), VALUES + 1)
    assert refused(tmp_path, files, series=("*_F",)) == (
        "no series named *_F in the archive"
    )
    assert refused(tmp_path, files) == "stations leave a gap"


def test_what_is_not_picked_may_be_anything(tmp_path):
    odd = slice_file(VALUES[:, :, 0], position=(0, 0, 0), description="x", Rows=0)
    same(read(tmp_path, [odd, *stack(VALUES)], series=("T1",)), VALUES)


def test_channels_lie_on_one_grid(tmp_path):
    water = stack(VALUES, description="d_W")
    fat = stack(VALUES + 1, series="1.4", description="d_F")
    volume = read(tmp_path, water + fat, series=("*_F", "*_W"))
    assert volume.channels == 2
    np.testing.assert_array_equal(volume.crop(ALL)[..., 0], canonical(VALUES + 1))
    np.testing.assert_array_equal(volume.crop(ALL)[..., 1], canonical(VALUES))
    grids = "channels lie on different grids"
    for other in (
        stack(VALUES[:, :, 1:], series="1.4", description="d_F"),
        stack(VALUES, series="1.4", description="d_F", start=(0, 0, 1)),
    ):
        assert refused(tmp_path, water + other, series=("*_F", "*_W")) == grids
    assert refused(tmp_path, water + fat) == "several series at one place"


def test_a_stack_scanned_again_goes_by_its_last_scan(tmp_path):
    early = stack(VALUES, SeriesNumber=3)
    late = stack(VALUES + 1, series="1.1", SeriesNumber=12)
    same(read(tmp_path, late + early), VALUES + 1)
    same(read(tmp_path, early + late), VALUES + 1)
    unknown = stack(VALUES + 2, series="1.0", SeriesNumber=3)
    assert refused(tmp_path, early + unknown) == "several series at one place"


# ---- time ------------------------------------------------------------------------
def test_time_points_by_heartbeat_and_then_by_number(tmp_path):
    files = []
    for k in range(5):
        for t in range(3):
            files.append(
                slice_file(
                    VALUES[:, :, k] + t, position=(0, 0, 3 * k),
                    # numbers run against time: only the heartbeat tells it
                    TriggerTime=100.0 * t, InstanceNumber=9 - t,
                )
            )  # fmt: skip
    for frame in range(3):
        same(read(tmp_path, files, frame=frame), VALUES + frame)
    assert refused(tmp_path, files, frame=3) == "has only 3 time points"
    assert refused(tmp_path, files[1:]) == "time points are missing in some slices"
    plain = [
        slice_file(VALUES[:, :, k] + t, position=(0, 0, 3 * k), InstanceNumber=t)
        for t in range(11) for k in range(5)
    ]  # fmt: skip
    same(read(tmp_path, plain, frame=10), VALUES + 10)


def heart(slices=6, frames=4, skip=()):
    """As in field 20209: a series for each slice, all time points within it."""
    normal = np.array([0.6, 0.48, 0.64])
    row = np.cross([0, 0, 1], normal) / np.linalg.norm(np.cross([0, 0, 1], normal))
    column = np.cross(normal, row)
    files = []
    for k in range(slices):
        if k in skip:
            continue
        for t in range(frames):
            files.append(
                slice_file(
                    np.full((7, 6), 100 * k + t, np.int16),
                    position=normal * 10 * k, series=f"1.{k + 1}",
                    description=f"CINE_segmented_SAX_b{k + 1}", SeriesNumber=k,
                    ImageOrientationPatient=[*row, *column],
                    TriggerTime=30.0 * t, InstanceNumber=t,
                )
            )  # fmt: skip
    return files


def test_the_short_axis_of_the_heart_is_one_stack(tmp_path):
    volume = read(tmp_path, heart(), series=("CINE_segmented_SAX_b*",), frame=2)
    assert sorted(volume.shape) == [6, 6, 7]
    np.testing.assert_allclose(sorted(volume.spacing_mm), [1.5, 2, 10], atol=1e-4)
    assert set(np.unique(volume.crop(ALL))) == {100 * k + 2 for k in range(6)}
    assert refused(tmp_path, heart(skip=(3,))) == "slices are missing or uneven"


@pytest.mark.parametrize("lost", [0, 9, 23])
def test_a_time_point_missing_in_one_slice_of_the_heart(tmp_path, lost):
    files = heart()
    del files[lost]
    assert refused(tmp_path, files) == "time points are missing in some slices"


def test_a_slice_of_the_heart_scanned_again(tmp_path):
    again = [
        slice_file(
            np.full((7, 6), 777, np.int16), position=(0, 0, 0), series="1.99",
            description="SAX_b1", SeriesNumber=40,
        )
    ]  # fmt: skip
    files = [
        slice_file(
            np.full((7, 6), k, np.int16), position=(0, 0, 8 * k), series=f"1.{k}",
            description=f"SAX_b{k + 1}", SeriesNumber=k + 1,
        )
        for k in range(4)
    ]  # fmt: skip
    volume = read(tmp_path, files + again)
    assert set(np.unique(volume.crop(ALL))) == {777, 1, 2, 3}
    other = slice_file(VALUES[:, :, 0], position=(0, 0, 0), series="9", description="x")
    assert refused(tmp_path, [*files, other]) == "several series at one place"
