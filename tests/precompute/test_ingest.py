"""Ingest: one bad participant never stops the others, and each is counted."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from edp_core.artifacts import write_cohort
from edp_core.errors import AlignmentError, InputError
from edp_core.people.cohort import clean_participants
from edp_core.slices import open_slices
from edp_core.store import Store, read_array, read_table, write_array
from edp_core.study import load_study
from precompute.ingest_images import make_thumbnails
from precompute.jobs import Jobs
from precompute.quality import SHEET
from precompute.shards import write_slices
from precompute.steps import do

STUDY = """\
name = "Tiny"
[participants]
table = "people.csv"
{people}
[organs.eye]
images = "images/{{eid}}_{{side}}_{{instance}}.png"
sides = {{left = "L", right = "R"}}
image_size = 16
{organ}
[encoders.mae]
method = "mae"
{end}
"""
SLOTS = ("cohort", "phenome", "images/eye", "thumbnails/eye")


@pytest.fixture
def tiny(tmp_path):
    """Maker of a study of eight people with both eyes, to be spoilt by a test."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    eids = [str(i) for i in range(101, 109)]
    for eid in eids:
        for side in "LR":
            pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"images/{eid}_{side}_0.png")
    rows = [f"{eid},{50 + i}" for i, eid in enumerate(eids)]
    (tmp_path / "people.csv").write_text("\n".join(["eid,age_years", *rows]) + "\n")

    def study(people="", organ="", end=""):
        text = STUDY.format(people=people, organ=organ, end=end)
        (tmp_path / "study.toml").write_text(text)
        return load_study(tmp_path)

    return study


def ingest(study):
    store = Store(study.store_path)
    jobs = Jobs(study, store)
    for slot in SLOTS:
        do(jobs, jobs.make(slot), report=lambda *_: None)
    return store


def reasons(table):
    return table["reason"].value_counts().to_dict()


def notes(store, slot):
    table = read_table(store.at(slot), "notes")
    return dict(zip(table["reason"], map(int, table["count"]), strict=True))


def test_a_clean_study(tiny):
    store = ingest(tiny())
    images = store.at("images/eye")
    pixels, rows = open_slices(images), read_table(images, "rows")
    assert pixels.shape == (16, 16, 16, 3) and len(rows) == 16
    assert rows.iloc[0].tolist() == ["101", "0", "left"]
    assert not len(read_table(images, "exclusions"))
    assert notes(store, "images/eye") == {}
    assert read_array(images, "counts").tolist() == [1] * 16
    assert not (images / "measures.parquet").exists(), "pictures have no volume"
    assert read_array(store.at("thumbnails/eye"), "thumbnails").shape == (16, 64, 64, 3)


def test_every_kind_of_bad_image_is_counted_and_the_others_go_on(tiny, tmp_path):
    images = tmp_path / "images"
    for side in "LR":
        (images / f"101_{side}_0.png").unlink()  # no image
        (images / f"102_{side}_0.png").write_bytes(b"no picture")
        Image.new("RGB", (16, 16), 99).save(images / f"103_{side}_0.png")
    content = (images / "104_L_0.png").read_bytes()
    (images / "104_L_0.png").write_bytes(content[:400])  # the other eye is fine
    (images / "999_L_0.png").write_bytes(content)  # somebody else
    (images / "notes_L_x.png").write_bytes(content)  # not an image of the pattern
    for side in "LR":  # two files for one image
        (images / f"105_{side}_00.png").write_bytes(content)
    store = ingest(tiny())
    folder = store.at("images/eye")
    rows = read_table(folder, "rows")
    lost = read_table(folder, "exclusions")
    assert set(zip(lost["eid"], lost["reason"], strict=True)) == {
        ("101", "no image"),
        ("102", "not an image file"),
        ("103", "blank"),
        ("105", "two files for one instance and side"),
    }
    assert sorted(rows["eid"].unique()) == ["104", "106", "107", "108"]
    assert len(lost) + rows["eid"].nunique() == 8
    assert rows.loc[rows["eid"] == "104", "side"].tolist() == ["right"]
    assert notes(store, "images/eye") == {
        "image of somebody who is not in the cohort": 1,
        "file whose name does not fit the pattern": 1,
        "image left out: not an image file": 2,
        "image left out: blank": 2,
        "image left out: two files for one instance and side": 2,
        "image left out: unreadable image (cut off or damaged)": 1,
    }
    # each row is the picture of its own file
    pixels = open_slices(folder)[:]
    for i, row in enumerate(rows.itertuples()):
        letter = "L" if row.side == "left" else "R"
        with Image.open(images / f"{row.eid}_{letter}_0.png") as picture:
            np.testing.assert_array_equal(pixels[i], np.asarray(picture))
    # what was read and left out can be looked at, without saying whose it is
    assert read_table(folder, "sheet")["reason"].tolist() == ["blank", "blank"]
    assert read_array(folder, "sheet").shape == (2, SHEET, SHEET, 3)


