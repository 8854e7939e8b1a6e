"""Results in the store: regions, single variants, removal; files for other tools."""

import gzip
import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy.stats import norm
from small_results import REGENIE, made_up, write_dialect

from edp_core.errors import InputError, MissingArtifactError
from edp_core.gwas import result_table
from edp_core.gwas.ldsc import write_ldsc
from edp_core.gwas.loci import find_loci
from edp_core.gwas.regenie_results import write_regenie
from edp_core.gwas.replication import replicate
from edp_core.gwas.results import ingest_results
from edp_core.gwas.results_store import (
    as_frame,
    list_gwas,
    read_gwas,
    region,
    remove_gwas,
    values_at,
)
from edp_core.prune import prune
from edp_core.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def bring(tmp_path, store):
    def ingest(table, name="a", **more):
        path = write_dialect(tmp_path / f"{name}.regenie", "regenie", table)
        return ingest_results([path], name=name, build="GRCh37", store=store, **more)

    return ingest


@pytest.fixture
def table(monkeypatch):
    """Variants that fill many row groups."""
    monkeypatch.setattr(result_table, "GROUP", 50)
    return made_up(2_000)


def test_a_region_is_what_lies_between_its_ends(store, bring, table):
    bring(table)
    rng = np.random.default_rng(1)
    for _ in range(12):
        chrom = int(rng.integers(1, 24))
        start, end = np.sort(rng.integers(1, 40_000_000, 2))
        found = region(store, "a", chrom, start=int(start), end=int(end))
        here = table[(table["chrom"] == chrom) & table["pos"].between(start, end)]
        assert found["id"].tolist() == here["id"].tolist()
        np.testing.assert_array_equal(found["log10p"], here["log10p"])
    first = table.iloc[0]
    at = {"start": int(first["pos"]), "end": int(first["pos"])}
    assert len(region(store, "a", 1, **at)) == 1
    assert list(region(store, "a", 25, **at).columns) == list(found.columns)
    assert region(store, "a", 25, **at).empty


def test_row_groups_hold_one_chromosome_each_and_say_where_they_lie(bring, table):
    with pq.ParquetFile(bring(table).folder / "variants.parquet") as file:
        assert file.num_row_groups > 23
        for number in range(file.num_row_groups):
            group = file.metadata.row_group(number)
            chrom, pos = (group.column(i).statistics for i in (0, 1))
            assert chrom.min == chrom.max and pos.min <= pos.max


def test_values_at_positions(store, bring, table):
    extra = table.iloc[[5]].assign(effect_allele="T", other_allele="TA")
    bring(pd.concat([table, extra]))
    asked = table.iloc[[900, 5, 900, 1_999]]
    chrom, pos = [*asked["chrom"], 3], [*asked["pos"], 39_999_999]
    found = values_at(store, "a", chrom, pos=pos)
    wanted = pd.concat([table.iloc[[5]], extra, table.iloc[[900, 1_999]]])
    assert found["id"].tolist() == wanted["id"].tolist()
    assert found["effect_allele"].tolist() == wanted["effect_allele"].tolist()
    assert values_at(store, "a", [], pos=[]).empty


def test_a_second_result_replicates_the_first(store, bring):
    table = made_up(400)
    table.loc[100, ["beta", "se", "log10p"]] = [0.5, 0.01, 300.0]
    bring(table)
    swapped = table.rename(
        columns={"effect_allele": "other_allele", "other_allele": "effect_allele"}
    ).assign(beta=-table["beta"])
    bring(swapped, name="b")
    loci = read_gwas(store, "a").loci
    second = values_at(store, "b", loci["chrom"], pos=loci["lead_pos"])
    found = replicate(loci, second)
    assert found.n_replicated == len(loci) >= 1


def test_results_are_listed_replaced_and_removed(store, bring):
    assert list_gwas(store) == []
    first = bring(made_up(20))
    bring(made_up(20), name="b")
    assert list_gwas(store) == ["a", "b"]
    assert bring(made_up(20)).key == first.key
    other = bring(made_up(30))
    assert other.key != first.key and other.n_variants == 30
    prune(store)
    assert not first.folder.exists() and read_gwas(store, "a").n_variants == 30
    remove_gwas(store, "a")
    assert list_gwas(store) == ["b"] and not other.folder.exists()
    assert read_gwas(store, "b").n_variants == 20
    with pytest.raises(MissingArtifactError, match="named 'a'; there is b"):
        read_gwas(store, "a")
    with pytest.raises(MissingArtifactError):
        remove_gwas(store, "a")


