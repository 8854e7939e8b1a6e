"""Genes of variants: GeneLocator's answers, and a user's table."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from genelocator import get_genelocator

from edp_core.errors import InputError
from edp_core.gwas.genes import genes_in, name_genes, nearest_genes, read_gene_table
from edp_core.gwas.loci import find_loci


@pytest.mark.parametrize(
    ("build", "chrom", "pos", "gene"),
    [
        ("GRCh37", 22, 44_324_727, "PNPLA3"),  # rs738409
        ("GRCh38", 22, 43_928_847, "PNPLA3"),
        ("GRCh37", 19, 19_379_549, "TM6SF2"),  # rs58542926
        ("GRCh37", 4, 103_188_709, "SLC39A8"),  # rs13107325
        ("GRCh38", 4, 102_267_552, "SLC39A8"),
    ],
)
def test_well_known_variants_lie_in_their_genes(build, chrom, pos, gene):
    named = name_genes([chrom], [pos], build=build)
    assert named.to_dict("list") == {
        "gene": [gene], "source": ["within"], "distance": [0],
    }  # fmt: skip


def test_genes_are_those_the_locator_holds():
    rng = np.random.default_rng(0)
    chrom, pos = rng.integers(1, 24, 300), rng.integers(1, 140_000_000, 300)
    genes = {
        name: np.array([g[1:3] for g in info])
        for name, info in _by_chromosome("GRCh37").items()
    }
    named = name_genes(chrom, pos, build="GRCh37")
    for row, number, place in zip(named.itertuples(), chrom, pos, strict=True):
        spans = genes["X" if number == 23 else str(number)]
        away = np.maximum(np.maximum(spans[:, 0] - place, place - spans[:, 1]), 0)
        assert row.distance == away.min()
        assert row.source == ("nearest" if row.distance else "within")
        region = genes_in(number, place, place, build="GRCh37")
        assert len(region) == (away == 0).sum()
        if row.distance == 0:
            assert set(row.gene.split(", ")) <= set(region["gene"])
        else:
            nearby = genes_in(
                number, place - row.distance, place + row.distance, build="GRCh37"
            )
            assert row.gene in set(nearby["gene"])
    assert {"nearest", "within"} == set(named["source"])


def _by_chromosome(build):
    found = {}
    for gene in get_genelocator(build, coding_only=True)._gene_info.values():
        found.setdefault(gene[0], []).append(gene)
    return found


def test_sex_chromosomes_and_the_mitochondrion():
    assert nearest_genes([26], [5_000], build="GRCh37") == ["MT-ND2"]
    x = nearest_genes([23, 25], [1_000_000] * 2, build="GRCh37")
    assert x == ["CRLF2"] * 2
    with pytest.raises(InputError, match="no chromosome 27"):
        nearest_genes([27], [1], build="GRCh37")
    with pytest.raises(InputError, match="build 'hg18'"):
        nearest_genes([1], [1], build="hg18")
    assert nearest_genes([], [], build="GRCh37") == []


def test_a_region_has_the_genes_that_touch_it():
    genes = genes_in(22, 44_319_672, 44_360_368, build="GRCh37")
    assert genes["gene"].tolist() == ["PNPLA3", "SAMM50"]
    assert genes_in(22, 44_319_671, 44_319_671, build="GRCh37").empty
    assert not genes_in(22, 44_360_368, 44_360_368, build="GRCh37").empty
    assert genes_in(22, 1, 2, build="GRCh37").empty


@pytest.mark.parametrize(
    "text",
    [
        "id,gene\nrs1,AAA\nrs2,BBB\nrs1,AAA\nrs3,\n",
        "SNP\tGene\nrs1\tAAA\nrs2\tBBB\nrs1\tAAA\n\tCCC\n",
    ],
)
def test_a_table_by_id_goes_before_the_nearest_gene(tmp_path, text):
    path = tmp_path / "genes.tsv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    table = read_gene_table(path)
    assert (table.n_rows, table.n_duplicates, table.n_empty) == (4, 1, 1)
    named = name_genes(
        [22, 22], [44_324_727] * 2, build="GRCh37", table=table, ids=["rs2", "rs9"]
    )
    assert named["gene"].tolist() == ["BBB", "PNPLA3"]
    assert named["source"].tolist() == ["table", "within"]
    with pytest.raises(InputError, match="no ids"):
        nearest_genes([22], [5], build="GRCh37", table=table)


def test_a_table_by_position(tmp_path):
    path = tmp_path / "genes.csv"
    path.write_text("chr,bp,gene\nchr22,44324727,AAA\nX,5,BBB\n23,5,BBB\n")
    table = read_gene_table(path)
    assert table.n_duplicates == 1
    assert nearest_genes([22, 23], [44_324_727, 5], build="GRCh37", table=table) == [
        "AAA",
        "BBB",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,name\nrs1,A\n", "no column gene; it has id, name"),
        ("chrom,gene\n1,A\n", "no column id, or chrom and pos; it has chrom, gene"),
        ("id,gene\nrs1,A\nrs1,B\nrs2,A\n", "1 variants more than one gene"),
        ("chrom,pos,gene\n1,x,A\n99,5,A\n1,5,A\n", "2 rows whose chromosome"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path, text, said):
    path = tmp_path / "genes.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_gene_table(path)


@pytest.mark.data
def test_a_well_known_region_reads_as_published(data_dir):
    folder = data_dir / "genetics" / "sumstats"
    table = pd.read_csv(folder / "t2d_tcf7l2_region.tsv", sep="\t")
    found = find_loci(table["chr"], table["position"], table["log_pvalue"])
    assert len(found) == 1
    lead = table.iloc[found["lead"].iloc[0]]
    assert lead["pvalue"] == table["pvalue"].min()
    assert found["n_variants"].iloc[0] == (table["pvalue"] < 5e-8).sum()
    named = nearest_genes(found["chrom"], found["lead_pos"], build="GRCh37")
    assert named == ["TCF7L2"]
    # another programme's genes of the region, of a later GENCODE
    text = (folder / "locuszoom-genes_10_114550452-115067678.json").read_text()
    theirs = {
        (gene["gene_name"], gene["start"], gene["end"])
        for gene in json.loads(text)["data"]
        if gene["gene_type"] == "protein_coding"
    }
    ours = genes_in(10, 114_550_452, 115_067_678, build="GRCh37")
    assert set(ours["gene"]) == {name for name, _, _ in theirs}
