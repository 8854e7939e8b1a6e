"""Slabs of the body come together again."""

import numpy as np
import pytest
from dicom_builder import archive, stack

from precompute.readers.archives import Source
from precompute.readers.dicom import read_series
from precompute.readers.reasons import Unusable
from precompute.readers.stations import stitch
from precompute.readers.volume import Volume

RNG = np.random.default_rng(11)
ALL = (slice(None),) * 3
SPACING = np.array([2.232, 2.232, 3.0])


def volume(values, start=(0, 0, 0), spacing=SPACING):
    """A volume of (x, y, z[, channels]) values in RAS."""
    values = np.asarray(values)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = start
    if values.ndim == 3:
        values = values[..., None]
    return Volume(values, tuple(spacing), affine)


def slabs(values, *cuts, start=(-250.0, -190.0, -900.0)):
    return [
        volume(values[:, :, low:high], np.add(start, [0, 0, low * 3.0]))
        for low, high in cuts
    ]


@pytest.mark.parametrize(
    "cuts",
    [
        [(0, 20), (15, 40), (36, 60)],
        [(0, 20), (20, 40), (40, 60)],
        [(0, 30), (29, 60)],
        [(0, 40), (10, 60)],
        [(0, 60)],
        [(0, 30), (20, 45), (28, 60)],
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_volume_cut_into_overlapping_slabs_comes_back_exactly(cuts, channels):
    values = RNG.integers(0, 4000, (9, 8, 60, channels)).astype(np.int16)
    parts = slabs(values, *cuts)
    joined = stitch(parts[::-1])
    np.testing.assert_array_equal(joined.crop(ALL), values)
    np.testing.assert_allclose(joined.spacing_mm, SPACING)
    np.testing.assert_allclose(joined.affine, slabs(values, (0, 60))[0].affine)


def test_a_turned_volume_comes_back_too():
    values = RNG.normal(size=(5, 6, 20)).astype(np.float32)
    turn, _ = np.linalg.qr(np.eye(3) + 0.1 * RNG.normal(size=(3, 3)))
    turn = turn * np.sign(np.diag(turn))
    affine = np.eye(4)
    affine[:3, :3] = turn * SPACING
    affine[:3, 3] = (7, 8, 9)
    parts = []
    for low, high in ((0, 12), (8, 20)):
        part = affine.copy()
        part[:3, 3] = (affine @ [0, 0, low, 1])[:3]
        cut = values[:, :, low:high, None]
        parts.append(Volume(cut, tuple(SPACING), part))
    joined = stitch(parts)
    np.testing.assert_array_equal(joined.crop(ALL)[..., 0], values)
    np.testing.assert_allclose(joined.affine, affine, atol=1e-9)


def test_weights_fall_linearly_over_the_overlap():
    low = np.zeros((2, 2, 10))
    high = np.ones((2, 2, 10))
    joined = stitch([volume(low), volume(high, (0, 0, 18.0))]).crop(ALL)[0, 0, :, 0]
    # four slices are shared; their middles lie 1/8, 3/8, 5/8 and 7/8 into the overlap
    np.testing.assert_allclose(joined[:6], 0)
    np.testing.assert_allclose(joined[6:10], [0.125, 0.375, 0.625, 0.875], atol=1e-6)
    np.testing.assert_allclose(joined[10:], 1)


def test_other_spacing_and_width_are_interpolated_linearly():
    """A straight line of values stays one, whatever grid it was sampled on."""

    def ramp(start, spacing, shape):
        x, y, z = (
            s + d * np.arange(n) for s, d, n in zip(start, spacing, shape, strict=True)
        )
        return volume(
            x[:, None, None] + 2 * y[:, None] - z + np.zeros(shape), start, spacing
        )

    wide = ramp((0, 0, 0), (2, 2, 3), (20, 16, 20))
    narrow = ramp((4, 4, 54), (2, 2, 4.5), (16, 12, 15))
    joined = stitch([narrow, wide])
    assert joined.spacing_mm == (2, 2, 3)
    assert joined.shape == (20, 16, 1 + (54 + 14 * 4.5) / 3)
    values = joined.crop(ALL)[..., 0]
    x, y, z = np.indices(joined.shape)
    expected = 2 * x + 4 * y - 3 * z
    np.testing.assert_allclose(values[..., :20], expected[..., :20], atol=1e-3)
    inside = values[2:18, 2:14, 20:]
    np.testing.assert_allclose(inside, expected[2:18, 2:14, 20:], atol=1e-3)
    assert not values[0, :, 21:].any(), "no slab reaches there"


def test_a_finer_slab_sets_the_grid_in_the_plane():
    coarse = volume(np.ones((5, 5, 4)), spacing=(4, 4, 3))
    fine = volume(np.ones((9, 9, 4)), (0, 0, 12), spacing=(2, 2, 3))
    joined = stitch([coarse, fine])
    assert joined.shape == (9, 9, 8) and joined.spacing_mm == (2, 2, 3)
    np.testing.assert_allclose(joined.crop(ALL), 1)


def reason(stations):
    with pytest.raises(Unusable) as caught:
        stitch(stations)
    return str(caught.value)


def test_slabs_that_do_not_fit_are_refused():
    values = RNG.normal(size=(4, 4, 40))
    assert reason(slabs(values, (0, 10), (12, 40))) == "stations leave a gap"
    assert reason(slabs(values, (0, 40), (10, 20))) == "stations lie within one another"
    assert reason(slabs(values, (0, 20), (0, 20))) == "stations lie within one another"
    low, high = slabs(values, (0, 20), (15, 40))
    askew = high.affine.copy()
    askew[:2, :2] = [[2.22, 0.2], [-0.2, 2.22]]
    turned = Volume(high.stored, high.spacing_mm, askew)
    assert reason([low, turned]) == "stations lie at different angles"
    double = volume(np.zeros((4, 4, 25, 2)), (0, 0, 45))
    assert reason([low, double]) == "stations of different channels"
    lost = Volume(high.stored, None, None)
    assert reason([lost, low]) == "stations without a position"
    assert reason([low, lost]) == "stations without a position"


def dixon(values, *, one_series=False, shift=0.0):
    """Six stations of two contrasts, as in field 20201, numbered from the neck."""
    cuts = [(46, 60), (38, 50), (29, 41), (20, 32), (10, 24), (0, 14)]
    files = []
    for contrast, extra in (("in", 0), ("opp", 1), ("F", 2), ("W", 3)):
        for number, (low, high) in enumerate(cuts):
            hold = "noBH" if number in (0, 5) else "BH_17s"
            uid = "1" if one_series else number
            files += stack(
                (values[:, :, low:high] + extra).astype(np.uint16),
                start=(0, shift * number, low * 3.0),
                series=f"1.{extra + 1}.{uid}",
                description=f"Dixon_{hold}_{contrast}",
                SeriesNumber=number + 1, AcquisitionNumber=number + 1,
            )  # fmt: skip
    return files


@pytest.mark.parametrize("one_series", [False, True])
def test_a_dixon_archive_of_six_stations(tmp_path, one_series):
    values = RNG.integers(0, 900, (8, 6, 60))
    path = archive(tmp_path / "a.zip", dixon(values, one_series=one_series))
    joined = read_series(Source(path), series=("*_F", "*_W"))
    expected = values.transpose(1, 0, 2)[::-1, ::-1]
    assert joined.channels == 2 and joined.shape == (6, 8, 60)
    np.testing.assert_array_equal(joined.crop(ALL)[..., 0], expected + 2)
    np.testing.assert_array_equal(joined.crop(ALL)[..., 1], expected + 3)
    assert joined.spacing_mm == (1.5, 2.0, 3.0)
    with pytest.raises(Unusable, match="several series at one place"):
        read_series(Source(path))


def test_a_station_that_is_missing(tmp_path):
    values = RNG.integers(0, 900, (8, 6, 60))
    files = dixon(values)
    counts = [14, 12, 12, 12, 14, 14]
    del files[counts[0] + counts[1] : sum(counts[:3])]
    path = archive(tmp_path / "a.zip", files)
    with pytest.raises(Unusable, match="stations leave a gap"):
        read_series(Source(path), series=("*_in",))
    with pytest.raises(Unusable, match="channels lie on different grids"):
        files = dixon(values)
        read_series(
            Source(archive(tmp_path / "b.zip", files[: sum(counts) * 3 + 60])),
            series=("*_F", "*_W"),
        )
