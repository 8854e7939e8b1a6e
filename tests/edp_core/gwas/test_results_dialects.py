"""Every program's columns give the same variants; values are those pandas reads."""

import gzip

import numpy as np
import pandas as pd
import pytest
from small_results import (
    REGENIE,
    columns_of,
    made_up,
    rows_of,
    six,
    write,
    write_dialect,
)

from edp_core.errors import InputError
from edp_core.files import read_table
from edp_core.gwas.incoming.dialects import layout_of
from edp_core.gwas.results import ingest_results
from edp_core.gwas.results_store import as_frame
from edp_core.store import Store

PROGRAMS = ["regenie", "plink2", "BOLT-LMM", "SAIGE", "GWAS-SSF", "common names"]


@pytest.fixture
def bring(tmp_path):
    """Read files into a store of their own."""

    def ingest(*files, build="GRCh37", **more):
        store = Store(tmp_path / "store")
        return ingest_results(files, name="a", build=build, store=store, **more)

    return ingest


def variants(result):
    import pyarrow.parquet as pq

    return as_frame(pq.read_table(result.folder / "variants.parquet"))


def same(found, table, *, n=True, by_p=True):
    """Whether variants are those of a table, each number to single precision."""
    assert found["chrom"].dtype == np.int8 and found["pos"].dtype == np.int32
    for name in ("chrom", "pos", "id", "effect_allele", "other_allele"):
        assert found[name].tolist() == table[name].tolist(), name
    for name in ("af", "beta", "se"):
        np.testing.assert_array_equal(found[name], table[name].astype(np.float32))
    if n:
        np.testing.assert_array_equal(found["n"], table["n"])
    # p with six digits says its logarithm to 6e-7
    np.testing.assert_allclose(
        found["log10p"], table["log10p"], rtol=0, atol=5e-6 if by_p else 0
    )


@pytest.mark.parametrize("dialect", PROGRAMS)
@pytest.mark.parametrize("name", ["one.txt", "one.txt.gz"])
def test_each_program_gives_the_same_variants(tmp_path, bring, dialect, name):
    table = made_up()
    result = bring(write_dialect(tmp_path / name, dialect, table))
    same(variants(result), table, n=dialect != "BOLT-LMM", by_p=dialect != "regenie")
    assert result.summary["dialect"] == dialect
    assert result.summary["n_rows"] == result.n_variants == len(table)
    assert result.summary["missing_chromosomes"] == []
    assert not result.notes["dropped"].any()


def test_files_of_chromosomes_are_one_result_in_any_order(tmp_path, bring):
    table = made_up()
    files = [
        write_dialect(
            tmp_path / f"c{c}.regenie.gz",
            "regenie",
            part.sample(frac=1, random_state=1),
        )
        for c, part in table.groupby("chrom")
    ]
    same(variants(bring(*files[::-1])), table, by_p=False)


def test_an_unsorted_file_is_sorted(tmp_path, bring):
    table = made_up()
    mixed = table.sample(frac=1, random_state=2)
    same(variants(bring(write_dialect(tmp_path / "a", "SAIGE", mixed))), table)


@pytest.mark.parametrize("gap", ["\t", " ", "   ", ",", ";", " \t "])
def test_cells_may_be_apart_by_anything(tmp_path, bring, gap):
    table = made_up(60)
    path = write_dialect(tmp_path / "a.txt", "common names", table, gap=gap)
    same(variants(bring(path)), table)


def test_padded_columns_are_read(tmp_path, bring):
    table = made_up(60)
    columns = columns_of("common names")
    rows = [list(columns), *rows_of(table.assign(p=0.5), columns)]
    lines = ["  " + "".join(f"{cell:>22}" for cell in row) + "  " for row in rows]
    (tmp_path / "a.assoc").write_text("\n".join(lines) + "\n")
    found = variants(bring(tmp_path / "a.assoc"))
    assert found["id"].tolist() == table["id"].tolist()
    np.testing.assert_array_equal(found["beta"], table["beta"].astype(np.float32))


def test_marks_line_ends_comments_and_quotes(tmp_path, bring):
    table = made_up(50)
    path = write_dialect(
        tmp_path / "a.txt",
        "plink2",
        table,
        before="\ufeff## made on GRCh37\n## by hand\n",
        end="\r\n",
    )
    same(variants(bring(path)), table)
    text = path.read_text(encoding="utf-8-sig").replace("\r", "").splitlines()
    header = text.pop(2)
    quoted = [",".join(f'"{c}"' for c in line.split("\t")) for line in text[2:]]
    head = header.lstrip("#").replace("\t", ",")
    path.write_text("# one remark\n# another one here\n" + "\n".join([head, *quoted]))
    same(variants(bring(path)), table)


