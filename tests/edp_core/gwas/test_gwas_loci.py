"""Loci: the vectorised rule beside a plain one, and what it must not depend on."""

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.gwas import ld as ld_tables
from edp_core.gwas.genome import LENGTHS, off_the_end
from edp_core.gwas.loci import GENOME_WIDE, find_loci, join


def plain(chrom, pos, log10p, threshold, r2=None):
    """The rule in loops: sets of rows, one a locus."""
    hits = [i for i in range(len(pos)) if log10p[i] > threshold]
    groups = []
    mhc = {i for i in hits if chrom[i] == 6 and 25e6 <= pos[i] <= 34e6}
    if mhc:
        groups.append(mhc)
    left = sorted(set(hits) - mhc, key=lambda i: (-log10p[i], chrom[i], pos[i], i))
    while left:
        lead = left[0]
        near = {
            i
            for i in left
            if chrom[i] == chrom[lead] and abs(pos[i] - pos[lead]) <= 500_000
        }
        if r2 is not None:
            known = {i for pair in r2 for i in pair}
            if lead in known:
                near = {
                    i
                    for i in near
                    if i == lead
                    or i not in known
                    or r2.get((lead, i), r2.get((i, lead), 0)) >= 0.1
                }
        groups.append(near)
        left = [i for i in left if i not in near]
    joined = r2 is None
    while joined:
        joined = False
        for a in groups:
            for b in groups:
                if a is b or {chrom[i] for i in a} != {chrom[i] for i in b}:
                    continue
                gap = max(
                    min(pos[i] for i in a) - max(pos[i] for i in b),
                    min(pos[i] for i in b) - max(pos[i] for i in a),
                )
                if gap < 250_000:
                    groups = [g for g in groups if g is not a and g is not b] + [a | b]
                    joined = True
                    break
            if joined:
                break
    return groups


def summary(groups, chrom, pos, log10p):
    rows = []
    for group in groups:
        lead = min(group, key=lambda i: (-log10p[i], pos[i], i))
        start, end = min(pos[i] for i in group), max(pos[i] for i in group)
        rows.append(
            (chrom[lead], start, end, lead, pos[lead], log10p[lead], len(group))
        )
    return sorted(rows, key=lambda row: (row[0], row[1], row[4]))


def genome(seed, count, reach=4_000_000):
    rng = np.random.default_rng(seed)
    chrom = rng.choice([1, 6, 23], count)
    pos = rng.integers(1, reach, count) + np.where(chrom == 6, 23_000_000, 0)
    log10p = np.round(rng.exponential(5, count), int(rng.integers(0, 6)))
    log10p[rng.random(count) < 0.05] = np.nan
    order = np.lexsort((pos, chrom))
    return chrom[order].astype(np.int8), pos[order].astype(np.int32), log10p[order]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 70),
    st.sampled_from([400_000, 4_000_000, 20_000_000]),
)
def test_loci_are_those_of_the_plain_rule(seed, count, reach):
    chrom, pos, log10p = genome(seed, count, reach)
    found = find_loci(chrom, pos, log10p)
    expected = summary(plain(chrom, pos, log10p, GENOME_WIDE), chrom, pos, log10p)
    assert list(found.drop(columns="locus").itertuples(index=False, name=None)) == (
        expected
    )
    assert found["locus"].tolist() == list(range(len(expected)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 50))
def test_loci_with_ld_are_those_of_the_plain_rule(seed, count):
    chrom, pos, log10p = genome(seed, count, 1_500_000)
    rng = np.random.default_rng(seed)
    a, b = np.triu_indices(count, 1)
    use = rng.random(len(a)) < 0.2
    r2 = dict(zip(zip(a[use].tolist(), b[use].tolist(), strict=True),
                  rng.random(use.sum()) ** 3, strict=True))  # fmt: skip
    names = np.array([f"rs{i}" for i in range(count)])
    table = pd.DataFrame(
        [(names[i], names[j], r) for (i, j), r in r2.items()], columns=["a", "b", "r2"]
    )
    found = find_loci(chrom, pos, log10p, ld=table, ids=names)
    expected = summary(plain(chrom, pos, log10p, GENOME_WIDE, r2), chrom, pos, log10p)
    assert sorted(found.drop(columns="locus").itertuples(index=False, name=None)) == (
        sorted(expected)
    )