def test_a_damaged_result_says_so(store, bring):
    (bring(made_up(20)).folder / "points.parquet").unlink()
    with pytest.raises(MissingArtifactError, match=r"damaged: points\.parquet"):
        read_gwas(store, "a")


def test_progress_is_told_to_the_end(tmp_path, store):
    table = made_up(60)
    files = [
        write_dialect(tmp_path / f"{c}.gz", "regenie", part)
        for c, part in table.groupby("chrom")
    ]
    told = []
    ingest_results(
        files,
        name="a",
        build="GRCh37",
        store=store,
        report=lambda done, of: told.append((done, of)),
    )
    size = sum(path.stat().st_size for path in files)
    assert told[-1] == (size, size)
    assert all(0 <= a <= b <= size for (a, _), (b, _) in pairwise(told))


def test_loci_at_another_threshold_come_from_the_strong_variants(bring):
    table = made_up(500)
    table.loc[[10, 200, 300], "log10p"] = [6.0, 9.0, 12.0]
    result = bring(table)
    strong = result.strong
    for threshold in (5.5, -np.log10(5e-8), 10):
        whole = find_loci(
            table["chrom"], table["pos"], table["log10p"], threshold=threshold
        )
        found = find_loci(
            strong["chrom"], strong["pos"], strong["log10p"], threshold=threshold
        )
        leads = strong["row"].to_numpy()[found["lead"].to_numpy()]
        assert leads.tolist() == whole["lead"].tolist()
        pd.testing.assert_frame_equal(
            found.drop(columns="lead"), whole.drop(columns="lead")
        )


# ---- other tools -----------------------------------------------------------------
def test_ldsc_has_what_it_can_use(tmp_path, bring):
    table = made_up(300)
    table["log10p"] = table["log10p"].clip(lower=1e-3)
    table.loc[[0, 3, 4], ["effect_allele", "other_allele"]] = ["A", "C"]
    table.loc[[0, 3, 4], "af"] = 0.5
    table.loc[0, "log10p"] = 500.25
    table.loc[1, ["effect_allele", "other_allele"]] = ["AT", "A"]
    table.loc[2, "id"] = "1:2:A:C"
    table.loc[[3, 4], "id"] = "rs5"
    table.loc[[5, 6], "af"] = [0.001, 0.995]
    table.loc[7, "beta"] = np.nan
    table.loc[8, "n"] = np.nan
    table.loc[[9, 10], ["effect_allele", "other_allele"]] = ["A", "C"]
    table.loc[[9, 10], "af"] = 0.5
    # two thirds of the 90th percentile, some 44,500 people, are 29,700
    table.loc[[9, 10], "n"] = [29_000, 30_500]
    result = bring(table)
    left = write_ldsc(result, tmp_path / "a.sumstats.gz").set_index("reason")["count"]
    with gzip.open(tmp_path / "a.sumstats.gz", "rt") as file:
        assert file.readline() == "SNP\tA1\tA2\tN\tZ\n"
    found = pd.read_csv(tmp_path / "a.sumstats.gz", sep="\t")
    pairs = table["effect_allele"] + table["other_allele"]
    fine = (
        (table["chrom"] < 23)
        & ~pairs.isin(["AT", "TA", "CG", "GC"])
        & table["af"].between(0.01, 0.99)
    )
    fine[[1, 2, 3, 4, 7, 8, 9]] = False
    wanted = table[fine]
    assert found["SNP"].tolist() == wanted["id"].tolist()
    assert found["A1"].tolist() == wanted["effect_allele"].tolist()
    assert found["A2"].tolist() == wanted["other_allele"].tolist()
    np.testing.assert_array_equal(found["N"], wanted["n"])
    z = norm.isf(10 ** -wanted["log10p"] / 2) * np.sign(wanted["beta"])
    finite = np.isfinite(z)
    np.testing.assert_allclose(found["Z"][finite.to_numpy()], z[finite], atol=6e-4)
    assert len(found) + left.sum() == len(table)
    assert left["not of two bases (insertion, deletion, other)"] == 1
    assert left["no rs number"] == 1 and left["no effect"] == 1
    assert left["N below two thirds of its 90th percentile"] == 1
    # p of 10^-500.25 underflows, its z does not
    strongest = abs(found["Z"].iloc[0])
    back = -(np.log(2) + norm.logsf(strongest)) / np.log(10)
    assert back == pytest.approx(500.25, abs=0.02)
    rare = table.assign(af=0.001)
    with pytest.raises(InputError, match=r"No variant of b can be used by LDSC.*rarer"):
        write_ldsc(bring(rare, name="b"), tmp_path / "b.gz")


