"""Directions kept by the scan give the scores that learning anew gives, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edp_core.artifacts import read_inputs
from edp_core.phenotype import ClassifierSpec, Labels, evaluate
from edp_core.scoring.learnt import MadeWith
from edp_core.store import Store, read_table
from edp_core.study import load_study


@pytest.fixture(scope="module")
def inputs(done_study):
    study = load_study(done_study)
    return read_inputs(study, Store(study.store_path), organ="liver", encoder="mae")


def spec(inputs, code, **more):
    return ClassifierSpec(
        name="score", population=inputs.population, organ="liver", encoder="mae",
        trait=code, oversampling="expected", **more,
        **{kind: inputs.keys[kind] for kind in ("cohort", "phenome", "embedding")},
    )  # fmt: skip


def test_every_trait_that_was_scored_has_its_directions(inputs, done_study):
    table = read_table(Store(done_study / "store").at("scan/liver/mae"), "scan")
    scored = list(table.loc[table["reason"] == "", "code"])
    assert inputs.learnt.codes == scored
    assert inputs.learnt.made_with == MadeWith(10, 0, 0.1, "expected")
    assert inputs.learnt.held.shape == (len(scored), 10, inputs.vectors.shape[1] + 2)
    left = table.loc[table["reason"] != "", "code"]
    assert inputs.learnt.of(left.iloc[0]) is None


def test_scores_are_those_learnt_anew_to_the_bit(inputs):
    restricted = inputs.phenome.eligibility(list(inputs.learnt.codes)).of >= 0
    assert restricted.any(), "some traits leave people aside"
    for code in inputs.learnt.codes:
        one = spec(inputs, code)
        kept, anew = evaluate(one, inputs), evaluate(one, replace(inputs, learnt=None))
        assert np.array_equal(kept.values, anew.values, equal_nan=True), code
        assert kept.figures == anew.figures


@pytest.mark.parametrize(
    "more",
    [
        {"labels": Labels(share=0.5)},
        {"remove_pcs": (1,)},
        {"remove_covariates": ("sex",)},
        {"score": "best-of-fold"},
        {"folds": 5},
        {"fold_seed": 3},
        {"shrinkage": 0.3},
    ],
    ids=str,
)
def test_another_model_takes_nothing_of_it(inputs, more):
    code = inputs.learnt.codes[0]
    wrong = replace(inputs.learnt, held=np.full_like(inputs.learnt.held, np.nan))
    spoilt = replace(inputs, learnt=wrong)
    assert not np.isfinite(evaluate(spec(inputs, code), spoilt).values).any()
    scores = evaluate(spec(inputs, code, **more), spoilt).values
    assert np.isfinite(scores).sum() == len(inputs.seen)
