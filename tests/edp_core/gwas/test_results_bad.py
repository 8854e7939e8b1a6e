"""Bad result files: a named error and an empty store, or rows counted by reason."""

import gzip

import mpmath
import numpy as np
import pandas as pd
import pytest
from small_results import (
    REGENIE,
    columns_of,
    made_up,
    rows_of,
    write,
    write_dialect,
)

from edp_core.errors import InputError
from edp_core.gwas.genes import genes_in
from edp_core.gwas.incoming import files, streams
from edp_core.gwas.incoming.builds import BUILDS, SENTINELS
from edp_core.gwas.results import ingest_results
from edp_core.gwas.results_store import list_gwas
from edp_core.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def refused(store):
    """Ingest must fail: its message, after a look that nothing was left behind."""

    def ingest(*paths, build="GRCh37", name="a", **more):
        with pytest.raises(InputError) as caught:
            ingest_results(paths, name=name, build=build, store=store, **more)
        assert list_gwas(store) == []
        assert not [p for p in store.root.glob("gwas/*")]
        assert caught.value.hint
        return caught.value.message

    return ingest


def notes(result, dropped=True):
    table = result.notes[result.notes["dropped"] == dropped]
    return dict(zip(table["reason"], table["count"], strict=True))


# ---- files -----------------------------------------------------------------------
def test_files_that_are_none(tmp_path, refused):
    assert "There is no file" in refused(tmp_path / "absent")
    (tmp_path / "empty").write_bytes(b"")
    assert refused(tmp_path / "empty") == "empty is empty"
    (tmp_path / "e.gz").write_bytes(gzip.compress(b""))
    assert "has no header" in refused(tmp_path / "e.gz")
    (tmp_path / "remarks").write_text("## one\n## two\n")
    assert "has no header" in refused(tmp_path / "remarks")
    for start, said in {
        b"PK\x03\x04....": "a zip archive",
        b"PAR1....": "a Parquet file",
        b"\x28\xb5\x2f\xfd..": "packed with zstd",
        "CHROM".encode("utf-16"): "UTF-16 text",
        b"CHROM \xff\xfe POS\n": "it is not UTF-8 text",
    }.items():
        (tmp_path / "other").write_bytes(start)
        assert said in refused(tmp_path / "other")
    assert refused() == "No result file is given"
    header = write(tmp_path / "header", REGENIE, [])
    assert "header has no row below its header" in refused(header)


def test_a_file_in_another_encoding_further_down(tmp_path, refused):
    path = write_dialect(tmp_path / "a", "regenie", made_up(30))
    path.write_bytes(path.read_bytes().replace(b"rs1", b"r\xe91"))
    assert refused(path) == "a cannot be read: it is not UTF-8 text"


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_file_that_was_cut_is_refused(tmp_path, refused, share):
    path = write_dialect(tmp_path / "a.gz", "regenie", made_up(2_000))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "a.gz is cut short" in refused(path)


def test_plain_text_and_blocked_gzip_that_were_cut(tmp_path, refused, store):
    path = write_dialect(tmp_path / "a", "regenie", made_up(100))
    text = path.read_bytes()
    path.write_bytes(text[:-30])
    assert "a is cut short: its last line has" in refused(path)
    path.write_bytes(text[:-1])  # only the end of the line is gone: nothing is
    ingest_results([path], name="a", build="GRCh37", store=store)
    # a block of bgzip is a gzip member with its size in an extra field
    member = gzip.compress(text, mtime=0)
    extra = b"\x06\x00BC\x02\x00\x00\x00"
    block = member[:3] + b"\x04" + member[4:10] + extra + member[10:]
    path.write_bytes(block + streams.BGZF_END)
    result = ingest_results([path], name="b", build="GRCh37", store=store)
    assert result.n_variants == 100
    path.write_bytes(block)
    with pytest.raises(InputError, match="last block of bgzip is missing"):
        ingest_results([path], name="b", build="GRCh37", store=store)


def test_a_damaged_gzip_is_refused(tmp_path, refused):
    path = write_dialect(tmp_path / "a.gz", "regenie", made_up(3_000))
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 255
    path.write_bytes(damaged)
    assert "a.gz is damaged" in refused(path)