@pytest.mark.parametrize("name", ["out.regenie", "out.regenie.gz"])
def test_what_is_written_for_regenie_is_read_back(tmp_path, store, bring, name):
    table = made_up(200)
    table.loc[3, ["af", "se"]] = np.nan
    first = bring(table)
    assert write_regenie(first, tmp_path / name) == 0
    opened = gzip.open if name.endswith("gz") else open
    with opened(tmp_path / name, "rt") as file:
        header = file.readline().split()
    assert header == [c for c in REGENIE if c != "INFO"]
    second = ingest_results([tmp_path / name], name="b", build="GRCh37", store=store)
    held = [pq.read_table(r.folder / "variants.parquet") for r in (first, second)]
    pd.testing.assert_frame_equal(*(as_frame(t) for t in held))
    read = pd.read_csv(tmp_path / name, sep=" ")
    chisq = norm.isf(10 ** -table["log10p"] / 2) ** 2
    np.testing.assert_allclose(read["CHISQ"], chisq, rtol=1e-6, atol=1e-9)


def test_alleles_of_few_copies_are_not_written(tmp_path, bring):
    table = made_up(200)
    table["n"] = 1000
    table["af"] = np.linspace(0.2, 0.4, len(table))
    table.loc[[4, 5, 6, 7], "af"] = [0.0045, 0.9955, 0.005, np.nan]  # 9, 9, 10 copies
    result = bring(table)
    assert write_regenie(result, tmp_path / "few.regenie", fewest=10) == 2
    read = pd.read_csv(tmp_path / "few.regenie", sep=" ")
    assert read["ID"].tolist() == table.drop(index=[4, 5])["id"].tolist()


# ---- real files ------------------------------------------------------------------
@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["test_bin_out_firth_Y1.regenie", "example.test_bin_out_firth_Y1.regenie"]
)
def test_regenies_own_output(data_dir, store, name):
    path = data_dir / "genetics" / "regenie-example" / name
    result = ingest_results(
        [path], name="a", build="GRCh37", store=store, traits=["Y1", "Y2"]
    )
    read = pd.read_csv(path, sep=" ")
    found = pq.read_table(result.folder / "variants.parquet").to_pandas()
    assert result.summary["trait"] == "Y1"
    assert result.n_variants == result.summary["n_rows"] == len(read) == 1_000
    for ours, theirs in {
        "pos": "GENPOS", "n": "N", "af": "A1FREQ", "beta": "BETA", "se": "SE",
        "log10p": "LOG10P",
    }.items():  # fmt: skip
        np.testing.assert_array_equal(
            found[ours], read[theirs].astype(found[ours].dtype)
        )
    assert found["id"].tolist() == read["ID"].astype(str).tolist()
    assert found["effect_allele"].tolist() == read["ALLELE1"].astype(str).tolist()


@pytest.mark.data
def test_files_of_phewebs_tests(data_dir, store):
    folder = data_dir / "genetics" / "sumstats" / "pheweb-assoc-files"
    for path in sorted(folder.iterdir()):
        result = ingest_results([path], name="a", build="GRCh37", store=store)
        read = pd.read_csv(
            path, sep="\t" if path.suffix != ".txt" else None, engine="python"
        )
        words = {name.lower().lstrip("#"): name for name in read}
        p = read[words.get("pval") or words["pvalue"]]
        assert result.summary["n_rows"] == len(read), path.name
        assert result.summary["n_dropped"] >= p.isna().sum()
        smallest = p[p > 0].min()
        assert result.summary["log10p_max"] == pytest.approx(-np.log10(smallest)), (
            path.name
        )
    assert "EPACTS" in {
        ingest_results(
            [folder / "EAR-LENGTH.epacts.gz"], name="a", build="GRCh37", store=store
        ).summary["dialect"]
    }


