"""The phantoms show their factors, within the masks and nowhere else."""

import numpy as np
import pytest
from scipy import ndimage, stats

from edp_core.simulate.factors import Factors, simulate_factors
from edp_core.simulate.grid import SHAPE, SPACING_MM, VOXEL_ML, affine
from edp_core.simulate.volumes import LABELS, Volume, render_volume

N = 120
SIDES = ("left", "right")


@pytest.fixture(scope="module")
def people() -> Factors:
    return simulate_factors(N, seed=11)


@pytest.fixture(scope="module")
def volumes(people: Factors) -> list[Volume]:
    return [render_volume(people, row, seed=11) for row in range(N)]


def same_but(people: Factors, **changes: float) -> Factors:
    return Factors(people.participants, people.latent.assign(**changes))


def inside(volume: Volume, organ: str) -> np.ndarray:
    return volume.labels == LABELS[organ]


def fraction(volume: Volume, where: np.ndarray) -> np.ndarray:
    """Fat / (fat + water) of the voxels of a mask."""
    fat, water = volume.fat[where].astype(float), volume.water[where].astype(float)
    return fat / (fat + water)


def grain(volume: Volume, organ: str) -> float:
    """Spread of water about its local mean, well inside, relative to the mean."""
    water = volume.water.astype(float)
    deep = ndimage.binary_erosion(inside(volume, organ), iterations=2)
    detail = water - ndimage.gaussian_filter(water, 1.5)
    return float(stats.median_abs_deviation(detail[deep]) / water[deep].mean())


def test_every_array_lies_on_the_grid(volumes):
    for volume in volumes[:5]:
        for array in (volume.fat, volume.water, volume.labels):
            assert array.shape == SHAPE
        assert volume.fat.dtype == volume.water.dtype == np.int16
        assert volume.labels.dtype == np.uint8
        assert volume.fat.min() >= 0 and volume.water.min() >= 0


def test_the_affine_is_ras_in_mm_about_the_middle():
    matrix = affine()
    assert np.array_equal(np.diag(matrix)[:3], SPACING_MM)
    middle = matrix @ [*((np.array(SHAPE) - 1) / 2), 1]
    assert np.allclose(middle, [0, 0, 0, 1], atol=1e-4)


def test_a_mask_has_the_millilitres_of_its_factor(people, volumes):
    for organ, number in LABELS.items():
        drawn = [VOXEL_ML * (volume.labels == number).sum() for volume in volumes]
        assert np.allclose(drawn, people.latent[f"{organ}_ml"], rtol=0.02)


def test_organs_are_whole_and_lie_where_they_belong(volumes):
    x = affine()[0, 3] + SPACING_MM[0] * np.arange(SHAPE[0])
    for volume in volumes[:30]:
        for organ in LABELS:
            pieces, count = ndimage.label(inside(volume, organ))
            share = np.bincount(pieces.ravel())[1:].max() / inside(volume, organ).sum()
            assert share > 0.97, (organ, count)
        places = {
            organ: x[np.nonzero(inside(volume, organ))[0]].mean() for organ in LABELS
        }
        assert places["liver"] > 15 and places["kidney_right"] > 40
        assert places["kidney_left"] < -40
        for axis in range(3):
            faces = np.take(volume.labels, [0, -1], axis=axis)
            assert (faces > 0).sum() < 0.02 * (volume.labels > 0).sum()


def test_the_liver_tapers_and_its_right_lobe_reaches_lower(volumes):
    for volume in volumes[:30]:
        areas = inside(volume, "liver").sum(axis=(0, 1))
        heights = np.flatnonzero(areas)
        assert areas[heights[[0, -1]]].max() < 0.5 * areas.max()
        low, high = inside(volume, "liver")[..., heights[2]], areas.argmax()
        left = SHAPE[0] // 2
        assert low[:left].sum() == 0 < inside(volume, "liver")[:left, :, high].sum()


