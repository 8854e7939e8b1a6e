"""Cards: exactly the recipe comes back, or the key at fault is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.export import card
from edp_core.export.bundle import render
from edp_core.export.methods import Entry
from edp_core.export.wording import describe, sign_statement
from edp_core.phenotype import (
    SPEC,
    AxisSpec,
    ClassifierSpec,
    ClusterSpec,
    CodeSpec,
    Spec,
)
from edp_core.recipe import Clustering

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", fullmatch=True)
texts = st.text(max_size=20)
vector = {
    "name": names, "population": texts, "cohort": texts, "organ": texts,
    "encoder": texts, "embedding": texts,
    "measured": st.dictionaries(texts, texts, max_size=2),
    "remove_pcs": st.sets(st.integers(1, 400), max_size=3).map(tuple),
    "remove_covariates": st.sets(
        texts.filter(lambda t: t != "eid"), max_size=3
    ).map(tuple),
    "sign": st.sampled_from([1, -1]),
    "transform": st.sampled_from(["none", "rank-inverse-normal"]),
}  # fmt: skip
image = vector | {"phenome": texts, "trait": texts}
specs = st.one_of(
    st.builds(
        ClassifierSpec, **image, folds=st.integers(2, 10),
        fold_seed=st.integers(0, 2**32 - 1),
        shrinkage=st.floats(0, 9.9),
    ),
    st.builds(
        ClusterSpec, **image, atlas=texts, cluster=st.integers(0, 500),
        centred=st.booleans(), self_excluded=st.booleans(),
        clustering=st.builds(
            Clustering, neighbours=st.integers(2, 99), resolution=st.floats(0.01, 9),
            seed=st.integers(0, 2**32 - 1),
        ),
    ),
    st.builds(AxisSpec, **vector, of=st.just("axis"), axis=st.integers(1, 900)),
    st.builds(
        AxisSpec, **vector, of=st.just("pc"), axis=st.integers(401, 900), atlas=texts
    ),
    st.builds(CodeSpec, name=names, population=texts, cohort=texts, phenome=texts,
              trait=texts),
)  # fmt: skip


@given(specs)
def test_every_recipe_comes_back(spec: Spec) -> None:
    entry = Entry(spec, "quantitative", {"participants": 100})
    content = card.render_card(entry, study="é\n", simulated=False, versions={})
    assert card.read(content) == spec
    assert card.read(SPEC.dump_json(spec)) == spec


@pytest.fixture
def content(make: SimpleNamespace) -> dict[str, Any]:
    return json.loads(render(make.request())["cards/H40_score.json"])


def test_a_card_says_it_all(content: dict[str, Any]) -> None:
    assert content["sign"] == "higher = more like the cases"
    assert content["counts"] == {"participants": 120}
    assert content["figures"]["auc"] == 0.8123457
    assert content["keys"]["embedding"] == "e" * 16
    assert "circular" in content["warnings"][0]
    assert "linear discriminant" in content["how"]


def test_read_a_file(content: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text("\ufeff" + json.dumps(content), encoding="utf-8")
    assert card.read(path).name == "H40_score"
    with pytest.raises(InputError, match=r"The card none\.json cannot be read"):
        card.read(tmp_path / "none.json")
    path.write_text("{}")
    with pytest.raises(InputError, match=r"The card mine\.json holds no recipe"):
        card.read(path)


def test_signs_and_warnings(make: SimpleNamespace) -> None:
    flipped = make.classifier().spec.model_copy(update={"sign": -1})
    assert sign_statement(flipped) == "higher = less like the cases"
    assert sign_statement(make.code().spec) == "1 = has H40, 0 = has not"
    few = make.classifier(figures={"warnings": ["resolution tuned on enrichment"]})
    told = json.loads(render(make.request(few))["cards/H40_score.json"])
    assert "resolution tuned on enrichment" in told["warnings"]


def test_an_axis_says_which_and_how_it_points() -> None:
    given = {
        "name": "x", "population": "everyone", "cohort": "c0", "organ": "liver",
        "encoder": "mae", "embedding": "e0", "axis": 3,
    }  # fmt: skip
    pc = AxisSpec(**given, atlas="a0", sign=-1, measured={"images/liver": "i0"})
    entry = Entry(pc, "quantitative", {"participants": 100})
    told = json.loads(card.render_card(entry, study="s", simulated=False, versions={}))
    assert told["sign"].startswith("PC3 with its loading of largest size positive, tur")
    assert "principal component 3" in told["how"] and "atlas a0" in told["how"]
    assert told["keys"] == {
        "cohort": "c0", "embedding": "e0", "atlas": "a0", "images/liver": "i0",
    }  # fmt: skip
    assert told["warnings"] == []
    axis = AxisSpec(**given, of="axis")
    entry = Entry(axis, "quantitative", {"participants": 100})
    told = json.loads(card.render_card(entry, study="s", simulated=False, versions={}))
    assert told["sign"] == "as axis 3 of the embedding"
    assert "atlas" not in told["keys"]


def test_a_card_without_a_measured_volume_is_as_it_always_was(
    content: dict[str, Any],
) -> None:
    assert "measured" not in content["spec"]


def test_a_measured_volume_is_explained(make: SimpleNamespace) -> None:
    spec = make.column().spec.model_copy(
        update={"column": "liver_ml", "measured": {"images/liver": "i0"}}
    )
    how = describe(spec)
    assert "liver_ml is the liver volume (mL)" in how and "images/liver i0" in how
    assert describe(make.column().spec).endswith("as it is.")


def change(*path: str, to: object) -> Callable[[dict[str, Any]], None]:
    def apply(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = to

    return apply


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (change("schema_version", to=2), "unknown schema_version 2"),
        (change("spec", "schema_version", to=7), "unknown spec.schema_version 7"),
        (change("colour", to=1), "unknown key colour"),
        (change("spec", "colour", to=1), "spec.colour: unknown key"),
        (change("spec", "labels", "colour", to=1), "spec.labels.colour: unknown key"),
        (change("spec", "folds", to=11), "spec.folds: .*less than or equal to 10"),
        (change("spec", "folds", to="5"), "spec.folds: .*valid integer"),
        (change("spec", "name", to="a/b"), "spec.name: "),
        (change("spec", "method", to="magic"), "magic"),
        (change("spec", to=[]), "'spec' is not a JSON object"),
        (change("format", to="x"), "'format' is not 'edp-studio-phenotype'"),
    ],
)
def test_refusals_name_the_key(
    content: dict[str, Any], edit: Callable[[dict[str, Any]], None], message: str
) -> None:
    edit(content)
    with pytest.raises(InputError, match=f"The card: .*{message}"):
        card.read(json.dumps(content).encode())


def test_missing_keys(content: dict[str, Any]) -> None:
    del content["spec"]["trait"]
    with pytest.raises(InputError, match=r"spec\.trait: Field required"):
        card.read(json.dumps(content).encode())
    del content["spec"]
    with pytest.raises(InputError, match="no recipe under the key 'spec'"):
        card.read(json.dumps(content).encode())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"spec": {}, "spec": {}}', "the key spec stands twice"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_card(text: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        card.read(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(text: bytes) -> None:
    with pytest.raises(InputError):
        card.read(text)