def test_a_bomb_is_refused_before_it_fills_memory(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(streams, "FREE_BYTES", 1 << 20)
    monkeypatch.setattr(files, "BLOCK", 1 << 20)
    row = b"1 5 rs1 A C 0.5 1 100 ADD 0.1 0.1 1 0.5 NA\n"
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(" ".join(REGENIE).encode() + b"\n" + row * 400_000))
    assert "times its size: no result does" in refused(path)
    path.write_bytes(" ".join(REGENIE).encode() + b"\n" + b"1" * 3_000_000)
    assert "a line is longer than" in refused(path)


def test_a_link_is_followed_and_names_are_quoted(tmp_path, store, refused):
    path = write_dialect(tmp_path / "a file; rm -rf $x.txt", "regenie", made_up(20))
    (tmp_path / "link.txt").symlink_to(path)
    result = ingest_results(
        [tmp_path / "link.txt"], name="a", build="GRCh37", store=store
    )
    assert result.summary["files"] == [path.name]
    with pytest.raises(InputError, match="given twice"):
        ingest_results([path, tmp_path / "link.txt"], name="b", build="37", store=store)


@pytest.mark.parametrize(
    "name", ["", "../up", "a/b", ".a", "a b", "-x", "ä" * 3, "x" * 101]
)
def test_a_name_that_is_none(tmp_path, refused, name):
    path = write_dialect(tmp_path / "a", "regenie", made_up(20))
    assert "cannot be the name of a result" in refused(path, name=name)


# ---- tables ----------------------------------------------------------------------
def test_lines_with_more_cells_than_the_header(tmp_path, refused, store):
    table = made_up(60)
    rows = rows_of(table, columns_of("regenie"))
    wide = [[str(i), *row] for i, row in enumerate(rows)]  # as R writes row names
    message = refused(write(tmp_path / "a", REGENIE, wide))
    assert "have not the 14 cells that the header names" in message
    rows[3] = rows[3][:-2]
    rows[9] = [*rows[9], "x"]
    path = write(tmp_path / "a", REGENIE, rows)
    result = ingest_results([path], name="a", build="GRCh37", store=store)
    assert notes(result) == {"line with cells missing or too many": 2}
    assert result.summary["n_rows"] == 60 == result.n_variants + 2


def test_every_row_is_kept_or_counted(tmp_path, store):
    table = made_up(30)
    rows = rows_of(table.assign(p=0.5), columns_of("plink2"))
    header = list(columns_of("plink2"))
    at = {name: i for i, name in enumerate(header)}
    wrong = [
        ("#CHROM", "27"), ("#CHROM", "GL000191.1"), ("#CHROM", "."), ("POS", "0"),
        ("POS", "12.5"), ("POS", "x"), ("POS", "."), ("POS", "999999999"),
        ("A1", "."), ("P", "NA"), ("P", "2"), ("P", "-0.1"), ("P", "1,5"),
        ("TEST", "DOM"), ("POS", "0x10"),
    ]  # fmt: skip
    for i, (name, cell) in enumerate(wrong):
        rows[i][at[name]] = cell
    noticed = [("SE", "0"), ("SE", "-1"), ("BETA", "abc"), ("A1_FREQ", "1.5"),
               ("OBS_CT", "0"), ("BETA", "inf"), ("OBS_CT", "x")]  # fmt: skip
    for i, (name, cell) in enumerate(noticed, len(wrong)):
        rows[i][at[name]] = cell
    path = write(tmp_path / "a", header, rows, gap="\t")
    result = ingest_results([path], name="a", build="GRCh37", store=store)
    assert notes(result) == {
        "chromosome that is none of 1–22, X, Y, XY, MT": 3,
        "position that is no whole number above 0": 5,
        "position beyond the end of its chromosome": 1,
        "allele missing": 1,
        "no p value": 1,
        "p value outside 0–1": 2,
        "p value that is no number": 1,
        "row of another test than ADD": 1,
    }
    seen = notes(result, dropped=False)
    assert seen["standard error that is not above 0, left out"] == 2
    assert seen["effect that is no number, left out"] == 2
    assert seen["allele frequency outside 0–1, left out"] == 1
    assert seen["number of people that is none, left out"] == 2
    summary = result.summary
    assert summary["n_rows"] == 30 == summary["n_variants"] + summary["n_dropped"]


