"""Presets: plain files, laid under what a study says itself."""

import tomllib

import pytest

from edp_core.errors import InputError
from edp_core.settings.organs import Organ
from edp_core.study import PRESETS, load_study

TABLE_5 = {
    "liver": (8, 144),
    "kidneys": (6, 48),
    "lungs": (12, 180),
    "heart": (8, 144),
}
"""Patch and resolution of the MAE in the paper's Table 5."""
STUDY = """\
name = "x"
[participants]
table = "p.csv"
[organs.o]
preset = "{preset}"
images = "{{eid}}.{ending}"
{more}
[encoders.mae]
method = "mae"
[encoders.coarse]
method = "mae"
patch = 24
"""


def write(folder, preset, more="", ending="nii.gz"):
    text = STUDY.format(preset=preset, more=more, ending=ending)
    (folder / "study.toml").write_text(text)
    return load_study(folder)


def test_every_organ_of_the_papers_has_one():
    names = {path.stem for path in PRESETS.glob("*.toml")}
    others = {"spleen", "brain", "bones", "retina"}
    assert names == set(TABLE_5) | others


@pytest.mark.parametrize("name", sorted(path.stem for path in PRESETS.glob("*.toml")))
def test_a_preset_makes_an_organ_whose_patches_fit(tmp_path, name):
    ending = "png" if name == "retina" else "nii.gz"
    study = write(tmp_path, name, ending=ending)
    organ = study.organs["o"]
    assert organ.image_size % organ.patch == 0
    assert study.encoder("o", "mae").patch_pixels == organ.patch
    assert study.encoder("o", "coarse").patch_pixels == 24
    text = (PRESETS / f"{name}.toml").read_text()
    assert text.startswith("# ") and "images" not in tomllib.loads(text)
    if name in TABLE_5:
        assert (organ.patch, organ.image_size) == TABLE_5[name]


def test_what_the_study_says_goes_before_the_preset(tmp_path):
    more = "image_size = 72\n[organs.o.quality]\nborder_max = 0.5"
    organ = write(tmp_path, "liver", more).organs["o"]
    assert (organ.image_size, organ.patch) == (72, 8)
    assert organ.quality.border_max == 0.5
    assert organ.quality.mask_min_voxels == 1000, "the rest of its quality stays"


def test_an_unknown_preset_names_the_known(tmp_path):
    with pytest.raises(InputError, match="no preset 'livr'") as caught:
        write(tmp_path, "livr")
    assert "kidneys, liver" in caught.value.hint


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"images": "x.nii"}, "images needs"),
        ({"mask": "m.nii"}, "mask needs"),
        ({"images": "{eid}_{when}.nii"}, "unknown placeholder"),
        ({"images": "{eid}.png", "mask": "{eid}.png"}, "mask is for volumes"),
        ({"labels": [1]}, "labels needs a mask"),
        ({"mask": "{eid}.nii", "labels": ["a"]}, "label_names go together"),
        ({"mask": "{eid}.nii", "labels": [1], "label_names": "l"}, "go together"),
        ({"images": "{eid}_{channel}.nii"}, "needs channel_names"),
        ({"series": ["*_F"]}, "one entry for every channel"),
        ({"fit": "field"}, "needs spacing_mm"),
        ({"intensity": "window"}, "window go together"),
        ({"intensity": "window", "window": [1, 0]}, "window must rise"),
        ({"mask": "{eid}_{side}.nii"}, "table of sides go together"),
    ],
)
def test_settings_that_do_not_agree_are_refused(given, said):
    with pytest.raises(ValueError, match=said):
        Organ(**{"images": "{eid}.nii", **given})
