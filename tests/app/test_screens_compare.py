"""The screen Compare: with a basket and without, one encoder and two."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from crawl import broke, counts, crawl, edit, small, table_with, told
from test_explained import bare_columns

from app import data, recipes
from app.basket import Basket
from app.compare import again as compare_again
from app.compare import remade
from app.groups import kept as groups
from app.groups.kept import Rule
from app.state import Choice
from edp_core.artifacts import read_inputs
from edp_core.outline import Polygon
from edp_core.recipe import Labels
from edp_core.scoring.clusters import cluster_score
from edp_core.store import Store
from edp_core.study import load_study
from precompute.cli import run_study

TABS = (
    "Two phenotypes", "Correlations", "Confounders", "PheWAS",
    "Same people elsewhere", "Encoders and seeds",
)  # fmt: skip
LIVER = Choice("liver", "mae", "I10", 0)


@pytest.fixture(scope="module")
def two_encoders(done_study, tmp_path_factory):
    """The study with a second encoder of the liver: the first, turned, with noise."""
    folder = tmp_path_factory.mktemp("two") / "study"
    shutil.copytree(done_study, folder)
    given = read_inputs(load_study(folder), Store(folder / "store"), organ="liver",
                        encoder="mae")  # fmt: skip
    rng = np.random.default_rng(0)
    vectors = np.asarray(given.vectors, float)
    vectors = (vectors - vectors.mean(axis=0)) @ np.asarray(given.pc_components)[:16].T
    turned = vectors @ np.linalg.qr(rng.normal(size=(16, 16)))[0]
    table = pd.DataFrame(turned + 0.3 * vectors.std() * rng.normal(size=turned.shape))
    table.columns = [f"axis_{i}" for i in range(16)]
    table.insert(0, "eid", given.eids[np.asarray(given.seen)])
    table.iloc[8:].to_parquet(folder / "liver.parquet", index=False)
    edit(
        folder,
        "[encoders.mae]",
        '[encoders.other]\nmethod = "vectors"\norgans = ["liver"]\n'
        'vectors = "{organ}.parquet"\n\n[encoders.mae]',
    )
    # the genotypes' products are slow and play no part
    text = (folder / "study.toml").read_text()
    head, _, rest = text.partition("[genotypes]")
    (folder / "study.toml").write_text(
        head + "[disclosure]" + rest.partition("[disclosure]")[2]
    )
    run_study(folder, quiet=True)
    return folder


@pytest.fixture
def filled(own_study, monkeypatch):
    """A study whose basket holds scores, a column and a code."""
    monkeypatch.setenv(data.STUDY_VARIABLE, str(own_study))
    specs = [
        recipes.classifier(LIVER, "I10", name="liver_I10"),
        recipes.component(LIVER, 2, name="liver_PC2"),
        recipes.component(Choice("kidney", "mae", None, 0), 1, name="kidney_PC1"),
        recipes.column("bmi", name="bmi"),
        recipes.code_itself("I10", name="I10"),
    ]
    Basket(own_study / "store").add_all(specs)
    return own_study


EVERY = ["liver_I10", "liver_PC2", "kidney_PC1", "bmi", "I10"]


@pytest.mark.parametrize("tab", TABS)
def test_without_a_basket_there_is_something_to_compare(screen, done_study, tab):
    at = screen("compare", done_study, compared=tab, code="I10")
    assert not broke(at)
    assert not at.error
    held = at.multiselect(key="picked")
    assert held.value[0] == "classifier of I10"
    assert len(held.value) == 2
    assert "basket is empty" in told(at)
    seen = crawl(at)
    assert not small(counts(seen))
    if tab != "Encoders and seeds":
        assert at.get("vega_lite_chart")


@pytest.mark.parametrize("tab", TABS)
def test_every_view_of_a_filled_basket(screen, filled, tab):
    at = screen("compare", filled, compared=tab, code="I10", picked=EVERY)
    assert not broke(at)
    assert not at.error
    assert at.multiselect(key="picked").value == EVERY
    seen = crawl(at)
    assert not small(counts(seen))
    assert not bare_columns(at)
    assert not [metric.label for metric in at.metric if not metric.help]
    labels = [button.proto.label for button in at.get("download_button")]
    assert labels.count("SVG") == labels.count("PNG") == len(at.get("vega_lite_chart"))
    assert labels.count("CSV") == len(at.dataframe)
    assert at.get("vega_lite_chart") or tab == "Encoders and seeds"


def test_all_pairs_are_listed_with_their_correlation(screen, filled, monkeypatch):
    at = screen("compare", filled, compared="Correlations", picked=EVERY,
                correlation="Spearman")  # fmt: skip
    table = table_with(crawl(at), "first", "second", "r", "low", "high")
    assert len(table) == 10
    specs = {e.spec.name: e.spec for e in Basket(filled / "store").entries()}
    one, two = (data.phenotype(specs[n]).values for n in ("liver_I10", "bmi"))
    both = np.isfinite(one) & np.isfinite(two)
    row = table[(table["first"] == "liver_I10") & (table["second"] == "bmi")]
    peer = scipy.stats.spearmanr(one[both], two[both]).statistic
    assert float(row["r"].iat[0]) == pytest.approx(peer, abs=6e-4)


def test_a_score_against_a_code_is_drawn_by_its_cases(screen, filled):
    at = screen("compare", filled, picked=EVERY, across="liver_I10", upwards="I10")
    assert not broke(at)
    bars = table_with(crawl(at), "left", "right", "density", "group")
    assert sorted(set(bars["group"])) == ["cases", "controls"]
    assert "count" not in bars
    at = screen("compare", filled, picked=["I10", "bmi"], across="I10", upwards="I10")
    assert any("different" in info.value for info in at.info)


def test_the_row_of_the_chosen_code_is_selected_in_the_table_of_outcomes(
    screen, filled
):
    at = screen("compare", filled, compared="PheWAS", code="I10", picked=EVERY[:3])
    assert not broke(at)
    key = "compare_phewas_table"
    (table,) = [frame.value for frame in at.dataframe if frame.key == key]
    chosen = at.session_state[key]["selection"]["rows"]
    assert [table["outcome"].iat[row] for row in chosen] == ["I10"]


def test_one_phenotype_alone_says_what_to_do(screen, filled):
    for tab in TABS[:2]:
        at = screen("compare", filled, compared=tab, picked=["bmi"])
        assert not broke(at)
        assert any("second phenotype" in info.value for info in at.info)
    at = screen("compare", filled, compared="Encoders and seeds", picked=["bmi"])
    assert any("is the same on every encoder" in info.value for info in at.info)


def test_names_of_the_link_that_are_gone_are_dropped(screen, filled):
    at = screen("compare", filled, picked=["bmi", "liver_I10"])
    Basket(filled / "store").remove(
        *(e.id for e in Basket(filled / "store").entries() if e.spec.name == "bmi")
    )
    at.run()
    assert not broke(at)
    assert at.multiselect(key="picked").value == ["liver_I10"]
    at = screen("compare", filled, picked=["<b>nobody</b>", "liver_I10"])
    assert not broke(at)
    assert "nobody" not in at.multiselect(key="picked").value


def test_a_phenotype_of_other_data_is_left_out_and_said(screen, filled):
    basket = Basket(filled / "store")
    spec = basket.entries()[0].spec.model_copy(
        update={"name": "old", "embedding": "0" * 16}
    )
    basket.add(spec)
    at = screen("compare", filled, picked=["old", "bmi", "liver_PC2"])
    assert not broke(at)
    assert any(
        "made from another embedding" in w.value for w in [*at.warning, *at.error]
    )
    assert at.get("vega_lite_chart")  # the others are compared all the same


def test_people_of_one_organ_are_lit_in_another(screen, filled):
    at = screen("compare", filled, compared="Same people elsewhere", cluster="1")
    assert not broke(at)
    assert at.selectbox(key="these").value == "cluster 1 of liver/mae"
    assert at.selectbox(key="elsewhere").value == "kidney/mae"
    assert len(crawl(at).maps) >= 1
    assert {m.label for m in at.metric} == {"Cramér's V"}
    at.selectbox(key="these").set_value("top tenth of liver_PC2").run()
    assert not broke(at)
    assert "top tenth of liver_PC2" in told(at)


def test_a_study_of_one_encoder_says_how_to_get_another(screen, filled):
    at = screen("compare", filled, compared="Encoders and seeds", picked=EVERY)
    assert sum("one encoder only" in info.value for info in at.info) == 1
    assert any("Mean r over seeds" in m.label for m in at.metric)


# ---- two encoders --------------------------------------------------------------------
def test_recipes_are_made_again_on_the_other_encoder(two_encoders, monkeypatch):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(two_encoders))
    spec = recipes.classifier(LIVER, "I10", remove_covariates=("sex",))
    assert remade.encoders(spec) == ["other"]
    there = remade.on(spec, "other")
    own = recipes.classifier(
        Choice("liver", "other", "I10", 0), "I10", remove_covariates=("sex",)
    )
    assert np.array_equal(
        there.score.values, data.phenotype(own).values, equal_nan=True
    )
    assert there.note == ""
    for number in (1, 2):
        made = remade.on(recipes.component(LIVER, number), "other")
        plain = data.phenotype(recipes.component(LIVER, number)).values
        both = np.isfinite(plain) & np.isfinite(made.score.values)
        # the second encoder is the first one turned: the axes are found again
        assert np.corrcoef(plain[both], made.score.values[both])[0, 1] > 0.8
        assert "most alike" in made.note
    cluster = remade.on(recipes.cluster(LIVER, "I10"), "other")
    assert "Jaccard" in cluster.note
    few = recipes.cluster(LIVER, "I10", chosen_with="kept", labels=Labels(share=0.8))
    assert "by the kept labels" in remade.on(few, "other").note


def test_a_drawn_group_keeps_its_people_on_the_other_encoder(two_encoders, monkeypatch):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(two_encoders))
    given = data.inputs("liver", "mae")
    x = np.sort(np.asarray(given.umap, float)[:, 0])
    edge = (x[39] + x[40]) / 2
    outline = Polygon(vertices=((-99, -99), (edge, -99), (edge, 99), (-99, 99)))
    rule = Rule("liver", "mae", data.store().ref("atlas/liver/mae"), outline)
    looked = groups.look(rule)
    there = remade.on(recipes.group(LIVER, looked.asked), "other").score
    other = data.inputs("liver", "other")
    members = groups.of_everybody(rule)[np.asarray(other.seen)]
    assert 30 < members.sum() <= 40
    expected = cluster_score(np.asarray(other.vectors), members)
    assert there.values[np.asarray(other.seen)] == pytest.approx(expected)


def test_other_seeds_are_of_the_same_recipe(two_encoders, monkeypatch):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(two_encoders))
    spec = recipes.classifier(LIVER, "I10", labels=Labels(share=0.5, seed=9))
    found = remade.seeds(spec)
    assert set(found) == {"folds", "labels kept"}
    for specs in found.values():
        assert len({s.model_dump_json() for s in specs}) == remade.SEEDS
        assert spec not in specs
    assert {s.fold_seed for s in found["labels kept"]} == {spec.fold_seed}
    assert {s.labels for s in found["folds"]} == {spec.labels}
    assert remade.seeds(recipes.component(LIVER, 1)) == {}
    held_out = recipes.classifier(LIVER, "I10", score="held-out")
    assert remade.seeds(held_out) == {}


def test_embeddings_are_compared_over_the_people_both_have(two_encoders, monkeypatch):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(two_encoders))
    one, two = (data.inputs("liver", name) for name in ("mae", "other"))
    here, there = remade.common(one, two)
    rows = np.asarray(one.seen)[here]
    assert np.array_equal(rows, np.asarray(two.seen)[there])
    assert len(rows) == len(two.seen) < len(one.seen)
    table = compare_again._pair("liver", ("mae", "other"), ("test",))
    table = table.set_index("measure")
    assert table.loc["CKA", "value"] > 0.5
    assert table.loc["canonical 1", "value"] > 0.8
    assert set(table["n"].dropna()) <= {len(rows)}


def test_two_encoders_on_the_screen(screen, two_encoders):
    at = screen("compare", two_encoders, compared="Encoders and seeds", code="I10",
                encoder="mae")  # fmt: skip
    assert not broke(at)
    assert not at.error
    assert not small(counts(crawl(at)))
    assert len(at.get("vega_lite_chart")) == 2
    table = table_with(crawl(at), "made", "r", "rho")
    assert len(table) >= 2
    at = screen("compare", two_encoders, compared="Same people elsewhere", code="I10",
                encoder="mae")  # fmt: skip
    assert not broke(at)
    places = at.selectbox(key="elsewhere").options
    assert places == ["kidney/mae", "liver/other"]