def test_nothing_usable_says_why(tmp_path, refused):
    rows = rows_of(made_up(20).assign(p=3.0), columns_of("plink2"))
    path = write(tmp_path / "a", list(columns_of("plink2")), rows, gap="\t")
    message = refused(path)
    assert "No row of a can be used. p value outside 0–1: 20" in message


def test_chromosomes_go_by_many_names(tmp_path, store):
    names = ["chr1", "01", "X", "chrX", "23", "Y", "XY", "PAR1", "MT", "chrM", "1.0"]
    numbers = [1, 1, 23, 23, 23, 24, 25, 25, 26, 26, 1]
    table = made_up(len(names)).assign(chrom=names, pos=range(100, 100 + len(names)))
    path = write_dialect(tmp_path / "a", "common names", table)
    result = ingest_results([path], name="a", build="GRCh37", store=store)
    assert sorted(result.points["chrom"]) == sorted(numbers)
    assert result.summary["missing_chromosomes"] == list(range(2, 23))
    noticed = notes(result, dropped=False)
    assert [count for why, count in noticed.items() if "without a variant" in why] == [
        21
    ]


def test_variants_given_twice(tmp_path, store):
    table = made_up(20, chromosomes=[1])
    same = table.iloc[[3]]
    other = table.iloc[[5]].assign(log10p=0.125)
    swapped = table.iloc[[7]].rename(
        columns={"effect_allele": "other_allele", "other_allele": "effect_allele"}
    )
    third = table.iloc[[9]].assign(effect_allele="N")  # another allele there
    rows = [table, same, other, swapped, third]
    path = write_dialect(tmp_path / "a", "regenie", pd.concat(rows))
    result = ingest_results([path], name="a", build="GRCh37", store=store)
    assert notes(result) == {
        "variant repeated word for word": 1,
        "variant repeated with its alleles swapped": 1,
        "variant repeated with other numbers, the first was kept": 1,
    }
    assert result.n_variants == 21


# ---- p ---------------------------------------------------------------------------
def test_a_p_too_small_for_a_number_keeps_its_digits(tmp_path, store):
    table = made_up(20).assign(p="0.5")
    table.loc[:5, "p"] = ["1e-400", "2.5E-320", "0", "0.0e-999", "1e-5", "3e-308"]
    table.loc[2, ["beta", "se"]] = [10.0, 0.1]  # z = 100
    table.loc[3, ["beta", "se"]] = [np.nan, np.nan]
    path = write(
        tmp_path / "a",
        list(columns_of("SAIGE")),
        rows_of(table, columns_of("SAIGE")),
        gap="\t",
    )
    result = ingest_results([path], name="a", build="GRCh37", store=store)
    found = result.strong.sort_values("row")["log10p"].tolist()
    by_z = float(-mpmath.log10(mpmath.erfc(100 / mpmath.sqrt(2))))
    assert found == pytest.approx(
        [400, 320 - np.log10(2.5), by_z, by_z, 5, 308 - np.log10(3)], rel=1e-6
    )
    noticed = notes(result, dropped=False)
    assert (
        noticed["p of 0 or beyond a number, taken from effect and standard error"] == 1
    )
    why = "p of 0 without a standard error, set to the smallest p of the files"
    assert noticed[why] == 1


def test_an_infinite_log_p_is_taken_from_z(tmp_path, store):
    table = made_up(20)
    rows = rows_of(table, columns_of("regenie"))
    rows[4][REGENIE.index("LOG10P")] = "inf"
    path = write(tmp_path / "a", REGENIE, rows)
    result = ingest_results([path], name="a", build="GRCh37", store=store)
    at = result.points.set_index("row")["log10p"]
    assert at[4] == pytest.approx(table["log10p"][4], rel=1e-3)


def test_log_p_with_its_sign_wrong_is_refused(tmp_path, refused):
    table = made_up(20)
    path = write_dialect(
        tmp_path / "a", "regenie", table.assign(log10p=-table["log10p"])
    )
    assert "p value outside 0–1: 20" in refused(path)


