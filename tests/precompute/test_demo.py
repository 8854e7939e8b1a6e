"""The demo study loads, errs where it says so, and never overwrites anything."""

import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from bed_reader import open_bed

from edp_core.artifacts import read_cohort, read_phenome
from edp_core.errors import InputError
from edp_core.simulate import variants as simulated_variants
from edp_core.simulate.factors import CENTRES
from edp_core.simulate.grid import SHAPE, SPACING_MM
from edp_core.store import Store, read_table
from edp_core.study import load_study
from precompute import demo_images
from precompute.demo import BLEMISHES, STRANGERS, write_demo
from precompute.demo_genotypes import NO_GENOTYPES
from precompute.demo_images import (
    AT_BORDER,
    BLANK,
    CUT_SHORT,
    EMPTY_MASK,
    NO_IMAGE,
    NO_MASK,
    NOT_FINITE,
    OTHER_SHAPE,
)
from precompute.demo_tables import (
    MEDICATIONS,
    NO_CODE,
    ROW_REPEATED,
    STRANGE_DIAGNOSES,
    WITHDRAWN,
)
from precompute.jobs import Jobs
from precompute.steps import do

N = 80
ROOT = Path(__file__).resolve().parents[2]


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


def imaging(demo: Path, eid: str, instance: int = 2) -> Path:
    return demo / "images" / f"{eid}_20201_{instance}_0"


def pixels(folder: Path, name: str) -> np.ndarray:
    return np.asanyarray(nib.load(folder / f"{name}.nii.gz").dataobj)


def test_the_study_loads_and_says_that_it_is_simulated(demo):
    study = load_study(demo)
    assert study.simulated and study.description.startswith("Simulated")
    assert study.organs["liver"].channel_names == ("fat", "water")
    assert study.organs["kidney"].sides == {"left": "left", "right": "right"}
    assert study.disclosure.threshold == 5
    for reason in BLEMISHES:
        assert reason in study.description
    assert study.pairs() == [("liver", "mae"), ("kidney", "mae")]


def test_the_participants_are_named_and_spelt_as_in_uk_biobank(demo, truth):
    table = pd.read_csv(demo / "participants.csv", dtype=str)
    assert len(table) == N + BLEMISHES[ROW_REPEATED]
    table = table.drop_duplicates()
    assert table["eid"].tolist() == truth["eid"].tolist()
    assert set(table["p31"]) == {"Female", "Male"}
    assert table["p54_i2"].str.endswith(" (imaging)").all()
    assert table["p22000"].str.fullmatch(r"Batch_b\d{3}|UKBiLEVEAX_b\d+").all()
    assert pd.to_datetime(table["p53_i2"], format="%Y-%m-%d").notna().all()
    assert set(table["p22006"].dropna()) == {"Caucasian"}
    assert {"p22019", "p22021", "p21003_i2", "p21001_i2", "p22009_a1"} <= set(table)


def test_the_diagnoses_are_wide_with_dates_paired_by_index(demo, truth):
    wide = pd.read_csv(demo / "hospital.csv.gz", dtype=str).set_index("eid")
    codes = wide.filter(regex=r"^41270-0\.\d+$")
    dates = wide.filter(regex=r"^41280-0\.\d+$")
    assert codes.shape == dates.shape and codes.shape[1] * 2 == wide.shape[1]
    filled, dated = codes.notna().to_numpy(), dates.notna().to_numpy()
    odd = (codes == "UNKNOWN").to_numpy() | ~codes.index.isin(truth["eid"])[:, None]
    assert (filled == dated)[~odd].all()
    assert (codes == "UNKNOWN").sum().sum() == BLEMISHES[NO_CODE]
    assert set(truth["eid"]) <= set(wide.index) and wide.index.is_unique
    strangers = codes[~codes.index.isin(truth["eid"])]
    assert strangers.notna().sum().sum() == STRANGE_DIAGNOSES
    assert {"K760", "K746", "N183", "I10"} <= set(codes.stack())


def test_the_tables_read_as_real_ones_do(demo, tmp_path):
    study = load_study(demo)
    write = Jobs(study, Store(tmp_path / "store", remedy=""))
    for slot in ("cohort", "phenome"):
        do(write, write.make(slot), report=lambda *_: None)
    cohort = read_cohort(write.store)
    people = cohort.participants
    assert len(people) == N - BLEMISHES[WITHDRAWN]
    assert cohort.exclusions["reason"].tolist() == ["withdrew consent"] * 3
    assert BLEMISHES[ROW_REPEATED] in cohort.notes["count"].tolist()
    assert not people.drop(columns="eid").isna().any().any()
    assert set(people["centre"]) <= set(CENTRES)
    assert set(people["array"]) == {"Axiom", "BiLEVE"}
    phenome = read_phenome(write.store)
    notes = read_table(write.store.at("phenome"), "notes")
    assert {"K760", "K746", "I10"} <= set(phenome.traits["code"])
    assert any("no ICD-10 code" in reason for reason in notes["reason"])
    held = phenome.traits.groupby("vocabulary")["code"].agg(set)
    assert {"571.5", "571.51", "571"} <= held["phecode"]
    assert held["medications"] == {f"medications:{name}" for name in MEDICATIONS}
    # some were never asked what they take; other diseases of the liver are no controls
    for code in ("medications:metformin", "571.5"):
        assert 0.5 < phenome.eligible(code).mean() < 1
    both = phenome.cases("medications:metformin") & phenome.cases("E119")
    assert both.sum() > 0.5 * phenome.cases("E119").sum()


