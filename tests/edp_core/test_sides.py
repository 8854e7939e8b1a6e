"""Axes of one side of a paired organ, and families of axes, on made-up vectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from edp_core.errors import InputError
from edp_core.export import card
from edp_core.export.methods import Entry
from edp_core.export.wording import describe
from edp_core.inputs import Inputs
from edp_core.people.assemble import build_phenome
from edp_core.phenotype import evaluate
from edp_core.recipe import SPEC, AxisSpec, ColumnSpec, families, span_of
from edp_core.scoring import axes
from edp_core.vectors.embedding import Embedding

N, M = 60, 8
KEYS = {"cohort": "c" * 16, "embedding": "e" * 16, "atlas": "a" * 16}


@pytest.fixture
def embedding():
    """Both sides of most; the first five lack the left, the last ten have no image."""
    rng = np.random.default_rng(1)
    eids = [f"{i:04d}" for i in range(N - 10)]
    rows = [(e, "2", s) for e in eids for s in ("left", "right")]
    rows = [row for row in rows if not (row[2] == "left" and row[0] < "0005")]
    rows = [rows[i] for i in rng.permutation(len(rows))]
    table = pd.DataFrame(rows, columns=["eid", "instance", "side"], dtype="string")
    return Embedding(table, rng.normal(size=(len(rows), M)).astype(np.float32))


@pytest.fixture
def inputs(embedding):
    eids = np.array([f"{i:04d}" for i in range(N)])
    rng = np.random.default_rng(2)
    people = pd.DataFrame({"eid": eids, "age_years": rng.uniform(45, 80, N)})
    none = pd.DataFrame({"eid": [], "icd10": []}, dtype="string")

    def of_side(side):
        own, vectors = embedding.by_participant(side=side)
        return np.searchsorted(eids, own), vectors

    seen, vectors = of_side(None)
    components = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)[2]
    return Inputs(
        population="everyone", keys=KEYS, participants=people,
        phenome=build_phenome(none, eids)[0], seen=seen, vectors=vectors,
        pc_components=components, sides=("left", "right"), of_side=of_side,
    )  # fmt: skip


def spec(axis=1, of="pc", **changes):
    given = {
        "name": "axis", "population": "everyone", "organ": "kidney", "encoder": "mae",
        "of": of, "axis": axis, "cohort": KEYS["cohort"],
        "embedding": KEYS["embedding"], "atlas": KEYS["atlas"] if of == "pc" else None,
    }  # fmt: skip
    return AxisSpec(**given | changes)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("of", ["pc", "axis"])
def test_a_side_is_its_vectors_along_the_same_direction(inputs, embedding, side, of):
    found = evaluate(spec(2, of=of, side=side), inputs)
    rows = embedding.rows.reset_index(drop=True)
    own = rows.index[rows["side"] == side]
    order = own[np.argsort(rows.loc[own, "eid"].to_numpy(str))]
    z = embedding.vectors[order].astype(float)
    u = (
        axes.component_direction(inputs.pc_components, 2)
        if of == "pc"
        else np.eye(M)[1]
    )
    at = np.isfinite(found.values)
    assert found.eids[at].tolist() == sorted(rows.loc[own, "eid"])
    np.testing.assert_allclose(found.values[at], (z - z.mean(0)) @ u, atol=1e-6)
    whole = evaluate(spec(2, of=of), inputs)
    assert np.isfinite(whole.values).sum() == N - 10
    share = whole.figures["variance_explained"]
    assert found.figures["variance_explained"] == share, "the figure names the axis"


def test_who_lacks_the_side_has_no_value(inputs):
    left = evaluate(spec(side="left"), inputs).values
    assert np.isnan(left[:5]).all() and np.isfinite(left[5 : N - 10]).all()
    assert np.isfinite(evaluate(spec(side="right"), inputs).values[:5]).all()


def test_both_sides_of_complete_people_average_to_the_whole(inputs):
    """Up to the mean, which is each side's own."""
    values = [evaluate(spec(3, of="axis", side=s), inputs).values for s in
              ("left", "right", "both")]  # fmt: skip
    gap = ((values[0] + values[1]) / 2 - values[2])[5 : N - 10]
    np.testing.assert_allclose(gap, gap[0], atol=1e-5)


def test_covariates_are_removed_among_those_who_have_the_side(inputs):
    found = evaluate(spec(1, side="left", remove_covariates=("age_years",)), inputs)
    at = np.isfinite(found.values)
    age = inputs.participants["age_years"].to_numpy()[at]
    assert abs(np.corrcoef(found.values[at], age)[0, 1]) < 1e-7


def test_a_side_there_is_not_is_named(inputs):
    with pytest.raises(InputError, match="no images of the side 'upper'") as caught:
        evaluate(spec(side="upper"), inputs)
    assert "left, right" in caught.value.hint
    single = replace(inputs, sides=(), of_side=None)
    with pytest.raises(InputError, match="no images of the side 'left'") as caught:
        evaluate(spec(side="left"), single)
    assert "one image" in caught.value.hint
    with pytest.raises(ValueError, match="side"):
        spec(side="left eye")


def test_older_cards_keep_their_bytes():
    assert b"side" not in SPEC.dump_json(spec())
    left = spec(side="left")
    assert SPEC.validate_json(SPEC.dump_json(left)) == left
    assert "side left alone" in describe(left) and "side" not in describe(spec())
    made = card.render_card(
        Entry(left, "quantitative", {}), study="s", simulated=True, versions={}
    )
    assert card.read(made) == left


def test_many_axes_cost_no_more_than_their_columns(inputs, monkeypatch):
    """Means and sizes of the embedding are found once, whatever is asked for."""
    asked = []
    found = axes.spread
    monkeypatch.setattr(axes, "spread", lambda v: asked.append(1) or found(v))
    for number in range(1, M + 1):
        evaluate(spec(number, of="axis"), inputs)
        evaluate(spec(number, of="axis", remove_covariates=("age_years",)), inputs)
    assert len(asked) == 2


def test_a_known_spread_gives_the_same_numbers():
    rng = np.random.default_rng(3)
    z = rng.normal(2, 3, (50, M)).astype(np.float32)
    known = axes.spread(z)
    for u in (*np.eye(M), axes.component_direction(rng.normal(size=(2, M)), 1)):
        plain = (z.astype(float) - z.astype(float).mean(0)) @ u
        np.testing.assert_allclose(axes.directed_score(z, u), plain, atol=1e-12)
        np.testing.assert_array_equal(
            axes.directed_score(z, u, known=known), axes.directed_score(z, u)
        )
        assert axes.variance_explained(z, u, known=known) == pytest.approx(
            np.sum(plain**2) / np.sum((z.astype(float) - z.mean(0, float)) ** 2)
        )


# ---- families --------------------------------------------------------------------
def test_axes_made_alike_are_a_family():
    column = ColumnSpec(name="c", population="everyone", cohort="c", column="bmi")
    made = [
        spec(2, of="axis", name="b"), column, spec(1, of="axis", name="a"), spec(1),
        spec(2, side="left"), spec(1, side="left"), spec(1, sign=-1), column,
        spec(3, of="axis", measured={"images/liver": "x"}),
    ]  # fmt: skip
    assert families(made) == [[0, 2], [1], [3], [4, 5], [6], [7], [8]]
    assert families([]) == []


def test_spans_are_written_as_people_do():
    assert span_of(range(1, 385)) == "1–384"
    assert span_of([5]) == "5" and span_of([1, 2, 4]) == "1–2, 4"
