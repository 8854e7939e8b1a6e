"""Recipes made of the choice name the very artifacts and settings of the study."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app import data, recipes
from app.state import Choice
from edp_core.errors import MissingArtifactError
from edp_core.phenotype import SPEC
from edp_core.recipe import Labels

CHOICE = Choice("liver", "mae", "I10", 1)


@pytest.fixture
def store(monkeypatch, done_study):
    """The finished study's store, as the app opens it."""
    monkeypatch.setenv(data.STUDY_VARIABLE, str(done_study))
    return data.store()


def test_a_classifier_holds_the_studys_settings_and_keys(store):
    spec = recipes.classifier(
        CHOICE,
        "I10",
        name="x",
        labels=Labels(share=0.5, seed=7),
        remove_pcs=(2,),
        remove_covariates=("bmi",),
    )
    analysis = data.study().analysis
    assert (spec.folds, spec.fold_seed) == (analysis.folds, analysis.seed)
    assert spec.shrinkage == analysis.shrinkage
    assert spec.cohort == store.ref("cohort")
    assert spec.phenome == store.ref("phenome")
    assert spec.embedding == store.ref("embedding/liver/mae")
    assert (spec.trait, spec.remove_pcs, spec.labels.seed) == ("I10", (2,), 7)
    assert SPEC.validate_json(SPEC.dump_json(spec)) == spec


def test_a_cluster_names_its_atlas(store):
    spec = recipes.cluster(CHOICE, "I10")
    assert spec.atlas == store.ref("atlas/liver/mae")
    assert spec.cluster == 1
    assert spec.labels == Labels()


def test_several_clusters_are_each_named_once(store):
    spec = recipes.cluster(CHOICE, "I10", also=(2, 0, 1))
    assert (spec.cluster, spec.also) == (1, (0, 2))


def test_the_kept_labels_choose_as_the_evaluation_checks(store):
    labels = Labels(share=0.9, seed=1)
    spec = recipes.cluster(CHOICE, "K760", labels=labels, chosen_with="kept")
    assert (spec.chosen_with, spec.also) == ("kept", ())
    assert data.phenotype(spec).figures["n"] > 0, "it refuses another cluster"


def test_options_are_in_the_recipe(store):
    spec = recipes.classifier(
        CHOICE, "I10", oversampling="none", score="held-out",
        transform="rank-inverse-normal",
    )  # fmt: skip
    assert (spec.oversampling, spec.score) == ("none", "held-out")
    assert spec.transform == "rank-inverse-normal"
    assert recipes.classifier(CHOICE, "I10").oversampling == "expected"
    island = recipes.island(CHOICE, "I10", gamma=2.0, reach=0.5, number=3)
    assert (island.gamma, island.reach, island.island) == (2.0, 0.5, 3)
    assert recipes.column("bmi", transform="rank-inverse-normal").transform != "none"


def test_a_component_names_its_atlas_and_an_axis_none(store):
    spec = recipes.component(CHOICE, 2, remove_covariates=("bmi",), sign=-1)
    assert (spec.of, spec.axis, spec.sign) == ("pc", 2, -1)
    assert spec.atlas == store.ref("atlas/liver/mae")
    assert spec.embedding == store.ref("embedding/liver/mae")
    assert spec.measured == {}
    other = recipes.axis(CHOICE, 5, remove_pcs=(1,))
    assert (other.of, other.axis, other.atlas) == ("axis", 5, None)


def test_a_volume_brings_the_key_of_its_images(store, monkeypatch):
    inputs = data.inputs()
    people = inputs.participants.assign(liver_ml=1.0)
    keys = dict(inputs.keys) | {"images/liver": "i0"}
    slots = {"liver_ml": "images/liver"}
    other = replace(inputs, participants=people, keys=keys, measured=slots)
    monkeypatch.setattr(data, "inputs", lambda *_: other)
    assert recipes.column("liver_ml").measured == {"images/liver": "i0"}
    assert recipes.column("bmi").measured == {}
    spec = recipes.component(CHOICE, 1, remove_covariates=("bmi", "liver_ml"))
    assert spec.measured == {"images/liver": "i0"}


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("liver", "PC1"), "liver_PC1"),
        (("3d-liver", "no_a b/c"), "x3d-liver_no_a_b_c"),
        (("a" * 70,), "a" * 64),
    ],
)
def test_names_are_such_that_regenie_takes_them(parts, name):
    assert recipes.name_of(*parts) == name


@pytest.mark.parametrize("name", ["classifier", "cluster", "code", "column", "axis"])
def test_every_recipe_gives_one_number_for_each_participant(store, name):
    spec = {
        "classifier": lambda: recipes.classifier(CHOICE, "I10"),
        "cluster": lambda: recipes.cluster(replace(CHOICE, cluster=0), "I10"),
        "code": lambda: recipes.code_itself("I10"),
        "column": lambda: recipes.column("bmi"),
        "axis": lambda: recipes.axis(CHOICE, 3),
    }[name]()
    assert spec.method == name
    found = data.phenotype(spec)
    assert found.spec == spec
    assert len(found.values) == len(data.inputs().participants)


def test_the_name_is_no_part_of_what_is_remembered(store):
    one = data.phenotype(recipes.classifier(CHOICE, "I10", name="one"))
    two = data.phenotype(recipes.classifier(CHOICE, "I10", name="two"))
    assert one.values is two.values
    assert (one.spec.name, two.spec.name) == ("one", "two")


def test_before_the_steps_there_is_no_recipe(monkeypatch, raw_study):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(raw_study))
    with pytest.raises(MissingArtifactError) as caught:
        recipes.classifier(CHOICE, "I10")
    assert str(raw_study) in caught.value.hint
