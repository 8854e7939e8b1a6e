"""Nothing a screen sends names a participant or tells a count from 1 to 4."""

from __future__ import annotations

import io
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from crawl import counts, crawl, numeric, small, table_with
from streamlit.testing.v1 import AppTest

from app import vocabulary
from edp_core.store import Store, read_table

ROOT = Path(__file__).resolve().parents[2]
SEVEN = re.compile(r"(?<![\d.])\d{7}(?!\d)")
"""A whole number of seven digits, as the demo's ids are."""
SAID = re.compile(r"\b[1-4] (?:participants|people|cases|controls)\b(?! only)")
"""A small count in words; “needs 2 cases only” is a rule, not a count."""

OVERVIEW = [("overview", {})]
DISEASES = [
    ("diseases", {"code": code})
    for code in ("I10", "K760", "H269", "J459", "E119", "K746", "M545", "")
]
DISEASES += [
    ("diseases", {"vocabulary": name}) for name in ("icd10", "phecode", "medications")
]
CLUSTERS = [
    ("clusters", {"cluster": str(number), "colour": colour, "code": code})
    for number, colour, code in [
        (0, "cluster", "I10"),
        (1, "code", "I10"),
        (2, "code", "K760"),
        (3, "code", "J459"),
        (4, "code", "E119"),
    ]
]
SHARES = [
    ("clusters", {"share_of": "Share of cases", "cluster": "1", "stability": "true"})
]
SHARES += [
    ("clusters", {"vocabulary": name, "enriched": only, "cluster": "1"})
    for name, only in (("phecode", "false"), ("phecode", "true"), ("icd10", "true"))
]
RADAR = {"look": "Confounder radar"}
PHENOTYPES = [
    ("phenotype", {"method": method, "code": code, "cluster": cluster} | RADAR | more)
    for method, code, cluster, more in [
        ("Classifier", "I10", "0", {}),
        ("Classifier", "K760", "0", {"pcs": ["PC1", "PC2"]}),
        ("Classifier", "I10", "0", {"labels": "50", "covariates": ["age_years"]}),
        ("Cluster", "I10", "0", {}),
        ("Cluster", "I10", "1", {"pcs": ["PC1"]}),
        ("Cluster", "I10", "2", {"labels": "50"}),
        ("Cluster", "K760", "2", {}),
        ("Cluster", "K760", "3", {}),
        ("Cluster", "E119", "1", {}),
        ("Code", "I10", "0", {}),
        ("Code", "E119", "0", {}),
        ("Column", "I10", "0", {"column": "bmi"}),
        ("Axis or PC", "I10", "0", {"pc": "2", "covariates": ["age_years"]}),
        ("Axis or PC", "I10", "0", {"of": "Axis", "axis": "7", "pcs": ["PC1"]}),
    ]
]
CODED = {"code": "I10", "cluster": "1", "method": "Cluster", "curve": "true"}
APPRAISALS = [
    ("phenotype", query | {"look": look})
    for look, query in [
        ("Few-shot curve", CODED),
        ("Few-shot curve", CODED | {"also": ["2"]}),
        ("Few-shot curve", CODED | {"method": "Classifier", "code": "K760"}),
        ("Power", {"method": "Classifier", "code": "I10"}),
        ("Power", {"method": "Code", "code": "E119"}),
        ("Probes", {"code": "I10"}),
        ("Confounder radar", {"method": "Classifier", "scoring": "held-out"}),
        ("Confounder radar", {"method": "Island", "code": "I10", "reach": "0.8"}),
        ("Confounder radar", {"method": "Code", "code": "K760"}),
    ]
]
LIVE = [
    ("phenotype", query | {"look": "GWAS"})
    for query in (
        {"method": "Classifier", "code": "I10", "pcs": ["PC1"]},
        {"method": "Cluster", "code": "K760", "compare": "code"},
        {"method": "Code", "code": "E119", "gwas_covariates": ["sex"]},
        {"method": "Axis or PC", "code": "I10", "compare": "all axes"},
        {"method": "Axis or PC", "code": "I10", "compare": "column"},
    )
]
HOME = [("gwas", {})]
COMPARED = [
    ("compare", {"compared": tab, "code": "I10", "cluster": "1"})
    for tab in (
        "Two phenotypes", "Correlations", "Confounders", "PheWAS",
        "Same people elsewhere", "Encoders and seeds",
    )
]  # fmt: skip
VIEWS = OVERVIEW + DISEASES + CLUSTERS + SHARES + PHENOTYPES + APPRAISALS + LIVE + HOME
VIEWS += COMPARED
VIEWS += [("phewas", {"code": code}) for code in ("I10", "K760", "H269")]
VIEWS += [("phewas", {"code": "I10", "phewas_covariates": ["age"]})]