def test_joined_files_repeat_their_header(tmp_path, bring):
    table = made_up(60)
    parts = [table[table["chrom"] < 9], table[table["chrom"] >= 9]]
    text = "## remark\n".join(
        write_dialect(tmp_path / f"{i}", "regenie", part).read_text()
        for i, part in enumerate(parts)
    )
    (tmp_path / "whole").write_text(text)
    result = bring(tmp_path / "whole")
    same(variants(result), table, by_p=False)
    notes = result.notes.set_index("reason")["count"]
    assert notes["header line repeated between rows"] == 1
    assert result.summary["n_rows"] == len(table) + 1


def test_several_members_of_gzip_are_one_file(tmp_path, bring):
    table = made_up(60)
    text = write_dialect(tmp_path / "a", "regenie", table).read_bytes()
    parts = [gzip.compress(text[i : i + 999]) for i in range(0, len(text), 999)]
    (tmp_path / "a.gz").write_bytes(b"".join(parts))
    same(variants(bring(tmp_path / "a.gz")), table, by_p=False)


# ---- what words mean ---------------------------------------------------------------
def test_only_the_additive_test_is_kept(tmp_path, bring):
    table = made_up(40)
    columns = columns_of("regenie")
    rows = rows_of(table, columns)
    other = [[*row[:8], "DOM", "9", *row[10:]] for row in rows]
    both = [row for two in zip(other, rows, strict=True) for row in two]
    path = write(tmp_path / "a", REGENIE, both)
    result = bring(path)
    same(variants(result), table, by_p=False)
    notes = result.notes.set_index("reason")["count"]
    assert notes["row of another test than ADD"] == len(table)
    with pytest.raises(InputError, match=r"No row of a can be used.*tests there: DOM"):
        bring(write(tmp_path / "a", REGENIE, other))


def test_plink2_effect_is_of_a1_whichever_allele_it_is(tmp_path, bring):
    table = made_up(40)
    table["p"] = six(10 ** -table["log10p"])
    columns = columns_of("plink2")
    del columns["OMITTED"]
    turned = columns | {"REF": "effect_allele", "ALT": "other_allele"}
    rows = [
        rows_of(table.iloc[[i]], columns if i % 2 else turned)[0]
        for i in range(len(table))
    ]
    same(variants(bring(write(tmp_path / "a", list(columns), rows))), table)


@pytest.mark.parametrize("word", ["LOG10_P", "NEG_LOG10_P"])
def test_odds_ratios_and_log_p_of_plink2(tmp_path, bring, word):
    table = made_up(40)
    table["odds"] = np.exp(table["beta"])
    columns = {
        {"BETA": "OR", "SE": "LOG(OR)_SE", "P": word}.get(name, name): held
        for name, held in columns_of("plink2").items()
    } | {"OR": "odds", word: "log10p"}
    found = variants(
        bring(write(tmp_path / "a", list(columns), rows_of(table, columns)))
    )
    np.testing.assert_allclose(found["beta"], table["beta"], atol=1e-5)
    np.testing.assert_array_equal(found["log10p"], table["log10p"])
    np.testing.assert_array_equal(found["se"], table["se"].astype(np.float32))


def test_an_error_beside_a_p_is_told(tmp_path, bring):
    table = made_up(40)
    table["p"] = six(10 ** -table["log10p"])
    table["said"] = "."
    table.loc[[3, 5], "said"] = "UNFINISHED"
    table.loc[7, ["said", "p"]] = "NO_VARIATION", np.nan
    columns = columns_of("plink2") | {"ERRCODE": "said"}
    result = bring(write(tmp_path / "a", list(columns), rows_of(table, columns)))
    same(variants(result), table.drop(index=7))
    notes = result.notes.set_index("reason")["count"]
    assert notes["p beside which the program noted an error, kept"] == 2
    assert notes["no p value"] == 1


def test_fastgwa_names_the_frequency_af1(tmp_path, bring):
    table = made_up(30)
    table["p"] = six(10 ** -table["log10p"])
    columns = {"CHR": "chrom", "SNP": "id", "POS": "pos", "A1": "effect_allele",
               "A2": "other_allele", "N": "n", "AF1": "af", "BETA": "beta",
               "SE": "se", "P": "p"}  # fmt: skip
    same(
        variants(bring(write(tmp_path / "a", list(columns), rows_of(table, columns)))),
        table,
    )


