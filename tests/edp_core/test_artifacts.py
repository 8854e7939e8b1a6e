"""What artifacts hold: settings in their keys, staleness, people who do not meet."""

import json

import numpy as np
import pytest

from edp_core.artifacts import (
    VERSIONS,
    is_stale,
    read_cohort,
    read_embedding,
    read_inputs,
    read_phenome,
    settings_of,
    write_cohort,
    write_embedding,
    write_phenome,
)
from edp_core.errors import AlignmentError, MissingArtifactError
from edp_core.exclusions import WITH_IMAGES, exclusions_of, notes_of, notes_said
from edp_core.store import Store
from edp_core.study import load_study

SLOTS = [
    "cohort", "phenome", "images/liver", "thumbnails/liver", "encoder/liver/mae",
    "embedding/liver/mae", "atlas/liver/mae", "scan/liver/mae", "enrichment/liver/mae",
    "probes/liver/mae", "stability/liver/mae", "genotypes", "basis/liver/mae",
    "occlusion/liver/mae",
]  # fmt: skip


def study_with(folder, old="", new=""):
    file = folder / "study.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return load_study(folder)


def test_every_kind_has_a_version():
    by_users = {"gwas"}  # results come home: no step makes them
    assert {slot.split("/")[0] for slot in SLOTS} | by_users == set(VERSIONS)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("seed = 1", "seed = 1", set()),
        ("[analysis]", "[analysis]\nfolds = 5", {"cohort", "scan", "probes"}),
        (
            "[analysis]",
            "[analysis]\nseed = 7",
            {"cohort", "atlas", "scan", "probes", "stability", "occlusion"},
        ),
        ("[analysis]", "[analysis]\nresolution = 2", {"atlas", "stability"}),
        ("[analysis]", "[analysis]\nshrinkage = 1", {"scan"}),
        ("occlusion_people = 6", "occlusion_people = 7", {"occlusion"}),
        ("threshold = 5", "threshold = 9", {"enrichment"}),
        ("epochs = 2", "epochs = 3", {"encoder"}),
        ('pooling = "mean"', 'pooling = "cls"', {"embedding"}),
        ('method = "mae"', 'method = "mae"\ncheckpoint_minutes = 9', set()),
        ("image_size = 48", "image_size = 64", {"images"}),
        ("patch = 8\n", "patch = 8\nquality = { blank_sd = 0 }\n", {"images"}),
        ('"hospital.csv.gz"', '"hospital.csv.gz"\nlevel = "main"', {"phenome"}),
        ('sex = "p31"', 'sex = "p32"', {"cohort"}),
        ('table = "participants.csv"', 'table = "people.csv"', set()),
        ('name = "Demo', 'name = "Other', set()),
        ("downloads = true", "downloads = false", set()),
    ],
)
def test_a_setting_is_in_the_keys_it_bears_on(raw_study, copy_of, old, new, changed):
    before = load_study(raw_study)
    folder = copy_of(raw_study)
    after = study_with(folder, old, new) if old != new else load_study(folder)
    found = {
        slot.split("/")[0]
        for slot in SLOTS
        if settings_of(before, slot) != settings_of(after, slot)
    }
    assert found == changed


def test_settings_are_plain_json(raw_study):
    study = load_study(raw_study)
    for slot in SLOTS:
        settings = settings_of(study, slot)
        assert json.loads(json.dumps(settings, allow_nan=False)) == settings


def test_a_done_study_is_fresh_until_its_file_changes(done_study, copy_of, monkeypatch):
    folder = copy_of(done_study)
    study = load_study(folder)
    store = Store(study.store_path)
    assert [slot for slot in SLOTS if is_stale(study, store, slot)] == []
    changed = study_with(folder, "[analysis]", "[analysis]\nresolution = 2")
    assert [s for s in SLOTS if is_stale(changed, store, s)] == [
        "atlas/liver/mae",
        "stability/liver/mae",
    ]
    monkeypatch.setitem(VERSIONS, "phenome", VERSIONS["phenome"] + 1)
    assert [s for s in SLOTS if is_stale(study, store, s)] == ["phenome"]