def test_every_blemish_is_there_as_often_as_it_says(demo, truth):
    assert truth["blemish"].value_counts().drop("").to_dict() == BLEMISHES
    found: Counter[str] = Counter()
    for eid in truth["eid"]:
        folder = imaging(demo, eid)
        if not folder.exists():
            found[NO_IMAGE] += 1
            continue
        try:
            fat, water = pixels(folder, "fat"), pixels(folder, "water")
        except EOFError:
            found[CUT_SHORT] += 1
            continue
        found[BLANK] += not fat.any()
        found[NOT_FINITE] += not np.isfinite(fat).all()
        if not (folder / "mask.nii.gz").exists():
            found[NO_MASK] += 1
            continue
        mask = pixels(folder, "mask")
        assert fat.shape == water.shape
        found[OTHER_SHAPE] += mask.shape != fat.shape
        found[EMPTY_MASK] += not mask.any()
        found[AT_BORDER] += mask.shape == fat.shape and fat.shape != SHAPE
    assert found == {reason: BLEMISHES[reason] for reason in demo_images.FAULTS}
    withdrawn = (demo / "withdrawn.txt").read_text().split()
    assert set(withdrawn) == set(truth["eid"][truth["blemish"] == WITHDRAWN])
    people = {path.name.split("_")[0] for path in (demo / "images").iterdir()}
    assert len(people - set(truth["eid"])) == STRANGERS


def test_a_few_sound_participants_came_twice(demo, truth):
    again = list((demo / "images").glob("*_20201_3_0"))
    assert 0 < len(again) < 0.15 * N
    blemish = truth.set_index("eid")["blemish"]
    for folder in again:
        eid = folder.name.split("_")[0]
        assert blemish[eid] == ""
        assert (pixels(folder, "mask") == pixels(imaging(demo, eid), "mask")).all()
        assert (pixels(folder, "fat") != pixels(imaging(demo, eid), "fat")).any()


def test_files_are_what_public_pipelines_write(demo, truth):
    eid = truth["eid"][truth["blemish"] == ""].iloc[0]
    for name, kind in (("fat", np.int16), ("water", np.int16), ("mask", np.uint8)):
        image = nib.load(imaging(demo, eid) / f"{name}.nii.gz")
        assert image.get_data_dtype() == kind
        assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
        assert image.header.get_zooms() == pytest.approx(SPACING_MM)
        assert image.header.get_xyzt_units()[0] == "mm"
    names = json.loads((demo / "labels.json").read_text())
    assert names == {"1": "liver", "2": "kidney_left", "3": "kidney_right"}


def test_ingest_finds_the_blemishes_and_measures_the_organs(demo, truth, tmp_path):
    study = load_study(demo)
    jobs = Jobs(study, Store(tmp_path / "store", remedy=""))
    for slot in ("cohort", "images/liver", "images/kidney"):
        do(jobs, jobs.make(slot), report=lambda *_: None)
    liver, kidney = (jobs.store.at(f"images/{o}") for o in ("liver", "kidney"))
    lost = read_table(liver, "files")["eid"]
    images = [r for r in demo_images.FAULTS if r != NO_IMAGE]
    assert set(lost) == set(truth["eid"][truth["blemish"].isin(images)])
    # a scan that ends above the kidneys still shows them
    lost = read_table(kidney, "files")["eid"]
    images.remove(AT_BORDER)
    assert set(lost) == set(truth["eid"][truth["blemish"].isin(images)])
    for folder, columns in (
        (liver, {"": "liver_ml"}),
        (kidney, {s: f"kidney_{s}_ml" for s in ("left", "right")}),
    ):
        measured = read_table(folder, "measures").merge(truth, on="eid")
        for side, column in columns.items():
            rows = measured[measured["side"] == side]
            assert len(rows) > 0.6 * N
            assert np.allclose(rows["volume_ml"], rows[column], rtol=0.02)
    notes = set(read_table(liver, "notes")["reason"])
    assert not any("larger than the field" in reason for reason in notes)


def test_the_truth_stays_out_of_the_tables(demo, truth):
    header = (demo / "participants.csv").read_text().splitlines()[0].split(",")
    hidden = {"fat_percent", "liver_ml", "fibrosis", "scarring", "kidney_left_ml"}
    assert not hidden & set(header)
    assert hidden | {"K746", "manifestation"} <= set(truth.columns)


