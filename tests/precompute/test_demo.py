"""The demo study loads, errs where it says so, and never overwrites anything."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edp_core.errors import InputError
from edp_core.people.cohort import clean_participants
from edp_core.people.phenome import build_phenome
from edp_core.people.ukb import read_columns
from edp_core.study import load_study
from precompute.demo import BLEMISHES, STRANGE_DIAGNOSES, STRANGERS, write_demo

N = 60


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies") / "demo"
    write_demo(folder, participants=N, seed=4)
    return folder


@pytest.fixture(scope="module")
def truth(demo: Path) -> pd.DataFrame:
    return pd.read_parquet(demo / "truth" / "truth.parquet")


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def image(demo: Path, eid: str) -> Path:
    return demo / "images" / f"{eid}_20201_2_0.npy"


def test_the_study_loads_and_says_that_it_is_simulated(demo):
    study = load_study(demo)
    assert study.simulated and study.description.startswith("Simulated")
    assert study.organs["liver"].channel_names == ("fat", "water")
    assert study.disclosure.threshold == 5
    for reason in BLEMISHES:
        assert reason in study.description
    assert study.pairs() == [("liver", "mae")]


def test_the_tables_read_as_real_ones_do(demo):
    study = load_study(demo)
    columns = {**study.participants.columns, "eid": study.participants.eid}
    cohort = clean_participants(
        read_columns(study.path(study.participants.table), columns)
    )
    assert len(cohort.participants) == N and not len(cohort.exclusions)
    assert cohort.notes["count"].tolist() == [BLEMISHES["row repeated"]]
    assert not cohort.participants.isna().any().any()
    numbers = cohort.participants.select_dtypes("number").columns
    assert {"age_years", "bmi", "pc1", "pc10"} <= set(numbers)
    phenome, notes = build_phenome(
        read_columns(
            study.path("diagnoses.csv"),
            {"eid": study.diagnoses.eid, "icd10": study.diagnoses.code},
        ),
        cohort.participants["eid"].to_numpy(str),
    )
    assert dict(zip(notes["reason"], notes["count"], strict=True)) == {
        "diagnosis row: no ICD-10 code": BLEMISHES["diagnosis that is no code"],
        "diagnosis row: participant is not in the cohort": STRANGE_DIAGNOSES,
    }
    assert {"K760", "K746", "I10"} <= set(phenome.traits["code"])


def test_every_blemish_is_there_as_often_as_it_says(demo, truth):
    assert truth["blemish"].value_counts().drop("").to_dict() == BLEMISHES
    missing = blank = cut = 0
    for eid in truth["eid"]:
        if not image(demo, eid).exists():
            missing += 1
            continue
        try:
            picture = np.load(image(demo, eid), allow_pickle=False)
        except ValueError:
            cut += 1
            continue
        assert picture.shape == (96, 96, 2) and picture.dtype == np.uint8
        blank += picture.std() < 2
    assert missing == BLEMISHES["no image"]
    assert blank == BLEMISHES["blank image"]
    assert cut == BLEMISHES["image file cut short"]
    files = {path.name.split("_")[0] for path in (demo / "images").iterdir()}
    assert len(files - set(truth["eid"])) == STRANGERS


def test_the_truth_stays_out_of_the_tables(demo, truth):
    header = (demo / "participants.csv").read_text().splitlines()[0].split(",")
    assert not {"fat_percent", "liver_ml", "fibrosis", "lesions"} & set(header)
    assert {"fat_percent", "liver_ml", "fibrosis", "K746", "manifestation"} <= set(
        truth.columns
    )


def test_the_same_parameters_give_the_same_bytes(demo, tmp_path):
    steps = []
    write_demo(
        tmp_path / "deep" / "again",
        participants=N,
        seed=4,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert snapshot(tmp_path / "deep" / "again") == snapshot(demo)
    total = N - BLEMISHES["no image"] + STRANGERS
    assert steps[-1] == (total, total)


def test_a_demo_that_is_there_is_left_alone(demo, monkeypatch):
    monkeypatch.setattr("precompute.demo.render_livers", pytest.fail)
    before = snapshot(demo)
    (demo / "store").mkdir()
    write_demo(demo, participants=N, seed=4)
    assert snapshot(demo) == before


def test_a_demo_made_otherwise_is_refused(demo):
    with pytest.raises(InputError, match=r"made otherwise.*participants 60, seed 4"):
        write_demo(demo, participants=N, seed=5)


@pytest.mark.parametrize("content", [None, "not json", json.dumps([1])])
def test_another_folder_is_refused(tmp_path, content):
    (tmp_path / "thesis.txt").write_text("dear")
    if content is not None:
        (tmp_path / "demo.json").write_text(content)
    with pytest.raises(InputError, match="something else"):
        write_demo(tmp_path, participants=N)
    assert (tmp_path / "thesis.txt").read_text() == "dear"


def test_a_file_of_that_name_is_refused(tmp_path):
    (tmp_path / "demo").write_text("dear")
    with pytest.raises(InputError, match="something else"):
        write_demo(tmp_path / "demo", participants=N)


def test_an_empty_folder_is_filled(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    write_demo(folder, participants=50)
    assert load_study(folder).simulated


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("precompute.demo.render_livers", fail)
    with pytest.raises(OSError, match="disk full"):
        write_demo(tmp_path / "demo", participants=N)
    assert list(tmp_path.iterdir()) == []


def test_too_few_people_are_refused(tmp_path):
    with pytest.raises(InputError, match="too small"):
        write_demo(tmp_path / "demo", participants=10)