@pytest.fixture(scope="module")
def eids(done_study) -> set[str]:
    """Every id the study's files hold, those left out included."""
    found: set[str] = set()
    for name in ("participants.csv", "hospital.csv.gz"):
        found |= set(pd.read_csv(done_study / name, dtype=str)["eid"].dropna())
    found |= set((done_study / "withdrawn.txt").read_text().split())
    found |= {p.name.split("_")[0] for p in (done_study / "images").iterdir()}
    assert len(found) > 100
    assert all(SEVEN.fullmatch(eid) for eid in found if eid.isdigit())
    return found


def people_counted(at: AppTest) -> list[tuple[str, float]]:
    """Whole numbers of the figures on a screen that counts people in them."""
    return [
        (metric.label, float(metric.value.replace(",", "")))
        for metric in at.metric
        if re.fullmatch(r"[\d,]+", metric.value)
    ]


def check(at: AppTest, eids: set[str]) -> None:
    """No id, no small count."""
    seen = crawl(at)
    assert not set(SEVEN.findall(seen.everything)) & eids
    for frame in seen.frames:
        assert not {"eid", "iid", "fid"} & {str(name).lower() for name in frame.columns}
    assert not small(counts(seen))
    assert not SAID.findall("\n".join(seen.texts))


@pytest.mark.parametrize(("name", "query"), VIEWS, ids=str)
def test_a_view_tells_no_id_and_no_small_count(screen, done_study, eids, name, query):
    at = screen(name, done_study, **query)
    check(at, eids)
    if name != "overview":  # there the figures count codes and clusters
        assert not small(iter(people_counted(at)))


def test_the_check_itself_finds_what_it_looks_for(screen, done_study, eids):
    """A crawl that finds nothing must not be one that looks at nothing."""
    seen = crawl(screen("diseases", done_study, code="I10"))
    assert len(seen.charts) == 3
    assert len(seen.frames) > 4  # the table, and the data of the charts
    assert len(list(counts(seen))) > 30
    seen.frames.append(pd.DataFrame({"n_both": [3], "x": [int(next(iter(eids)))]}))
    assert small(counts(seen)) == ["n_both"]
    assert set(SEVEN.findall(seen.everything)) & eids


@pytest.mark.parametrize("cluster", range(5))
def test_hidden_cells_are_missing_not_zero(screen, done_study, cluster):
    at = screen("clusters", done_study, cluster=str(cluster))
    store = Store(done_study / "store")
    raw = read_table(store.at("enrichment/liver/mae"), "enrichment")
    raw = raw[raw["cluster"] == cluster].set_index("code")
    shown = table_with(crawl(at), "code", "n_both", "odds_ratio").set_index("code")
    true = raw.loc[shown.index, "n_both"]
    few = true.between(1, 4).to_numpy()
    assert np.isnan(numeric(shown, "n_both")[few]).all()
    for column in ("share_of_cluster", "share_of_cases", "odds_ratio", "log10p"):
        assert np.isnan(numeric(shown, column)[few]).all()
    zero = numeric(shown, "n_both") == 0
    assert (true.to_numpy()[zero] == 0).all()


