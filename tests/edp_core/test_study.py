"""study.toml: every mistake is named with its key, and nothing is silently ignored."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from edp_core.errors import InputError
from edp_core.settings.organs import Organ
from edp_core.settings.people import Rule
from edp_core.study import Study, load_study

TOML = """\
name = "A study"
[participants]
table = "people.csv"
[organs.retina]
images = "images/{eid}_{side}.png"
sides = {left = "L", right = "R"}
[organs.liver]
images = "livers/{eid}.npy"
[encoders.mae]
method = "mae"
[encoders.vit]
method = "pretrained"
organs = ["retina"]
"""


def write(folder: Path, text: str = TOML) -> Path:
    (folder / "study.toml").write_text(text)
    return folder


def test_a_study_is_read_from_its_folder_or_its_file(tmp_path):
    study = load_study(write(tmp_path))
    assert study == load_study(tmp_path / "study.toml")
    assert study.folder == tmp_path
    assert study.store_path == tmp_path / "store"
    assert study.path("../x.csv") == tmp_path.parent / "x.csv"
    assert study.analysis.folds == 10 and study.disclosure.threshold == 5


def test_pairs_come_in_the_order_of_the_file(tmp_path):
    assert load_study(write(tmp_path)).pairs() == [
        ("retina", "mae"),
        ("retina", "vit"),
        ("liver", "mae"),
    ]


def test_a_byte_order_mark_does_no_harm(tmp_path):
    (tmp_path / "study.toml").write_bytes(b"\xef\xbb\xbf" + TOML.encode())
    assert load_study(tmp_path).name == "A study"


def test_a_study_cannot_be_changed_once_read(tmp_path):
    study = load_study(write(tmp_path))
    with pytest.raises(ValidationError, match="frozen"):
        study.name = "another"


def test_no_study_there(tmp_path):
    with pytest.raises(InputError, match="There is no study at") as caught:
        load_study(tmp_path / "nowhere")
    assert "python -m precompute demo" in caught.value.hint


@pytest.mark.parametrize("content", [b"name = ", b'name = "\xff"', b"[a]\n[a]\n"])
def test_not_toml(tmp_path, content):
    (tmp_path / "study.toml").write_bytes(content)
    with pytest.raises(InputError, match=r"study\.toml is not TOML"):
        load_study(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "A study"', 'nmae = "A study"', "nmae: unknown key"),
        ('name = "A study"', "", "name: Field required"),
        ('table = "people.csv"', "table = 3", r"participants\.table"),
        ('table = "people.csv"', 'tabel = "x"', r"participants\.tabel: unknown key"),
        ('method = "mae"', 'method = "mea"', r"encoders\.mae"),
        ('method = "mae"', 'method = "mae"\nbase_lr = 0', r"base_lr"),
        (
            'method = "mae"',
            'method = "mae"\npach = 8',
            r"encoders\.\w+\.pach: unk",
        ),
        ('organs = ["retina"]', 'organs = ["brain"]', r"no organ \['brain'\]"),
        ("images/{eid}_{side}", "images/x_{side}", r"needs \{eid\}"),
        ("{eid}_{side}.png", "{eid}.png", "table of sides go together"),
        ('right = "R"', 'right = "L"', "two sides have the same text"),
        ("[organs.liver]", "[organs.'a liver']", "organs"),
        ('name = "A study"', 'name = "x"\nfolder = "y"', "unknown key 'folder'"),
        ('name = "A study"', 'name = "x"\npopulation = "all"', "'all' is not in"),
        (
            "[organs.liver]",
            "[disclosure]\nthreshold = 2\n[organs.liver]",
            r"disclosure\.threshold",
        ),
    ],
)
def test_mistakes_are_named_with_their_key(tmp_path, old, new, said):
    assert old in TOML
    with pytest.raises(InputError, match=said) as caught:
        load_study(write(tmp_path, TOML.replace(old, new, 1)))
    assert "study.toml" in caught.value.message
    assert caught.value.hint


def test_every_mistake_is_named_at_once(tmp_path):
    text = TOML.replace('name = "A study"', "nmae = 1").replace('"mae"', '"mea"', 1)
    with pytest.raises(InputError) as caught:
        load_study(write(tmp_path, text))
    assert "nmae: unknown key" in caught.value.message
    assert "name: Field required" in caught.value.message
    assert "encoders.mae" in caught.value.message


@pytest.mark.parametrize("section", ["organs", "encoders"])
def test_a_study_needs_organs_and_encoders(section):
    whole = {
        "name": "x",
        "participants": {"table": "a.csv"},
        "organs": {"liver": {"images": "{eid}.png"}},
        "encoders": {"mae": {"method": "mae"}},
    }
    Study.model_validate(whole)
    with pytest.raises(ValidationError, match="at least one is needed"):
        Study.model_validate(whole | {section: {}})


def test_a_rule_must_say_something():
    with pytest.raises(ValidationError, match="at_least, at_most or one_of"):
        Rule(column="age_years")


def test_mirror_and_channel_names_must_fit():
    with pytest.raises(ValidationError, match="mirror names a side"):
        Organ(images="{eid}.png", mirror=("left",))
    with pytest.raises(ValidationError, match="must name every channel"):
        Organ(images="{eid}.png", channels=2, channel_names=("fat",))