def test_the_same_parameters_give_the_same_bytes(demo, tmp_path):
    steps = []
    write_demo(
        tmp_path / "deep" / "again",
        participants=N,
        seed=4,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert snapshot(tmp_path / "deep" / "again") == snapshot(demo)
    total = len(list((demo / "images").iterdir()))
    assert steps[-1] == (total, total)


def test_a_demo_that_is_there_is_left_alone(demo, monkeypatch):
    monkeypatch.setattr("precompute.demo_images.render_volume", pytest.fail)
    before = snapshot(demo)
    (demo / "store").mkdir()
    write_demo(demo, participants=N, seed=4)
    assert snapshot(demo) == before


def test_a_demo_made_otherwise_is_refused(demo):
    with pytest.raises(InputError, match=r"made otherwise.*participants 80, seed 4"):
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

    monkeypatch.setattr("precompute.demo_images.render_volume", fail)
    with pytest.raises(OSError, match="disk full"):
        write_demo(tmp_path / "demo", participants=N)
    assert list(tmp_path.iterdir()) == []


def test_too_few_people_are_refused(tmp_path):
    with pytest.raises(InputError, match="too small"):
        write_demo(tmp_path / "demo", participants=10)


def test_genotypes_are_plink_files_of_most_participants_and_a_few_strangers(
    demo, truth
):
    study = load_study(demo)
    assert study.genotypes is not None and study.genotypes.build == "GRCh37"
    with open_bed(demo / f"{study.genotypes.bed}.bed") as bed:
        eids = bed.iid.tolist()
        assert bed.fid.tolist() == eids and len(set(eids)) == len(eids)
        assert len(set(eids) - set(truth["eid"])) == STRANGERS
        without = set(truth["eid"]) - set(eids)
        assert without == set(truth["eid"][truth["blemish"] == NO_GENOTYPES])
        assert eids != [eid for eid in truth["eid"] if eid not in without]
        sex = dict(zip(eids, bed.sex, strict=True))
        men = truth["male_z"] > 0
        for eid, man in zip(truth["eid"], men, strict=True):
            assert sex.get(eid, 1 if man else 2) == (1 if man else 2)
        names = pd.Series(bed.sid)
        more = simulated_variants.BLEMISHES[simulated_variants.DUPLICATED]
        assert names.duplicated().sum() == more
        places = pd.DataFrame({"c": bed.chromosome.astype(int), "p": bed.bp_position})
        assert places.apply(tuple, axis=1).is_monotonic_increasing
        assert set(places["c"]) == set(range(1, 23))
        planted = pd.read_parquet(demo / "truth" / "variants.parquet")
        at = [int(names[names == name].index[0]) for name in planted["id"]]
        assert bed.allele_1[at].tolist() == planted["effect_allele"].tolist()
        assert bed.bp_position[at].tolist() == planted["pos"].tolist()
        alleles = bed.read(np.s_[:, at])
    assert 0.15 < np.nanmean(alleles[:, planted["gene"] == "PNPLA3"]) / 2 < 0.32


def test_relatives_are_listed_as_uk_biobank_lists_them(demo, tmp_path):
    listed = pd.read_csv(demo / "genotypes" / "relatedness.csv", dtype={"ID1": str})
    assert list(listed) == ["ID1", "ID2", "HetHet", "IBS0", "Kinship"]
    assert len(listed) and listed["Kinship"].between(0.15, 0.35).all()
    if shutil.which("plink2") is None:
        pytest.skip("plink2 is not there")
    king = ["--make-king-table", "--king-table-filter", "0.1", "--threads", "1"]
    subprocess.run(
        ["plink2", "--bfile", demo / "genotypes" / "demo", *king, "--out", "k"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    found = pd.read_csv(tmp_path / "k.kin0", sep=r"\s+", dtype={"IID1": str})
    pairs = zip(found["IID1"], found["IID2"].astype(str), strict=True)
    kinship = dict(zip(map(frozenset, pairs), found["KINSHIP"], strict=True))
    assert len(kinship) == len(listed)
    for row in listed.itertuples():
        pair = frozenset([row.ID1, str(row.ID2)])
        assert row.Kinship == pytest.approx(kinship[pair], abs=2e-4)


def test_the_truth_is_read_by_tests_alone():
    """The steps and the screens know nothing of what was planted."""
    writers = {"demo.py", "demo_tables.py", "demo_genotypes.py"}
    for room in ("app", "pages", "edp_core", "precompute"):
        for path in (ROOT / room).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if path.name not in writers:
                assert not re.search(r"""["'/]truth["'/]""", text)
            assert not re.search(r"read_parquet\(.*truth", text), path
            if path.parent.name != "simulate" and path.name not in writers:
                assert "simulate.planted" not in text, path
