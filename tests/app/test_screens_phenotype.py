"""Every option of the screen Phenotype, its tabs, and the way into the export."""

from __future__ import annotations

import json

import pytest
from crawl import broke, crawl, table_with, told

from app import data
from app.basket import Basket
from app.phenotype import appraisal, radar
from edp_core.store import Store

HALF = {"labels": "50", "label_seed": "3"}
"""Half of the labels, of which some cluster keeps five."""


def recipe(at, study):
    """The recipe on the screen, by way of the basket."""
    next(b for b in at.button if b.form_id == "keep").click().run()
    assert not at.error and not at.exception
    return Basket(study / "store").entries()[-1].spec


# ---- options ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "fields", "part"),
    [
        ({"transform": "rank-inverse-normal"},
         {"method": "classifier", "transform": "rank-inverse-normal"}, "rint"),
        ({"scoring": "held-out"}, {"score": "held-out"}, "heldout"),
        ({"scoring": "leave-one-out"},
         {"score": "leave-one-out", "oversampling": "none"}, "loo"),
        ({"scoring": "best of fold (paper, optimistic)"},
         {"score": "best-of-fold"}, "bestfold"),
        ({"oversampling": "none"}, {"oversampling": "none"}, "smote_none"),
        ({}, {"oversampling": "expected", "score": "out-of-fold"}, "classifier"),
        ({"method": "Column", "column": "bmi", "transform": "rank-inverse-normal"},
         {"column": "bmi", "transform": "rank-inverse-normal"}, "rint"),
        ({"method": "Axis or PC", "transform": "rank-inverse-normal"},
         {"of": "pc", "transform": "rank-inverse-normal"}, "rint"),
        ({"method": "Island", "reach": "0.8", "gamma": "2"},
         {"method": "island", "reach": 0.8, "gamma": 2.0, "island": 1}, "island1"),
    ],
)  # fmt: skip
def test_an_option_of_the_link_is_in_the_recipe_and_its_name(
    screen, own_study, query, fields, part
):
    at = screen("phenotype", own_study, code="I10", **query)
    assert not broke(at)
    assert not at.error
    spec = recipe(at, own_study)
    assert {name: getattr(spec, name) for name in fields} == fields
    assert part in spec.name


def test_all_options_are_exported_from_the_basket(screen, own_study, fullest):
    other = "0" if fullest != "0" else "1"
    common = {"code": "I10", "cluster": fullest}
    for query in (
        {"method": "Cluster", "also": [other]},
        {"method": "Cluster", "chosen_with": "kept labels"} | HALF,
        {"method": "Island", "reach": "0.8", "gamma": "2"},
        {"scoring": "leave-one-out", "transform": "rank-inverse-normal"},
        {"scoring": "best of fold (paper, optimistic)", "oversampling": "sampled"},
    ):
        at = screen("phenotype", own_study, **common, **query)
        assert not broke(at)
        recipe(at, own_study)
    at.switch_page("../pages/export.py").run()
    assert not broke(at)
    assert not at.error
    next(b for b in at.button if b.label.startswith("Write")).click().run()
    assert at.success
    written = next((own_study / "exports").iterdir())
    # folds are a covariate of some and not of others: several runs, several files
    columns = [
        name
        for file in written.glob("phenotypes_qt*.tsv")
        for name in file.read_text().splitlines()[0].split("\t")[2:]
    ]
    assert len(columns) == len(set(columns)) == 5
    cards = [json.loads(f.read_text()) for f in (written / "cards").iterdir()]
    assert "best-of-fold" in json.dumps(cards)


def test_several_clusters_and_the_first_of_them_changed(screen, own_study, fullest):
    others = [n for n in ("0", "1", "2") if n != fullest][:2]
    at = screen(
        "phenotype", own_study, code="I10", method="Cluster", cluster=fullest,
        also=others,
    )  # fmt: skip
    spec = recipe(at, own_study)
    assert (spec.cluster, spec.also) == (int(fullest), tuple(map(int, others)))
    assert fullest not in at.multiselect(key="also").options
    at.selectbox(key="cluster").set_value(others[0]).run()
    assert not at.exception
    assert at.multiselect(key="also").value == others[1:]


def test_kept_labels_choose_the_cluster_whatever_the_sidebar_says(
    screen, own_study, fullest
):
    other = "0" if fullest != "0" else "1"
    query = {"code": "I10", "method": "Cluster"} | HALF
    names = set()
    for cluster in (other, fullest):
        at = screen(
            "phenotype", own_study, **query, cluster=cluster, chosen_with="kept labels"
        )
        assert not broke(at)
        assert not at.error
        names.add(
            next(c.value for c in at.caption if c.value.startswith("The kept labels"))
        )
    assert len(names) == 1
    assert "chosen with the kept labels alone" in told(at)
    at.select_slider(key="labels").set_value(100).run()
    assert recipe(at, own_study).chosen_with == "all", "all labels: nothing to choose"


def test_the_paper_s_way_to_score_is_warned_of(screen, done_study):
    at = screen(
        "phenotype", done_study, code="I10", scoring="best of fold (paper, optimistic)"
    )
    assert any(w.value.startswith("Optimistic") for w in at.warning)
    assert any("optimistic" in m.label for m in at.metric)
    at.radio(key="scoring").set_value("out-of-fold").run()
    assert not any(w.value.startswith("Optimistic") for w in at.warning)


def test_leave_one_out_takes_no_oversampling(screen, done_study):
    at = screen("phenotype", done_study, code="I10", scoring="leave-one-out")
    keys = [group.key for group in at.button_group]
    assert "oversampling" not in keys
    assert "predicted share of cases" in crawl(at).everything


