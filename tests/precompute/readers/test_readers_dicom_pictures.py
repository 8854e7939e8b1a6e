"""Single DICOM files as pictures: photographs of the eye, chest films, palettes."""

import io

import numpy as np
import pytest
from dicom_builder import content, dataset, encoded
from openjpeg.utils import encode_array
from PIL import Image
from pydicom import uid
from pydicom.pixels.processing import convert_color_space

from precompute.readers.archives import Source
from precompute.readers.dicom import read_dicom_picture
from precompute.readers.reasons import Unusable

RNG = np.random.default_rng(3)
COLOUR = np.asarray(
    Image.fromarray(RNG.integers(256, size=(5, 6, 3), dtype=np.uint8)).resize((48, 40))
)
"""(40, 48, 3), smooth enough for lossy compression."""
GREY = np.ascontiguousarray(COLOUR[:, :, 0])
DAMAGED = "unreadable DICOM (cut off or damaged)"


def picture(tmp_path, made):
    raw = made if isinstance(made, bytes) else content(made)
    (tmp_path / "a.dcm").write_bytes(raw)
    return read_dicom_picture(Source(tmp_path / "a.dcm"))


def refused(tmp_path, made):
    with pytest.raises(Unusable) as caught:
        picture(tmp_path, made)
    return str(caught.value)


def test_grey_and_colour(tmp_path):
    out = picture(tmp_path, dataset(GREY))
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out, GREY)
    np.testing.assert_array_equal(picture(tmp_path, dataset(COLOUR)), COLOUR)
    planes = np.ascontiguousarray(COLOUR.transpose(2, 0, 1)).tobytes()
    apart = dataset(COLOUR, PlanarConfiguration=1, PixelData=planes)
    np.testing.assert_array_equal(picture(tmp_path, apart), COLOUR)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_more_than_eight_bits_are_not_scaled(tmp_path, dtype):
    values = (GREY.astype(np.int32) * 16 - (0 if dtype == np.uint16 else 2000)).astype(
        dtype
    )
    out = picture(tmp_path, dataset(values))
    np.testing.assert_array_equal(out, values)
    assert out.dtype.kind == np.dtype(dtype).kind


def test_slope_and_intercept(tmp_path):
    out = picture(tmp_path, dataset(GREY, RescaleSlope=2, RescaleIntercept=-5))
    np.testing.assert_array_equal(out, GREY * 2.0 - 5)
    assert out.dtype == np.float32


@pytest.mark.parametrize("signed", [False, True])
def test_inverted_files_are_turned_round(tmp_path, signed):
    values = GREY.astype(np.int16) * 4 - (500 if signed else 0)
    stored = values if signed else values.astype(np.uint16)
    made = dataset(
        stored, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11
    )
    ends = -1 if signed else 4095
    np.testing.assert_array_equal(picture(tmp_path, made), ends - values)


def test_a_palette_becomes_colours(tmp_path):
    table = RNG.integers(256, size=(3, 256), dtype=np.uint8)
    words = {
        f"{name}PaletteColorLookupTable{part}": value
        for name, row in zip(("Red", "Green", "Blue"), table, strict=True)
        for part, value in (("Descriptor", [256, 0, 8]), ("Data", row.tobytes()))
    }
    made = dataset(GREY, PhotometricInterpretation="PALETTE COLOR", **words)
    np.testing.assert_array_equal(picture(tmp_path, made), table.T[GREY])
    assert (
        refused(tmp_path, dataset(GREY, PhotometricInterpretation="PALETTE COLOR"))
        == DAMAGED
    )


@pytest.mark.parametrize("kind", ["YBR_FULL", "YBR_FULL_422"])
def test_luminance_and_chrominance_become_colours(tmp_path, kind):
    ybr = convert_color_space(COLOUR, "RGB", "YBR_FULL")
    raw = ybr
    if kind == "YBR_FULL_422":
        # two pixels share their colour: Y1 Y2 Cb Cr
        ybr[:, 1::2, 1:] = ybr[:, ::2, 1:]
        raw = np.stack(
            [ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=2
        )
    made = dataset(
        COLOUR, PhotometricInterpretation=kind,
        PixelData=np.ascontiguousarray(raw).tobytes(),
    )  # fmt: skip
    expected = convert_color_space(ybr, "YBR_FULL", "RGB")
    np.testing.assert_array_equal(picture(tmp_path, made), expected)


@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpeg(tmp_path, subsampling):
    for values, kind in ((GREY, "MONOCHROME2"), (COLOUR, "YBR_FULL_422")):
        buffer = io.BytesIO()
        Image.fromarray(values).save(
            buffer, "JPEG", quality=95, subsampling=subsampling
        )
        made = dataset(values, PhotometricInterpretation=kind)
        out = picture(tmp_path, encoded(made, uid.JPEGBaseline8Bit, buffer.getvalue()))
        expected = np.asarray(Image.open(io.BytesIO(buffer.getvalue())))
        assert np.abs(out.astype(int) - expected).max() <= 2
        assert np.abs(out.astype(int) - values).mean() < 8


def test_jpeg_2000_and_jpeg_ls_in_colour(tmp_path):
    for multi in (True, False):
        frame = encode_array(
            COLOUR, photometric_interpretation=1 if multi else 0, use_mct=multi
        )
        kind = "YBR_RCT" if multi else "RGB"
        made = dataset(COLOUR, PhotometricInterpretation=kind)
        made = encoded(made, uid.JPEG2000Lossless, frame)
        np.testing.assert_array_equal(picture(tmp_path, made), COLOUR)
    made = dataset(COLOUR)
    made.compress(uid.JPEGLSLossless)
    np.testing.assert_array_equal(picture(tmp_path, made), COLOUR)
    made = dataset(COLOUR)
    made.compress(uid.RLELossless)
    np.testing.assert_array_equal(picture(tmp_path, made), COLOUR)


@pytest.mark.parametrize("syntax", [uid.JPEG2000Lossless, uid.JPEGLSLossless])
def test_a_picture_that_declares_another_size_is_not_decoded(tmp_path, syntax):
    made = dataset(GREY)
    if syntax == uid.JPEG2000Lossless:
        encoded(made, syntax, encode_array(GREY))
    else:
        made.compress(syntax)
    made.Rows = 41
    assert refused(tmp_path, made) == DAMAGED
    raw = bytearray(content(made))
    # the picture claims 65535 rows, and so does the file
    at = raw.index(b"\xff\x4f\xff\x51") if b"\xff\x4f\xff\x51" in raw else 0
    if at:
        raw[at + 12 : at + 16] = b"\x00\x00\xff\xff"
    assert refused(tmp_path, bytes(raw)) == DAMAGED


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: b"", "not a DICOM image"),
        (lambda: b"hello" * 90, "not a DICOM image"),
        (lambda: content(dataset(GREY))[:500], DAMAGED),
        (lambda: content(dataset(GREY))[:-2], DAMAGED),
        (lambda: dataset(GREY, NumberOfFrames=3), "multi-frame DICOM"),
        (lambda: dataset(GREY, NumberOfFrames=10**9), "multi-frame DICOM"),
        (lambda: dataset(GREY, Rows=65535, Columns=65535), "image larger than 100"),
        (lambda: dataset(GREY, PhotometricInterpretation="XYZ"), "DICOM of unknown"),
    ],
)  # fmt: skip
def test_pictures_that_are_refused(tmp_path, made, reason):
    assert refused(tmp_path, made()).startswith(reason)
