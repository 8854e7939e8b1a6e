"""Likeness to clusters, an island or a group: from recipe to card."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from edp_core.appraisal.control import control_score
from edp_core.errors import InputError, MissingArtifactError
from edp_core.export.card import read, render_card
from edp_core.export.methods import Entry, render_methods
from edp_core.export.wording import describe, sign_statement, warnings
from edp_core.inputs import Inputs, group_key
from edp_core.people.assemble import build_phenome
from edp_core.phenotype import (
    SPEC,
    Clustering,
    ClusterSpec,
    GroupSpec,
    IslandSpec,
    Labels,
    evaluate,
)
from edp_core.scoring.clusters import cluster_score
from edp_core.scoring.fewshot import choose_cluster, keep_labels
from edp_core.scoring.islands import islands

N = 300
KEYS = {"cohort": "c" * 16, "phenome": "f" * 16, "embedding": "e" * 16}
CLUSTERING = Clustering(neighbours=10, resolution=1, seed=0)


@pytest.fixture(scope="module")
def inputs():
    """Three clusters; K76 lies in the first two, I10 anywhere; every tenth unseen."""
    rng = np.random.default_rng(0)
    eids = np.array([f"{1000 + i}" for i in range(N)])
    seen = np.flatnonzero(np.arange(N) % 10)
    clusters = np.arange(seen.size) % 3
    centres = np.array([[4.0, 0, 0, 0], [0, 4, 0, 0], [-4, -4, 0, 0]])
    vectors = (centres[clusters] + rng.normal(size=(seen.size, 4))).astype(np.float32)
    rows = [(eids[i], "I10") for i in rng.choice(N, 90, replace=False)]
    some = seen[(clusters < 2) & (rng.random(seen.size) < 0.4)]
    rows += [(eids[i], "K76") for i in some]
    table = pd.DataFrame(rows, columns=["eid", "icd10"], dtype="string")
    group = np.zeros(N, bool)
    group[10:90] = True
    return Inputs(
        population="everyone",
        keys=KEYS | {"atlas": "a" * 16},
        participants=pd.DataFrame({"eid": eids}),
        phenome=build_phenome(table, eids)[0],
        seen=seen,
        vectors=vectors,
        clusters=clusters,
        clustering=CLUSTERING,
        pc_components=np.eye(4),
        groups={group_key(eids, group): group},
    )


def common(**changes):
    return {
        "name": "score", "population": "everyone", "organ": "liver", "encoder": "mae",
        "cohort": KEYS["cohort"], "embedding": KEYS["embedding"],
    } | changes  # fmt: skip


def cluster_spec(**changes):
    given = {"phenome": KEYS["phenome"], "trait": "K76", "atlas": "a" * 16}
    return ClusterSpec(
        **common(**given, clustering=CLUSTERING) | {"cluster": 0} | changes
    )


def island_spec(**changes):
    return IslandSpec(
        **common(phenome=KEYS["phenome"], trait="K76", reach=0.4) | changes
    )


def group_spec(inputs, **changes):
    return GroupSpec(**common(group=next(iter(inputs.groups))) | changes)


def seen_cases(inputs, code):
    return inputs.phenome.cases(code)[inputs.seen]


# ---- several clusters ------------------------------------------------------------
def test_several_clusters_are_taken_together(inputs):
    found = evaluate(cluster_spec(also=(1,)), inputs)
    members = seen_cases(inputs, "K76") & (inputs.clusters < 2)
    expected = cluster_score(inputs.vectors, members)
    np.testing.assert_array_equal(found.values[inputs.seen], expected)
    assert found.figures["n_members"] == members.sum()
    merged = replace(inputs, clusters=np.where(inputs.clusters < 2, 0, 1))
    np.testing.assert_array_equal(evaluate(cluster_spec(), merged).values, found.values)
    control = control_score(cluster_spec(also=(1,), labels=Labels(share=0.5)), inputs)
    assert np.isfinite(control[inputs.seen]).all()
    with pytest.raises(InputError, match="There is no cluster 7"):
        evaluate(cluster_spec(also=(7,)), inputs)


def test_clusters_are_named_once_and_old_cards_keep_their_bytes():
    for also in ((0,), (2, 1), (1, 1)):
        with pytest.raises(ValidationError, match="once each, in ascending order"):
            cluster_spec(also=also)
    with pytest.raises(ValidationError, match="not several"):
        cluster_spec(also=(1,), chosen_with="kept")
    assert b"also" not in SPEC.dump_json(cluster_spec())
    assert json.loads(SPEC.dump_json(cluster_spec(also=(1, 2))))["also"] == [1, 2]


# ---- chosen with the kept labels -------------------------------------------------
def test_the_kept_labels_choose_the_cluster(inputs):
    labels = Labels(share=0.5, seed=4)
    cases = seen_cases(inputs, "K76")
    kept = keep_labels(cases, share=0.5, seed=4)
    chosen = choose_cluster(inputs.clusters, kept)
    spec = cluster_spec(cluster=chosen, labels=labels, chosen_with="kept")
    same = spec.model_copy(update={"chosen_with": "all"})
    np.testing.assert_array_equal(
        evaluate(spec, inputs).values, evaluate(same, inputs).values
    )
    other = cluster_spec(cluster=1 - chosen, labels=labels, chosen_with="kept")
    with pytest.raises(InputError, match=f"the kept labels choose {chosen}") as caught:
        evaluate(other, inputs)
    assert caught.value.hint
    assert any("seen more than its share" in text for text in warnings(same, {}))
    assert not any("seen more than its share" in text for text in warnings(spec, {}))


# ---- groups ----------------------------------------------------------------------
def test_a_group_is_scored_by_likeness_to_its_mean(inputs):
    found = evaluate(group_spec(inputs), inputs)
    members = next(iter(inputs.groups.values()))[inputs.seen]
    np.testing.assert_array_equal(
        found.values[inputs.seen], cluster_score(inputs.vectors, members)
    )
    assert np.isnan(found.values).sum() == N - inputs.seen.size
    assert found.figures == {"n": inputs.seen.size, "n_members": members.sum()}
    down = evaluate(group_spec(inputs, sign=-1, centred=False), inputs)
    np.testing.assert_array_equal(
        down.values[inputs.seen],
        -cluster_score(inputs.vectors, members, centred=False),
    )


def test_a_group_s_cases_alone(inputs):
    spec = group_spec(inputs, trait="K76", phenome=KEYS["phenome"])
    found = evaluate(spec, inputs)
    members = next(iter(inputs.groups.values()))[inputs.seen]
    cases = seen_cases(inputs, "K76")
    np.testing.assert_array_equal(
        found.values[inputs.seen], cluster_score(inputs.vectors, members & cases)
    )
    assert found.figures["n_members"] == (members & cases).sum()
    assert "log10p" not in found.figures and "auc_others" in found.figures


def test_groups_that_cannot_be_scored(inputs):
    with pytest.raises(MissingArtifactError, match="is not at hand"):
        evaluate(group_spec(inputs, group="0" * 16), inputs)
    key, group = next(iter(inputs.groups.items()))
    moved = replace(inputs, groups={key: ~group})
    with pytest.raises(MissingArtifactError, match="is not at hand"):
        evaluate(group_spec(inputs), moved)
    few = np.zeros(N, bool)
    few[inputs.seen[:4]] = True
    few[0] = True  # a fifth, without an image
    key = group_key(inputs.participants["eid"], few)
    with pytest.raises(InputError, match="fewer than 5 people with an image"):
        evaluate(group_spec(inputs, group=key), replace(inputs, groups={key: few}))
    with pytest.raises(ValidationError, match="names its phenome"):
        group_spec(inputs, trait="K76")


def test_a_group_is_named_by_who_is_in_it_and_not_by_order():
    eids, members = np.array(["b", "a", "c"]), np.array([True, True, False])
    order = [2, 0, 1]
    assert group_key(eids, members) == group_key(eids[order], members[order])
    assert group_key(eids, members) != group_key(eids, ~members)


# ---- islands ---------------------------------------------------------------------
def test_an_island_is_scored_by_likeness_to_its_cases(inputs):
    cases = seen_cases(inputs, "K76")
    found = evaluate(island_spec(), inputs)
    island = islands(inputs.vectors, cases, reach=0.4)[0]
    np.testing.assert_array_equal(
        found.values[inputs.seen],
        cluster_score(inputs.vectors, island.members & cases),
    )
    assert found.figures["objective"] == island.value < 0
    assert found.figures["n_members"] == (island.members & cases).sum()
    second = evaluate(island_spec(island=2), inputs)
    assert not np.allclose(second.values[inputs.seen], found.values[inputs.seen])


def test_islands_that_cannot_be_scored(inputs):
    with pytest.raises(InputError, match="There is no island 20"):
        evaluate(island_spec(island=20), inputs)
    with pytest.raises(InputError, match="There is no island 1 of K76"):
        evaluate(island_spec(reach=1e-9), inputs)
    with pytest.raises(InputError, match="island holds fewer than 200 such cases"):
        evaluate(island_spec(), replace(inputs, threshold=200))


# ---- cards and words -------------------------------------------------------------
def all_specs(inputs):
    return [
        cluster_spec(also=(1, 2)),
        cluster_spec(labels=Labels(share=0.5), chosen_with="kept"),
        island_spec(island=2, gamma=0.5),
        group_spec(inputs),
        group_spec(inputs, trait="K76", drawn_on="I10", phenome=KEYS["phenome"]),
    ]


def test_cards_are_read_back_and_hold_no_ids(inputs):
    eids = set(inputs.participants["eid"])
    for spec in all_specs(inputs):
        card = render_card(
            Entry(spec, "quantitative", {"participants": 270}),
            study="s", simulated=False, versions={},
        )  # fmt: skip
        assert read(card) == spec == SPEC.validate_json(SPEC.dump_json(spec))
        assert not any(f'"{eid}"' in card.decode() for eid in eids)


def test_words_say_what_was_done(inputs):
    clusters, kept, island, group, drawn = all_specs(inputs)
    assert "cluster 0, 1, 2 was chosen." in describe(clusters)
    assert "most enriched for the kept labels alone" in describe(kept)
    assert "γ = 0.5 for others and λ = 0.4" in describe(island)
    assert "2. island of K76" in describe(island)
    assert sign_statement(group) == "higher = more like the group"
    assert "on a map coloured by I10" in describe(drawn)
    assert "its members with K76" in describe(drawn)
    assert warnings(group, {}) == []
    said = " ".join(warnings(drawn, {}))
    assert "made from the labels of K76" in said and "on the labels of I10" in said
    assert any("circular" in text for text in warnings(island, {}))
    told = [
        Entry(spec, "quantitative", {"participants": 9}) for spec in (island, group)
    ]
    text = render_methods(
        told,
        runs=[], study="s", simulated=False, versions={}, encoders={},
    )  # fmt: skip
    assert "Representation Learning based" in text
    assert "Leiden" not in text and "discriminant" not in text


def null_study(seed):
    """Five clusters and a trait drawn at random."""
    rng = np.random.default_rng(seed)
    n = 900
    eids = np.array([f"{10000 + i}" for i in range(n)])
    clusters = rng.integers(0, 5, n)
    vectors = rng.normal(size=(5, 6))[clusters] * 2 + rng.normal(size=(n, 6))
    rows = [(eids[i], "K76") for i in rng.choice(n, 150, replace=False)]
    table = pd.DataFrame(rows, columns=["eid", "icd10"], dtype="string")
    group = vectors[:, 0] > np.quantile(vectors[:, 0], 0.7)
    return Inputs(
        population="everyone", keys=KEYS | {"atlas": "a" * 16},
        participants=pd.DataFrame({"eid": eids}),
        phenome=build_phenome(table, eids)[0], seen=np.arange(n),
        vectors=vectors.astype(np.float32), clusters=clusters, clustering=CLUSTERING,
        pc_components=np.eye(6), groups={group_key(eids, group): group},
    )  # fmt: skip


def test_noise_is_not_told_apart_by_likeness_to_a_cluster_or_a_group():
    """Controls beside the members are left out: near them, whatever they have."""
    found = {"cluster": [], "group": []}
    for seed in range(20):
        inputs = null_study(seed)
        spec = GroupSpec(
            **common(phenome=KEYS["phenome"], trait="K76"),
            group=next(iter(inputs.groups)),
        )
        found["group"].append(evaluate(spec, inputs).figures["auc_others"])
        figures = evaluate(cluster_spec(cluster=1), inputs).figures
        found["cluster"].append(figures["auc_others"])
    for values in found.values():
        error = np.std(values) / len(values) ** 0.5
        assert abs(np.mean(values) - 0.5) < 4 * error
        assert error < 0.02


def test_the_control_is_transformed_as_the_score_is():
    inputs = null_study(0)
    labels = Labels(share=0.5, seed=1)
    plain = cluster_spec(cluster=1, labels=labels)
    ranked = plain.model_copy(update={"transform": "rank-inverse-normal"})
    before, after = (control_score(spec, inputs) for spec in (plain, ranked))
    np.testing.assert_array_equal(np.argsort(before), np.argsort(after))
    assert abs(after.mean()) < 1e-9 and after.std() == pytest.approx(1, abs=0.02)


def test_who_does_not_count_is_not_compared_and_chooses_no_cluster():
    inputs = null_study(3)
    phenome, n = inputs.phenome, len(inputs.participants)
    cases = phenome.cases("K76")
    outside = np.arange(n) % 3 == 0
    at = phenome.at(["K76"])[0]
    traits = phenome.traits.copy()
    traits.loc[traits.index[at], "exclusion"] = 0
    some = replace(
        inputs,
        phenome=replace(
            phenome,
            traits=traits,
            excluded_starts=np.array([0, outside.sum()]),
            excluded_rows=np.flatnonzero(outside).astype(np.int32),
        ),
    )
    figures = evaluate(cluster_spec(cluster=1), some).figures
    assert figures["n_controls"] == (~outside & ~cases).sum()
    everyone = evaluate(cluster_spec(cluster=1), inputs)
    elsewhere = (inputs.clusters != 1) & (~outside | cases)
    above = (
        everyone.values[elsewhere & cases][:, None]
        > everyone.values[elsewhere & ~cases]
    )
    assert figures["auc_others"] == pytest.approx(above.mean(), abs=1e-12)
    kept = cases & ~outside
    inside = ~outside | cases
    chosen = choose_cluster(inputs.clusters, kept, counted=inside)
    assert chosen == choose_cluster(inputs.clusters[inside], kept[inside])
