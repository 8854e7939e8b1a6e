from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from edp_core.appraisal.control import control_score
from edp_core.appraisal.fewshot_curve import COLUMNS, fewshot_curve
from edp_core.appraisal.many_scores import cosines
from edp_core.errors import InputError, MissingArtifactError
from edp_core.inputs import Inputs
from edp_core.people.assemble import build_phenome
from edp_core.phenotype import Labels, evaluate
from edp_core.recipe import ClassifierSpec, Clustering, ClusterSpec
from edp_core.scoring.clusters import cluster_score
from edp_core.scoring.fewshot import keep_labels

N, AXES = 600, 12
KEYS = dict(
    name="s", population="everyone", cohort="c", organ="liver", encoder="mae",
    embedding="e", phenome="p", trait="K76",
)  # fmt: skip
HOW = Clustering(neighbours=10, resolution=1.0, seed=0)
CLUSTER = ClusterSpec(**KEYS, atlas="a", clustering=HOW, cluster=2)
CLASSIFIER = ClassifierSpec(**KEYS, folds=4)


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    eids = np.array([f"{1000001 + i}" for i in range(N + 10)])
    labels = rng.integers(0, 5, N)
    z = rng.normal(size=(N, AXES)) + 0.8 * rng.normal(size=(5, AXES))[labels] + 4
    cases = rng.random(N) < np.where(labels == 2, 0.5, 0.05)
    z[cases, 0] += 1.5
    table = pd.DataFrame({"eid": eids[10:][cases], "icd10": "K76"})
    return Inputs(
        population="everyone",
        keys={"cohort": "c", "phenome": "p", "embedding": "e", "atlas": "a"},
        participants=pd.DataFrame({"eid": eids, "age": rng.normal(size=N + 10)}),
        phenome=build_phenome(table, eids)[0],
        seen=np.arange(10, N + 10),
        vectors=z.astype(np.float32),
        clusters=labels,
        clustering=HOW,
        pc_components=np.eye(AXES)[:3],
    )


def test_many_cosines_equal_one_at_a_time(inputs):
    rng = np.random.default_rng(1)
    members = [rng.random(N) < share for share in (0.005, 0.05, 0.5, 1)]
    members += [np.arange(N) < 2, np.arange(N) < 1, np.zeros(N, bool)]
    for centred in (True, False):
        for excluded in (True, False):
            how = {"centred": centred, "self_excluded": excluded}
            found = cosines(inputs.vectors, members, **how)
            for column, own in enumerate(members[:5]):
                one = cluster_score(inputs.vectors, own, **how)
                np.testing.assert_allclose(found[:, column], one, atol=1e-9)
            assert np.isnan(found[:, 5:]).all()


@pytest.mark.parametrize("transform", ["none", "rank-inverse-normal"])
@pytest.mark.parametrize("spec", [CLUSTER, CLASSIFIER], ids=["cluster", "classifier"])
def test_correlations_are_those_of_what_evaluate_gives(inputs, spec, transform):
    spec = spec.model_copy(update={"transform": transform, "sign": -1})
    table = fewshot_curve(spec, inputs, shares=(0.1, 0.4), repeats=3)
    assert list(table.columns) == list(COLUMNS)
    assert table["drawn"].tolist() == ["labels", "control"] * 2
    full = evaluate(spec, inputs).values[inputs.seen]
    n_cases = int(inputs.phenome.cases("K76").sum())
    for share in (0.1, 0.4):
        for drawn in ("labels", "control"):
            if drawn == "control" and spec.method == "classifier":
                continue
            found = []
            for seed in range(3):
                if drawn == "control" and transform != "none":
                    continue
                few = spec.model_copy(update={"labels": Labels(share=share, seed=seed)})
                values = (
                    control_score(few, inputs)
                    if drawn == "control"
                    else evaluate(few, inputs).values
                )[inputs.seen]
                found.append(
                    (np.corrcoef(full, values)[0, 1],
                     stats.spearmanr(full, values).statistic)
                )  # fmt: skip
            if not found:  # the control has no transform of its own
                continue
            row = table.query("share == @share and drawn == @drawn").iloc[0]
            assert row["n_labels"] == int(share * n_cases + 0.5)
            assert row["scored"] == row["repeats"] == 3 and row["reason"] == ""
            for name, values in zip(
                ("pearson", "spearman"), np.array(found).T, strict=True
            ):
                assert row[name] == pytest.approx(values.mean(), abs=1e-6)
                low, high = np.percentile(values, (2.5, 97.5))
                assert row[f"{name}_low"] == pytest.approx(low, abs=1e-6)
                assert row[f"{name}_high"] == pytest.approx(high, abs=1e-6)


def test_all_labels_are_the_score_and_labels_beat_random_people(inputs):
    table = fewshot_curve(CLASSIFIER, inputs, shares=(0.3, 1.0), repeats=6)
    rows = table.set_index(["share", "drawn"])
    whole = rows.loc[(1.0, "labels")]
    assert whole["pearson_low"] == pytest.approx(1) and whole["scored"] == 6
    assert (
        rows.loc[(0.3, "labels"), "pearson_low"]
        > (rows.loc[(0.3, "control"), "pearson_high"])
    )
    assert abs(rows.loc[(1.0, "control"), "pearson"]) < 0.3
    assert rows["n_members"].isna().all() and rows["same_cluster"].isna().all()


