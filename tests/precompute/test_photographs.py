"""Pictures: read rightly, or left out with a reason."""

import io
import tracemalloc
import warnings

import numpy as np
import pytest
from PIL import Image

from edp_core.settings.organs import Organ, Quality
from precompute import photographs, quality
from precompute.datasets import ImageFile
from precompute.photographs import read_photograph
from precompute.quality import check_exposure, check_picture
from precompute.readers.archives import Source
from precompute.readers.reasons import Unusable

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)


def organ(**changes):
    given = {"images": "images/{eid}.png", "image_size": 32, "channels": 3}
    return Organ(**given | changes)


def read_image(image, settings):
    found = read_photograph(image, settings)
    assert len(found.slices) == 1 and not found.unknown
    return found.slices[0]


# ---- reading ---------------------------------------------------------------------
def image_of(folder, content, name="7.png", side=""):
    path = folder / name
    folder.mkdir(exist_ok=True)
    if isinstance(content, np.ndarray) and name.endswith(".npy"):
        np.save(path, content, allow_pickle=True)
    elif isinstance(content, Image.Image | np.ndarray):
        given = (
            content if isinstance(content, Image.Image) else Image.fromarray(content)
        )
        given.save(path)
    else:
        path.write_bytes(content)
    return ImageFile("7", "0", side, (Source(path),))


@pytest.mark.parametrize("name", ["7.png", "7.tiff", "7.bmp", "7.npy"])
def test_pixels_come_through_unchanged(tmp_path, name):
    out = read_image(image_of(tmp_path, PIXELS, name), organ())
    np.testing.assert_array_equal(out, PIXELS)
    assert out.dtype == np.uint8 and out.flags.c_contiguous


def test_grey_becomes_channels_and_colour_becomes_grey(tmp_path):
    grey = image_of(tmp_path, PIXELS[:, :, 0])
    out = read_image(grey, organ())
    assert out.shape == (32, 32, 3) and (out == PIXELS[:, :, :1]).all()
    colour = image_of(tmp_path, PIXELS, "8.png")
    assert read_image(colour, organ(channels=1)).shape == (32, 32, 1)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32, np.float64])
def test_other_numbers_are_scaled_by_channel(tmp_path, dtype):
    values = np.arange(32 * 32 * 2).reshape(32, 32, 2).astype(dtype)
    out = read_image(image_of(tmp_path, values, "7.npy"), organ(channels=2))
    assert out.min(axis=(0, 1)).tolist() == [0, 0]
    assert out.max(axis=(0, 1)).tolist() == [255, 255]
    assert (np.diff(out[:, :, 0].ravel().astype(int)) >= 0).all()


def test_sixteen_bit_pictures_are_scaled(tmp_path):
    values = (np.arange(32 * 32, dtype=np.uint16) * 50).reshape(32, 32)
    out = read_image(image_of(tmp_path, Image.fromarray(values)), organ(channels=1))
    assert out.min() == 0 and out.max() == 255


def test_the_orientation_of_a_photograph_is_followed(tmp_path):
    exif = Image.Exif()
    exif[0x112] = 6
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG", exif=exif)
    out = read_image(image_of(tmp_path, buffer.getvalue()), organ())
    np.testing.assert_array_equal(out, np.rot90(PIXELS, -1))


def test_oblong_images_are_padded_and_resized(tmp_path):
    wide = np.full((16, 48, 3), 200, np.uint8)
    wide[:, ::2] = 100
    out = read_image(image_of(tmp_path, wide), organ(image_size=48))
    assert out.shape == (48, 48, 3)
    assert not out[:16].any() and not out[32:].any() and out[16:32].all()
    assert read_image(image_of(tmp_path, wide), organ(image_size=24)).shape[0] == 24


def test_one_side_is_mirrored(tmp_path):
    setting = organ(images="{eid}_{side}", sides={"l": "1", "r": "2"}, mirror=["r"])
    left = read_image(image_of(tmp_path, PIXELS, side="l"), setting)
    right = read_image(image_of(tmp_path, PIXELS, side="r"), setting)
    np.testing.assert_array_equal(right, left[:, ::-1])


def test_a_fundus_is_cropped_to_its_disc(tmp_path):
    y, x = np.mgrid[:100, :140]
    disc = (((y - 50) ** 2 + (x - 70) ** 2) < 30**2)[:, :, None]
    picture = (disc * (120 + x[:, :, None] % 50)).repeat(3, 2).astype(np.uint8)
    out = read_image(image_of(tmp_path, picture), organ(crop="fundus", image_size=60))
    assert out[30].any(axis=1).mean() > 0.9, "the disc fills the width"


def test_channels_that_add_up_to_a_constant_are_not_blank(tmp_path):
    fat = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))
    pixels = np.stack([fat, 255 - fat], axis=2)
    out = read_image(image_of(tmp_path, pixels, "7.npy"), organ(channels=2))
    np.testing.assert_array_equal(out, pixels)


def npz():
    buffer = io.BytesIO()
    np.savez(buffer, a=PIXELS)
    return buffer.getvalue()