# ---- builds ----------------------------------------------------------------------
def known(build):
    """Well-known variants, where a build has them."""
    table = made_up(len(SENTINELS)).assign(id=list(SENTINELS))
    places = list(SENTINELS.values())
    return table.assign(
        chrom=[p[0] for p in places],
        pos=[p[1 if build == "GRCh37" else 2] for p in places],
    )


def test_well_known_variants_lie_at_one_place_of_one_gene_on_both_builds():
    genes = (
        "F5 PCSK9 MTHFR GCKR MCM6 ABCG2 HFE HFE LPA TCF7L2 ACTN3 HERC2 ABCC11 FTO "
        "TM6SF2 APOE APOE FUT2 PNPLA3"
    )
    for name, gene in zip(SENTINELS, genes.split(), strict=True):
        chrom, *places = SENTINELS[name]
        apart = []
        for pos, build in zip(places, BUILDS, strict=True):
            here = genes_in(chrom, pos, pos, build=build).set_index("gene").loc[gene]
            apart.append((pos - here["start"], here["end"] - pos))
        assert apart[0] == apart[1], name


def test_a_result_of_another_build_is_refused(tmp_path, refused, store):
    path = write_dialect(tmp_path / "a", "regenie", known("GRCh38"))
    assert f"a is of GRCh38, not of GRCh37: {len(SENTINELS)} well-known" in refused(
        path
    )
    ingest_results([path], name="a", build="hg38", store=store)
    path = write_dialect(tmp_path / "b", "regenie", known("GRCh37"))
    ingest_results([path], name="b", build="hg19", store=store)
    with pytest.raises(InputError, match="b is of GRCh37, not of GRCh38"):
        ingest_results([path], name="c", build="GRCh38", store=store)


def test_mixed_builds_are_refused(tmp_path, refused):
    both = pd.concat([known("GRCh37").iloc[:9], known("GRCh38").iloc[9:]])
    path = write_dialect(tmp_path / "a", "regenie", both)
    assert "a mixes builds: 9 well-known variants" in refused(path)
    table = known("GRCh37")
    low = write_dialect(tmp_path / "low", "regenie", table[table["chrom"] < 12])
    table = known("GRCh38")
    high = write_dialect(tmp_path / "high", "regenie", table[table["chrom"] > 11])
    assert "high is of GRCh38, not of GRCh37" in refused(low, high)


def test_positions_that_only_the_other_build_has(tmp_path, refused, store):
    table = made_up(20, chromosomes=[17])
    table.loc[19, "pos"] = 82_000_000  # chr17 is 81.2 Mb on GRCh37, 83.3 on GRCh38
    path = write_dialect(tmp_path / "a", "regenie", table)
    assert "1 positions are beyond the end of their chromosome" in refused(path)
    ingest_results([path], name="a", build="GRCh38", store=store)


def test_a_build_that_a_remark_or_a_column_names(tmp_path, refused):
    path = write_dialect(
        tmp_path / "a", "plink2", made_up(20), before="##assembly=GRCh38.p13\n"
    )
    assert "a says that its positions are of GRCh38, not GRCh37" in refused(path)
    columns = columns_of("common names") | {"build": ("hg38",)}
    rows = rows_of(made_up(20).assign(p=0.5), columns)
    path = write(tmp_path / "a", list(columns), rows, gap="\t")
    assert "a says that its positions are of GRCh38, not GRCh37" in refused(path)
    assert refused(path, build="hg18") == "'hg18' is no build of the genome"


# ---- several files ---------------------------------------------------------------
def test_files_that_do_not_belong_together(tmp_path, refused):
    one = write_dialect(tmp_path / "one", "regenie", made_up(20, chromosomes=[1, 2]))
    two = write_dialect(tmp_path / "two", "regenie", made_up(20, chromosomes=[2, 3]))
    assert "Chromosome 2 is in two files: one and two" in refused(one, two)
    other = write_dialect(tmp_path / "b", "SAIGE", made_up(20, chromosomes=[4]))
    assert "one is of regenie, b of SAIGE: not one run" in refused(one, other)
    cut = write_dialect(tmp_path / "cut.gz", "regenie", made_up(900, chromosomes=[5]))
    cut.write_bytes(cut.read_bytes()[:9_000])
    assert "cut.gz is cut short" in refused(one, cut)
