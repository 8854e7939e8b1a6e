"""A study without any image: its steps, withdrawals, export and screens."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner

from edp_core.artifacts import read_inputs
from edp_core.exclusions import WITH_VECTORS, exclusions_of, used_of
from edp_core.recipe import AxisSpec
from edp_core.store import Store, read_table
from edp_core.study import Study, load_study
from precompute import cli
from precompute.demo import write_demo
from precompute.demo_vectors import FAULTS
from precompute.lineage import find
from precompute.steps import slots, states

ROOT = Path(__file__).resolve().parents[2]
PARTICIPANTS = 300
PAIRS = ("liver/given", "kidney/given")


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("given") / "study"
    write_demo(folder, participants=PARTICIPANTS, vectors_only=True)
    return folder


@pytest.fixture(scope="module")
def done(raw, tmp_path_factory) -> Path:
    import shutil

    folder = tmp_path_factory.mktemp("done") / "study"
    shutil.copytree(raw, folder)
    cli.run_study(folder, quiet=True)
    return folder


@pytest.fixture
def call(monkeypatch):
    monkeypatch.setattr(cli, "console", Console(width=300, force_terminal=False))

    def run(*arguments):
        result = CliRunner().invoke(cli.app, list(map(str, arguments)))
        if result.exception:
            raise result.exception
        return result.output

    return run


def store_of(study: Path) -> Store:
    return Store(load_study(study).store_path)


def changed(raw: Path, **tables: object) -> Study:
    content = tomllib.loads((raw / "study.toml").read_text())
    return Study.model_validate({**content, "folder": raw, **tables})


def test_no_slot_of_images_or_weights(raw):
    names = [slot.name for slot in slots(load_study(raw))]
    assert not any(name.startswith(("images", "thumbnails", "enc")) for name in names)
    assert {f"embedding/{pair}" for pair in PAIRS} <= set(names)


def test_a_brought_encoder_stands_beside_a_trained_one(raw):
    study = changed(
        raw,
        organs={"liver": {"images": "{eid}.png"}, "kidney": {}},
        encoders={
            "mae": {"method": "mae", "organs": ["liver"]},
            "given": {"method": "vectors", "vectors": "{organ}.csv"},
        },
    )
    found = {slot.name: slot for slot in slots(study)}
    assert {"images/liver", "encoder/liver/mae", "embedding/kidney/given"} <= set(found)
    assert "images/kidney" not in found
    assert "encoder/liver/given" not in found
    assert found["embedding/liver/given"].phase == "ingest"
    order = list(found)
    assert all(order.index(n) < order.index(s) for s in found for n in found[s].needs)


@pytest.mark.parametrize(
    ("organs", "encoders", "said"),
    [
        ({"liver": {}}, {"m": {"method": "mae"}}, "organs.liver.images is needed"),
        (
            {"liver": {}, "kidney": {}},
            {"g": {"method": "vectors", "vectors": "all.csv"}},
            "needs {organ}",
        ),
        (
            {"liver": {}, "kidney": {}},
            {"g": {"method": "vectors", "vectors": "a.csv", "organs": ["liver"]}},
            "kidney has neither images nor vectors",
        ),
        ({"liver": {"mask": "{eid}.nii"}}, {}, "mask is for images"),
        (
            {"liver": {}},
            {"g": {"method": "vectors", "vectors": "{eid}.csv"}},
            "unknown placeholder",
        ),
    ],
)
def test_settings_that_do_not_meet_are_refused(raw, organs, encoders, said):
    given = {"g": {"method": "vectors", "vectors": "{organ}.csv"}}
    with pytest.raises(ValueError, match=said):
        changed(raw, organs=organs, encoders=encoders or given)


def test_everybody_is_in_or_excluded_with_a_reason(done):
    listed = pd.read_csv(done / "participants.csv", dtype=str)["eid"].nunique()
    for organ in ("liver", "kidney"):
        flow = exclusions_of(store_of(done), organ, "given")
        assert flow is not None
        assert next(iter(flow)) == WITH_VECTORS
        assert sum(flow.values()) == listed == PARTICIPANTS
        # three have withdrawn
        assert used_of(flow) == listed - 3 - FAULTS["no vector"] - 6


def test_vectors_are_those_of_the_file(done):
    inputs = read_inputs(
        load_study(done), store_of(done), organ="liver", encoder="given"
    )
    file = pq.read_table(done / "vectors/liver.parquet").to_pandas()
    file = file.drop_duplicates("eid").set_index("eid")
    eids = inputs.participants["eid"].to_numpy()[inputs.seen]
    expected = file.loc[eids].iloc[:, 1:].to_numpy(np.float32)
    assert np.array_equal(inputs.vectors, expected)


def test_status_says_who_is_in_and_all_is_done(done, call):
    said = call("status", done)
    assert "Everything is done." in said
    assert WITH_VECTORS in said
    eids = pd.read_csv(done / "participants.csv", dtype=str)["eid"]
    assert not any(eid in said for eid in eids)


def test_another_file_is_a_change_and_a_touched_one_is_none(raw, copy_of):
    study = copy_of(raw)
    cli.run_study(study, only="ingest", quiet=True)
    path = study / "vectors/liver.parquet"
    path.touch()
    opened, store = load_study(study), store_of(study)

    def state() -> dict[str, str]:
        return {slot.name: now for slot, now in states(opened, store).items()}

    assert state()["embedding/liver/given"] == "done"
    frame = pd.read_parquet(path)
    frame["axis_001"] += 1
    frame.to_parquet(path, index=False)
    assert state()["embedding/liver/given"] == "changed"
    assert state()["embedding/kidney/given"] == "done"
    path.unlink()
    assert state()["embedding/liver/given"] == "source missing"


def test_whoever_withdraws_leaves_every_artifact(done, copy_of, call):
    study = copy_of(done)
    store = store_of(study)
    gone = read_table(store.at("embedding/liver/given"), "rows")["eid"].iloc[7]
    with (study / "withdrawn.txt").open("a") as file:
        file.write(f"{gone}\n")
    call("withdraw", study, "--quiet")
    assert not find(store, [gone])
    rows = read_table(store.at("embedding/kidney/given"), "rows")
    assert gone not in set(rows["eid"])
    call("run", study, "--quiet")
    assert "Everything is done." in call("status", study)
    call("prune", study)
    assert "Everything is done." in call("status", study)
    assert not find(store, [gone])


def test_a_component_is_exported(done, call, tmp_path):
    store = store_of(done)
    keys = {kind: store.ref(f"{kind}/liver/given") for kind in ("embedding", "atlas")}
    spec = AxisSpec(
        name="liver_PC1", organ="liver", encoder="given", of="pc", axis=1, sign=1,
        cohort=store.ref("cohort"), population="everyone", **keys,
    )  # fmt: skip
    card = tmp_path / "card.json"
    card.write_text(spec.model_dump_json())
    call("export", done, "--phenotype", card, "--out", tmp_path / "out")
    texts = [path.read_text() for path in (tmp_path / "out").glob("*.md")]
    assert any("ready made" in text for text in texts)


@pytest.mark.parametrize("name", ["overview", "diseases", "clusters", "phenotype",
                                  "export"])  # fmt: skip
@pytest.mark.parametrize("organ", ["liver", "kidney"])
def test_every_screen_opens(done, monkeypatch, name, organ):
    from streamlit.testing.v1 import AppTest

    monkeypatch.setenv("EDP_STUDY", str(done))
    at = AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=60)
    at.query_params["organ"] = organ
    at.switch_page(f"../pages/{name}.py").run()
    assert not at.exception, at.exception
    assert not at.error
    assert not at.warning
    said = " ".join(str(m.label) for m in at.metric)
    if name == "overview":
        assert f"With {organ} vectors" in said
        assert not at.get("imgs")