def test_a_chart_holds_no_more_than_its_table(screen, done_study):
    drawn = 0
    for cluster in range(5):
        seen = crawl(screen("clusters", done_study, cluster=str(cluster)))
        table = table_with(seen, "code", "n_both", "or_low")
        hidden = set(table.loc[table["n_both"].isna(), "code"])
        assert hidden
        for frame in seen.frames:
            if "percentage" in frame.columns:
                drawn += len(frame)
                # points, and the few of them that have a label
                named = frame["code" if "code" in frame.columns else "label"]
                assert not set(named) & (hidden | set(map(vocabulary.short, hidden)))
    assert drawn, "the demo has cells that may be shown"


def test_points_of_the_umap_carry_nothing_but_place_and_colour(screen, done_study):
    for colour in ("cluster", "code"):
        at = screen("clusters", done_study, colour=colour)
        clouds = [f for f in crawl(at).frames if {"x", "y"} <= set(f.columns)]
        assert clouds
        for frame in clouds:
            assert frame.shape[1] == 3


def test_downloads_tell_no_more_than_the_screen(screen, done_study, eids, monkeypatch):
    given: dict[str, object] = {}
    draw = st.download_button

    def spy(label, data, file_name, *args, **kwargs):
        given[file_name] = data() if str(file_name).endswith(".csv") else data
        return draw(label, data, file_name, *args, **kwargs)

    monkeypatch.setattr(st, "download_button", spy)
    for name in ("overview", "diseases", "clusters", "phenotype", "gwas"):
        screen(name, done_study, code="I10", cluster="1")
    screen("phenotype", done_study, code="I10", **RADAR)
    tables = {name: text for name, text in given.items() if name.endswith(".csv")}
    assert len(tables) >= 3
    for text in tables.values():
        assert not set(SEVEN.findall(text)) & eids
        first, rest = text.split("\n", 1)
        assert first.startswith("#")
        frame = pd.read_csv(io.StringIO(rest))
        for column in set(frame) & {"n_cases", "n_controls", "n_both", "n_cluster"}:
            values = numeric(frame, column)
            assert not ((values >= 1) & (values < 5)).any()
    drawings = [d() for name, d in given.items() if name.endswith(".svg")]
    assert len(drawings) >= 5
    for drawing in drawings:
        assert not set(SEVEN.findall(drawing)) & eids


def test_the_export_shows_no_id(screen, own_study, eids, fullest):
    at = None
    for method, code in [("Cluster", "I10"), ("Classifier", "K760"), ("Code", "E119")]:
        query = {"method": method, "code": code, "cluster": fullest}
        at = screen("phenotype", own_study, **query)
        next(b for b in at.button if b.form_id == "keep").click().run()
        assert not at.error
    at.switch_page("../pages/export.py").run()
    assert table_with(crawl(at), "file", "what").shape[0] > 5
    check(at, eids)
    next(b for b in at.button if b.label.startswith("Write")).click().run()
    check(at, eids)
    for hidden in ("studio.db", "audit.log"):
        content = (own_study / "store" / hidden).read_bytes()
        assert not {eid for eid in eids if eid.encode() in content}


def test_an_error_names_no_participant(screen, own_study, eids):
    table = own_study / "store/cohort"
    for file in table.glob("*/*.parquet"):
        file.write_bytes(file.read_bytes()[:-9])
    st.cache_resource.clear()
    for name in ("overview", "diseases", "phenotype", "gwas"):
        check(screen(name, own_study), eids)


def test_the_server_keeps_to_itself():
    config = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["enableXsrfProtection"] is True
    assert config["server"]["enableCORS"] is True
    assert config["server"].get("enableStaticServing", False) is False
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["showErrorDetails"] == "none"


def test_no_screen_asks_for_anything_from_outside():
    for folder in ("app", "pages"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in (".py", ".js", ".css", ".html"):
                assert not re.search(r"https?://(?!www\.w3\.org)", file.read_text())
    main = (ROOT / "app/main.py").read_text()
    assert 'page_icon=":' not in main, "a named icon is fetched from a font server"
