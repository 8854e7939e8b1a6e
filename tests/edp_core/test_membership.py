"""Groups with a rule: members, recipe, card, and an export that needs nothing else."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from edp_core.artifacts import read_inputs
from edp_core.checkout import render_study
from edp_core.errors import InputError, MissingArtifactError
from edp_core.export import card
from edp_core.export.wording import describe, warnings
from edp_core.inputs import Inputs, group_key
from edp_core.membership import members_of
from edp_core.outline import Polygon
from edp_core.people.assemble import build_phenome
from edp_core.phenotype import SPEC, GroupSpec, evaluate
from edp_core.scoring.clusters import cluster_score
from edp_core.store import Store
from edp_core.study import load_study

N = 240
KEYS = {"cohort": "c" * 16, "phenome": "f" * 16, "embedding": "e" * 16}
SQUARE = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))


@pytest.fixture(scope="module")
def inputs():
    """A map with three clusters in it; every eighth participant was not seen."""
    rng = np.random.default_rng(3)
    eids = np.array([f"{1000 + i}" for i in range(N)])
    seen = np.flatnonzero(np.arange(N) % 8)
    rows = [(eids[i], "I10") for i in rng.choice(N, 90, replace=False)]
    table = pd.DataFrame(rows, columns=["eid", "icd10"], dtype="string")
    umap = rng.uniform(-2, 2, size=(seen.size, 2)).astype(np.float32)
    return Inputs(
        population="everyone",
        keys=KEYS | {"atlas": "a" * 16},
        participants=pd.DataFrame({"eid": eids}),
        phenome=build_phenome(table, eids)[0],
        seen=seen,
        vectors=rng.normal(size=(seen.size, 4)).astype(np.float32),
        clusters=np.arange(seen.size) % 3,
        umap=umap,
        pc_components=np.eye(4),
    )


def in_square(inputs):
    return (np.abs(inputs.umap) < 1).all(axis=1)


def spec(inputs, **changes):
    rule = changes.get("rule", Polygon(vertices=SQUARE))
    on = changes.get("drawn_on")
    members = members_of(rule, inputs, drawn_on=on) if rule else np.zeros(N, bool)
    given = {
        "name": "blob", "population": "everyone", "organ": "liver", "encoder": "mae",
        "cohort": KEYS["cohort"], "embedding": KEYS["embedding"], "atlas": "a" * 16,
        "group": group_key(inputs.eids, members), "rule": rule,
        "phenome": KEYS["phenome"] if on else None,
    }  # fmt: skip
    return GroupSpec(**given | changes)


# ---- members -----------------------------------------------------------------------
def test_members_lie_inside_and_were_seen(inputs):
    found = members_of(Polygon(vertices=SQUARE), inputs)
    expected = np.zeros(N, bool)
    expected[inputs.seen] = in_square(inputs)
    np.testing.assert_array_equal(found, expected)


def test_hidden_clusters_and_those_not_shown_are_left_out(inputs):
    square = in_square(inputs)
    left = members_of(Polygon(vertices=SQUARE, without=(0, 2)), inputs)[inputs.seen]
    np.testing.assert_array_equal(left, square & (inputs.clusters == 1))
    ill = inputs.phenome.cases("I10")[inputs.seen]
    for only, mask in (("cases", ill), ("controls", ~ill)):
        rule = Polygon(vertices=SQUARE, only=only)
        found = members_of(rule, inputs, drawn_on="I10")[inputs.seen]
        np.testing.assert_array_equal(found, square & mask)
        with pytest.raises(InputError, match="names no code"):
            members_of(rule, inputs)
    with pytest.raises(InputError, match="cluster 7"):
        members_of(Polygon(vertices=SQUARE, without=(7,)), inputs)
    bare = Inputs("everyone", KEYS, inputs.participants, inputs.phenome)
    with pytest.raises(MissingArtifactError, match="no map"):
        members_of(Polygon(vertices=SQUARE), bare)


def test_a_rule_is_refused_that_is_none():
    for vertices in (SQUARE[:2], ((0, 0), (1, float("nan")), (1, 1)), ((0, 0),) * 5,
                     [(i, i * i) for i in range(2001)]):  # fmt: skip
        with pytest.raises(ValidationError):
            Polygon(vertices=vertices)
    for without in ((1, 1), (2, 1), (-1,)):
        with pytest.raises(ValidationError):
            Polygon(vertices=SQUARE, without=without)
    # places closer than anybody can draw are one
    tiny = Polygon(vertices=((0, 0), (1.000001, 0), (1, 1.00004)))
    assert tiny.vertices == ((0, 0), (1, 0), (1, 1))


# ---- the recipe --------------------------------------------------------------------
def test_the_score_is_the_likeness_to_the_members_mean(inputs):
    found = evaluate(spec(inputs), inputs)
    expected = cluster_score(inputs.vectors, in_square(inputs))
    np.testing.assert_array_equal(found.values[inputs.seen], expected)
    assert np.isnan(np.delete(found.values, inputs.seen)).all()
    assert found.figures["n_members"] == in_square(inputs).sum()


def test_a_rule_that_gives_others_than_the_recipe_says_is_refused(inputs):
    changed = spec(inputs).model_copy(update={"group": "0" * 16})
    with pytest.raises(InputError, match="other people"):
        evaluate(changed, inputs)
    other = spec(inputs).model_copy(update={"atlas": "b" * 16})
    with pytest.raises(MissingArtifactError, match="another atlas"):
        evaluate(other, inputs)
    few = Polygon(vertices=((-0.1, -0.1), (0.1, -0.1), (0.1, 0.1)))
    with pytest.raises(InputError, match="fewer than 5 people"):
        evaluate(spec(inputs, rule=few), inputs)


def test_rule_and_atlas_go_together_and_older_recipes_keep_their_bytes(inputs):
    with pytest.raises(ValidationError, match="names its atlas"):
        spec(inputs, atlas=None)
    with pytest.raises(ValidationError, match="names the code"):
        GroupSpec(**spec(inputs).model_dump()
                  | {"rule": {"vertices": SQUARE, "only": "cases"}})  # fmt: skip
    old = spec(inputs, atlas=None, rule=None)
    held = json.loads(SPEC.dump_json(old))
    assert not {"rule", "atlas"} & set(held)
    assert SPEC.validate_json(json.dumps(held)) == old


def test_words_say_where_it_was_drawn_and_what_is_circular(inputs):
    rule = Polygon(vertices=SQUARE, without=(2,), only="cases", coloured_by="code")
    told = describe(spec(inputs, rule=rule, drawn_on="I10"))
    for part in ("4 vertices", "even–odd", "atlas aaaa", "without cluster 2",
                 "cases alone", "coloured by I10"):  # fmt: skip
        assert part in told
    given = spec(inputs, rule=rule, drawn_on="I10")
    assert any("I10" in text and "circular" in text for text in warnings(given, {}))
    aged = Polygon(vertices=SQUARE, coloured_by="age_years")
    assert "coloured by age_years" in describe(spec(inputs, rule=aged))
    assert not warnings(spec(inputs), {})


# ---- card and export, on a study ---------------------------------------------------
def drawn(study, store):
    """A recipe of the half of the map that lies left of its middle."""
    inputs = read_inputs(study, store, organ="liver", encoder="mae")
    low, high = inputs.umap.min(axis=0) - 1, inputs.umap.max(axis=0) + 1
    middle = float(np.median(inputs.umap[:, 0]))
    rule = Polygon(vertices=((low[0], low[1]), (middle, low[1]),
                             (middle, high[1]), (low[0], high[1])))  # fmt: skip
    members = members_of(rule, inputs)
    return GroupSpec(
        name="left_half", population=study.population, organ="liver", encoder="mae",
        cohort=store.ref("cohort"), embedding=store.ref("embedding/liver/mae"),
        atlas=store.ref("atlas/liver/mae"), rule=rule,
        group=group_key(inputs.eids, members),
    )  # fmt: skip


def test_a_card_alone_gives_the_same_files_again(done_study):
    study = load_study(done_study)
    store = Store(study.store_path)
    first = render_study(study, store, [drawn(study, store)])
    held = first["cards/left_half.json"]
    assert json.loads(held)["keys"]["atlas"] == store.ref("atlas/liver/mae")
    again = render_study(study, store, [card.read(held)])
    assert again == first
    eids = read_inputs(study, store).eids
    text = held.decode()
    assert not any(eid in text for eid in eids)
