"""Colours of images: zero is grey, the two ends are told apart by every eye."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app import tones

# Machado, Oliveira and Fernandes 2009, doi 10.1109/TVCG.2009.113, severity 1
VISION = {
    "all cones": np.eye(3),
    "no red cones": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no green cones": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no blue cones": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def cielab(srgb: np.ndarray, vision: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* (D65) of colours, as an eye of that vision sees them."""
    part = srgb / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    seen = (linear @ vision.T).clip(0, 1)
    xyz = (
        seen
        @ np.array(
            [
                [0.4124564, 0.3575761, 0.1804375],
                [0.2126729, 0.7151522, 0.0721750],
                [0.0193339, 0.1191920, 0.9503041],
            ]
        ).T
        / np.array([0.95047, 1.0, 1.08883])
    )
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


@pytest.mark.parametrize("vision", VISION)
def test_the_ends_and_the_middle_are_told_apart_by_every_eye(vision):
    low, middle, high = cielab(
        tones.diverging(np.array([-1.0, 0.0, 1.0])).astype(float), VISION[vision]
    )
    gaps = [np.linalg.norm(a - b) for a, b in ((low, middle), (middle, high),
                                               (low, high))]  # fmt: skip
    # about 2.3 can just be seen
    assert min(gaps) > 20


@pytest.mark.parametrize("vision", VISION)
def test_what_is_further_from_zero_looks_further_from_it(vision):
    for sign in (-1, 1):
        colours = tones.diverging(sign * np.linspace(0, 1, 21)).astype(float)
        lab = cielab(colours, VISION[vision])
        far = np.linalg.norm(lab - lab[0], axis=1)
        assert (np.diff(far) > 0).all()
        assert (np.diff(lab[:, 0]) < 0).all(), "nearer to zero is lighter"


def test_zero_and_what_is_not_known_are_grey_and_beyond_the_end_is_the_end():
    zero, missing, low, beyond = tones.diverging(np.array([0, np.nan, -1, -9.0]))
    assert zero.tolist() == missing.tolist() == [0xC4] * 3
    assert low.tolist() == beyond.tolist() == [0x00, 0x63, 0x9C]
    assert tones.diverging(np.array([1.0]))[0].tolist() == [0xB8, 0x4A, 0x00]


def test_the_bar_says_its_ends_and_is_made_of_the_same_colours():
    bar = tones.scale(0.256, title="SD")
    assert (bar.low, bar.middle, bar.high) == ("−0.26", "0", "+0.26")
    assert bar.colours[0] == "#00639C"
    assert bar.colours[len(bar.colours) // 2] == "#C4C4C4"
    assert bar.colours[-1] == "#B84A00"


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_small_pictures_are_kept_to_the_last_bit(height, width, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
    assert np.array_equal(opened(tones.encode(pixels)), pixels)


def test_large_pictures_are_small_files_and_look_the_same():
    x, y = np.meshgrid(np.linspace(0, 6, 224), np.linspace(0, 6, 224))
    wave = 127 + 90 * np.sin(x) * np.cos(y)
    pixels = np.stack([wave] * 3, axis=-1).astype(np.uint8)
    content = tones.encode(pixels)
    assert content[8:12] == b"WEBP"
    assert len(content) < pixels.size / 20
    gap = opened(content).astype(float) - pixels
    assert np.sqrt((gap**2).mean()) < 3


def test_the_limit_leaves_a_few_bright_pixels_aside_and_is_never_zero():
    values = np.full((64, 64), 0.5)
    values[0, 0] = 100
    assert tones.limit_of(values) == pytest.approx(0.5)
    assert tones.limit_of(values, -3 * np.ones((64, 64))) == pytest.approx(3)
    assert tones.limit_of(np.zeros((4, 4))) == 1
    assert tones.limit_of(np.full((4, 4), np.nan)) == 1


def test_a_map_lies_over_the_parts_it_is_of():
    picture = np.full((12, 12, 3), 90, np.uint8)
    edges = np.array([0, 0.25, 1.0])
    values = np.array([[1.0, 0.0], [np.nan, -1.0]])
    drawn = opened(tones.over(picture, values, limit=1.0, edges=edges))
    strong = 0.25 * 90 + 0.75 * tones.diverging(np.array([1.0, -1.0]))
    assert np.abs(drawn[:3, :3] - strong[0]).max() <= 1
    assert np.abs(drawn[3:, 3:].astype(float) - strong[1]).max() <= 1
    # zero and what is not known leave the picture as it is
    assert (drawn[:3, 3:] == 90).all()
    assert (drawn[3:, :3] == 90).all()
