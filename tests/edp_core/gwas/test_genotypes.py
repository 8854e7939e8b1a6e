"""Genotypes are read as they were written; what is wrong with a file is named."""

import pickle
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from plink_files import PLINK2, draw, lines, needs_plink2, write_bed

from edp_core.errors import InputError
from edp_core.gwas.genotypes import list_files, open_genotypes
from edp_core.gwas.variant_tables import read_variants, usable

PEOPLE, VARIANTS = 37, 90
IDS = [str(1000000 + i) for i in range(PEOPLE)]


@pytest.fixture
def copies():
    return draw(PEOPLE, VARIANTS, missing=0.03)


@pytest.fixture
def prefix(tmp_path, copies):
    return write_bed(tmp_path / "g", copies, ids=IDS)


def as_floats(copies):
    return np.where(copies < 0, np.nan, copies).astype(np.float32)


def to_pgen(prefix):
    command = [PLINK2, "--bfile", prefix, "--make-pgen", "--out", prefix]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return prefix


# ---- reading ---------------------------------------------------------------------
def test_a_bed_is_read_as_it_was_packed(prefix, copies):
    found = open_genotypes(prefix, "bed")
    everyone = np.arange(PEOPLE)
    whole = found.read(np.arange(VARIANTS), everyone)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(whole, as_floats(copies))
    assert found.variants["effect_allele"].eq("A").all()
    assert [iid for _, iid in found.samples.rows] == IDS
    rng = np.random.default_rng(1)
    some, people = rng.permutation(VARIANTS)[:20], rng.permutation(PEOPLE)[:11]
    np.testing.assert_array_equal(
        found.read(some, people), as_floats(copies)[np.ix_(some, people)]
    )


@needs_plink2
def test_bed_and_pgen_of_the_same_people_give_the_same(prefix):
    bed, pgen = open_genotypes(prefix, "bed"), open_genotypes(to_pgen(prefix), "pgen")
    pd.testing.assert_frame_equal(bed.variants, pgen.variants)
    rng = np.random.default_rng(2)
    some, people = rng.permutation(VARIANTS)[:40], rng.permutation(PEOPLE)[:20]
    np.testing.assert_array_equal(bed.read(some, people), pgen.read(some, people))


@needs_plink2
@pytest.mark.parametrize("form", ["bed", "pgen"])
def test_threads_and_processes_read_the_same(prefix, form):
    reader = open_genotypes(to_pgen(prefix), form).reader
    everyone = np.arange(PEOPLE)
    blocks = [np.arange(s, s + 9) for s in range(0, VARIANTS, 9)] * 4
    expected = [reader.read(block, everyone) for block in blocks]
    other = pickle.loads(pickle.dumps(reader))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda block: other.read(block, everyone), blocks))
    for one, two in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_files_of_chromosomes_are_read_as_one(tmp_path, copies):
    bim = lines(VARIANTS, chrom=np.repeat([2, 10, 23], VARIANTS // 3))
    whole = write_bed(tmp_path / "all", copies, ids=IDS, bim=bim)
    for number, name in enumerate(("2", "10", "X")):
        rows = slice(number * 30, number * 30 + 30)
        write_bed(tmp_path / f"c{name}_v2", copies[rows], ids=IDS, bim=bim[rows])
    one = open_genotypes(whole, "bed")
    many = open_genotypes(tmp_path / "c{chromosome}_v2", "bed")
    assert len(many.files) == 9
    assert set(list_files(tmp_path / "c{chromosome}_v2", "bed")) == set(many.files)
    assert "1" in many.absent and "10" not in many.absent
    pd.testing.assert_frame_equal(one.variants, many.variants)
    some, people = np.array([89, 3, 31, 30, 60, 0]), np.arange(5, 20)
    np.testing.assert_array_equal(one.read(some, people), many.read(some, people))


def test_files_of_other_people_are_refused(tmp_path, copies):
    write_bed(tmp_path / "c1", copies, ids=IDS)
    write_bed(tmp_path / "c2", copies, ids=IDS[::-1])
    with pytest.raises(InputError, match=r"c2\.fam .* lists other people than c1\.fam"):
        open_genotypes(tmp_path / "c{chromosome}", "bed")


# ---- bad files -------------------------------------------------------------------
def damaged(prefix, change):
    path = prefix.with_suffix(".bed")
    path.write_bytes(change(path.read_bytes()))
    return pytest.raises(InputError)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: b[:-4], "g.bed has 896 bytes instead of the 903"),
        (lambda b: b[: 3 + 10 * 80], "g.bed holds 80 variants of 37 people"),
        (lambda b: b"VC" + b[2:], "g.bed is no .bed file"),
        (lambda b: b[:2] + b"\x00" + b[3:], "g.bed is sample-major"),
        (lambda b: b"", "g.bed is no .bed file"),
    ],
)
def test_a_damaged_bed_is_named(prefix, change, said):
    if said.startswith("g.bed has"):
        size = len(prefix.with_suffix(".bed").read_bytes())
        said = f"g.bed has {size - 4} bytes instead of the {size}"
    with damaged(prefix, change) as caught:
        open_genotypes(prefix, "bed")
    assert said in caught.value.message
    assert caught.value.hint