def test_rows_of_the_table_are_counted(tiny, tmp_path):
    with (tmp_path / "people.csv").open("a") as table:
        table.write("101,99\n102.0,51\n1.0e2,5\n,5\n")
    store = ingest(tiny())
    assert reasons(read_table(store.at("cohort"), "exclusions")) == {
        "duplicate eid: rows contradict each other": 1,
        "eid in scientific notation: digits are lost": 1,
        "empty eid": 1,
    }
    assert notes(store, "cohort") == {
        "eid written as a decimal number, read as whole": 1,
        "row repeated word for word, kept once": 1,
    }
    # the excluded one's images are somebody's who is not in the cohort
    assert notes(store, "images/eye") == {
        "image of somebody who is not in the cohort": 1
    }


def test_a_population_and_withdrawals(tiny, tmp_path):
    (tmp_path / "gone.txt").write_bytes(b"\xef\xbb\xbf108\n103.0\n")
    study = tiny(
        end='[populations.everyone]\nwithdrawals = "gone.txt"\n'
        'rules = [{column = "age_years", at_least = 52}]\n'
    )
    store = ingest(study)
    people = read_table(store.at("cohort"), "participants")
    assert people["eid"].tolist() == ["104", "105", "106", "107"]
    assert reasons(read_table(store.at("cohort"), "exclusions")) == {
        "population: age_years outside the rule": 2,
        "withdrew consent": 2,
    }


# ---- what stops ------------------------------------------------------------------
def test_ids_that_do_not_meet_stop_the_run(tiny, tmp_path):
    (tmp_path / "people.csv").write_text("eid,age_years\n1,50\n2,60\n")
    with pytest.raises(AlignmentError, match="None of 16 images is of one of 2") as got:
        ingest(tiny())
    assert "must be equal" in got.value.hint


def test_no_usable_image_at_all_stops_with_the_reasons(tiny, tmp_path):
    for path in (tmp_path / "images").glob("*_L_*"):
        path.write_bytes(b"no picture")
    for path in (tmp_path / "images").glob("*_R_*"):
        Image.new("RGB", (16, 16), 99).save(path)
    with pytest.raises(AlignmentError, match="None of 16 images can be used") as got:
        ingest(tiny())
    assert "not an image file" in got.value.message
    assert "blank" in got.value.message
    assert "quality" in got.value.hint
    store = Store(load_study(tmp_path).store_path)
    assert list((store.root / "images").iterdir()) == [], "nothing half made"


@pytest.mark.parametrize("name", ["people.csv", "gone.txt"])
def test_a_missing_file_is_named(tiny, tmp_path, name):
    study = tiny(end='[populations.everyone]\nwithdrawals = "gone.txt"')
    if name == "people.csv":
        (tmp_path / name).unlink()
    with pytest.raises(InputError, match=f"There is no file {name}") as caught:
        Jobs(study, Store(study.store_path)).make("cohort")
    assert "study.toml" in caught.value.hint