def npy_bytes(values):
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def png():
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("7.png", b"", "not an image file"),
        ("7.png", b"hello", "not an image file"),
        ("7.png", png()[:900], "unreadable image (cut off or damaged)"),
        ("7.png", np.full((32, 32, 3), 7, np.uint8), "blank"),
        ("7.npy", np.full((32, 32, 3), 7.5), "blank"),
        ("7.npy", b"", "unreadable image (cut off or damaged)"),
        ("7.npy", npy_bytes(PIXELS)[:500], "unreadable image (cut off or damaged)"),
        ("7.npy", b"\x80\x04K\x01.", "unreadable image (cut off or damaged)"),
        ("7.npy", npz(), "file of several arrays"),
        ("7.npy", np.array([[{}]]), "unreadable image (cut off or damaged)"),
        ("7.npy", np.zeros(5), "array is not (height, width[, channels])"),
        ("7.npy", np.array([["a"]]), "array is not (height, width[, channels])"),
        ("7.npy", np.zeros((0, 4)), "array is complex, empty or too large"),
        ("7.npy", PIXELS * 1j, "array is complex, empty or too large"),
        ("7.npy", np.full((4, 4), np.nan), "image holds NaN or infinite values"),
        ("7.npy", PIXELS[:, :, :2], "image has 2 channels, 3 are expected"),
    ],
)  # fmt: skip
def test_unusable_images_have_a_reason(tmp_path, name, content, reason):
    with pytest.raises(Unusable) as caught:
        read_image(image_of(tmp_path, content, name), organ())
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("form", ["EPS", "PPM", "PCX", "ICO", "TGA", "JPEG2000"])
def test_other_formats_are_no_images(tmp_path, monkeypatch, form):
    def never(*_, **__):
        raise AssertionError("another program is started")

    monkeypatch.setattr("subprocess.Popen", never)
    content = io.BytesIO()
    Image.fromarray(PIXELS).save(content, form)
    for name in ("7.png", f"7.{form.lower()}"):
        with pytest.raises(Unusable, match=r"^not an image file$"):
            read_image(image_of(tmp_path, content.getvalue(), name), organ())


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"])
def test_the_formats_that_are_documented_are_read(tmp_path, form):
    content = io.BytesIO()
    Image.fromarray(PIXELS).save(content, form)
    out = read_image(image_of(tmp_path, content.getvalue()), organ())
    assert out.shape == (32, 32, 3)


def test_a_large_picture_is_judged_without_gigabytes():
    limits = organ().quality
    pixels = np.zeros((4001, 3001, 3), np.uint8)
    pixels[::2] = 200
    tracemalloc.start()
    try:
        check_picture(pixels, limits)
        check_exposure(pixels, limits)
        with pytest.raises(Unusable, match="blank"):
            check_picture(pixels[1::2], limits)
        with pytest.raises(Unusable, match="over-exposed"):
            check_exposure(pixels + np.uint8(55), limits)
        # as float64 the whole of it would take 288 MB
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [(7, 5, 1), (1500, 1400, 3), (2, 1_200_000, 2)])
def test_a_picture_is_judged_by_all_its_pixels(shape):
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
    pixels[1:] //= 3
    spread = pixels.std(axis=(0, 1)).max()
    assert quality._spread(pixels) == pytest.approx(spread, rel=1e-12)
    pixels[:] = 255
    pixels[-1, -1] = 0
    burnt = (pixels.min(axis=2) >= 250).mean()
    check_exposure(pixels, Quality(overexposed_max=burnt))
    with pytest.raises(Unusable, match="over-exposed"):
        check_exposure(pixels, Quality(overexposed_max=burnt - 1e-7))


def test_a_black_photograph_has_no_disc(tmp_path):
    dark = np.zeros((64, 64, 3), np.uint8)
    dark[:2, :2] = 255
    with pytest.raises(Unusable, match="no circle of the eye"):
        read_image(image_of(tmp_path, dark), organ(crop="fundus"))


@pytest.mark.parametrize("largest", [32 * 32 - 1, 32 * 32 // 3])
def test_images_too_large_are_refused_before_they_are_decoded(
    tmp_path, monkeypatch, largest
):
    image = image_of(tmp_path, PIXELS)
    monkeypatch.setattr(photographs, "MAX_PIXELS", largest)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", largest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(Unusable, match="image larger than"):
            read_image(image, organ())


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "npy"])
def test_whatever_bytes_are_wrong_the_image_is_left_out_or_read(
    tmp_path, monkeypatch, form
):
    """Every reader in turn is given damaged files: nothing but `Unusable` comes out."""
    monkeypatch.setattr(photographs, "MAX_PIXELS", 100_000)
    rng = np.random.default_rng(1)
    whole = io.BytesIO()
    exif = Image.Exif()
    exif[0x112] = 6
    if form == "npy":
        np.save(whole, PIXELS)
    elif form in ("GIF", "BMP"):
        Image.fromarray(PIXELS).save(whole, form)
    else:
        Image.fromarray(PIXELS).save(whole, form, exif=exif)
    refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for trial in range(150):
            content = bytearray(whole.getvalue())
            head = 130 if trial % 2 else len(content)
            for _ in range(1 + trial % 5):
                content[rng.integers(min(head, len(content)))] = rng.integers(256)
            if trial % 7 == 0:
                content = content[: rng.integers(len(content))]
            name = "7.npy" if form == "npy" else "7.img"
            try:
                out = read_image(image_of(tmp_path, bytes(content), name), organ())
                assert out.shape == (32, 32, 3) and out.dtype == np.uint8
            except Unusable:
                refused += 1
    assert refused > 10


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ((64, 64), (slice(0, 64), slice(0, 64))),  # no disc, a picture of something
        ((64, 64), (slice(20, 30), slice(0, 64))),  # a bar
        ((64, 64), (slice(40, 44), slice(50, 54))),  # a spot
    ],
)
def test_what_is_bright_without_being_a_disc_is_left_out(tmp_path, shape, box):
    pixels = np.zeros((*shape, 3), np.uint8)
    pixels[box] = RNG.integers(120, 250, (*pixels[box].shape[:2], 3))
    if box[0] == slice(40, 44):
        pixels[30:34, 2:60] = 200
    with pytest.raises(Unusable, match="no circle of the eye"):
        read_image(image_of(tmp_path, pixels), organ(crop="fundus"))
