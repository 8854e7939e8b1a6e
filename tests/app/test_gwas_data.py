"""What the GWAS screen shows of results: rules for loci, r², correlations."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from app.gwas import (
    data as gwas_data,
)
from app.gwas import (
    effective as gwas_effective,
)
from app.gwas import (
    region as gwas_region,
)
from app.gwas.data import Rules
from edp_core.gwas.compare import union
from edp_core.gwas.effective import effective_tests
from edp_core.gwas.genes import GeneTable
from edp_core.gwas.loci import find_loci
from edp_core.gwas.results import ingest_results
from edp_core.store import Store


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A result with two close signals on chromosome 22 and one on 2."""
    folder = tmp_path_factory.mktemp("result")
    rng = np.random.default_rng(0)
    n = 2000
    table = pd.DataFrame(
        {
            "CHROM": np.repeat([2, 22], n // 2),
            "GENPOS": np.tile(np.arange(n // 2) * 20_000 + 25_000_000, 2),
        }
    )
    table["ID"] = [f"rs{i}" for i in range(n)]
    table["ALLELE0"], table["ALLELE1"], table["A1FREQ"] = "A", "C", 0.3
    table["N"], table["TEST"] = 5000, "ADD"
    table["BETA"], table["SE"] = 0.1, 0.02
    table["LOG10P"] = rng.exponential(0.4, n).round(4)
    table.loc[[100, 1500, 1510], "LOG10P"] = [8.5, 12.0, 9.0]  # 200 kb apart
    table.assign(EXTRA="NA").to_csv(folder / "x.regenie", sep=" ", index=False)
    store = Store(folder / "store")
    return ingest_results([folder / "x.regenie"], name="x", build="GRCh37", store=store)


def test_loci_follow_the_rules(found):
    usual = gwas_data.loci(found, Rules())
    assert usual is found.loci and len(usual) == 2
    strict = gwas_data.loci(found, Rules(threshold=10.0))
    assert list(strict["id"]) == ["rs1500"]
    assert list(strict["n"]) == [5000] and (strict["gene"] != "").all()
    pairs = pd.DataFrame({"a": ["rs1500"], "b": ["rs1510"], "r2": [0.01]})
    apart = gwas_data.loci(found, Rules(ld=pairs))
    assert set(apart["id"]) == {"rs100", "rs1500", "rs1510"}
    genes = GeneTable({"rs100": "MINE"}, {}, 1, 0, 0)
    named = gwas_data.loci(found, Rules(genes=genes)).set_index("id")["gene"]
    assert named["rs100"] == "MINE"
    assert named["rs1500"] == usual.set_index("id")["gene"]["rs1500"]


def test_loci_of_several_results_have_the_genes_of_the_user_s_table(found):
    ids = list(found.loci["id"])
    mine = GeneTable({ids[0]: "MINE"}, {}, n_rows=1, n_empty=0, n_duplicates=0)
    named = gwas_data.loci(found, Rules(genes=mine))
    together = union({"one": named.iloc[:1], "two": named.iloc[1:]})
    assert gwas_data.genes_of(together, [named.iloc[:1], named.iloc[1:]]) == list(
        named["gene"]
    )
    assert named["gene"].iloc[0] == "MINE"
    assert found.loci["gene"].iloc[0] != "MINE"


def test_loci_found_again_are_those_of_all_variants(found):
    table = pd.read_parquet(found.folder / "variants.parquet")
    for threshold in (5.5, 8.0):
        again = gwas_data.loci(found, Rules(threshold=threshold))
        whole = find_loci(
            table["chrom"], table["pos"], table["log10p"], threshold=threshold
        )
        names = ["chrom", "start", "end", "lead_pos", "log10p", "n_variants"]
        assert json.loads(again[names].to_json()) == json.loads(whole[names].to_json())


def test_r2_with_the_lead_is_found_whichever_way_it_is_written():
    table = pd.DataFrame({"id": ["a", "b", "c", "d"]})
    ld = pd.DataFrame({"a": ["a", "c"], "b": ["b", "a"], "r2": [0.5, 0.25]})
    found = gwas_region.with_r2(table, "a", ld)["r2"]
    assert list(found[:3]) == [1.0, 0.5, 0.25] and np.isnan(found[3])
    assert gwas_region.with_r2(table, "a", None) is table


def test_correlations_leave_constants_out_and_count_who_has_both():
    rng = np.random.default_rng(1)
    shared = rng.normal(size=4000)
    table = pd.DataFrame(
        {
            "a": shared + rng.normal(size=4000),
            "b": shared + rng.normal(size=4000),
            "c": 1.0,
        }
    )
    table.loc[:99, "a"] = np.nan
    matrix = gwas_effective.correlations(table)
    both = table.loc[100:, ["a", "b"]]
    assert matrix == pytest.approx(np.corrcoef(both.T))
    assert 1 < effective_tests(matrix) < 2
    assert gwas_effective.correlations(table[["c"]]).shape == (0, 0)


@pytest.mark.parametrize(
    ("tests", "unknown", "threshold"), [(1.0, 0, 7.30103), (9.0, 0, 8.25527)]
)
def test_the_threshold_is_divided_by_the_tests(tests, unknown, threshold):
    found = gwas_effective.Effective(tests, int(tests), unknown)
    assert found.threshold == pytest.approx(threshold, abs=1e-4)
    assert f"{tests:.1f} effective tests" in found.said