def test_bolt_without_its_mixture_has_the_infinitesimal_p(tmp_path, bring):
    columns = columns_of("BOLT-LMM")
    del columns["P_BOLT_LMM"]
    table = made_up(30)
    result = bring(write(tmp_path / "a", list(columns), rows_of(table, columns)), n=500)
    np.testing.assert_allclose(variants(result)["log10p"], -np.log10(0.8))
    assert result.summary["n_min"] == result.summary["n_max"] == 500


def test_saige_of_a_binary_trait_adds_cases_and_controls(tmp_path, bring):
    columns = columns_of("SAIGE")
    del columns["N"]
    columns |= {"N_case": (120,), "N_ctrl": (4_000,)}
    table = made_up(30).assign(p=0.5)
    result = bring(write(tmp_path / "a", list(columns), rows_of(table, columns)))
    assert result.summary["n_min"] == result.summary["n_max"] == 4_120


def test_gwas_ssf_by_logarithm_and_with_its_metadata(tmp_path, bring):
    table = made_up(30)
    columns = columns_of("GWAS-SSF")
    del columns["p_value"]
    columns |= {"neg_log_10_p_value": "log10p"}
    path = write(tmp_path / "a.tsv", list(columns), rows_of(table, columns), gap="\t")
    same(variants(bring(path)), table, by_p=False)
    meta = tmp_path / "a.tsv-meta.yaml"
    meta.write_text("genome_assembly: GRCh38\ncoordinate_system: 1-based\n")
    with pytest.raises(InputError, match="says that its positions are of GRCh38"):
        bring(path)
    same(variants(bring(path, build="hg38")), table, by_p=False)


def test_one_of_several_traits(tmp_path, bring):
    table, other = made_up(30), made_up(30, seed=1)
    header = [c for c in REGENIE if c not in ("BETA", "SE", "CHISQ", "LOG10P", "EXTRA")]
    numbers = ["BETA", "SE", "CHISQ", "LOG10P"]
    columns = columns_of("regenie")
    first = rows_of(table, {k: columns[k] for k in [*header, *numbers]})
    second = rows_of(other, {k: columns[k] for k in numbers})
    named = [*header, *(f"{n}.Y{k}" for k in (1, 2) for n in numbers), "EXTRA"]
    path = write(
        tmp_path / "run.regenie.gz",
        named,
        [[*a, *b, "NA"] for a, b in zip(first, second, strict=True)],
    )
    with pytest.raises(InputError, match="holds 2 traits: y1, y2"):
        bring(path)
    (tmp_path / "run.regenie.Ydict").write_text("Y1 liver fat\nY2 kidney\n")
    with pytest.raises(InputError, match="holds 2 traits: liver fat, kidney"):
        bring(path)
    with pytest.raises(InputError, match="no trait 'spleen'; it holds liver fat"):
        bring(path, trait="spleen")
    result = bring(path, trait="kidney")
    assert result.summary["trait"] == "kidney"
    mixed = table.assign(**{w: other[w] for w in ("beta", "se", "log10p")})
    same(variants(result), mixed, by_p=False)
    assert bring(path, trait="Y1").summary["trait"] == "liver fat"


@pytest.mark.parametrize(
    ("names", "trait"),
    [
        (["s2_liver_fat.regenie.gz"], "liver_fat"),
        (["s2_chr1_liver_fat.regenie", "s2_chr2_liver_fat.regenie"], "liver_fat"),
        (["run.liver_fat.glm.linear"], "liver_fat"),
        (["s2_fat.regenie"], "fat"),
        (["s2_deliver_fat.regenie"], "fat"),
        (["s2_chr1_fat.regenie", "s2_chr2.regenie"], None),
        (["s2_kidney.regenie"], None),
    ],
)
def test_a_run_has_the_trait_its_files_are_named_after(tmp_path, bring, names, trait):
    files = [
        write_dialect(tmp_path / name, "regenie", made_up(20, chromosomes=[c]))
        for c, name in enumerate(names, 1)
    ]
    result = bring(*files, traits=["fat", "liver_fat", "liver", "deliver"])
    assert result.summary["trait"] == trait


def test_files_of_two_phenotypes_are_no_run(tmp_path, bring):
    files = [
        write_dialect(
            tmp_path / f"s2_chr{c}_{trait}.regenie",
            "regenie",
            made_up(20, chromosomes=[c]),
        )
        for c, trait in ((1, "fat"), (2, "liver"))
    ]
    with pytest.raises(InputError, match="are of 2 phenotypes, as fat and liver"):
        bring(*files, traits=["fat", "liver"])