def test_the_control_of_a_cluster_is_nearly_as_good(inputs):
    rows = fewshot_curve(CLUSTER, inputs).set_index(["share", "drawn"])
    assert rows.loc[(1.0, "control"), "pearson"] > 0.7
    assert (rows["same_cluster"] == 1).all()
    labels = rows.xs("labels", level="drawn")
    assert labels["pearson"].dropna().is_monotonic_increasing
    assert (
        labels["n_members"].iat[-1]
        == (inputs.phenome.cases("K76")[inputs.seen] & (inputs.clusters == 2)).sum()
    )


def test_a_cluster_chosen_with_the_kept_labels_may_be_another(inputs):
    spec = CLUSTER.model_copy(update={"chosen_with": "kept"})
    rows = fewshot_curve(spec, inputs, shares=(0.02, 1.0), repeats=20)
    few, whole = rows.iloc[0], rows.iloc[2]
    assert few["same_cluster"] < 1 and whole["same_cluster"] == 1
    assert (
        few["pearson_low"]
        < fewshot_curve(CLUSTER, inputs, shares=(0.02,), repeats=20)["pearson_low"].iat[
            0
        ]
        or few["scored"] < 20
    )
    assert whole["pearson"] == pytest.approx(1)


def test_too_few_labels_are_told_and_not_guessed(inputs):
    one = fewshot_curve(CLASSIFIER, inputs, shares=(1e-4,), repeats=4)
    assert (one["scored"] == 0).all() and (one["n_labels"] == 1).all()
    assert one[["pearson", "spearman_low"]].isna().all(axis=None)
    assert set(one["reason"]) == {"too few labels to make a score"}
    two = fewshot_curve(CLUSTER, inputs, shares=(1e-4,), repeats=4)
    assert set(two["reason"]) == {"too few labels to make a score"}


def test_a_draw_that_chooses_no_cluster_is_not_scored_and_ends_nothing(inputs):
    cases = inputs.phenome.cases("K76")[inputs.seen]
    spec = CLUSTER.model_copy(update={"chosen_with": "kept"})
    labels = np.where(inputs.clusters == 2, 2, -1)  # many cases are in no cluster
    labels[np.flatnonzero((labels < 0) & ~cases)[:200]] = 0
    how = replace(inputs, clusters=labels)
    share, repeats = 2 / cases.sum(), 40
    kept = [keep_labels(cases, share=share, seed=seed) for seed in range(repeats)]
    found = [int((k & (labels == 2)).sum()) for k in kept]
    row = fewshot_curve(spec, how, shares=(share,), repeats=repeats).iloc[0]
    assert 0 < found.count(0) < repeats, "some draws choose a cluster and some do not"
    assert row["n_labels"] == 2 and row["repeats"] == repeats
    assert row["scored"] == sum(n > 1 for n in found)  # one has only itself
    assert row["same_cluster"] == pytest.approx(1 - found.count(0) / repeats)
    assert row["n_members"] == pytest.approx(np.mean(found))
    assert row["reason"] == "" and np.isfinite(row["pearson"])


def test_a_share_of_which_no_draw_chooses_a_cluster_says_why(inputs):
    cases = inputs.phenome.cases("K76")[inputs.seen]
    spec = CLUSTER.model_copy(update={"chosen_with": "kept"})
    share, repeats = 1e-4, 4
    kept = [keep_labels(cases, share=share, seed=seed) for seed in range(repeats)]
    labels = np.where(np.any(kept, axis=0), -1, inputs.clusters)
    rows = fewshot_curve(
        spec, replace(inputs, clusters=labels), shares=(share, 1.0), repeats=repeats
    )
    few, whole = rows[rows["share"] == share], rows[rows["share"] == 1]
    assert (few["repeats"] == repeats).all() and (few["scored"] == 0).all()
    assert (few["n_members"] == 0).all() and (few["same_cluster"] == 0).all()
    assert set(few["reason"]) == {
        "no cluster is richer in the kept cases than the others"
    }
    assert few["pearson"].isna().all()
    assert (whole["reason"] == "").all() and whole["pearson"].iat[0] == pytest.approx(1)


def test_refuses(inputs):
    with pytest.raises(InputError, match="1 repeats"):
        fewshot_curve(CLUSTER, inputs, repeats=1)
    with pytest.raises(InputError, match="share of labels kept is 2"):
        fewshot_curve(CLUSTER, inputs, shares=(2,))
    with pytest.raises(InputError, match="fewer than 500 such cases"):
        fewshot_curve(CLUSTER, replace(inputs, threshold=500))
    with pytest.raises(MissingArtifactError, match="no atlas"):
        fewshot_curve(CLUSTER, replace(inputs, clusters=None))