def test_an_island_that_is_not_there_is_told(screen, done_study):
    at = screen("phenotype", done_study, code="I10", method="Island", reach="0.01")
    assert not broke(at)
    assert at.error
    assert "reach" in told(at)


@pytest.mark.parametrize(
    "query",
    [{"transform": "log"}, {"scoring": "x"}, {"gamma": "-3"}, {"reach": "9"},
     {"also": ["99"], "method": "Cluster", "cluster": "0"}, {"look": "Nothing"},
     {"chosen_with": "x", "labels": "50", "method": "Cluster"}],
    ids=str,
)  # fmt: skip
def test_a_link_with_an_option_there_is_not_is_harmless(screen, done_study, query):
    assert not broke(screen("phenotype", done_study, code="I10", **query))


def test_who_does_not_count_for_a_code_is_told_and_not_counted(screen, done_study):
    screen("phenotype", done_study, method="Code")
    phenome = data.inputs().phenome
    shown = data.scan("liver", "mae")["code"]
    left_out = [c for c in shown if not phenome.eligible(c).all()]
    assert left_out, "the demo has codes with exclusions"
    for look in ("Confounder radar", "Power"):
        at = screen("phenotype", done_study, method="Code", code=left_out[0], look=look)
        assert not broke(at)
        assert any("neither cases nor controls" in i.value for i in at.info)
        exact = {str(phenome.eligible(left_out[0]).sum())}
        assert not exact & {m.value for m in at.metric}
        for frame in crawl(at).frames:
            for column in {"n", "n_known"} & set(frame):
                assert frame[column].isna().all()


# ---- tabs ------------------------------------------------------------------------
def test_only_the_open_tab_is_drawn(screen, done_study):
    drawn = {}
    for tab in appraisal.TABS:
        at = screen("phenotype", done_study, code="I10", look=tab)
        assert not broke(at)
        assert not at.error
        drawn[tab] = told(at)
    phrases = (
        "QQ by allele frequency",
        "given all the others",
        "How few labels",
        "N of the score",
        "shorter is",
    )
    for at, (tab, text) in enumerate(drawn.items()):
        held = [phrase in text for phrase in phrases]
        assert held == [i == at for i in range(len(phrases))], tab


def test_what_explains_much_is_warned_of_and_one_click_takes_it_out(
    screen, done_study, monkeypatch
):
    monkeypatch.setattr(radar, "MUCH", 0.0)  # so that every factor is much
    at = screen("phenotype", done_study, code="I10", look="Confounder radar")
    assert any("Much of the score" in w.value for w in at.warning)
    assert at.button(key="regress_out").label.startswith("Regress out")
    before = table_with(crawl(at), "factor", "partial_r2")
    at.button(key="regress_out").click().run()
    assert not broke(at)
    assert not at.error
    assert {"age_years", "sex", "bmi"} <= set(at.multiselect(key="covariates").value)
    after = table_with(crawl(at), "factor", "partial_r2")
    assert set(after["score"]) == {"before", "after"}
    assert len(after) == 2 * len(before)
    assert "regressed out of the axes already" in told(at)


def test_the_curve_waits_for_the_toggle(screen, done_study, fullest):
    query = {"code": "I10", "method": "Cluster", "cluster": fullest}
    at = screen("phenotype", done_study, look="Few-shot curve", **query)
    charts = len(crawl(at).charts)
    at.toggle(key="curve").set_value(True).run()
    assert not broke(at)
    assert not at.error
    seen = crawl(at)
    assert len(seen.charts) == charts + 1
    found = table_with(seen, "share", "drawn", "pearson")
    assert found["drawn"].nunique() >= 2
    at.button_group(key="method").set_value("Axis or PC").run()
    assert "Classifier and Cluster" in told(at)


@pytest.mark.parametrize(
    ("method", "titles"),
    [
        ("Classifier", ["N of the score", "Cases of the code"]),
        ("Code", ["Cases of the code"]),
        ("Column", ["N of the score"]),
    ],
)
def test_power_says_whose_n_it_is(screen, done_study, method, titles):
    at = screen(
        "phenotype", done_study, code="I10", method=method, column="bmi", look="Power"
    )
    assert not broke(at)
    labels = [metric.label for metric in at.metric]
    if any("No power" in i.value for i in at.info):
        assert method == "Code", "too few cases for any frequency"
        return
    assert set(titles) <= set(labels)
    assert table_with(crawl(at), "frequency")["frequency"].between(0, 0.5).all()


def test_probes_not_computed_say_how(screen, own_study):
    file = own_study / "store/refs.json"
    refs = json.loads(file.read_text())
    kept = {slot: key for slot, key in refs.items() if not slot.startswith("probes")}
    assert len(kept) < len(refs)
    file.write_text(json.dumps(kept))
    assert "probes/liver/mae" not in Store(own_study / "store").refs()
    at = screen("phenotype", own_study, code="I10", look="Probes")
    assert not broke(at)
    assert not at.error
    assert any("precompute run" in block.value for block in at.code)


def test_probes_of_one_organ_or_of_all(screen, done_study):
    at = screen("phenotype", done_study, code="I10", look="Probes")
    one = table_with(crawl(at), "target_name", "predictor")
    at.button_group(key="probed-liver").set_value("all organs together").run()
    every = table_with(crawl(at), "target_name", "predictor")
    assert set(one["predictor"]) < set(every["predictor"])