def test_a_bim_of_another_length_is_named(prefix):
    path = prefix.with_suffix(".bim")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-7]))
    with pytest.raises(InputError, match=r"holds 90 variants .* g\.bim lists 83"):
        open_genotypes(prefix, "bed")


def test_a_fam_of_another_length_is_named(prefix):
    path = prefix.with_suffix(".fam")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-9]))
    with pytest.raises(InputError, match=r"bytes instead of .* 28 people \(g\.fam\)"):
        open_genotypes(prefix, "bed")


@pytest.mark.parametrize("line", ["1\trs1\t0\t5\tA", "1 rs1 0 5 A G T", "", "\t"])
def test_a_wrong_line_of_the_bim_is_counted_from_1(prefix, line):
    path = prefix.with_suffix(".bim")
    rows = path.read_text().splitlines()
    rows[11] = line
    path.write_text("\n".join(rows) + "\n")
    with pytest.raises(InputError, match=r"Line 12 of g\.bim has not 6 columns"):
        open_genotypes(prefix, "bed")


@pytest.mark.parametrize("pos", ["x", "1.5", "9e99", ""])
def test_a_position_that_is_no_whole_number_is_named(prefix, pos):
    path = prefix.with_suffix(".bim")
    rows = path.read_text().splitlines()
    rows[4] = f"1\trs4\t0\t{pos}\tA\tG"
    path.write_text("\n".join(rows))
    with pytest.raises(InputError, match=r"Line 5 of g\.bim has no whole number"):
        open_genotypes(prefix, "bed")


@pytest.mark.parametrize("gone", [".bed", ".bim", ".fam"])
def test_a_file_that_is_not_there_is_named(prefix, gone):
    prefix.with_suffix(gone).unlink()
    with pytest.raises(InputError, match=rf"no .*g\{gone}"):
        list_files(prefix, "bed")


@needs_plink2
@pytest.mark.parametrize("cut", [4, 40, -5])
def test_a_cut_pgen_is_named(prefix, cut):
    path = to_pgen(prefix).with_suffix(".pgen")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"g\.pgen cannot be read with g\.psam \(37"):
        open_genotypes(prefix, "pgen")


@needs_plink2
def test_tables_of_another_pgen_are_named(prefix):
    to_pgen(prefix)
    table = prefix.with_suffix(".pvar")
    rows = table.read_text().splitlines()
    table.write_text("\n".join(rows[:-3]))
    with pytest.raises(InputError, match=r"holds 90 variants, but g\.pvar lists 87"):
        open_genotypes(prefix, "pgen")
    table.write_text("\n".join([*rows[:5], rows[5] + "\tmore", *rows[6:]]))
    with pytest.raises(InputError, match=r"Line 6 of g\.pvar has not \d columns"):
        open_genotypes(prefix, "pgen")
    table.write_text("\n".join(rows))
    table = prefix.with_suffix(".psam")
    table.write_text("\n".join(table.read_text().splitlines()[:-3]))
    with pytest.raises(InputError, match=r"g\.psam \(34 people\)"):
        open_genotypes(prefix, "pgen")


def test_a_file_that_changed_since_it_was_opened_is_not_read(prefix):
    reader = open_genotypes(prefix, "bed").reader
    path = prefix.with_suffix(".bed")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="no longer what it was"):
        reader.read(np.arange(3), np.arange(PEOPLE))


# ---- which variants --------------------------------------------------------------
def table_of(tmp_path, rows):
    path = tmp_path / "v.bim"
    path.write_text("".join(f"{row}\n" for row in rows))
    return read_variants(path)