def test_loci_do_not_depend_on_the_order_of_the_variants():
    chrom, pos, log10p = genome(3, 500)
    pos = np.sort(np.random.default_rng(0).choice(4_000_000, 500, replace=False))
    order = np.random.default_rng(1).permutation(500)
    left = find_loci(chrom, pos, log10p)
    right = find_loci(chrom[order], pos[order], log10p[order])
    assert order[right["lead"]].tolist() == left["lead"].tolist()
    same = ["chrom", "start", "end", "log10p", "n_variants"]
    pd.testing.assert_frame_equal(left[same], right[same])


def test_edges_of_the_rule():
    def loci(pos, log10p, chrom=1):
        return find_loci(np.full(len(pos), chrom), pos, log10p)

    # the window's end belongs to it, and from 250 kb on two stay two
    assert len(loci([1, 500_001], [9.0, 8.0])) == 1
    assert len(loci([1, 500_002], [9.0, 8.0])) == 2
    # a chain: cut by the window, joined since the edges are near
    chain = np.arange(1, 3_000_001, 200_000)
    assert loci(chain, np.full(len(chain), 8.0))["n_variants"].tolist() == [len(chain)]
    ends = loci([1, 400_001, 650_000, 1_100_000], [20.0, 8.0, 8.0, 10.0])
    assert ends["start"].tolist() == [1]
    # equal p: the first by position leads; p of just 5e-8 is not below it
    assert loci([5, 9], [9.0, 9.0])["lead_pos"].tolist() == [5]
    assert len(loci([5], [GENOME_WIDE])) == 0
    # the MHC is one, on chromosome 6 only
    far = [25_000_000, 29_000_000, 34_000_000]
    assert len(loci(far, [8.0, 9.0, 8.0], chrom=6)) == 1
    assert len(loci(far, [8.0, 9.0, 8.0], chrom=5)) == 3
    beside = [24_700_001, 25_000_000, 34_249_999, 34_500_000]
    assert len(loci([*beside, 34_000_000], [8.0] * 5, chrom=6)) == 2
    # one chromosome's end is not near the start of the next
    assert len(find_loci([1, 2], [249_000_000, 100], [9.0, 9.0])) == 2


def test_nothing_found_is_an_empty_table():
    found = find_loci([1, 2], [5, 6], [np.nan, 3.0])
    assert len(found) == 0
    assert found.dtypes["chrom"] == np.int8


def test_a_lead_has_the_smallest_p_of_its_locus_at_size():
    rng = np.random.default_rng(5)
    count = 200_000
    chrom = np.sort(rng.integers(1, 23, count)).astype(np.int8)
    pos = rng.integers(1, 100_000_000, count)
    log10p = rng.exponential(1 / np.log(10), count).astype(np.float32)
    strong = rng.integers(0, count, 40_000)
    log10p[strong] += 7
    found = find_loci(chrom, pos, log10p)
    assert found["n_variants"].sum() == (log10p > GENOME_WIDE).sum()
    for row in found.itertuples():
        here = (chrom == row.chrom) & (pos >= row.start) & (pos <= row.end)
        assert log10p[here].max() == pytest.approx(row.log10p)


def test_a_variant_of_unknown_ld_goes_by_distance():
    names, pos, log10p = ["x", "y", "z"], [1, 5, 400_000], [30.0, 20.0, 10.0]
    table = pd.DataFrame({"a": ["x"], "b": ["w"], "r2": [0.9]})

    def variants(ld):
        found = find_loci([1] * 3, pos, log10p, ld=ld, ids=names)
        return found["n_variants"].tolist()

    assert variants(table) == [3]
    table.loc[1] = ["z", "z", 1.0]  # known, and linked to nobody
    assert variants(table) == [2, 1]
    table.loc[2] = ["z", "x", 0.1]
    assert variants(table) == [3]