def test_the_fat_channel_holds_the_fat_fraction(people, volumes):
    shown = [fraction(v, inside(v, "liver")).mean() for v in volumes]
    assert stats.pearsonr(shown, people.latent["fat_percent"])[0] > 0.95
    assert np.median(100 * np.array(shown) / people.latent["fat_percent"]) < 1.3


def test_grey_values_differ_more_by_gain_than_by_tissue(people, volumes):
    grey = np.array([np.median(v.water[inside(v, "liver")]) for v in volumes])
    spleen_like = np.array([v.water[v.labels == 0].max() for v in volumes])
    assert np.std(np.log(grey)) > 0.1
    assert np.std(np.log(grey / spleen_like)) < 0.5 * np.std(np.log(grey))


def test_grain_shows_the_stage_of_fibrosis(people, volumes):
    clean = np.flatnonzero(people.latent["lesions"] == 0)
    shown = [grain(volumes[row], "liver") for row in clean]
    assert stats.spearmanr(shown, people.latent["fibrosis"][clean])[0] > 0.7
    for row in range(5):
        none, much = (
            grain(render_volume(same_but(people, fibrosis=f), row, seed=11), "liver")
            for f in (0.2, 3.5)
        )
        assert much > 1.5 * none


def test_lesions_are_balls_without_fat_bright_or_dark_in_water(people):
    quiet = same_but(people, fibrosis=0.0, fat_percent=15.0)
    counts, change = {}, []
    for lesions in (0, 3, 6):
        shown = [
            render_volume(same_but(quiet, lesions=lesions), row, seed=11)
            for row in range(12)
        ]
        found = []
        for volume in shown:
            liver = inside(volume, "liver")
            tissue = np.median(volume.fat[liver])
            # vessels are dark as well, and thin
            dark = ndimage.uniform_filter(volume.fat.astype(float), (3, 3, 1))
            found.append(ndimage.label((dark < 0.35 * tissue) & liver)[1])
        counts[lesions] = np.array(found)
        change.append(shown[0])
    assert counts[0].max() == 0
    assert np.median(counts[3]) == 3
    assert np.median(counts[6]) >= 5


def test_kidneys_have_a_bright_cortex_and_fat_in_the_sinus(people):
    healthy = same_but(people, scarring=0.02, cysts_left=0, cysts_right=0)
    for row in range(8):
        volume = render_volume(healthy, row, seed=11)
        for side in SIDES:
            kidney = inside(volume, f"kidney_{side}")
            depth = ndimage.distance_transform_edt(kidney, sampling=SPACING_MM)
            lean = kidney & (volume.fat < 0.3 * volume.water)
            rim = lean & (depth < 6)
            core = lean & (depth > 10)
            assert volume.water[rim].mean() > 1.15 * volume.water[core].mean()
            fat = fraction(volume, kidney & (depth > 8))
            assert fat.max() > 0.5 and np.median(fat) < 0.4
            assert fraction(volume, rim).mean() < 0.1


def test_scars_take_the_contrast_and_bring_grain(people):
    shown = {}
    # so that hardly any signal piles up at the rim
    soft = same_but(people, bone_z=-3, cysts_left=0, cysts_right=0)
    for scarring in (0.02, 0.9):
        changed = same_but(soft, scarring=scarring)
        values = []
        for row in range(8):
            volume = render_volume(changed, row, seed=11)
            kidney = inside(volume, "kidney_left")
            depth = ndimage.distance_transform_edt(kidney, sampling=SPACING_MM)
            lean = kidney & (volume.fat < 0.3 * volume.water)
            water = volume.water / volume.water[lean].mean()
            contrast = (
                water[lean & (depth < 6)].mean() - water[lean & (depth > 8)].mean()
            )
            spread = water[lean & (depth > 8)].std()
            values.append((contrast, spread))
        shown[scarring] = np.mean(values, axis=0)
    assert shown[0.9][0] < 0.6 * shown[0.02][0]