def test_variants_that_cannot_be_tested_are_counted_by_reason(tmp_path):
    table = table_of(
        tmp_path,
        [
            "2\tb\t0\t700\tA\tG",
            "chr1\ta\t0\t900\tA\tG",
            "1\ttwice\t0\t900\tG\tA",
            "1\tother\t0\t900\tA\tT",
            "X\tx\t0\t500\tAT\tA",
            "0\tnowhere\t0\t5\tA\tG",
            "GL000\tcontig\t0\t5\tA\tG",
            "3\tno place\t0\t0\tA\tG".replace(" ", "_"),
            "3\thidden\t0\t-5\tA\tG",
            "4\tone\t0\t5\t0\tG",
            "4\tstar\t0\t6\t*\tG",
            "4\tmany\t0\t7\tA,C\tG",
            "26\tmt\t0\t8\tD\tI",
        ],
    )
    rows, notes = usable(table, build="GRCh37", name="v")
    assert table["id"].iloc[rows].tolist() == ["a", "other", "b", "x", "mt"]
    assert table["chrom"].iloc[rows].tolist() == [1, 1, 2, 23, 26]
    assert sum(n for reason, n in notes.items() if "chromosome without" not in reason) \
        == len(table) - len(rows)  # fmt: skip
    assert notes["chromosome without any variant: 3–22"] == 20
    assert notes["variant with the position and alleles of one before it"] == 1
    assert notes["variant without a position"] == 2


def test_positions_of_the_other_build_are_refused(tmp_path):
    beyond = table_of(tmp_path, ["17\ta\t0\t500\tA\tG", "17\tb\t0\t83200000\tA\tG"])
    with pytest.raises(InputError, match="1 of 2 variants lie beyond") as caught:
        usable(beyond, build="GRCh37", name="v")
    assert "GRCh38" in caught.value.hint
    nowhere = table_of(tmp_path, ["17\ta\t0\t5\tA\tG", "17\tb\t0\t93200000\tA\tG"])
    with pytest.raises(InputError, match="at 93200000") as caught:
        usable(nowhere, build="GRCh37", name="v")
    assert "neither" in caught.value.hint
    rows, _ = usable(
        table_of(tmp_path, ["17\ta\t0\t83200000\tA\tG"]), build="GRCh38", name="v"
    )
    assert len(rows) == 1
    known = ["22\trs738409\t0\t43928847\tG\tC", "1\ta\t0\t500\tA\tG"]
    with pytest.raises(InputError, match="v is of GRCh38, not of GRCh37") as caught:
        usable(table_of(tmp_path, known), build="GRCh37", name="v")
    assert "GRCh38" in caught.value.hint
    mixed = [*known, "19\trs58542926\t0\t19379549\tT\tC"]
    with pytest.raises(InputError, match="mixes builds"):
        usable(table_of(tmp_path, mixed), build="GRCh37", name="v")


def test_no_usable_variant_is_refused(tmp_path):
    with pytest.raises(InputError, match="no usable variant"):
        usable(table_of(tmp_path, ["0\ta\t0\t5\tA\tG"]), build="GRCh37", name="v")


# ---- real files ------------------------------------------------------------------
@pytest.mark.data
def test_real_files_of_both_forms(data_dir):
    example = data_dir / "genetics/regenie-example/example"
    bed, pgen = open_genotypes(example, "bed"), open_genotypes(example, "pgen")
    some, people = np.arange(1000), np.arange(500)
    np.testing.assert_array_equal(bed.read(some, people), pgen.read(some, people))
    folder = data_dir / "genetics/1kg-phase3-chr21-start"
    real = open_genotypes(folder / "chr21_phase3_start", "pgen")  # .pvar.zst
    rows, notes = usable(real.variants, build="GRCh37", name="chr21")
    assert notes["variant whose alleles are not two known ones"] == 3
    counts = real.read(rows, np.arange(2504)).sum(axis=1)
    first = real.variants["id"].iloc[rows].tolist()
    assert counts[first.index("rs559462325")] == 1  # AC of the .pvar
    assert counts[first.index("rs181691356")] == 4


@pytest.mark.data
def test_real_positions_of_an_older_build_are_refused(data_dir):
    old = data_dir / "genetics/plink-real/HM3_thinned_autosomal_overlap"
    table = open_genotypes(old, "bed").variants
    with pytest.raises(InputError, match="58 of 14079 variants lie beyond the end"):
        usable(table, build="GRCh37", name="HM3")
