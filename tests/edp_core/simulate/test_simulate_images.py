"""The phantoms show their factors, and nothing but the organ."""

import numpy as np
import pytest
from scipy import ndimage, stats

from edp_core.errors import InputError
from edp_core.simulate.factors import Factors, simulate_factors
from edp_core.simulate.images import GAIN, render_livers

N = 300
FAT, WATER = 0, 1


@pytest.fixture(scope="module")
def people() -> Factors:
    return simulate_factors(N, seed=11)


@pytest.fixture(scope="module")
def livers(people: Factors) -> np.ndarray:
    return render_livers(people, seed=11)


def same_but(people: Factors, **changes: float) -> Factors:
    return Factors(people.participants, people.latent.assign(**changes))


def grain(livers: np.ndarray) -> np.ndarray:
    """Spread of water about its local mean, for each picture.

    The median deviation, well inside the organ: the outline and vessels hardly count.
    """
    values = []
    for water in livers[..., WATER].astype(float):
        deep = ndimage.binary_erosion(water > 0, iterations=4)
        detail = (water - ndimage.gaussian_filter(water, 3))[deep]
        values.append(stats.median_abs_deviation(detail))
    return np.array(values)


def test_shape_type_and_a_black_surround(livers):
    assert livers.shape == (N, 96, 96, 2) and livers.dtype == np.uint8
    inside = livers > 0
    assert (inside[..., FAT] == inside[..., WATER]).all()
    share = inside[..., 0].mean(axis=(1, 2))
    assert share.min() > 0.12 and share.max() < 0.45
    for organ in inside[:50, :, :, 0]:
        assert ndimage.label(organ)[1] == 1, "one piece"
    frame = np.ones((96, 96), bool)
    frame[1:-1, 1:-1] = False
    assert not inside[:, frame].any(), "cut by the edge of the field of view"


def test_fat_channel_shows_the_fat_fraction(people, livers):
    fat = livers[..., FAT].sum(axis=(1, 2)) / (livers[..., FAT] > 0).sum(axis=(1, 2))
    assert stats.pearsonr(fat, people.latent["fat_percent"])[0] > 0.95


def test_area_shows_the_volume(people, livers):
    area = (livers[..., WATER] > 0).sum(axis=(1, 2))
    assert stats.pearsonr(area, people.latent["liver_ml"] ** (2 / 3))[0] > 0.99


def test_grain_shows_the_stage_of_fibrosis(people, livers):
    clean = (people.latent["lesions"] == 0).to_numpy()
    stage = people.latent["fibrosis"][clean]
    assert stats.spearmanr(grain(livers[clean]), stage)[0] > 0.7
    assert stats.pearsonr(grain(livers[clean]), stage)[0] > 0.85
    none = grain(render_livers(same_but(people, fibrosis=0.2), seed=11, rows=range(20)))
    much = grain(render_livers(same_but(people, fibrosis=3.5), seed=11, rows=range(20)))
    assert (much > 1.5 * none).all()


def test_lesions_are_visible_discs_without_fat(people):
    """A dark disc of fat for each lesion; nothing where there is none."""
    quiet = same_but(people, fibrosis=0.0, fat_percent=12.0)
    counts = {}
    for lesions in (0, 3, 6):
        shown = render_livers(
            same_but(quiet, lesions=lesions), seed=11, rows=range(20)
        )[..., FAT]
        dark = (shown > 0) & (shown < 45)
        cores = [ndimage.binary_opening(one, np.ones((3, 3))) for one in dark]
        counts[lesions] = np.array([ndimage.label(core)[1] for core in cores])
    assert counts[0].max() == 0
    assert np.median(counts[3]) == 3
    assert np.median(counts[6]) >= 5


def test_lesions_change_water_both_ways(people):
    quiet = same_but(people, fibrosis=0.0)
    without, with_six = (
        render_livers(same_but(quiet, lesions=n), seed=11, rows=range(20))[..., WATER]
        for n in (0, 6)
    )
    change = with_six.astype(int) - without
    assert (change > 40).any() and (change < -40).any()


def test_any_order_and_chunking_gives_the_same_pictures(people, livers):
    rows = [250, 3, 17]
    assert (render_livers(people, seed=11, rows=rows) == livers[rows]).all()
    assert not (render_livers(people, seed=12, rows=rows) == livers[rows]).all()
    assert render_livers(people, seed=11, rows=[]).shape == (0, 96, 96, 2)


def test_the_centre_effect_is_mild(people, livers):
    water = np.array([one[one > 0].mean() for one in livers[..., WATER]])
    centre = people.participants["centre"]
    groups = [water[(centre == name).to_numpy()] for name in GAIN]
    between = np.std([group.mean() for group in groups])
    assert 0 < between < water.std()


def test_another_size_shows_the_same_livers(people, livers):
    small = render_livers(people, seed=11, size=64, rows=range(40))
    assert small.shape == (40, 64, 64, 2)
    share = (small[..., WATER] > 0).mean(axis=(1, 2))
    wide = (livers[:40, :, :, WATER] > 0).mean(axis=(1, 2))
    assert np.allclose(share, wide, rtol=0.03)


def test_tiny_pictures_are_refused(people):
    with pytest.raises(InputError, match="cannot be drawn"):
        render_livers(people, seed=0, size=8)