# ---- arrays ------------------------------------------------------------------------
def test_a_later_array_takes_the_place_of_one_that_cannot_be_used(tiny, tmp_path):
    folder = tmp_path / "images"
    for path in sorted(folder.glob("*.png")):
        eid, side, _ = path.stem.split("_")
        path.rename(folder / f"{eid}_{side}_0_0.png")
    good = (folder / "101_L_0_0.png").read_bytes()
    (folder / "102_L_0_1.png").write_bytes(good)  # one too many
    (folder / "103_L_0_1.png").write_bytes(good)
    (folder / "103_L_0_0.png").write_bytes(b"no picture")
    for array in "01":
        (folder / f"104_L_0_{array}.png").write_bytes(b"no picture" * int(array))
    study = tiny()
    file = tmp_path / "study.toml"
    text = file.read_text().replace("{instance}.png", "{instance}_{array}.png")
    file.write_text(text)
    store = ingest(load_study(tmp_path))
    assert study.name == "Tiny"
    rows = read_table(store.at("images/eye"), "rows")
    left = rows[rows["side"] == "left"]["eid"].tolist()
    assert left == ["101", "102", "103", "105", "106", "107", "108"]
    pixels = open_slices(store.at("images/eye"))[:]
    at = rows.index[(rows["eid"] == "103") & (rows["side"] == "left")][0]
    same = rows.index[(rows["eid"] == "101") & (rows["side"] == "left")][0]
    np.testing.assert_array_equal(pixels[at], pixels[same])
    assert notes(store, "images/eye") == {
        "further image of the same instance, not used": 1,
        "array left out, a later one is used: not an image file": 1,
        "image left out: not an image file": 1,
    }


# ---- thumbnails ------------------------------------------------------------------
@pytest.mark.parametrize(
    ("channels", "order"), [(1, [0, 0, 0]), (2, [0, 1, 1]), (3, [0, 1, 2])]
)
def test_thumbnails_show_the_channels_as_colours(tmp_path, channels, order):
    pixels = np.random.default_rng(0).integers(
        0, 256, (3, 64, 64, channels), dtype=np.uint8
    )
    write_slices(tmp_path / "slices-00000.npy", [pixels])
    write_array(tmp_path, "counts", np.ones(3, np.int32))
    calls = []
    make_thumbnails(tmp_path, tmp_path, report=lambda *done: calls.append(done))
    out = read_array(tmp_path, "thumbnails")
    np.testing.assert_array_equal(out, pixels[:, :, :, order])
    assert calls[-1] == (3, 3)


def test_the_thumbnail_of_a_volume_is_its_middle_slice(tmp_path):
    """The root of its values: fat can be seen beside water; background stays black."""
    volume = np.zeros((5, 64, 64, 2), np.float16)
    volume[2, 8:56, 8:56] = (0.04, 0.81)
    write_slices(tmp_path / "slices-00000.npy", [volume, volume[2:3]])
    write_array(tmp_path, "counts", np.array([5, 1], np.int32))
    make_thumbnails(tmp_path, tmp_path, report=lambda *_: None)
    out = read_array(tmp_path, "thumbnails")
    assert not out[:, :8].any() and not out[:, 56:].any()
    assert np.unique(out[:, 8:56, 8:56].reshape(-1, 3), axis=0).tolist() == [
        [51, 230, 230]
    ]


def test_a_cohort_is_written_readable_by_its_owner_only(tmp_path):
    people = pd.DataFrame({"eid": ["1"]}, dtype="string")
    write_cohort(tmp_path, clean_participants(people))
    for name in ("participants", "exclusions", "notes"):
        assert (tmp_path / f"{name}.parquet").stat().st_mode & 0o077 == 0