def test_artifacts_survive_the_disk(done_study, tmp_path):
    store = Store(load_study(done_study).store_path)
    cohort, phenome = read_cohort(store), read_phenome(store)
    embedding = read_embedding(store, "liver", "mae")
    other = Store(tmp_path / "store")
    for kind in ("cohort", "phenome", "embedding"):
        (other.root / kind / "k").mkdir(parents=True)
    write_cohort(other.folder("cohort", "k"), cohort)
    write_phenome(other.folder("phenome", "k"), phenome)
    write_embedding(other.folder("embedding", "k"), embedding)
    for slot in ("cohort", "phenome", "embedding/liver/mae"):
        other.set_ref(slot, "k")
        manifest = other.folder(slot.split("/")[0], "k") / "manifest.json"
        manifest.write_text('{"files": {}}')
    again = read_cohort(other)
    assert again.participants.equals(cohort.participants)
    assert again.exclusions.equals(cohort.exclusions) and again.notes.equals(
        cohort.notes
    )
    assert read_phenome(other).traits.equals(phenome.traits)
    assert isinstance(read_phenome(other).rows, np.memmap)
    vectors = read_embedding(other, "liver", "mae").vectors
    np.testing.assert_array_equal(vectors, embedding.vectors)


def test_inputs_need_what_is_not_computed(raw_study):
    study = load_study(raw_study)
    with pytest.raises(MissingArtifactError, match="cohort has not been computed"):
        read_inputs(study, Store(study.store_path))


def test_cohort_and_phenome_of_different_people(done_study, copy_of):
    study = load_study(copy_of(done_study))
    store = Store(study.store_path, remedy="python -m precompute run here")
    path = store.at("phenome") / "eids.npy"
    eids = np.load(path)
    np.save(path, eids[::-1])
    with pytest.raises(AlignmentError, match="different participants") as caught:
        read_inputs(study, store)
    assert caught.value.hint == "run: python -m precompute run here"


def test_an_embedding_of_people_the_cohort_does_not_hold(done_study, copy_of):
    study = load_study(copy_of(done_study))
    store = Store(study.store_path)
    embedding = read_embedding(store, "liver", "mae")
    rows = embedding.rows.copy()
    rows.loc[0, "eid"] = "zzzzzzz"
    folder = store.at("embedding/liver/mae")
    rows.to_parquet(folder / "rows.parquet", index=False)
    store.open = store.folder  # the size of the file has changed
    with pytest.raises(AlignmentError, match="liver/mae holds participants the cohort"):
        read_inputs(study, store, organ="liver", encoder="mae")


# ---- where the participants went -------------------------------------------------
def test_participants_in_are_participants_used_and_left_out(done_study):
    from precompute.demo import BLEMISHES

    study = load_study(done_study)
    store = Store(study.store_path)
    counts = dict(exclusions_of(store, "liver") or {})
    cohort = read_cohort(store)
    assert next(iter(counts)) == WITH_IMAGES
    assert sum(counts.values()) == cohort.listed == 120
    images = read_embedding(store, "liver", "mae").rows["eid"].nunique()
    assert counts == {
        WITH_IMAGES: images,
        "no image": BLEMISHES["no image"],
        "unreadable volume (cut off or damaged)": BLEMISHES["image file cut short"],
        "blank": BLEMISHES["blank volume"],
        "no mask": BLEMISHES["no mask"],
        "empty mask": BLEMISHES["empty mask"],
        "mask of another shape": BLEMISHES["mask of another shape"],
        "organ touches the border of the image": BLEMISHES[
            "liver at the border of the volume"
        ],
        "NaN or infinite values in the organ": BLEMISHES["NaN within the volume"],
        "withdrew consent": BLEMISHES["withdrawn participant"],
    }


def test_notes_say_what_was_noticed(done_study):
    from precompute.demo import STRANGERS
    from precompute.demo_tables import STRANGE_DIAGNOSES

    store = Store(load_study(done_study).store_path)
    notes = notes_of(store, ["liver"])
    assert notes["image of somebody who is not in the cohort"] >= STRANGERS
    assert notes["row repeated word for word, kept once"] == 2
    assert notes["diagnosis row: no ICD-10 code"] == 1
    strangers = "diagnosis row: participant is not in the cohort"
    assert notes[strangers] >= STRANGE_DIAGNOSES  # and those who withdrew
    said = notes_said(store, ["liver"], 5)
    assert said["image left out: blank"] == "<20", "one person may have many images"
    assert said["diagnosis row: no ICD-10 code"] == "<5"


def test_before_ingest_nothing_is_known(raw_study):
    study = load_study(raw_study)
    store = Store(study.store_path)
    assert exclusions_of(store, "liver") is None
    assert notes_of(store, ["liver"]) == {}