def test_alleles_whose_effect_only_custom_tells_are_noted(tmp_path, bring):
    columns = {"SNP": "id", "CHR": "chrom", "BP": "pos", "A1": "effect_allele",
               "A2": "other_allele", "P": "p"}  # fmt: skip
    table = made_up(30).assign(p=0.25)
    result = bring(write(tmp_path / "a", list(columns), rows_of(table, columns)))
    found = variants(result)
    assert found["effect_allele"].tolist() == table["effect_allele"].tolist()
    assert found["beta"].isna().all() and found["se"].isna().all()
    assert result.notes["reason"].str.contains("A1 was taken for it").any()


def test_the_minor_alleles_frequency_is_for_the_qq_plot_alone(tmp_path, bring):
    columns = {"chrom": "chrom", "pos": "pos", "ref": "other_allele",
               "alt": "effect_allele", "pval": "p", "maf": "maf"}  # fmt: skip
    table = made_up(200).assign(p=0.25, maf=np.tile([0.05, 0.4], 100))
    result = bring(write(tmp_path / "a", list(columns), rows_of(table, columns)))
    assert variants(result)["af"].isna().all()
    assert result.qq["stratum"].nunique() == 2


# ---- what is missing ---------------------------------------------------------------
@pytest.mark.parametrize("dialect", PROGRAMS)
def test_a_missing_column_is_named_beside_the_nearest_program(tmp_path, bring, dialect):
    columns = columns_of(dialect)
    words = {"p": "p value", "log10p": "p value", "effect_allele": "effect allele",
             "pos": "position"}  # fmt: skip
    for word, said in words.items():
        less = {k: v for k, v in columns.items() if v != word}
        less = {k: v for k, v in less.items() if not k.startswith("P_")}
        if len(less) == len(columns):
            continue
        path = write(tmp_path / "a.txt", list(less), [], gap="\t")
        with pytest.raises(InputError) as caught:
            bring(path)
        message = caught.value.message
        assert "a.txt has no column of" in message and said in message
        assert f"its columns are: {next(iter(less)).lstrip('#')}" in message
        if dialect != "common names":
            assert dialect in message


def test_bolt_is_not_taken_for_regenie(tmp_path):
    header = list(columns_of("BOLT-LMM"))
    layout = layout_of(tmp_path / "a", header)
    assert layout.dialect == "BOLT-LMM"
    assert header[layout.columns["pos"]] == "BP"
    assert header[layout.columns["p"]] == "P_BOLT_LMM"


def test_variants_are_those_pandas_reads(tmp_path, bring):
    path = write_dialect(tmp_path / "a.gz", "SAIGE", made_up(300, seed=3))
    by_pandas = pd.read_csv(path, sep="\t").sort_values(["CHR", "POS"])
    found = variants(bring(path))
    for ours, theirs in {"beta": "BETA", "se": "SE", "af": "AF_Allele2"}.items():
        np.testing.assert_array_equal(found[ours], by_pandas[theirs].astype("float32"))
    np.testing.assert_array_equal(found["log10p"], -np.log10(by_pandas["p.value"]))
    assert found["effect_allele"].tolist() == by_pandas["Allele2"].tolist()


def test_small_tables_are_part_of_the_variants(tmp_path, bring):
    table = made_up(3_000)
    table.loc[7, ["beta", "log10p"]] = [0.9, 80.25]
    table.loc[8, ["beta", "log10p"]] = [0.1, 5.5]
    result = bring(write_dialect(tmp_path / "a", "regenie", table))
    whole = variants(result)
    drawn = result.points[result.points["row"] >= 0]
    assert len(drawn) >= 500
    for name in whole.columns:
        held = whole[name].to_numpy()[drawn["row"]]
        assert (drawn[name].to_numpy() == held).all(), name
    bins = result.points[result.points["row"] < 0]
    assert bins["id"].isna().all()
    strong = whole[whole["log10p"] >= 5]
    pd.testing.assert_frame_equal(
        result.strong.drop(columns="row"), strong.reset_index(drop=True)
    )
    assert {7, 8} <= set(result.strong["row"])
    lead = result.loci.set_index("row").loc[7]
    assert lead["log10p"] == 80.25 and lead["id"] == table["id"][7]
    assert lead["gene"]
    assert (read_table(result.folder, "qq")["n"] > 0).all()
    assert set(result.lambdas) == {0.5, 0.1, 0.01, 0.001}