def test_wrong_arguments_are_named():
    with pytest.raises(InputError, match="differ in length"):
        find_loci([1, 1], [1, 2], [9.0])
    with pytest.raises(InputError, match="build 'hg19'"):
        find_loci([1], [1], [9.0], build="hg19")
    table = pd.DataFrame({"a": ["x"], "b": ["y"], "r2": [0.5]})
    with pytest.raises(InputError, match="no ids"):
        find_loci([1], [1], [9.0], ld=table)
    with pytest.raises(InputError, match="no column r2"):
        find_loci([1], [1], [9.0], ld=table[["a", "b"]], ids=["x"])


@pytest.mark.parametrize(
    "text",
    [
        "#CHROM_A\tPOS_A\tID_A\tCHROM_B\tPOS_B\tID_B\tUNPHASED_R2\n"
        "1\t5\trs1\t1\t9\trs2\t0.25\n",
        " CHR_A BP_A SNP_A CHR_B BP_B SNP_B R2 \n   1  5  rs1   1   9   rs2  0.25 \n",
        "a,b,r2\nrs1,rs2,0.25\n",
    ],
)
def test_ld_tables_of_plink_are_read(tmp_path, text):
    path = tmp_path / "x.vcor"
    path.write_text(text)
    found = ld_tables.read_ld(path)
    assert found.to_dict("list") == {"a": ["rs1"], "b": ["rs2"], "r2": [0.25]}
    packed = tmp_path / "x.ld.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    pd.testing.assert_frame_equal(ld_tables.read_ld(packed), found)
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(InputError, match="cannot be read as a table"):
        ld_tables.read_ld(packed)


def test_ld_tables_that_are_none_are_refused(tmp_path):
    path = tmp_path / "x.ld"
    with pytest.raises(InputError, match="no LD table"):
        ld_tables.read_ld(path)
    path.write_text("SNP_A SNP_B R\nrs1 rs2 0.3\n")
    with pytest.raises(InputError, match=r"no column UNPHASED_R2.*SNP_A, SNP_B, R"):
        ld_tables.read_ld(path)
    path.write_text("SNP_A SNP_B R2\nrs1 rs2 -0.3\nrs1 rs3 x\n")
    with pytest.raises(InputError, match="2 pairs whose r²"):
        ld_tables.read_ld(path)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=12),
       st.integers(0, 5))  # fmt: skip
def test_joined_intervals_are_components(spans, gap):
    start = np.array([a for a, _ in spans], np.int64)
    end = start + np.array([b for _, b in spans], np.int64)
    number = join(start, end, gap)
    for i in range(len(spans)):
        for j in range(len(spans)):
            apart = max(start[i] - end[j], start[j] - end[i])
            assert number[i] == number[j] or apart >= max(gap, 1)
    covered = {}
    for i, which in enumerate(number):
        covered.setdefault(which, []).append((start[i], end[i]))
    for parts in covered.values():
        reach = None
        for low, high in sorted(parts):
            assert reach is None or low - reach < max(gap, 1)
            reach = high if reach is None else max(reach, high)


def test_positions_off_the_chromosome_are_told():
    ends = [249_250_621, 249_250_622]
    wrong = off_the_end([1, 1, 1, 27, 0, 17], [1, *ends, 5, 5, 0], "GRCh37")
    assert wrong.tolist() == [False, False, True, True, True, True]
    assert off_the_end([17], [83_000_000], "GRCh37").all()
    assert not off_the_end([17], [83_000_000], "GRCh38").any()
    for build, lengths in LENGTHS.items():
        autosomes = sum(lengths[chrom] for chrom in range(1, 23))
        assert autosomes == {"GRCh37": 2_881_033_286, "GRCh38": 2_875_001_522}[build]
