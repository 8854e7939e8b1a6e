"""From a recipe to numbers: what is seen is what is exported."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy import stats

from edp_core.appraisal.control import control_score
from edp_core.artifacts import read_cohort, read_inputs, read_phenome
from edp_core.errors import InputError, MissingArtifactError
from edp_core.export.wording import warnings
from edp_core.people.assemble import build_phenome
from edp_core.phenotype import (
    SPEC,
    AxisSpec,
    ClassifierSpec,
    ClusterSpec,
    CodeSpec,
    ColumnSpec,
    Labels,
    adjusted_vectors,
    evaluate,
)
from edp_core.stats.transform import rank_inverse_normal
from edp_core.store import Store, read_table
from edp_core.study import load_study


@pytest.fixture(scope="module")
def study(done_study):
    return load_study(done_study)


@pytest.fixture(scope="module")
def inputs(study):
    return read_inputs(study, Store(study.store_path), organ="liver", encoder="mae")


@pytest.fixture(scope="module")
def scan(study):
    table = read_table(Store(study.store_path).at("scan/liver/mae"), "scan")
    return table[table["reason"] == ""].reset_index(drop=True)


@pytest.fixture(scope="module")
def recipe(inputs, scan):
    """Maker of recipes on the done study, of the cluster and code with most cases."""
    within = np.array([
        np.bincount(
            inputs.clusters[inputs.phenome.cases(c)[inputs.seen]],
            minlength=inputs.clusters.max() + 1,
        )
        for c in scan["code"]
    ])  # fmt: skip
    row, fullest = np.unravel_index(within.argmax(), within.shape)
    code = scan["code"].iat[int(row)]

    def make(method="classifier", **changes):
        kinds = {"classifier": ClassifierSpec, "cluster": ClusterSpec}
        keys = {k: inputs.keys[k] for k in ("cohort", "phenome", "embedding")}
        given = {
            "name": "score", "population": "everyone", "organ": "liver",
            "encoder": "mae", "trait": code, **keys,
        }  # fmt: skip
        if method == "cluster":
            given |= {
                "atlas": inputs.keys["atlas"],
                "clustering": inputs.clustering,
                "cluster": int(fullest),
            }
        return kinds[method](**given | changes)

    return make


def test_figures_equal_the_row_of_the_scan(study, inputs, scan, recipe):
    analysis = study.analysis
    for row in scan.head(3).itertuples():
        figures = evaluate(
            recipe(
                trait=row.code,
                folds=analysis.folds,
                fold_seed=analysis.seed,
                shrinkage=analysis.shrinkage,
                oversampling=analysis.oversampling,
            ),
            inputs,
        ).figures
        assert figures["n_cases"] == row.n_cases
        assert figures["n_controls"] == row.n_controls
        for name in ("auc", "auc_low", "auc_high", "log10p"):
            assert figures[name] == pytest.approx(getattr(row, name), rel=1e-6)


@pytest.mark.parametrize("method", ["classifier", "cluster"])
def test_minus_one_turns_the_score_round(inputs, recipe, method):
    up = evaluate(recipe(method), inputs)
    down = evaluate(recipe(method, sign=-1), inputs)
    np.testing.assert_array_equal(down.values, -up.values)
    assert up.figures == down.figures


@pytest.mark.parametrize("method", ["classifier", "cluster"])
def test_ranks_are_made_normal_after_the_sign(inputs, recipe, method):
    plain = evaluate(recipe(method, sign=-1), inputs)
    found = evaluate(recipe(method, sign=-1, transform="rank-inverse-normal"), inputs)
    np.testing.assert_array_equal(found.values, rank_inverse_normal(plain.values))
    known = np.isfinite(plain.values)
    assert stats.spearmanr(found.values[known], plain.values[known]).statistic == (
        pytest.approx(1)
    )
    assert found.figures == plain.figures


def test_a_column_that_does_not_vary_has_no_ranks(inputs):
    people = inputs.participants.assign(same=4.0)
    spec = ColumnSpec(
        name="same", population="everyone", cohort=inputs.keys["cohort"],
        column="same", transform="rank-inverse-normal",
    )  # fmt: skip
    with pytest.raises(InputError, match="fewer than two distinct values"):
        evaluate(spec, replace(inputs, participants=people))


def test_factors_that_took_nothing_out_are_told(inputs, recipe):
    people = inputs.participants.assign(
        site="one", born=2020 - inputs.participants["age_years"]
    )
    spec = recipe(remove_covariates=("age_years", "site", "born"))
    figures = evaluate(spec, replace(inputs, participants=people)).figures
    assert figures["warnings"] == [
        "Regressing out site: it does not vary: left out.",
        "Regressing out born: it says nothing beside age_years.",
    ]
    assert warnings(spec, figures)[-2:] == figures["warnings"]
    plain = evaluate(recipe(remove_covariates=("age_years",)), inputs)
    assert "warnings" not in plain.figures


def test_higher_is_more_like_the_cases(inputs, recipe):
    found = evaluate(recipe(), inputs)
    cases = inputs.phenome.cases(found.spec.trait)
    known = np.isfinite(found.values) & inputs.phenome.eligible(found.spec.trait)
    ranks = pd.Series(found.values[known]).rank().to_numpy()
    n_p = cases[known].sum()
    u = ranks[cases[known]].sum() - n_p * (n_p + 1) / 2
    assert found.figures["auc"] == pytest.approx(u / (n_p * (~cases[known]).sum()))


@pytest.mark.parametrize("method", ["classifier", "cluster"])
def test_participants_without_images_are_missing(inputs, recipe, method):
    found = evaluate(recipe(method), inputs)
    everyone = inputs.participants["eid"].to_numpy(str)
    np.testing.assert_array_equal(found.eids, everyone)
    without = np.setdiff1d(np.arange(len(everyone)), inputs.seen)
    assert len(without) > 0
    assert np.isnan(found.values[without]).all()
    assert np.isfinite(found.values[inputs.seen]).all()
    assert found.figures["n"] == len(inputs.seen)
    if method == "classifier":
        assert (found.folds[without] == -1).all()
        assert set(found.folds[inputs.seen]) == set(range(10))
    else:
        assert found.folds is None
        assert "log10p" not in found.figures, "a circular test"


def test_the_code_as_a_baseline(inputs, scan):
    code = scan["code"].iat[0]
    spec = CodeSpec(
        name="code", population="everyone", trait=code,
        cohort=inputs.keys["cohort"], phenome=inputs.keys["phenome"],
    )  # fmt: skip
    found = evaluate(spec, inputs)
    assert found.kind == "binary"
    np.testing.assert_array_equal(found.values, inputs.phenome.cases(code))
    assert found.figures == {
        "n": len(inputs.participants),
        "n_cases": int(inputs.phenome.cases(code).sum()),
    }


def column_spec(inputs, column):
    return ColumnSpec(
        name="column",
        population="everyone",
        cohort=inputs.keys["cohort"],
        column=column,
    )


def test_a_column_as_a_baseline(inputs):
    found = evaluate(column_spec(inputs, "bmi"), inputs)
    assert found.kind == "quantitative"
    np.testing.assert_array_equal(found.values, inputs.participants["bmi"])
    assert found.figures == {"n": int(inputs.participants["bmi"].notna().sum())}


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("volume", "no column 'volume'"),
        ("eid", "no column 'eid'"),
        ("centre", "'centre' is a category"),
    ],
)
def test_columns_that_are_no_quantity(inputs, column, said):
    with pytest.raises(InputError, match=said) as caught:
        evaluate(column_spec(inputs, column), inputs)
    assert caught.value.hint


# ---- axes ------------------------------------------------------------------------
def axis_spec(inputs, axis=1, of="pc", **changes):
    given = {
        "name": "axis", "population": "everyone", "organ": "liver", "encoder": "mae",
        "of": of, "axis": axis,
        **{k: inputs.keys[k] for k in ("cohort", "embedding")},
    } | ({"atlas": inputs.keys["atlas"]} if of == "pc" else {})  # fmt: skip
    return AxisSpec(**given | changes)


def test_a_component_is_the_score_of_the_atlas(study, inputs):
    atlas = Store(study.store_path).at("atlas/liver/mae")
    scores, shares = (
        np.load(atlas / "pc_scores.npy"),
        np.load(atlas / "pc_explained.npy"),
    )
    for number in (1, 2, 5):
        found = evaluate(axis_spec(inputs, number), inputs)
        assert found.kind == "quantitative" and found.folds is None
        np.testing.assert_allclose(
            found.values[inputs.seen], scores[:, number - 1], rtol=1e-3, atol=1e-3
        )
        assert found.figures == {
            "n": len(inputs.seen),
            "variance_explained": pytest.approx(shares[number - 1]),
        }
        without = np.setdiff1d(np.arange(len(found.eids)), inputs.seen)
        assert np.isnan(found.values[without]).all() and len(without)


def test_an_axis_is_a_column_of_the_embedding(inputs):
    found = evaluate(axis_spec(inputs, 3, of="axis"), inputs)
    column = inputs.vectors[:, 2].astype(float)
    np.testing.assert_allclose(
        found.values[inputs.seen], column - column.mean(), atol=1e-9
    )
    down = evaluate(axis_spec(inputs, 3, of="axis", sign=-1), inputs)
    np.testing.assert_array_equal(down.values, -found.values)


def test_an_axis_needs_no_diagnoses(inputs):
    none = build_phenome(
        pd.DataFrame({"eid": [], "icd10": []}, dtype="string"), inputs.phenome.eids
    )[0]
    bare = replace(inputs, phenome=none)
    spec = axis_spec(inputs)
    np.testing.assert_array_equal(
        evaluate(spec, bare).values, evaluate(spec, inputs).values
    )


def test_an_axis_without_what_was_regressed_out(inputs):
    spec = axis_spec(inputs, remove_covariates=("age_years",))
    score = evaluate(spec, inputs).values[inputs.seen]
    age = inputs.participants["age_years"].to_numpy(float)[inputs.seen]
    known = np.isfinite(age)
    filled = np.where(known, age, age[known].mean())
    assert abs(np.corrcoef(score, filled)[0, 1]) < 1e-6
    whole = evaluate(axis_spec(inputs), inputs)
    share = evaluate(spec, inputs).figures["variance_explained"]
    assert share == whole.figures["variance_explained"], "of the embedding as it is"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"axis": 10_000}, "PC 10000 was asked for; the atlas holds"),
        ({"of": "axis", "axis": 10_000}, "Axis 10000 was asked for; the embedding has"),
    ],
)
def test_axes_there_are_not(inputs, changes, said):
    with pytest.raises(InputError, match=said) as caught:
        evaluate(axis_spec(inputs, **changes), inputs)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"axis": 0}, "greater than or equal to 1"),
        ({"axis": 2, "remove_pcs": (1, 2)}, "PC2 cannot be removed from itself"),
        ({"atlas": None}, "a PC names its atlas"),
        ({"of": "axis", "atlas": "a" * 16}, "an axis of the embedding names none"),
        ({"trait": "K760"}, "Extra inputs"),
    ],
)
def test_axes_that_make_no_sense_are_refused(inputs, changes, said):
    with pytest.raises(ValidationError, match=said):
        axis_spec(inputs, **changes)


def test_an_axis_of_another_embedding_or_atlas_is_refused(inputs):
    for kind in ("embedding", "atlas", "cohort"):
        with pytest.raises(MissingArtifactError, match=f"from another {kind} .ffff"):
            evaluate(axis_spec(inputs, **{kind: "f" * 16}), inputs)


# ---- adjustment ------------------------------------------------------------------
def test_without_pc_1_nothing_is_left_along_it(inputs, recipe):
    rest = adjusted_vectors(recipe(remove_pcs=(1,)), inputs)
    size = np.abs(inputs.vectors - inputs.vectors.mean(axis=0)).max()
    assert np.abs(rest @ inputs.pc_components[0]).max() < 1e-5 * size
    kept = rest @ inputs.pc_components[1]
    before = (inputs.vectors - inputs.vectors.mean(axis=0)) @ inputs.pc_components[1]
    np.testing.assert_allclose(kept, before, atol=1e-4 * size)
    plain = evaluate(recipe(), inputs)
    assert not np.allclose(
        evaluate(recipe(remove_pcs=(1,)), inputs).values[inputs.seen],
        plain.values[inputs.seen],
    )


def test_regressed_out_covariates_are_uncorrelated_with_every_axis(inputs, recipe):
    names = ("age_years", "sex")
    rest = adjusted_vectors(recipe(remove_covariates=names), inputs)
    people = inputs.participants.iloc[inputs.seen]
    age = people["age_years"].fillna(people["age_years"].mean()).to_numpy(float)
    male = (people["sex"] == "M").to_numpy(float)
    for factor in (age, male):
        assert np.abs((factor - factor.mean()) @ rest).max() < 1e-6 * len(rest)


def test_nothing_removed_gives_the_vectors_themselves(inputs, recipe):
    assert adjusted_vectors(recipe(), inputs) is inputs.vectors


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"remove_pcs": (10_000,)}, "PC 10000 was asked for; the atlas holds"),
        ({"remove_covariates": ("height",)}, r"no column \['height'\]"),
        ({"trait": "Q999"}, "Nobody in this study has the code 'Q999'"),
    ],
)
def test_recipes_the_study_cannot_serve(inputs, recipe, changes, said):
    with pytest.raises(InputError, match=said) as caught:
        evaluate(recipe(**changes), inputs)
    assert caught.value.hint


def test_a_cluster_that_does_not_exist(inputs, recipe):
    with pytest.raises(InputError, match="There is no cluster 999"):
        evaluate(recipe("cluster", cluster=999), inputs)


def test_a_clustering_that_is_not_the_atlas_s(inputs, recipe):
    other = inputs.clustering.model_copy(update={"resolution": 7.0})
    with pytest.raises(MissingArtifactError, match="is not that of its atlas"):
        evaluate(recipe("cluster", clustering=other), inputs)


# ---- few labels ------------------------------------------------------------------
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_share_of_the_labels_is_used(inputs, recipe, share):
    spec = recipe(labels=Labels(share=share, seed=3), folds=2)
    found = evaluate(spec, inputs)
    n_cases = found.figures["n_cases"]
    assert found.figures["n_labelled"] == int(share * n_cases + 0.5) < n_cases
    whole = evaluate(recipe(folds=2), inputs)
    assert whole.figures["n_labelled"] == n_cases
    assert not np.allclose(found.values[inputs.seen], whole.values[inputs.seen])
    again = evaluate(spec, inputs)
    np.testing.assert_array_equal(found.values, again.values)


def test_the_control_of_a_few_shot_score_takes_other_members(inputs, recipe):
    cases = inputs.phenome.cases(recipe().trait)[inputs.seen]
    cluster = int(np.bincount(inputs.clusters[cases]).argmax())
    spec = recipe("cluster", cluster=cluster, labels=Labels(share=0.9, seed=1))
    found, control = evaluate(spec, inputs), control_score(spec, inputs)
    assert found.figures["n_members"] >= 2
    assert control.shape == found.values.shape
    assert np.isnan(control).sum() == np.isnan(found.values).sum()
    assert not np.allclose(control[inputs.seen], found.values[inputs.seen])
    turned = control_score(spec.model_copy(update={"sign": -1}), inputs)
    np.testing.assert_array_equal(turned, -control)


def test_a_control_without_an_atlas(study, recipe):
    bare = read_inputs(study, Store(study.store_path))
    with pytest.raises(MissingArtifactError, match="no embedding to adjust"):
        control_score(recipe("cluster"), bare)


# ---- keys ------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["cohort", "phenome", "embedding", "atlas"])
def test_a_recipe_of_another_artifact_is_refused(inputs, recipe, kind):
    spec = recipe("cluster", **{kind: "f" * 16})
    with pytest.raises(MissingArtifactError, match=f"from another {kind} .ffff") as got:
        evaluate(spec, inputs)
    assert "design the phenotype again" in got.value.hint


def test_a_recipe_of_another_population_is_refused(inputs, recipe):
    with pytest.raises(MissingArtifactError, match="for the population 'women'") as got:
        evaluate(recipe(population="women"), inputs)
    assert "set `population` in study.toml" in got.value.hint


def test_an_image_recipe_needs_its_embedding(study, recipe):
    bare = read_inputs(study, Store(study.store_path))
    with pytest.raises(MissingArtifactError, match=r"from another embedding .*None"):
        evaluate(recipe(), bare)


# ---- recipes as text -------------------------------------------------------------
def test_recipes_survive_json(inputs, recipe):
    for spec in (
        recipe(remove_pcs=(1, 2), labels=Labels(share=0.5)),
        recipe("cluster", sign=-1),
        column_spec(inputs, "bmi"),
        axis_spec(inputs, 2, remove_covariates=("bmi",)),
        axis_spec(inputs, 2, of="axis", remove_pcs=(2,)),
    ):
        assert SPEC.validate_json(SPEC.dump_json(spec)) == spec


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "1st"}, {"name": "a b"}, {"sign": 0}, {"folds": 11},
        {"labels": {"share": 0}}, {"remove_pcs": (0,)}, {"surprise": 1},
    ],
)  # fmt: skip
def test_recipes_that_make_no_sense_are_refused(recipe, changes):
    with pytest.raises(ValidationError):
        recipe(**changes)


# ---- order of the input ----------------------------------------------------------
def test_the_order_of_the_participants_table_changes_no_value(
    done_study, copy_of, inputs, recipe
):
    from precompute.ingest_tables import ingest_cohort, ingest_phenome

    folder = copy_of(done_study)
    study = load_study(folder)
    table = folder / study.participants.table
    head, *rows = table.read_text().splitlines()
    order = np.random.default_rng(5).permutation(len(rows))
    table.write_text("\n".join([head, *(rows[i] for i in order)]) + "\n")
    store = Store(study.store_path)
    ingest_cohort(study, store.at("cohort"))
    ingest_phenome(study, read_cohort(store), store.at("phenome"))
    shuffled = read_inputs_past_sizes(study, store)
    pd.testing.assert_frame_equal(shuffled.participants, inputs.participants)
    for spec in (recipe(remove_covariates=("sex",)), recipe("cluster")):
        np.testing.assert_array_equal(
            evaluate(spec, shuffled).values, evaluate(spec, inputs).values
        )


def read_inputs_past_sizes(study, store):
    """Inputs although two artifacts were written over in place."""
    from dataclasses import replace

    at = store.open
    try:
        store.open = store.folder
        found = read_inputs(study, store, organ="liver", encoder="mae")
        return replace(found, phenome=read_phenome(store))
    finally:
        store.open = at


@pytest.mark.parametrize(
    "changes", [{"remove_pcs": (1, 1)}, {"remove_covariates": ("eid",)}]
)
def test_factors_are_named_once_and_are_no_ids(recipe, changes):
    with pytest.raises(ValueError, match="each factor once, and none of them eid"):
        recipe(**changes)


def test_a_cluster_with_too_few_cases_is_refused(recipe, inputs):
    labels = inputs.clusters.copy()
    cases = inputs.phenome.cases(recipe().trait)[inputs.seen]
    labels[:] = 1
    labels[np.flatnonzero(cases)[: inputs.threshold - 1]] = 0
    few = replace(inputs, clusters=labels)
    with pytest.raises(InputError, match="fewer than 5 such cases"):
        evaluate(recipe("cluster", cluster=0), few)
    labels[np.flatnonzero(cases)[inputs.threshold - 1]] = 0
    assert evaluate(recipe("cluster", cluster=0), few).figures["n_members"] == 5


def test_a_held_out_half_counts_its_own_cases(inputs, recipe):
    found = evaluate(recipe(score="held-out"), inputs)
    trait = found.spec.trait
    scored = np.isfinite(found.values)
    cases, counted = inputs.phenome.cases(trait), inputs.phenome.eligible(trait)
    assert found.folds is None
    assert found.figures["n_cases"] == (scored & cases).sum()
    assert found.figures["n_controls"] == (scored & counted & ~cases).sum()
    seen = np.zeros(len(cases), bool)
    seen[inputs.seen] = True
    trained = found.figures["n_cases_trained_on"]
    assert trained + found.figures["n_cases"] == (seen & cases).sum()
    with pytest.raises(InputError, match="One half of the folds holds fewer than"):
        evaluate(recipe(score="held-out"), replace(inputs, threshold=trained + 1))