@pytest.mark.data
def test_a_dirty_file_of_gwaslab_is_counted(data_dir, store):
    path = data_dir / "genetics" / "sumstats" / "gwaslab-dirty_sumstats.tsv"
    result = ingest_results([path], name="a", build="GRCh37", store=store)
    dropped = result.notes[result.notes["dropped"]]
    summary = result.summary
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    assert summary["n_rows"] == len(lines) - 1
    assert summary["n_rows"] == result.n_variants + dropped["count"].sum()
    # its own notes say which rows are wrong
    assert dict(zip(dropped["reason"], dropped["count"], strict=True)) == {
        "position that is no whole number above 0": 6,
        "chromosome that is none of 1–22, X, Y, XY, MT": 5,
        "p value outside 0–1": 2,
        "variant repeated word for word": 2,
        "allele missing": 1,
        "effect allele and other allele are the same": 1,
    }


@pytest.mark.data
def test_a_file_without_alleles_names_what_is_missing(data_dir, store):
    path = data_dir / "genetics" / "sumstats" / "t2d_tcf7l2_region.tsv"
    with pytest.raises(InputError, match="no column of an effect allele"):
        ingest_results([path], name="a", build="GRCh37", store=store)


@pytest.mark.skipif(shutil.which("plink2") is None, reason="plink2 is not installed")
@pytest.mark.parametrize("more", ["", "cols=+a1freq", "log10"])
@pytest.mark.parametrize("binary", [False, True])
def test_plink2_run_here(tmp_path, store, more, binary):
    def plink(*words):
        subprocess.run(
            ["plink2", *words, "--threads", "1"],
            cwd=tmp_path, check=True, capture_output=True,
        )  # fmt: skip

    plink("--dummy", "300", "400", "0.01", "--seed", "3", "--make-bed", "--out", "d")
    fam = pd.read_csv(tmp_path / "d.fam", sep=r"\s+", header=None, dtype=str)
    rng = np.random.default_rng(0)
    y = rng.integers(1, 3, len(fam)) if binary else rng.standard_normal(len(fam))
    pheno = pd.DataFrame({"#FID": fam[0], "IID": fam[1], "fat": y})
    pheno.to_csv(tmp_path / "p.txt", sep="\t", index=False)
    words = ["allow-no-covars", *([more] if more else [])]
    plink("--bfile", "d", "--pheno", "p.txt", "--glm", *words, "--out", "run")
    (path,) = tmp_path.glob("run.fat.glm.*")
    result = ingest_results(
        [path], name="a", build="GRCh37", store=store, traits=["fat"]
    )
    assert result.summary["dialect"] == "plink2"
    assert result.summary["trait"] == "fat"
    read = pd.read_csv(path, sep="\t", na_values=["."])
    found = pq.read_table(result.folder / "variants.parquet").to_pandas()
    p = next(c for c in read if c in ("P", "LOG10_P", "NEG_LOG10_P"))
    # the first variant of --dummy lies at 0
    read = read[read[p].notna() & (read["POS"] > 0)].sort_values(
        ["#CHROM", "POS"], kind="stable"
    )
    assert found["id"].tolist() == read["ID"].tolist()
    wanted = -np.log10(read["P"]) if p == "P" else read[p]
    np.testing.assert_allclose(found["log10p"], wanted, atol=1e-12)
    beta = np.log(read["OR"]) if binary else read["BETA"]
    np.testing.assert_allclose(found["beta"], beta, rtol=1e-6)
    assert found["effect_allele"].tolist() == read["A1"].tolist()
    assert (
        found["effect_allele"].astype(str) != found["other_allele"].astype(str)
    ).all()
    np.testing.assert_array_equal(found["n"], read["OBS_CT"])
    assert found["af"].notna().all() == ("A1_FREQ" in read)
