"""What a recipe is evaluated on: volumes joined, and keys that must be the same."""

import numpy as np
import pytest

from edp_core.artifacts import read_inputs
from edp_core.errors import InputError, MissingArtifactError
from edp_core.inputs import Memo, columns_of
from edp_core.phenotype import AxisSpec, ColumnSpec, evaluate
from edp_core.store import Store
from edp_core.study import load_study


def opened(folder):
    """Study and store of a folder."""
    study = load_study(folder)
    return study, Store(study.store_path)


@pytest.fixture
def measured(done_study, copy_of, set_volumes):
    """A finished study whose livers have volumes, but for the last participant's."""
    folder = copy_of(done_study)
    set_volumes(folder, 1000)
    return opened(folder)


def column(inputs, **changes):
    given = {
        "name": "liver", "population": "everyone", "column": "liver_ml",
        "cohort": inputs.keys["cohort"],
        "measured": {"images/liver": inputs.keys["images/liver"]},
    }  # fmt: skip
    return ColumnSpec(**given | changes)


def test_volumes_stand_beside_the_participants_columns(measured):
    study, store = measured
    bare = read_inputs(study, store)
    whole = read_inputs(study, store, organ="liver", encoder="mae")
    for inputs in (bare, whole):
        people = inputs.participants.iloc[whole.seen]
        volumes = people["liver_ml"].to_numpy()
        expected = 1000.0 + np.arange(len(volumes))
        np.testing.assert_array_equal(volumes[:-1], expected[:-1])
        assert np.isnan(volumes[-1])
        assert inputs.participants["liver_ml"].count() == len(volumes) - 1
        assert inputs.measured == {"liver_ml": "images/liver"}
        assert inputs.keys["images/liver"] == store.ref("images/liver")


def test_a_study_without_volumes_has_no_such_column(measured, set_volumes):
    study, store = measured
    set_volumes(study.folder, None)
    inputs = read_inputs(study, store)
    assert not inputs.measured and "liver_ml" not in inputs.participants
    assert set(inputs.keys) == {"cohort", "phenome"}


def test_a_volume_is_a_baseline_and_a_factor(measured):
    study, store = measured
    inputs = read_inputs(study, store, organ="liver", encoder="mae")
    found = evaluate(column(inputs), inputs)
    assert found.figures == {"n": len(inputs.seen) - 1}
    spec = AxisSpec(
        name="pc1", population="everyone", organ="liver", encoder="mae", axis=1,
        remove_covariates=("liver_ml",),
        measured={"images/liver": inputs.keys["images/liver"]},
        **{k: inputs.keys[k] for k in ("cohort", "embedding", "atlas")},
    )  # fmt: skip
    assert columns_of(spec) == ("liver_ml",)
    adjusted = evaluate(spec, inputs).values
    known = np.isfinite(adjusted) & np.isfinite(found.values)
    r = np.corrcoef(adjusted[known], found.values[known])[0, 1]
    assert abs(r) < 0.02, "one is filled by the mean"


def test_a_volume_without_the_key_of_its_images_is_refused(measured):
    study, store = measured
    inputs = read_inputs(study, store)
    with pytest.raises(InputError, match="does not name images/liver") as caught:
        evaluate(column(inputs, measured={}), inputs)
    assert "design the phenotype again" in caught.value.hint
    with pytest.raises(MissingArtifactError, match=r"another images/liver .ffff"):
        evaluate(column(inputs, measured={"images/liver": "f" * 16}), inputs)


def test_volumes_that_are_gone_are_told(measured, set_volumes):
    inputs = read_inputs(*measured)
    set_volumes(measured[0].folder, None)
    without = read_inputs(*measured)
    with pytest.raises(MissingArtifactError, match=r"another images/liver .*None"):
        evaluate(column(inputs), without)


def test_a_damaged_table_of_volumes_raises(measured):
    study, store = measured
    file = store.at("images/liver") / "measures.parquet"
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(MissingArtifactError, match=r"measures\.parquet is missing or"):
        read_inputs(study, store)


def test_a_memo_makes_once_and_keeps_the_last_few():
    memo, made = Memo(most=2), []

    def make(key):
        return memo.get(key, lambda: made.append(key) or key.upper())

    assert [make(k) for k in "aabab"] == list("AABAB")
    assert made == ["a", "b"]
    make("c")  # a was asked for before b was, so it goes
    make("b")
    assert made == ["a", "b", "c"]
    make("a")
    assert made == ["a", "b", "c", "a"]


def test_what_is_made_may_ask_for_something_else():
    memo = Memo()
    assert memo.get("outer", lambda: memo.get("inner", lambda: 1) + 1) == 2
