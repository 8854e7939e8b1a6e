"""The committed studies of real volumes, with a quick encoder in place of their own."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edp_core.artifacts import read_inputs
from edp_core.checkout import render_study
from edp_core.exclusions import exclusions_of, notes_of
from edp_core.recipe import AxisSpec, ColumnSpec
from edp_core.slices import open_slices
from edp_core.store import Store, read_table
from edp_core.study import load_study
from precompute.cli import run_study

STUDIES = Path(__file__).resolve().parents[2] / "studies"
QUICK = {"epochs": 1, "warmup_epochs": 0.5, "depth": 2, "decoder_depth": 1, "batch": 64}
pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture(scope="module")
def run(data_dir, tmp_path_factory):
    """Run a committed study as it stands but for the time its encoder takes."""

    def made(name):
        folder = tmp_path_factory.mktemp(name)
        shutil.copy(STUDIES / name / "study.toml", folder)
        file = folder / "study.toml"
        text = file.read_text().replace("../../../shared/data", str(data_dir))
        for key, value in QUICK.items():
            text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.M)
        file.write_text(text)
        run_study(folder, quiet=True)
        study = load_study(folder)
        return study, Store(study.store_path)

    return made


@pytest.fixture(scope="module")
def hippocampus(run):
    return run("hippocampus")


def test_hearts_without_a_voxel_size(run):
    study, store = run("acdc-heart")
    assert exclusions_of(store, "heart") == {"with usable images": 50}
    assert notes_of(store, ["heart"]) == {
        "organ volume not known: the file has no voxel size": 50
    }
    slices = open_slices(store.at("images/heart"))
    assert slices.dtype == np.float16 and slices.shape[1:] == (96, 96, 1)
    inputs = read_inputs(study, store, organ="heart", encoder="mae")
    assert len(inputs.seen) == 50 and "heart_ml" not in inputs.participants
    scan = read_table(store.at("scan/heart/mae"), "scan").set_index("code")
    assert scan.loc[["I420", "I422", "I252", "I517"], "n_cases"].tolist() == [10] * 4
    assert (scan["reason"] == "").all() and scan["auc"].between(0, 1).all()


def test_volumes_are_those_that_were_counted_elsewhere(hippocampus, data_dir):
    _, store = hippocampus
    table = pd.read_csv(data_dir / "hippocampus/volumes.csv", dtype={"eid": str})
    voxels = table["anterior_voxels_label1"] + table["posterior_voxels_label2"]
    expected = dict(zip(table["eid"], voxels / 1000, strict=True))  # 1 mm voxels
    found = read_table(store.at("images/hippocampus"), "measures")
    assert len(found) == 100 and (found["reason"] == "").all()
    for row in found.itertuples():
        assert row.volume_ml == pytest.approx(expected[row.eid])


def test_without_diagnoses_there_are_clusters_components_and_exports(hippocampus):
    study, store = hippocampus
    inputs = read_inputs(study, store, organ="hippocampus", encoder="mae")
    assert not len(inputs.phenome.traits)
    assert inputs.clusters is not None and len(inputs.clusters) == 100
    given = {
        "population": "everyone",
        "cohort": store.ref("cohort"),
        "organ": "hippocampus",
        "encoder": "mae",
        "embedding": store.ref("embedding/hippocampus/mae"),
    }
    slot = "images/hippocampus"
    specs = [
        AxisSpec(name="pc1", axis=1, atlas=store.ref("atlas/hippocampus/mae"), **given),
        AxisSpec(name="axis7", of="axis", axis=7, **given),
        ColumnSpec(
            name="ml",
            column="hippocampus_ml",
            population="everyone",
            cohort=store.ref("cohort"),
            measured={slot: store.ref(slot)},
        ),
    ]
    files = render_study(study, store, specs)
    table = files["phenotypes_qt.tsv"].decode().splitlines()
    assert table[0] == "FID\tIID\tpc1\taxis7\tml" and len(table) == 101
    assert not any("NA" in line for line in table)