def test_cysts_are_bright_in_water_and_dark_in_fat(people):
    quiet = same_but(people, scarring=0.02, cysts_left=0, cysts_right=0)
    ill = same_but(quiet, cysts_left=3)
    for row in range(8):
        without, with_three = (render_volume(p, row, seed=11) for p in (quiet, ill))
        kidney = inside(with_three, "kidney_left")
        assert (kidney == inside(without, "kidney_left")).all()
        change = with_three.water.astype(int) - without.water
        bright = kidney & (change > 0.3 * np.median(without.water[kidney]))
        assert 5 < bright.sum() < 0.6 * kidney.sum()
        assert fraction(with_three, bright).mean() < 0.1
        assert np.abs(change[inside(with_three, "liver")]).max() == 0


def test_a_body_with_fat_under_its_skin_surrounds_the_organs(people, volumes):
    for volume in volumes[:20]:
        signal = volume.fat.astype(int) + volume.water
        tissue = np.median(signal[inside(volume, "liver")])
        body = ndimage.binary_fill_holes(signal[:, :, SHAPE[2] // 2] > 0.3 * tissue)
        assert body.sum() > 3 * (volume.labels[:, :, SHAPE[2] // 2] > 0).sum()
        rim = body & ~ndimage.binary_erosion(body, iterations=1)
        outside = ~ndimage.binary_dilation(body, iterations=2)
        middle = volume.fat[:, :, SHAPE[2] // 2]
        assert np.median(middle[rim]) > 0.5 * tissue
        assert outside.any() and middle[outside].mean() < 0.02 * tissue
    skin = [
        fraction(v, (v.labels == 0) & (v.fat + v.water > 40)).mean() for v in volumes
    ]
    assert stats.spearmanr(skin, people.participants["bmi"])[0] > 0.6


def test_any_order_gives_the_same_volumes(people, volumes):
    for row in (100, 3):
        again = render_volume(people, row, seed=11)
        other = render_volume(people, row, seed=12)
        for name in ("fat", "water", "labels"):
            assert (getattr(again, name) == getattr(volumes[row], name)).all()
            assert (getattr(other, name) != getattr(again, name)).any()


def test_a_repeat_imaging_is_the_same_body_under_new_noise(people, volumes):
    for row in range(5):
        again = render_volume(people, row, seed=11, instance=3)
        assert (again.labels == volumes[row].labels).all()
        assert (again.water != volumes[row].water).any()
        liver = inside(again, "liver")
        fats = [fraction(v, liver).mean() for v in (again, volumes[row])]
        assert fats[0] == pytest.approx(fats[1], abs=0.01)


def test_the_centre_effect_is_mild(people, volumes):
    grey = np.array([np.median(v.water[inside(v, "liver")]) for v in volumes])
    centre = people.participants["centre"]
    big = [grey[(centre == name).to_numpy()] for name in ("Cheadle", "Newcastle")]
    assert abs(np.log(big[0].mean() / big[1].mean())) < np.std(np.log(grey))


def test_dense_bone_piles_up_signal_and_so_dims_the_rest(people):
    """Beside its brightest voxels an organ is darker; its fat fraction is the same."""
    # cysts and lesions are bright as well
    plain = same_but(people, lesions=0, cysts_left=0, cysts_right=0)
    for row in range(4):
        median, fat = {}, {}
        for bone in (-1.5, 0.0, 1.5):
            volume = render_volume(same_but(plain, bone_z=bone), row, seed=11)
            for organ in LABELS:
                where = inside(volume, organ)
                water = volume.water[where].astype(float)
                shown = np.median(water) / np.percentile(water, 99.5)
                median.setdefault(organ, []).append(shown)
                fat.setdefault(organ, []).append(fraction(volume, where).mean())
        for organ in LABELS:
            assert (np.diff(median[organ]) < 0).all(), organ
            assert np.ptp(fat[organ]) < 0.01
        assert median["liver"][2] < 0.8 * median["liver"][0]
